package correlate

import (
	"fmt"
	"slices"
	"time"

	"signalbox/itsm"
	"signalbox/itsm/cmdb"
	"signalbox/rules"
)

// gathering is the alerts that one correlation rule puts together: those with the
// same values. Below what the rule asks for they wait and are listed as held back
// by it, also when the window is over: who writes "three within ten minutes" does
// not want an incident for two. Once it is reached all that wait become one
// incident, which then takes in what comes while the window lasts.
type gathering struct {
	id       uint64 // dense, for timers
	key      string
	rule     string
	values   string // for people
	anchors  []string
	first    itsm.Time // of the members of its incident
	last     itsm.Time
	due      itsm.Time // it opens then, if anything still fires
	wake     itsm.Time
	incident itsm.IncidentNumber // latest; 0: none yet
	follows  itsm.IncidentNumber // what the next one follows on from
	waiting  []waiter            // in the order they came
	in       int                 // waiting[in:] are within the window

	// Counted over waiting[in:]; made anew when a state is read.
	count    int
	distinct map[string]int32
}

// waiter is an episode that waits.
type waiter struct {
	alert    itsm.AlertNumber // 0: gone
	episode  uint32
	at       itsm.Time
	distinct string
}

// Bounds of what waits. What is beyond them is grouped as if there were no rule.
const (
	gatheringsMax = 20_000 // of one rule
	waitersMax    = 10_000 // of one gathering
	anchorsMax    = 256    // CIs upstream under which a gathering is found
	waitersShown  = 50     // up to so many waiters all of them say how many there are
)

// gathered puts a where a correlation rule says. It reports false when none
// speaks, or the rule has no room: then a is grouped by default.
func (s *State) gathered(a *alert, t itsm.Time) bool {
	if !s.ruled.has[rules.Correlate] {
		return false
	}
	k := s.ask(a)
	c := k.run.Correlate()
	s.noteRules(a, s.tally(k, a.spoken(rules.Correlate)))
	if c.Rule == nil {
		return false
	}
	a.beats = c.Rule.Correlate.Heartbeat
	if c.Rule.Correlate.Alone() {
		c.Key += "\x1f#" + a.number.String()
	}
	g := s.gatheringOf(a, &c)
	return g != nil && s.gather(g, a, t, &c)
}

// gatheringOf finds or makes the gathering of a; nil when there is no room.
func (s *State) gatheringOf(a *alert, c *rules.Correlated) *gathering {
	anchors := []string{""}
	if c.Rule.Correlate.Scope == rules.ScopeUpstream {
		if a.ci.ref == cmdb.NoRef {
			return nil
		}
		anchors = anchors[:0]
		s.reach = s.graph.Explains(a.ci.ref, c.Rule.Correlate.Upstream, s.reach[:0])
		for _, y := range s.reach[:min(len(s.reach), anchorsMax)] {
			anchors = append(anchors, s.graph.ID(y.Ref))
		}
	}
	for _, y := range anchors {
		if g := s.gatherings[gatherKey{c.Key, y}]; g != nil {
			return g
		}
	}
	if s.gatheringsOf[c.Rule.ID] >= gatheringsMax {
		return nil
	}
	s.lastGathering++
	g := &gathering{id: s.lastGathering, key: c.Key, rule: c.Rule.ID, values: c.Values, anchors: anchors}
	s.addGathering(g)
	return g
}

// gatherKey is where a gathering is found: by its values, and by each CI that
// explains its first alert when the rule reaches upstream.
type gatherKey struct{ key, anchor string }

func (s *State) addGathering(g *gathering) {
	s.gatheringIDs[g.id] = g
	s.gatheringsOf[g.rule]++
	for _, y := range g.anchors {
		if k := (gatherKey{g.key, y}); s.gatherings[k] == nil {
			s.gatherings[k] = g
		}
	}
}

func (s *State) dropGathering(g *gathering) {
	if s.gatheringIDs[g.id] != g {
		return
	}
	delete(s.gatheringIDs, g.id)
	if s.gatheringsOf[g.rule]--; s.gatheringsOf[g.rule] == 0 {
		delete(s.gatheringsOf, g.rule)
	}
	for _, y := range g.anchors {
		if k := (gatherKey{g.key, y}); s.gatherings[k] == g {
			delete(s.gatherings, k)
		}
	}
}

// gather takes a in. It reports false when the rule has nothing to do with it
// after all.
func (s *State) gather(g *gathering, a *alert, t itsm.Time, c *rules.Correlated) bool {
	cr := c.Rule.Correlate
	if i := s.incidents[g.incident]; i != nil && !cr.Heartbeat { // a heartbeat that was heard waits for the next
		switch {
		case i.state.IsOpen() && (cr.FollowOn == rules.FollowJoin || g.takes(cr, s.now)):
			s.joinGathered(g, i, a, itsm.DecidedJoined, "rule "+g.rule+" puts them together"+g.people())
			return true
		case i.state.IsOpen() && cr.FollowOn == rules.FollowLink:
			g.follows = i.number
		case s.canReopen(i) && a.inc == i && !asksForMore(cr):
			s.joinGathered(g, i, a, itsm.DecidedReopened, "rule "+g.rule+" puts them together"+g.people())
			s.reopen(i, actSystem, a.describe()+" fired again")
			return true
		}
	}
	if a.answered && cr.Absent != "" { // asked again: what it waited for came
		a.restraint, a.rule, a.held = gatherWait, g.rule, g.answer()
		s.touchAlert(a)
		s.tidy(g)
		return true
	}
	s.slide(g, cr)
	if c.Part == rules.Second {
		return s.second(g, a, t, cr)
	}
	if len(g.waiting) >= waitersMax {
		return false
	}
	s.wait(g, a, c.Distinct)
	if reached, says := s.reached(g, a, cr); reached {
		if cr.Hold == 0 {
			s.openGathered(g, t, says)
			return true
		}
		if g.due == 0 {
			g.due = s.now.Add(cr.Hold)
		}
		a.held = fmt.Sprintf("rule %s: held for %s before it opens%s", g.rule, short(Duration(cr.Hold)), g.people())
	} else if cr.Waits() {
		g.due = earliest(g.due, s.now.Add(cr.Within))
	}
	s.scheduleGathering(g)
	return true
}

// asksForMore reports whether one alert alone opens nothing.
func asksForMore(cr *rules.CorrelateRule) bool {
	return cr.Count > 1 || cr.Ratio > 0 || cr.Then != "" || cr.Waits() || cr.Hold > 0
}

// takes reports whether the incident of g still takes alerts in.
func (g *gathering) takes(cr *rules.CorrelateRule, now itsm.Time) bool {
	from := g.first
	if cr.FromLast {
		from = g.last
	}
	return cr.Window == 0 || now.Sub(from) <= cr.Window
}

func (g *gathering) people() string {
	if g.values == "" {
		return ""
	}
	return " (" + g.values + ")"
}

// span is in which time what a rule asks for has to come.
func span(cr *rules.CorrelateRule) time.Duration {
	if cr.Within > 0 {
		return cr.Within
	}
	return cr.Window
}

// slide takes out of the count what the window has left behind.
func (s *State) slide(g *gathering, cr *rules.CorrelateRule) {
	w := span(cr)
	if w == 0 || g.in == len(g.waiting) {
		return
	}
	if cr.FromLast && cr.Within == 0 {
		if s.now.Sub(g.waiting[len(g.waiting)-1].at) > w {
			s.leaveBehind(g, len(g.waiting))
		}
		return
	}
	n := g.in
	for n < len(g.waiting) && s.now.Sub(g.waiting[n].at) > w {
		n++
	}
	s.leaveBehind(g, n)
}

func (s *State) leaveBehind(g *gathering, n int) {
	for ; g.in < n; g.in++ {
		s.tallyWaiter(g, &g.waiting[g.in], -1)
	}
}

// wait makes a one of those that wait.
func (s *State) wait(g *gathering, a *alert, distinct string) {
	for n := len(g.waiting) - 1; n >= 0; n-- { // an alert counts once, with its latest episode
		if g.waiting[n].alert == a.number {
			s.removeWaiter(g, n)
			break
		}
	}
	g.waiting = append(g.waiting, waiter{a.number, a.episode, s.now, distinct})
	s.tallyWaiter(g, &g.waiting[len(g.waiting)-1], 1)
	a.restraint, a.rule, a.gathering = gatherWait, g.rule, g.id
	s.touchAlert(a)
}

func (s *State) removeWaiter(g *gathering, n int) {
	if n >= g.in {
		s.tallyWaiter(g, &g.waiting[n], -1)
	} else {
		g.in--
	}
	g.waiting = slices.Delete(g.waiting, n, n+1)
}

// tallyWaiter counts a waiter that is within the window, or no longer.
func (s *State) tallyWaiter(g *gathering, w *waiter, by int32) {
	g.count += int(by)
	if w.distinct != "" {
		if g.distinct == nil {
			g.distinct = map[string]int32{}
		}
		if g.distinct[w.distinct] += by; g.distinct[w.distinct] <= 0 {
			delete(g.distinct, w.distinct)
		}
	}
}
