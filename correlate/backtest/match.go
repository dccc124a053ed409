package backtest

import (
	"cmp"
	"maps"
	"slices"

	"signalbox/itsm"
)

// matching is which incidents of both sides share alerts.
type matching struct {
	r          *run
	before     map[itsm.IncidentNumber]*fate
	after      map[itsm.IncidentNumber]*fate
	known      [2]map[itsm.IncidentNumber]itsm.IncidentNumber // number in the history, of incidents before and after
	reached    [2][]bool                                      // by episode: in an incident of the other side
	alerts     Alerts
	changed    map[string]string // rules that the two sets do not share alike, by id
	heldAlerts map[string]int    // alerts that a rule took out of incidents
}

// fate is what became of an incident on the other side.
type fate struct {
	in     *incident
	shared map[itsm.IncidentNumber]int // alerts in each incident of the other side
	alone  int                         // alerts that are in none there
	held   map[string]int              // alerts that a rule of the other side holds back, by rule; nil: none
	rules  map[string]bool             // that put its alerts there; nil: none
}

// match compares where each link leads.
func (r *run) match() *matching {
	m := &matching{r: r, before: map[itsm.IncidentNumber]*fate{}, after: map[itsm.IncidentNumber]*fate{}, changed: r.changedRules(), heldAlerts: map[string]int{}}
	m.known = [2]map[itsm.IncidentNumber]itsm.IncidentNumber{{}, {}}
	m.reach()
	for i := range r.links {
		if r.heard[i] {
			m.add(&r.links[i])
		}
	}
	for i, s := range []*side{r.before, r.after} {
		for ep := range s.episodes {
			*[]*int{&m.alerts.Before, &m.alerts.After}[i] += count(s.counts(ep) && s.incidentOf(int32(ep)) != 0)
		}
	}
	return m
}

// reach notes the episodes that are in an incident of the other side by some event.
func (m *matching) reach() {
	m.reached = [2][]bool{make([]bool, len(m.r.before.episodes)), make([]bool, len(m.r.after.episodes))}
	for _, l := range m.r.links {
		if l.before >= 0 && m.r.after.incidentOf(l.after) != 0 {
			m.reached[0][l.before] = true
		}
		if l.after >= 0 && m.r.before.incidentOf(l.before) != 0 {
			m.reached[1][l.after] = true
		}
	}
}

func (m *matching) add(l *link) {
	b, a := m.r.before.incidentOf(l.before), m.r.after.incidentOf(l.after)
	if m.r.known != nil {
		m.note(l, b, a)
	}
	if a == 0 && l.before >= 0 && m.reached[0][l.before] || b == 0 && l.after >= 0 && m.reached[1][l.after] {
		return // another event of the same episode got there
	}
	if b != 0 {
		m.seen(m.before, m.r.before, b, l.before).meets(a)
	}
	if a != 0 {
		m.seen(m.after, m.r.after, a, l.after).meets(b)
	}
	switch {
	case b != 0 && a == 0:
		m.gone(m.before[b], m.r.after.heldBy(l.after, l.afterDrop))
	case b == 0 && a != 0:
		m.alerts.Added++
		m.after[a].hold(m.r.before.heldBy(l.before, l.beforeDrop))
	}
}

// note remembers the numbers that history has for both incidents.
func (m *matching) note(l *link, b, a itsm.IncidentNumber) {
	k := m.r.known.incidentOf(l.known)
	for i, n := range []itsm.IncidentNumber{b, a} {
		if _, ok := m.known[i][n]; !ok && k != 0 && n != 0 {
			m.known[i][n] = k
		}
	}
}

func (m *matching) seen(of map[itsm.IncidentNumber]*fate, s *side, n itsm.IncidentNumber, ep int32) *fate {
	f := of[n]
	if f == nil {
		f = &fate{in: s.incident(n), shared: map[itsm.IncidentNumber]int{}}
		of[n] = f
	}
	if r := s.episodes[ep].rule; r != 0 {
		if f.rules == nil {
			f.rules = map[string]bool{}
		}
		f.rules[s.names[r]] = true
	}
	return f
}

func (f *fate) meets(other itsm.IncidentNumber) {
	if other == 0 {
		f.alone++
		return
	}
	f.shared[other]++
}

func (f *fate) hold(rule string) {
	if rule == "" {
		return
	}
	if f.held == nil {
		f.held = map[string]int{}
	}
	f.held[rule]++
}

func (m *matching) gone(f *fate, rule string) {
	f.hold(rule)
	if rule == "" {
		m.alerts.Lost++
		return
	}
	m.alerts.Suppressed++
	m.heldAlerts[rule]++
}

// sorted are the numbers of incidents, in order.
func sorted[V any](m map[itsm.IncidentNumber]V) []itsm.IncidentNumber {
	return slices.Sorted(maps.Keys(m))
}

// incidents sorts out the kinds of difference.
func (m *matching) incidents(tell func(kind string, e *Example)) (out Incidents) {
	out.Before, out.After = len(m.before), len(m.after)
	d := map[string]*Difference{"opened": &out.Opened, "merged": &out.Merged, "split": &out.Split, "suppressed": &out.Suppressed, "lost": &out.Lost}
	for _, v := range d {
		v.Examples = []Example{}
	}
	add := func(kind string, e Example) {
		if v := d[kind]; v != nil {
			if v.Count++; len(v.Examples) < m.r.o.Examples {
				v.Examples = append(v.Examples, e)
			}
		}
		tell(kind, &e)
	}
	for _, n := range sorted(m.before) {
		f := m.before[n]
		switch {
		case len(f.shared) > 1:
			add("split", m.example(f, m.r.before, m.after, false))
		case len(f.shared) == 0 && len(f.held) > 0:
			add("suppressed", m.example(f, m.r.before, m.after, false))
		case len(f.shared) == 0:
			add("lost", m.example(f, m.r.before, m.after, false))
		case m.isSame(f, n):
			out.Same++
		case m.isResized(f):
			out.Resized++
		}
	}
	for _, n := range sorted(m.after) {
		f := m.after[n]
		switch {
		case len(f.shared) > 1:
			add("merged", m.example(f, m.r.after, m.before, true))
		case len(f.shared) == 0:
			add("opened", m.example(f, m.r.after, m.before, true))
		}
	}
	return out
}

// isSame reports whether an incident before is one after with the same alerts.
func (m *matching) isSame(f *fate, n itsm.IncidentNumber) bool {
	a := m.after[only(f)]
	return len(f.held) == 0 && f.alone == 0 && a.alone == 0 && len(a.shared) == 1 && a.shared[n] > 0
}

// isResized reports whether an incident before is one after, which is no other's.
func (m *matching) isResized(f *fate) bool { return len(m.after[only(f)].shared) == 1 }

// only is the one incident of the other side that shares alerts.
func only(f *fate) (n itsm.IncidentNumber) {
	for n = range f.shared { // there is one
	}
	return n
}

// refsMax bounds the incidents that one example lists on each side.
const refsMax = 20

// example describes an incident and those it shares alerts with.
func (m *matching) example(f *fate, s *side, others map[itsm.IncidentNumber]*fate, isAfter bool) Example {
	e := Example{Before: []IncidentRef{}, After: []IncidentRef{}, Alerts: f.alone}
	mine, theirs := &e.Before, &e.After
	if isAfter {
		mine, theirs = &e.After, &e.Before
	}
	*mine = append(*mine, m.ref(f.in, isAfter))
	rules := map[string]bool{}
	maps.Copy(rules, f.rules)
	for rule := range f.held {
		rules[rule] = true
	}
	for _, n := range sorted(f.shared) {
		o := others[n]
		e.Alerts += f.shared[n]
		maps.Copy(rules, o.rules)
		if len(*theirs) < refsMax {
			*theirs = append(*theirs, m.ref(o.in, !isAfter))
		}
	}
	e.Rules = m.culprits(rules)
	return e
}

// culprits are the rules among some that the two sets do not share alike; if there
// are none, all of them.
func (m *matching) culprits(rules map[string]bool) []string {
	all := slices.Sorted(maps.Keys(rules))
	if some := slices.DeleteFunc(slices.Clone(all), func(id string) bool { return m.changed[id] == "" }); len(some) > 0 {
		return some
	}
	return append([]string{}, all...)
}

func (m *matching) ref(in *incident, isAfter bool) IncidentRef {
	ref := IncidentRef{Number: in.number.String(), Title: in.title, Priority: in.priority, Group: in.group, OpenedAt: in.openedAt}
	for _, p := range in.pages {
		if ref.PagedAt == 0 || p.at < ref.PagedAt {
			ref.PagedAt = p.at
		}
	}
	i := 0
	if isAfter {
		i = 1
	}
	if k, ok := m.known[i][in.number]; ok {
		text := k.String()
		ref.Recorded = &text
	}
	return ref
}

// order puts the more important incident first, then the older one.
func order(a, b *incident) int {
	return cmp.Or(cmp.Compare(a.priority, b.priority), cmp.Compare(a.number, b.number))
}
