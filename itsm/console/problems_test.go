package console

import (
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// TestProblemForms: a problem manager's forms, each sent as the page gives it.
func TestProblemForms(t *testing.T) {
	t.Parallel()
	s := signedIn(t, fixedClock)
	_, board := s.get("/problems")
	if !strings.Contains(board, "/problems/PRB0000001") {
		t.Fatal("the board lacks the candidate PRB0000001")
	}
	const page = "/problems/PRB0000001"
	for _, step := range []struct {
		deed   string
		fields url.Values
		status int
		want   []string // on the page then
	}{
		{"dismiss", url.Values{"reason": {" "}}, http.StatusBadRequest, []string{"expected why this is no problem"}},
		{"accept", url.Values{"owner": {"Zoë"}, "team": {"Payments"}}, http.StatusSeeOther, []string{"Accepted.", "Zoë", "Payments"}},
		{"known-error", nil, http.StatusConflict, []string{"has no root cause yet"}},
		{"root-cause", url.Values{"text": {"The job holds\r\ntwo locks"}}, http.StatusSeeOther, []string{"Root cause saved.", "two locks"}},
		{"known-error", nil, http.StatusSeeOther, []string{"It is no known error any more"}},
		{"workaround", url.Values{"text": {"restart the job"}}, http.StatusSeeOther, []string{"Workaround saved.", "restart the job"}},
		{"communicate", nil, http.StatusSeeOther, []string{"Posted to every linked open incident."}},
		{"assign", url.Values{"owner": {"mika"}, "team": {"DBA"}}, http.StatusSeeOther, []string{"Assigned.", "mika"}},
		{"notes", url.Values{"text": {"asked the vendor"}}, http.StatusSeeOther, []string{"Note added.", "asked the vendor"}},
		{"state", url.Values{"state": {"resolved"}}, http.StatusConflict, []string{"cannot become resolved"}},
		{"state", url.Values{"state": {"risk_accepted"}}, http.StatusBadRequest, []string{"expected why the risk is accepted"}},
		{"state", url.Values{"state": {"root_cause_analysis"}}, http.StatusSeeOther, []string{"Moved."}},
		{"state", url.Values{"state": {"fix_in_progress"}}, http.StatusSeeOther, []string{"Moved."}},
		{"link", url.Values{"ids": {"CHG0000001 INC0999999"}}, http.StatusBadRequest, []string{"there is no incident"}},
		{"link", url.Values{"ids": {"chg0000009"}}, http.StatusSeeOther, []string{"Linked.", "CHG0000009"}},
		{"unlink", url.Values{"ids": {"CHG0000009"}}, http.StatusSeeOther, []string{"Taken out."}},
		{"state", url.Values{"state": {"resolved"}}, http.StatusSeeOther, []string{"Moved.", "effective when none comes"}},
	} {
		_, body := s.get(page)
		f := fieldsOf(t, body, page+"/"+step.deed)
		for k, v := range step.fields {
			f[k] = v
		}
		resp, answer := s.post(page+"/"+step.deed, f)
		if resp.StatusCode != step.status {
			t.Fatalf("%s %v: status %d, want %d: %s", step.deed, step.fields, resp.StatusCode, step.status, text(parse(t, answer)))
		}
		if resp.StatusCode == http.StatusSeeOther {
			_, answer = s.get(resp.Header.Get("Location"))
		}
		for _, want := range step.want {
			if got := text(parse(t, answer)); !strings.Contains(got, want) {
				t.Errorf("after %s %v the page lacks %q", step.deed, step.fields, want)
			}
		}
	}
}

// TestProblemFormsOld: a form of a page that somebody overtook changes nothing, and one
// sent twice is done once.
func TestProblemFormsOld(t *testing.T) {
	t.Parallel()
	s := signedIn(t, fixedClock)
	const page = "/problems/PRB0000001"
	_, body := s.get(page)
	f := fieldsOf(t, body, page+"/dismiss")
	if resp, _ := s.post(page+"/accept", fieldsOf(t, body, page+"/accept")); resp.StatusCode != http.StatusSeeOther {
		t.Fatalf("accept: status %d", resp.StatusCode)
	}
	f.Set("reason", "too late")
	resp, answer := s.post(page+"/dismiss", f)
	if resp.StatusCode < 400 || !strings.Contains(text(parse(t, answer)), "somebody changed it") {
		t.Errorf("an old page dismissed: status %d", resp.StatusCode)
	}
	_, body = s.get(page)
	f = fieldsOf(t, body, page+"/notes")
	f.Set("text", "said only once")
	for range 2 {
		s.post(page+"/notes", f)
	}
	if _, body = s.get(page); strings.Count(text(parse(t, body)), "said only once") != 1 {
		t.Errorf("a note sent twice is there %d times", strings.Count(text(parse(t, body)), "said only once"))
	}
}

// TestProblemHostile: what people and rules write on a problem stays text on every
// page that shows it.
func TestProblemHostile(t *testing.T) {
	t.Parallel()
	s := signedIn(t, fixedClock)
	const page = "/problems/PRB0000001"
	harmless := map[string]bool{}
	for k, hostile := range append([]string{"calm words"}, hostileTexts...) {
		short := hostile[:min(len(hostile), 200)]
		for _, step := range []struct {
			deed   string
			fields url.Values
		}{
			{"accept", nil},
			{"root-cause", url.Values{"text": {hostile[:min(len(hostile), 8<<10)]}}},
			{"workaround", url.Values{"text": {hostile[:min(len(hostile), 8<<10)]}}},
			{"assign", url.Values{"owner": {short}, "team": {short}}},
			{"notes", url.Values{"text": {hostile[:min(len(hostile), 8<<10)]}}},
		} {
			if step.deed == "accept" && k > 0 {
				continue
			}
			_, body := s.get(page)
			f := fieldsOf(t, body, page+"/"+step.deed)
			for k, v := range step.fields {
				f[k] = v
			}
			if resp, _ := s.post(page+"/"+step.deed, f); resp.StatusCode >= http.StatusInternalServerError {
				t.Fatalf("%s %q: status %d", step.deed, short, resp.StatusCode)
			}
		}
		for _, path := range []string{"/problems", "/problems?by=team", "/problems?by=service", page} {
			resp, body := s.get(path)
			if resp.StatusCode != http.StatusOK {
				t.Fatalf("%s: status %d", path, resp.StatusCode)
			}
			if k == 0 {
				maps.Copy(harmless, vocabulary(t, body))
			}
			checkHostile(t, path, body, harmless)
		}
	}
}
