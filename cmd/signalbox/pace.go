package main

import (
	"sync"
	"sync/atomic"
	"time"
)

// When the fold is behind, deliveries are slowed down before they are stored, a
// little for a little lag: senders that wait for their answers then bring no more
// than is folded, nobody is refused, and what people read stays fresh. Only sources
// that brought their fair share of the recent events or more are slowed down: the
// others are not why the fold is behind.
const (
	paceFrom      = 500 * time.Millisecond // lag from which deliveries wait
	paceShare     = 10                     // they wait a tenth of what it is beyond: a short stall must not stop a sender with few connections
	paceMax       = 250 * time.Millisecond // the longest, well within every sender's time-out
	paceLookEvery = 5 * time.Millisecond
	paceWindow    = 2 * time.Second // recent is this window and the one before
)

// pace says how long a source's delivery waits; it implements ingest.Pacer.
type pace struct {
	lag   func() time.Duration
	clock func() time.Time

	looked atomic.Int64 // Unix time in ns, so that not every delivery asks for the lag
	wait   atomic.Int64

	mu     sync.Mutex
	window int64 // number of the present one
	by     map[string]*brought
	total  int // of all loads
}

// brought is what one source brought in the present window and the one before.
type brought struct{ now, before int }

func newPace(lag func() time.Duration, clock func() time.Time) *pace {
	return &pace{lag: lag, clock: clock, by: map[string]*brought{}}
}

// paceOf is how long a delivery waits at a lag.
func paceOf(lag time.Duration) time.Duration {
	return min(max(lag-paceFrom, 0)/paceShare, paceMax)
}

// Wait implements ingest.Pacer.
func (p *pace) Wait(source string) time.Duration {
	at := p.clock()
	last := p.looked.Load()
	if at.UnixNano()-last >= int64(paceLookEvery) && p.looked.CompareAndSwap(last, at.UnixNano()) {
		p.wait.Store(int64(paceOf(p.lag())))
	}
	if d := time.Duration(p.wait.Load()); d > 0 && p.isHeavy(source, at) {
		return d
	}
	return 0
}

// Brought implements ingest.Pacer.
func (p *pace) Brought(source string, events int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.roll(p.clock())
	l := p.by[source]
	if l == nil {
		l = &brought{}
		p.by[source] = l
	}
	l.now += events
	p.total += events
}

// isHeavy reports whether the source brought its fair share or more.
func (p *pace) isHeavy(source string, at time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.roll(at)
	l := p.by[source]
	return l != nil && (l.now+l.before)*len(p.by) >= p.total
}

// roll moves to the window of at and forgets what is no longer recent.
func (p *pace) roll(at time.Time) {
	w := at.UnixNano() / int64(paceWindow)
	if w == p.window {
		return
	}
	next := w == p.window+1
	p.window, p.total = w, 0
	for name, l := range p.by {
		l.before = 0
		if next {
			l.before = l.now
		}
		if l.now = 0; l.before == 0 {
			delete(p.by, name)
		}
		p.total += l.before
	}
}
