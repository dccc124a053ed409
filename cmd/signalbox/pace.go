package main

import (
	"sync/atomic"
	"time"
)

// When the fold is behind, deliveries are slowed down before they are stored, a
// little for a little lag: senders that wait for their answers then bring no more
// than is folded, nobody is refused, and what people read stays fresh.
const (
	paceFrom      = 500 * time.Millisecond // lag from which deliveries wait
	paceShare     = 10                     // they wait a tenth of what it is beyond: a short stall must not stop a sender with few connections
	paceMax       = 250 * time.Millisecond // the longest, well within every sender's time-out
	paceLookEvery = 5 * time.Millisecond
)

// pace remembers how long deliveries wait now, so that not each of them asks.
type pace struct {
	looked atomic.Int64 // Unix time in ns
	wait   atomic.Int64
}

// paceOf is how long a delivery waits at a lag.
func paceOf(lag time.Duration) time.Duration {
	return min(max(lag-paceFrom, 0)/paceShare, paceMax)
}

// now returns how long a delivery waits; lag is asked every paceLookEvery.
func (p *pace) now(at time.Time, lag func() time.Duration) time.Duration {
	last := p.looked.Load()
	if at.UnixNano()-last >= int64(paceLookEvery) && p.looked.CompareAndSwap(last, at.UnixNano()) {
		p.wait.Store(int64(paceOf(lag())))
	}
	return time.Duration(p.wait.Load())
}

// enter is the door's Gate: check, and a wait while the fold is behind.
func (g *gate) enter() error {
	if err := g.check(); err != nil {
		return err
	}
	if d := g.pace.now(time.Now(), func() time.Duration { return g.eng.Status().Lag }); d > 0 {
		time.Sleep(d)
	}
	return nil
}
