package cmdb

import (
	"fmt"
	"slices"
	"strings"
)

// SourceMax bounds the name of an import source.
const SourceMax = 100

// Plan compares a document with the graph: what would change if source listed
// exactly this now. With prune, what the source listed before and does not any
// more goes, unless another source lists it. When a problem is Blocking, the
// changes are empty: an import is applied whole or not at all.
func (g *Graph) Plan(doc Doc, source string, prune bool) (Changes, Diff, []Problem) {
	p := planner{g: g, doc: &doc, prune: prune, refs: make([]Ref, len(doc.ids))}
	p.changes.source = source
	if source == "" || len(source) > SourceMax {
		p.fail(0, "source", source, "expected a name of 1 to %d bytes for what is imported", SourceMax)
	}
	p.resolve()
	p.cis()
	p.retire()
	p.relations()
	p.diff.Revision = g.revision
	p.diff.Source = source
	p.diff.finish()
	if doc.broken || p.errors > 0 {
		return Changes{source: source}, p.diff, p.all()
	}
	return p.changes, p.diff, p.all()
}

// planner is one Plan under way.
type planner struct {
	problems
	g       *Graph
	doc     *Doc
	prune   bool
	refs    []Ref    // of doc.ids; NoRef when the graph does not hold it
	slots   []uint32 // of doc.ids: place in the ends of changes, plus one
	listed  []bool   // by Ref: the document lists the CI
	retired []bool   // by Ref: nobody lists it after this
	known   []int    // of doc.types: place in the graph's types, -1 if it has none
	changes Changes
	diff    Diff
}

// resolve looks every id of the document up once.
func (p *planner) resolve() {
	for i, id := range p.doc.ids {
		p.refs[i], _ = p.g.Lookup(id)
	}
	p.slots = make([]uint32, len(p.doc.ids))
	p.listed = make([]bool, p.g.recs.n)
	p.retired = make([]bool, p.g.recs.n)
}

// cis finds what is new and what differs.
func (p *planner) cis() {
	g, fresh := p.g, 0
	for _, at := range p.doc.sortedCIs() {
		c := &p.doc.cis[at]
		r := p.refs[c.id]
		if r == NoRef {
			fresh++
			p.diff.addCI(p.doc.ids[c.id])
			p.putCI(c)
			continue
		}
		p.listed[r] = true
		o := g.recs.at(int(r))
		switch {
		case o.blob != c.blob:
			p.diff.changeCI(p.doc.ids[c.id], o.blob, c.blob)
			p.putCI(c)
		case !g.lists(o.src, p.changes.source):
			p.diff.CIsUnchanged++
			p.putCI(c)
		default:
			p.diff.CIsUnchanged++
		}
	}
	if g.recs.n+fresh > CIsMax {
		p.fail(0, "cis", "", "the CMDB would hold %d CIs with the retired ones; at most %d are allowed", g.recs.n+fresh, CIsMax)
	}
}

func (p *planner) putCI(c *docCI) {
	p.changes.puts = append(p.changes.puts, c.blob)
	p.slots[c.id] = uint32(len(p.changes.puts))
}

// lists reports whether the source is in the set.
func (g *Graph) lists(set uint16, source string) bool {
	_, found := slices.BinarySearch(g.srcSets[set], source)
	return found
}

// retire finds what the source listed and does not list any more.
func (p *planner) retire() {
	if !p.prune || p.doc.speaks&speaksCIs == 0 {
		return
	}
	g := p.g
	only := p.onlySource()
	for i := range g.recs.n {
		o := g.recs.at(i)
		if o.retired() || p.listed[i] || !g.lists(o.src, p.changes.source) {
			continue
		}
		id := g.ID(Ref(i))
		p.changes.drops = append(p.changes.drops, id)
		if o.src == only {
			p.retired[i] = true
		} else {
			p.diff.CIsUnlisted++
		}
	}
	slices.Sort(p.changes.drops)
	for _, id := range p.changes.drops {
		if r, _ := g.Lookup(id); p.retired[r] {
			p.diff.retireCI(id)
		}
	}
}

// onlySource is the set that holds nothing but the source; SourceSetsMax is none.
func (p *planner) onlySource() uint16 {
	for i, s := range p.g.srcSets {
		if len(s) == 1 && s[0] == p.changes.source {
			return uint16(i)
		}
	}
	return SourceSetsMax
}

// relations finds what is new, and with prune what goes.
func (p *planner) relations() {
	doc := p.doc
	p.changes.types = slices.Clone(doc.types)
	p.types()
	seen := p.newEdgeMarks()
	rels := grouped(doc.relations, len(doc.ids), func(r *docRelation) int { return int(r.from) })
	for i := 0; i < len(rels); {
		j := i + 1
		for j < len(rels) && rels[j].from == rels[i].from {
			j++
		}
		group := rels[i:j]
		slices.SortStableFunc(group, func(a, b docRelation) int {
			if a.to != b.to {
				return int(a.to) - int(b.to)
			}
			return int(a.typ) - int(b.typ)
		})
		for k := range group {
			if k > 0 && group[k].to == group[k-1].to && group[k].typ == group[k-1].typ {
				p.warn(int(group[k].line), "to", doc.ids[group[k].to], "the relation is listed twice; the second is left out")
				continue
			}
			p.relation(&group[k], seen)
		}
		i = j
	}
	if p.errors == 0 && !doc.broken {
		p.gone(seen)
	}
}

// types resolves relation types and reports those no configuration knows.
func (p *planner) types() {
	used := make([]int32, len(p.doc.types))
	for i := range p.doc.relations {
		if r := &p.doc.relations[i]; used[r.typ] == 0 {
			used[r.typ] = r.line
		}
	}
	p.known = make([]int, len(p.doc.types))
	for i, name := range p.doc.types {
		p.known[i] = slices.IndexFunc(p.g.relTypes, func(t relType) bool { return t.name == name })
		if _, known := p.g.types.Direction(name); !known && used[i] > 0 {
			p.warn(int(used[i]), "type", name, "unknown relation type; it is treated as depends_on until its direction is configured")
		}
	}
	if n := len(p.g.relTypes) + len(p.doc.types); n > RelationTypesMax {
		p.fail(0, "type", "", "more than %d relation types", RelationTypesMax)
	}
}

// relation compares one listed relation with the graph.
func (p *planner) relation(r *docRelation, seen *edgeMarks) {
	ok := p.hasEnd(r, "from", r.from)
	if !p.hasEnd(r, "to", r.to) || !ok {
		return
	}
	from, to := p.refs[r.from], p.refs[r.to]
	name := p.doc.types[r.typ]
	if t := p.known[r.typ]; t >= 0 && from != NoRef && to != NoRef {
		if h, at := p.g.edge(from, uint16(t), to); h != nil {
			seen.mark(at)
			p.diff.RelationsUnchanged++
			if !p.g.lists(h.src, p.changes.source) {
				p.addRelation(r)
			}
			return
		}
	}
	p.diff.addRelation(p.doc.ids[r.from], name, p.doc.ids[r.to])
	p.addRelation(r)
}

// hasEnd reports whether the CI of a relation's end is there after the import.
func (p *planner) hasEnd(r *docRelation, field string, id uint32) bool {
	if p.doc.at[id] != docAbsent {
		return true
	}
	ref := p.refs[id]
	switch {
	case ref == NoRef:
		p.fail(int(r.line), field, p.doc.ids[id], "no such CI; list it among the cis or correct the id")
	case p.retired[ref]:
		p.fail(int(r.line), field, p.doc.ids[id], "this import retires the CI; list it among the cis or leave the relation out")
	default:
		return true
	}
	return false
}

func (p *planner) addRelation(r *docRelation) {
	p.changes.adds = append(p.changes.adds, relChange{p.end(r.from), p.end(r.to), uint32(r.typ)})
}

// end returns the place of an id in puts and ends. It is counted from the end of
// puts, which is complete by now.
func (p *planner) end(id uint32) uint32 {
	if p.slots[id] == 0 {
		p.changes.ends = append(p.changes.ends, p.doc.ids[id])
		p.slots[id] = uint32(len(p.changes.puts) + len(p.changes.ends))
	}
	return p.slots[id] - 1
}

// edge finds a relation and its place: the CI that depends, and the place in
// its list.
func (g *Graph) edge(from Ref, t uint16, to Ref) (*half, edgePlace) {
	if g.relTypes[t].dir == FromAffectsTo {
		from, to = to, from
	}
	list := *g.deps.at(int(from))
	i, found := slices.BinarySearchFunc(list, half{to: to, typ: t}, g.order)
	if !found {
		return nil, edgePlace{}
	}
	return &list[i], edgePlace{from, i}
}

// order is the order of relations in a list: by id of the other end, then type.
func (g *Graph) order(x, y half) int {
	if c := g.compare(x.to, y.to); c != 0 {
		return c
	}
	return int(x.typ) - int(y.typ)
}

// edgePlace is where a relation is: in the list of the CI that depends.
type edgePlace struct {
	node Ref
	i    int
}

// edgeMarks is a set of relations of a graph.
type edgeMarks struct {
	starts []int
	marked []bool
}

// newEdgeMarks returns an empty set, or nil when nobody will read it.
func (p *planner) newEdgeMarks() *edgeMarks {
	if !p.prune {
		return nil
	}
	m := &edgeMarks{starts: make([]int, p.g.recs.n+1)}
	for i := range p.g.recs.n {
		m.starts[i+1] = m.starts[i] + len(*p.g.deps.at(i))
	}
	m.marked = make([]bool, m.starts[p.g.recs.n])
	return m
}

func (m *edgeMarks) mark(at edgePlace) {
	if m != nil {
		m.marked[m.starts[at.node]+at.i] = true
	}
}

// gone lists the relations that go: those the source does not list any more, and
// those of retired CIs.
func (p *planner) gone(seen *edgeMarks) {
	if seen == nil {
		return
	}
	g := p.g
	types := make(map[uint16]uint32)
	ends := make(map[Ref]uint32)
	for i := range g.recs.n {
		r := Ref(i)
		for k, h := range *g.deps.at(i) {
			from, to := g.written(r, h)
			switch {
			case p.retired[r] || p.retired[h.to]:
				p.diff.removeRelation(g.ID(from), g.relTypes[h.typ].name, g.ID(to))
			case p.doc.speaks&speaksRelations == 0 || seen.marked[seen.starts[i]+k] || !g.lists(h.src, p.changes.source):
			default:
				if len(g.srcSets[h.src]) == 1 {
					p.diff.removeRelation(g.ID(from), g.relTypes[h.typ].name, g.ID(to))
				}
				p.changes.removes = append(p.changes.removes, relChange{p.endOf(ends, from), p.endOf(ends, to), p.typeOf(types, h.typ)})
			}
		}
	}
}

// written returns the ends of a relation as they were written.
func (g *Graph) written(node Ref, h half) (from, to Ref) {
	if g.relTypes[h.typ].dir == FromAffectsTo {
		return h.to, node
	}
	return node, h.to
}

func (p *planner) endOf(ends map[Ref]uint32, r Ref) uint32 {
	i, ok := ends[r]
	if !ok {
		i = uint32(len(p.changes.puts) + len(p.changes.ends))
		p.changes.ends = append(p.changes.ends, p.g.ID(r))
		ends[r] = i
	}
	return i
}

func (p *planner) typeOf(types map[uint16]uint32, t uint16) uint32 {
	i, ok := types[t]
	if !ok {
		i = uint32(len(p.changes.types))
		p.changes.types = append(p.changes.types, p.g.relTypes[t].name)
		types[t] = i
	}
	return i
}

// String says what an import does, in one line.
func (d *Diff) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d CIs added, %d changed, %d retired, %d unchanged; %d relations added, %d removed, %d unchanged",
		d.CIsAdded, d.CIsChanged, d.CIsRetired, d.CIsUnchanged, d.RelationsAdded, d.RelationsRemoved, d.RelationsUnchanged)
	return b.String()
}
