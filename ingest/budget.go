package ingest

import (
	"sync/atomic"

	"signalbox/itsm"
)

// budget is memory that large bodies may use at one time.
type budget struct{ max, used atomic.Int64 }

func newBudget(bytes int64) *budget {
	b := &budget{}
	b.max.Store(bytes)
	return b
}

// budgets are what bodies of one source are counted against: each holds its own
// share, so that whoever fills one leaves room for the bodies of others.
type budgets struct {
	door      *budget // all bodies of all sources
	strangers *budget // of all sources, bodies whose sender is not known yet
	source    budget  // bodies of this source
	stranger  budget  // bodies of this source whose sender is not known yet
}

// bound sets the source's shares; the largest body that its limits allow fits.
func (b *budgets) bound(l Limits) {
	b.source.max.Store(max(SourceBytesMax, int64(l.BodyBytes+l.DecompressedBytes)))
	b.stranger.max.Store(max(StrangerBytesMax, int64(l.BodyBytes)))
}

// lease is what one request holds of the budgets. The zero lease holds nothing and
// is never refused, for bodies that are small by another bound.
type lease struct {
	b      *budgets
	proven bool // the sender is known
	has    int64
}

// free is the part of a buffer that does not count.
func (l *lease) free() int64 {
	if l.proven {
		return smallBodyBytes
	}
	return strangerFreeBytes
}

func (l *lease) budgets() []*budget {
	if l.proven {
		return []*budget{&l.b.source, l.b.door}
	}
	return []*budget{&l.b.stranger, l.b.strangers, &l.b.source, l.b.door}
}

// grow takes what a buffer of n bytes needs.
func (l *lease) grow(n int) error {
	if l.b == nil {
		return nil
	}
	need := int64(n) - l.free() - l.has
	if need <= 0 {
		return nil
	}
	all := l.budgets()
	for i, b := range all {
		if b.used.Add(need) <= b.max.Load() {
			continue
		}
		for _, taken := range all[:i+1] {
			taken.used.Add(-need)
		}
		return itsm.Errorf(itsm.Unavailable, "too many large bodies at once; try again")
	}
	l.has += need
	return nil
}

// prove notes that the sender of the body is known now: it counts as one of the
// source's own, and less of it.
func (l *lease) prove() {
	if l.proven || l.b == nil {
		return
	}
	l.b.stranger.used.Add(-l.has)
	l.b.strangers.used.Add(-l.has)
	l.proven = true
	rest := max(0, l.has-(smallBodyBytes-strangerFreeBytes))
	l.give(l.has - rest)
}

// give returns n bytes.
func (l *lease) give(n int64) {
	for _, b := range l.budgets() {
		b.used.Add(-n)
	}
	l.has -= n
}

func (l *lease) release() {
	if l.b != nil {
		l.give(l.has)
	}
}
