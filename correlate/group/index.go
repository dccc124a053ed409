package group

import (
	"cmp"
	"container/heap"
	"slices"

	"signalbox/itsm"
	"signalbox/itsm/cmdb"
)

// deadlines says when a group may have to leave an index. An entry is a hint: the
// group is asked again when it comes up.
type deadlines []deadline

type deadline struct {
	at itsm.Time
	n  itsm.IncidentNumber
}

// Len, Less, Swap, Push and Pop implement heap.Interface.
func (d deadlines) Len() int { return len(d) }

// Less orders by time, then number.
func (d deadlines) Less(i, j int) bool {
	return d[i].at < d[j].at || (d[i].at == d[j].at && d[i].n < d[j].n)
}

// Swap exchanges two entries.
func (d deadlines) Swap(i, j int) { d[i], d[j] = d[j], d[i] }

// Push appends.
func (d *deadlines) Push(x any) { *d = append(*d, x.(deadline)) }

// Pop removes the last.
func (d *deadlines) Pop() any {
	old := *d
	x := old[len(old)-1]
	*d = old[:len(old)-1]
	return x
}

// warmUp puts a group into every index it is missing from.
func (g *Grouper) warmUp(gr *group) {
	if gr.resolved != 0 {
		return
	}
	if !gr.warm {
		gr.warm = true
		for _, ci := range gr.cis.keys() {
			at := g.locals.at(ci)
			at.groups = insert(at.groups, gr)
		}
		for _, key := range gr.keys.keys() {
			g.byKey[key] = insert(g.byKey[key], gr)
		}
		for _, key := range gr.senders {
			g.bySender[key] = insert(g.bySender[key], gr)
		}
		for _, key := range gr.ruleKeys {
			g.byRule[key] = insert(g.byRule[key], gr)
		}
		heap.Push(&g.deadlines, deadline{g.coldAt(gr), gr.n})
	}
	if !gr.joinable && g.staleAt(gr) > g.clock {
		gr.joinable = true
		for _, ci := range gr.cis.keys() { // sums and sorted lists: the order does not matter
			g.explain(gr, ci, 1)
		}
		heap.Push(&g.deadlines, deadline{g.staleAt(gr), gr.n})
	}
}

// cool takes a group out of every index.
func (g *Grouper) cool(gr *group) {
	g.unjoin(gr)
	if !gr.warm {
		return
	}
	gr.warm = false
	for _, ci := range gr.cis.keys() {
		g.locals.at(ci).leave(gr)
	}
	for _, key := range gr.keys.keys() {
		remove(g.byKey, key, gr)
	}
	for _, key := range gr.senders {
		remove(g.bySender, key, gr)
	}
	for _, key := range gr.ruleKeys {
		remove(g.byRule, key, gr)
	}
}

// unjoin takes a group out of the index of explanations.
func (g *Grouper) unjoin(gr *group) {
	if !gr.joinable {
		return
	}
	gr.joinable = false
	for i := range gr.cover.list {
		g.locals.at(gr.cover.list[i].key).forget(gr)
	}
	gr.cover = few[cmdb.Ref, struct{}]{}
}

// late is how far a grouping time may lie behind the latest one.
const late itsm.Time = 60_000

// staleAt is when the group can no longer be joined by topology.
func (g *Grouper) staleAt(gr *group) itsm.Time {
	return min(gr.lastJoin+g.paceMax(), gr.opened.Add(g.c.Lifetime)) + late
}

// coldAt is when the group can no longer be joined at all.
func (g *Grouper) coldAt(gr *group) itsm.Time {
	return gr.lastJoin + max(itsm.Time(g.c.FollowOn.Milliseconds()), g.paceMax()) + late
}

// expire takes out of the indexes what time has passed by. Each group costs a
// constant number of heap steps for each time it was warmed up.
func (g *Grouper) expire(at itsm.Time) {
	g.clock = max(g.clock, at)
	for len(g.deadlines) > 0 && g.deadlines[0].at < g.clock {
		d := heap.Pop(&g.deadlines).(deadline)
		gr := g.groups[d.n]
		if gr == nil || !gr.warm {
			continue
		}
		stale, cold := g.staleAt(gr), g.coldAt(gr)
		if stale < g.clock {
			g.unjoin(gr)
		} else if gr.joinable && d.at < stale {
			heap.Push(&g.deadlines, deadline{stale, gr.n})
			continue
		}
		if cold < g.clock {
			g.cool(gr)
		} else if !gr.joinable {
			heap.Push(&g.deadlines, deadline{cold, gr.n})
		}
	}
}

// insert adds gr to a list sorted by number, once.
func insert(list []*group, gr *group) []*group {
	i, found := slices.BinarySearchFunc(list, gr, func(a, b *group) int { return cmp.Compare(a.n, b.n) })
	if found {
		return list
	}
	return slices.Insert(list, i, gr)
}

// without takes gr out of a list sorted by number; an empty one is nil.
func without(list []*group, gr *group) []*group {
	i, found := slices.BinarySearchFunc(list, gr, func(a, b *group) int { return cmp.Compare(a.n, b.n) })
	switch {
	case !found:
		return list
	case len(list) == 1:
		return nil
	}
	return slices.Delete(list, i, i+1)
}

// remove takes gr out of the list at key.
func remove[K comparable](index map[K][]*group, key K, gr *group) {
	if list := without(index[key], gr); list == nil {
		delete(index, key)
	} else {
		index[key] = list
	}
}

// newest returns at most max of a list sorted by number, the newest.
func newest[G any](list []G, max int) []G {
	if len(list) > max {
		return list[len(list)-max:]
	}
	return list
}

// near is a CI within a short undirected walk.
type near struct {
	ref  cmdb.Ref
	hops uint8
}

// cone returns E(ci): ci and what it depends on, with hops.
func (g *Grouper) cone(ci cmdb.Ref) []cmdb.Reach {
	if w := g.locals.walked(ci); w != nil && w.cone != nil {
		return w.cone
	}
	c := slices.Clone(g.cmdb.Explains(ci, g.c.Hops, g.reach[:0]))
	g.locals.walk(ci).cone = c
	return c
}
