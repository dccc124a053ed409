package problem

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestAlike: what is rare says more than what always comes along.
func TestAlike(t *testing.T) {
	t.Parallel()
	const chronic, disk, query, cart, login = 1, 2, 3, 4, 5
	c := Common{In: map[uint64]uint32{}}
	var db, shop Profile
	for range 20 {
		c.Put(NewPrint([]uint64{chronic}))
	}
	for range 3 {
		f := NewPrint([]uint64{query, chronic, disk, disk})
		c.Put(f)
		db.Put(f)
		f = NewPrint([]uint64{cart, login, chronic})
		c.Put(f)
		shop.Put(f)
	}
	for _, x := range []struct {
		kinds    []uint64
		db, shop bool
	}{
		{[]uint64{disk, query, chronic}, true, false},
		{[]uint64{disk, query}, true, false}, // without what always comes along
		{[]uint64{disk}, true, false},
		{[]uint64{chronic}, false, false},
		{[]uint64{login, cart, 77, 78}, false, true},
		{[]uint64{77, 78, 79}, false, false},
		{nil, false, false},
	} {
		f := NewPrint(slices.Clone(x.kinds))
		if d, s := c.Alike(f, &db), c.Alike(f, &shop); (d >= AlikeMin) != x.db || (s >= AlikeMin) != x.shop {
			t.Errorf("%v: %d and %d thousandths alike; want alike: %v and %v", x.kinds, d, s, x.db, x.shop)
		}
	}
	if n := c.Alike(NewPrint([]uint64{disk, query, chronic}), &db); n != 1000 {
		t.Errorf("the same footprint is %d thousandths alike", n)
	}
}

// TestProfileLaws: what is put in and taken out again leaves nothing; everything is
// sorted and bounded; likeness is a share.
func TestProfileLaws(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		print := rapid.Custom(func(t *rapid.T) Print {
			return NewPrint(rapid.SliceOfN(rapid.Uint64Range(1, 400), 0, 2*PrintMax).Draw(t, "kinds"))
		})
		c := Common{In: map[uint64]uint32{}}
		var p Profile
		for _, f := range rapid.SliceOfN(print, 0, 8).Draw(t, "prints") {
			c.Put(f)
			p.Put(f)
		}
		f := print.Draw(t, "one more")
		if len(f) > PrintMax || len(p.Kinds) > ProfileMax || !slices.IsSortedFunc(p.Kinds, func(a, b Kind) int { return int(a.Hash) - int(b.Hash) }) {
			t.Fatalf("not bounded or not sorted: %d kinds, %d in the profile", len(f), len(p.Kinds))
		}
		if n := c.Alike(f, &p); n < 0 || n > 1000 {
			t.Fatalf("%d thousandths alike", n)
		}
		if len(p.Kinds)+len(f) > ProfileMax || len(f) == 0 {
			return // kinds are dropped
		}
		was := Profile{p.Prints, slices.Clone(p.Kinds)}
		p.Put(f)
		p.Remove(f)
		if p.Prints != was.Prints || !slices.Equal(p.Kinds, was.Kinds) {
			t.Fatalf("%+v became %+v", was, p)
		}
	})
}

func TestCommonBound(t *testing.T) {
	t.Parallel()
	c := Common{In: map[uint64]uint32{}}
	for n := range uint64(commonMax/PrintMax + 20) {
		kinds := []uint64{1}
		for k := range uint64(PrintMax - 1) {
			kinds = append(kinds, 2+n*PrintMax+k)
		}
		c.Put(NewPrint(kinds))
	}
	if len(c.In) > commonMax || c.In[1] == 0 {
		t.Errorf("%d kinds known; the one of all incidents in %d of %d", len(c.In), c.In[1], c.Incidents)
	}
}
