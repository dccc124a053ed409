package cmdb

import (
	"slices"
	"strconv"
	"strings"
)

// Quality says what is missing from a CMDB or wrong with it: it is only worth
// what binds, and a gap here is an alert nobody owns later.
type Quality struct {
	Revision         uint64 `json:"revision"`
	CIs              int    `json:"cis"`
	Relations        int    `json:"relations"`
	Retired          int    `json:"retired"`
	WithoutOwner     Count  `json:"without_owner"` // neither owner nor support group
	WithoutTier      Count  `json:"without_tier"`  // services without a tier
	WithoutRelations Count  `json:"without_relations"`
	DuplicateNames   Count  `json:"duplicate_names"` // names or aliases of several CIs in one environment
	CommonNames      Count  `json:"common_names"`    // names of so many CIs that they bind nothing
	Cycles           Count  `json:"cycles"`          // groups of CIs that depend on one another
	Dangling         Count  `json:"dangling"`        // relations with a CI that is not there; none, unless the CMDB is damaged
	UnknownTypes     Count  `json:"unknown_types"`   // relations of a type without a configured direction, by type
}

// Count is how many there are, and up to QualityExamplesMax of them.
type Count struct {
	Total    int      `json:"total"`
	Examples []string `json:"examples"`
}

// QualityExamplesMax bounds the examples of each count; a cycle shows at most as
// many CIs.
const QualityExamplesMax = 20

func (c *Count) add(example func() string) {
	c.Total++
	if len(c.Examples) < QualityExamplesMax {
		c.Examples = append(c.Examples, example())
	}
}

// Quality examines the whole graph.
func (g *Graph) Quality() Quality {
	q := Quality{Revision: g.revision, CIs: g.live, Relations: g.edges, Retired: g.recs.n - g.live}
	order := g.inOrder()
	for _, r := range order {
		g.examine(r, &q)
	}
	g.duplicates(&q)
	g.cycles(order, &q)
	g.unknownTypes(&q)
	for _, c := range []*Count{&q.WithoutOwner, &q.WithoutTier, &q.WithoutRelations, &q.DuplicateNames, &q.CommonNames, &q.Cycles, &q.Dangling, &q.UnknownTypes} {
		if c.Examples == nil {
			c.Examples = []string{}
		}
	}
	return q
}

// examine looks at one CI by itself.
func (g *Graph) examine(r Ref, q *Quality) {
	id := func() string { return g.ID(r) }
	o := g.recs.at(int(r))
	if o.blob.field(fieldOwner) == "" && o.blob.field(fieldGroup) == "" {
		q.WithoutOwner.add(id)
	}
	if o.kind == kindService && o.blob.tier() == 0 {
		q.WithoutTier.add(id)
	}
	deps := *g.deps.at(int(r))
	if len(deps) == 0 && len(*g.dependants.at(int(r))) == 0 {
		q.WithoutRelations.add(id)
	}
	for _, h := range deps {
		if g.Retired(h.to) {
			q.Dangling.add(func() string { return g.ID(r) + " → " + g.ID(h.to) })
		}
	}
}

// duplicates finds names and aliases that several CIs of one environment have.
func (g *Graph) duplicates(q *Quality) {
	var found, common []string
	g.names.each(func(e *entry) {
		if e.size() > NameHitsMax {
			q.CommonNames.Total++
			common = leastOf(common, strings.ToLower(e.name)+" ("+strconv.Itoa(e.size())+" CIs)")
			return
		}
		envs := make(map[string]int)
		for i := range e.size() {
			if p := e.at(i); p.how <= howAlias && !g.Retired(p.ref) {
				envs[strings.ToLower(g.Env(p.ref))]++
			}
		}
		for _, n := range envs {
			if n > 1 {
				q.DuplicateNames.Total++
				found = leastOf(found, strings.ToLower(e.name))
				break
			}
		}
	})
	q.DuplicateNames.Examples, q.CommonNames.Examples = found, common
}

// leastOf keeps the first QualityExamplesMax in order, whatever order they come in.
func leastOf(list []string, s string) []string {
	i, _ := slices.BinarySearch(list, s)
	if i >= QualityExamplesMax {
		return list
	}
	list = slices.Insert(list, i, s)
	return list[:min(len(list), QualityExamplesMax)]
}

// unknownTypes counts relations that are treated as depends_on for want of better.
func (g *Graph) unknownTypes(q *Quality) {
	counts := make([]int, len(g.relTypes))
	for i := range g.recs.n {
		for _, h := range *g.deps.at(i) {
			counts[h.typ]++
		}
	}
	for i, t := range g.relTypes {
		if _, known := g.types.Direction(t.name); !known && counts[i] > 0 {
			q.UnknownTypes.Total += counts[i]
			q.UnknownTypes.Examples = leastOf(q.UnknownTypes.Examples, t.name+" ("+strconv.Itoa(counts[i])+")")
		}
	}
}

// cycles finds groups of CIs each of which depends on all the others, by
// Tarjan's algorithm with its own stack: a chain of a million CIs is legal.
func (g *Graph) cycles(order []Ref, q *Quality) {
	t := tarjan{g: g, index: make([]int32, g.recs.n), low: make([]int32, g.recs.n)}
	for _, r := range order {
		if t.index[r] == 0 {
			t.from(r, q)
		}
	}
}

// tarjan finds the strongly connected groups of the graph.
type tarjan struct {
	g     *Graph
	index []int32 // order of discovery from 1; -1 once its group is known
	low   []int32
	next  int32
	stack []Ref
	calls []tarjanCall
}

type tarjanCall struct {
	ref Ref
	i   int // next dependency to look at
}

func (t *tarjan) enter(r Ref) {
	t.next++
	t.index[r], t.low[r] = t.next, t.next
	t.stack = append(t.stack, r)
	t.calls = append(t.calls, tarjanCall{ref: r})
}

// from visits everything start depends on, deepest first.
func (t *tarjan) from(start Ref, q *Quality) {
	t.enter(start)
	for len(t.calls) > 0 {
		c := &t.calls[len(t.calls)-1]
		r := c.ref
		if deps := *t.g.deps.at(int(r)); c.i < len(deps) {
			to := deps[c.i].to
			c.i++
			switch {
			case t.index[to] == 0:
				t.enter(to)
			case t.index[to] > 0:
				t.low[r] = min(t.low[r], t.index[to])
			}
			continue
		}
		t.calls = t.calls[:len(t.calls)-1]
		if n := len(t.calls); n > 0 {
			parent := t.calls[n-1].ref
			t.low[parent] = min(t.low[parent], t.low[r])
		}
		if t.low[r] == t.index[r] {
			t.close(r, q)
		}
	}
}

// close takes the group of r off the stack.
func (t *tarjan) close(r Ref, q *Quality) {
	i := len(t.stack) - 1
	for t.stack[i] != r {
		i--
	}
	group := t.stack[i:]
	for _, m := range group {
		t.index[m] = -1
	}
	if len(group) > 1 {
		q.Cycles.add(func() string { return t.g.listIDs(group) })
	}
	t.stack = t.stack[:i]
}

func (g *Graph) listIDs(group []Ref) string {
	ids := make([]string, len(group))
	for i, r := range group {
		ids[i] = g.ID(r)
	}
	slices.Sort(ids)
	more := ""
	if n := len(ids) - QualityExamplesMax; n > 0 {
		ids, more = ids[:QualityExamplesMax], " and "+strconv.Itoa(n)+" more"
	}
	return strings.Join(ids, ", ") + more
}
