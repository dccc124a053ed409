package group

import "signalbox/itsm/cmdb"

// Sparse mode. A shared explanation needs the relations to be there. Where the
// CMDB binds too few of a source's alerts, or lacks relations that its alerts
// show, nearness has to stand in: it then weighs nearly as much at a distance.

// scopeHalf is how many onsets a source's counts hold before they are halved, so
// that a CMDB that gets better is noticed.
const scopeHalf = 2000

// survey counts the onset for the completeness of its source's part of the CMDB.
func (g *Grouper) survey(p Probe, s *series, named cmdb.Ref) {
	r := &g.rules[g.rules[s.rule].source]
	if r.placed >= scopeHalf {
		r.placed, r.unbound, r.missing = r.placed/2, r.unbound/2, r.missing/2
	}
	r.placed++
	switch {
	case p.CI == cmdb.NoRef:
		r.unbound++
	case g.ball(p.CI).alone || (named != cmdb.NoRef && !g.isNear(p.CI, named)):
		r.missing++
	}
}

// isAlone reports whether the CMDB relates a CI to nothing but its own instances
// or what it is an instance of.
func (g *Grouper) isAlone(ci cmdb.Ref) bool {
	if g.cmdb.FanIn(ci) > g.c.NearDegreeMax {
		return false
	}
	for _, e := range g.cmdb.Dependencies(ci) {
		if !isInstance(e.Type) {
			return false
		}
	}
	for _, e := range g.cmdb.Dependants(ci) {
		if !isInstance(e.Type) || !g.isAloneOwner(e.To) {
			return false
		}
	}
	return true
}

// isAloneOwner reports whether a CI has no relations but to instances.
func (g *Grouper) isAloneOwner(ci cmdb.Ref) bool {
	for _, e := range g.cmdb.Dependencies(ci) {
		if !isInstance(e.Type) {
			return false
		}
	}
	return len(g.cmdb.Dependants(ci)) == 0
}

// isNear reports whether two CIs are within the near walk of each other.
func (g *Grouper) isNear(a, b cmdb.Ref) bool {
	for _, n := range g.ball(a).near {
		if n.ref == b {
			return true
		}
	}
	return false
}

// isSparse reports whether the rule's source is in sparse mode.
func (g *Grouper) isSparse(rule int32) bool {
	r := &g.rules[g.rules[rule].source]
	if int(r.placed) < g.c.SparseSamples {
		return false
	}
	bound := r.placed - r.unbound
	return int(bound)*1000 < int(r.placed)*g.c.SparseBind || int(r.missing)*1000 > int(r.placed)*g.c.SparseMissing
}

// nearMilli is the weight of nearness for each hop, for an onset of the rule.
func (g *Grouper) nearMilli(rule int32) int {
	if g.isSparse(rule) {
		return g.c.SparseMilli
	}
	return g.c.NearMilli
}
