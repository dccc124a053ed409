package main

import (
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// When the fold is behind, deliveries are slowed down before they are stored:
// senders that wait for their answers then bring no more than is folded, nobody is
// refused, and what people read stays fresh. What counts is not how late the fold is
// with what it shows now but how late it will be with what comes now, or every
// correction would come a lag too late. Only sources that brought their fair share
// of the recent events or more are slowed down: the others are not why the fold is
// behind.
const (
	paceAim       = 400 * time.Millisecond // after which what comes now is to be folded
	paceMax       = 500 * time.Millisecond // the longest wait, well within every sender's time-out
	pacePiece     = 10 * time.Millisecond  // of a wait at first: who waits for longer than is needed leaves the fold without work
	paceLeast     = time.Millisecond       // of a wait: thousands may wait
	paceLookEvery = 5 * time.Millisecond
	paceMarks     = 2000                   // looks that are remembered, ten seconds under load
	paceWindow    = 500 * time.Millisecond // recent is this window and the one before: what waits to be folded

	paceBusy      = 100 * time.Millisecond // lag from which the fold does what it can: its rate is then also not more than it can
	paceRateOver  = 500 * time.Millisecond // time of the running mean of that rate
	paceBatchMax  = 10 * time.Second       // longer than a batch ever takes: nobody asked meanwhile
	paceRateFirst = 20_000                 // events a second until it is known,
	paceRateMin   = 2_000                  // and at least: a burst of some hundred never waits
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

	events int64     // brought since the start,
	latest time.Time // of them
	marks  []paceAt  // a ring, one for each look that found something new
	mark   int       // where the next goes
	rate   float64   // events a second that the fold can
	folded paceAt    // how many were folded when there were more last
	oldest time.Time // when the oldest that was not folded at the last look had been brought
}

// brought is what one source brought in the present window and the one before.
type brought struct{ now, before int }

// paceAt is a time, and how many events had been brought or folded by then.
type paceAt struct {
	at     time.Time
	events int64
}

func newPace(lag func() time.Duration, clock func() time.Time) *pace {
	return &pace{lag: lag, clock: clock, by: map[string]*brought{}, rate: paceRateFirst}
}

// look learns from the present lag, and returns how long deliveries wait.
func (p *pace) look(at time.Time, lag time.Duration) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	oldest := at.Add(-lag)
	p.note()
	folded := p.broughtBefore(oldest)
	p.learn(paceAt{at, folded}, lag)
	p.oldest = oldest
	behind := time.Duration(float64(p.events-folded) / p.rate * float64(time.Second))
	return max(lag-paceAim, behind-paceAim, 0)
}

// note marks when the latest was brought, not when somebody looked: nobody may have for
// long.
func (p *pace) note() {
	m := paceAt{p.latest, p.events}
	switch n := len(p.marks); {
	case n > 0 && p.marks[(p.mark-1+n)%n].events == m.events:
		return
	case n < paceMarks:
		p.marks = append(p.marks, m)
	default:
		p.marks[p.mark] = m
	}
	p.mark = (p.mark + 1) % paceMarks
}

// broughtBefore is how many events had been brought by then, as far as it is
// remembered.
func (p *pace) broughtBefore(then time.Time) int64 {
	n := p.events
	for i := range p.marks {
		m := p.marks[(p.mark-1-i+2*len(p.marks))%len(p.marks)]
		if n = m.events; !m.at.After(then) {
			break
		}
	}
	return n
}

// learn takes into the rate what was folded since there was more last, or since the
// first of it came: what the fold did it can do, and what it did while it was behind is
// all that it can do.
func (p *pace) learn(folded paceAt, lag time.Duration) {
	done := float64(folded.events - p.folded.events)
	if done <= 0 {
		return
	}
	began := p.folded.at
	if p.oldest.After(began) {
		began = p.oldest
	}
	p.folded = folded
	took := folded.at.Sub(began).Seconds()
	if took <= 0 || took > paceBatchMax.Seconds() || lag < paceBusy && done/took < p.rate {
		return
	}
	p.rate += (done/took - p.rate) * -math.Expm1(-took/paceRateOver.Seconds())
	p.rate = max(p.rate, paceRateMin)
}

// Wait implements ingest.Pacer.
func (p *pace) Wait(source string, waited time.Duration) time.Duration {
	at := p.clock()
	last := p.looked.Load()
	if time.Duration(at.UnixNano()-last).Abs() >= paceLookEvery && p.looked.CompareAndSwap(last, at.UnixNano()) {
		p.wait.Store(int64(p.look(at, p.lag())))
	}
	d := time.Duration(p.wait.Load())
	if d <= 0 || waited >= paceMax || !p.isHeavy(source, at) {
		return 0
	}
	return min(max(d, paceLeast), max(pacePiece, waited/2), paceMax-waited)
}

// Brought implements ingest.Pacer.
func (p *pace) Brought(source string, events int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.latest = p.clock()
	p.roll(p.latest)
	l := p.by[source]
	if l == nil {
		l = &brought{}
		p.by[source] = l
	}
	l.now += events
	p.total += events
	p.events += int64(events)
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
