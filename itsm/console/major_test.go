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
	step(page, page+"/resolve", nil, page, "Resolved.")
	step(review, review+"/done", nil, review, "finished by admin")
	if i := is(s.book, 5); i.Major.State != itsm.MajorReviewed {
		t.Errorf("after the review it is %q", i.Major.State)
	}
	step(page, page+"/reopen", nil, page, "This was a major incident.")
	if resp, _ := s.get("/incidents/INC0000001/review"); resp.StatusCode != http.StatusConflict {
		t.Errorf("the review of an ordinary incident: status %d, want 409", resp.StatusCode)
	}
}

// What two people write at once: the second is told, loses nothing, and takes nothing
// back that the first wrote.
func TestReviewWrittenByTwo(t *testing.T) {
	s := signedIn(t, fixedClock)
	const page, review = "/incidents/INC0000005", "/incidents/INC0000005/review"
	s.post(page+"/major/accept", url.Values{"text": {"it cannot wait"}})
	save := func(f, fill url.Values) (int, string) {
		t.Helper()
		for k, v := range fill {
			f[k] = v
		}
		resp, body := s.post(review, f)
		return resp.StatusCode, body
	}
	fresh := func() url.Values {
		_, body := s.get(review)
		return fieldsOf(t, body, review)
	}
	stored := func() itsm.Review {
		r, err := nounOf[itsm.Review](s.console, itsm.ObjectReview, "INC0000005")
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	if status, _ := save(fresh(), url.Values{"summary": {"The export hung."}, "causes": {"A lock."}, "actions": {"None."}}); status != http.StatusSeeOther {
		t.Fatalf("the first text: status %d, want 303", status)
	}
	mine, theirs := fresh(), fresh()
	if status, _ := save(theirs, url.Values{"summary": {"The export hung for an hour."}, "causes": {"A lock on the table."}, "actions": {"None."}}); status != http.StatusSeeOther {
		t.Fatalf("theirs: status %d, want 303", status)
	}
	// mine: the summary too, what they left alone, and not the causes
	status, body := save(mine, url.Values{"summary": {"No report left the house."}, "causes": {"A lock."}, "actions": {"Watch\r\nlocks."}})
	checkPage(t, s.base, body)
	said := text(parse(t, body))
	if status != http.StatusPreconditionFailed || !strings.Contains(said, "somebody changed the review while you wrote admin saved it last") {
		t.Errorf("mine: status %d, want 412 with who saved it last: %.600s", status, said)
	}
	for name, want := range map[string]string{"summary": "No report left the house.", "causes": "A lock on the table.", "actions": "Watch\nlocks."} {
		if !strings.Contains(body, `name="`+name+`"`) || !strings.Contains(body, ">"+want+"</textarea>") {
			t.Errorf("the field %s does not hold %q", name, want)
		}
	}
	if strings.Count(body, "<h3>Stored now</h3>") != 1 || !strings.Contains(said, "Stored now The export hung for an hour.") {
		t.Error("the text that both changed, and only that, has to stand beside mine")
	}
	if r := stored(); r.Summary != "The export hung for an hour." {
		t.Errorf("a refused text is stored: %q", r.Summary)
	}
	// from there saving stores mine and keeps theirs
	if status, _ := save(fieldsOf(t, body, review), url.Values{"summary": {"No report left the house for an hour."}, "causes": {"A lock on the table."}, "actions": {"Watch\nlocks."}}); status != http.StatusSeeOther {
		t.Fatalf("mine again: status %d, want 303", status)
	}
	if r := stored(); r.Summary != "No report left the house for an hour." || r.Causes != "A lock on the table." || r.Actions != "Watch\nlocks." {
		t.Errorf("stored: %+v", r)
	}
	// the button pressed twice is once; written on in a form that was sent is no repeat
	f := fresh()
	for _, twice := range []string{"first", "second"} {
		if status, _ := save(f, url.Values{"actions": {"Alert on locks."}}); status != http.StatusSeeOther {
			t.Errorf("pressed twice, the %s time: status %d, want 303", twice, status)
		}
	}
	if status, body := save(f, url.Values{"actions": {"Alert on long locks."}}); status != http.StatusPreconditionFailed || !strings.Contains(body, ">Alert on long locks.</textarea>") {
		t.Errorf("written on in a sent form: status %d, want 412 with the text", status)
	}
}

// Refused for another reason, the form goes on from what its writer saw: what somebody
// saved in between is still told then.
func TestReviewRefusedKeepsWhatWasSeen(t *testing.T) {
	i, r := itsm.Incident{Number: 1}, itsm.Review{Version: 4, Summary: "theirs", EditedBy: "console:ann"}
	p := viewReview(i, r, nil, inventory{}, access.Identity{}, fixedNow)
	p.refuse(url.Values{"version": {"3"}, "summary": {"mine"}, "base-summary": {digest("before")}}, itsm.Errorf(itsm.TooLarge, "summary: too long"))
	if got := p.Texts[0]; p.Version != 3 || got.Typed != "mine" || got.Base != digest("before") || got.Clash || p.Stale {
		t.Errorf("version %d, %+v", p.Version, got)
	}
	p = viewReview(i, r, nil, inventory{}, access.Identity{}, fixedNow)
	p.refuse(url.Values{"version": {"3"}, "summary": {"mine"}}, itsm.Errorf(itsm.Stale, "stale"))
	if got := p.Texts[0]; p.Version != 4 || got.Typed != "mine" || !got.Clash || got.Base != digest("theirs") {
		t.Errorf("of a form without digests: version %d, %+v", p.Version, got)
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
