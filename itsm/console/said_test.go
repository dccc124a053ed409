package console

import (
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"
	"pgregory.net/rapid"

	"signalbox/itsm"
)

// nameLike is what nextName finds, as an expression.
var nameLike = regexp.MustCompile(`[\pL\pN][\pL\pN._:/-]*[\pL\pN]`)

func TestNextName(t *testing.T) {
	t.Parallel()
	letters := rapid.StringOf(rapid.SampledFrom([]rune("aZ09._:/- \né٣Ⅳ\u0301\ufffd…x")))
	rapid.Check(t, func(t *rapid.T) {
		text := letters.Draw(t, "text") + rapid.SampledFrom([]string{"", "\xff", "a\xffb"}).Draw(t, "broken")
		var got [][]int
		for begin, end := nextName(text, 0); end > 0; begin, end = nextName(text, end) {
			got = append(got, []int{begin, end})
		}
		if want := nameLike.FindAllStringIndex(text, -1); !reflect.DeepEqual(got, want) {
			t.Fatalf("names in %q: %v, want %v", text, got, want)
		}
	})
}

func TestSaid(t *testing.T) {
	g, err := cannedGraph()
	if err != nil {
		t.Fatal(err)
	}
	inv := inventory{g}
	db, inc := part{"orders-db-1", "/cis/orders-db-1"}, part{"INC0000004", "/incidents/INC0000004"}
	for in, want := range map[string]said{
		"":                                nil,
		"nothing named":                   {{Text: "nothing named"}},
		"orders-db-1":                     {db},
		"All depend on orders-db-1.":      {{Text: "All depend on "}, db, {Text: "."}},
		"into INC0000004, not INC4":       {{Text: "into "}, inc, {Text: ", not INC4"}},
		"(ALR0000010)":                    {{Text: "("}, {"ALR0000010", "/alerts/ALR0000010"}, {Text: ")"}},
		"orders-db-12 and xorders-db-1":   {{Text: "orders-db-12 and xorders-db-1"}},
		"https://x.example/INC0000004":    {{Text: "https://x.example/INC0000004"}},
		"INC00000041234567":               {{Text: "INC00000041234567"}},
		"<b>orders-db-1</b>":              {{Text: "<b>"}, db, {Text: "</b>"}},
		"db-host-07.fra1.example.net ran": {{"db-host-07.fra1.example.net", "/cis/db-host-07.fra1.example.net"}, {Text: " ran"}},
	} {
		if diff := cmp.Diff(want, inv.said(in)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", in, diff)
		}
	}
	many := inv.said(strings.Repeat("orders-db-1 ", 30))
	links := 0
	for _, p := range many {
		if p.Href != "" {
			links++
		}
	}
	if links != saidLinksMax {
		t.Errorf("%d links in one sentence, want at most %d", links, saidLinksMax)
	}
}

// What a page names leads to its page: no incident or alert number, and no CI that
// the CMDB knows, stands in its text without a link.
func TestNamesAreLinks(t *testing.T) {
	s := signedIn(t, fixedClock)
	for _, p := range pages {
		_, body := s.get(p)
		var walk func(n *html.Node, linked bool)
		walk = func(n *html.Node, linked bool) {
			switch n.Data {
			case "a", "title", "pre", "textarea", "button", "label", "h1", "h2", "h3", "summary", "code", "figcaption", "dl":
				linked = linked || n.Data != "dl" || attr(n, "class") == "labels" || attr(n, "class") == "labels prose"
			}
			if strings.Contains(" "+attr(n, "class")+" ", " num ") || attr(n, "class") == "code" || n.Data == "svg" {
				linked = true // the page's or row's own name
			}
			if n.Type == html.TextNode && !linked {
				for _, w := range nameLike.FindAllString(n.Data, -1) {
					if href := (inventory{s.book.graph}).hrefOf(w); href != "" {
						t.Errorf("%s: %q is no link to %s in %q", p, w, href, n.Data)
					}
				}
			}
			for c := n.FirstChild; c != nil; c = c.NextSibling {
				walk(c, linked)
			}
		}
		walk(parse(t, body), false)
	}
}

// An unknown CI leads to what alerts on it.
func TestUnknownCILink(t *testing.T) {
	s := signedIn(t, fixedClock)
	l := inventory{s.book.graph}.link("service:prod/night-batch")
	resp, body := s.get(l.Href)
	if resp.StatusCode != 200 || !strings.Contains(text(parse(t, body)), "Night batch: export of orders is late") {
		t.Errorf("%s: status %d, want the alerts on it", l.Href, resp.StatusCode)
	}
	if got := (inventory{}).link(strings.Repeat("x", queryMax+1)).Href; got != "" {
		t.Errorf("a name longer than a filter leads to %.40s", got)
	}
}

// The top of an incident page answers the questions of somebody just woken up.
func TestGist(t *testing.T) {
	s := signedIn(t, fixedClock)
	for number, want := range map[string]string{
		"INC0000004": "Broken Shopping cart , Checkout , Order history and 6 more Cause orders-db-1 probable, 92 % " +
			"Path orders-db-1 → cart-api-1 → cart-api → Shopping cart Together 21 alerts share a dependency: orders-db-1 . why " +
			"Done note by mira 8 min ago : Storefront shows the maintenance page. Orders in progress are kept in the queue. all",
		"INC0000005": "Broken service:prod/night-batch",
		"INC0000003": "Part of INC0000004 orders-db-1 refuses connections; 9 services affected Broken edge-sw-2 Done on hold by ada 4 h 39 min ago : waiting for vendor: new transceiver, case 88213 all",
	} {
		_, body := s.get("/incidents/" + number)
		got := ""
		each(parse(t, body), func(n *html.Node) {
			if attr(n, "class") == "gists" {
				got = text(n)
			}
		})
		if got != want {
			t.Errorf("%s says\n%s, want\n%s", number, got, want)
		}
	}
	if got, want := titled(itsm.Incident{Number: 4, State: itsm.OnHold, Title: "x"}), "INC0000004 On hold: x"; got != want {
		t.Errorf("title %q, want %q", got, want)
	}
}
