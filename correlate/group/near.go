package group

import (
	"slices"

	"signalbox/itsm/cmdb"
)

// step is one CI of a near walk. up says that it was reached as a dependency, so
// that going on to its other dependants would bridge between them.
type step struct {
	ref    cmdb.Ref
	parent int32
	hops   uint8
	up     bool
}

// ball is the neighbourhood of a CI.
type ball struct {
	near  []near   // nearest first, the CI itself included
	alone bool     // the CMDB relates it to nothing but instances
	app   cmdb.Ref // the application it is connected to, NoRef for none
}

// ball returns the neighbourhood of ci.
func (g *Grouper) ball(ci cmdb.Ref) ball {
	if w := g.locals.walked(ci); w != nil && w.ball.near != nil {
		return w.ball
	}
	return g.newBall(ci)
}

func (g *Grouper) newBall(ci cmdb.Ref) ball {
	steps := g.walk(ci, cmdb.NoRef)
	b := ball{near: make([]near, len(steps)), alone: g.isAlone(ci), app: g.component(ci)}
	for i, s := range steps {
		b.near[i] = near{s.ref, s.hops}
	}
	g.locals.walk(ci).ball = b
	return b
}

// walk goes breadth first along relations in either direction. It does not go
// through hubs: neither through a CI of many relations, nor from a dependency
// down to its other dependants when these are many. It ends at to, when to is
// met, or after NearMax CIs. The result is valid until the next walk.
func (g *Grouper) walk(from, to cmdb.Ref) []step {
	steps := append(g.steps[:0], step{ref: from, parent: -1})
	for i := 0; i < len(steps) && len(steps) < g.c.NearMax; i++ {
		at := steps[i]
		if int(at.hops) >= g.c.NearHops || (to != cmdb.NoRef && at.ref == to) {
			break
		}
		users := g.cmdb.FanIn(at.ref)
		g.ends = g.cmdb.AppendDependencies(g.ends[:0], at.ref)
		deps := len(g.ends)
		if i > 0 && deps+users > g.c.NearDegreeMax {
			continue
		}
		if !at.up || users <= g.c.BridgeFanIn {
			g.ends = g.cmdb.AppendDependants(g.ends, at.ref)
		}
		for k, ref := range g.ends {
			if len(steps) < g.c.NearMax && !slices.ContainsFunc(steps, func(s step) bool { return s.ref == ref }) {
				steps = append(steps, step{ref, int32(i), at.hops + 1, k < deps})
			}
		}
	}
	g.steps = steps
	return steps
}

// nearPath returns the ids along a near walk, both ends included.
func (g *Grouper) nearPath(from, to cmdb.Ref) []string {
	steps := g.walk(from, to)
	i := slices.IndexFunc(steps, func(s step) bool { return s.ref == to })
	if i < 0 {
		return nil
	}
	var out []string
	for at := int32(i); at >= 0; at = steps[at].parent {
		out = append(out, g.cmdb.ID(steps[at].ref))
	}
	slices.Reverse(out)
	return out
}
