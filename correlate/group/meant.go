package group

import (
	"fmt"
	"slices"

	"signalbox/itsm"
	"signalbox/itsm/cmdb"
)

// Meant says which of several CIs of one name an alert is taken to be on, and why:
// the only one with an outage around it, which still takes in what is near. It is
// NoRef when there is none, when an outage is under way around another one, too, and
// when alerts that bear the name and belong to no CI, under key, are an open matter of
// their own: they may be the first sign of either.
func (g *Grouper) Meant(cis []cmdb.Ref, key string, at itsm.Time) (cmdb.Ref, string) {
	was := g.asked
	g.asked = asked{} // every group goes by its own rhythm: the alert's is not known yet
	defer func() { g.asked = was }()
	if slices.ContainsFunc(g.byKey[key], func(gr *group) bool { return g.takesSameCI(gr, gr.keys.get(key), at) }) {
		return cmdb.NoRef, ""
	}
	var only stir
	for _, ci := range cis {
		switch s := g.stirs(ci, at); {
		case s.gr == nil:
		case only.gr != nil:
			return cmdb.NoRef, ""
		default:
			only = s
		}
	}
	if only.gr == nil || !g.takesByTopology(only.gr, at) {
		return cmdb.NoRef, ""
	}
	where := "on it"
	if only.hops > 0 {
		where = "on " + g.cmdb.ID(only.at) + ", " + hopsOf(only.hops) + " away"
	}
	return only.ci, fmt.Sprintf("of these only %s is in an outage: %s alerts %s", g.cmdb.ID(only.ci), only.gr.n, where)
}

// stir is what happens around a CI.
type stir struct {
	ci, at cmdb.Ref
	hops   int
	gr     *group // nil: nothing
}

// stirs returns the outage around a CI: the nearest that still takes in what is
// near, else one that is under way.
func (g *Grouper) stirs(ci cmdb.Ref, at itsm.Time) stir {
	var under stir
	for _, b := range g.ball(ci).near {
		groups := newest(g.locals.groupsOn(b.ref), g.c.CandidatesMax)
		for _, gr := range slices.Backward(groups) {
			s := stir{ci, b.ref, int(b.hops), gr}
			if g.takesByTopology(gr, at) {
				return s
			}
			if under.gr == nil && g.isUnderWay(gr, gr.cis.get(b.ref), at) {
				under = s
			}
		}
	}
	return under
}

// isUnderWay reports whether a young group still has an alert firing on one of its
// CIs, as far as its sender can be believed.
func (g *Grouper) isUnderWay(gr *group, sp *spot, at itsm.Time) bool {
	return gr.resolved == 0 && sp != nil && sp.firing > 0 && !g.isMute(sp.rule) && at-gr.opened < itsm.Time(g.c.Lifetime.Milliseconds())
}
