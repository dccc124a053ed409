package backtest

import (
	"cmp"
	"maps"
	"slices"

	"signalbox/itsm"
)

// lateMS is how much later a page may come without a warning.
const lateMS = LateMinutes * 60_000

// chains are the incidents of a side with those that were merged into them.
func (s *side) chains() map[itsm.IncidentNumber][]*incident {
	out := map[itsm.IncidentNumber][]*incident{}
	for in := range s.all {
		n := s.final(in.number)
		out[n] = append(out[n], in)
	}
	return out
}

// firsts are the first pages by connector of an incident and what was merged into it,
// from a moment on.
func firsts(chain []*incident, since itsm.Time) map[string]itsm.Time {
	out := map[string]itsm.Time{}
	for _, in := range chain {
		for _, p := range in.pages {
			if p.at < since {
				continue
			}
			if at, ok := out[p.connector]; !ok || p.at < at {
				out[p.connector] = p.at
			}
		}
	}
	return out
}

// worst is the most important priority of an incident and what was merged into it.
func worst(chain []*incident) itsm.Priority {
	p := itsm.P5
	for _, in := range chain {
		p = min(p, in.priority)
	}
	return p
}

// warn compares the pages of every P1 and P2.
func (m *matching) warn(rep *Report) (all []Warning) {
	before, after := m.r.before.chains(), m.r.after.chains()
	var list []*incident
	for n, f := range m.before { // sorted below
		if p := worst(before[n]); p <= itsm.P2 {
			f.in.raise(p)
			list = append(list, f.in)
		}
	}
	slices.SortFunc(list, order)
	for _, in := range list {
		paged := firsts(before[in.number], m.r.before.since)
		ws := m.warnings(in, paged, after)
		lost := &rep.P1
		if in.priority == itsm.P2 {
			lost = &rep.P2
		}
		lost.Paged += count(len(paged) > 0)
		kinds := map[string]bool{}
		for _, w := range ws {
			kinds[w.Kind] = true
		}
		lost.Lost += count(kinds["lost"])
		lost.Later += count(kinds["later"])
		lost.Lower += count(kinds["lower"])
		all = append(all, ws...)
	}
	return all
}

// warnings are those of one incident, one of each kind.
func (m *matching) warnings(in *incident, paged map[string]itsm.Time, after map[itsm.IncidentNumber][]*incident) (out []Warning) {
	f := m.before[in.number]
	then := map[string]itsm.Time{}
	best := itsm.P5
	for n := range f.shared { // any order: minima
		best = min(best, worst(after[n]))
		for c, at := range firsts(after[n], 0) { // paged before the range is not lost in it
			if old, ok := then[c]; !ok || at < old {
				then[c] = at
			}
		}
	}
	kinds := map[string]*Warning{}
	for _, c := range slices.Sorted(maps.Keys(paged)) {
		at, ok := then[c]
		kind := ""
		switch {
		case !ok:
			kind = "lost"
		case at > paged[c]+lateMS:
			kind = "later"
		case best > itsm.P2:
			kind = "lower"
		default:
			continue
		}
		w := kinds[kind]
		if w == nil {
			w = &Warning{Kind: kind, Incident: m.ref(in, false), PagedAt: paged[c]}
			kinds[kind] = w
		}
		w.Connectors = append(w.Connectors, c)
		w.PagedAt, w.Then = min(w.PagedAt, paged[c]), max(w.Then, at)
	}
	for _, kind := range []string{"lost", "later", "lower"} {
		if w := kinds[kind]; w != nil {
			e := m.example(f, m.r.before, m.after, false)
			w.After, w.Rules = e.After, m.silencers(f, e.Rules)
			out = append(out, *w)
		}
	}
	return out
}

// silencers are the rules that changed who hears of an incident: those that speak of
// the incidents it becomes, or else those that moved its alerts.
func (m *matching) silencers(f *fate, movers []string) []string {
	speak := map[string]bool{}
	for _, rule := range f.in.rules {
		speak[rule] = m.changed[rule] != ""
	}
	for n := range f.shared { // any order: a set
		for _, rule := range m.after[n].in.rules {
			speak[rule] = m.changed[rule] != ""
		}
	}
	maps.DeleteFunc(speak, func(_ string, changed bool) bool { return !changed })
	if len(speak) == 0 {
		return movers
	}
	return slices.Sorted(maps.Keys(speak))
}

// pages counts triggers.
func (m *matching) pages() (out Pages) {
	connectors, teams := map[string]*PageCount{}, map[string]*PageCount{}
	of := func(in map[string]*PageCount, name string) *PageCount {
		if in[name] == nil {
			in[name] = &PageCount{Name: name}
		}
		return in[name]
	}
	out.Total.Name = "total"
	for i, s := range []*side{m.r.before, m.r.after} {
		for in := range s.all {
			for _, p := range in.pages {
				if p.at < s.since {
					continue
				}
				for _, c := range []*PageCount{&out.Total, of(connectors, p.connector), of(teams, p.group)} {
					*[]*int{&c.Before, &c.After}[i]++
				}
			}
		}
	}
	list := func(in map[string]*PageCount) []PageCount {
		all := make([]PageCount, 0, len(in))
		for _, name := range slices.Sorted(maps.Keys(in)) {
			all = append(all, m.weekly(*in[name]))
		}
		return all
	}
	out.Total, out.Connectors, out.Teams = m.weekly(out.Total), list(connectors), list(teams)
	return out
}

const (
	dayMS  = 24 * 60 * 60 * 1000
	weekMS = 7 * dayMS
)

// weekly adds what a count comes to in a week.
func (m *matching) weekly(c PageCount) PageCount {
	if span := int(m.r.span.To - m.r.span.From); span >= dayMS {
		b, a := c.Before*1000*weekMS/span, c.After*1000*weekMS/span
		c.BeforePerWeek, c.AfterPerWeek = &b, &a
	}
	return c
}

// delay is how long incidents wait for their first page.
func (s *side) delay() (d Delay) {
	var all []int
	chains := s.chains()
	for _, n := range sorted(chains) {
		opened, paged := itsm.Time(0), itsm.Time(0)
		for _, in := range chains[n] {
			if in.openedAt != 0 && (opened == 0 || in.openedAt < opened) {
				opened = in.openedAt
			}
		}
		if opened < s.since {
			continue
		}
		for _, at := range firsts(chains[n], 0) { // any order: a minimum
			if paged == 0 || at < paged {
				paged = at
			}
		}
		if paged != 0 {
			all = append(all, int(max(0, paged-opened)/1000))
		}
	}
	if d.Paged = len(all); d.Paged == 0 {
		return d
	}
	slices.SortFunc(all, cmp.Compare[int])
	at := func(percent int) int { return all[(len(all)*percent+99)/100-1] }
	d.P50, d.P90, d.Max = at(50), at(90), all[len(all)-1]
	return d
}
