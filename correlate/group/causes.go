package group

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"time"

	"signalbox/itsm"
	"signalbox/itsm/cmdb"
)

// Bounds of a ranking: the alerting CIs looked at (the first to alert), and the
// CIs one of them can put under suspicion.
const (
	causeCIsMax   = 512
	causeLeadsMax = 256
)

// massScale is the mass of an alert that never fired before, first of its group.
const massScale = 1_000_000

// massOf is how much an alert says against its CI: less the more often it fired
// before, the later it comes, and when it may be another's fault: it is about a call,
// which either end may have spoilt, or was taken to be on this CI of several. What
// comes by itself to a CI that was well, a quiet gap after the latest, is what the
// outage did and not how it began.
func (g *Grouper) massOf(gr *group, p Probe, s *series, m *member) int64 {
	if m.chronic || p.Rule == "" && p.CI != cmdb.NoRef && !gr.cis.has(p.CI) && p.At-gr.lastJoin > max(gr.pace, g.paceMax()) {
		return 0
	}
	mass := int64(massScale / (1 + s.usual(gr.opened-late)))
	d := decay(max(p.At-gr.opened, 0), itsm.Time(g.c.CauseTau.Milliseconds()))
	mass = mass * int64(g.c.CauseLateMilli+(1000-g.c.CauseLateMilli)*d/1000) / 1000
	if p.Taken || isCall(p.Labels) {
		mass = mass * int64(g.c.CauseCallMilli) / 1000
	}
	return mass
}

// Causes ranks the probable causes of n, best first, at most ten. The result is
// kept until the group changes, and must not be changed by the caller.
func (g *Grouper) Causes(n itsm.IncidentNumber) []itsm.Cause {
	gr := g.groups[n]
	if gr == nil {
		return nil
	}
	if gr.dirty || gr.asOf != g.changesTurn {
		gr.causes, gr.dirty, gr.asOf = g.rank(gr), false, g.changesTurn
	}
	return gr.causes
}

// lead is a CI that an alert on another one puts under suspicion.
type lead struct {
	ref    cmdb.Ref
	weight int // share of the mass, in thousandths
	hops   int
	path   itsm.CausePath // from the one to the other; nil until asked for
}

// suspect is a CI that may be the cause.
type suspect struct {
	ref     cmdb.Ref
	key     string // provisional key when ref is NoRef
	covered int    // alerting CIs it explains
	kin     int    // its instances under suspicion, when that is why
	mass    int64
	first   itsm.Time
	from    [itsm.CausePathsMax]source // the first CIs that put it under suspicion

	changed       string // the change that touched it shortly before; "" for none
	changedBefore itsm.Time
}

// source is one alert's suspicion: an alerting CI, and which of its leads.
type source struct{ ci, lead uint16 }

// ranking is a ranking under way.
type ranking struct {
	list []suspect
	turn uint64
	g    *Grouper
}

// find returns the place of a CI among the suspects, or -1.
func (l *ranking) find(ref cmdb.Ref) int {
	if at := l.g.locals.of(ref); at != nil && at.ranked == l.turn {
		return int(at.suspect)
	}
	return -1
}

func (l *ranking) add(s suspect) int {
	i := len(l.list)
	l.list = append(l.list, s)
	if s.ref != cmdb.NoRef {
		at := l.g.locals.at(s.ref)
		at.ranked, at.suspect = l.turn, int32(i)
	}
	return i
}

// best returns the first of the suspects, in order.
func (l *ranking) best() []*suspect {
	var buf [itsm.IncidentCausesMax]*suspect
	top := buf[:0]
	for i := range l.list {
		s := &l.list[i]
		at := len(top)
		for at > 0 && l.g.compare(s, top[at-1]) < 0 {
			at--
		}
		if at == len(buf) {
			continue
		}
		top = slices.Insert(top[:min(len(top), len(buf)-1)], at, s)
	}
	return slices.Clone(top)
}

// rank computes the causes of a group.
func (g *Grouper) rank(gr *group) []itsm.Cause {
	cis := gr.alerting()
	g.ranked++
	list, all := ranking{list: g.suspects[:0], turn: g.ranked, g: g}, true
	var total int64
	for n, ci := range cis {
		total += ci.mass
		leads := g.leadsOf(ci.ref)
		all = all && leads.all
		for k := range leads.list {
			l := &leads.list[k]
			i := list.find(l.ref)
			if i < 0 {
				i = list.add(suspect{ref: l.ref, first: ci.first})
			}
			s := &list.list[i]
			if s.covered < len(s.from) {
				s.from[s.covered] = source{uint16(n), uint16(k)}
			}
			s.covered++
			s.mass += ci.mass * int64(l.weight) / 1000
		}
	}
	g.suspectKin(gr, &list)
	for i := range gr.keys.list {
		key, sp := gr.keys.list[i].key, &gr.keys.list[i].val
		total += sp.mass
		list.add(suspect{ref: cmdb.NoRef, key: key, covered: 1, mass: sp.mass, first: sp.first})
	}
	g.suspectChanges(&list)
	g.suspects = list.list
	best := list.best()
	out := make([]itsm.Cause, len(best))
	for i, s := range best {
		out[i] = g.cause(gr, s, max(total, 1))
		switch {
		case s.ref == cmdb.NoRef:
		case all: // who did not put it under suspicion has no path to it
			out[i].Paths = g.pathsOf(cis, s)
		default:
			out[i].Paths = g.pathsFrom(cis, s.ref)
		}
	}
	return out
}

// alerting is a bound CI of a group: when it alerted first and how much that says
// against it.
type alerting struct {
	ref   cmdb.Ref
	first itsm.Time
	mass  int64
}

// alerting returns the group's bound CIs, the first to alert first, at most
// causeCIsMax.
func (gr *group) alerting() []alerting {
	out := make([]alerting, gr.cis.len())
	for i := range out {
		p := &gr.cis.list[i]
		out[i] = alerting{p.key, p.val.first, p.val.mass}
	}
	slices.SortFunc(out, func(a, b alerting) int { return cmp.Or(cmp.Compare(a.first, b.first), cmp.Compare(a.ref, b.ref)) })
	return out[:min(len(out), causeCIsMax)]
}

// pathsOf returns the ways from the first CIs that put s under suspicion. They are
// kept with the leads: an incident that grows is ranked again and again, and the
// ways stay.
func (g *Grouper) pathsOf(cis []alerting, s *suspect) []itsm.CausePath {
	var out []itsm.CausePath
	for _, from := range s.from[:min(s.covered, len(s.from))] {
		ci := cis[from.ci].ref
		path := g.leadPath(ci, &g.leadsOf(ci).list[from.lead])
		if path == nil {
			continue
		}
		if out == nil {
			out = make([]itsm.CausePath, 0, min(s.covered, len(s.from)))
		}
		out = append(out, path)
	}
	return out
}

// pathsFrom returns the ways to a CI from the first CIs that have one.
func (g *Grouper) pathsFrom(cis []alerting, to cmdb.Ref) (out []itsm.CausePath) {
	for _, ci := range cis {
		if len(out) == itsm.CausePathsMax {
			break
		}
		if path := g.path(ci.ref, to); path != nil {
			out = append(out, path)
		}
	}
	return out
}

// onlyMilli is the weight of the only instance of a CI: it is that CI, and going
// one step closer to the cause costs nothing. It is over one so that of two
// equal suspects the instance comes first.
const onlyMilli = 1001

// leadsOf returns the CIs that an alert on ci puts under suspicion: ci itself and
// what it depends on, less with each hop and with the suspect's fan-in.
func (g *Grouper) leadsOf(ci cmdb.Ref) leads {
	if w := g.locals.walked(ci); w != nil && w.leads.list != nil {
		return w.leads
	}
	l := g.findLeads(ci)
	g.locals.walk(ci).leads = l
	return l
}

// leads are found along dependencies; all says that they are everything within reach.
type leads struct {
	list []lead
	all  bool
}

func (g *Grouper) findLeads(ci cmdb.Ref) leads {
	all := true
	out := []lead{{ref: ci, weight: 1000}}
	share := []int{1000} // before the prior
	seen := map[cmdb.Ref]bool{ci: true}
	for i := 0; i < len(out) && out[i].hops < g.c.Hops; i++ {
		only := g.onlyInstance(out[i].ref)
		for _, e := range g.cmdb.Dependencies(out[i].ref) {
			if seen[e.To] {
				continue
			}
			if len(out) == causeLeadsMax {
				all = false
				continue
			}
			seen[e.To] = true
			w := share[i] * g.c.CauseGammaMilli / 1000
			fan := g.cmdb.FanIn(e.To)
			switch {
			case e.To == only:
				w = share[i] * onlyMilli / 1000
			case w == 0:
				all = false
				continue
			}
			share = append(share, w)
			if !(e.To == only && fan == 1) {
				w = w * prior(g.c.CauseBetaMilli, fan) / 1000
			}
			out = append(out, lead{ref: e.To, weight: w, hops: out[i].hops + 1})
		}
	}
	return leads{out, all}
}

// isInstance reports whether a relation leads from a CI to one of its instances
// or parts.
func isInstance(relation string) bool {
	return relation == "has_instance" || relation == "part_of" || relation == "instance_of"
}

// onlyInstance returns the instance of a CI that has exactly one, else NoRef.
func (g *Grouper) onlyInstance(ci cmdb.Ref) cmdb.Ref {
	only := cmdb.NoRef
	for _, e := range g.cmdb.Dependencies(ci) {
		if !isInstance(e.Type) {
			continue
		}
		if only != cmdb.NoRef {
			return cmdb.NoRef
		}
		only = e.To
	}
	return only
}

// suspectKin suspects what instances have in common when several of them are
// suspects: one bad instance is that instance, several are their service.
func (g *Grouper) suspectKin(gr *group, list *ranking) {
	type kin struct {
		n        int
		sum, top int64
		first    itsm.Time
	}
	var kins map[cmdb.Ref]kin
	var order []cmdb.Ref
	for i := range list.list {
		s := &list.list[i]
		if g.cmdb.FanIn(s.ref) > g.c.NearDegreeMax {
			continue // an instance has few owners, a hub many users
		}
		for _, e := range g.cmdb.Dependants(s.ref) {
			if !isInstance(e.Type) {
				continue
			}
			if kins == nil {
				kins = map[cmdb.Ref]kin{}
			}
			k, ok := kins[e.To]
			if !ok {
				order = append(order, e.To)
				k.first = s.first
			}
			kins[e.To] = kin{k.n + 1, k.sum + s.mass, max(k.top, s.mass), min(k.first, s.first)}
		}
	}
	for _, owner := range order {
		k := kins[owner]
		mass := (k.sum - k.top) * int64(g.c.CauseKinMilli) / 1000
		if sp := gr.cis.get(owner); sp != nil {
			mass += sp.mass
		}
		i := list.find(owner)
		switch {
		case k.n < 2:
		case i < 0:
			list.add(suspect{ref: owner, kin: k.n, mass: mass, first: k.first})
		case mass > list.list[i].mass:
			list.list[i].mass, list.list[i].kin = mass, k.n
		}
	}
}

// compare orders suspects: more mass, earlier first alert, then id.
func (g *Grouper) compare(a, b *suspect) int {
	if c := cmp.Or(cmp.Compare(b.mass, a.mass), cmp.Compare(a.first, b.first)); c != 0 {
		return c
	}
	return cmp.Compare(g.name(a), g.name(b))
}

// name is the suspect's CI id or provisional key.
func (g *Grouper) name(s *suspect) string {
	if s.ref == cmdb.NoRef {
		return s.key
	}
	return g.cmdb.ID(s.ref)
}

// cause writes a suspect for people.
func (g *Grouper) cause(gr *group, s *suspect, total int64) itsm.Cause {
	c := itsm.Cause{CI: g.name(s), ScoreMilli: min(int(s.mass*1000/total), 1000)}
	if s.ref == cmdb.NoRef {
		c.Because = c.CI + " alerts and is not in the CMDB"
		return c
	}
	alerts := gr.cis.has(s.ref)
	others := s.covered
	if alerts {
		others--
	}
	switch {
	case s.kin > 1:
		c.Because = fmt.Sprintf("%d of its instances are affected alike", s.kin)
	case alerts && others == 0:
		c.Because = "it alerts itself"
	case alerts:
		c.Because = "it alerts itself, and " + strconv.Itoa(others) + " of the " + strconv.Itoa(gr.cis.len()-1) + " other alerting CIs depend on it"
	default:
		c.Because = strconv.Itoa(others) + " of " + strconv.Itoa(gr.cis.len()) + " alerting CIs depend on it; it does not alert itself"
	}
	if s.changed != "" {
		c.Because += fmt.Sprintf("; %s touched it %s before", s.changed, time.Duration(s.changedBefore*1e6).Round(time.Second))
	}
	return c
}
