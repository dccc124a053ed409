package group

import (
	"maps"
	"slices"
)

// Table keeps values by numbers that are given one after the other and mostly
// forgotten in that order. It finds one in a small map of pages, which stays in the
// processor's cache where a map of all numbers would not, and lists them in order
// almost for nothing. The zero value is empty.
type Table[K ~uint64, V any] struct {
	pages map[K]*page[V]
	n     int
}

// pageSize is how many neighbours share a page: what one value left over from them
// holds on to is small.
const pageSize = 64

type page[V any] struct {
	used int
	at   [pageSize]*V
}

// Len returns how many values there are.
func (t *Table[K, V]) Len() int { return t.n }

// Get returns the value of a number, nil when there is none.
func (t *Table[K, V]) Get(k K) *V {
	if p := t.pages[k/pageSize]; p != nil {
		return p.at[k%pageSize]
	}
	return nil
}

// Put gives a number a value, which is not nil.
func (t *Table[K, V]) Put(k K, v *V) {
	p := t.pages[k/pageSize]
	if p == nil {
		if t.pages == nil {
			t.pages = map[K]*page[V]{}
		}
		p = &page[V]{}
		t.pages[k/pageSize] = p
	}
	if p.at[k%pageSize] == nil {
		p.used++
		t.n++
	}
	p.at[k%pageSize] = v
}

// Drop forgets a number.
func (t *Table[K, V]) Drop(k K) {
	p := t.pages[k/pageSize]
	if p == nil || p.at[k%pageSize] == nil {
		return
	}
	p.at[k%pageSize] = nil
	p.used--
	t.n--
	if p.used == 0 {
		delete(t.pages, k/pageSize)
	}
}

// Numbers returns all numbers in order.
func (t *Table[K, V]) Numbers() []K {
	out := make([]K, 0, t.n)
	for _, base := range slices.Sorted(maps.Keys(t.pages)) {
		for i, v := range t.pages[base].at {
			if v != nil {
				out = append(out, base*pageSize+K(i))
			}
		}
	}
	return out
}
