package report

import (
	"cmp"
	"slices"
	"time"

	"signalbox/itsm"
)

func mtta(f *facts) body {
	return durations(f, func(in *fact) (time.Duration, bool) {
		return max(0, in.acked.Sub(in.opened)), in.acked != 0 && person(in.ackedBy)
	})
}

func mttd(f *facts) body {
	return durations(f, func(in *fact) (time.Duration, bool) {
		return max(0, in.opened.Sub(in.began)), in.began != 0 && in.began <= in.opened
	})
}

// durations is a report of one duration of each incident.
func durations(f *facts, take func(*fact) (time.Duration, bool)) body {
	all := sampleOf(f.cohort, take)
	b := body{
		figures: append(spread("", "", all), whole("incidents", "Incidents", all.len())),
		columns: append([]Column{{"priority", "Priority", Words}, {"incidents", "Incidents", Count}}, spreadColumns("", "")...),
		rows: byPriority(f.cohort, func(name string, part []*fact) []Cell {
			s := sampleOf(part, take)
			return append([]Cell{text(name), count(s.len())}, cellsOf(spread("", "", s))...)
		}),
	}
	slots := f.perSlot()
	b.trend = f.trendsOf(Seconds, []string{"p50", "p90"}, func(i int) []Cell {
		s := sampleOf(slots[i], take)
		return []Cell{s.quantile(50), s.quantile(90)}
	})
	return b
}

// spread is the mean beside p50 and p90.
func spread(prefix, label string, s *sample) []Figure {
	return []Figure{{prefix + "p50", label + "p50", Seconds, s.quantile(50)}, {prefix + "p90", label + "p90", Seconds, s.quantile(90)}, {prefix + "mean", label + "mean", Seconds, s.mean()}}
}

func spreadColumns(prefix, label string) []Column {
	return []Column{{prefix + "p50", label + "p50", Seconds}, {prefix + "p90", label + "p90", Seconds}, {prefix + "mean", label + "mean", Seconds}}
}

func cellsOf(list []Figure) []Cell {
	out := make([]Cell, len(list))
	for i := range list {
		out[i] = list[i].Value
	}
	return out
}

func mttr(f *facts) body {
	working := func(in *fact) (time.Duration, bool) {
		d, ok := in.took()
		return max(0, d-in.held), ok
	}
	b := durations(f, (*fact).took)
	b.figures = append(b.figures, spread("working_", "working ", sampleOf(f.cohort, working))...)
	b.columns = append(b.columns, spreadColumns("working_", "working ")...)
	b.rows = byPriority(f.cohort, func(name string, part []*fact) []Cell {
		all := sampleOf(part, (*fact).took)
		return slices.Concat([]Cell{text(name), count(all.len())}, cellsOf(spread("", "", all)), cellsOf(spread("", "", sampleOf(part, working))))
	})
	return b
}

// kept counts how one clock of incidents came out.
type kept struct{ met, breached int }

func keptOf(list []*fact, clock func(*fact) *itsm.LevelClock) (k kept) {
	for _, in := range list {
		switch c := clock(in); {
		case c.Target == 0:
		case c.Breached:
			k.breached++
		case c.DoneAt != 0:
			k.met++
		}
	}
	return k
}

func (k kept) share() Cell { return part(k.met, k.met+k.breached) }

func response(in *fact) *itsm.LevelClock   { return &in.level.Response }
func resolution(in *fact) *itsm.LevelClock { return &in.level.Resolution }

func levels(f *facts) body {
	a, b := keptOf(f.cohort, response), keptOf(f.cohort, resolution)
	slots := f.perSlot()
	return body{
		figures: []Figure{{"response", "Response met", Share, a.share()}, {"resolution", "Resolution met", Share, b.share()},
			whole("response_breached", "Responses late", a.breached), whole("resolution_breached", "Resolutions late", b.breached)},
		columns: []Column{{"priority", "Priority", Words}, {"response_met", "Response met", Count}, {"response_breached", "late", Count}, {"response", "share", Share},
			{"resolution_met", "Resolution met", Count}, {"resolution_breached", "late", Count}, {"resolution", "share", Share}},
		rows: byPriority(f.cohort, func(name string, part []*fact) []Cell {
			a, b := keptOf(part, response), keptOf(part, resolution)
			return []Cell{text(name), count(a.met), count(a.breached), a.share(), count(b.met), count(b.breached), b.share()}
		}),
		trend: f.trendsOf(Share, []string{"response", "resolution"}, func(i int) []Cell {
			return []Cell{keptOf(slots[i], response).share(), keptOf(slots[i], resolution).share()}
		}),
	}
}

func backlog(f *facts) body {
	all := slices.Concat(f.earlier, f.cohort)
	end := min(f.q.To, cmp.Or(f.q.Now, f.q.To))
	open := openAt(all, end)
	age := func(in *fact) (time.Duration, bool) { return end.Sub(in.opened), true }
	s := sampleOf(open, age)
	return body{
		figures: []Figure{whole("open", "Open", len(open)), {"age_p50", "Age, p50", Seconds, s.quantile(50)}, {"age_p90", "Age, p90", Seconds, s.quantile(90)}, {"oldest", "Oldest", Seconds, s.quantile(100)}},
		columns: []Column{{"priority", "Priority", Words}, {"open", "Open", Count}, {"unacknowledged", "Not acknowledged", Count}, {"on_hold", "On hold", Count}, {"age_p50", "Age, p50", Seconds}, {"age_p90", "p90", Seconds}, {"oldest", "Oldest", Seconds}},
		rows: byPriority(open, func(name string, part []*fact) []Cell {
			var waiting, held int
			for _, in := range part {
				if in.acked == 0 || in.acked > end {
					waiting++
				}
				if in.state == itsm.OnHold {
					held++
				}
			}
			s := sampleOf(part, age)
			return []Cell{text(name), count(len(part)), count(waiting), count(held), s.quantile(50), s.quantile(90), s.quantile(100)}
		}),
		trend: f.trendOf(Count, "open", func(i int) Cell { return count(len(openAt(all, min(f.slots[i], end)))) }),
	}
}

// openAt are the incidents that were open at a moment.
func openAt(list []*fact, at itsm.Time) (out []*fact) {
	for _, in := range list {
		if in.opened < at && (in.ended == 0 || in.ended > at) {
			out = append(out, in)
		}
	}
	return out
}

func mtbf(f *facts) body {
	last := map[string]*fact{}
	type gaps struct {
		sum time.Duration
		n   int
	}
	of := map[string]*gaps{}
	var total gaps
	for _, in := range f.cohort { // in the order of opening
		if in.cause == "" {
			continue
		}
		if was := last[in.cause]; was != nil {
			d := max(0, in.opened.Sub(cmp.Or(was.ended, in.opened)))
			g := of[in.cause]
			if g == nil {
				g = &gaps{}
				of[in.cause] = g
			}
			g.sum, g.n = g.sum+d, g.n+1
			total.sum, total.n = total.sum+d, total.n+1
		}
		if was := last[in.cause]; was == nil || was.ended != 0 && (in.ended == 0 || in.ended > was.ended) {
			last[in.cause] = in // overlapping ones: what ends last
		}
	}
	mean := func(g gaps) Cell {
		if g.n == 0 {
			return Cell{}
		}
		return number(g.sum.Seconds() / float64(g.n))
	}
	b := body{
		figures: []Figure{{"mean", "Mean", Seconds, mean(total)}, whole("cis", "CIs that failed again", len(of))},
		columns: []Column{{"ci", "CI", CI}, {"incidents", "Incidents", Count}, {"mtbf", "Between failures, mean", Seconds}},
	}
	for ci, g := range of { // sorted below
		b.rows = append(b.rows, []Cell{text(ci), count(g.n + 1), mean(*g)})
	}
	slices.SortFunc(b.rows, func(x, y []Cell) int {
		return cmp.Or(cmp.Compare(x[2].Number, y[2].Number), cmp.Compare(y[1].Number, x[1].Number), cmp.Compare(x[0].Text, y[0].Text))
	})
	return b
}
