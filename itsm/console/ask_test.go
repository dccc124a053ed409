package console

import (
	"net/http"
	"strings"
	"testing"
)

// TestLinksAsk: a link in a message changes nothing; the page it opens asks, and one
// tap answers. What is done already is said.
func TestLinksAsk(t *testing.T) {
	s := signedIn(t, fixedClock)
	const page = "/incidents/INC0000004"
	_, before := s.get(page)
	resp, body := s.get(page + "/ask/acknowledge")
	if resp.StatusCode != http.StatusOK || !strings.Contains(body, "Acknowledge INC0000004?") {
		t.Fatalf("status %d:\n%s", resp.StatusCode, body)
	}
	if _, after := s.get(page); strings.Contains(before, page+"/acknowledge\"") != strings.Contains(after, page+"/acknowledge\"") {
		t.Error("looking at the page changed the incident")
	}
	if resp, _ := s.post(page+"/acknowledge", fieldsOf(t, body, page+"/acknowledge")); resp.StatusCode != http.StatusSeeOther || resp.Header.Get("Location") != page {
		t.Fatalf("the tap: status %d to %q", resp.StatusCode, resp.Header.Get("Location"))
	}
	if _, body = s.get(page + "/ask/acknowledge"); !strings.Contains(body, "It is acknowledged by admin already.") || strings.Contains(body, page+"/acknowledge\"") {
		t.Errorf("asked again:\n%s", body)
	}
	if _, body = s.get(page + "/ask/resolve"); !strings.Contains(body, "Resolve INC0000004?") {
		t.Errorf("resolve:\n%s", body)
	}
	if resp, _ := s.post(page+"/resolve", fieldsOf(t, body, page+"/resolve")); resp.StatusCode != http.StatusSeeOther {
		t.Fatalf("the tap to resolve: status %d", resp.StatusCode)
	}
	if _, body = s.get(page + "/ask/resolve"); !strings.Contains(body, "It is resolved; there is nothing to resolve.") {
		t.Errorf("resolve again:\n%s", body)
	}
	for _, address := range []string{page + "/ask/cancel", page + "/ask/", "/incidents/INC9999999/ask/resolve"} {
		if resp, _ := s.get(address); resp.StatusCode != http.StatusNotFound {
			t.Errorf("%s: status %d, want 404", address, resp.StatusCode)
		}
	}
}
