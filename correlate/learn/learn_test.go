package learn_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"signalbox/correlate/learn"
	"signalbox/itsm"
	"signalbox/rules"
)

const shop = `
cis:
  - {id: db-1, name: db-1, class: Database}
  - {id: api, name: api, class: Service}
  - {id: web-1, name: web-1, class: Server}
  - {id: web-2, name: web-2, class: Server}
  - {id: web-3, name: web-3, class: Server}
`

// plantTogether makes a slow database that the API feels two minutes later.
func plantTogether(h *history, times int) {
	for i := range times {
		at := time.Duration(i)*37*time.Hour + time.Hour
		h.fire(at, alert{name: "DiskSlow", ci: "db-1", bound: true, labels: map[string]string{"cluster": "eu", "instance": "db-1"}, lasts: time.Hour, incident: true, acted: true})
		h.fire(at+2*time.Minute, alert{name: "ApiErrors", ci: "api", bound: true, labels: map[string]string{"cluster": "eu"}, lasts: time.Hour, incident: true, acted: true})
	}
}

func TestTogether(t *testing.T) {
	h := newHistory()
	plantTogether(h, 12)
	h.noise(rand.New(rand.NewPCG(1, 1)), 40, 12, 20)
	s := only(t, h.report(graph(t, shop)), learn.Together)
	if figure(s, "together") != 12 || figure(s, "first") != 12 || figure(s, "second") != 12 || figure(s, "share") != 1 || figure(s, "lift") < 100 {
		t.Errorf("figures %+v", s.Figures)
	}
	if want := "DiskSlow on db-1 and ApiErrors on api began within 5 min of each other 12 times (12 and 12 times in all)"; !strings.HasPrefix(s.Why, want) {
		t.Errorf("why %q, want %q…", s.Why, want)
	}
	if want := "relations:\n  - {from: 'api', type: depends_on, to: 'db-1'}\n"; s.Relation != want {
		t.Errorf("relation %q, want %q", s.Relation, want)
	}
	if len(s.Examples) != learn.ExamplesMax || len(s.Examples[0].Alerts) != 2 || s.Examples[0].At != start+itsm.Time((11*37*time.Hour+time.Hour).Milliseconds()) {
		t.Errorf("examples %+v", s.Examples)
	}
	r := compiled(t, s)
	if d := cmp.Diff([]string{"labels.cluster"}, r.Correlate.GroupBy); d != "" {
		t.Error(d)
	}
	for _, part := range []string{`labels.alertname == "DiskSlow" && ci.id == "db-1"`, `labels.alertname == "ApiErrors" && ci.id == "api"`} {
		if !strings.Contains(s.Rule.Body, part) {
			t.Errorf("the rule lacks %s:\n%s", part, s.Rule.Body)
		}
	}
}

func TestTogetherIsNotProposedTwice(t *testing.T) {
	known := shop + "relations:\n  - {from: api, type: depends_on, to: db-1}\n"
	h := newHistory()
	plantTogether(h, 12)
	if s := only(t, h.report(graph(t, known)), learn.Together); s.Relation != "" {
		t.Errorf("the CMDB has the relation already: %s", s.Relation)
	}
	for i := range h.list { // all of one morning is one incident
		h.list[i].Incident = itsm.IncidentNumber(1 + (h.list[i].At-start)/itsm.Time((37*time.Hour).Milliseconds()))
	}
	for _, s := range h.report(nil).Suggestions {
		if s.Kind == learn.Together {
			t.Errorf("they are one incident already: %s", s.Why)
		}
	}
}

func TestTooFewTimesTogether(t *testing.T) {
	h := newHistory()
	plantTogether(h, 4) // four by count, fewer by weight: the first is six days old
	if got := h.report(nil).Suggestions; len(got) > 0 {
		t.Errorf("suggested %+v", got)
	}
}

func TestGoesOffWithEverything(t *testing.T) {
	h := newHistory()
	for i := range 150 {
		at := time.Duration(i) * 4 * time.Hour
		h.fire(at, alert{name: "Kind" + string(rune('A'+i%15)), ci: "ci-" + string(rune('a'+i%15)), lasts: time.Hour})
		h.fire(at+time.Minute, alert{name: "SomethingWrong", ci: "site", lasts: time.Hour})
	}
	s := only(t, h.report(nil), learn.Noisy)
	if s.Title != "SomethingWrong goes off with everything" || s.Rule.Body != "" || figure(s, "occurrences") != 150 || !strings.HasPrefix(s.Why, "SomethingWrong on site began 150 times") {
		t.Errorf("%+v", s)
	}
	for _, s := range h.report(nil).Suggestions {
		if s.Kind == learn.Together {
			t.Errorf("learned from it all the same: %s", s.Why)
		}
	}
}

func TestClearsItself(t *testing.T) {
	h := newHistory()
	for i := range 60 {
		a := alert{name: "Blip", ci: fmt.Sprintf("web-%d", i%3+1), bound: true, lasts: time.Duration(20+i) * time.Second, incident: i%2 == 0}
		switch {
		case i == 7 || i == 9:
			a.lasts = time.Hour
		case i == 11:
			a.severity = itsm.Critical
		}
		h.fire(time.Duration(i)*11*time.Hour, a)
	}
	s := only(t, h.report(nil), learn.ClearsItself)
	want := "Blip went off 59 times in 27 days, 57 of 59 cleared by themselves within 5 min (95 % within 77 s), and 30 of these opened or joined incidents that nobody touched."
	if s.Why != want {
		t.Errorf("why\n%q, want\n%q", s.Why, want)
	}
	if r := compiled(t, s); r.Suppress.Hold != 90*time.Second || r.Sources[0] != "prom" {
		t.Errorf("draft %+v", r)
	}
}

func TestNoisy(t *testing.T) {
	h := newHistory()
	for i := range 40 {
		at := time.Duration(i) * 13 * time.Hour
		h.fire(at, alert{name: "Backlog", ci: "queue", bound: true, severity: itsm.Minor, lasts: 3 * time.Hour, incident: true, acted: i == 3})
		h.fire(at+4*time.Hour, alert{name: "Down", ci: "api", bound: true, lasts: time.Hour, incident: true, acted: i%2 == 0})
	}
	s := only(t, h.report(nil), learn.Noisy)
	want := "Backlog went off 40 times in 21 days; people acted on 1 of the 40 in incidents, where they act on 26 % of all."
	if s.Why != want {
		t.Errorf("why\n%q, want\n%q", s.Why, want)
	}
	if r := compiled(t, s); len(r.Normalise.Set) != 1 || r.Normalise.Set[0].Value != "warning" {
		t.Errorf("draft %+v", r.Normalise)
	}
}

// Where nobody acts on anything, everything would be noise.
func TestNoisyNeedsPeople(t *testing.T) {
	h := newHistory()
	for i := range 40 {
		h.fire(time.Duration(i)*13*time.Hour, alert{name: "Backlog", ci: "queue", lasts: 3 * time.Hour, incident: true})
	}
	if got := h.report(nil).Suggestions; len(got) > 0 {
		t.Errorf("suggested %+v", got)
	}
}

func TestBind(t *testing.T) {
	h := newHistory()
	for i := range 6 {
		h.fire(time.Duration(i)*time.Hour, alert{name: "Load" + string(rune('A'+i/3)), ci: fmt.Sprintf("prom/x%d", i), labels: map[string]string{
			"target": fmt.Sprintf("WEB-%d.shop.example:9100", i%3+1), "rack": "r1"}})
	}
	h.fire(7*time.Hour, alert{name: "Odd", ci: "prom/odd", labels: map[string]string{"target": "gone-7:9100"}})
	s := only(t, h.report(graph(t, shop)), learn.Bind)
	if figure(s, "unbound") != 7 || figure(s, "would_bind") != 6 || figure(s, "values") != 4 || figure(s, "values_named") != 3 {
		t.Errorf("figures %+v: %s", s.Figures, s.Why)
	}
	compiled(t, s)
	set, _ := rules.Compile([]rules.File{{Name: s.Rule.Name, Body: strings.Replace(s.Rule.Body, "mode: shadow\n", "", 1)}})
	for target, want := range map[string]string{"WEB-3.shop.example:9100": "WEB-3", "web-2": "web-2", ".": "", "": ""} {
		f := rules.Facts{Event: &itsm.Event{Source: "prom", Status: itsm.Firing, Labels: itsm.LabelsOf(map[string]string{"target": target})}}
		run := set.NewRun()
		run.Begin(&f)
		if names, _ := run.Bind(); strings.Join(names, " ") != want {
			t.Errorf("%s binds to %q, want %q", target, names, want)
		}
	}
}

func TestNoiseSuggestsNothing(t *testing.T) {
	for seed := range uint64(50) {
		h := newHistory()
		h.noise(rand.New(rand.NewPCG(seed, 7)), 60, 20, 30)
		if got := h.report(graph(t, shop)).Suggestions; len(got) > 0 {
			t.Errorf("seed %d: %d suggestions, the first: %s", seed, len(got), got[0].Why)
		}
	}
}

func TestSameHistorySameReport(t *testing.T) {
	h := newHistory()
	plantTogether(h, 12)
	h.noise(rand.New(rand.NewPCG(3, 1)), 40, 12, 20)
	first, second := h.report(graph(t, shop)), h.report(graph(t, shop))
	a, _ := json.Marshal(first)
	b, _ := json.Marshal(second)
	if string(a) != string(b) {
		t.Errorf("%s\n%s", a, b)
	}
	more := newHistory()
	plantTogether(more, 15)
	s := only(t, more.report(graph(t, shop)), learn.Together)
	if got, ok := first.Find(s.ID); !ok || got.Title != s.Title {
		t.Errorf("the id %s changed with the numbers", s.ID)
	}
}

// A name can hold anything; a draft of it compiles or is not made.
func TestHostileNames(t *testing.T) {
	for _, name := range []string{`a"b`, "a'b: ${x}", "a\nb", "\x00\u2028\x7f", "a\\", "- [", strings.Repeat("x", 9000), "🙂", "bad\xff"} {
		h := newHistory()
		for i := range 30 {
			h.fire(time.Duration(i)*11*time.Hour, alert{name: name, ci: "ci " + name, lasts: time.Minute, incident: true})
			h.fire(time.Duration(i)*11*time.Hour+time.Second, alert{name: name, ci: name, bound: true, lasts: 9 * time.Hour})
		}
		for _, s := range h.report(nil).Suggestions {
			compiled(t, s)
		}
	}
}

func TestBoundsAreSaid(t *testing.T) {
	h := newHistory()
	for i := range 1500 {
		h.fire(time.Duration(i)*time.Second/10, alert{name: fmt.Sprintf("K%c", 'a'+i%26), ci: fmt.Sprintf("c%c%c", 'a'+i/26%26, 'a'+i/676), labels: map[string]string{"id": fmt.Sprint(i)}})
	}
	r := h.report(graph(t, shop))
	if d := cmp.Diff([]string{"labels"}, r.Bounds); d != "" {
		t.Error(d)
	}
	if r.Crowded != 1400 || r.Kinds != 1500 || len(r.Suggestions) != 0 {
		t.Errorf("crowded %d, kinds %d, suggestions %d", r.Crowded, r.Kinds, len(r.Suggestions))
	}
}
