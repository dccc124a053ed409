package sla

import (
	"time"

	"signalbox/itsm"
)

// Span is time in which a clock stood. To of 0: it still stands.
type Span struct{ From, To itsm.Time }

// Reach is the moment at which target of counted time has passed since from, the
// spans left out. They are in order and do not overlap. 0: never, as things stand.
func (g *Goal) Reach(from itsm.Time, stops []Span, target time.Duration) itsm.Time {
	var passed time.Duration
	for _, s := range stops {
		if s.From > from {
			e := g.clock.elapsed(from, s.From)
			if passed+e >= target {
				return g.clock.after(from, target-passed)
			}
			passed += e
		}
		if s.To == 0 {
			return 0
		}
		from = max(from, s.To)
	}
	return g.clock.after(from, target-passed)
}

// Elapsed is the counted time between two moments, the spans left out.
func (g *Goal) Elapsed(from, to itsm.Time, stops []Span) time.Duration {
	var sum time.Duration
	for _, s := range stops {
		if s.From >= to {
			break
		}
		sum += g.clock.elapsed(from, s.From)
		if s.To == 0 || s.To >= to {
			return sum
		}
		from = max(from, s.To)
	}
	return sum + g.clock.elapsed(from, to)
}
