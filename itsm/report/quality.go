package report

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"signalbox/itsm"
)

func recurrence(f *facts) body {
	type group struct {
		incidents, again int
		last             *fact
	}
	seen, groups := map[string]itsm.Time{}, map[string]*group{}
	for _, in := range f.earlier {
		if in.signature != "" {
			seen[in.signature] = in.opened // the latest: they come in order
		}
	}
	slots := make([]struct{ again, all int }, len(f.slots))
	again, told := 0, 0
	for _, in := range f.cohort {
		if in.signature == "" {
			continue
		}
		told++
		g := groups[in.signature]
		if g == nil {
			g = &group{}
			groups[in.signature] = g
		}
		s := &slots[slotOf(f.slots, in.opened)]
		if at, ok := seen[in.signature]; ok && in.opened.Sub(at) <= Lookback {
			again++
			g.again++
			s.again++
		}
		s.all++
		g.incidents, g.last, seen[in.signature] = g.incidents+1, in, in.opened
	}
	b := body{
		figures: []Figure{{"recurrence", "Seen before", Share, part(again, told)}, whole("incidents", "Incidents", told), whole("recurring", "Of them seen before", again), whole("signatures", "Signatures", len(groups))},
		columns: []Column{{"signature", "Signature", Words}, {"incidents", "Incidents", Count}, {"recurring", "Seen before", Count}, {"last", "Last", Incident}, {"problem", "Problem", Problem}},
		trend:   f.trendOf(Share, "seen before", func(i int) Cell { return part(slots[i].again, slots[i].all) }),
	}
	for s, g := range groups { // sorted below
		if g.again > 0 {
			b.rows = append(b.rows, []Cell{text(s), count(g.incidents), count(g.again), text(g.last.number.String()), text(g.last.problem)})
		}
	}
	slices.SortFunc(b.rows, func(x, y []Cell) int {
		return cmp.Or(cmp.Compare(y[1].Number, x[1].Number), cmp.Compare(x[0].Text, y[0].Text))
	})
	return b
}

// ended counts incidents that are over, and of them those that had been reopened.
func ended(list []*fact) (all, again int) {
	for _, in := range list {
		if in.ended != 0 {
			all++
			if in.epoch > 1 {
				again++
			}
		}
	}
	return all, again
}

func reopens(f *facts) body {
	all, again := ended(f.cohort)
	slots := f.perSlot()
	return body{
		figures: []Figure{{"reopened", "Reopened", Share, part(again, all)}, whole("ended", "Incidents ended", all), whole("reopened_count", "Of them reopened", again)},
		columns: []Column{{"priority", "Priority", Words}, {"ended", "Ended", Count}, {"reopened", "Reopened", Count}, {"share", "Share", Share}},
		rows: byPriority(f.cohort, func(name string, list []*fact) []Cell {
			all, again := ended(list)
			return []Cell{text(name), count(all), count(again), part(again, all)}
		}),
		trend: f.trendOf(Share, "reopened", func(i int) Cell {
			all, again := ended(slots[i])
			return part(again, all)
		}),
	}
}

func problems(f *facts) body {
	var accepted, answered, proposed, effective, judged, watching int
	b := body{columns: []Column{{"problem", "Problem", Problem}, {"title", "Title", Words}, {"state", "State", Words}, {"proposed_at", "Proposed", Moment}, {"resolved_at", "Resolved", Moment}, {"effect", "Effect", Words}, {"monthly_minutes", "Person-minutes a month", Count}}}
	for i := range f.problems { // the newest first
		p := &f.problems[i]
		if f.q.has(p.ProposedAt) && !person(p.CreatedBy) {
			proposed++
			switch {
			case p.State.Accepted(), p.State == itsm.ProblemMerged && p.AcceptedAt != 0:
				accepted++
				answered++
			case p.State != itsm.ProblemCandidate:
				answered++
			}
		}
		if f.q.has(p.ResolvedAt) {
			switch p.Effect {
			case itsm.EffectEffective:
				effective++
				judged++
			case itsm.EffectNotEffective:
				judged++
			default:
				watching++
			}
		}
		b.rows = append(b.rows, []Cell{text(p.Number.String()), text(p.Title), text(word(string(p.State))), moments(p.ProposedAt), moments(p.ResolvedAt), text(word(p.Effect)), count(p.MonthlyCost)})
	}
	b.figures = []Figure{{"conversion", "Candidates accepted", Share, part(accepted, answered)}, {"effectiveness", "Fixes effective", Share, part(effective, judged)}, whole("proposed", "Candidates proposed", proposed),
		whole("waiting", "Of them not answered", proposed-answered), whole("resolved", "Problems resolved", judged+watching), whole("watching", "Too early to judge", watching)}
	return b
}

// word is a word of the API as people read it.
func word(s string) string { return strings.ReplaceAll(s, "_", " ") }

func changes(f *facts) body {
	suspect := map[string]*fact{}
	for _, in := range f.cohort {
		if in.change != "" && suspect[in.change] == nil {
			suspect[in.change] = in
		}
	}
	type sums struct{ all, failed int }
	by := map[itsm.ChangeType]*sums{}
	for _, t := range itsm.ChangeTypes {
		by[t] = &sums{}
	}
	slots := make([]sums, len(f.slots))
	var total sums
	var reported int
	b := body{columns: []Column{{"change", "Change that failed", Change}, {"title", "Title", Words}, {"type", "Type", Words}, {"who", "Who", Words}, {"ended_at", "Ended", Moment}, {"why", "Why", Words}, {"incident", "Incident", Incident}}}
	for i := range f.changes {
		c := &f.changes[i]
		in := suspect[c.ID]
		failed := c.State == itsm.ChangeFailed || in != nil
		why, number := "an incident names it", ""
		if in != nil {
			number = in.number.String()
		}
		if c.State == itsm.ChangeFailed {
			why = "reported as failed"
			reported++
		}
		list := []*sums{&total, &slots[slotOf(f.slots, c.EndedAt)]}
		if s := by[c.Type]; s != nil {
			list = append(list, s)
		}
		for _, s := range list {
			s.all++
			if failed {
				s.failed++
			}
		}
		if failed {
			b.rows = append(b.rows, []Cell{text(c.ID), text(c.Title), text(string(c.Type)), text(c.Who), moments(c.EndedAt), text(why), text(number)})
		}
	}
	b.figures = []Figure{{"failure_rate", "Failed", Share, part(total.failed, total.all)}, whole("changes", "Changes", total.all), whole("failed", "Of them failed", total.failed), whole("reported", "Reported as failed", reported)}
	for _, t := range itsm.ChangeTypes {
		b.figures = append(b.figures, Figure{string(t), "Failed, " + string(t), Share, part(by[t].failed, by[t].all)})
	}
	b.trend = f.trendOf(Share, "failed", func(i int) Cell { return part(slots[i].failed, slots[i].all) })
	return b
}

func topCIs(f *facts) body {
	return top(f, Column{"ci", "CI", CI}, func(in *fact) []string {
		if in.cause == "" {
			return nil
		}
		return []string{in.cause}
	})
}

func topServices(f *facts) body {
	return top(f, Column{"service", "Service", Service}, func(in *fact) []string { return in.services })
}

// top ranks what incidents are about by how many there were.
func top(f *facts, head Column, of func(*fact) []string) body {
	type sums struct {
		incidents, urgent, reopened int
		down                        time.Duration
		took                        sample
		last                        itsm.Time
	}
	by := map[string]*sums{}
	for _, in := range f.cohort {
		for _, name := range of(in) {
			s := by[name]
			if s == nil {
				s = &sums{}
				by[name] = s
			}
			s.incidents++
			s.last = in.opened // they come in order
			if in.priority == itsm.P1 || in.priority == itsm.P2 {
				s.urgent++
			}
			if in.epoch > 1 {
				s.reopened++
			}
			if d, ok := in.took(); ok {
				s.down += d
				s.took.add(d)
			}
		}
	}
	slots := f.perSlot()
	b := body{
		columns: []Column{head, {"incidents", "Incidents", Count}, {"urgent", "P1 and P2", Count}, {"reopened", "Reopened", Count}, {"down", "Down", Seconds}, {"p50", "To resolve, p50", Seconds}, {"last", "Last opened", Moment}},
		trend:   f.trendOf(Count, "incidents", func(i int) Cell { return count(len(slots[i])) }),
	}
	for name, s := range by { // sorted below
		b.rows = append(b.rows, []Cell{text(name), count(s.incidents), count(s.urgent), count(s.reopened), number(s.down.Seconds()), s.took.quantile(50), moments(s.last)})
	}
	slices.SortFunc(b.rows, func(x, y []Cell) int {
		return cmp.Or(cmp.Compare(y[1].Number, x[1].Number), cmp.Compare(y[4].Number, x[4].Number), cmp.Compare(x[0].Text, y[0].Text))
	})
	share := Cell{}
	if len(b.rows) > 0 {
		share = part(int(b.rows[0][1].Number), len(f.cohort))
	}
	b.figures = []Figure{whole("incidents", "Incidents", len(f.cohort)), whole("names", head.Label+"s", len(by)), {"worst", "Of them of the worst", Share, share}}
	return b
}
