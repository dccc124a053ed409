package console

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"signalbox/itsm"
)

// ticked reads the form of the page that asks, with the boxes that are ticked.
func ticked(t *testing.T, body string) url.Values {
	t.Helper()
	f := fieldsOf(t, body, "/bulk")
	each(parse(t, body), func(n *html.Node) {
		if n.Data != "input" || attr(n, "name") != "number" {
			return
		}
		for _, a := range n.Attr {
			if a.Key == "checked" {
				f.Add("number", attr(n, "value"))
			}
		}
	})
	return f
}

// The page asks with what it will come to; each incident is an act of its own, and
// what was refused is said first.
func TestBulk(t *testing.T) {
	s := signedIn(t, fixedClock)
	_, body := s.get("/bulk?do=resolve&number=INC0000002&number=INC0000004&number=INC0000007&number=INC0000006&number=INC0000002&back=%2F%3Fpriority%3DP1")
	checkPage(t, s.base, body)
	said := text(parse(t, body))
	for _, want := range []string{"Resolve 4 incidents", "2 incidents will be resolved. 1 is so already. Of 1 it is not possible", "1 child ends with it; 38 alerts still fire, so it may come back", "is resolved already", "is cancelled"} {
		if !strings.Contains(said, want) {
			t.Errorf("the page that asks lacks %q", want)
		}
	}
	f := ticked(t, body)
	if got := strings.Join(f["number"], " "); got != "INC0000002 INC0000004 INC0000007" {
		t.Errorf("ticked are %s", got)
	}
	f.Add("number", "INC0000006")
	f.Set("close_code", "workaround")
	f.Set("text", "all together")
	resp, body := s.post("/bulk", f)
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("status %d", resp.StatusCode)
	}
	checkPage(t, s.base, body)
	said = text(parse(t, body))
	for _, want := range []string{"2 of 4 incidents resolved", "1 was refused. Nothing happened to it.", "INC0000006 is cancelled", "So already", "Done"} {
		if !strings.Contains(said, want) {
			t.Errorf("the page of what became lacks %q: %s", want, said)
		}
	}
	if link(t, body, "Back to the list") != "/?priority=P1" {
		t.Errorf("it leads back to %q", link(t, body, "Back to the list"))
	}
	for _, n := range []itsm.IncidentNumber{2, 4} {
		if i := is(s.book, n); i.State != itsm.IncidentResolved || i.CloseCode != "workaround" {
			t.Errorf("%s is %s, %s", n, i.State, i.CloseCode)
		}
	}
	version := is(s.book, 2).Version
	if _, body = s.post("/bulk", f); !strings.Contains(body, "0 of 4 incidents resolved") || is(s.book, 2).Version != version {
		t.Error("sending it twice does it twice")
	}
}

func TestBulkOfEveryKind(t *testing.T) {
	for _, c := range []struct {
		do   string
		fill url.Values
		want func(itsm.Incident) bool
	}{
		{"acknowledge", nil, func(i itsm.Incident) bool { return i.AcknowledgedBy == "console:admin" }},
		{"assign", url.Values{"assignee": {"mira"}}, func(i itsm.Incident) bool { return i.Assignee == "mira" }},
		{"hold", url.Values{"reason": {"vendor"}}, func(i itsm.Incident) bool { return i.State == itsm.OnHold }},
		{"parent", url.Values{"parent": {"inc0000002"}}, func(i itsm.Incident) bool { return i.Parent == 2 }},
		{"merge", url.Values{"into": {"INC0000002"}}, func(i itsm.Incident) bool { return i.MergedInto == 2 }},
	} {
		s := signedIn(t, fixedClock)
		_, body := s.get("/bulk?do=" + c.do + "&number=INC0000005")
		f := ticked(t, body)
		for k, v := range c.fill {
			f[k] = v
		}
		if resp, body := s.post("/bulk", f); resp.StatusCode != http.StatusOK || !strings.Contains(body, "1 of 1 incident") || !c.want(is(s.book, 5)) {
			t.Errorf("%s: status %d, %+v", c.do, resp.StatusCode, is(s.book, 5))
		}
	}
}

func TestRefusedBulk(t *testing.T) {
	s := signedIn(t, fixedClock)
	many := url.Values{"do": {"resolve"}}
	for n := range itsm.BulkMax + 1 {
		many.Add("number", fmt.Sprintf("INC%07d", n+1))
	}
	for _, c := range []struct {
		f      url.Values
		status int
		says   string
	}{
		{url.Values{"do": {"resolve"}}, 400, "tick the incidents first"},
		{url.Values{"do": {"explode"}, "number": {"INC0000004"}}, 400, "expected acknowledge"},
		{url.Values{"do": {"resolve"}, "number": {"INC0009999"}}, 404, "INC0009999"},
		{url.Values{"do": {"resolve"}, "number": {"x"}}, 404, ""},
		{many, 413, "at most 200"},
	} {
		for _, method := range []string{"GET", "POST"} {
			resp, body := s.post("/bulk", c.f)
			if method == "GET" {
				resp, body = s.get("/bulk?" + c.f.Encode())
			}
			if resp.StatusCode != c.status || !strings.Contains(text(parse(t, body)), c.says) {
				t.Errorf("%s %.60s: status %d, want %d and %q", method, c.f.Encode(), resp.StatusCode, c.status, c.says)
			}
		}
	}
	resp, body := s.post("/bulk", url.Values{"do": {"assign"}, "number": {"INC0000005"}, "assignee": {" "}})
	if resp.StatusCode != http.StatusBadRequest || !strings.Contains(body, "Not done yet") || is(s.book, 5).Version != 3 {
		t.Errorf("assign to nobody: status %d, want 400 with the form", resp.StatusCode)
	}
}

// Whoever may act can tick, all at once with a link, and keeps the filter.
func TestTicks(t *testing.T) {
	s := signedIn(t, fixedClock)
	_, body := s.get("/?priority=P1")
	all := link(t, body, "Tick all on this page")
	if all != "/?picked=all&priority=P1" {
		t.Errorf("all are ticked at %q", all)
	}
	_, body = s.get(all)
	if n, m := strings.Count(body, `form="bulk" name="number"`), strings.Count(body, " checked"); n == 0 || n != m {
		t.Errorf("%d of %d are ticked", m, n)
	}
	if !strings.Contains(body, `name="back" value="/?priority=P1"`) {
		t.Error("it does not lead back to the filter")
	}
	v := serve(t, fixedClock)
	v.post("/sign-in", url.Values{"token": {"viewer"}})
	if _, body := v.get("/"); strings.Contains(body, "checkbox") {
		t.Error("a viewer is offered to tick")
	}
}

// behind is an engine that stores acts and is far from folding them.
type behind struct{ Engine }

func (behind) Do(context.Context, itsm.Act) (itsm.Outcome, error) {
	return itsm.Outcome{Offset: 7}, itsm.Errorf(itsm.Unavailable, "the act is stored as entry 7 but not applied yet")
}

func TestBulkThatIsStoredIsNotRefused(t *testing.T) {
	t.Parallel()
	s := signedIn(t, fixedClock)
	s.console.o.Engine = behind{s.console.o.Engine}
	_, asked := s.get("/bulk?do=acknowledge&number=INC0000004")
	resp, body := s.post("/bulk", ticked(t, asked))
	if resp.StatusCode != http.StatusOK || !strings.Contains(body, "On its way") || strings.Contains(body, "Nothing happened") || strings.Contains(body, "Refused") {
		t.Errorf("status %d:\n%s", resp.StatusCode, body)
	}
}
