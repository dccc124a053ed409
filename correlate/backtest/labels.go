package backtest

import "signalbox/itsm"

// Bounds of what people's corrections are turned into.
const (
	labelsMax      = 100_000
	labelsOfActMax = 100
	splitFromMax   = 10 // members that stay, each compared with each alert taken out
)

// Labels says how many pairs of alerts each side has right of which people said, by
// merging, splitting and calling them unrelated, whether they belong together. A pair is judged as it was just
// before they said so.
type Labels struct {
	Together Label `json:"together"` // by merges
	Apart    Label `json:"apart"`    // by splits, and by saying that two incidents are not related
	LeftOut  int   `json:"left_out"` // beyond the bound, or one of the two cannot be told
}

// Label is one kind of labelled pairs.
type Label struct {
	Pairs  int `json:"pairs"`
	Before int `json:"before"` // right with the rules before
	After  int `json:"after"`
}

// pair is two episodes of recorded history.
type pair struct{ a, b int32 }

// judge says what each side has right of what an act says.
func (r *run) judge(a *itsm.Act) (l Labels) {
	kind, together := &l.Apart, false
	if a.Kind == itsm.ActMerge {
		kind, together = &l.Together, true
	}
	for _, p := range r.pairs(a) {
		if !r.isLinked(p.a) || !r.isLinked(p.b) {
			l.LeftOut++
			continue
		}
		kind.Pairs++
		kind.Before += count(r.areOne(r.before, p) == together)
		kind.After += count(r.areOne(r.after, p) == together)
	}
	return l
}

// areOne reports whether both episodes are in one incident of a side.
func (r *run) areOne(s *side, p pair) bool {
	n := s.incidentOf(r.episodeOn(s, p.a))
	return n != 0 && n == s.incidentOf(r.episodeOn(s, p.b))
}

func (r *run) isLinked(known int32) bool {
	_, ok := r.where[known]
	return ok
}

func count(b bool) int {
	if b {
		return 1
	}
	return 0
}

// add takes over what an accepted act said.
func (l *Labels) add(o *Labels) {
	if l.Together.Pairs+l.Apart.Pairs >= labelsMax {
		l.LeftOut += o.Together.Pairs + o.Apart.Pairs + o.LeftOut
		return
	}
	l.LeftOut += o.LeftOut
	for _, k := range [][2]*Label{{&l.Together, &o.Together}, {&l.Apart, &o.Apart}} {
		k[0].Pairs += k[1].Pairs
		k[0].Before += k[1].Before
		k[0].After += k[1].After
	}
}

// pairs are what an act says something about.
func (r *run) pairs(a *itsm.Act) (out []pair) {
	switch a.Kind {
	case itsm.ActMerge, itsm.ActUnrelated:
		return []pair{{r.leadOf(a.Incident), r.leadOf(a.Into)}}
	case itsm.ActSplit:
		gone := map[int32]bool{}
		for _, n := range a.Alerts {
			gone[r.currentOf(n)] = true
		}
		stay := r.members(a.Incident, gone)
		for _, n := range a.Alerts {
			for _, m := range stay {
				if len(out) < labelsOfActMax {
					out = append(out, pair{r.currentOf(n), m})
				}
			}
		}
	}
	return out
}

// members are a few episodes of an incident of recorded history, without some.
func (r *run) members(n itsm.IncidentNumber, without map[int32]bool) (out []int32) {
	for ep := range r.known.episodes { // in the order in which they came
		if r.known.episodes[ep].incident == n && !without[int32(ep)] && len(out) < splitFromMax {
			out = append(out, int32(ep))
		}
	}
	return out
}
