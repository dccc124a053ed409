package correlate

import (
	"fmt"
	"slices"

	"signalbox/itsm"
	"signalbox/rules"
)

// reached reports whether what waits is what the rule asks for, and says so; it
// also tells those that wait how many there are.
func (s *State) reached(g *gathering, a *alert, cr *rules.CorrelateRule) (bool, string) {
	n, of, text := g.count, cr.Count, ""
	switch {
	case cr.Then != "":
		text = fmt.Sprintf("waits %s for what follows", short(Duration(cr.Within)))
	case cr.Absent != "":
		text = fmt.Sprintf("opens unless the other comes within %s", short(Duration(cr.Within)))
	case cr.Heartbeat:
		text = fmt.Sprintf("heard; opens when it is not heard again for %s", short(Duration(cr.Within)))
	case cr.Ratio > 0:
		return s.ratioReached(g, a, cr)
	case cr.Distinct != "":
		n = len(g.distinct)
		text = fmt.Sprintf("%d of %d different within %s", n, of, short(Duration(cr.Window)))
	case of > 1:
		text = fmt.Sprintf("%d of %d within %s", n, of, short(Duration(cr.Window)))
	default:
		return true, "rule " + g.rule + " opens it" + g.people()
	}
	text = "rule " + g.rule + ": " + text + g.people()
	s.sayWaiting(g, a, text)
	return cr.Then == "" && !cr.Waits() && n >= of, text
}

func (s *State) sayWaiting(g *gathering, a *alert, text string) {
	a.held = text
	if len(g.waiting) > waitersShown {
		return
	}
	for n := g.in; n < len(g.waiting); n++ {
		if o := s.alerts.Get(g.waiting[n].alert); o != nil && o != a && o.gathering == g.id && o.status == itsm.Firing && o.held != text {
			o.held = text
			s.touchAlert(o)
		}
	}
}

// ratioReached asks which share of a service that a is part of alerts.
func (s *State) ratioReached(g *gathering, a *alert, cr *rules.CorrelateRule) (bool, string) {
	best, text := -1, ""
	for _, v := range s.look(a.ci).services {
		cis := map[*ci]bool{}
		for n := g.in; n < len(g.waiting); n++ {
			if o := s.alerts.Get(g.waiting[n].alert); o != nil && slices.Contains(s.look(o.ci).services, v) && (o.ci.id != v.id || v.cis <= 1) {
				cis[o.ci] = true
			}
		}
		if share := shareMilli(len(cis), v.cis); share > best {
			best = share
			text = fmt.Sprintf("rule %s: %d of the %d CIs of %s, opens from %s %% on%s", g.rule, len(cis), max(v.cis-1, 1), v.id, tenths(cr.Ratio), g.people())
		}
	}
	if text == "" {
		text = fmt.Sprintf("rule %s: no service depends on %s", g.rule, a.ci.id)
	}
	s.sayWaiting(g, a, text)
	return best >= cr.Ratio, text
}

// tenths writes thousandths as per cent.
func tenths(milli int) string {
	if milli%10 == 0 {
		return fmt.Sprint(milli / 10)
	}
	return fmt.Sprintf("%d.%d", milli/10, milli%10)
}
