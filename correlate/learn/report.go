package learn

import (
	"cmp"
	"slices"
	"strings"

	"signalbox/itsm"
)

// Past tells what became of an incident: the one that still stands after all
// merges, and whether people acted on it.
type Past func(itsm.IncidentNumber) (standing itsm.IncidentNumber, acted bool)

func (p Past) standing(n itsm.IncidentNumber) itsm.IncidentNumber {
	if n == 0 || p == nil {
		return n
	}
	s, _ := p(n)
	return s
}

func (p Past) acted(n itsm.IncidentNumber) bool {
	if n == 0 || p == nil {
		return false
	}
	_, acted := p(n)
	return acted
}

// Report answers what the history speaks for. past may be nil: then nobody acted
// on anything.
func (m *Miner) Report(past Past) Report {
	r := Report{From: m.from, To: m.to, Events: m.events, Alerts: len(m.alerts), Episodes: len(m.episodes), Kinds: len(m.list), Crowded: m.crowded,
		Bounds: []string{}, Suggestions: []Suggestion{}}
	for _, n := range m.unbound {
		r.Unbound += n
	}
	for i := range m.episodes {
		if past.acted(m.episodes[i].incident) {
			r.Acted++
		}
	}
	for i, full := range m.full {
		if full {
			r.Bounds = append(r.Bounds, boundWords[i])
		}
	}
	all := slices.Concat(m.togethers(past), m.noises(past), m.binds())
	slices.SortStableFunc(all, func(x, y Suggestion) int {
		return cmp.Or(cmp.Compare(x.Kind.order(), y.Kind.order()), cmp.Compare(y.rank, x.rank), strings.Compare(x.ID, y.ID))
	})
	kept := map[Kind]int{}
	for _, s := range all {
		if kept[s.Kind]++; kept[s.Kind] > SuggestionsMax {
			if kept[s.Kind] == SuggestionsMax+1 {
				r.Bounds = append(r.Bounds, "suggestions of kind "+string(s.Kind))
			}
			continue
		}
		r.Suggestions = append(r.Suggestions, s)
	}
	return r
}

// order puts first what spares the most work.
func (k Kind) order() int { return slices.Index([]Kind{ClearsItself, Noisy, Together, Bind}, k) }
