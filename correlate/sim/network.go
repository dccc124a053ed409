package sim

import (
	"fmt"
	"time"

	"signalbox/itsm"
	"signalbox/itsm/entry"
)

// parcel is one delivery under way: what a sender wrote, and whether it was told
// that it arrived.
type parcel struct {
	id         int
	source     string
	conditions []*condition // one for each event
	events     []itsm.Event
	bad        []entry.Bad
	retryOf    string
	acked      bool
	tries      int
}

func (w *World) parcelID() int {
	w.parcels++
	return w.parcels
}

// farFuture is a start that a broken sender claims.
const farFuture itsm.Time = 4102444800000 // 2100-01-01

// parcelOf writes down the state of conditions as their sender says it.
func (s *sender) parcelOf(w *World, list []*condition, repeat bool) *parcel {
	p := &parcel{id: w.parcelID(), source: s.name, conditions: list, events: make([]itsm.Event, len(list))}
	now := w.now + s.skew
	for i, c := range list {
		e := &p.events[i]
		*e = itsm.Event{Source: s.name, Identity: c.identity, Group: s.group, Status: itsm.Firing, Severity: c.severity, SeverityWord: c.severity.String(),
			Title: c.title, StartsAt: c.startsAt, Labels: c.labels}
		if !c.firing {
			e.Status, e.EndsAt = itsm.Resolved, now
		}
		switch s.kind {
		case prometheus:
			if c.firing {
				e.LeaseUntil = now.Add(promLease)
			}
		case datadog:
			e.EventAt = now
		case generic:
			if !repeat && w.n(3) == 0 {
				e.StartsAt = 0 // many scripts give no time at all
			}
		}
		if w.chance(4) {
			e.StartsAt, e.EventAt = []itsm.Time{0, farFuture}[w.n(2)], 0
		}
	}
	if w.chance(15) {
		w.spoil(p)
	}
	return p
}

// truncate keeps the first n alerts and says that others were left out. What was
// left out is not said again: nobody can know how it stands.
func (p *parcel) truncate(n int) {
	for _, c := range p.conditions[n:] {
		c.known.vague = true
	}
	p.events, p.conditions = p.events[:n], p.conditions[:n]
	for i := range p.events {
		p.events[i].PartialGroup = true
	}
}

// spoil adds a part that the door could not decode, or retries one.
func (w *World) spoil(p *parcel) {
	id := fmt.Sprintf("%016x", w.n(1+w.badBodies/2+1))
	w.badBodies++
	if w.n(4) == 0 {
		p.retryOf = id
		return
	}
	p.bad = append(p.bad, entry.Bad{ID: id, Error: "alerts.0.labels: expected an object", Body: []byte("body of " + id)})
}

// send puts a delivery on the network, which loses, repeats, delays and reorders.
func (w *World) send(p *parcel) {
	switch {
	case w.chance(60): // lost on the way: no answer, so it is sent again
		w.unanswered(p)
	case w.chance(50): // arrives, but the answer is lost
		w.sendAfter(p, 0)
		again := *p
		w.sendAfter(&again, w.span(5*time.Second, 10*time.Minute))
	case w.chance(40):
		w.sendAfter(p, w.span(time.Minute, 40*time.Minute))
	case w.chance(10):
		w.sendAfter(p, w.span(40*time.Minute, 6*time.Hour))
	default:
		w.sendAfter(p, time.Duration(w.n(2000))*time.Millisecond)
	}
}

func (w *World) sendAfter(p *parcel, d time.Duration) { w.later(d, todoArrive, p) }

// unanswered is called when a sender's request was not answered: it tries again.
func (w *World) unanswered(p *parcel) {
	if p.acked {
		return
	}
	p.tries++
	w.sendAfter(p, w.span(10*time.Second, 5*time.Minute))
}

// arrive is the door: journal, then answer. A crash may fall in between.
func (w *World) arrive(p *parcel) {
	m := w.machine
	if w.o.Trace {
		w.traceParcel(p)
	}
	d := entry.Delivery{Source: p.source, Remote: "sim", Events: p.events, Bad: p.bad, RetryOf: p.retryOf}
	m.put(entry.EncodeDelivery(nil, &d), meta{parcel: p})
	w.acked = append(w.acked, p)
	if w.chance(4) {
		w.crashes++
		m.crash()
	}
}

func (w *World) traceParcel(p *parcel) {
	for i := range p.events {
		e := &p.events[i]
		w.notef("arrives #%d %s %s start=%s end=%s event=%s lease=%s partial=%t", p.id, p.conditions[i].key, e.Status, e.StartsAt, e.EndsAt, e.EventAt, e.LeaseUntil, e.PartialGroup)
	}
	for _, b := range p.bad {
		w.notef("arrives #%d a part that cannot be decoded: %s", p.id, b.ID)
	}
}
