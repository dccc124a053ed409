package cmdb

import "slices"

// index is a persistent hash table from folded names to CIs, built on vec so
// that a change copies a few buckets and no more.
type index struct {
	buckets vec[[]entry] // a power of two of them, or none
	n       int          // entries
}

// entry is one name and the CIs known by it.
type entry struct {
	name  string
	hash  uint32
	first post
	more  *[]post // nil for a single CI; else all of them, by Ref
}

// post is one CI under a name.
type post struct {
	ref Ref
	how how
}

// bucketFill is the mean number of names in a bucket after a rebuild; the table
// is rebuilt at four times that, so a change costs amortised constant time.
const bucketFill = 4

// find returns the entry of a name, or nil.
func (x *index) find(name string) *entry {
	if x.buckets.n == 0 {
		return nil
	}
	h := hashFold(name)
	b := *x.buckets.at(int(h>>32) & (x.buckets.n - 1))
	for i := range b {
		if e := &b[i]; e.hash == uint32(h) && foldEqual(e.name, name) {
			return e
		}
	}
	return nil
}

// size is how many CIs the entry stands for.
func (e *entry) size() int {
	if e.more != nil {
		return len(*e.more)
	}
	return 1
}

// at returns CI i of the entry.
func (e *entry) at(i int) post {
	if e.more != nil {
		return (*e.more)[i]
	}
	return e.first
}

// keyChange adds or removes one name of one CI.
type keyChange struct {
	name string
	post post
	drop bool
}

// apply returns the index with the changes made, in order.
func (x index) apply(changes []keyChange) index {
	e := newIndexEditor(&x, changes)
	for i := range changes {
		e.change(&changes[i])
	}
	return index{buckets: e.buckets.vec, n: e.n}
}

func newIndexEditor(x *index, changes []keyChange) *indexEditor {
	e := &indexEditor{lists: make(map[*[]post]bool)}
	if need := x.n + len(changes); need > x.buckets.n*bucketFill*4 {
		e.rebuild(x, changes)
	} else {
		e.buckets = x.buckets.edit()
		e.owned = make(map[int]bool, len(changes))
		e.n = x.n
	}
	return e
}

// indexEditor knows which buckets and lists are its own to write to.
type indexEditor struct {
	buckets vecEditor[[]entry]
	owned   map[int]bool // buckets; nil: all of them
	lists   map[*[]post]bool
	n       int
}

// rebuild makes a table with room for what x holds and the changes add, each
// bucket a part of one allocation.
func (e *indexEditor) rebuild(x *index, changes []keyChange) {
	n := 1
	for n*bucketFill < x.n+len(changes) {
		n *= 2
	}
	slot := func(h uint64) int { return int(h>>32) & (n - 1) }
	sizes := make([]int32, n)
	x.each(func(old *entry) { sizes[slot(hashFold(old.name))]++ })
	for i := range changes {
		if !changes[i].drop {
			sizes[slot(hashFold(changes[i].name))]++
		}
	}
	e.buckets.grow(n)
	var room []entry
	left := x.n + len(changes) // at most so many are still to be given room
	for i, k := range sizes {
		if len(room) < int(k) {
			room = make([]entry, max(int(k), min(left, 1<<12)))
		}
		*e.buckets.ref(i) = room[:0:k]
		room, left = room[k:], left-int(k)
	}
	x.each(func(old *entry) {
		b := e.buckets.ref(slot(hashFold(old.name)))
		*b = append(*b, *old)
	})
	e.n = x.n
}

// each calls fn for every entry, in an order that depends on the contents and on
// the size the table grew to.
func (x *index) each(fn func(*entry)) {
	for i := range x.buckets.n {
		b := *x.buckets.at(i)
		for j := range b {
			fn(&b[j])
		}
	}
}

func (e *indexEditor) change(c *keyChange) {
	b, i, hash := e.bucket(c)
	switch {
	case i < 0 && c.drop:
	case i < 0:
		*b = append(*b, entry{name: c.name, hash: hash, first: c.post})
		e.n++
	case c.drop:
		if e.drop(&(*b)[i], c.post.ref) {
			*b = slices.Delete(*b, i, i+1)
			e.n--
		}
	default:
		e.add(&(*b)[i], c.post)
	}
}

// bucket returns the bucket of a name, writable, and the entry's place in it or -1.
func (e *indexEditor) bucket(c *keyChange) (b *[]entry, at int, hash uint32) {
	h := hashFold(c.name)
	slot := int(h>>32) & (e.buckets.n - 1)
	b = e.buckets.ref(slot)
	if e.owned != nil && !e.owned[slot] {
		*b = append(make([]entry, 0, len(*b)+1), *b...)
		e.owned[slot] = true
	}
	for i := range *b {
		if o := &(*b)[i]; o.hash == uint32(h) && foldEqual(o.name, c.name) {
			return b, i, uint32(h)
		}
	}
	return b, -1, uint32(h)
}

func (e *indexEditor) add(o *entry, p post) {
	list := e.list(o)
	i, found := slices.BinarySearchFunc(*list, p.ref, postOrder)
	if found {
		(*list)[i].how = p.how
	} else {
		*list = slices.Insert(*list, i, p)
	}
	o.settle()
}

// drop reports whether the entry is now empty. The name of the entry may be the
// memory of the CI that leaves; it stays until the entry goes.
func (e *indexEditor) drop(o *entry, r Ref) (empty bool) {
	list := e.list(o)
	if i, found := slices.BinarySearchFunc(*list, r, postOrder); found {
		*list = slices.Delete(*list, i, i+1)
	}
	if len(*list) == 0 {
		return true
	}
	o.settle()
	return false
}

// list returns the posts of an entry as a list that may be written to.
func (e *indexEditor) list(o *entry) *[]post {
	switch {
	case o.more == nil:
		o.more = &[]post{o.first}
	case !e.lists[o.more]:
		own := append(make([]post, 0, len(*o.more)+1), *o.more...)
		o.more = &own
	default:
		return o.more
	}
	e.lists[o.more] = true
	return o.more
}

// settle keeps a single CI without a list.
func (o *entry) settle() {
	if o.first = (*o.more)[0]; len(*o.more) == 1 {
		o.more = nil
	}
}

func postOrder(p post, r Ref) int { return int(p.ref) - int(r) }
