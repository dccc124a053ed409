package cmdb

import "slices"

// edgeOp changes one relation, seen from the CI that depends.
type edgeOp struct {
	node Ref  // whose list changes
	half half // src is used by edgeKeep only
	act  edgeAct
}

// edgeAct is what happens to a relation.
type edgeAct uint8

const (
	edgeList   edgeAct = iota // the source lists it
	edgeUnlist                // the source does not list it any more
	edgeDelete                // one of its CIs was retired
	edgeKeep                  // it is listed by half.src
)

// relate brings the relations up to date: first as seen from the dependants,
// then the same operations turned round.
func (a *applier) relate() {
	ends := a.resolve()
	a.collect(a.c.adds, ends, edgeList)
	a.collect(a.c.removes, ends, edgeUnlist)
	g := a.g
	g.edges += a.merge(&g.deps, nil)
	for i := range a.ops {
		o := &a.ops[i]
		o.node, o.half.to = o.half.to, o.node
	}
	a.merge(&g.dependants, &g.fanIn)
	a.ops = nil
}

// resolve returns the Ref of every relation end, NoRef for one that is not there.
func (a *applier) resolve() []Ref {
	ends := a.refs
	for i, r := range ends {
		if r != NoRef && a.g.Retired(r) { // put and dropped at once
			ends[i] = NoRef
		}
	}
	for _, id := range a.c.ends {
		r, _ := a.g.Lookup(id)
		ends = append(ends, r)
	}
	return ends
}

// collect turns written relations into operations in the direction of failure.
func (a *applier) collect(list []relChange, ends []Ref, act edgeAct) {
	types := make([]uint16, len(a.c.types))
	usable := make([]bool, len(types))
	for i, name := range a.c.types {
		types[i], usable[i] = a.g.typeOf(name)
	}
	a.ops = slices.Grow(a.ops, len(list))
	for _, rel := range list {
		from, to := ends[rel.from], ends[rel.to]
		if from == NoRef || to == NoRef || from == to || !usable[rel.typ] {
			continue
		}
		t := types[rel.typ]
		if a.g.relTypes[t].dir == FromAffectsTo {
			from, to = to, from
		}
		a.ops = append(a.ops, edgeOp{node: from, half: half{to: to, typ: t}, act: act})
	}
}

// detach removes every relation of a retired CI, whoever lists it.
func (a *applier) detach(r Ref) {
	for _, h := range *a.g.deps.at(int(r)) {
		a.ops = append(a.ops, edgeOp{node: r, half: h, act: edgeDelete})
	}
	for _, h := range *a.g.dependants.at(int(r)) {
		a.ops = append(a.ops, edgeOp{node: h.to, half: half{to: r, typ: h.typ}, act: edgeDelete})
	}
}

// merge applies the operations to the lists of their nodes, keeps count of the
// CIs in them if asked to, and returns by how many relations they grew.
func (a *applier) merge(lists *vec[[]half], counts *vec[int32]) (grown int) {
	g := a.g
	e := lists.edit()
	e.grow(g.recs.n)
	var count vecEditor[int32]
	if counts != nil {
		count = counts.edit()
		count.grow(g.recs.n)
	}
	a.ops = grouped(a.ops, g.recs.n, func(o *edgeOp) int { return int(o.node) })
	var room []half
	for i := 0; i < len(a.ops); {
		j := i + 1
		for j < len(a.ops) && a.ops[j].node == a.ops[i].node {
			j++
		}
		list := e.ref(int(a.ops[i].node))
		before := len(*list)
		room = a.mergeNode(list, a.ops[i:j], room)
		grown += len(*list) - before
		if counts != nil {
			*count.ref(int(a.ops[i].node)) = int32(ends(*list))
		}
		i = j
	}
	*lists = e.vec
	if counts != nil {
		*counts = count.vec
	}
	return grown
}

// roomHalves is how many relation ends one allocation of lists holds.
const roomHalves = 1 << 12

// mergeNode applies the operations of one node to its list. Equal operations
// keep the order they came in, so the last word on a relation counts.
func (a *applier) mergeNode(list *[]half, ops []edgeOp, room []half) []half {
	order := a.g.order
	slices.SortStableFunc(ops, func(x, y edgeOp) int { return order(x.half, y.half) })
	need := len(*list) + len(ops)
	if len(room) < need {
		room = make([]half, max(need, min(roomHalves, len(a.ops))))
	}
	out, old := room[:0:need], *list
	for len(old) > 0 || len(ops) > 0 {
		if len(ops) == 0 || len(old) > 0 && order(old[0], ops[0].half) < 0 {
			out = append(out, old[0])
			old = old[1:]
			continue
		}
		h := ops[0].half
		h.src = 0
		if len(old) > 0 && order(old[0], h) == 0 {
			h.src = old[0].src
			old = old[1:]
		}
		for ; len(ops) > 0 && order(ops[0].half, h) == 0; ops = ops[1:] {
			h.src = a.listed(h.src, &ops[0])
		}
		if h.src != 0 {
			out = append(out, h)
		}
	}
	*list = out[:len(out):len(out)]
	return room[len(out):]
}

// listed returns who lists a relation after the act.
func (a *applier) listed(set uint16, o *edgeOp) uint16 {
	switch o.act {
	case edgeList:
		return a.add(set)
	case edgeUnlist:
		return a.remove(set)
	case edgeKeep:
		return o.half.src
	}
	return 0
}

// grouped returns list sorted by key in [0, n), keeping the order of equals. A
// large list is sorted by counting, in linear time.
func grouped[T any](list []T, n int, key func(*T) int) []T {
	if len(list) < 1024 || len(list) < n/8 {
		out := slices.Clone(list)
		slices.SortStableFunc(out, func(x, y T) int { return key(&x) - key(&y) })
		return out
	}
	starts := make([]int32, n+1)
	for i := range list {
		starts[key(&list[i])+1]++
	}
	for i := range n {
		starts[i+1] += starts[i]
	}
	out := make([]T, len(list))
	for i := range list {
		k := key(&list[i])
		out[starts[k]] = list[i]
		starts[k]++
	}
	return out
}
