package group

import (
	"fmt"
	"slices"

	"signalbox/itsm"
	"signalbox/itsm/cmdb"
)

// placeChronic keeps an alert that fires nearly always with its own earlier
// episodes and away from everybody else's, unless it begins anew in an outage.
func (g *Grouper) placeChronic(p Probe, s *series) Placement {
	pl := Placement{Chronic: true}
	if gr, at := g.outageBeside(p); gr != nil {
		pl.Incident, pl.Evidence = gr.n, g.besideEvidence(p, s, gr.n, at)
		return pl
	}
	if gr := g.ownChronic(p, s); gr != nil {
		pl.Incident = gr.n
	}
	pl.Evidence = g.chronicEvidence(p, s, pl.Incident)
	return pl
}

// ownChronic returns the open group that is of chronic alerts or of this one only,
// nil when its latest is none.
func (g *Grouper) ownChronic(p Probe, s *series) *group {
	gr := g.groups[s.incident]
	if gr == nil || gr.resolved != 0 || int(gr.chronic) != gr.members.len() && !(gr.members.has(p.Alert) && gr.members.len() == 1) {
		return nil
	}
	return gr
}

// outageBeside returns the outage that a chronic alert begins anew in, and the CI
// that shows it: one of several CIs that still takes in what is near and has a usual
// alert firing on the alert's CI or next to it, the oldest of the nearest. The alert
// is listed there and counts for nothing: it keeps no quiet gap open and puts nothing
// under suspicion.
func (g *Grouper) outageBeside(p Probe) (*group, cmdb.Ref) {
	if p.CI == cmdb.NoRef {
		return nil, cmdb.NoRef
	}
	for _, b := range g.ball(p.CI).near {
		if b.hops > 1 {
			break
		}
		for _, gr := range newest(g.locals.groupsOn(b.ref), g.c.CandidatesMax) {
			if gr.cis.len() > 1 && gr.cis.get(b.ref).firing > 0 && g.takesByTopology(gr, p.At) && !slices.Contains(gr.ruleKeys, keptApart) {
				return gr, b.ref
			}
		}
	}
	return nil, cmdb.NoRef
}

// chronicEvidence states where an alert went that fires nearly always.
func (g *Grouper) chronicEvidence(p Probe, s *series, n itsm.IncidentNumber) itsm.Evidence {
	e := itsm.Evidence{Incident: n, Alert: p.Alert, Episode: p.Episode, At: p.At, Decision: itsm.DecidedOpened, By: byNothing.String(),
		ThresholdMilli: g.c.JoinMilli, Rule: "default", CMDBRevision: g.cmdb.Revision(), CI: g.label(p)}
	if n != 0 {
		e.Decision, e.By = itsm.DecidedJoined, bySameCI.String()
		e.Shared = e.CI
	}
	e.Because = g.chronicBecause(p, s) + ", so it is kept apart"
	e.WouldSplit = "firing less often"
	return e
}

func (g *Grouper) chronicBecause(p Probe, s *series) string {
	return fmt.Sprintf("chronic: fired in %d of the last %d five-minute slots", s.active(p.At, chronicWindow), chronicWindow)
}

// besideEvidence states why a chronic alert is listed with the outage n at a CI.
func (g *Grouper) besideEvidence(p Probe, s *series, n itsm.IncidentNumber, at cmdb.Ref) itsm.Evidence {
	e := g.chronicEvidence(p, s, n)
	e.Shared, e.Path = g.cmdb.ID(at), []string{e.CI}
	if at != p.CI {
		e.By, e.Path = byNear.String(), []string{e.CI, e.Shared}
	}
	e.Because = g.chronicBecause(p, s) + ", but it began anew while " + e.Shared + " alerts: it is listed with that and counts for nothing in it"
	e.WouldSplit = "beginning before that outage did, or after its quiet gap"
	return e
}
