package cmdb

import "slices"

// sound checks what the rest of the package relies on.
func (g *Graph) sound() bool {
	for r := range Ref(g.recs.n) {
		if r > 0 && r < g.ordered && g.ID(r-1) >= g.ID(r) || g.Retired(r) != (g.recs.at(int(r)).src == 0) {
			return false
		}
		list := *g.deps.at(int(r))
		for i, h := range list {
			if h.to == r || h.src == 0 || i > 0 && g.order(list[i-1], h) >= 0 || g.Retired(r) || g.Retired(h.to) {
				return false
			}
		}
	}
	order := g.everyRef()
	for i, r := range order {
		if i > 0 && g.ID(order[i-1]) == g.ID(r) {
			return false
		}
	}
	return true
}

// everyRef returns all Refs by id.
func (g *Graph) everyRef() []Ref {
	order := make([]Ref, g.recs.n)
	for i := range order {
		order[i] = Ref(i)
	}
	if g.ordered < Ref(g.recs.n) {
		slices.SortFunc(order, g.compare)
	}
	return order
}

// index makes the indexes of a graph that has its CIs only.
func (g *Graph) index() {
	a := applier{g: g, keys: make([]keyChange, 0, g.recs.n*3)}
	for i := range g.recs.n {
		o := g.recs.at(i)
		o.kind = kindOf(o.blob.field(fieldClass))
		if isScoped(o.blob) {
			o.flags |= flagScoped
		}
		if !o.retired() {
			g.live++
		}
		a.rekey(Ref(i), &rec{}, o)
	}
	g.names = index{}.apply(a.keys)
	g.scopes = scopeCounts{}.apply(a.scopes)
}

// turn makes the lists of dependants out of those of dependencies.
func (g *Graph) turn() {
	counts := make([]int32, g.recs.n)
	for i := range g.recs.n {
		for _, h := range *g.deps.at(i) {
			counts[h.to]++
		}
	}
	var lists vecEditor[[]half]
	lists.grow(g.recs.n)
	room := make([]half, g.edges)
	for i, k := range counts {
		*lists.ref(i), room = room[:0:k], room[k:]
	}
	for _, r := range g.everyRef() { // by id, so that every list comes out by id
		for _, h := range *g.deps.at(int(r)) {
			list := lists.ref(int(h.to))
			*list = append(*list, half{r, h.typ, h.src})
		}
	}
	g.dependants = lists.vec
	var fanIn vecEditor[int32]
	fanIn.grow(g.recs.n)
	for i := range g.recs.n {
		*fanIn.ref(i) = int32(ends(*lists.at(i)))
	}
	g.fanIn = fanIn.vec
}
