package group

import (
	"slices"

	"signalbox/itsm"
)

// Considered is where an onset would go, and what else was near.
type Considered struct {
	Incident       itsm.IncidentNumber // 0: it opens one
	Follows        itsm.IncidentNumber // with a new one: the incident it follows on from
	By             string
	Chronic        bool // it fires nearly always
	ScoreMilli     int
	ThresholdMilli int
	Because        string
	Neighbours     []Neighbour // nearest first, at most NeighboursMax
	More           int         // related incidents that are not listed
}

// Neighbour is an incident near an onset, and what stands against joining it.
type Neighbour struct {
	Incident   itsm.IncidentNumber
	By         string // evidence that relates them; "" when nothing does
	Relation   string // it in words
	ScoreMilli int    // 0 when it was not weighed
	Why        string // why it is not joined; "" of the one that is
	OpenedAt   itsm.Time
	LastJoinAt itsm.Time
	ResolvedAt itsm.Time // 0 while open
}

// Bounds of Consider.
const (
	NeighboursMax = 10  // listed
	consideredMax = 200 // latest incidents looked at beyond those that Place would
	comparedMax   = 32  // CIs of each of them
	unrelatedMax  = 3   // of the same time, listed to say that nothing relates them
)

// Consider answers what Place would of an onset, without taking it in, and why
// the incidents near it are not joined. Of an onset that was placed before, except
// is the incident it is in: that one is left out. beside, when not 0, is listed
// whatever it is. Incidents are judged by what is known of them now.
func (g *Grouper) Consider(p Probe, except, beside itsm.IncidentNumber) Considered {
	s, undo := g.rehearse(p)
	defer undo()
	g.asked = asked{pace: g.paceOf(s.rule), tag: g.tagOf(&p)}
	defer func() { g.asked, g.candidates = asked{}, g.candidates[:0] }()
	g.collect(p, s, g.namedBy(p))
	g.candidates = slices.DeleteFunc(g.candidates, func(c candidate) bool { return c.gr.n == except })
	v := viewer{g: g, p: p, s: s, beside: beside, chronic: g.isChronic(s, p.At)}
	out := Considered{ThresholdMilli: g.c.JoinMilli, By: byNothing.String(), Chronic: v.chronic}
	best := v.weigh()
	e := itsm.Evidence{CI: g.label(p)}
	switch {
	case v.chronic && best != nil:
		out.Incident, out.By = best.gr.n, best.by.String()
		e = g.besideEvidence(p, s, best.gr.n, best.spot)
	case v.chronic:
		if gr := g.ownChronic(p, s); gr != nil && gr.n != except {
			out.Incident, out.By = gr.n, bySameCI.String()
		}
		e = g.chronicEvidence(p, s, out.Incident)
	case best != nil:
		out.Incident, out.By, out.ScoreMilli = best.gr.n, best.by.String(), best.score
		g.explainJoin(&e, p, best)
	case v.second != nil:
		out.Follows = v.second.gr.n
		e.Because = "a second wave of " + out.Follows.String()
	default:
		if out.Follows = g.follows(p, s); out.Follows == except {
			out.Follows = 0
		}
		g.explainOpening(&e, out.Follows)
	}
	out.Because = e.Because
	out.Neighbours, out.More = v.neighbours(best, except)
	return out
}

// rehearse returns the history of the probe's alert as Place would see it, and
// what puts everything back.
func (g *Grouper) rehearse(p Probe) (*series, func()) {
	var s series
	if known := g.series.Get(p.Alert); known != nil {
		if s = *known; s.began >= p.At {
			return &s, func() {} // Place saw it
		}
	} else {
		s = series{activity: activity{slot: int64(p.At) / slotMillis}}
	}
	n := len(g.rules)
	if g.series.Get(p.Alert) == nil {
		if i, ok := g.ruleOf[ruleKey{p.Source, p.AlertName}]; ok {
			s.rule = i
		} else {
			g.rules = append(g.rules, rule{source: g.ruleOf[ruleKey{source: p.Source}]})
			s.rule = int32(n)
		}
	}
	of, source := s.rule, g.rules[s.rule].source
	was, wasSource := g.rules[of], g.rules[source]
	s.mark(p.At)
	s.spell(p.At)
	s.began, s.firing, s.changed = p.At, true, max(s.changed, p.At)
	for _, r := range g.rhythms(&s) {
		r.onsets++
		r.observe(p.At)
	}
	return &s, func() {
		g.rules[of], g.rules[source] = was, wasSource
		g.rules = g.rules[:n]
	}
}
