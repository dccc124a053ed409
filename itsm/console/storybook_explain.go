package console

import (
	"context"
	"slices"
	"time"

	"signalbox/correlate/engine"
	"signalbox/itsm"
	"signalbox/rules"
	"signalbox/rules/explain"
)

// Explain implements Explainer: the rules are really tried, what is near is canned.
func (b *book) Explain(_ context.Context, q engine.Question) (x engine.Explanation, err error) {
	a, err := b.Alert(q.Alert)
	if err != nil {
		return x, err
	}
	if a.Number == 45 {
		return x, itsm.Errorf(itsm.NotFound, "%s ended so long ago that the fold has forgotten it: only its record and its evidence are left", a.Number)
	}
	revision, set := b.activeRules()
	if set == nil {
		set = &rules.Set{}
	}
	x.At, x.Alert, x.Episode, x.Incident, x.Lead, x.Held, x.Event, x.Graph = a.StartsAt, a.Number, a.Episode, a.Incident, a.Number, a.SuppressedBy, recordEvent(&a), b.graph
	x.Rules.Revision, x.Rules.Set = revision, set
	x.CI, _ = ciOf(a)
	x.Outcome.What, x.Outcome.Rule, x.Outcome.Because = "opens", "default", "nothing it could belong to is near"
	if a.Incident != 0 {
		if ev, err := b.Why(a.Incident, a.Number, a.Episode); err == nil {
			x.Decided = &ev
		}
	}
	b.near(&x, q.Beside)
	c := explain.Case{Event: x.Event, Now: x.At}
	if i, err := b.Incident(a.Incident); err == nil {
		c.Incident = incidentFactsOf(&i, b.graph)
	}
	x.Answer, x.Received = explain.Alert(set, b.graph, c), 301
	return x, nil
}

// near puts two incidents beside it, and the one that was asked for.
func (b *book) near(x *engine.Explanation, beside itsm.IncidentNumber) {
	x.Near.Neighbours = slices.Grow(x.Near.Neighbours, 3)[:3] // the type has no name here
	related, apart, asked := &x.Near.Neighbours[0], &x.Near.Neighbours[1], &x.Near.Neighbours[2]
	related.Incident, related.Relation, related.ScoreMilli = 3, "orders-db-1 and edge-sw-2 are 4 steps apart", 310
	related.Why = "0.310 is not above 0.500: the one CI that explains both, edge-sw-2, covers 3 of 9 CIs and has to cover 75 %"
	related.OpenedAt, related.LastJoinAt = x.At.Add(-6*time.Minute), x.At.Add(-4*time.Minute)
	apart.Incident, apart.Why, apart.OpenedAt, apart.LastJoinAt = 5, "nothing in the CMDB, no rule and no sender's group relates them", x.At.Add(-9*time.Minute), x.At.Add(-9*time.Minute)
	asked.Incident, asked.Relation, asked.Why = beside, "it shares the environment prod", "its last join was 3 h ago, and an incident takes new alerts for 5 min"
	asked.OpenedAt, asked.LastJoinAt, asked.ResolvedAt = x.At.Add(-3*time.Hour), x.At.Add(-3*time.Hour), x.At.Add(-2*time.Hour)
	if beside == 0 {
		x.Near.Neighbours = x.Near.Neighbours[:2]
	}
	x.Near.More = 1
}
