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

// ball returns the CIs near ci, nearest first, ci included.
func (g *Grouper) ball(ci cmdb.Ref) []near {
	if b, ok := g.balls[ci]; ok {
		return b
	}
	if len(g.balls) >= walkCacheMax {
		clear(g.balls)
	}
	steps := g.walk(ci, cmdb.NoRef)
	b := make([]near, len(steps))
	for i, s := range steps {
		b[i] = near{s.ref, s.hops}
	}
	g.balls[ci] = b
	return b
}

// walk goes breadth first along relations in either direction. It does not go
// through hubs: neither through a CI of many relations, nor from a dependency
// down to its other dependants when these are many. It ends at to, when to is
// met, or after NearMax CIs.
func (g *Grouper) walk(from, to cmdb.Ref) []step {
	steps := []step{{ref: from, parent: -1}}
	seen := map[cmdb.Ref]bool{from: true}
	for i := 0; i < len(steps) && len(steps) < g.c.NearMax; i++ {
		at := steps[i]
		if int(at.hops) >= g.c.NearHops {
			break
		}
		deps, users := g.cmdb.Dependencies(at.ref), g.cmdb.Dependants(at.ref)
		if i > 0 && len(deps)+len(users) > g.c.NearDegreeMax {
			continue
		}
		visit := func(ref cmdb.Ref, up bool) {
			if !seen[ref] && len(steps) < g.c.NearMax {
				seen[ref] = true
				steps = append(steps, step{ref, int32(i), at.hops + 1, up})
			}
		}
		for _, e := range deps {
			visit(e.To, true)
		}
		if at.up && len(users) > g.c.BridgeFanIn {
			continue
		}
		for _, e := range users {
			visit(e.To, false)
		}
		if to != cmdb.NoRef && seen[to] {
			break
		}
	}
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
