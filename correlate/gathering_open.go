package correlate

import (
	"slices"

	"signalbox/itsm"
	"signalbox/rules"
)

// second takes in the other alert of a sequence or of an absence: it completes
// the one, and clears the other. Without one that waits for it, it means nothing
// to the rule.
func (s *State) second(g *gathering, a *alert, t itsm.Time, cr *rules.CorrelateRule) bool {
	if g.count == 0 {
		s.tidy(g)
		return false
	}
	if cr.Then != "" {
		s.wait(g, a, "")
		s.openGathered(g, t, "rule "+g.rule+": the second came within "+short(Duration(cr.Within))+g.people())
		return true
	}
	text := g.answer()
	for _, w := range g.waiting {
		if o := s.alerts.Get(w.alert); o != nil && o.gathering == g.id {
			o.gathering = 0
			if o.status == itsm.Firing {
				o.held, o.answered = text, true
				s.touchAlert(o)
			}
		}
	}
	g.clear()
	a.restraint, a.rule, a.held, a.answered = gatherWait, g.rule, text, true
	s.touchAlert(a)
	s.tidy(g)
	return true
}

// answer is what holds back the alerts of an absence that did not come about.
func (g *gathering) answer() string {
	return "rule " + g.rule + ": the other came in time" + g.people()
}

// clear lets nothing wait any more.
func (g *gathering) clear() {
	g.waiting, g.in, g.count, g.distinct, g.due = nil, 0, 0, nil, 0
}

// openGathered makes one incident of what waits: first what fires, then what
// cleared within the window. Partners hear of it once, when all are in.
func (s *State) openGathered(g *gathering, t itsm.Time, says string) {
	var fires, cleared, covered []*alert
	for n, w := range g.waiting {
		a := s.alerts.Get(w.alert)
		switch {
		case a == nil || a.episode != w.episode || a.member:
		case a.status == itsm.Firing && s.covering(a) != nil:
			covered = append(covered, a)
		case a.status == itsm.Firing:
			fires = append(fires, a)
		case n >= g.in:
			cleared = append(cleared, a)
		}
	}
	for _, a := range covered { // a window opened while they waited
		a.restraint, a.rule, a.ruleDue, a.gathering = free, "", 0, 0
		s.maintain(a)
	}
	all := append(fires, cleared...)
	if len(fires) == 0 && len(covered) > 0 {
		g.clear()
		return
	}
	if len(all) == 0 {
		return
	}
	for _, a := range all {
		a.restraint, a.rule, a.ruleDue, a.gathering = free, "", 0, 0
	}
	i := s.incidents[g.incident]
	again := i != nil && s.canReopen(i) && slices.ContainsFunc(all, func(a *alert) bool { return a.inc == i })
	g.first = s.now
	for _, w := range g.waiting[g.in:] {
		g.first = min(g.first, w.at)
	}
	g.clear()
	s.assembling = true
	for n, a := range all {
		switch {
		case n > 0 || again:
			s.joinGathered(g, i, a, itsm.DecidedJoined, says)
		default:
			i = s.openByRule(g, a, t, says)
		}
		if a.status != itsm.Firing {
			s.group.ended(a, s.now)
		}
	}
	s.assembling = false
	if again {
		s.reopen(i, actSystem, says)
	} else {
		s.settle(i, actSystem, "")
	}
	g.wake = 0 // nothing waits any more
}

// openByRule opens the incident of g with a, and keeps partners waiting until the
// other members are in.
func (s *State) openByRule(g *gathering, a *alert, t itsm.Time, says string) *incident {
	s.group.place(a, t)
	follows := g.follows
	if f := s.incidents[follows]; f == nil || f.state == itsm.Closed || f.state == itsm.Cancelled {
		follows = 0
	}
	ev := s.ruleEvidence(g, a, says)
	i := s.openFor(a, t, follows, &ev)
	i.rules().byRule = true
	if s.isApart(g.rule) {
		s.group.g.KeepApart(i.number)
	}
	i.ruled.gathers = append(i.ruled.gathers, g.id)
	g.incident, g.follows, g.last = i.number, 0, s.now
	return i
}

func (s *State) isApart(id string) bool {
	r := s.rules.Set.Rule(id)
	return r != nil && r.Correlate != nil && r.Correlate.Unrelated
}

// joinGathered makes a a member of the incident of g.
func (s *State) joinGathered(g *gathering, i *incident, a *alert, d itsm.EvidenceDecision, says string) {
	a.restraint, a.rule, a.ruleDue = free, "", 0
	if s.group.last.Alert != a.number || s.group.last.Episode != a.episode {
		s.group.place(a, s.now)
	}
	ev := s.ruleEvidence(g, a, says)
	g.last = s.now
	if g.first == 0 {
		g.first = s.now
	}
	s.join(i, a, s.fill(&ev, i, a, d))
}

// ruleEvidence says that a rule made a a member.
func (s *State) ruleEvidence(g *gathering, a *alert, says string) itsm.Evidence {
	return itsm.Evidence{By: "rule", Rule: g.rule, Revision: s.rules.Revision, CMDBRevision: s.graph.Revision(), CI: a.ci.id, Shared: g.values,
		Because: says, WouldSplit: "other values for rule " + g.rule}
}

// leaveGathering takes an alert out that is asked about again.
func (s *State) leaveGathering(a *alert) {
	g := s.gatheringIDs[a.gathering]
	if a.gathering = 0; g == nil {
		return
	}
	if n := slices.IndexFunc(g.waiting, func(w waiter) bool { return w.alert == a.number }); n >= 0 {
		s.removeWaiter(g, n)
	}
	s.tidy(g)
}

// scheduleGathering asks to be woken when g opens, or when what cleared leaves
// its window.
func (s *State) scheduleGathering(g *gathering) {
	next := g.due
	if r := s.rules.Set.Rule(g.rule); r != nil && r.Correlate != nil && len(g.waiting) > 0 {
		if w := span(r.Correlate); w > 0 {
			if at := g.waiting[len(g.waiting)-1].at.Add(w) + 1; at > s.now {
				next = earliest(next, at)
			}
		}
	}
	s.schedule(&g.wake, wakeGathering, g.id, next)
}

// gatheringDue opens g when its time has come and something still fires, and
// forgets what only waited to be counted.
func (s *State) gatheringDue(g *gathering) {
	r := s.rules.Set.Rule(g.rule)
	cr := r.Correlate
	s.slideDue(g, cr)
	fires := slices.ContainsFunc(g.waiting, func(w waiter) bool {
		a := s.alerts.Get(w.alert)
		return a != nil && a.episode == w.episode && a.status == itsm.Firing && (!cr.Waits() || s.now.Sub(w.at) >= cr.Within)
	})
	if due := g.due != 0 && g.due <= s.now; due {
		g.due = 0
		if fires {
			says := "rule " + g.rule + ": it still fired after " + short(Duration(cr.Hold))
			switch {
			case cr.Heartbeat:
				says = "rule " + g.rule + ": it was not heard again for " + short(Duration(cr.Within))
			case cr.Absent != "":
				says = "rule " + g.rule + ": the other did not come within " + short(Duration(cr.Within))
			}
			s.openGathered(g, s.now, says+g.people())
		} else if cr.Waits() {
			s.nextAbsence(g, cr)
		}
		if g.due == 0 { // nothing is counted any more
			s.leaveBehind(g, len(g.waiting))
		}
	}
	s.tidy(g)
	if s.gatheringIDs[g.id] != nil {
		s.scheduleGathering(g)
	}
}

// slideDue is slide, except that what waits for an absence is counted until it
// is decided.
func (s *State) slideDue(g *gathering, cr *rules.CorrelateRule) {
	if g.due == 0 {
		s.slide(g, cr)
	}
}

// nextAbsence sets the time of the next that waits.
func (s *State) nextAbsence(g *gathering, cr *rules.CorrelateRule) {
	for _, w := range g.waiting {
		if at := w.at.Add(cr.Within); at > s.now {
			g.due = earliest(g.due, at)
		}
	}
}

// tidy forgets those that cleared and left the window, and g itself when nothing
// is left of it.
func (s *State) tidy(g *gathering) {
	kept, in := g.waiting[:0], 0
	for n, w := range g.waiting {
		a := s.alerts.Get(w.alert)
		live := a != nil && a.episode == w.episode && a.gathering == g.id && a.status == itsm.Firing
		if !live && n < g.in {
			if a != nil && a.gathering == g.id {
				a.gathering = 0
			}
			continue
		}
		if kept = append(kept, w); n < g.in {
			in++
		}
	}
	g.waiting, g.in = kept, in
	if len(g.waiting) == 0 && s.incidents[g.incident] == nil {
		s.dropGathering(g)
	}
}

// forgetGatherings forgets the gatherings of an incident that ended for good.
func (s *State) forgetGatherings(i *incident) {
	for _, id := range i.gathers() {
		if g := s.gatheringIDs[id]; g != nil && g.incident == i.number {
			g.incident = 0
			s.tidy(g)
		}
	}
}

// handOver gives the gatherings of an incident to the one it becomes part of.
func (s *State) handOver(from, to *incident) {
	for _, id := range from.gathers() {
		if g := s.gatheringIDs[id]; g != nil && g.incident == from.number {
			g.incident = to.number
			to.rules().gathers = append(to.rules().gathers, id)
		}
	}
}

// handBack gives them back when a split takes the merge back.
func (s *State) handBack(from, to *incident) {
	for _, id := range to.gathers() {
		if g := s.gatheringIDs[id]; g != nil && g.incident == from.number {
			g.incident = to.number
			from.ruled.gathers = slices.DeleteFunc(from.ruled.gathers, func(o uint64) bool { return o == id })
		}
	}
}

// regather follows another rule set: what waits is asked about again, and a
// gathering stays only for a rule that still correlates.
func (s *State) regather() {
	for _, id := range sortedKeys(s.gatheringIDs) {
		g := s.gatheringIDs[id]
		g.clear()
		var r *rules.Rule
		if s.rules.Set != nil {
			r = s.rules.Set.Rule(g.rule)
		}
		if r == nil || r.Correlate == nil || !r.Enabled || s.incidents[g.incident] == nil {
			s.dropGathering(g)
		}
	}
}
