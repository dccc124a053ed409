package group

import (
	"slices"

	"signalbox/itsm"
	"signalbox/itsm/cmdb"
)

// Changes is what grouping asks about the changes of late. The answers may depend
// on nothing but the changes known; who knows of others calls ChangesMoved.
type Changes interface {
	// Any reports whether any change is known.
	Any() bool
	// Latest returns when a change touched ci last, at or before t, and its id; 0
	// when none did for so long that it is no reason for suspicion.
	Latest(ci cmdb.Ref, t itsm.Time) (at itsm.Time, id string)
	// Together reports whether one change shortly before t covers ci and another
	// CI that has accepts.
	Together(ci cmdb.Ref, t itsm.Time, has func(cmdb.Ref) bool) bool
}

// UseChanges sets who is asked about changes; nil asks nobody.
func (g *Grouper) UseChanges(c Changes) {
	g.changes = c
	g.ChangesMoved()
}

// ChangesMoved says that the answers of Changes may be others now: causes are
// ranked anew when they are asked for next.
func (g *Grouper) ChangesMoved() {
	g.changesTurn++
	g.changed = g.changes != nil && g.changes.Any()
}

// halve returns 2^(-dt/half-life) in thousandths.
func (c *Config) halve(dt itsm.Time) int {
	if dt < 0 {
		dt = 0
	}
	half := itsm.Time(c.ChangeHalfLife.Milliseconds())
	whole := dt / half
	if whole > 10 {
		return 0
	}
	// Within a half-life the curve is close to 1 - 0.66x + 0.16x²: off by under 1 %.
	x := int(dt % half * 1000 / half)
	return (1000 - 660*x/1000 + 160*x*x/1_000_000) >> uint(whole)
}

// Suspicion weighs a change a number of hops upstream of a cause, at a time dt
// milliseconds before the first alert, in thousandths.
func (g *Grouper) Suspicion(hops int, dt itsm.Time) int {
	return power(g.c.ChangeGammaMilli, hops) * g.c.halve(dt) / 1000
}

// suspectChanges raises the suspects that were changed shortly before their first
// alert, and notes by which change.
func (g *Grouper) suspectChanges(list *ranking) {
	if !g.changed {
		return
	}
	for i := range list.list {
		s := &list.list[i]
		if s.ref == cmdb.NoRef {
			continue
		}
		at, id := g.changes.Latest(s.ref, s.first)
		if at == 0 {
			continue
		}
		s.changed, s.changedBefore = id, s.first-at
		s.mass += s.mass * int64(g.c.CauseChangeMilli*g.c.halve(s.first-at)/1000) / 1000
	}
}

// Around appends to out the incidents that have a member on ci or on what depends
// on it, as far as they still take alerts in.
func (g *Grouper) Around(ci cmdb.Ref, out []itsm.IncidentNumber) []itsm.IncidentNumber {
	for _, gr := range g.locals.groupsOn(ci) {
		out = append(out, gr.n)
	}
	for _, e := range g.locals.explainedBy(ci) {
		if !slices.Contains(out, e.gr.n) {
			out = append(out, e.gr.n)
		}
	}
	return out
}
