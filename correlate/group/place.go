package group

import (
	"cmp"
	"slices"

	"signalbox/itsm"
	"signalbox/itsm/cmdb"
)

// Probe is one onset to place: an alert that begins to fire, or fires again with
// a later start.
type Probe struct {
	At          itsm.Time // grouping time
	Alert       itsm.AlertNumber
	Episode     uint32
	CI          cmdb.Ref // NoRef while the alert is unbound
	Provisional string   // key of the provisional CI; set when CI is NoRef
	Source      string
	SenderGroup string // the sender's own group (Alertmanager groupKey), "" for none
	Rule        string // group key of an explicit correlation rule, "" for none; binding
	RuleID      string // the rule's id, for the evidence
	Revision    uint64 // revision of the rule set
	Title       string
	AlertName   string
	Severity    itsm.Severity
	Labels      itsm.Labels
	Learned     []cmdb.Ref // CIs with an approved learned relation to this alert's
}

// Placement is where an onset belongs.
type Placement struct {
	Incident itsm.IncidentNumber      // 0: open a new one
	Follows  itsm.IncidentNumber      // with a new one: the incident it follows on from, 0 for none
	Reopens  bool                     // Incident is resolved and comes back
	Chronic  bool                     // the alert fires nearly always; it counts for nothing but itself
	Evidence itsm.Evidence            // Incident, Offset and Decision of a new incident are the caller's to fill
	Maybe    []itsm.Candidate         // neighbouring incidents that may belong together
	Merge    [][2]itsm.IncidentNumber // {into, from}: a CI turned hot that explains both
}

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
)

// String returns the word stored with the evidence.
func (b by) String() string {
	return [...]string{"first", "rule", "same_ci", "provisional_ci", "topology", "two_hops", "observed", "learned", "sender_group"}[b]
}

// Place answers where an onset belongs and takes it into the history of its
// alert: call it once for each onset, then Open if it says so, and Join.
//
// An alert that fires again may stay where it is: then Incident is the incident
// of its latest episode.
func (g *Grouper) Place(p Probe) Placement {
	g.expire(p.At)
	s := g.record(p)
	g.see(p)
	if g.isChronic(s, p.At) {
		return g.placeChronic(p, s)
	}
	g.collect(p, s)
	best := g.best(p)
	pl := Placement{Maybe: g.maybe(best), Merge: g.merges(p)}
	switch {
	case best != nil:
		pl.Incident = best.gr.n
		pl.Reopens = best.gr.resolved != 0
	default:
		pl.Follows = g.follows(p, s)
	}
	pl.Evidence = g.evidence(p, best, pl.Follows)
	return pl
}

// placeChronic keeps an alert that fires nearly always with its own earlier
// episodes and away from everybody else's.
func (g *Grouper) placeChronic(p Probe, s *series) Placement {
	pl := Placement{Chronic: true}
	if gr := g.groups[s.incident]; gr != nil && gr.resolved == 0 && (gr.chronic == len(gr.members) || gr.members[p.Alert] != nil && len(gr.members) == 1) {
		pl.Incident = gr.n
	}
	pl.Evidence = g.chronicEvidence(p, s, pl.Incident)
	return pl
}

// collect fills g.candidates with the open groups in the probe's neighbourhood.
func (g *Grouper) collect(p Probe, s *series) {
	g.candidates = g.candidates[:0]
	clear(g.at)
	if p.Rule != "" {
		for _, gr := range newest(g.byRule[p.Rule], g.c.CandidatesMax) {
			g.offer(gr, byRule, 1000)
		}
	}
	g.collectOwn(p, s)
	if p.CI == cmdb.NoRef {
		g.collectUnbound(p, s)
		return
	}
	for _, gr := range newest(g.byCI[p.CI], g.c.CandidatesMax) {
		if g.takesSameCI(gr, gr.cis[p.CI], p.At, s.rule) {
			g.offer(gr, bySameCI, 1000)
		}
	}
	g.collectNear(p, s)
	g.collectExplained(p, s)
	g.collectNamed(p, s)
	for _, ci := range p.Learned {
		for _, gr := range newest(g.byCI[ci], g.c.CandidatesMax) {
			if g.takesByTopology(gr, p.At, s.rule) {
				g.offer(gr, byLearned, power(g.c.NearMilli, g.c.NearHops))
			}
		}
	}
}

// collectOwn offers the incident of the alert's latest episode when it resolved
// so recently that this is its return.
func (g *Grouper) collectOwn(p Probe, s *series) {
	gr := g.groups[s.incident]
	if gr == nil || gr.members[p.Alert] == nil || gr.wave.spent {
		return
	}
	fastest, usual := itsm.Time(g.c.QuietGapMin.Milliseconds()), itsm.Time(g.c.QuietGap.Milliseconds())
	within := itsm.Time(g.c.Reopen.Milliseconds())
	if pace := g.pace(gr, s.rule); pace < usual { // a fast rhythm shows a return within minutes, or it is another failure
		within = within * max(pace-fastest, 0) / (usual - fastest)
	}
	if gr.resolved != 0 && p.At-gr.resolved <= within && (len(gr.members)-gr.chronic)*returnShare <= 1000 {
		g.offer(gr, bySameCI, 1000)
	}
}

// returnShare: an incident comes back with one alert only if that was at least
// this share of its alerts, in thousandths. One of many that fires again says
// that something is wrong with its CI, not that the whole is back.
const returnShare = 300

// collectUnbound offers what an alert without a CI can join.
func (g *Grouper) collectUnbound(p Probe, s *series) {
	for _, gr := range newest(g.byKey[p.Provisional], g.c.CandidatesMax) {
		if g.takesSameCI(gr, gr.keys[p.Provisional], p.At, s.rule) {
			g.offer(gr, byProvisional, 1000)
		}
	}
	if key := senderKey(p); key != "" {
		for _, gr := range newest(g.bySender[key], g.c.CandidatesMax) {
			if g.takesByTopology(gr, p.At, s.rule) {
				g.offer(gr, bySender, power(g.c.NearMilli, g.c.NearHops))
			}
		}
	}
	g.collectObserved(p, s)
}

// collectNear offers the groups with a member a short walk away.
func (g *Grouper) collectNear(p Probe, s *series) {
	for _, b := range g.ball(p.CI)[1:] {
		for _, gr := range newest(g.byCI[b.ref], g.c.CandidatesMax) {
			if g.takesByTopology(gr, p.At, s.rule) {
				if c := g.offer(gr, byNear, power(g.c.NearMilli, int(b.hops))); c.hops == 0 {
					c.hops, c.spot = int(b.hops), b.ref
				}
			}
		}
	}
}

// collectExplained offers the groups that share an explanation with the probe:
// the formula of S, without the decay.
func (g *Grouper) collectExplained(p Probe, s *series) {
	for _, r := range g.cone(p.CI) {
		list := newest(g.byExplain[r.Ref], g.c.CandidatesMax)
		if len(list) == 0 {
			continue
		}
		w := power(g.c.GammaMilli, int(r.Hops))
		pr := 1000
		if !g.isHot(r.Ref, p.At) {
			pr = prior(g.c.BetaMilli, g.cmdb.FanIn(r.Ref))
		}
		for _, gr := range list {
			if !g.takesByTopology(gr, p.At, s.rule) {
				continue
			}
			cv, m := gr.cover[r.Ref], len(gr.cis)
			share := (int(cv.n) + 1) * 1000 / (m + 1)
			if share < g.c.ThetaMilli {
				continue
			}
			raw := (int(cv.sum) + w) / (m + 1) * pr / 1000
			if gr.cis[r.Ref] != nil || r.Ref == p.CI {
				raw = raw * g.c.SelfMilli / 1000
			}
			c := g.offer(gr, byTopology, raw)
			if c.by == byTopology && c.raw == raw && (c.y == cmdb.NoRef || c.cover < share || raw > 0) {
				c.y, c.cover = r.Ref, share
			}
		}
	}
}

// collectNamed offers the groups with a member on the second CI the alert names.
func (g *Grouper) collectNamed(p Probe, s *series) {
	named := g.namedBy(p)
	if named == cmdb.NoRef {
		return
	}
	for _, gr := range newest(g.byCI[named], g.c.CandidatesMax) {
		if g.takesByTopology(gr, p.At, s.rule) {
			c := g.offer(gr, byObserved, g.c.NearMilli)
			if c.spot == cmdb.NoRef {
				c.spot = named
			}
		}
	}
}

// collectObserved offers the groups with a member that was named together with
// what this unbound alert is about.
func (g *Grouper) collectObserved(p Probe, s *series) {
	for _, label := range []string{"host", "node", "hostname", "instance", "service"} {
		name := p.Labels.Get(label)
		if name == "" {
			continue
		}
		o := g.seen[sighted{g.envOf(p), name}]
		if o == nil {
			continue
		}
		for _, ci := range o.cis {
			for _, gr := range newest(g.byCI[ci], g.c.CandidatesMax) {
				if g.takesByTopology(gr, p.At, s.rule) {
					c := g.offer(gr, byObserved, g.c.NearMilli)
					if c.spot == cmdb.NoRef {
						c.spot = ci
					}
				}
			}
		}
	}
}

// offer adds a group, or better evidence for one that is there.
func (g *Grouper) offer(gr *group, b by, raw int) *candidate {
	i, ok := g.at[gr]
	if !ok {
		i = len(g.candidates)
		g.at[gr] = i
		g.candidates = append(g.candidates, candidate{gr: gr, by: b, raw: raw, y: cmdb.NoRef, spot: cmdb.NoRef})
		return &g.candidates[i]
	}
	c := &g.candidates[i]
	strict := b <= byProvisional && b < c.by
	if strict || (c.by > byProvisional && raw > c.raw) {
		c.by, c.raw = b, max(raw, c.raw)
	}
	return c
}

// pace is the quiet gap between a group and an onset of a rule: the longer of
// theirs, so that a slow sender is waited for.
func (g *Grouper) pace(gr *group, r int32) itsm.Time { return max(gr.pace, g.paceOf(r)) }

// takesByTopology reports whether a group still takes what is only near.
func (g *Grouper) takesByTopology(gr *group, at itsm.Time, r int32) bool {
	return gr.resolved == 0 && !gr.wave.spent && at-gr.lastJoin <= g.pace(gr, r) && at-gr.opened < itsm.Time(g.c.Lifetime.Milliseconds())
}

// takesSameCI reports whether a group takes an onset on a CI it has: within the
// quiet gap, and while an alert on that CI still fires up to FollowOn.
func (g *Grouper) takesSameCI(gr *group, sp *spot, at itsm.Time, r int32) bool {
	if gr.resolved != 0 || gr.wave.spent || sp == nil {
		return false
	}
	quiet := at - gr.lastJoin
	return quiet <= g.pace(gr, r) || (sp.firing > 0 && !g.isMute(sp.rule) && quiet < itsm.Time(g.c.FollowOn.Milliseconds()))
}

// best scores the candidates and returns the one to join, nil for none. A group
// whose storm rises again is closed to the probe.
func (g *Grouper) best(p Probe) *candidate {
	var best *candidate
	for i := range g.candidates {
		c := &g.candidates[i]
		g.score(c, p)
		if c.score <= g.c.JoinMilli {
			continue
		}
		if best == nil || better(c, best) {
			best = c
		}
	}
	if best != nil && best.by != byRule && best.gr.wave.rises(p.At, &g.c) {
		best.gr.wave.spent = true
		g.cool(best.gr)
		return nil
	}
	return best
}

// better orders candidates: binding evidence first, then the higher score, then
// the older incident.
func better(a, b *candidate) bool {
	if (a.by == byRule) != (b.by == byRule) {
		return a.by == byRule
	}
	if a.score != b.score {
		return a.score > b.score
	}
	return a.gr.n < b.gr.n
}

// sameFloor keeps the decay of the same CI from failing a join that the rule of
// precedence allows.
const sameFloor = 300

// score computes S of a candidate. What only raises is looked at when it matters.
func (g *Grouper) score(c *candidate, p Probe) {
	d := decay(max(p.At-c.gr.lastJoin, 0), itsm.Time(g.c.Tau.Milliseconds()))
	if c.by <= byProvisional {
		d = max(d, sameFloor)
	}
	c.score = saturate(c.raw * d / 1000)
	if c.score > g.c.JoinMilli && c.by != byLearned {
		return
	}
	if slices.Contains(c.gr.tags, g.tagOf(p)) {
		c.score = either(c.score, g.c.TagMilli*d/1000)
	}
	if c.by == byLearned {
		c.score = either(c.score, g.c.LearnedMilli*d/1000)
	}
	if c.score <= g.c.JoinMilli && c.gr.name == p.AlertName {
		c.score = either(c.score, g.c.DiceMilli*dice(c.gr.title, p.Title)/1000*d/1000)
	}
}

// maybe lists the neighbouring incidents that were not joined.
func (g *Grouper) maybe(best *candidate) []itsm.Candidate {
	var out []itsm.Candidate
	for i := range g.candidates {
		c := &g.candidates[i]
		if c == best || c.score < g.c.MaybeMilli {
			continue
		}
		out = append(out, itsm.Candidate{Incident: c.gr.n, ScoreMilli: c.score, Because: g.maybeBecause(c)})
	}
	slices.SortFunc(out, func(a, b itsm.Candidate) int {
		return cmp.Or(cmp.Compare(b.ScoreMilli, a.ScoreMilli), cmp.Compare(a.Incident, b.Incident))
	})
	return out[:min(len(out), itsm.MaybeRelatedMax)]
}

// follows returns the incident a new one follows on from: the last one with the
// same CI that is still open.
func (g *Grouper) follows(p Probe, s *series) itsm.IncidentNumber {
	n := g.lastOn[p.CI]
	if p.CI == cmdb.NoRef {
		n = g.lastOnKey[p.Provisional]
	}
	if gr := g.groups[n]; gr != nil {
		return n
	}
	if gr := g.groups[s.incident]; gr != nil {
		return s.incident
	}
	return 0
}

// merges lists young groups that become one because a CI they share turns hot
// with this onset.
func (g *Grouper) merges(p Probe) [][2]itsm.IncidentNumber {
	if p.CI == cmdb.NoRef {
		return nil
	}
	var out [][2]itsm.IncidentNumber
	for _, e := range g.cmdb.Dependencies(p.CI) {
		if g.cmdb.FanIn(e.To) < g.c.HotFanIn || !g.isHot(e.To, p.At) {
			continue
		}
		var into itsm.IncidentNumber
		for _, gr := range g.byExplain[e.To] {
			young := gr.resolved == 0 && !gr.wave.spent && p.At-gr.opened < itsm.Time(g.c.HotYoung.Milliseconds())
			if !young || int(gr.cover[e.To].n)*1000 < len(gr.cis)*g.c.ThetaMilli {
				continue
			}
			if into == 0 {
				into = gr.n
			} else if !slices.Contains(out, [2]itsm.IncidentNumber{into, gr.n}) {
				out = append(out, [2]itsm.IncidentNumber{into, gr.n})
			}
		}
	}
	return out
}
