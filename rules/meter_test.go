package rules

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"signalbox/itsm"
)

// dear is a condition whose cost is measured, and depends on the size of the alert.
const dear = "labels.all(a, labels.all(b, size(a) + size(b) > 0))"

// lateSet has a rule of each kind of cost: measured, charged and none.
func lateSet(t testing.TB) *Set {
	return compileText(t, File{"set.yaml", `
id: dear
about: Is measured
when: ` + dear + `
mode: shadow
suppress: mute
---
id: flat
about: Is charged a flat sum
when: labels.job.matches("^x")
mode: shadow
suppress: mute
---
id: free
about: Needs no CEL
when: labels.job == "node"
mode: shadow
suppress: mute
`})
}

// lateOf asks about an alert at a time and returns which rules hit and were late.
func lateOf(r *Run, now itsm.Time, labels int) (hit, late []string) {
	pairs := []string{"job", "node"}
	for n := range labels {
		pairs = append(pairs, fmt.Sprintf("l%02d", n), "v")
	}
	r.Begin(&Facts{Now: now, Event: event(pairs...)})
	r.Suppress(nil)
	for _, h := range r.Hits {
		hit = append(hit, h.Rule.ID)
	}
	for _, l := range r.Late {
		late = append(late, l.ID)
	}
	return hit, late
}

func TestMeter(t *testing.T) {
	s := lateSet(t)
	large := DefaultBudget()
	for _, c := range []struct {
		name   string
		budget Budget
		at     []itsm.Time // when the alerts come; what is wanted is said of the last
		late   string
	}{
		{"enough", large, []itsm.Time{1, 2, 3}, ""},
		{"a minute of one rule", Budget{Alert: large.Alert, Minute: 500, Total: large.Total}, []itsm.Time{1, 2, 3}, "dear"},
		{"a minute of all", Budget{Alert: large.Alert, Minute: large.Minute, Total: 500}, []itsm.Time{1, 2, 3}, "dear flat"},
		{"one alert", Budget{Alert: 500, Minute: large.Minute, Total: large.Total}, []itsm.Time{1}, "flat"},
		{"the next minute", Budget{Alert: large.Alert, Minute: 500, Total: 500}, []itsm.Time{1, 59_999, 60_000}, "flat"},
		{"nothing", Budget{}, []itsm.Time{1}, "dear flat"},
	} {
		r := s.NewMeter(c.budget).NewRun()
		var hit, late []string
		for _, at := range c.at {
			hit, late = lateOf(r, at, 20)
		}
		if got := strings.Join(late, " "); got != c.late {
			t.Errorf("%s: late %q, want %q", c.name, got, c.late)
		}
		if want := !strings.Contains(c.late, "dear"); slices.Contains(hit, "dear") != want || !slices.Contains(hit, "free") {
			t.Errorf("%s: %v hit", c.name, hit)
		}
		if len(r.Failed) != len(late) {
			t.Errorf("%s: %d failed, want those that are late", c.name, len(r.Failed))
		}
	}
}

// TestMeterMeasures: what counts is what a condition did, not what it might do.
func TestMeterMeasures(t *testing.T) {
	m := lateSet(t).NewMeter(DefaultBudget())
	r, cost := m.NewRun(), map[int]uint64{}
	for n, labels := range []int{2, 40} {
		lateOf(r, itsm.Time(n)*minute, labels)
		at, list := m.Spent()
		if at != itsm.Time(n)*minute || len(list) != 2 || list[0].Rule != "dear" || list[1].Rule != "flat" {
			t.Fatalf("spent %v at %d", list, at)
		}
		cost[labels] = list[0].Cost
		if list[1].Cost == 0 || list[1].Cost > CostMax/costSpare {
			t.Errorf("the flat sum is %d", list[1].Cost)
		}
	}
	if cost[40] < 50*cost[2] {
		t.Errorf("40 labels cost %d, 2 cost %d: want what each pair costs", cost[40], cost[2])
	}
}

// TestMeterRestored: what was late is late after the meter was put away.
func TestMeterRestored(t *testing.T) {
	s, b := lateSet(t), Budget{Alert: CostMax, Minute: 500, Total: 100_000}
	m := s.NewMeter(b)
	lateOf(m.NewRun(), 70_000, 20)
	at, list := m.Spent()
	n := s.NewMeter(b)
	n.Restore(at, append(list, Spent{"gone", 1 << 40}))
	if _, late := lateOf(n.NewRun(), 80_000, 20); strings.Join(late, " ") != "dear" {
		t.Errorf("late after it was restored: %v", late)
	}
	if _, late := lateOf(n.NewRun(), 120_000, 20); len(late) > 0 {
		t.Errorf("late in the next minute: %v", late)
	}
}

// TestMeterSaved: asking about what does not happen finds late what is late, and
// costs nothing.
func TestMeterSaved(t *testing.T) {
	m := lateSet(t).NewMeter(Budget{Alert: CostMax, Minute: 500, Total: 100_000})
	lateOf(m.NewRun(), 70_000, 2)
	at, before := m.Spent()
	restore := m.Save()
	lateOf(m.NewRun(), 80_000, 20)
	if _, late := lateOf(m.NewRun(), 80_000, 20); len(late) != 1 {
		t.Errorf("in between: %v late, want one", late)
	}
	lateOf(m.NewRun(), 200_000, 20)
	restore()
	if now, after := m.Spent(); now != at || !slices.Equal(after, before) {
		t.Errorf("spent %v at %d, want %v at %d", after, now, before, at)
	}
	if _, late := lateOf(m.NewRun(), 80_000, 2); len(late) > 0 {
		t.Errorf("after it: %v late", late)
	}
}

// TestLateGroup: a rule that runs out of its budget between two of its group
// values does not group by the first alone.
func TestLateGroup(t *testing.T) {
	s := compileText(t, File{"set.yaml", `
id: two
about: Groups by two
correlate: {group_by: [labels.job, '` + dear + ` ? "x" : ""', 'labels.job.matches("^x") ? "y" : ""'], count: 2, window: 5m}
`})
	for budget, want := range map[uint64]bool{1: false, 1 << 30: true} {
		r := s.NewMeter(Budget{Alert: budget, Minute: budget, Total: budget}).NewRun()
		r.Begin(&Facts{Event: event("job", "node")})
		if c := r.Correlate(); (c.Rule != nil) != want || want == (len(r.Failed) > 0) {
			t.Errorf("with %d: grouped by %q, %d failed", budget, c.Values, len(r.Failed))
		}
	}
}

// TestMeterWeighs: a short pattern that repeats costs what its steps do, where it
// sets labels and in a condition, and all of it when it ran though less was left.
func TestMeterWeighs(t *testing.T) {
	cost := func(form, pattern string) uint64 {
		s := compileText(t, File{"set.yaml", "id: a\nabout: Matches\n" + fmt.Sprintf(form, pattern) + "\n"})
		m := s.NewMeter(Budget{Alert: 1, Minute: 1 << 40, Total: 1 << 40})
		r := m.NewRun()
		r.Begin(&Facts{Event: event("x", strings.Repeat("a", 1000))})
		r.Normalise()
		_, list := m.Spent()
		return list[0].Cost
	}
	for _, form := range []string{
		"when: labels.x.matches('%s')\nnormalise: {drop: [y]}",
		"normalise: {extract: [{from: labels.x, pattern: '(?P<y>%s)'}]}",
	} {
		// Both are as long.
		if often, once := cost(form, "[a-z]{1,400}9"), cost(form, "[a-z]bcdefgh9"); often < 100*once {
			t.Errorf("%s: costs %d where it repeats 400 times, %d where once", form, often, once)
		}
	}
}

// TestFailedMember: what fails as one alert of a pair may be the other: only the
// values of its group have to come to something.
func TestFailedMember(t *testing.T) {
	s := compileText(t, File{"set.yaml", `
id: pair
about: Waits for the second
when: int(labels.code) > 500
correlate: {group_by: [labels.job], then: labels.job == "node", within: 5m}
`})
	r := s.NewRun()
	r.Begin(&Facts{Event: event("job", "node")})
	if c := r.Correlate(); c.Part != Second || len(r.Failed) != 1 {
		t.Errorf("part %d, %d failed; want the second, and its condition failed", c.Part, len(r.Failed))
	}
}

// BenchmarkMeter is what a set costs that is at its limit for each alert: the
// longest that the fold waits for its rules.
func BenchmarkMeter(b *testing.B) {
	var text strings.Builder
	for n := range 100 {
		fmt.Fprintf(&text, "id: r%d\nabout: dear\nwhen: labels.exists(a, labels.exists(b, size(a) + size(b) > 9000))\nsuppress: mute\n---\n", n)
	}
	s := compileText(b, File{"set.yaml", text.String()})
	for name, budget := range map[string]Budget{"budget": {Alert: DefaultBudget().Alert, Minute: 1 << 62, Total: 1 << 62}, "no budget": {1 << 62, 1 << 62, 1 << 62}} {
		b.Run(name, func(b *testing.B) {
			r, f := s.NewMeter(budget).NewRun(), largest()
			for b.Loop() {
				r.Begin(f)
				r.Suppress(nil)
			}
			b.ReportMetric(float64(len(r.Late)), "late")
		})
	}
}
