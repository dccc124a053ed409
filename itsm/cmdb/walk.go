package cmdb

import "signalbox/itsm"

// Reach is a CI found by a walk and its distance from the start.
type Reach struct {
	Ref  Ref
	Hops int
}

// Explains returns E(r): r and everything it depends on within hops, nearest
// first and by id within what one CI depends on. It uses buf's memory, and stops
// at ReachMax CIs.
func (g *Graph) Explains(r Ref, hops int, buf []Reach) []Reach {
	return g.walk(r, hops, ReachMax, buf, &g.deps, nil, 0)
}

// Impact returns r and everything that depends on it within hops, nearest
// first. It uses buf's memory, and stops at ImpactMax CIs.
func (g *Graph) Impact(r Ref, hops int, buf []Reach) []Reach {
	return g.walk(r, hops, ImpactMax, buf, &g.dependants, nil, 0)
}

// Within returns r and its neighbours in either direction within hops, nearest
// first. It does not go on through a CI with more than maxDegree relations
// (r itself excepted; 0 is no limit), uses buf's memory, and stops at ReachMax.
func (g *Graph) Within(r Ref, hops, maxDegree int, buf []Reach) []Reach {
	return g.walk(r, hops, ReachMax, buf, &g.deps, &g.dependants, maxDegree)
}

// walk goes breadth first along one or two kinds of edge.
func (g *Graph) walk(r Ref, hops, limit int, buf []Reach, along, also *vec[[]half], maxDegree int) []Reach {
	if r < 0 || int(r) >= g.recs.n {
		return buf[:0]
	}
	w := walker{out: append(buf[:0], Reach{Ref: r}), limit: limit}
	for next := 0; next < len(w.out) && len(w.out) < limit; next++ {
		at := w.out[next]
		if at.Hops >= hops {
			break
		}
		list := *along.at(int(at.Ref))
		if also == nil {
			w.visit(list, at.Hops+1)
			continue
		}
		back := *also.at(int(at.Ref))
		if maxDegree > 0 && next > 0 && len(list)+len(back) > maxDegree {
			continue
		}
		w.visit(list, at.Hops+1)
		w.visit(back, at.Hops+1)
	}
	return w.out
}

// walker collects what a walk reached. Most walks stay short, where looking
// through the result beats a hash set; the set is made when they do not.
type walker struct {
	out   []Reach
	limit int
	seen  map[Ref]struct{}
}

// scanMax is how many results are looked through before a set is made.
const scanMax = 48

// visit adds the far ends of a list that were not reached before.
func (w *walker) visit(list []half, hops int) {
	for i, h := range list {
		if i > 0 && list[i-1].to == h.to || w.has(h.to) {
			continue
		}
		if len(w.out) >= w.limit {
			return
		}
		w.out = append(w.out, Reach{Ref: h.to, Hops: hops})
		if w.seen != nil {
			w.seen[h.to] = struct{}{}
		}
	}
}

func (w *walker) has(r Ref) bool {
	if w.seen != nil {
		_, ok := w.seen[r]
		return ok
	}
	for i := range w.out {
		if w.out[i].Ref == r {
			return true
		}
	}
	if len(w.out) >= scanMax {
		w.seen = make(map[Ref]struct{}, 4*scanMax)
		for _, o := range w.out {
			w.seen[o.Ref] = struct{}{}
		}
	}
	return false
}

// Path returns the shortest way from from to to along dependencies, both
// included, or nil when there is none within hops and ReachMax CIs. Of several
// it takes the one whose ids come first.
func (g *Graph) Path(from, to Ref, hops int) []Ref {
	if from < 0 || to < 0 || int(from) >= g.recs.n || int(to) >= g.recs.n {
		return nil
	}
	type step struct {
		ref    Ref
		parent int32
		hops   int32
	}
	steps := append(make([]step, 0, 32), step{ref: from, parent: -1})
	var seen map[Ref]struct{} // made when looking through steps gets long
	has := func(r Ref) bool {
		if seen != nil {
			_, ok := seen[r]
			return ok
		}
		for i := range steps {
			if steps[i].ref == r {
				return true
			}
		}
		if len(steps) >= scanMax {
			seen = make(map[Ref]struct{}, 4*scanMax)
			for i := range steps {
				seen[steps[i].ref] = struct{}{}
			}
		}
		return false
	}
	for i := 0; i < len(steps); i++ {
		if steps[i].ref == to {
			out := make([]Ref, steps[i].hops+1)
			for at := int32(i); at >= 0; at = steps[at].parent {
				out[steps[at].hops] = steps[at].ref
			}
			return out
		}
		if int(steps[i].hops) >= hops {
			continue
		}
		for _, h := range *g.deps.at(int(steps[i].ref)) {
			if has(h.to) || len(steps) >= ReachMax {
				continue
			}
			if seen != nil {
				seen[h.to] = struct{}{}
			}
			steps = append(steps, step{h.to, int32(i), steps[i].hops + 1})
		}
	}
	return nil
}

// Services returns the CIs of a service class that are affected when r fails,
// r itself included if it is one: nearest first, at most ServicesMax of what a
// walk over ImpactMax dependants finds.
func (g *Graph) Services(r Ref, hops int) []Ref {
	var buf [64]Reach
	var out []Ref
	for _, x := range g.Impact(r, hops, buf[:0]) {
		if itsm.IsServiceClass(g.Class(x.Ref)) {
			if out = append(out, x.Ref); len(out) == ServicesMax {
				break
			}
		}
	}
	return out
}
