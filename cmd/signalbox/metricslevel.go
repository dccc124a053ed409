package main

import (
	"strconv"
	"sync"
	"time"

	"signalbox/itsm"
	"signalbox/itsm/cmdb"
	"signalbox/itsm/desk"
)

// Bounds of what a scrape reads of open incidents.
const (
	levelsKept = 10 * time.Second // whoever scrapes sooner gets the same
	levelsMax  = 20_000           // incidents, the newest; the others are counted as left out
	tiersNamed = 4
)

var (
	descClocks   = gauge("sla_clocks", "Clocks of open incidents by what has to be done, priority, tier of the most important service, and state: running, at_risk (due within a quarter of its target), paused, breached.", "clock", "priority", "service_class", "state")
	descClockOut = gauge("sla_incidents_left_out", "Open incidents beyond the newest "+strconv.Itoa(levelsMax)+", whose clocks are not counted.")
	descProblems = gauge("problems", "Problems by state; candidates wait for somebody's answer.", "state")
	descKnown    = gauge("problems_known_errors", "Problems that are analysed and not closed: whoever is paged is told how to live with them.")
	descFixes    = gauge("problems_fixes", "Problems with a fix by what came of it.", "effect")
)

// Labels of clocks, in the order of their counts.
var (
	clockNames     = [...]string{"response", "resolution"}
	clockStates    = [...]string{"running", "at_risk", "paused", "breached"}
	serviceClasses = [...]string{"none", "tier1", "tier2", "tier3", "tier4"} // none: no service, or one of no tier or a lower one
)

// levels counts the clocks of open incidents.
type levels struct {
	n       [len(clockNames)][itsm.P5 + 1][len(serviceClasses)][len(clockStates)]int
	leftOut int
}

// levelReader keeps what it read for a moment: a scrape must not cost more because
// several ask.
type levelReader struct {
	mu   sync.Mutex
	at   time.Time
	kept levels
}

func (r *levelReader) read(d *desk.Desk, g *cmdb.Graph, now time.Time) (levels, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now.Sub(r.at).Abs() < levelsKept {
		return r.kept, nil
	}
	var l levels
	q := desk.IncidentQuery{States: []itsm.State{itsm.New, itsm.InProgress, itsm.OnHold}, Limit: desk.PageMax}
	for seen := 0; seen < levelsMax; {
		p, err := d.Incidents(q)
		if err != nil {
			return l, err
		}
		for i := range p.Items {
			l.add(&p.Items[i], g, itsm.TimeOf(now))
		}
		seen += len(p.Items)
		if q.Cursor = p.Next; p.Next == "" {
			break
		}
	}
	if q.Cursor != "" {
		l.leftOut = max(0, d.Counts().Open-levelsMax)
	}
	r.kept, r.at = l, now
	return l, nil
}

func (l *levels) add(in *itsm.Incident, g *cmdb.Graph, now itsm.Time) {
	class := serviceClass(in.Services, g)
	for clock, c := range [...]*itsm.LevelClock{&in.SLA.Response, &in.SLA.Resolution} {
		if s := clockState(c, now); s >= 0 {
			l.n[clock][in.Priority][class][s]++
		}
	}
}

// clockState is the place of a clock's state in clockStates; -1: there is none, or
// it met its target.
func clockState(c *itsm.LevelClock, now itsm.Time) int {
	switch c.State() {
	case "none", "met":
		return -1
	case "paused":
		return 2
	case "breached":
		return 3
	}
	switch left := c.DueAt.Sub(now); { // a notice may not be told yet
	case left <= 0:
		return 3
	case left < c.Target/4:
		return 1
	}
	return 0
}

// serviceClass is the place in serviceClasses of the most important service.
func serviceClass(services []string, g *cmdb.Graph) int {
	best := 0
	for _, id := range services {
		if r, ok := g.Lookup(id); ok {
			if t := g.Tier(r); t >= 1 && t <= tiersNamed && (best == 0 || t < best) {
				best = t
			}
		}
	}
	return best
}

// clocks tells of service levels.
func (m *stateMetrics) clocks(set setter) {
	l, err := m.read.read(m.desk, m.eng.Graph(), time.Now())
	if err != nil {
		return // the scrape says nothing rather than something wrong
	}
	for clock, byPriority := range l.n {
		for p := itsm.P1; p <= itsm.P5; p++ {
			for class, byState := range byPriority[p] {
				for s, n := range byState {
					set(descClocks, float64(n), clockNames[clock], p.String(), serviceClasses[class], clockStates[s])
				}
			}
		}
	}
	set(descClockOut, float64(l.leftOut))
}

// problems tells of what keeps coming back.
func (m *stateMetrics) problems(set setter) {
	c := m.eng.ProblemCounts()
	for _, s := range itsm.ProblemStates {
		set(descProblems, float64(c.ByState[s]), string(s))
	}
	set(descKnown, float64(c.KnownErrors))
	for _, e := range []string{itsm.EffectWatching, itsm.EffectEffective, itsm.EffectNotEffective} {
		set(descFixes, float64(c.ByEffect[e]), e)
	}
}
