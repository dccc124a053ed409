package group

import (
	"cmp"
	"fmt"
	"slices"

	"signalbox/itsm"
	"signalbox/itsm/cmdb"
)

// Proposal says that a CMDB revision relates two open incidents. It is for a
// person to accept: what was decided stays decided.
type Proposal struct {
	Incident itsm.IncidentNumber // the younger
	itsm.Candidate
}

// Bounds of a re-evaluation: the CIs of one group that are looked at, and all
// proposals of one revision.
const (
	reviseCIsMax = 32
	proposalsMax = 1000
)

// SetGraph activates a CMDB revision. Members keep their groups; what they imply
// is computed anew, and groups that are related now are proposed for merging.
// Members whose CI changed are for the caller to move, with Leave and Join.
func (g *Grouper) SetGraph(graph *cmdb.Graph) []Proposal {
	g.cmdb = graph
	g.locals.revise(graph)
	clear(g.reasons)
	g.resettle()
	numbers := g.numbers()
	for _, n := range numbers {
		gr := g.groups[n]
		gr.dirty = true
		if gr.joinable {
			g.unjoin(gr)
			g.warmUp(gr)
		}
	}
	var out []Proposal
	for _, n := range numbers {
		if gr := g.groups[n]; gr.joinable && len(out) < proposalsMax {
			out = append(out, g.propose(gr)...)
		}
	}
	return out
}

// numbers returns the numbers of all groups in order.
func (g *Grouper) numbers() []itsm.IncidentNumber {
	out := make([]itsm.IncidentNumber, 0, len(g.groups))
	for n := range g.groups {
		out = append(out, n)
	}
	slices.Sort(out)
	return out
}

// propose lists older groups near to gr that it would have joined.
func (g *Grouper) propose(gr *group) []Proposal {
	var out []Proposal
	cis := gr.alerting()
	for _, ci := range cis[:min(len(cis), reviseCIsMax)] {
		for _, b := range g.ball(ci.ref).near {
			for _, o := range newest(g.locals.groupsOn(b.ref), g.c.CandidatesMax) {
				if o.n >= gr.n || o.resolved != 0 || o.wave.spent || gr.opened-o.lastJoin > max(o.pace, gr.pace) {
					continue
				}
				if slices.ContainsFunc(out, func(p Proposal) bool { return p.Candidate.Incident == o.n }) {
					continue
				}
				out = append(out, Proposal{gr.n, itsm.Candidate{Incident: o.n, ScoreMilli: saturate(power(g.c.NearMilli, int(b.hops))),
					Because: fmt.Sprintf("CMDB revision %d relates %s and %s", g.cmdb.Revision(), g.cmdb.ID(ci.ref), g.cmdb.ID(b.ref))}})
			}
		}
	}
	slices.SortFunc(out, func(a, b Proposal) int { return cmp.Compare(a.Candidate.Incident, b.Candidate.Incident) })
	return out[:min(len(out), itsm.MaybeRelatedMax)]
}
