package group

import (
	"fmt"
	"strconv"
	"time"

	"signalbox/itsm"
	"signalbox/itsm/cmdb"
)

// evidence states why the probe goes where it goes.
func (g *Grouper) evidence(p Probe, best *candidate, follows itsm.IncidentNumber) itsm.Evidence {
	e := itsm.Evidence{Alert: p.Alert, Episode: p.Episode, At: p.At, Decision: itsm.DecidedOpened, By: byNothing.String(),
		ThresholdMilli: g.c.JoinMilli, Rule: "default", CMDBRevision: g.cmdb.Revision(), CI: g.label(p)}
	if best == nil {
		g.explainOpening(&e, follows)
		return e
	}
	e.Incident, e.Decision, e.By, e.ScoreMilli = best.gr.n, itsm.DecidedJoined, best.by.String(), best.score
	if best.gr.resolved != 0 {
		e.Decision = itsm.DecidedReopened
	}
	if best.by == byRule {
		e.Rule, e.Revision = p.RuleID, p.Revision
	}
	g.explainJoin(&e, p, best)
	if r := g.runnerUp(best); r != nil {
		e.RunnerUp = r.gr.n.String() + " with " + decimal(r.score)
	}
	return e
}

// label is the CI id or the provisional key of the probe.
func (g *Grouper) label(p Probe) string {
	if p.CI == cmdb.NoRef {
		return p.Provisional
	}
	return g.cmdb.ID(p.CI)
}

// explainOpening says why nothing was joined.
func (g *Grouper) explainOpening(e *itsm.Evidence, follows itsm.IncidentNumber) {
	e.Because = "no open incident explains " + e.CI
	if follows != 0 {
		e.Because = fmt.Sprintf("%s was affected in %s, which is quiet by now: a follow-on", e.CI, follows)
	}
	if r := g.runnerUp(nil); r != nil {
		e.ScoreMilli = r.score
		e.RunnerUp = r.gr.n.String() + " with " + decimal(r.score)
	}
	e.WouldSplit = "it would have joined an incident whose score exceeds " + decimal(g.c.JoinMilli)
}

// explainJoin fills path, coverage and the sentence of a join.
func (g *Grouper) explainJoin(e *itsm.Evidence, p Probe, c *candidate) {
	quiet := g.pace(c.gr).Sub(0)
	switch c.by {
	case byRule:
		e.Because = "rule " + p.RuleID + " puts them together"
		e.WouldSplit = "another key of rule " + p.RuleID
	case bySameCI, byProvisional:
		e.Shared = e.CI
		e.Path = []string{e.CI}
		e.Because = "another alert on " + e.CI + " is in the incident"
		e.WouldSplit = "no activity for " + g.c.FollowOn.String()
	case byTopology:
		e.Shared = g.cmdb.ID(c.y)
		e.Path = g.pathTo(p.CI, c.y)
		n, m := int(g.locals.covered(c.y, c.gr))+1, c.gr.cis.len()+1
		if c.gr.cis.has(p.CI) {
			n, m = n-1, m-1
		}
		e.Coverage = strconv.Itoa(n) + " of " + strconv.Itoa(m) + " alerting CIs depend on " + e.Shared
		e.Because = e.Coverage
		e.WouldSplit = g.splitsBelow(quiet)
	case byNear:
		e.Shared = g.cmdb.ID(c.spot)
		e.Path = g.nearPath(p.CI, c.spot)
		e.Because = e.CI + " is " + strconv.Itoa(c.hops) + " hops from " + e.Shared + ", which alerts"
		e.WouldSplit = quiet.String() + " without a join, or no alerting CI within " + strconv.Itoa(g.c.NearHops) + " hops"
		if p.At-c.gr.lastJoin > g.pace(c.gr) {
			e.Because = e.CI + " is next to " + e.Shared + ", which still fires"
			e.WouldSplit = "the end of the alerts on " + e.Shared
		}
	case byObserved:
		e.Shared = g.cmdb.ID(c.spot)
		e.Path = []string{e.CI, e.Shared}
		e.Because = fmt.Sprintf("the sender names %s together with %s, which alerts", e.CI, e.Shared)
		e.WouldSplit = quiet.String() + " without a join"
	case byLearned:
		e.Because = "an approved learned relation links them"
		e.WouldSplit = quiet.String() + " without a join"
	case byOutage:
		e.Because = g.outageBecause(p.CI, c.gr)
		e.WouldSplit = quiet.String() + " without an onset in the application"
		if g.asked.sounds != cmdb.NoRef {
			e.Shared = g.cmdb.ID(g.asked.sounds)
			e.Because += ": " + e.Shared + " still fires"
			e.WouldSplit = "the end of the alerts on " + e.Shared
		}
	case bySender:
		e.Shared = p.SenderGroup
		e.Because = "the sender groups them: " + p.SenderGroup
		e.WouldSplit = "a CI in the CMDB for either, or " + quiet.String() + " without a join"
	}
}

// splitsBelow says what would have kept a join by topology apart. In a storm it is
// the same again and again.
func (g *Grouper) splitsBelow(quiet time.Duration) string {
	if s := &g.splits; s.quiet != quiet || s.text == "" {
		*s = splits{quiet, "less than " + strconv.Itoa(g.c.ThetaMilli/10) + " % of the CIs explained by one, or " + quiet.String() + " without a join"}
	}
	return g.splits.text
}

type splits struct {
	quiet time.Duration
	text  string
}

// pathTo is path for what an alert on a CI puts under suspicion, where it is kept.
func (g *Grouper) pathTo(from, to cmdb.Ref) []string {
	leads := g.leadsOf(from).list
	for i := range leads {
		if leads[i].ref == to {
			return g.leadPath(from, &leads[i])
		}
	}
	return g.path(from, to)
}

func (g *Grouper) leadPath(from cmdb.Ref, l *lead) []string {
	if l.path == nil {
		l.path = g.path(from, l.ref)
	}
	return l.path
}

// path returns the ids of the shortest way along dependencies, both ends included;
// nil when there is none.
func (g *Grouper) path(from, to cmdb.Ref) []string {
	way := g.cmdb.Path(from, to, g.c.Hops)
	if way == nil {
		return nil
	}
	ids := make([]string, len(way))
	for i, r := range way {
		ids[i] = g.cmdb.ID(r)
	}
	return ids
}

// outageBecause says why a CI belongs to an outage of its application.
func (g *Grouper) outageBecause(ci cmdb.Ref, gr *group) string {
	whose := "the application of " + g.cmdb.ID(ci)
	if g.ball(ci).alone {
		whose = "the application that environment " + g.cmdb.Env(ci) + " consists of"
	}
	return fmt.Sprintf("%s had been quiet until %s began, and something alerts there since", whose, gr.n)
}

// runnerUp returns the best candidate besides best.
func (g *Grouper) runnerUp(best *candidate) *candidate {
	var r *candidate
	for i := range g.candidates {
		c := &g.candidates[i]
		if c != best && c.score > 0 && (r == nil || better(c, r)) {
			r = c
		}
	}
	return r
}

// reason is what a sentence about a neighbour is made of.
type reason struct {
	by  by
	ref cmdb.Ref
	n   int // share in hundredths, or hops
}

// reasonsMax bounds the sentences that are kept; when there are more it starts over.
const reasonsMax = 16384

// maybeBecause says in a sentence what speaks for a neighbouring incident. In a
// storm the same few are said over and over, so they are kept.
func (g *Grouper) maybeBecause(c *candidate) string {
	k := reason{by: c.by}
	switch c.by {
	case byTopology:
		k.ref, k.n = c.y, c.cover/10
	case byNear:
		k.ref, k.n = c.spot, c.hops
	case byObserved:
		k.ref = c.spot
	}
	s, ok := g.reasons[k]
	if !ok {
		s = g.reason(c)
		if len(g.reasons) >= reasonsMax {
			clear(g.reasons)
		}
		g.reasons[k] = s
	}
	return s
}

func (g *Grouper) reason(c *candidate) string {
	switch c.by {
	case byTopology:
		return "both may depend on " + g.cmdb.ID(c.y) + " (" + strconv.Itoa(c.cover/10) + " % covered)"
	case byNear:
		return g.cmdb.ID(c.spot) + " alerts, " + strconv.Itoa(c.hops) + " hops away"
	case byObserved:
		return g.cmdb.ID(c.spot) + " alerts and was named with it"
	}
	return "evidence: " + c.by.String()
}

// decimal writes thousandths as 0.123.
func decimal(milli int) string {
	b := strconv.AppendInt(make([]byte, 0, 8), int64(milli/1000), 10)
	rest := milli % 1000
	return string(append(b, '.', byte('0'+rest/100), byte('0'+rest/10%10), byte('0'+rest%10)))
}
