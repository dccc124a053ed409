package group

import (
	"fmt"
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
	Taken       bool     // CI is what Meant answered
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
	Maybe    []itsm.Candidate         // neighbouring incidents that may belong together; valid until the next Place
	Merge    [][2]itsm.IncidentNumber // {into, from}: a CI turned hot that explains both
}

// Place answers where an onset belongs and takes it into the history of its
// alert: call it once for each onset, then Open if it says so, and Join.
//
// An alert that fires again may stay where it is: then Incident is the incident
// of its latest episode.
func (g *Grouper) Place(p Probe) Placement {
	g.expire(p.At)
	s := g.record(p)
	g.asked = asked{pace: g.paceOf(s.rule), tag: g.tagOf(&p)}
	named := cmdb.NoRef
	if namesAnother(p.Labels) {
		g.see(p)
		named = g.namedBy(p)
	}
	g.survey(p, s, named)
	if g.isChronic(s, p.At) {
		return g.placeChronic(p, s)
	}
	g.collect(p, s, named)
	best, before := g.best(p)
	pl := Placement{Maybe: g.maybe(best), Merge: g.merges(p)}
	switch {
	case best != nil:
		pl.Incident = best.gr.n
		pl.Reopens = best.gr.resolved != 0
	case before != nil:
		pl.Follows = before.n
	default:
		pl.Follows = g.follows(p, s)
	}
	pl.Evidence = g.evidence(p, best, pl.Follows)
	if before != nil {
		pl.Evidence.Because = fmt.Sprintf("a second wave: %s had died down from %d onsets a minute and rises again", before.n, before.wave.peak)
	}
	return pl
}

// best scores the candidates and returns the one to join, nil for none. When the
// storm of that group rises again it is closed instead, and returned as the one
// to follow on from.
func (g *Grouper) best(p Probe) (best *candidate, before *group) {
	for i := range g.candidates {
		c := &g.candidates[i]
		g.score(c, &p)
		if c.score > g.c.JoinMilli && (best == nil || better(c, best)) {
			best = c
		}
	}
	if best != nil && best.by != byRule && best.gr.wave.rises(p.At, &g.c) {
		best.gr.wave.spent = true
		g.cool(best.gr)
		return nil, best.gr
	}
	return best, nil
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
func (g *Grouper) score(c *candidate, p *Probe) {
	d := decay(max(p.At-c.gr.lastJoin, 0), itsm.Time(g.c.Tau.Milliseconds()))
	switch {
	case c.by <= byProvisional:
		d = max(d, sameFloor)
	case c.by == byOutage:
		d = decay(max(p.At-g.asked.heard, 0), itsm.Time(g.c.Tau.Milliseconds()))
	}
	c.score = saturate(c.raw * d / 1000)
	if (c.score > g.c.JoinMilli && c.by != byLearned) || g.isHub(c, p.At) {
		return
	}
	if g.asked.tag.service != "" && slices.ContainsFunc(c.gr.tags, g.asked.tag.is) {
		c.score = either(c.score, g.c.TagMilli*d/1000)
	}
	if c.by == byLearned {
		c.score = either(c.score, g.c.LearnedMilli*d/1000)
	}
	if c.score <= g.c.JoinMilli && g.changed && p.CI != cmdb.NoRef && g.changes.Together(p.CI, p.At, c.gr.cis.has) {
		c.score = either(c.score, g.c.ChangeMilli*d/1000)
	}
	if c.score <= g.c.JoinMilli && c.gr.name == p.AlertName {
		c.score = either(c.score, g.c.DiceMilli*dice(c.gr.title, p.Title)/1000*d/1000)
	}
}

// isHub reports whether the evidence is a shared dependency of so many that it
// says little, as long as it is not hot: then nothing raises the score.
func (g *Grouper) isHub(c *candidate, at itsm.Time) bool {
	return c.by == byTopology && g.cmdb.FanIn(c.y) > g.c.NearDegreeMax && !g.isHot(c.y, at)
}

// maybe lists the neighbouring incidents that were not joined. Only those that
// are listed get a sentence: in a storm there are dozens more.
func (g *Grouper) maybe(best *candidate) []itsm.Candidate {
	var list [itsm.MaybeRelatedMax]*candidate
	n := 0
	for i := range g.candidates {
		c := &g.candidates[i]
		if c == best || c.score < g.c.MaybeMilli {
			continue
		}
		at := n
		for at > 0 && nearer(c, list[at-1]) {
			at--
		}
		if at == len(list) {
			continue
		}
		n = min(n+1, len(list))
		copy(list[at+1:n], list[at:])
		list[at] = c
	}
	if n == 0 {
		return nil
	}
	g.neighbours = g.neighbours[:0]
	for _, c := range list[:n] {
		g.neighbours = append(g.neighbours, itsm.Candidate{Incident: c.gr.n, ScoreMilli: c.score, Because: g.maybeBecause(c)})
	}
	return g.neighbours
}

// nearer orders neighbours: the higher score, then the older incident.
func nearer(a, b *candidate) bool {
	return a.score > b.score || a.score == b.score && a.gr.n < b.gr.n
}

// follows returns the incident a new one follows on from: the last one with the
// same CI that is still open.
func (g *Grouper) follows(p Probe, s *series) itsm.IncidentNumber {
	var n itsm.IncidentNumber
	if p.CI == cmdb.NoRef {
		n = g.lastOnKey[p.Provisional]
	} else if at := g.locals.of(p.CI); at != nil {
		n = at.last
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
	g.ends = g.cmdb.AppendDependencies(g.ends[:0], p.CI)
	for _, y := range g.ends {
		if !g.isHot(y, p.At) {
			continue
		}
		var into itsm.IncidentNumber
		for _, e := range g.locals.explainedBy(y) {
			gr := e.gr
			young := gr.resolved == 0 && !gr.wave.spent && p.At-gr.opened < itsm.Time(g.c.HotYoung.Milliseconds())
			if !young || int(e.n)*1000 < gr.cis.len()*g.c.ThetaMilli {
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
