package console

import (
	"flag"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"signalbox/rules"
	rulebook "signalbox/rules/book"
)

var update = flag.Bool("update", false, "rewrite the golden pages")

// fileName turns an address into the name of its golden page.
func fileName(path string) string {
	name := strings.Trim(strings.NewReplacer("/", "_", "?", "_", "=", "_", ":", "_", "&", "_", "+", "_", ",", "_").Replace(path), "_")
	if name == "" {
		return "home"
	}
	return name
}

// Every page is sound HTML with one heading, labelled fields, safe links and
// nothing inline; its words are those of the golden file.
func TestPages(t *testing.T) {
	s := signedIn(t, fixedClock)
	for _, p := range pages {
		t.Run(fileName(p), func(t *testing.T) {
			resp, body := s.get(p)
			want := http.StatusOK
			if strings.HasPrefix(p, "/no/") {
				want = http.StatusNotFound
			}
			if resp.StatusCode != want {
				t.Fatalf("status %d, want %d", resp.StatusCode, want)
			}
			checkPage(t, s.base, body)
			golden(t, filepath.Join("testdata", "pages", fileName(p)+".txt"), outline(parse(t, body), s.base))
		})
	}
	if s.log.Len() > 0 {
		t.Errorf("the pages logged: %s", s.log)
	}
}

// A server that has received nothing says so on every page, and the lists say what
// to do next with something to paste.
func TestEmptyPages(t *testing.T) {
	s := signedInEmpty(t, fixedClock)
	for _, p := range emptyPages {
		resp, body := s.get(p)
		if resp.StatusCode != http.StatusOK {
			t.Fatalf("%s: status %d", p, resp.StatusCode)
		}
		checkPage(t, s.base, body)
		golden(t, filepath.Join("testdata", "pages", "empty_"+fileName(p)+".txt"), outline(parse(t, body), s.base))
		said := text(parse(t, body))
		for _, want := range map[string][]string{
			"/": {"Nothing has arrived yet", "curl -X POST " + s.base + "/webhooks/generic"}, "/alerts": {"No alert has arrived yet", "curl -X POST"},
			"/deliveries": {"Nothing was received yet", "curl -X POST"}, "/cis": {"The CMDB is empty", "signalbox cmdb import"},
			"/quarantine": {"Nothing waits here"}, "/totals": {"Everything adds up"}, "/status": {"All is well", "nothing yet"},
		}[p] {
			if !strings.Contains(said, want) {
				t.Errorf("%s lacks %q", p, want)
			}
		}
	}
	if s.log.Len() > 0 {
		t.Errorf("the pages logged: %s", s.log)
	}
}

func TestSignInPage(t *testing.T) {
	s := serve(t, fixedClock)
	_, body := s.get("/sign-in?next=/incidents/INC0000004")
	checkPage(t, s.base, body)
	golden(t, filepath.Join("testdata", "pages", "sign-in.txt"), outline(parse(t, body), s.base))
}

func checkPage(t *testing.T, base, body string) {
	t.Helper()
	if len(body) > pageBytesMax {
		t.Errorf("%d bytes, want at most %d", len(body), pageBytesMax)
	}
	if !strings.HasPrefix(body, "<!doctype html>\n<html lang=\"en\"") {
		t.Errorf("starts with %.60q", body)
	}
	count, ids, labels, fields := map[string]int{}, map[string]int{}, map[string]bool{}, map[string]bool{}
	each(parse(t, body), func(n *html.Node) {
		count[n.Data]++
		if id := attr(n, "id"); id != "" {
			ids[id]++
		}
		for _, a := range n.Attr {
			if a.Key == "style" || strings.HasPrefix(a.Key, "on") {
				t.Errorf("<%s> has an inline %s", n.Data, a.Key)
			}
		}
		switch n.Data {
		case "a":
			checkLink(t, attr(n, "href"), attr(n, "rel"))
		case "form":
			if a := attr(n, "action"); !strings.HasPrefix(a, "/") || strings.HasPrefix(a, "//") {
				t.Errorf("a form leads to %q", a)
			}
		case "script", "style":
			if n.Data == "style" || attr(n, "src") == "" || n.FirstChild != nil {
				t.Errorf("an inline <%s>", n.Data)
			}
		case "label":
			labels[attr(n, "for")] = true
		case "input", "select", "textarea":
			if k := attr(n, "type"); k != "hidden" && k != "checkbox" {
				fields[attr(n, "id")] = true
			}
		case "img":
			count["img alt"]++
		}
	})
	for name, want := range map[string]int{"h1": 1, "main": 1, "title": 1 + count["svg"], "footer": 1, "style": 0} {
		if count[name] != want {
			t.Errorf("%d <%s>, want %d", count[name], name, want)
		}
	}
	for id, n := range ids {
		if n > 1 {
			t.Errorf("id %q is there %d times", id, n)
		}
	}
	for id := range fields {
		if id == "" || !labels[id] {
			t.Errorf("the field %q has no label", id)
		}
	}
	if !strings.Contains(body, `<a class="skip" href="#main">`) {
		t.Error("no skip link")
	}
}

func checkLink(t *testing.T, href, rel string) {
	t.Helper()
	u, err := url.Parse(href)
	switch {
	case err != nil || href == "":
		t.Errorf("link to %q", href)
	case u.Scheme == "" && u.Host == "":
	case u.Scheme != "http" && u.Scheme != "https":
		t.Errorf("link to %q: scheme %s", href, u.Scheme)
	case rel != "noopener noreferrer":
		t.Errorf("link to %q leads away with rel=%q", href, rel)
	}
}

// outline is what a page says, one line a block, with links and fields in brackets.
func outline(root *html.Node, base string) string {
	var b strings.Builder
	var walk func(n *html.Node)
	walk = func(n *html.Node) {
		switch n.Type {
		case html.TextNode:
			if s := strings.Join(strings.Fields(n.Data), " "); s != "" {
				b.WriteString(s + " ")
			}
			return
		case html.ElementNode:
			switch n.Data {
			case "head", "script":
				return
			case "h1", "h2", "h3", "p", "li", "div", "section", "summary", "form", "pre", "figure", "main", "footer", "header", "nav", "dl", "label", "button", "table", "tr", "caption":
				b.WriteByte('\n')
			}
			switch n.Data {
			case "h1", "h2", "h3":
				b.WriteString(strings.Repeat("#", int(n.Data[1]-'0')) + " ")
			case "form":
				b.WriteString("<" + attr(n, "action") + "> ")
			case "input", "option":
				if v := attr(n, "value"); attr(n, "name") != "key" {
					b.WriteString("{" + attr(n, "name") + "=" + v + "} ")
				}
			case "a":
				defer func() { b.WriteString("[" + attr(n, "href") + "] ") }()
			}
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			walk(c)
		}
	}
	walk(root)
	var lines []string
	for l := range strings.SplitSeq(strings.ReplaceAll(b.String(), base, "http://signalbox.example"), "\n") {
		if l = strings.TrimSpace(l); l != "" {
			lines = append(lines, l)
		}
	}
	return strings.Join(lines, "\n") + "\n"
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v; go test -update writes it", err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

func TestPageOfNothing(t *testing.T) {
	none, _ := rules.Compile([]rules.File{})
	for _, c := range []struct {
		p    page
		want []string
	}{
		{viewIncidents(incidentFilter{Which: "open"}, incidentLists{}, inventory{}, true, "https://sb.example", fixedNow),
			[]string{"Nothing has arrived yet", "curl -X POST https://sb.example/webhooks/generic", "url: https://sb.example/webhooks/alertmanager"}},
		{viewIncidents(incidentFilter{Which: "open", Q: "x"}, incidentLists{Counts: countsOf(7)}, inventory{}, true, "https://sb.example", fixedNow), []string{"No incident matches"}},
		{viewIncidents(incidentFilter{Which: "open"}, incidentLists{Counts: countsOf(7)}, inventory{}, true, "https://sb.example", fixedNow), []string{"All quiet"}},
		{viewCIs(nil, "", "", "", "https://sb.example"), []string{"The CMDB is empty", "cmdb import --server https://sb.example"}},
		{viewStatus(&Health{Connectors: []ConnectorHealth{{Name: "pager", State: "ok", Held: 12}, {Name: "chat", State: "ok"}}}, countsOf(0), 6, 0, fixedNow), []string{"pager", "12 held back by a storm or the page budget", "chat"}},
		{viewStatus(&Health{NotReady: []string{"the fold stopped at entry 7"}}, countsOf(0), 6, 0, fixedNow), []string{"Not ready", "the fold stopped at entry 7"}},
		{viewRules(ruleFilter{Show: "all"}, rulesFacts{Set: none, Active: &rulebook.Revision{Number: 2}}, fixedNow), []string{"No rules are in force", "Revision 2 has none"}},
		{viewRules(ruleFilter{Show: "all", Q: "x"}, rulesFacts{Set: none, Active: &rulebook.Revision{Number: 2}}, fixedNow), []string{"No rule matches"}},
		{viewStatus(nil, countsOf(0), 0, 0, fixedNow), []string{"All is well"}},
		{viewStatus(&Health{Sources: []SourceHealth{{Name: "main", Kind: "generic", Deliveries: 1, Events: 1}}}, countsOf(0), 0, 0, fixedNow), []string{"1 delivery", "1 event 0 rejected"}},
	} {
		name, _, _ := c.p.about()
		a, err := loadAssets()
		if err != nil {
			t.Fatal(err)
		}
		ts, err := loadTemplates(a)
		if err != nil {
			t.Fatal(err)
		}
		out, err := (&Console{templates: ts}).render(name, frame{Page: c.p, Here: "/", Person: "admin"})
		if err != nil {
			t.Fatal(err)
		}
		checkPage(t, "", string(out))
		for _, w := range c.want {
			if got := text(parse(t, string(out))); !strings.Contains(got, w) {
				t.Errorf("%s of nothing lacks %q", name, w)
			}
		}
	}
}
