package group

import (
	"slices"
	"strings"

	"signalbox/itsm"
	"signalbox/itsm/cmdb"
)

// candidate is an open group that could take the probe.
type candidate struct {
	gr    *group
	by    by
	hops  int      // of nearness
	spot  cmdb.Ref // the member CI that is near
	y     cmdb.Ref // the best explaining CI
	cover int      // share of the group y would explain, in thousandths
	raw   int      // weight of the best evidence, in thousandths
	score int      // S
}

// by is a kind of evidence, the strongest first.
type by uint8

const (
	byNothing by = iota
	byRule
	bySameCI
	byProvisional
	byTopology
	byNear
	byObserved
	byLearned
	bySender
	byOutage
)

// String returns the word stored with the evidence.
func (b by) String() string {
	return [...]string{"first", "rule", "same_ci", "provisional_ci", "topology", "near", "observed", "learned", "sender_group", "outage"}[b]
}

// collect fills g.candidates with the open groups in the probe's neighbourhood.
func (g *Grouper) collect(p Probe, s *series, named cmdb.Ref) {
	g.candidates = g.candidates[:0]
	g.turn++
	// Explicit rules come first and ignore time: somebody decided that.
	if p.Rule != "" {
		for _, gr := range newest(g.byRule[p.Rule], g.c.CandidatesMax) {
			g.offer(gr, byRule, 1000)
		}
	}
	g.collectOwn(p, s)
	if p.CI == cmdb.NoRef {
		g.collectUnbound(p)
		return
	}
	for _, gr := range newest(g.locals.groupsOn(p.CI), g.c.CandidatesMax) {
		if g.takesSameCI(gr, gr.cis.get(p.CI), p.At) {
			g.offer(gr, bySameCI, 1000)
		}
	}
	g.collectNear(p, s)
	g.collectExplained(p)
	g.collectNamed(p, named)
	g.collectOutage(p)
	for _, ci := range p.Learned {
		for _, gr := range newest(g.locals.groupsOn(ci), g.c.CandidatesMax) {
			if g.takesByTopology(gr, p.At) {
				g.offer(gr, byLearned, farMilli)
			}
		}
	}
}

// Weights of evidence that is no walk: one step that the sender's labels show,
// and a link that says nothing of distance.
const (
	nextMilli = 900
	farMilli  = 590
)

// collectOwn offers the incident of the alert's latest episode when it resolved
// so recently that this is its return.
func (g *Grouper) collectOwn(p Probe, s *series) {
	if s.incident == 0 {
		return
	}
	gr := g.groups[s.incident]
	if gr == nil || gr.resolved == 0 || gr.wave.spent || !gr.members.has(p.Alert) {
		return
	}
	fastest, usual := itsm.Time(g.c.QuietGapMin.Milliseconds()), itsm.Time(g.c.QuietGap.Milliseconds())
	within := itsm.Time(g.c.Reopen.Milliseconds())
	if pace := g.pace(gr); pace < usual { // a fast rhythm shows a return within minutes, or it is another failure
		within = within * max(pace-fastest, 0) / (usual - fastest)
	}
	if p.At-gr.resolved < within && (gr.members.len()-int(gr.chronic))*returnShare <= 1000 {
		g.offer(gr, bySameCI, 1000)
	}
}

// returnShare: an incident comes back with one alert only if that was at least
// this share of its alerts, in thousandths. One of many that fires again says
// that something is wrong with its CI, not that the whole is back.
const returnShare = 300

// collectUnbound offers what an alert without a CI can join.
func (g *Grouper) collectUnbound(p Probe) {
	for _, gr := range newest(g.byKey[p.Provisional], g.c.CandidatesMax) {
		if g.takesSameCI(gr, gr.keys.get(p.Provisional), p.At) {
			g.offer(gr, byProvisional, 1000)
		}
	}
	if key := senderKey(p); key != "" {
		for _, gr := range newest(g.bySender[key], g.c.CandidatesMax) {
			if g.takesByTopology(gr, p.At) {
				g.offer(gr, bySender, farMilli)
			}
		}
	}
	g.collectObserved(p)
}

// collectNear offers the groups with a member a short walk away.
func (g *Grouper) collectNear(p Probe, s *series) {
	weight := g.nearMilli(s.rule)
	for _, b := range g.ball(p.CI).near[1:] {
		for _, gr := range newest(g.locals.groupsOn(b.ref), g.c.CandidatesMax) {
			if g.takesByTopology(gr, p.At) || b.hops == 1 && g.takesBeside(gr, gr.cis.get(b.ref), p.At) {
				if c := g.offer(gr, byNear, power(weight, int(b.hops))); c != nil {
					c.hops, c.spot = int(b.hops), b.ref
				}
			}
		}
	}
}

// collectExplained offers the groups that share an explanation with the probe:
// the formula of S, without the decay.
func (g *Grouper) collectExplained(p Probe) {
	for _, r := range g.cone(p.CI) {
		list := newest(g.locals.explainedBy(r.Ref), g.c.CandidatesMax)
		if len(list) == 0 {
			continue
		}
		alerting := len(g.locals.groupsOn(r.Ref)) > 0 // else no group has it, and none need be asked
		w := power(g.c.GammaMilli, int(r.Hops))
		pr := 1000
		if !g.isHot(r.Ref, p.At) {
			pr = prior(g.c.BetaMilli, g.cmdb.FanIn(r.Ref))
		}
		for _, e := range list {
			gr := e.gr
			if !g.takesByTopology(gr, p.At) {
				continue
			}
			m := gr.cis.len()
			share := (int(e.n) + 1) * 1000 / (m + 1)
			if share < g.c.ThetaMilli {
				continue
			}
			raw := (int(e.sum) + w) / (m + 1) * pr / 1000
			if r.Ref == p.CI || alerting && gr.cis.has(r.Ref) {
				raw = raw * g.c.SelfMilli / 1000
			}
			if c := g.offer(gr, byTopology, raw); c != nil {
				c.y, c.cover = r.Ref, share
			}
		}
	}
}

// collectNamed offers the groups with a member on the second CI the alert names.
func (g *Grouper) collectNamed(p Probe, named cmdb.Ref) {
	if named == cmdb.NoRef {
		return
	}
	for _, gr := range newest(g.locals.groupsOn(named), g.c.CandidatesMax) {
		if g.takesByTopology(gr, p.At) {
			if c := g.offer(gr, byObserved, nextMilli); c != nil {
				c.spot = named
			}
		}
	}
}

// collectObserved offers the groups with a member that was named together with
// what this unbound alert is about.
func (g *Grouper) collectObserved(p Probe) {
	for _, label := range ownNames {
		o := g.seen[sighted{g.envOf(&p), strings.ToLower(p.Labels.Get(label))}]
		if o == nil {
			continue
		}
		for _, ci := range o.cis {
			for _, gr := range newest(g.locals.groupsOn(ci), g.c.CandidatesMax) {
				if g.takesByTopology(gr, p.At) {
					if c := g.offer(gr, byObserved, nextMilli); c != nil {
						c.spot = ci
					}
				}
			}
		}
	}
}

// offer adds a group, or better evidence for one that is there. It returns the
// candidate when the evidence is its best so far, else nil.
func (g *Grouper) offer(gr *group, b by, raw int) *candidate {
	if len(gr.ruleKeys) > 0 && slices.Contains(gr.ruleKeys, keptApart) {
		return nil
	}
	i := int(gr.at)
	if gr.turn != g.turn {
		i = len(g.candidates)
		gr.turn, gr.at = g.turn, int32(i)
		g.candidates = append(g.candidates, candidate{gr: gr, by: b, raw: raw, y: cmdb.NoRef, spot: cmdb.NoRef})
		return &g.candidates[i]
	}
	c := &g.candidates[i]
	binding := b <= byProvisional && b < c.by
	if !binding && (c.by <= byProvisional || raw <= c.raw) {
		return nil
	}
	c.by, c.raw = b, max(raw, c.raw)
	return c
}

// pace is the quiet gap between a group and the onset asked about: the longer of
// theirs, so that a slow sender is waited for.
func (g *Grouper) pace(gr *group) itsm.Time { return max(gr.pace, g.asked.pace) }

// takesByTopology reports whether a group still takes what is only near.
func (g *Grouper) takesByTopology(gr *group, at itsm.Time) bool {
	return gr.resolved == 0 && !gr.wave.spent && at-gr.lastJoin <= g.pace(gr) && at-gr.opened < itsm.Time(g.c.Lifetime.Milliseconds())
}

// takesSameCI reports whether a group takes an onset on a CI it has: within the
// quiet gap, and while an alert on that CI still fires up to FollowOn.
func (g *Grouper) takesSameCI(gr *group, sp *spot, at itsm.Time) bool {
	if gr.resolved != 0 || gr.wave.spent || sp == nil {
		return false
	}
	quiet := at - gr.lastJoin
	return quiet <= g.pace(gr) || (sp.firing > 0 && !g.isMute(sp.rule) && quiet < itsm.Time(g.c.FollowOn.Milliseconds()))
}

// takesBeside reports whether a group takes an onset on a CI next to one it has, though
// nothing joined it for the quiet gap: while an alert on that one still fires, if its
// senders are slow. A lone alert that goes on is no outage that others could be part of.
func (g *Grouper) takesBeside(gr *group, sp *spot, at itsm.Time) bool {
	return gr.resolved == 0 && !gr.wave.spent && gr.cis.len() > 1 && g.isSlow(gr) &&
		sp != nil && sp.firing > 0 && !g.isMute(sp.rule) && at-gr.opened < itsm.Time(g.c.Lifetime.Milliseconds())
}

// isSlow reports whether the quiet gap is that of senders whose next evaluation but one
// is later than it.
func (g *Grouper) isSlow(gr *group) bool { return g.pace(gr) >= itsm.Time(g.c.QuietGap.Milliseconds()) }
