package correlate

import (
	"fmt"
	"slices"
	"time"

	"signalbox/itsm"
	"signalbox/rules"
)

// restraint is how a rule, or a maintenance window, holds an episode back: it is kept and listed, and opens
// nothing. The numbers are stored.
type restraint uint8

const (
	free       restraint = iota
	muted                // while the rule matches
	ruleHeld             // until it has fired long enough
	hidden               // while another alert fires
	gatherWait           // until enough alerts of its rule fire
	maintained           // while a maintenance window covers it
)

var restraintWords = [...]string{"", "muted", "held", "inhibited", "waits", "under maintenance"}

// reasonByRule counts events of alerts that a rule holds back, once there are too
// many reasons to count by.
const reasonByRule = "a rule"

// restrained asks the rules whether the episode of a may open anything, and
// notes why not.
func (s *State) restrained(a *alert) bool {
	u := &s.ruled
	lines := a.spoken(rules.Suppress, rules.Correlate)
	if s.placing == a {
		if lines = a.spoken(rules.Normalise, rules.Suppress, rules.Correlate); isSpoken(u.spoke, rules.Bind) {
			lines = nil
		}
		lines = append(slices.Clone(u.spoke), lines...)
	}
	var by *rules.Rule
	if u.has[rules.Suppress] {
		k := s.ask(a)
		by = s.suppressor(a)
		lines = s.tally(k, lines)
	}
	s.noteRules(a, lines)
	if by == nil || by.Suppress.Hold > 0 && a.waited {
		return false
	}
	s.restrain(a, by)
	return true
}

func isSpoken(lines []string, st rules.Stage) bool {
	return slices.ContainsFunc(lines, func(l string) bool { return isLineOf(l, st) })
}

// suppressor is the rule of the stage suppress that speaks of the alert that the rules
// were begun with; nil: none.
func (s *State) suppressor(a *alert) *rules.Rule {
	return s.ruled.alert.run.Suppress(func(r *rules.Rule) bool { return s.hiddenBy(a, r) != 0 })
}

// spokenFor reports whether a rule holds a back or says where it belongs, so that
// grouping is not asked.
func (s *State) spokenFor(a *alert) bool {
	u := &s.ruled
	if !u.has[rules.Suppress] && !u.has[rules.Correlate] {
		return false
	}
	k := s.ask(a)
	return s.suppressor(a) != nil || k.run.Correlate().Rule != nil
}

// askAnew forgets what the rules said of an episode that is over, or goes on.
func (a *alert) askAnew() {
	a.restraint, a.rule, a.ruleDue, a.waited, a.answered, a.beats = free, "", 0, false, false, false
}

// reconsiderAll asks again about what rules hold back, for another CMDB.
func (s *State) reconsiderAll() {
	if s.rules.Set == nil {
		return
	}
	s.rehideAll()
	for _, n := range s.alertNumbers() {
		s.reconsider(s.alerts.Get(n))
	}
}

// restrain holds the episode of a back as the rule says. A rule that drops finds
// an alert that is there already: it is muted.
func (s *State) restrain(a *alert, by *rules.Rule) {
	a.rule, a.ruleDue = by.ID, 0
	switch {
	case by.Suppress.Hold > 0:
		a.restraint, a.ruleDue = ruleHeld, s.now.Add(by.Suppress.Hold)
		a.held = fmt.Sprintf("rule %s: held for %s", by.ID, short(Duration(by.Suppress.Hold)))
	case by.Suppress.InhibitedBy != nil:
		a.restraint = hidden
		s.hide(a, s.hiddenBy(a, by))
	default:
		a.restraint, a.ruleDue = muted, endOfForce(by, s.now)
		a.held = fmt.Sprintf("rule %s: muted", by.ID)
		if a.ruleDue != 0 {
			a.held += " until " + a.ruleDue.Std().Format(time.RFC3339)
		}
	}
	s.touchAlert(a)
	s.scheduleAlert(a)
}

// endOfForce is when a rule that is in force stops being so; 0: never.
func endOfForce(r *rules.Rule, now itsm.Time) itsm.Time {
	end := r.Until
	if r.Hours != nil {
		end = earliest(end, r.Hours.Next(now, false))
	}
	return end
}

// unrestrain takes a restraint away, whatever it was.
func (s *State) unrestrain(a *alert) {
	switch a.restraint {
	case free:
		return
	case hidden:
		s.unhide(a)
	case gatherWait:
		s.leaveGathering(a)
	case maintained:
		s.leaveWindow(a)
	}
	a.restraint, a.rule, a.ruleDue, a.held = free, "", 0, ""
	s.touchAlert(a)
}

// restraintDue places an episode again whose rule had its time.
func (s *State) restraintDue(a *alert) {
	a.waited = a.waited || a.restraint == ruleHeld
	s.unrestrain(a)
	s.place(a, s.now)
}

// reconsider asks again about an alert that a rule or a window holds back, because
// its words, its severity or its CI changed. While the same rule says the same,
// nothing changes.
func (s *State) reconsider(a *alert) {
	if a.restraint == maintained {
		s.reconsiderWindow(a)
		return
	}
	if a.status != itsm.Firing || a.restraint == free || a.restraint == gatherWait || s.rules.Set == nil {
		return
	}
	s.ask(a)
	by := s.suppressor(a)
	if by != nil && by.ID == a.rule {
		return
	}
	s.unrestrain(a)
	s.place(a, s.now)
}

// setRules activates a rule set. What it holds back is asked about again; open
// incidents get the new policies, and partners that were told stay told.
func (s *State) setRules(r *Rules) {
	s.rules = *r
	s.useRules()
	s.rehideAll()
	s.regather()
	for _, n := range s.alertNumbers() {
		if a := s.alerts.Get(n); a.status == itsm.Firing && a.restraint != free {
			s.unrestrain(a)
			s.place(a, s.now)
		}
	}
	for _, n := range sortedKeys(s.incidents) {
		if i := s.incidents[n]; i.state.IsOpen() {
			s.reassess(i, false)
			s.tell(i, actSystem, "")
			s.scheduleIncident(i)
		}
	}
}
