package connectortest

import (
	"container/heap"
	"context"
	"time"

	"signalbox/connectors"
	"signalbox/itsm/entry"
)

// loop lets everything in a world happen one after the other, so that a seed says
// all of a run: what is due at one moment happens in the order in which it was
// asked for, and senders take their turns.
type loop struct {
	core    *Core
	senders []sending
	later   calendar
	n       int
}

// sending is a sender and when its next round is.
type sending struct {
	sender *connectors.Sender
	wake   <-chan struct{}
	due    time.Time
}

// appointment is what happens at a time.
type appointment struct {
	at time.Time
	n  int // among those of one time
	do func()
}

// calendar is a heap of appointments.
type calendar []appointment

func (c calendar) Len() int { return len(c) }
func (c calendar) Less(i, k int) bool {
	if !c[i].at.Equal(c[k].at) {
		return c[i].at.Before(c[k].at)
	}
	return c[i].n < c[k].n
}
func (c calendar) Swap(i, k int) { c[i], c[k] = c[k], c[i] }
func (c *calendar) Push(x any)   { *c = append(*c, x.(appointment)) }
func (c *calendar) Pop() any {
	old := *c
	last := old[len(old)-1]
	old[len(old)-1] = appointment{}
	*c = old[:len(old)-1]
	return last
}

func (l *loop) after(d time.Duration, do func()) {
	l.n++
	heap.Push(&l.later, appointment{time.Now().Add(d), l.n, do})
}

// run lets d pass.
func (l *loop) run(ctx context.Context, d time.Duration) {
	until := time.Now().Add(d)
	for {
		next := l.turn(ctx, until)
		wait := time.Until(next)
		if wait <= 0 && !next.Before(until) {
			return
		}
		time.Sleep(wait)
	}
}

// turn does what is due and returns when something is next, until at the latest.
func (l *loop) turn(ctx context.Context, until time.Time) (next time.Time) {
	for len(l.later) > 0 && !l.later[0].at.After(time.Now()) {
		heap.Pop(&l.later).(appointment).do()
	}
	if at := l.core.nextWake(); !at.IsZero() && !at.After(time.Now()) {
		l.core.journal(entry.EncodeTick())
	}
	for n := range l.senders {
		s := &l.senders[n]
		select {
		case <-s.wake:
			s.due = time.Time{}
		default:
		}
		if !s.due.After(time.Now()) {
			s.due = time.Now().Add(max(s.sender.Round(ctx), time.Millisecond))
		}
	}
	next = until
	if len(l.later) > 0 {
		next = earlier(next, l.later[0].at)
	}
	if at := l.core.nextWake(); !at.IsZero() {
		next = earlier(next, at)
	}
	for n := range l.senders {
		if next = earlier(next, l.senders[n].due); len(l.senders[n].wake) > 0 {
			next = earlier(next, time.Now())
		}
	}
	return next
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// sleep lets time pass.
func (a *arena) sleep(d time.Duration) {
	if a.loop == nil {
		time.Sleep(d)
		return
	}
	a.loop.run(a.ctx, d)
}

// after lets something happen later.
func (a *arena) after(d time.Duration, do func()) {
	if a.loop == nil {
		time.AfterFunc(d, do)
		return
	}
	a.loop.after(d, do)
}
