package cmdb

import "slices"

// Apply returns the next revision. It cannot fail and is deterministic: what
// does not fit the graph, such as a relation to a CI that is not there any
// more, is left out, in a replay exactly as it was live.
func (g *Graph) Apply(c Changes) *Graph {
	next := *g
	next.revision++
	a := applier{g: &next, c: &c, recs: g.recs.edit()}
	a.put()
	a.drop()
	next.recs = a.recs.vec
	next.names = next.names.apply(a.keys)
	next.scopes = next.scopes.apply(a.scopes)
	a.keys, a.scopes = nil, nil
	a.relate()
	return &next
}

// applier is one Apply under way.
type applier struct {
	g      *Graph // the next revision
	c      *Changes
	recs   vecEditor[rec]
	keys   []keyChange
	scopes []scopeChange
	refs   []Ref             // of puts, in their order
	ops    []edgeOp          // what happens to relations
	with   map[uint16]uint16 // source set → the set with the source added
	less   map[uint16]uint16 // source set → the set with the source taken away
	before []key             // scratch of rekey
	after  []key             // scratch of rekey
}

// put stores CIs and gives new ones their Ref in the order of their ids.
func (a *applier) put() {
	c, g := a.c, a.g
	puts := slices.Clone(c.puts) // packing must not touch what others may apply as well
	packBlobs(puts)
	a.refs = make([]Ref, len(c.puts))
	n := g.recs.n
	for i, b := range c.puts {
		r, ok := g.known(b.field(fieldID))
		switch {
		case ok:
		case n >= CIsMax:
			r = NoRef
		default:
			r = Ref(n)
			n++
		}
		a.refs[i] = r
	}
	if g.ordered == Ref(g.recs.n) && a.extends() {
		g.ordered = Ref(n)
	}
	a.recs.grow(n)
	a.keys = make([]keyChange, 0, len(c.puts)*3)
	for i, b := range puts {
		if a.refs[i] != NoRef {
			a.store(a.refs[i], b)
		}
	}
}

// extends reports whether all new ids come after those the graph holds.
func (a *applier) extends() bool {
	g := a.g
	if g.recs.n == 0 || len(a.c.puts) == 0 {
		return true
	}
	for i, r := range a.refs {
		if r >= Ref(g.recs.n) {
			return g.ID(Ref(g.recs.n-1)) < a.c.puts[i].field(fieldID)
		}
	}
	return true
}

// store writes one CI and remembers which names it gained and lost.
func (a *applier) store(r Ref, b blob) {
	o := a.recs.ref(int(r))
	old := *o
	*o = rec{blob: b, src: a.add(old.src), kind: kindOf(b.field(fieldClass))}
	if isScoped(b) {
		o.flags |= flagScoped
	}
	if old.blob == "" || old.retired() {
		a.g.live++
		old.flags |= flagRetired
	}
	a.rekey(r, &old, o)
}

// drop takes the source's word back; a CI that no source lists is retired.
func (a *applier) drop() {
	for _, id := range a.c.drops {
		r, ok := a.g.Lookup(id)
		if !ok {
			continue
		}
		o := a.recs.ref(int(r))
		old := *o
		if o.src = a.remove(old.src); o.src != 0 {
			continue
		}
		o.flags |= flagRetired
		a.g.live--
		a.rekey(r, &old, o)
		a.detach(r)
	}
}

// rekey brings the names and scopes of a CI up to date. A retired CI keeps only
// its id, so that it gets its Ref back if it returns.
func (a *applier) rekey(r Ref, old, now *rec) {
	before, after := a.before[:0], a.after[:0]
	if old.blob != "" {
		before = appendKeys(before, old.blob)
		if old.retired() {
			before = before[:1]
		}
	}
	after = appendKeys(after, now.blob)
	if now.retired() {
		after = after[:1]
	}
	for _, k := range before {
		if !slices.ContainsFunc(after, func(o key) bool { return o.how == k.how && foldEqual(o.name, k.name) }) {
			a.keys = append(a.keys, keyChange{name: k.name, post: post{r, k.how}, drop: true})
		}
	}
	for _, k := range after {
		if !slices.ContainsFunc(before, func(o key) bool { return o.how == k.how && foldEqual(o.name, k.name) }) {
			a.keys = append(a.keys, keyChange{name: k.name, post: post{r, k.how}})
		}
	}
	a.before, a.after = before, after
	if old.blob != "" && !old.retired() {
		a.rescope(old, -1)
	}
	if !now.retired() {
		a.rescope(now, 1)
	}
}

// rescope counts the places of a CI in or out.
func (a *applier) rescope(o *rec, delta Ref) {
	eachScope(o.blob, o.flags&flagScoped != 0, func(d dimension, value string) {
		a.scopes = append(a.scopes, scopeChange{d, value, delta})
	})
}

// add returns the source set with this source in it.
func (a *applier) add(set uint16) uint16 {
	if to, ok := a.with[set]; ok {
		return to
	}
	list := a.g.srcSets[set]
	i, found := slices.BinarySearch(list, a.c.source)
	to := set
	if !found {
		to = a.set(slices.Insert(slices.Clone(list), i, a.c.source))
	}
	if a.with == nil {
		a.with = make(map[uint16]uint16)
	}
	a.with[set] = to
	return to
}

// remove returns the source set without this source; 0 is nobody.
func (a *applier) remove(set uint16) uint16 {
	if to, ok := a.less[set]; ok {
		return to
	}
	list := a.g.srcSets[set]
	i, found := slices.BinarySearch(list, a.c.source)
	to := set
	if found {
		to = a.set(slices.Delete(slices.Clone(list), i, i+1))
	}
	if a.less == nil {
		a.less = make(map[uint16]uint16)
	}
	a.less[set] = to
	return to
}

// set finds or makes a source set. When the table is full the set of all that
// went before, index 0 excepted, can only stand in as the last one made.
func (a *applier) set(list []string) uint16 {
	for i, s := range a.g.srcSets {
		if slices.Equal(s, list) {
			return uint16(i)
		}
	}
	if len(a.g.srcSets) >= SourceSetsMax {
		return SourceSetsMax - 1
	}
	a.g.srcSets = append(slices.Clip(a.g.srcSets), list)
	return uint16(len(a.g.srcSets) - 1)
}

// typeOf finds or makes a relation type.
func (g *Graph) typeOf(name string) (uint16, bool) {
	for i := range g.relTypes {
		if g.relTypes[i].name == name {
			return uint16(i), true
		}
	}
	if len(g.relTypes) >= RelationTypesMax {
		return 0, false
	}
	d, _ := g.types.Direction(name)
	g.relTypes = append(slices.Clip(g.relTypes), relType{name, d})
	return uint16(len(g.relTypes) - 1), true
}
