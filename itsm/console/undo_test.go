package console

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"signalbox/itsm"
)

// A merge and a split are taken back with one click, right after and from the timeline.
func TestUndo(t *testing.T) {
	s := signedIn(t, fixedClock)
	const page, merged = "/incidents/INC0000004", "/incidents/INC0000006/undo"
	_, body := s.get(page)
	resp, _ := s.post(merged, fieldsOf(t, body, merged)) // of the timeline
	if resp.StatusCode != http.StatusSeeOther || resp.Header.Get("Location") != page || is(s.book, 6).MergedInto != 0 {
		t.Errorf("undo from the timeline: status %d to %q, %+v", resp.StatusCode, resp.Header.Get("Location"), is(s.book, 6))
	}
	if _, body = s.get(page); !strings.Contains(text(parse(t, body)), "Undone: everything of INC0000006 is where it was.") || strings.Contains(body, merged) {
		t.Error("the page does not say so, or offers it again")
	}
	f := fieldsOf(t, body, "/incidents/INC0000005/merge")
	s.post("/incidents/INC0000005/merge", f)
	_, body = s.get(page)
	checkPage(t, s.base, body)
	if resp, _ = s.post("/incidents/INC0000005/undo", fieldsOf(t, body, "/incidents/INC0000005/undo")); resp.Header.Get("Location") != page || is(s.book, 5).MergedInto != 0 {
		t.Errorf("undo right after a merge: %d to %q", resp.StatusCode, resp.Header.Get("Location"))
	}
	_, body = s.get(page)
	f = fieldsOf(t, body, page+"/split")
	f["alert"] = []string{"ALR0000010"}
	resp, _ = s.post(page+"/split", f)
	split := resp.Header.Get("Location")
	_, body = s.get(split)
	if resp, _ = s.post(split+"/undo", fieldsOf(t, body, split+"/undo")); resp.Header.Get("Location") != page {
		t.Errorf("undo right after a split: %d to %q, want to where it went", resp.StatusCode, resp.Header.Get("Location"))
	}
	if resp, body = s.post("/incidents/INC0000002/undo", url.Values{}); resp.StatusCode != http.StatusConflict || !strings.Contains(body, "there is nothing to undo") {
		t.Errorf("undo of nothing: status %d, want 409 and why", resp.StatusCode)
	}
}

// What can not be taken back now is not offered.
func TestUndoIsOfferedWhileItCanBe(t *testing.T) {
	s := signedIn(t, fixedClock)
	s.act(itsm.Act{Kind: itsm.ActResolve, Incident: 4, CloseCode: "fixed"})
	for _, p := range []string{"/incidents/INC0000004", "/incidents/INC0000006"} {
		if _, body := s.get(p); strings.Contains(body, "/undo") {
			t.Errorf("%s offers to undo a merge into what is resolved", p)
		}
	}
}
