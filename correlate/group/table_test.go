package group

import (
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestTableIsAMapInOrder(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 1))
	var table Table[uint64, int]
	want := map[uint64]*int{}
	for i := range 20_000 {
		k := rnd.Uint64N(2000) * rnd.Uint64N(3)
		if rnd.IntN(3) == 0 {
			table.Drop(k)
			delete(want, k)
		} else {
			table.Put(k, &i)
			want[k] = &i
		}
		if got := table.Get(k); got != want[k] || table.Len() != len(want) {
			t.Fatalf("step %d: number %d is %v of %d, want %v of %d", i, k, got, table.Len(), want[k], len(want))
		}
	}
	if got, want := table.Numbers(), slices.Sorted(maps.Keys(want)); !slices.Equal(got, want) {
		t.Errorf("numbers %v, want %v", got, want)
	}
	for _, k := range table.Numbers() {
		table.Drop(k)
	}
	if len(table.pages) != 0 || table.Len() != 0 {
		t.Errorf("%d pages with %d values are left of an empty table", len(table.pages), table.Len())
	}
}
