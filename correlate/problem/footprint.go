package problem

import (
	"cmp"
	"math/bits"
	"slices"
)

// Print is the footprint of an incident: the kinds of its alerts, each the hash of
// which workload raised which alert. It is sorted, without repeats, and
// holds at most PrintMax.
type Print []uint64

// NewPrint makes a footprint, for which it takes the slice over. Of too many kinds it
// keeps the smallest hashes, which are the same ones of the same trouble.
func NewPrint(kinds []uint64) Print {
	slices.Sort(kinds)
	kinds = slices.Compact(kinds)
	return Print(kinds[:min(len(kinds), PrintMax)])
}

// Kind is one kind of alert and how many incidents had it.
type Kind struct {
	Hash  uint64
	Count uint32
}

// Profile is what the footprints of a series have in common, by hash.
type Profile struct {
	Prints uint32 // footprints put in
	Kinds  []Kind
}

func (p *Profile) at(h uint64) (int, bool) {
	return slices.BinarySearchFunc(p.Kinds, h, func(k Kind, h uint64) int { return cmp.Compare(k.Hash, h) })
}

// Put adds the footprint of one more incident. Beyond ProfileMax the rarest kinds go.
func (p *Profile) Put(f Print) {
	p.Prints++
	for _, h := range f {
		if n, ok := p.at(h); ok {
			p.Kinds[n].Count++
		} else {
			p.Kinds = slices.Insert(p.Kinds, n, Kind{h, 1})
		}
	}
	if len(p.Kinds) <= ProfileMax {
		return
	}
	slices.SortFunc(p.Kinds, func(a, b Kind) int { return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Hash, b.Hash)) })
	p.Kinds = slices.Clone(p.Kinds[:ProfileMax])
	slices.SortFunc(p.Kinds, func(a, b Kind) int { return cmp.Compare(a.Hash, b.Hash) })
}

// Remove takes out the footprint of an incident that was no occurrence.
func (p *Profile) Remove(f Print) {
	if p.Prints == 0 || len(f) == 0 {
		return
	}
	p.Prints--
	for _, h := range f {
		if n, ok := p.at(h); ok {
			p.Kinds[n].Count--
		}
	}
	p.Kinds = slices.DeleteFunc(p.Kinds, func(k Kind) bool { return k.Count == 0 })
}

// Common says how common each kind of alert is: in how many incidents it was. What
// is in every incident tells nothing of any.
type Common struct {
	Incidents uint32
	In        map[uint64]uint32
}

// Put counts the footprint of an incident. With too many kinds everything is halved
// until the rare ones are gone.
func (c *Common) Put(f Print) {
	c.Incidents++
	for _, h := range f {
		c.In[h]++
	}
	for len(c.In) > commonMax {
		c.Incidents /= 2
		for h, n := range c.In { // any order: each alone
			if n /= 2; n > 0 {
				c.In[h] = n
			} else {
				delete(c.In, h)
			}
		}
	}
}

// weight is how much a kind tells: the square of the logarithm of how rare it is, in
// sixteenths, so that a few rare kinds outweigh many that always come along.
func (c *Common) weight(h uint64) int64 {
	n := uint64(max(1, c.In[h]))
	w := max(1, log2(n+uint64(c.Incidents))-log2(n))
	return w * w
}

// log2 is sixteen times the logarithm of x, linear between the powers of two.
func log2(x uint64) int64 {
	n := bits.Len64(x) - 1
	return int64(n)<<4 + int64(x<<4>>n) - 16
}

// Alike is how much of what a footprint and a profile hold they hold both, in
// thousandths, each kind weighed by how much it tells: a weighted Jaccard index with
// the share of the profile's incidents that had a kind.
func (c *Common) Alike(f Print, p *Profile) int64 {
	if p.Prints == 0 || len(f) == 0 {
		return 0
	}
	var both, all int64
	k := 0
	beyond := func(to int) {
		for ; k < to; k++ {
			all += c.weight(p.Kinds[k].Hash) * p.share(k)
		}
	}
	for _, h := range f {
		n, ok := p.at(h)
		beyond(n)
		w := c.weight(h)
		all += w * shareOne
		if ok {
			both += w * p.share(n)
			k = n + 1
		}
	}
	beyond(len(p.Kinds))
	return 1000 * both / all
}

const shareOne = 1 << 10

// share is how many of the profile's incidents had its n-th kind, shareOne for all.
func (p *Profile) share(n int) int64 {
	return min(shareOne, shareOne*int64(p.Kinds[n].Count)/int64(p.Prints))
}
