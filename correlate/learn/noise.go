package learn

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"signalbox/itsm"
	"signalbox/rules"
)

// habit is what the episodes of a class came to.
type habit struct {
	n        int // episodes that are not critical
	ended    int
	itself   int             // cleared within ClearWithin without anyone's doing
	opened   int             // in an incident
	acted    int             // of these, in one that people acted on
	needless int             // cleared by itself, and in an incident
	clears   []time.Duration // how long those that ended lasted
	selves   []time.Duration // of these, those that cleared by themselves
	last     []int32         // newest last
}

func (m *Miner) habitOf(c *class, past Past) habit {
	var h habit
	for _, i := range c.episodes {
		e := &m.episodes[i]
		if e.critical {
			continue
		}
		h.n++
		acted := past.acted(e.incident)
		if e.incident != 0 {
			h.opened++
		}
		if acted {
			h.acted++
		}
		if e.ended == 0 {
			continue
		}
		h.ended++
		took := after(e.began, e.ended)
		h.clears = append(h.clears, took)
		if took <= ClearWithin && !acted {
			h.itself++
			h.selves = append(h.selves, took)
			if e.incident != 0 {
				h.needless++
			}
		}
		h.last = append(h.last, i)
	}
	slices.Sort(h.clears)
	slices.Sort(h.selves)
	h.last = h.last[max(0, len(h.last)-ExamplesMax):]
	return h
}

// percentile is a value that share of the sorted list are not above.
func percentile(sorted []time.Duration, percent int) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[(len(sorted)*percent+99)/100-1]
}

// holdFor is a hold long enough for a duration.
func holdFor(d time.Duration) time.Duration {
	const step = 30 * time.Second
	return max(step, (d+step-1)/step*step)
}

// noises looks at each class by itself.
func (m *Miner) noises(past Past) []Suggestion {
	keys := make([]classKey, 0, len(m.classes))
	for k := range m.classes {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(x, y classKey) int {
		return cmp.Or(strings.Compare(x.source, y.source), strings.Compare(x.name, y.name))
	})
	habits := make([]habit, len(keys))
	opened, acted := 0, 0
	for i, k := range keys {
		habits[i] = m.habitOf(m.classes[k], past)
		opened += habits[i].opened
		acted += habits[i].acted
	}
	var out []Suggestion
	for i, k := range keys {
		c, h := m.classes[k], &habits[i]
		s, ok := m.clearsItself(c, h, past)
		if !ok && acted >= actedMin {
			s, ok = m.noisy(c, h, past, float64(acted)/float64(opened))
		}
		if ok && usable(s.Rule) {
			out = append(out, s)
		}
	}
	return out
}

func (m *Miner) clearsItself(c *class, h *habit, past Past) (Suggestion, bool) {
	if h.ended < clearMin || wilson(h.itself, h.ended) < clearWilson || h.needless < untouchedMin {
		return Suggestion{}, false
	}
	p95 := percentile(h.selves, 95)
	hold := min(holdFor(p95), ClearWithin)
	id := idOf(ClearsItself, c.source, c.name)
	why := fmt.Sprintf("%s went off %d times in %s, %d of %d cleared by themselves within %s (95 %% within %s), and %d of these opened or joined incidents that nobody touched.",
		clip(c.name), h.n, m.days(), h.itself, h.ended, spoken(ClearWithin), spoken(p95), h.needless)
	about := fmt.Sprintf("%s nearly always clears by itself: it waits %s", clip(c.name), spoken(hold))
	return Suggestion{ID: id, Kind: ClearsItself, Title: clip(c.name) + " clears by itself", Why: why, rank: float64(h.needless),
		Figures: []Figure{{"episodes", float64(h.n)}, {"alerts", float64(c.series)}, {"ended", float64(h.ended)}, {"by_itself", float64(h.itself)}, {"at_least", round(wilson(h.itself, h.ended))},
			{"p95_s", p95.Seconds()}, {"needless", float64(h.needless)}},
		Examples: m.examples(h.last, past),
		Rule:     draft(id, ClearsItself, about, c.source, c.condition()+` && severity != "critical"`, rules.Suppress.String(), "{hold: "+duration(hold)+"}")}, true
}

// noisy finds a class that people act on much less than on others: few by itself,
// and too few for chance.
func (m *Miner) noisy(c *class, h *habit, past Past, usual float64) (Suggestion, bool) {
	if h.opened < noisyMin || float64(h.acted) > noisyActed*float64(h.opened) || usual >= 1 || binomialHead(h.acted, h.opened, usual) >= chanceMax {
		return Suggestion{}, false
	}
	id := idOf(Noisy, c.source, c.name)
	why := fmt.Sprintf("%s went off %d times in %s; people acted on %d of the %d in incidents, where they act on %.0f %% of all.",
		clip(c.name), h.n, m.days(), h.acted, h.opened, usual*100)
	when := c.condition() + ` && severity != "critical"`
	s := Suggestion{ID: id, Kind: Noisy, Title: clip(c.name) + " is hardly ever acted on", Why: why, rank: float64(h.opened - h.acted),
		Figures: []Figure{{"episodes", float64(h.n)}, {"alerts", float64(c.series)}, {"in_incidents", float64(h.opened)}, {"acted_on", float64(h.acted)}, {"usual_share", round(usual)},
			{"median_s", percentile(h.clears, 50).Seconds()}},
		Examples: m.examples(h.last, past)}
	if p95 := percentile(h.clears, 95); 2*h.ended >= h.n && p95 <= holdMax {
		hold := holdFor(p95)
		s.Rule = draft(id, Noisy, fmt.Sprintf("hardly anybody acts on %s: it waits %s", clip(c.name), spoken(hold)), c.source, when, rules.Suppress.String(), "{hold: "+duration(hold)+"}")
		return s, true
	}
	to := itsm.Warning
	if c.worst >= itsm.Warning {
		to = itsm.Info
	}
	s.Rule = draft(id, Noisy, fmt.Sprintf("hardly anybody acts on %s: it is of severity %s", clip(c.name), to), c.source, when, rules.Normalise.String(), "{set: {severity: "+to.String()+"}}")
	return s, true
}

func (m *Miner) examples(list []int32, past Past) []Example {
	out := make([]Example, 0, len(list))
	for _, i := range slices.Backward(list) {
		out = append(out, m.example(i, past))
	}
	return out
}

// days says how long the history is.
func (m *Miner) days() string {
	d := after(m.from, m.to)
	if d < 48*time.Hour {
		return fmt.Sprintf("%.0f hours", max(1, d.Hours()))
	}
	return fmt.Sprintf("%.0f days", d.Hours()/24)
}
