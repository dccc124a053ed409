package console

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"signalbox/itsm"
)

// fieldsOf reads the form of a page that posts to action.
func fieldsOf(t *testing.T, body, action string) url.Values {
	t.Helper()
	var v url.Values
	each(parse(t, body), func(n *html.Node) {
		if n.Data != "form" || attr(n, "action") != action || v != nil {
			return
		}
		v = url.Values{}
		each(n, func(f *html.Node) {
			if f.Data == "input" && attr(f, "type") != "checkbox" {
				v.Add(attr(f, "name"), attr(f, "value"))
			}
		})
	})
	if v == nil {
		t.Fatalf("no form posts to %s", action)
	}
	return v
}

// One tap acknowledges, even though the incident changed since the page was made.
func TestAcknowledge(t *testing.T) {
	s := signedIn(t, fixedClock)
	const page = "/incidents/INC0000004"
	_, body := s.get(page)
	f := fieldsOf(t, body, page+"/acknowledge")
	if resp, _ := s.post(page+"/notes", url.Values{"text": {"something happens in between"}}); resp.StatusCode != http.StatusSeeOther {
		t.Fatalf("note: status %d", resp.StatusCode)
	}
	resp, _ := s.post(page+"/acknowledge", f)
	if resp.StatusCode != http.StatusSeeOther || resp.Header.Get("Location") != page {
		t.Fatalf("status %d to %q, want 303 to %s", resp.StatusCode, resp.Header.Get("Location"), page)
	}
	_, body = s.get(page)
	for _, want := range []string{"Acknowledged. The others can see that you are on it.", "acknowledged by admin", "In progress"} {
		if !strings.Contains(text(parse(t, body)), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(body, page+"/acknowledge\"") {
		t.Error("the page still offers to acknowledge")
	}
	if _, body = s.get(page); strings.Contains(body, `class="flash"`) {
		t.Error("the message is shown twice")
	}
	if resp, _ := s.post(page+"/acknowledge", f); resp.StatusCode != http.StatusSeeOther {
		t.Errorf("a second tap: status %d, want 303", resp.StatusCode)
	}
	if _, body = s.get(page); !strings.Contains(body, "It was already so") {
		t.Error("a second tap is not told that nothing changed")
	}
	if i, err := s.book.Incident(4); err != nil || i.AcknowledgedBy != "console:admin" {
		t.Errorf("acknowledged by %q, %v; want console:admin", i.AcknowledgedBy, err)
	}
}

// A stale edit is refused with what changed in between, keeps what was typed and
// can be done anyway.
func TestStaleEdit(t *testing.T) {
	s := signedIn(t, fixedClock)
	const page = "/incidents/INC0000002"
	_, body := s.get(page)
	f := fieldsOf(t, body, page+"/resolve")
	f.Set("close_code", "workaround")
	f.Set("text", "new certificate\ninstalled")
	if _, err := s.book.Do(t.Context(), itsm.Act{Kind: itsm.ActNote, Incident: 2, Actor: "api:jonas", Text: "Not yet: the intermediate is missing."}); err != nil {
		t.Fatal(err)
	}
	resp, body := s.post(page+"/resolve", f)
	if resp.StatusCode != http.StatusPreconditionFailed {
		t.Fatalf("status %d, want 412", resp.StatusCode)
	}
	said := text(parse(t, body))
	for _, want := range []string{"Resolve was not done.", "Not yet: the intermediate is missing.", "jonas", "Resolve anyway"} {
		if !strings.Contains(said, want) {
			t.Errorf("the refusal lacks %q", want)
		}
	}
	before, _, _ := strings.Cut(said, "Leave it as it is")
	if strings.Contains(before, "Ordered. The CA answers") {
		t.Error("the refusal lists what the person had already seen")
	}
	again := fieldsOf(t, body, page+"/resolve")
	if again.Get("text") != f.Get("text") || again.Get("close_code") != "workaround" || again.Get("version") == f.Get("version") {
		t.Errorf("the form to do it anyway holds %v", again)
	}
	if resp, _ = s.post(page+"/resolve", again); resp.StatusCode != http.StatusSeeOther {
		t.Fatalf("anyway: status %d, want 303", resp.StatusCode)
	}
	if i, err := s.book.Incident(2); err != nil || i.State != itsm.IncidentResolved || i.CloseCode != "workaround" {
		t.Errorf("after doing it anyway: %s %s, %v", i.State, i.CloseCode, err)
	}
}

func TestRefusedEdit(t *testing.T) {
	s := signedIn(t, fixedClock)
	resp, body := s.post("/incidents/INC0000006/reopen", url.Values{"version": {"3"}})
	if resp.StatusCode != http.StatusConflict || !strings.Contains(body, "Reopen was not done.") {
		t.Errorf("reopen what was merged: status %d, want 409 and why", resp.StatusCode)
	}
	resp, body = s.post("/incidents/INC0000004/merge", url.Values{"version": {"41"}, "into": {"INC000000x"}})
	if resp.StatusCode != http.StatusBadRequest {
		t.Errorf("merge into nonsense: status %d, want 400", resp.StatusCode)
	}
	if !strings.Contains(body, "INC000000x") {
		t.Error("the answer does not name what was wrong")
	}
	resp, body = s.post("/incidents/INC0000004/split", url.Values{"version": {"41"}})
	if resp.StatusCode != http.StatusBadRequest || !strings.Contains(body, "tick the alerts") {
		t.Errorf("split nothing: status %d, want 400 and what to do", resp.StatusCode)
	}
	if resp, _ = s.post("/incidents/INC9999999/acknowledge", nil); resp.StatusCode != http.StatusNotFound {
		t.Errorf("no such incident: status %d, want 404", resp.StatusCode)
	}
}

// Every other act works from the form of the page it is on.
func TestActsFromTheirForms(t *testing.T) {
	for _, c := range []struct {
		name, page, deed string
		fill             url.Values
		want             func(itsm.Incident) bool
		lands            string
	}{
		{"assign", "INC0000005", "assign", url.Values{"assignee": {"mira"}, "group": {"Batch"}}, func(i itsm.Incident) bool { return i.Assignee == "mira" && i.Group == "Batch" }, ""},
		{"priority", "INC0000005", "priority", url.Values{"priority": {"P4"}}, func(i itsm.Incident) bool { return i.Priority == itsm.P4 && i.PriorityBy == "console:admin" }, ""},
		{"hold", "INC0000005", "hold", url.Values{"reason": {"change"}}, func(i itsm.Incident) bool { return i.State == itsm.OnHold }, ""},
		{"resume", "INC0000003", "resume", nil, func(i itsm.Incident) bool { return i.State == itsm.InProgress }, ""},
		{"take back", "INC0000002", "unacknowledge", nil, func(i itsm.Incident) bool { return i.AcknowledgedAt == 0 }, ""},
		{"reopen", "INC0000007", "reopen", nil, func(i itsm.Incident) bool { return i.State == itsm.InProgress && i.Epoch == 2 }, ""},
		{"cancel", "INC0000005", "cancel", url.Values{"text": {"a test"}}, func(i itsm.Incident) bool { return i.State == itsm.Cancelled }, ""},
		{"merge", "INC0000005", "merge", url.Values{"into": {"INC0000004"}}, func(i itsm.Incident) bool { return i.MergedInto == 4 }, "/incidents/INC0000004"},
		{"split", "INC0000004", "split", url.Values{"alert": {"ALR0000010", "ALR0000011"}}, func(i itsm.Incident) bool { return i.AlertCount == 38 }, "/incidents/INC0000008"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := signedIn(t, fixedClock)
			page := "/incidents/" + c.page
			_, body := s.get(page)
			f := fieldsOf(t, body, page+"/"+c.deed)
			for k, v := range c.fill {
				f[k] = v
			}
			resp, _ := s.post(page+"/"+c.deed, f)
			lands := c.lands
			if lands == "" {
				lands = page
			}
			if resp.StatusCode != http.StatusSeeOther || resp.Header.Get("Location") != lands {
				t.Fatalf("status %d to %q, want 303 to %s", resp.StatusCode, resp.Header.Get("Location"), lands)
			}
			n, err := itsm.ParseIncidentNumber(c.page)
			if err != nil {
				t.Fatal(err)
			}
			if i, err := s.book.Incident(n); err != nil || !c.want(i) {
				t.Errorf("%s is %+v, %v", c.page, i, err)
			}
			if _, body = s.get(lands); !strings.Contains(body, `class="flash"`) {
				t.Error("no message on the page it leads to")
			}
		})
	}
}

// One click merges a related incident into the one being read.
func TestMergeRelated(t *testing.T) {
	s := signedIn(t, fixedClock)
	_, body := s.get("/incidents/INC0000004")
	f := fieldsOf(t, body, "/incidents/INC0000005/merge")
	resp, _ := s.post("/incidents/INC0000005/merge", f)
	if got := resp.Header.Get("Location"); got != "/incidents/INC0000004" {
		t.Errorf("leads to %q, want back to INC0000004", got)
	}
	_, body = s.get("/incidents/INC0000004")
	if said := text(parse(t, body)); !strings.Contains(said, "INC0000005 was merged into this incident. Undo") {
		t.Error("the page does not say what was merged and how to undo it")
	}
	if _, body = s.get("/incidents/INC0000005"); strings.Contains(body, `/merge"`) {
		t.Error("a merged incident still offers a merge")
	}
}

// One click keeps two incidents apart that were proposed to be one.
func TestNotRelated(t *testing.T) {
	s := signedIn(t, fixedClock)
	_, body := s.get("/incidents/INC0000004")
	f := fieldsOf(t, body, "/incidents/INC0000004/unrelated")
	resp, _ := s.post("/incidents/INC0000004/unrelated", f)
	if got := resp.Header.Get("Location"); got != "/incidents/INC0000004" {
		t.Errorf("leads to %q, want back to INC0000004", got)
	}
	_, body = s.get("/incidents/INC0000004")
	if said := text(parse(t, body)); !strings.Contains(said, "They are kept apart") || strings.Contains(body, `/unrelated"`) {
		t.Error("the page does not say so, or still proposes it")
	}
}

// From the small one's page the merge goes the same way: into the larger.
func TestMergeIntoTheLarger(t *testing.T) {
	s := signedIn(t, fixedClock)
	_, body := s.get("/incidents/INC0000005")
	if !strings.Contains(body, "Merge this into INC0000004") {
		t.Error("the small incident does not offer to go into the larger")
	}
	n := func(n itsm.IncidentNumber) itsm.Incident { return itsm.Incident{Number: n, AlertCount: 1} }
	if a, b := viewMerge(n(3), n(7)), viewMerge(n(7), n(3)); a.Into != "INC0000003" || b.Into != "INC0000003" {
		t.Errorf("of equals the merge goes into %s and %s, want the older", a.Into, b.Into)
	}
}

// A planted cookie cannot put words on the page.
func TestFlashHoldsNoText(t *testing.T) {
	for _, value := range []string{"Your session expired, call 555.INC0000001", "merge.<b>x</b>", "merge.INC0000001<script>", ".", "x"} {
		s := signedIn(t, fixedClock)
		req, err := http.NewRequest(http.MethodGet, s.base+"/", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Cookie", flashCookie+"="+value)
		_, body := s.do(req)
		if strings.Contains(body, "555") || strings.Contains(body, "<b>x") || strings.Contains(body, "<script>") {
			t.Errorf("the cookie %q reaches the page", value)
		}
	}
}

func TestQuarantineRetry(t *testing.T) {
	s := signedIn(t, fixedClock)
	resp, body := s.post("/quarantine/5f0c77a1be22d940/retry", nil)
	if resp.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(body, "Still not readable.") {
		t.Errorf("status %d, want 422 and why", resp.StatusCode)
	}
	if resp, _ := s.post("/quarantine/none/retry", nil); resp.StatusCode != http.StatusNotFound {
		t.Errorf("retry of nothing: status %d, want 404", resp.StatusCode)
	}
}
