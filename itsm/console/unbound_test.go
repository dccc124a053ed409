package console

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// A key that binds to no CI becomes an alias or a CI: what would change is shown, and
// only saving changes it.
func TestUnbound(t *testing.T) {
	t.Parallel()
	s := signedIn(t, fixedClock)
	for _, c := range []struct {
		form   url.Values
		status int
		says   []string
	}{
		{url.Values{"what": {"alias"}, "ci": {"no-such-ci"}, "alias": {"x"}}, http.StatusBadRequest, []string{`no CI "no-such-ci"`}},
		{url.Values{"what": {"alias"}, "ci": {cannedHost}, "alias": {""}}, http.StatusBadRequest, []string{"expected what alerts call the CI"}},
		{url.Values{"what": {"new"}, "id": {cannedHost}, "class": {"Host"}}, http.StatusBadRequest, []string{"already"}},
		{url.Values{"what": {"new"}, "id": {"legacy-print-1"}}, http.StatusBadRequest, []string{"expected an id and a class"}},
		{url.Values{"what": {"new"}, "id": {"legacy-print-1"}, "class": {"Printer"}, "tier": {"9"}}, http.StatusBadRequest, []string{"tier", "expected 1 to 4"}},
		{url.Values{"what": {"new"}, "id": {"legacy-print-1"}, "class": {"Printer"}, "group": {"Office IT"}}, http.StatusOK, []string{"This would change", "Adds the CI legacy-print-1", "support_group: Office IT"}},
		{url.Values{"what": {"alias"}, "ci": {cannedHost}, "alias": {"legacy-print-1"}}, http.StatusOK, []string{"This would change", "aliases: legacy-print-1", "storybook lists this CI too"}},
	} {
		c.form.Set("key", "host:legacy-print-1")
		resp, body := s.post("/unbound", c.form)
		checkPage(t, s.base, body)
		got := text(parse(t, body))
		if resp.StatusCode != c.status || slices.ContainsFunc(c.says, func(w string) bool { return !strings.Contains(got, w) }) {
			t.Errorf("%v: status %d, want %d and %q in %.1500q", c.form, resp.StatusCode, c.status, c.says, got)
		}
	}
	if _, known := s.book.cmdb().Lookup("legacy-print-1"); known {
		t.Fatal("looking at a change made it")
	}
	resp, _ := s.post("/unbound", url.Values{"step": {"save"}, "what": {"alias"}, "key": {"host:legacy-print-1"}, "ci": {cannedHost}, "alias": {"legacy-print-1"}})
	if resp.StatusCode != http.StatusSeeOther || resp.Header.Get("Location") != ciPath(cannedHost) {
		t.Errorf("saving answers %d to %q", resp.StatusCode, resp.Header.Get("Location"))
	}
	if _, body := s.get("/unbound"); strings.Contains(body, "host:legacy-print-1") {
		t.Error("the key is listed after it got its alias")
	}
}
