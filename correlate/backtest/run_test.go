package backtest_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"signalbox/correlate/backtest"
	"signalbox/ingest/journal"
	"signalbox/itsm"
)

const (
	dropNoise = "id: noise\nabout: nobody wants it\nwhen: labels.alertname == \"Noise\"\nsuppress: drop\n"
	byTeam    = "id: team\nabout: one incident a namespace\nwhen: labels.ns != \"\"\ncorrelate: {group_by: [labels.ns], window: 1h}\n"
	apart     = "id: apart\nabout: one incident an alert name\ncorrelate: {group_by: [labels.alertname], window: 1h}\n"
	quiet     = "id: quiet\nabout: tells nobody\nroute: none\n"
	late      = "id: late\nabout: ten minutes to clear\nincident: {delay: 10m}\n"
	minor     = "id: minor\nabout: nobody is hurt\nincident: {impact: low, urgency: low}\n"
	oneKey    = "id: key\nabout: one alert a rack\nwhen: labels.rack != \"\"\nnormalise: {key: [rack]}\n"
)

// Each case provokes one kind of difference.
func TestDifferences(t *testing.T) {
	for _, c := range []struct {
		name, before, after string
		history             func(*tape)
		want                string // counts
		p1                  backtest.Lost
		rule                string // that has a part in it
	}{
		{"same", "", "", func(h *tape) { h.fire("s1 Down critical", "s2 Down warning") },
			"before=2 after=2 same=2 resized=0 opened=0 merged=0 split=0 suppressed=0 lost=0", backtest.Lost{Paged: 1}, ""},
		{"suppressed", "", dropNoise, func(h *tape) { h.fire("s1 Noise critical", "s2 Down critical") },
			"before=2 after=1 same=1 resized=0 opened=0 merged=0 split=0 suppressed=1 lost=0", backtest.Lost{Paged: 2, Lost: 1}, "noise"},
		{"resized", "", dropNoise, func(h *tape) { h.fire("s1 Down critical", "s1 Noise warning") },
			"before=1 after=1 same=0 resized=1 opened=0 merged=0 split=0 suppressed=0 lost=0", backtest.Lost{Paged: 1}, ""},
		{"opened", dropNoise, "", func(h *tape) { h.fire("s1 Noise critical", "s2 Down critical") },
			"before=1 after=2 same=1 resized=0 opened=1 merged=0 split=0 suppressed=0 lost=0", backtest.Lost{Paged: 1}, "noise"},
		{"merged", "", byTeam, func(h *tape) {
			h.fire("s1 Down critical ns=shop", "s2 Down critical ns=shop", "s3 Down critical ns=bank")
		},
			"before=3 after=2 same=1 resized=0 opened=0 merged=1 split=0 suppressed=0 lost=0", backtest.Lost{Paged: 3}, "team"},
		{"split", "", apart, func(h *tape) { h.fire("s1 Down critical", "s1 Slow critical") },
			"before=1 after=2 same=0 resized=0 opened=0 merged=0 split=1 suppressed=0 lost=0", backtest.Lost{Paged: 1}, "apart"},
		{"lost", "", oneKey, func(h *tape) {
			fire := h.event(itsm.Firing, "s1 Down critical rack=r1")
			h.pass(5)
			h.clear("s2 Full critical rack=r1")
			h.deliver(fire)
		},
			"before=1 after=0 same=0 resized=0 opened=0 merged=0 split=0 suppressed=0 lost=1", backtest.Lost{Paged: 1, Lost: 1}, ""},
		{"page lost", "", quiet, func(h *tape) { h.fire("s1 Down critical") },
			"before=1 after=1 same=1 resized=0 opened=0 merged=0 split=0 suppressed=0 lost=0", backtest.Lost{Paged: 1, Lost: 1}, "quiet"},
		{"page later", "", late, func(h *tape) { h.fire("s1 Down critical") },
			"before=1 after=1 same=1 resized=0 opened=0 merged=0 split=0 suppressed=0 lost=0", backtest.Lost{Paged: 1, Later: 1}, "late"},
		{"page lower", "", minor, func(h *tape) { h.fire("s1 Down critical") },
			"before=1 after=1 same=1 resized=0 opened=0 merged=0 split=0 suppressed=0 lost=0", backtest.Lost{Paged: 1, Lost: 1, Lower: 1}, "minor"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newTape(t)
			c.history(h)
			r := h.run(c.before, c.after)
			if got := counts(r); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			if d := cmp.Diff(c.p1, r.P1); d != "" {
				t.Errorf("P1: %s\n%+v", d, r.Warnings)
			}
			if c.rule != "" && !strings.Contains(fmt.Sprint(ruleOfDifferences(r)), c.rule) {
				t.Errorf("rule %s has no part in it: %+v", c.rule, r.Rules)
			}
		})
	}
}

// ruleOfDifferences lists the rules that have a part in any difference.
func ruleOfDifferences(r *backtest.Report) (ids []string) {
	for _, i := range r.Rules {
		if i.Opened+i.Merged+i.Split+i.Suppressed+i.Lost+i.Warnings > 0 {
			ids = append(ids, i.ID)
		}
	}
	return ids
}

func TestPages(t *testing.T) {
	h := newTape(t).fire("s1 Down critical ns=shop", "s2 Slow critical ns=shop", "s3 Full warning")
	h.pass(2 * 24 * 60)
	h.clear("s1 Down critical ns=shop")
	r := h.run("", byTeam)
	week := func(n int) *int { v := n * 1000 * 7 * 24 * 60 / (2*24*60 + 3); return &v }
	want := backtest.Pages{
		Total:      backtest.PageCount{Name: "total", Before: 5, After: 3, BeforePerWeek: week(5), AfterPerWeek: week(3)},
		Connectors: []backtest.PageCount{{Name: "jira", Before: 3, After: 2, BeforePerWeek: week(3), AfterPerWeek: week(2)}, {Name: "pd", Before: 2, After: 1, BeforePerWeek: week(2), AfterPerWeek: week(1)}},
		Teams: []backtest.PageCount{{Name: "team0", Before: 2, After: 0, BeforePerWeek: week(2), AfterPerWeek: week(0)},
			{Name: "team1", Before: 3, After: 3, BeforePerWeek: week(3), AfterPerWeek: week(3)}},
	}
	if d := cmp.Diff(want, r.Pages); d != "" {
		t.Error(d)
	}
	if more := h.run(byTeam, ""); len(more.Failed(conditions(t, "more-pages=60%"))) != 1 || len(more.Failed(conditions(t, "more-pages=67%"))) != 0 {
		t.Errorf("from 3 pages to 5 is 67 %% more: %v", more.Failed(conditions(t, "more-pages")))
	}
}

func conditions(t *testing.T, s string) []backtest.Condition {
	t.Helper()
	c, err := backtest.ParseConditions(s)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// long is a history with every kind of thing in it.
func long(t testing.TB) *tape {
	h := newTape(t)
	h.activate(dropNoise)
	for range 3 {
		h.fire("s1 Down critical ns=shop", "s2 Slow critical ns=shop", "s2 Noise warning", "s3 Full minor ns=bank", "s1 Slow warning ns=shop", "s1 Down critical ns=shop")
		h.clear("s1 Down critical ns=shop", "s2 Slow critical ns=shop", "s3 Full minor ns=bank", "s1 Slow warning ns=shop")
		h.pass(300)
	}
	h.fire("s4 Down critical", "s5 Noise critical", "s6 Down critical ns=bank", "s7 Down major ns=bank")
	return h
}

func (h *tape) text(before, after string) (text, data string) {
	h.t.Helper()
	r := h.run(before, after)
	var b bytes.Buffer
	if err := r.WriteText(&b); err != nil {
		h.t.Fatal(err)
	}
	j, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		h.t.Fatal(err)
	}
	return b.String(), string(j)
}

// The report in full, as people see it; SIGNALBOX_UPDATE=1 writes it anew.
func TestReportText(t *testing.T) {
	got, _ := long(t).text(dropNoise, byTeam+"---\n"+dropNoise+"---\n"+quiet)
	const golden = "testdata/report.txt"
	if os.Getenv("SIGNALBOX_UPDATE") != "" {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Error(d)
	}
}

// The same history from memory and from a journal, of which a second writer is at
// work, gives the same bytes, time and again.
func TestReportIsTheSame(t *testing.T) {
	h := long(t)
	text, data := h.text("", byTeam)
	for range 3 {
		if again, j := h.text("", byTeam); again != text || j != data {
			t.Fatal(cmp.Diff(data, j))
		}
	}
	for _, size := range []int64{16 << 10, 64 << 20} {
		dir := t.TempDir()
		clock := h.entries[0].At.Std()
		log, err := journal.Open(journal.Options{Dir: dir, SegmentBytes: size, TailBytes: 1, Clock: clockOf(&clock)})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range h.entries {
			clock = e.At.Std()
			if _, at, err := log.Append(t.Context(), e.Body); err != nil || at != e.At {
				t.Fatal(at, e.At, err)
			}
		}
		for name, history := range map[string]backtest.History{"open": backtest.Journal{Log: log}, "beside": backtest.Directory(dir)} {
			rep := h.run("", byTeam, func(o *backtest.Options) { o.History = history })
			j, err := json.MarshalIndent(rep, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(data, string(j)); d != "" {
				t.Errorf("%s, segments of %d bytes: %s", name, size, d)
			}
		}
		if err := log.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestRange(t *testing.T) {
	h := newTape(t).fire("s1 Down critical")
	h.pass(60)
	from := h.at
	h.fire("s2 Down critical")
	h.pass(60)
	to := h.at
	h.fire("s3 Down critical")
	r := h.run("", "", func(o *backtest.Options) { o.From, o.To = from, to })
	if r.Incidents.Before != 1 || r.Span.Events != 1 || r.Span.From != from || r.Incidents.Same != 1 || len(r.Notes) != 1 {
		t.Errorf("%+v", r)
	}
	_, err := backtest.Run(t.Context(), backtest.Options{History: h, From: h.at})
	if itsm.CodeOf(err) != itsm.NotFound {
		t.Errorf("an empty range: %v", err)
	}
	if _, err := backtest.Run(t.Context(), backtest.Options{History: h, From: to, To: from}); itsm.CodeOf(err) != itsm.Invalid {
		t.Errorf("to before from: %v", err)
	}
}

// What came before the range is folded and not counted: an alert that fires on is in
// the incident it was in, its page is not of the range, and neither is it lost.
func TestWarmUp(t *testing.T) {
	h := newTape(t).fire("s1 Down critical", "s2 Down critical", "s3 Down critical", "s4 Slow minor")
	h.act(itsm.Act{Kind: itsm.ActMerge, Incident: 2, Into: 1})
	h.clear("s3 Down critical")
	h.pass(5)
	from := h.at
	h.fire("s1 Down critical", "s2 Down critical", "s5 Down critical")
	const wait = "id: wait\nabout: critical things can wait\nwhen: incident.severity == \"critical\"\nincident: {delay: 20m}\n"
	warm := h.run("", wait, func(o *backtest.Options) { o.From, o.WarmUp = from, time.Hour })
	cold := h.run("", wait, func(o *backtest.Options) { o.From = from })
	if cold.Span.WarmFrom != 0 || cold.Incidents.Before != 3 || cold.Pages.Total.Before != 6 {
		t.Errorf("cold: %+v\n%+v %+v", cold.Span, cold.Incidents, cold.Pages.Total)
	}
	// s1 and s2 are one incident that paged before the range and, when it waits, within
	// it; s3 and s4 are not heard of.
	if warm.Span.WarmFrom != monday || warm.Span.WarmDeliveries != 5 || warm.Span.Deliveries != 3 || warm.Span.From != from {
		t.Errorf("warm: %+v", warm.Span)
	}
	if warm.Incidents.Before != 2 || warm.Incidents.Same != 2 || warm.Compression.Before.Alerts != 3 || warm.Alerts.Before != 3 {
		t.Errorf("warm: %+v %+v %+v", warm.Incidents, warm.Compression.Before, warm.Alerts)
	}
	if warm.Pages.Total.Before != 2 || warm.Pages.Total.After != 4 || warm.FirstPage.Before.Paged != 1 || warm.P1.Paged != 1 || warm.P1.Later != 1 || warm.P1.Lost != 0 {
		t.Errorf("warm: pages %+v, first %+v, P1 %+v", warm.Pages.Total, warm.FirstPage, warm.P1)
	}
	if warm.Acts.Before.Applied != 0 || warm.Labels.Together.Pairs != 0 || !strings.Contains(strings.Join(warm.Notes, "; "), "both sides began with 5 deliveries") {
		t.Errorf("warm: acts %+v, labels %+v, notes %v", warm.Acts, warm.Labels, warm.Notes)
	}
	if got := warm.Rules[0].After.Hits; got == 0 || got >= cold.Rules[0].After.Hits+1 {
		t.Errorf("warm: the rule spoke %d times in the range, %d from a cold start", got, cold.Rules[0].After.Hits)
	}
	if _, err := backtest.Run(t.Context(), backtest.Options{History: h, From: from, WarmUp: 32 * 24 * time.Hour}); itsm.CodeOf(err) != itsm.Invalid {
		t.Errorf("too long a warm-up: %v", err)
	}
}

func TestProgressNeverFalls(t *testing.T) {
	h := newTape(t)
	for range 100 {
		h.fire("s1 Down critical", "s2 Down critical")
	}
	var seen []int
	h.run("", "", func(o *backtest.Options) { o.Progress = func(milli int) { seen = append(seen, milli) } })
	for i := 1; i < len(seen); i++ {
		if seen[i] <= seen[i-1] {
			t.Errorf("progress %v", seen)
		}
	}
	if len(seen) < 3 || seen[len(seen)-1] != 1000 {
		t.Errorf("progress %v", seen)
	}
}
