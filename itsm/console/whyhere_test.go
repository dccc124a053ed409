package console

import (
	"net/http"
	"strings"
	"testing"
)

// The page says which rules spoke and why a neighbour was not joined, compares with
// the incident that was asked for, and names what cannot be compared.
func TestWhyHere(t *testing.T) {
	s := signedIn(t, fixedClock)
	for path, want := range map[string][]string{
		"/alerts/ALR0000010/why":                    {"What would be decided now", "Not joined", "INC0000003", "shop-namespace", "matched"},
		"/alerts/ALR0000010/why?beside=inc0000007 ": {"INC0000007", "takes new alerts for 5 min"},
		"/alerts/ALR0000045/why":                    {"Little is left of it", "forgotten"},
		"/incidents/INC0000004/why":                 {"Led by", "Incidents near it"},
	} {
		resp, body := s.get(strings.ReplaceAll(path, " ", "%20"))
		if resp.StatusCode != http.StatusOK {
			t.Fatalf("%s: status %d", path, resp.StatusCode)
		}
		said := text(parse(t, body))
		for _, w := range want {
			if !strings.Contains(said, w) {
				t.Errorf("%s lacks %q", path, w)
			}
		}
	}
	for path, want := range map[string]int{
		"/alerts/ALR0000010/why?beside=banana": http.StatusNotFound, "/alerts/ALR0000010/why?beside=INC0000999": http.StatusNotFound,
		"/alerts/ALR0009999/why": http.StatusNotFound, "/incidents/INC0000999/why": http.StatusNotFound, "/alerts/x/why": http.StatusNotFound,
	} {
		if resp, body := s.get(path); resp.StatusCode != want {
			t.Errorf("%s: status %d, want %d", path, resp.StatusCode, want)
		} else if strings.Contains(path, "beside") && !strings.Contains(text(parse(t, body)), "expected the number of an incident") {
			t.Errorf("%s does not say what was expected", path)
		}
	}
	if _, body := s.get("/alerts/ALR0000010"); !strings.Contains(body, `href="/alerts/ALR0000010/why"`) {
		t.Error("the alert's page does not lead there")
	}
	if _, body := s.get("/incidents/INC0000004"); !strings.Contains(body, `href="/incidents/INC0000004/why"`) {
		t.Error("the incident's page does not lead there")
	}
}
