package correlate

import (
	"slices"

	"signalbox/itsm"
	"signalbox/rules"
)

// reaches reports whether a rule that routes names anybody who exists; one that
// names nobody is a mistake that must not keep an incident from being told, and
// counts as failed.
func (s *State) reaches(r *rules.Rule) bool {
	if r.Route.None || slices.ContainsFunc(s.cfg.Connectors, func(c Connector) bool { return slices.Contains(r.Route.To, c.Name) }) {
		return true
	}
	if c := s.ruled.counts[r]; c != nil {
		c.Failures++
	}
	return false
}

// tellFrom is when a connector may hear of i first; never is true when a rule
// says that it does not.
func (s *State) tellFrom(i *incident, c *Connector) (at itsm.Time, never bool) {
	p := i.policy()
	if p == nil {
		return 0, false
	}
	at = i.since().Add(p.delay.Std())
	if p.route == "" || s.rules.Set == nil {
		return at, false
	}
	r := s.rules.Set.Rule(p.route)
	if r == nil || r.Route == nil {
		return at, false
	}
	if r.Route.None || !slices.Contains(r.Route.To, c.Name) {
		return 0, true
	}
	at = max(at, i.since().Add(r.Route.Delay))
	if h := r.Route.Hours; h != nil {
		if at = h.Next(max(at, s.now), true); at == 0 {
			return 0, true
		}
	}
	return at, false
}

// mayHear reports whether a connector may hear of i by now.
func (s *State) mayHear(i *incident, c *Connector) bool {
	at, never := s.tellFrom(i, c)
	return !never && at <= s.now
}
