package console

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"signalbox/itsm"
)

// What is around an incident is changed by the forms of its page, and each says what
// follows from it.
func TestAround(t *testing.T) {
	for _, c := range []struct {
		name, page, deed string
		fill             url.Values
		want             func(b *book) bool
		says             []string
	}{
		{"parent", "INC0000005", "parent", url.Values{"parent": {" inc0000004 "}}, func(b *book) bool { return is(b, 5).Parent == 4 && slices.Contains(is(b, 4).Children, 5) },
			[]string{"It is a child of INC0000004 now.", "Part of INC0000004", "When somebody resolves that one, this ends with it."}},
		{"no parent", "INC0000003", "parent", nil, func(b *book) bool { return is(b, 3).Parent == 0 && len(is(b, 4).Children) == 0 }, []string{"Not a child any more."}},
		{"child", "INC0000004", "children", url.Values{"child": {"INC0000005"}}, func(b *book) bool { return is(b, 5).Parent == 4 },
			[]string{"INC0000005 is a child of this one now.", "2 children, 2 open", "Whoever resolves this one resolves the open children with it"}},
		{"watch", "INC0000004", "watch", nil, func(b *book) bool { return slices.Contains(is(b, 4).Watchers, "admin") }, []string{"You watch this incident.", "ada, admin, mira", "Stop watching"}},
		{"link", "INC0000005", "attach", url.Values{"url": {"https://g.example/d?a=1&b=2"}, "title": {"Graph"}}, func(b *book) bool { return is(b, 5).Attachments[0].URL == "https://g.example/d?a=1&b=2" }, []string{"Link added.", "Graph g.example, admin"}},
		{"remove link", "INC0000004", "detach", nil, func(b *book) bool { return len(is(b, 4).Attachments) == 1 }, []string{"Link removed."}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := signedIn(t, fixedClock)
			page := "/incidents/" + c.page
			_, body := s.get(page)
			f := fieldsOf(t, body, page+"/"+c.deed)
			for k, v := range c.fill {
				f[k] = v
			}
			if resp, _ := s.post(page+"/"+c.deed, f); resp.StatusCode != http.StatusSeeOther || resp.Header.Get("Location") != page {
				t.Fatalf("status %d to %q, want 303 to %s", resp.StatusCode, resp.Header.Get("Location"), page)
			}
			if !c.want(s.book) {
				t.Errorf("it is not so: %+v", is(s.book, 4))
			}
			_, body = s.get(page)
			checkPage(t, s.base, body)
			for _, want := range c.says {
				if said := strings.ReplaceAll(text(parse(t, body)), " ,", ","); !strings.Contains(said, want) {
					t.Errorf("the page lacks %q", want)
				}
			}
		})
	}
}

func is(b *book, n itsm.IncidentNumber) itsm.Incident {
	i, err := b.Incident(n)
	if err != nil {
		panic(err)
	}
	return i
}

// A link that could run or deceive is refused, and what was typed stays.
func TestAttachOnlySafeLinks(t *testing.T) {
	s := signedIn(t, fixedClock)
	for _, bad := range []string{"javascript:alert(1)", "data:text/html,x", "https://ann:pw@g.example/", "//g.example/", "g.example", "https://g.example/\u202egnp.exe", "https://g.example/" + strings.Repeat("a", itsm.AttachURLMax)} {
		resp, body := s.post("/incidents/INC0000004/attach", url.Values{"url": {bad}, "title": {"my title"}})
		if resp.StatusCode != http.StatusBadRequest || !strings.Contains(body, "Add link was not done.") || !strings.Contains(body, `value="my title"`) {
			t.Errorf("%.40q: status %d, want 400, why, and what was typed", bad, resp.StatusCode)
		}
	}
	if n := len(is(s.book, 4).Attachments); n != 2 {
		t.Errorf("there are %d links, want the 2 of before", n)
	}
}
