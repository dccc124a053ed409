package group

import (
	"cmp"
	"fmt"
	"slices"

	"signalbox/itsm"
	"signalbox/itsm/cmdb"
)

// causeCIsMax bounds the alerting CIs that are looked at, the first to alert.
const causeCIsMax = 512

// Causes ranks the probable causes of n, best first, at most ten. The result is
// kept until the group changes, and must not be changed by the caller.
func (g *Grouper) Causes(n itsm.IncidentNumber) []itsm.Cause {
	gr := g.groups[n]
	if gr == nil {
		return nil
	}
	if gr.dirty {
		gr.causes, gr.dirty = g.rank(gr), false
	}
	return gr.causes
}

// suspect is a CI that may be the cause.
type suspect struct {
	ref     cmdb.Ref
	key     string // provisional key when ref is NoRef
	covered int    // alerting CIs it explains
	sum     int64  // their weights
	score   int64
	first   itsm.Time
	self    *spot
}

// rank computes the causes of a group.
func (g *Grouper) rank(gr *group) []itsm.Cause {
	cis := gr.alerting()
	byRef := map[cmdb.Ref]int{}
	var list []suspect
	var total int64
	for _, ci := range cis {
		sp := gr.cis[ci]
		total += int64(sp.weight)
		for _, r := range g.cone(ci) {
			i, ok := byRef[r.Ref]
			if !ok {
				i = len(list)
				byRef[r.Ref] = i
				list = append(list, suspect{ref: r.Ref, first: sp.first, self: gr.cis[r.Ref]})
			}
			list[i].covered++
			list[i].sum += int64(sp.weight) * int64(power(g.c.GammaMilli, int(r.Hops)))
			list[i].first = min(list[i].first, sp.first)
		}
	}
	for key, sp := range gr.keys {
		total += int64(sp.weight)
		list = append(list, suspect{ref: cmdb.NoRef, key: key, covered: 1, sum: int64(sp.weight) * 1000, first: sp.first, self: sp})
	}
	for i := range list {
		g.weigh(&list[i], total)
	}
	slices.SortFunc(list, g.compare)
	list = list[:min(len(list), itsm.IncidentCausesMax)]
	out := make([]itsm.Cause, len(list))
	for i := range list {
		out[i] = g.cause(gr, cis, &list[i])
	}
	return out
}

// alerting returns the group's bound CIs, the first to alert first, at most
// causeCIsMax.
func (gr *group) alerting() []cmdb.Ref {
	out := make([]cmdb.Ref, 0, len(gr.cis))
	for ci := range gr.cis {
		out = append(out, ci)
	}
	slices.SortFunc(out, func(a, b cmdb.Ref) int {
		return cmp.Or(cmp.Compare(gr.cis[a].first, gr.cis[b].first), cmp.Compare(a, b))
	})
	return out[:min(len(out), causeCIsMax)]
}

// weigh computes the score of a suspect: the weighted share of the alerting CIs
// it explains, its prior, and whether it alerts itself.
func (g *Grouper) weigh(s *suspect, total int64) {
	if total == 0 {
		return
	}
	s.score = s.sum / total
	if s.ref != cmdb.NoRef {
		s.score = s.score * int64(prior(g.c.BetaMilli, g.cmdb.FanIn(s.ref))) / 1000
	}
	if s.self != nil {
		s.score = s.score * int64(g.c.SelfMilli) / 1000
	}
}

// compare orders suspects: higher score, earlier first alert, then id.
func (g *Grouper) compare(a, b suspect) int {
	return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(a.first, b.first), cmp.Compare(g.name(&a), g.name(&b)))
}

// name is the suspect's CI id or provisional key.
func (g *Grouper) name(s *suspect) string {
	if s.ref == cmdb.NoRef {
		return s.key
	}
	return g.cmdb.ID(s.ref)
}

// cause writes a suspect for people.
func (g *Grouper) cause(gr *group, cis []cmdb.Ref, s *suspect) itsm.Cause {
	c := itsm.Cause{CI: g.name(s), ScoreMilli: int(s.score)}
	n := len(gr.cis)
	switch {
	case s.ref == cmdb.NoRef:
		c.Because = c.CI + " alerts and is not in the CMDB"
		return c
	case s.self != nil && s.covered == 1:
		c.Because = "it alerts itself"
	case s.self != nil:
		c.Because = fmt.Sprintf("it alerts itself, and %d of %d alerting CIs depend on it", s.covered, n)
	default:
		c.Because = fmt.Sprintf("%d of %d alerting CIs depend on it; it does not alert itself", s.covered, n)
	}
	for _, ci := range cis {
		if len(c.Paths) == itsm.CausePathsMax {
			break
		}
		if path := g.cmdb.Path(ci, s.ref, g.c.Hops); path != nil {
			ids := make(itsm.CausePath, len(path))
			for i, r := range path {
				ids[i] = g.cmdb.ID(r)
			}
			c.Paths = append(c.Paths, ids)
		}
	}
	return c
}
