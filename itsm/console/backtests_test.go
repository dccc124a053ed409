package console

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"signalbox/correlate/backtest"
	"signalbox/itsm"
	"signalbox/rules"
)

// asked is the form of the page that starts backtests.
func asked(change ...string) url.Values {
	v := url.Values{"revision": {"4"}, "against": {"active"}, "days": {"7"}, "since": {""}, "until": {""}}
	for k := 0; k < len(change); k += 2 {
		v.Set(change[k], change[k+1])
	}
	return v
}

// later is a server whose canned backtests are all done.
func later(t *testing.T) *site {
	t.Helper()
	s := signedIn(t, fixedClock)
	s.book.tries.mu.Lock()
	defer s.book.tries.mu.Unlock()
	s.book.tries.jobs = s.book.tries.jobs[:3]
	return s
}

func (t *cannedTries) last() backtest.Job {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.jobs[len(t.jobs)-1]
}

func TestBacktestIsStarted(t *testing.T) {
	now := itsm.TimeOf(fixedNow)
	for _, c := range []struct {
		ask           url.Values
		before, after string
		from, to      itsm.Time
	}{
		{asked(), "revision 3", "revision 4", now.Add(-7 * 24 * time.Hour), 0},
		{asked("against", "none", "days", "1"), "no rules", "revision 4", now.Add(-24 * time.Hour), 0},
		{asked("against", "1", "revision", "3", "days", "30", "since", "2026-11-01", "until", "2026-11-02 12:30"), "revision 1", "revision 3",
			itsm.TimeOf(time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)), itsm.TimeOf(time.Date(2026, 11, 2, 12, 30, 0, 0, time.UTC))},
		{asked("until", "2026-11-02"), "revision 3", "revision 4", 0, itsm.TimeOf(time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC))},
	} {
		s := later(t)
		resp, _ := s.post("/rules/backtests", c.ask)
		if got := resp.Header.Get("Location"); resp.StatusCode != http.StatusSeeOther || got != "/rules/backtests/4" {
			t.Fatalf("%v: status %d to %q, want 303 to the fourth backtest", c.ask, resp.StatusCode, got)
		}
		j := s.book.tries.last()
		got := []any{j.Before, j.After, j.From, j.To, j.Actor}
		if diff := cmp.Diff([]any{c.before, c.after, c.from, c.to, "console:admin"}, got); diff != "" {
			t.Errorf("%v (-want +got):\n%s", c.ask, diff)
		}
	}
}

// What is refused is said beside the form as it was filled.
func TestBacktestIsRefused(t *testing.T) {
	for _, c := range []struct {
		ask    url.Values
		status int
		want   string
	}{
		{asked("since", "yesterday"), http.StatusBadRequest, "from \"yesterday\": expected a time in UTC"},
		{asked("since", "2026-11-02", "until", "2026-11-01"), http.StatusBadRequest, "expected from before to"},
		{asked("days", "-1"), http.StatusBadRequest, "expected a number of days"},
		{asked("against", "seven"), http.StatusNotFound, "expected a number such as 7"},
		{asked("against", "77"), http.StatusNotFound, "77"},
		{asked("revision", "77"), http.StatusNotFound, "77"},
		{asked("revision", ""), http.StatusNotFound, "expected a number such as 7"},
	} {
		s := later(t)
		resp, body := s.post("/rules/backtests", c.ask)
		if got := text(parse(t, body)); resp.StatusCode != c.status || !strings.Contains(got, c.want) {
			t.Errorf("%v: status %d, want %d and %q", c.ask, resp.StatusCode, c.status, c.want)
		}
		if c.status == http.StatusBadRequest && !strings.Contains(body, `value="`+c.ask.Get("since")+`"`) {
			t.Errorf("%v: the form forgot what was typed", c.ask)
		}
		if j := s.book.tries.last(); j.ID != "3" {
			t.Errorf("%v: it was started all the same", c.ask)
		}
	}
}

func TestOneBacktestAtATime(t *testing.T) {
	s := signedIn(t, fixedClock)
	for path, form := range map[string]url.Values{"/rules/backtests": asked(), "/rules/edit": edited("backtest", goodRule)} {
		resp, body := s.post(path, form)
		if got := text(parse(t, body)); resp.StatusCode != http.StatusConflict || !strings.Contains(got, "one at a time") || link(t, body, "See how far the other one is") != "/rules/backtests/4" {
			t.Errorf("%s: status %d, want 409, that it is one at a time, and a link to the other", path, resp.StatusCode)
		}
		checkPage(t, s.base, body)
	}
}

// What stands in the editor is tried without being saved.
func TestBacktestOfWhatIsTyped(t *testing.T) {
	s := later(t)
	if resp, _ := s.post("/rules/edit", edited("backtest", goodRule)); resp.StatusCode != http.StatusSeeOther || resp.Header.Get("Location") != "/rules/backtests/4" {
		t.Fatalf("status %d, want 303 to the backtest", resp.StatusCode)
	}
	if j := s.book.tries.last(); j.After != "what was typed over revision 4" || j.Before != "revision 3" {
		t.Errorf("it tries %q against %q", j.After, j.Before)
	}
	if h, _ := s.book.Book().Head(); h.Last != 4 {
		t.Errorf("the newest revision is %d: it was saved", h.Last)
	}
	_, body := s.post("/rules/edit", func() url.Values { v := edited("check", goodRule); v.Set("since", "2026-11-01"); return v }())
	if !strings.Contains(body, `name="since" value="2026-11-01"`) || !strings.Contains(body, `value="backtest" formtarget="_blank"`) {
		t.Error("checking forgot what the form of the backtest said")
	}
}

// Viewers see backtests and cannot start one.
func TestViewersSeeBacktests(t *testing.T) {
	s := serve(t, fixedClock)
	s.post("/sign-in", url.Values{"token": {"viewer"}})
	for _, p := range []string{"/rules/backtests", "/rules/backtests/1", "/rules/backtests/4"} {
		resp, body := s.get(p)
		if resp.StatusCode != http.StatusOK || strings.Contains(body, `action="/rules/backtests"`) || strings.Contains(body, "/activate") {
			t.Errorf("%s: status %d, or it offers what only admins may", p, resp.StatusCode)
		}
	}
	if resp, _ := s.post("/rules/backtests", asked()); resp.StatusCode != http.StatusForbidden {
		t.Errorf("a viewer starts one: status %d, want 403", resp.StatusCode)
	}
}

// Without JavaScript the page comes anew while the backtest runs, and rests afterwards.
func TestBacktestPageComesAnew(t *testing.T) {
	s := signedIn(t, fixedClock)
	_, body := s.get("/rules/backtests/4")
	if !strings.Contains(body, `<noscript><meta http-equiv="refresh" content="3"></noscript>`) || !strings.Contains(body, `value="433"`) || !strings.Contains(body, `data-live="/live?backtest=4"`) {
		t.Error("the page of a running backtest does not follow it")
	}
	for _, p := range []string{"/rules/backtests/1", "/rules/backtests/3", "/rules/backtests"} {
		if _, body := s.get(p); strings.Contains(body, "refresh\"") || strings.Contains(body, "data-live") {
			t.Errorf("%s comes anew though nothing changes", p)
		}
	}
	for id, want := range map[string]news{"4": {Progress: 433}, "1": {Progress: 1000, Done: true}, "99": {Done: true}} {
		if got, err := (backtestWatch{id: id}).news(s.console); err != nil || got != want {
			t.Errorf("the news of backtest %s are %+v, %v; want %+v", id, got, err, want)
		}
	}
}

// Each P1 and P2 that would not page stands first, with a link to its incident.
func TestReportWarnsFirst(t *testing.T) {
	s := signedIn(t, fixedClock)
	_, body := s.get("/rules/backtests/2")
	alarm, links, tableSeen := (*html.Node)(nil), 0, false
	each(parse(t, body), func(n *html.Node) {
		switch {
		case n.Data == "table":
			tableSeen = true
		case attr(n, "class") == "alarm":
			if alarm = n; tableSeen {
				t.Error("figures come before the warnings")
			}
		}
	})
	if alarm == nil {
		t.Fatal("no warning")
	}
	each(alarm, func(n *html.Node) {
		if n.Data == "h3" && n.FirstChild != nil && n.FirstChild.Data == "a" && strings.HasPrefix(attr(n.FirstChild, "href"), "/incidents/INC") {
			links++
		}
	})
	if links != 42 || attr(alarm, "role") != "alert" || !strings.Contains(text(alarm), "42 P1 or P2 would not page as they did") {
		t.Errorf("%d warnings lead to their incident, want 42, and the number as heading", links)
	}
	if _, body := s.get("/rules/backtests/1"); strings.Contains(body, `class="alarm"`) || !strings.Contains(body, "No P1 or P2 would be missed.") {
		t.Error("a harmless change is not called so")
	}
}

// A server without history has the pages about rules, and none of its links.
func TestWithoutBacktests(t *testing.T) {
	s := signedIn(t, fixedClock)
	s.console.o.Backtests = nil
	for _, p := range []string{"/rules/revisions/4", "/rules/revisions/4/activate", "/rules/edit"} {
		resp, body := s.get(p)
		if resp.StatusCode != http.StatusOK || strings.Contains(body, "backtests?revision") || strings.Contains(body, `value="backtest"`) {
			t.Errorf("%s: status %d, or it offers a backtest", p, resp.StatusCode)
		}
	}
	for _, p := range []string{"/rules/backtests", "/rules/backtests/1"} {
		if resp, _ := s.get(p); resp.StatusCode != http.StatusNotFound {
			t.Errorf("%s: status %d, want 404", p, resp.StatusCode)
		}
	}
	if resp, _ := s.post("/rules/edit", edited("backtest", goodRule)); resp.StatusCode != http.StatusNotFound {
		t.Errorf("backtesting what is typed: status %d, want 404", resp.StatusCode)
	}
}

// The real runner behaves as the form expects.
var _ Backtests = (*backtest.Jobs)(nil)

func TestReportIsBounded(t *testing.T) {
	now := itsm.TimeOf(fixedNow)
	r := cannedLargeReport(now)
	long := strings.Repeat("<&\"'", 500)
	ref := backtest.IncidentRef{Title: long, Group: long, Number: long, Priority: itsm.P1}
	var refs []backtest.IncidentRef
	var names []string
	for k := range 20 {
		refs, names = append(refs, ref), append(names, strconv.Itoa(k)+long)
	}
	r.Warnings = nil
	for range backtest.WarningsMax {
		r.Warnings = append(r.Warnings, backtest.Warning{Kind: "lost", Incident: ref, Connectors: names, After: refs, Rules: names})
	}
	for _, d := range []*backtest.Difference{&r.Incidents.Opened, &r.Incidents.Merged, &r.Incidents.Split, &r.Incidents.Suppressed, &r.Incidents.Lost} {
		d.Examples = nil
		for range 10 {
			d.Examples = append(d.Examples, backtest.Example{Before: refs, After: refs, Rules: names})
		}
	}
	for k := range r.Pages.Teams {
		r.Pages.Teams[k].Name = long
	}
	for k := range 2000 {
		r.Rules = append(r.Rules, backtest.RuleImpact{ID: "r" + strconv.Itoa(k), About: long, Change: []string{"", "added"}[k%2]})
	}
	s := signedIn(t, fixedClock)
	s.book.tries.jobs = []backtest.Job{{ID: "1", State: backtest.Done, StartedAt: fixedNow, EndedAt: fixedNow, After: long, Before: long, Actor: long, Report: &r}}
	_, body := s.get("/rules/backtests/1")
	checkPage(t, s.base, body)
	for _, want := range []string{"Only the first 200 are listed.", "rules are not listed", "and 18 more", "of 28 more, that change less"} {
		if !strings.Contains(text(parse(t, body)), want) {
			t.Errorf("the page does not say %q", want)
		}
	}
}

func TestReportFigures(t *testing.T) {
	r := backtest.Report{}
	r.FirstPage.Before = backtest.Delay{Paged: 3, P50: 2, P90: 61, Max: 3700}
	want := []figureRow{{Name: "Half within", Before: "2 s", After: "–", Change: "–"}, {Name: "90 % within", Before: "1 min", After: "–", Change: "–"}, {Name: "Longest", Before: "1 h 1 min", After: "–", Change: "–"}}
	if diff := cmp.Diff(want, firstPageTable(&r).Rows); diff != "" {
		t.Errorf("of nothing paged after (-want +got):\n%s", diff)
	}
	for in, want := range map[int]string{0: "0.0", 49: "0.0", 50: "0.1", 1960: "2.0", 1_234_567: "1,234.6"} {
		if got := tenths(in); got != want {
			t.Errorf("tenths(%d) = %q, want %q", in, got, want)
		}
	}
	recorded := "INC0000004"
	for _, c := range []struct {
		ref  backtest.IncidentRef
		want string
	}{{backtest.IncidentRef{Number: "INC0000009", Recorded: &recorded}, "/incidents/INC0000004"}, {backtest.IncidentRef{Number: "INC0000009"}, ""}} {
		if got := viewRef(c.ref, fixedNow); got.Href != c.want || got.Title == "" {
			t.Errorf("%+v leads to %q with the words %q, want %q and some", c.ref, got.Href, got.Title, c.want)
		}
	}
	if got := pagersOf([]string{backtest.AssumedConnector, "a", "b", "c", "d"}); got != "a, b, 2 more" {
		t.Errorf("who pages is %q", got)
	}
	empty := viewReport(&backtest.Report{}, &rules.Set{}, fixedNow)
	if empty.Head != "" || empty.Calm == "" || len(empty.Kinds) != 5 || !empty.NoLabels {
		t.Errorf("a report of nothing is %+v", empty)
	}
}
