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
// before, the later it comes, and when it is about a call, which either end may
// have spoilt.
func (g *Grouper) massOf(gr *group, p Probe, s *series, m *member) int64 {
	if m.chronic {
		return 0
	}
	mass := int64(massScale / (1 + s.usual(gr.opened-late)))
	d := decay(max(p.At-gr.opened, 0), itsm.Time(g.c.CauseTau.Milliseconds()))
	mass = mass * int64(g.c.CauseLateMilli+(1000-g.c.CauseLateMilli)*d/1000) / 1000
	if isCall(p.Labels) {
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
}

// suspect is a CI that may be the cause.
type suspect struct {
	ref     cmdb.Ref
	key     string // provisional key when ref is NoRef
	covered int    // alerting CIs it explains
	kin     int    // its instances under suspicion, when that is why
	mass    int64
	first   itsm.Time
	from    [itsm.CausePathsMax]cmdb.Ref // the first CIs that put it under suspicion

	changed       string // the change that touched it shortly before; "" for none
	changedBefore itsm.Time
}

// suspects are found by CI: looked through while few CIs alert, else with an index.
type suspects struct {
	list []suspect
	at   map[cmdb.Ref]int
}

func (l *suspects) find(ref cmdb.Ref) int {
	if l.at == nil {
		return slices.IndexFunc(l.list, func(s suspect) bool { return s.ref == ref })
	}
	if i, ok := l.at[ref]; ok {
		return i
	}
	return -1
}

func (l *suspects) add(s suspect) int {
	i := len(l.list)
	l.list = append(l.list, s)
	if l.at != nil {
		l.at[s.ref] = i
	}
	return i
}

// rank computes the causes of a group.
func (g *Grouper) rank(gr *group) []itsm.Cause {
	cis := gr.alerting()
	list, all := suspects{list: g.suspects[:0]}, true
	if len(cis) > fewScan {
		list.at = make(map[cmdb.Ref]int, 4*len(cis))
	}
	var total int64
	for _, ci := range cis {
		sp := gr.cis.get(ci)
		total += sp.mass
		leads := g.leadsOf(ci)
		all = all && leads.all
		for _, l := range leads.list {
			i := list.find(l.ref)
			if i < 0 {
				i = list.add(suspect{ref: l.ref, first: sp.first})
			}
			s := &list.list[i]
			if s.covered < len(s.from) {
				s.from[s.covered] = ci
			}
			s.covered++
			s.mass += sp.mass * int64(l.weight) / 1000
		}
	}
	g.suspectKin(gr, &list)
	for i := range gr.keys.list {
		key, sp := gr.keys.list[i].key, &gr.keys.list[i].val
		total += sp.mass
		list.add(suspect{ref: cmdb.NoRef, key: key, covered: 1, mass: sp.mass, first: sp.first})
	}
	g.suspectChanges(&list)
	slices.SortFunc(list.list, g.compare)
	g.suspects = list.list
	best := list.list[:min(len(list.list), itsm.IncidentCausesMax)]
	out := make([]itsm.Cause, len(best))
	for i := range best {
		from := cis
		if s := &best[i]; all { // who did not put it under suspicion has no path to it
			from = s.from[:min(s.covered, len(s.from))]
		}
		out[i] = g.cause(gr, from, &best[i], max(total, 1))
	}
	return out
}

// alerting returns the group's bound CIs, the first to alert first, at most
// causeCIsMax.
func (gr *group) alerting() []cmdb.Ref {
	out := gr.cis.keys()
	slices.SortFunc(out, func(a, b cmdb.Ref) int {
		return cmp.Or(cmp.Compare(gr.cis.get(a).first, gr.cis.get(b).first), cmp.Compare(a, b))
	})
	return out[:min(len(out), causeCIsMax)]
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
	out := []lead{{ci, 1000, 0}}
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
			out = append(out, lead{e.To, w, out[i].hops + 1})
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
func (g *Grouper) suspectKin(gr *group, list *suspects) {
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
func (g *Grouper) compare(a, b suspect) int {
	return cmp.Or(cmp.Compare(b.mass, a.mass), cmp.Compare(a.first, b.first), cmp.Compare(g.name(&a), g.name(&b)))
}

// name is the suspect's CI id or provisional key.
func (g *Grouper) name(s *suspect) string {
	if s.ref == cmdb.NoRef {
		return s.key
	}
	return g.cmdb.ID(s.ref)
}

// cause writes a suspect for people, with the paths to it from the first of some
// alerting CIs.
func (g *Grouper) cause(gr *group, from []cmdb.Ref, s *suspect, total int64) itsm.Cause {
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
	for _, ci := range from {
		if len(c.Paths) == itsm.CausePathsMax {
			break
		}
		if path := g.path(ci, s.ref); path != nil {
			c.Paths = append(c.Paths, path)
		}
	}
	return c
}
