package report

import (
	"cmp"
	"slices"
	"time"

	"signalbox/itsm"
)

// reduced is one minus what came out over what went in.
func reduced[N int | uint64](in, out N) Cell {
	if in == 0 {
		return Cell{}
	}
	return number(1 - float64(out)/float64(in))
}

// volume is what incidents were made of.
type volume struct {
	events    uint64
	alerts    uint64
	incidents uint64
}

func volumeOf(list []*fact) (v volume) {
	for _, in := range list {
		v.events += in.events
		v.alerts += uint64(max(in.alerts, 0))
		v.incidents++
	}
	return v
}

func compression(f *facts) body {
	v := volumeOf(f.cohort)
	seen := len(f.cohort) + f.merged
	slots := f.perSlot()
	stage := func(name string, in, out uint64) []Cell {
		return []Cell{text(name), count(in), count(out), reduced(in, out)}
	}
	b := body{
		figures: []Figure{{"events_to_incidents", "Events to incidents", Share, reduced(v.events, v.incidents)}, {"precision", "Precision", Share, left(seen, len(f.labels.split))},
			{"completeness", "Completeness", Share, left(seen, len(f.labels.merged))}, whole("splits", "Split by people", len(f.labels.split)), whole("merges", "Merged by people", len(f.labels.merged)), whole("unrelated", "Said to be unrelated", f.labels.unrelated)},
		columns: []Column{{"stage", "Stage", Words}, {"in", "In", Count}, {"out", "Out", Count}, {"reduction", "Reduction", Share}},
		trend: f.trendOf(Share, "events to incidents", func(i int) Cell {
			v := volumeOf(slots[i])
			return reduced(v.events, v.incidents)
		}),
	}
	if v.incidents > 0 {
		b.rows = [][]Cell{stage("events to alerts", v.events, v.alerts), stage("alerts to incidents", v.alerts, v.incidents), stage("events to incidents", v.events, v.incidents)}
	}
	return b
}

// left is the share that is left of some when others are taken out.
func left(of, out int) Cell { return part(max(0, of-out), of) }

// verdict is whether a page was worth it.
type verdict uint8

const (
	undecided verdict = iota
	useful
	useless
)

func (in *fact) verdict() verdict {
	did := in.acked != 0 && person(in.ackedBy) || in.ended != 0 && person(in.endedBy)
	over := in.ended != 0
	switch {
	case over && (in.closeCode == "no_action" || in.closeCode == "not_reproducible"):
		return useless
	case did:
		return useful
	case over:
		return useless
	}
	return undecided
}

// worth counts pages by their verdict.
type worth [useless + 1]int

func worthOf(list []page) (w worth) {
	for _, p := range list {
		w[p.inc.verdict()]++
	}
	return w
}

func (w worth) share() Cell { return part(w[useful], w[useful]+w[useless]) }

func actionable(f *facts) body {
	w := worthOf(f.pages)
	slots := make([][]page, len(f.slots))
	groups := map[string][]page{}
	for _, p := range f.pages {
		i := slotOf(f.slots, p.at)
		slots[i] = append(slots[i], p)
		groups[cmp.Or(p.inc.cause, "unknown")] = append(groups[cmp.Or(p.inc.cause, "unknown")], p)
	}
	b := body{
		figures: []Figure{{"actionable", "Actionable", Share, w.share()}, whole("pages", "Pages", len(f.pages)), whole("not_actionable", "Not actionable", w[useless]), whole("undecided", "Not decided yet", w[undecided])},
		columns: []Column{{"ci", "CI", CI}, {"pages", "Pages", Count}, {"actionable", "Actionable", Count}, {"not_actionable", "Not actionable", Count}, {"share", "Share", Share}},
		trend:   f.trendOf(Share, "actionable", func(i int) Cell { return worthOf(slots[i]).share() }),
	}
	for ci, list := range groups { // sorted below
		w := worthOf(list)
		b.rows = append(b.rows, []Cell{text(ci), count(len(list)), count(w[useful]), count(w[useless]), w.share()})
	}
	slices.SortFunc(b.rows, func(x, y []Cell) int {
		return cmp.Or(cmp.Compare(y[3].Number, x[3].Number), cmp.Compare(y[1].Number, x[1].Number), cmp.Compare(x[0].Text, y[0].Text))
	})
	return b
}

// Shifts of twelve hours begin at eight in the morning and in the evening, UTC.
const (
	shift      = 12 * time.Hour
	shiftBegin = 8 * time.Hour
	shiftPages = 2 // that a person can follow up properly
)

func shiftOf(t itsm.Time) int64 {
	return (int64(t) - shiftBegin.Milliseconds()) / shift.Milliseconds()
}

func shifts(f *facts) body {
	end := min(f.q.To, cmp.Or(f.q.Now, f.q.To))
	n := int(shiftOf(end-1)-shiftOf(f.q.From)) + 1
	all, people := map[int64]int{}, map[string]map[int64]int{}
	slots := make([]int, len(f.slots))
	for _, p := range f.pages {
		who := "nobody"
		if person(p.inc.ackedBy) {
			who = p.inc.ackedBy
		}
		if people[who] == nil {
			people[who] = map[int64]int{}
		}
		all[shiftOf(p.at)]++
		people[who][shiftOf(p.at)]++
		slots[slotOf(f.slots, p.at)]++
	}
	mean := Cell{}
	if n > 0 {
		mean = number(float64(len(f.pages)) / float64(n))
	}
	_, busiest, over := busy(all)
	b := body{
		figures: []Figure{{"per_shift", "Pages a shift, mean", Ratio, mean}, whole("busiest", "Busiest shift", busiest), whole("over", "Shifts with more than two", over), whole("pages", "Pages", len(f.pages))},
		columns: []Column{{"person", "Person", Words}, {"pages", "Pages", Count}, {"shifts", "Shifts with a page", Count}, {"per_shift", "Pages in one, mean", Ratio}, {"busiest", "Busiest", Count}, {"over", "More than two", Count}},
		trend:   f.trendOf(Count, "pages", func(i int) Cell { return count(slots[i]) }),
	}
	for who, by := range people { // sorted below
		sum, most, over := busy(by)
		b.rows = append(b.rows, []Cell{text(who), count(sum), count(len(by)), number(float64(sum) / float64(len(by))), count(most), count(over)})
	}
	slices.SortFunc(b.rows, func(x, y []Cell) int {
		return cmp.Or(cmp.Compare(y[1].Number, x[1].Number), cmp.Compare(x[0].Text, y[0].Text))
	})
	return b
}

// busy sums up shifts: all pages, the most in one, and shifts with too many.
func busy(by map[int64]int) (sum, most, over int) {
	for _, n := range by { // sums do not depend on the order
		sum += n
		most = max(most, n)
		if n > shiftPages {
			over++
		}
	}
	return sum, most, over
}

func noise(f *facts) body {
	type group struct{ class, source string }
	type sums struct {
		alerts, flapping, suppressed int
		episodes, events             uint64
		seen                         itsm.Time
	}
	by := map[group]*sums{}
	var total sums
	for i := range f.alerts {
		a := &f.alerts[i]
		g := by[group{a.class, a.source}]
		if g == nil {
			g = &sums{}
			by[group{a.class, a.source}] = g
		}
		for _, s := range []*sums{g, &total} {
			s.alerts, s.episodes, s.events, s.seen = s.alerts+1, s.episodes+a.episodes, s.events+a.events, max(s.seen, a.seen)
			if a.flapping {
				s.flapping++
			}
			if a.suppressed {
				s.suppressed++
			}
		}
	}
	b := body{
		figures: []Figure{whole("alerts", "Alerts", total.alerts), {"events", "Events", Count, count(total.events)}, {"suppressed", "Suppressed at last", Share, part(total.suppressed, total.alerts)}, whole("flapping", "Flapping", total.flapping)},
		columns: []Column{{"alert", "Alert", Words}, {"source", "Source", Words}, {"episodes", "Episodes", Count}, {"events", "Events", Count}, {"alerts", "Alerts", Count}, {"suppressed", "Suppressed", Count}, {"flapping", "Flapping", Count}, {"last_seen", "Last seen", Moment}},
	}
	for g, s := range by { // sorted below
		b.rows = append(b.rows, []Cell{text(g.class), text(g.source), count(s.episodes), count(s.events), count(s.alerts), count(s.suppressed), count(s.flapping), moments(s.seen)})
	}
	slices.SortFunc(b.rows, func(x, y []Cell) int {
		return cmp.Or(cmp.Compare(y[2].Number, x[2].Number), cmp.Compare(y[3].Number, x[3].Number), cmp.Compare(x[0].Text, y[0].Text), cmp.Compare(x[1].Text, y[1].Text))
	})
	return b
}

func binding(f *facts) body {
	type sums struct {
		alerts int
		events uint64
		seen   itsm.Time
	}
	keys := map[string]*sums{}
	bound := 0
	slots := make([]struct{ bound, all int }, len(f.slots))
	for i := range f.alerts {
		a := &f.alerts[i]
		s := &slots[slotOf(f.slots, max(a.raised, f.q.From))]
		in := a.raised >= f.q.From
		if in {
			s.all++
		}
		if a.unbound == "" {
			bound++
			if in {
				s.bound++
			}
			continue
		}
		k := keys[a.unbound]
		if k == nil {
			k = &sums{}
			keys[a.unbound] = k
		}
		k.alerts, k.events, k.seen = k.alerts+1, k.events+a.events, max(k.seen, a.seen)
	}
	b := body{
		figures: []Figure{{"bound", "Bound", Share, part(bound, len(f.alerts))}, whole("alerts", "Alerts", len(f.alerts)), whole("unbound", "Not bound", len(f.alerts)-bound), whole("keys", "Keys without a CI", len(keys))},
		columns: []Column{{"key", "Key without a CI", Words}, {"alerts", "Alerts", Count}, {"events", "Events", Count}, {"last_seen", "Last seen", Moment}},
		trend:   f.trendOf(Share, "bound", func(i int) Cell { return part(slots[i].bound, slots[i].all) }),
	}
	for k, s := range keys { // sorted below
		b.rows = append(b.rows, []Cell{text(k), count(s.alerts), count(s.events), moments(s.seen)})
	}
	slices.SortFunc(b.rows, func(x, y []Cell) int {
		return cmp.Or(cmp.Compare(y[1].Number, x[1].Number), cmp.Compare(y[2].Number, x[2].Number), cmp.Compare(x[0].Text, y[0].Text))
	})
	return b
}
