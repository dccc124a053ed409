package cmdb

import "slices"

// WithTypes returns the graph with other directions of failure and the same
// revision. It turns relations round where their type's direction changed.
func (g *Graph) WithTypes(types RelationTypes) *Graph {
	next := *g
	next.types = types
	next.relTypes = slices.Clone(g.relTypes)
	turned := false
	for i := range next.relTypes {
		t := &next.relTypes[i]
		d, _ := types.Direction(t.name)
		turned = turned || d != t.dir
		t.dir = d
	}
	if turned {
		a := applier{g: &next}
		for i := range g.recs.n {
			for _, h := range *g.deps.at(i) {
				from, to := g.written(Ref(i), h)
				if next.relTypes[h.typ].dir == FromAffectsTo {
					from, to = to, from
				}
				a.ops = append(a.ops, edgeOp{node: from, half: half{to, h.typ, h.src}, act: edgeKeep})
			}
		}
		next.deps = vec[[]half]{}
		a.merge(&next.deps, nil)
		next.turn()
	}
	return &next
}
