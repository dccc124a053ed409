package console

import (
	"net/http"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// Every link of every page leads somewhere: nothing that the canned story names is
// missing from it.
func TestLinksLead(t *testing.T) {
	t.Parallel()
	s := signedIn(t, fixedClock)
	from := map[string]string{}
	for _, p := range pages {
		if strings.HasPrefix(p, "/no/") {
			continue
		}
		_, body := s.get(p)
		each(parse(t, body), func(n *html.Node) {
			href, _, _ := strings.Cut(attr(n, "href"), "#")
			path, _, _ := strings.Cut(href, "?")
			if n.Data == "a" && strings.HasPrefix(href, "/") && path != "/metrics" && !strings.HasPrefix(path, "/api/") && from[path] == "" {
				from[path] = p + " to " + href
			}
		})
	}
	for _, way := range from {
		p, href, _ := strings.Cut(way, " to ")
		if r, _ := s.get(href); r.StatusCode != http.StatusOK {
			t.Errorf("%s links to %s, which answers %d", p, href, r.StatusCode)
		}
	}
	if len(from) < 100 {
		t.Errorf("only %d links were followed", len(from))
	}
}
