package console

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"signalbox/itsm"
	"signalbox/itsm/access"
)

// A major incident from its proposal to the end of its review, with the forms of the pages.
func TestMajorIncident(t *testing.T) {
	s := signedIn(t, fixedClock)
	const page = "/incidents/INC0000005"
	step := func(from, action string, fill url.Values, lands, says string) {
		t.Helper()
		_, body := s.get(from)
		f := fieldsOf(t, body, action)
		for k, v := range fill {
			f[k] = v
		}
		resp, answer := s.post(action, f)
		if resp.StatusCode != http.StatusSeeOther || resp.Header.Get("Location") != lands {
			t.Fatalf("%s: status %d to %q, want 303 to %s: %.300s", action, resp.StatusCode, resp.Header.Get("Location"), lands, text(parse(t, answer)))
		}
		_, body = s.get(lands)
		checkPage(t, s.base, body)
		if said := text(parse(t, body)); !strings.Contains(said, says) {
			t.Errorf("after %s the page lacks %q", action, says)
		}
	}
	if _, body := s.get("/?major=proposed"); !strings.Contains(body, "INC0000005") || strings.Contains(body, "INC0000002") {
		t.Error("the list of proposed major incidents has others, or not this one")
	}
	step(page, page+"/major/reject", url.Values{"text": {"it can wait"}}, page, "It is no major incident.")
	step(page, page+"/major/accept", url.Values{"text": {"it cannot"}}, page, "Major incident. it cannot admin, just now Only people end it. Review")
	review := page + "/review"
	step(review, review, url.Values{"summary": {"The export hung."}, "causes": {"A lock.\r\nOn the table."}}, review, "The export hung.")
	if _, body := s.get(review); strings.Contains(body, "A draft from what is recorded") || !strings.Contains(text(parse(t, body)), "It can be finished once the incident is resolved.") {
		t.Error("a saved review is shown as a draft, or can be finished while the incident is open")
	}
	_, stale := s.get(review)
	step(page, page+"/resolve", nil, page, "Resolved.")
	step(review, review, url.Values{"summary": {"The export hung for an hour."}}, review, "Review saved.")
	f := fieldsOf(t, stale, review)
	f.Set("summary", "mine")
	if resp, body := s.post(review, f); resp.StatusCode != http.StatusPreconditionFailed || !strings.Contains(body, ">mine</textarea>") || !strings.Contains(body, "hung for an hour.</p>") {
		t.Errorf("a stale review: status %d, want 412 with both texts", resp.StatusCode)
	}
	step(review, review+"/done", nil, review, "finished by admin")
	if i := is(s.book, 5); i.Major.State != itsm.MajorReviewed {
		t.Errorf("after the review it is %q", i.Major.State)
	}
	step(page, page+"/reopen", nil, page, "This was a major incident.")
	if resp, _ := s.get("/incidents/INC0000001/review"); resp.StatusCode != http.StatusConflict {
		t.Errorf("the review of an ordinary incident: status %d, want 409", resp.StatusCode)
	}
}

// Who may decide is offered it, and nobody else.
func TestMajorIsDecidedByManagers(t *testing.T) {
	for _, c := range []struct {
		role  access.Role
		state itsm.MajorState
		want  string
	}{
		{access.Viewer, "", ""}, {access.Viewer, itsm.MajorProposed, ""},
		{access.Responder, "", "propose"}, {access.Responder, itsm.MajorProposed, ""}, {access.Responder, itsm.MajorAccepted, ""}, {access.Responder, itsm.MajorDemoted, "propose"},
		{access.ProblemManager, "", "propose accept"}, {access.ProblemManager, itsm.MajorProposed, "accept reject"}, {access.ProblemManager, itsm.MajorAccepted, "demote"}, {access.ProblemManager, itsm.MajorReviewed, ""},
	} {
		i := itsm.Incident{Number: 1, State: itsm.New, Major: itsm.MajorIncident{State: c.state}}
		v := viewMajor(i, inventory{}, access.Identity{Role: c.role}, fixedNow)
		var got []string
		for _, o := range []struct {
			name string
			on   bool
		}{{"propose", v.Propose}, {"accept", v.Accept}, {"reject", v.Reject}, {"demote", v.Demote}} {
			if o.on {
				got = append(got, o.name)
			}
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("role %s, %q: offered %q, want %q", c.role, c.state, got, c.want)
		}
		i.State = itsm.Closed
		if v := viewMajor(i, inventory{}, access.Identity{Role: c.role}, fixedNow); v.Propose || v.Accept || v.Reject || v.Demote {
			t.Errorf("role %s, %q: something is offered of what is closed", c.role, c.state)
		}
	}
}

// A long timeline is cut on the page, and the page says so.
func TestReviewLines(t *testing.T) {
	lines := make([]itsm.TimelineEntry, reviewLinesMax+3)
	for k := range lines {
		lines[k] = itsm.TimelineEntry{At: itsm.TimeOf(fixedNow.Add(time.Duration(k) * time.Second)), Kind: "note", Text: "x"}
	}
	p := viewReview(itsm.Incident{Number: 1}, itsm.Review{}, lines, inventory{}, access.Identity{}, fixedNow)
	if len(p.Lines) != reviewLinesMax || p.More != "3 older entries are in the exported document." {
		t.Errorf("%d lines, %q", len(p.Lines), p.More)
	}
}
