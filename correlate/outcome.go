package correlate

import (
	"fmt"
	"time"

	"signalbox/correlate/group"
	"signalbox/itsm"
	"signalbox/itsm/cmdb"
	"signalbox/rules"
)

// Outcome is what would be decided about an alert.
type Outcome struct {
	What           string // one of the words below
	Rule           string // that decides it; "default" for the built-in grouping
	Revision       uint64 // of the rule set, 0 for the built-in grouping
	Because        string
	Incident       itsm.IncidentNumber // that it joins or is in
	Follows        itsm.IncidentNumber // that the new one follows on from
	By             string              // kind of evidence, with a score
	ScoreMilli     int
	ThresholdMilli int
}

// What an outcome can be.
const (
	OutcomeClears    = "clears"    // it says that something is over
	OutcomeOld       = "old"       // newer word of it was heard before
	OutcomeRepeats   = "repeats"   // it says again what fires already, or goes on after a short pause
	OutcomeDropped   = "dropped"   // a rule drops it
	OutcomeMuted     = "muted"     // a rule mutes it
	OutcomeHeld      = "held"      // a rule, or how its series behaves, keeps it back for a time
	OutcomeInhibited = "inhibited" // another alert hides it
	OutcomeWaits     = "waits"     // a rule waits for more
	OutcomeJoins     = "joins"     // it joins an incident
	OutcomeOpens     = "opens"     // it opens one
)

// outcome goes the way that folding an event goes. t says what the alert a (nil:
// there is none) is asked about; the rules were begun with it.
func (s *State) outcome(q *Question, t, a *alert, e *itsm.Event, near *group.Considered) Outcome {
	if q.Alert == 0 {
		if s.mayDrop(a, e) {
			if r := s.ruled.alert.dropsBy(); r != nil {
				return s.droppedBy(r)
			}
		}
		if o, ok := s.foldedOutcome(t, a, e, near); ok {
			return o
		}
	}
	if m := s.covering(t); m != nil {
		return Outcome{What: OutcomeMuted, Rule: "maintenance " + m.ID, By: "maintenance", Because: m.ID + " covers it until " + m.at.End.Std().Format(time.RFC3339) + ": " + m.Reason}
	}
	if o, ok := s.suppressedOutcome(t); ok {
		return o
	}
	if a != nil && (q.Alert == 0 || !a.member) && s.stormsOn == 0 { // in a storm hardly anything is held, and looking which one would make its scopes
		if d, why := s.holdFor(t); d > 0 {
			return Outcome{What: OutcomeHeld, Rule: ruleDefault, Because: why}
		}
	}
	if s.ruled.has[rules.Correlate] {
		if o, ok := s.gatheredOutcome(t); ok {
			return o
		}
	}
	if i := t.inc; q.Alert == 0 && i != nil {
		switch p := i.policy(); {
		case p != nil && p.reopenWithin != 0 && s.canReopen(i):
			return Outcome{What: OutcomeJoins, Rule: ruleDefault, Incident: i.number, Because: "it fires again within " + short(p.reopenWithin) + ", as a rule says"}
		case t.flapping && near.Incident == 0 && i.state.IsOpen() && i.flaps():
			return Outcome{What: OutcomeJoins, Rule: ruleDefault, Incident: i.number, Because: "the alert is flapping: its episodes stay in one incident"}
		}
	}
	return groupedOutcome(near)
}

func groupedOutcome(near *group.Considered) Outcome {
	o := Outcome{What: OutcomeOpens, Rule: ruleDefault, Because: near.Because, Follows: near.Follows, By: near.By, ThresholdMilli: near.ThresholdMilli}
	if near.Incident != 0 {
		o.What, o.Incident, o.ScoreMilli = OutcomeJoins, near.Incident, near.ScoreMilli
	}
	return o
}

// foldedOutcome is what becomes of an event that begins no episode.
func (s *State) foldedOutcome(t, a *alert, e *itsm.Event, near *group.Considered) (Outcome, bool) {
	o := Outcome{Rule: ruleDefault}
	et, _ := s.eventTime(e)
	switch {
	case a != nil && s.isOld(a, e, et):
		o.What, o.Because = OutcomeOld, "something newer was heard of "+a.describe()
	case e.Status == itsm.Resolved:
		o.What, o.Because = OutcomeClears, clearsWhat(a)
	case a == nil && s.isBuried(t.src, e):
		o.What, o.Because = OutcomeOld, "it cleared already, before it was heard to fire"
	case a != nil && a.status == itsm.Firing && !s.isNext(a, s.startOf(e, et), a.lastSeen):
		switch {
		case a.holdUntil != 0:
			o.What, o.Because = OutcomeHeld, a.held
			return o, severityOf(e) != itsm.Critical // which ends a hold
		case s.isFreed(a, t, e):
			return Outcome{}, false
		case s.movesOn(a, e, et, near):
			return groupedOutcome(near), true
		}
		o.What, o.Because = OutcomeRepeats, a.describe()+" fires already"
		if a.member {
			o.Incident = a.incident
		}
	case a != nil && a.member && s.goesOn(a, near) && (a.inc.state.IsOpen() || s.covering(t) == nil):
		o.What, o.Because, o.Incident = OutcomeRepeats, a.describe()+" goes on: it had cleared only a moment before", a.incident
	default:
		return Outcome{}, false
	}
	return o, true
}

// isFreed reports whether what e says of the firing alert a, and t is asked about, is no
// longer held back as it was: then a is placed anew.
func (s *State) isFreed(a, t *alert, e *itsm.Event) bool {
	if a.restraint == free || a.restraint == gatherWait {
		return false
	}
	if same, _ := sameText(a.text, e); same && severityOf(e) == a.severity && sameSender(a.sender, e) {
		return false // it is not asked about
	}
	if a.restraint == maintained {
		m := s.covering(t)
		return m == nil || m.number != a.side().window
	}
	if !s.ruled.has[rules.Suppress] {
		return true
	}
	by := s.suppressor(t)
	return by == nil || by.ID != a.rule
}

// movesOn reports whether a fire of the firing alert a says that it began again and
// belongs elsewhere now. As onset does, it goes by the words that a has, and grouping
// alone then decides: nothing is held.
func (s *State) movesOn(a *alert, e *itsm.Event, et itsm.Time, near *group.Considered) bool {
	return isOnset(a, e, s.startOf(e, et)) && near.Incident != a.incident && !s.spokenFor(a) && s.covering(a) == nil
}

// goesOn reports whether an episode that ended is continued rather than followed
// by another.
func (s *State) goesOn(a *alert, near *group.Considered) bool {
	if !s.mayGoOn(a) {
		return false
	}
	o := s.incidents[near.Incident]
	return o == a.inc || a.inc.state.IsOpen() && !a.inc.isLeftBy(near.Chronic) && (o == nil || !o.state.IsOpen())
}

func clearsWhat(a *alert) string {
	if a == nil || a.status != itsm.Firing {
		return "nothing of it fires: a clear opens nothing"
	}
	return "it ends " + a.describe()
}

// suppressedOutcome is what the stage suppress makes of t.
func (s *State) suppressedOutcome(t *alert) (Outcome, bool) {
	if !s.ruled.has[rules.Suppress] {
		return Outcome{}, false
	}
	r := s.suppressor(t)
	if r == nil || r.Suppress.Hold > 0 && t.waited {
		return Outcome{}, false
	}
	o := s.byRule(r)
	switch {
	case r.Suppress.Drop && t.member:
		o.What, o.Because = OutcomeMuted, "rule "+r.ID+" drops it, which finds nothing that fires already: it is muted"
	case r.Suppress.Drop:
		o = s.droppedBy(r)
	case r.Suppress.Hold > 0:
		o.What, o.Because = OutcomeHeld, fmt.Sprintf("rule %s holds it for %s", r.ID, short(Duration(r.Suppress.Hold)))
	case r.Suppress.InhibitedBy != nil:
		o.What, o.Because = OutcomeInhibited, fmt.Sprintf("rule %s: %s fires and hides it", r.ID, s.alerts.Get(s.hiddenBy(t, r)).describe())
	default:
		o.What, o.Because = OutcomeMuted, "rule "+r.ID+" mutes it"
		if end := endOfForce(r, s.now); end != 0 {
			o.Because += " until " + end.Std().Format(time.RFC3339)
		}
	}
	return o, true
}

func (s *State) droppedBy(r *rules.Rule) Outcome {
	o := s.byRule(r)
	o.What, o.Because = OutcomeDropped, "rule "+r.ID+" drops it"
	return o
}

func (s *State) byRule(r *rules.Rule) Outcome {
	return Outcome{Rule: r.ID, Revision: s.rules.Revision, By: "rule"}
}

// gatheredOutcome is where a correlation rule would put t.
func (s *State) gatheredOutcome(t *alert) (Outcome, bool) {
	c := s.ruled.alert.run.Correlate()
	if c.Rule == nil {
		return Outcome{}, false
	}
	if c.Rule.Correlate.Alone() {
		c.Key += "\x1f#" + t.number.String()
	}
	cr := c.Rule.Correlate
	g, ok := s.findGathering(t, &c)
	o := s.byRule(c.Rule)
	switch {
	case !ok || c.Part == rules.Second && (g == nil || g.count == 0):
		return Outcome{}, false
	case g != nil && s.takesNow(g, cr):
		o.What, o.Incident = OutcomeJoins, g.incident
		o.Because = "rule " + c.Rule.ID + " puts them together"
	case c.Part == rules.Second && cr.Then != "":
		o.What, o.Because = OutcomeOpens, "rule "+c.Rule.ID+": it is the second that was waited for"
	case c.Part == rules.Second:
		o.What, o.Because = OutcomeWaits, "rule "+c.Rule.ID+": it is what was to come"
	case cr.Heartbeat:
		o.What, o.Because = OutcomeWaits, "rule "+c.Rule.ID+": it opens when this is not heard again for "+short(Duration(cr.Within))
	case asksForMore(cr):
		n, of := s.waitWith(t, g, &c), cr.Count
		o.What, o.Because = OutcomeWaits, fmt.Sprintf("rule %s waits for more: %d with this one", c.Rule.ID, n)
		if of > 1 {
			o.Because = fmt.Sprintf("rule %s: %d of %d with this one", c.Rule.ID, n, of)
		}
		if of > 1 && n >= of && cr.Ratio == 0 && cr.Hold == 0 {
			o.What = OutcomeOpens
		}
	default:
		o.What, o.Because = OutcomeOpens, "rule "+c.Rule.ID+" opens one"
	}
	if c.Values != "" {
		o.Because += " (" + c.Values + ")"
	}
	return o, true
}

// waitWith is how many would wait together with t, or how many different ones when
// its rule counts these.
func (s *State) waitWith(t *alert, g *gathering, c *rules.Correlated) int {
	cr, different := c.Rule.Correlate, map[string]bool{c.Distinct: true}
	n := 1
	if g == nil {
		return n
	}
	for _, w := range g.waiting {
		if w.alert == t.number || span(cr) > 0 && s.now.Sub(w.at) > span(cr) {
			continue
		}
		n++
		different[w.distinct] = true
	}
	if cr.Distinct != "" {
		delete(different, "")
		return len(different)
	}
	return n
}

func (s *State) takesNow(g *gathering, cr *rules.CorrelateRule) bool {
	i := s.incidents[g.incident]
	return i != nil && i.state.IsOpen() && (cr.FollowOn == rules.FollowJoin || g.takes(cr, s.now))
}

// findGathering finds what t would be gathered in; ok is false when its rule has
// nothing to do with it.
func (s *State) findGathering(t *alert, c *rules.Correlated) (g *gathering, ok bool) {
	if c.Rule.Correlate.Scope != rules.ScopeUpstream {
		return s.gatherings[gatherKey{c.Key, ""}], true
	}
	if t.ci.ref == cmdb.NoRef {
		return nil, false
	}
	s.reach = s.graph.Explains(t.ci.ref, c.Rule.Correlate.Upstream, s.reach[:0])
	for _, y := range s.reach[:min(len(s.reach), anchorsMax)] {
		if g := s.gatherings[gatherKey{c.Key, s.graph.ID(y.Ref)}]; g != nil {
			return g, true
		}
	}
	return nil, true
}
