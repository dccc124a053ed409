// Package ledger answers where an alert went: for any delivery what was received,
// and for each of its events what became of it and why.
//
// The fold decides each fate and the desk keeps it; the journal keeps what was
// received. A [Ledger] joins the two with the records of today, so that a fate can
// be told in one sentence: the alert it changed, the incident that alert belongs
// to and the evidence for it. The API, the console and, through the API, the
// command line all tell it from here.
//
// Invariants:
//
//   - every event and every undecodable part of a delivery has exactly one fate;
//
//   - the fates of all deliveries sum up to [Totals], which balance;
//
//   - a fate is as it was decided then; what is true today stands beside it.
//
//   - what a partner delivers as an act of its people has one result, and counts
//     in no sum of events.
//
// It owns no keys and changes nothing.
//
// # Decisions
//
// 2026-11 There is no index from an alert to its deliveries: it would be a write
// for each repeated event. The first and the last delivery of an alert are found by
// their moment, those between by looking at a bounded number of them.
package ledger

import (
	"signalbox/itsm"
	"signalbox/itsm/desk"
	"signalbox/itsm/entry"
)

// Records is what is read of the folded view; *desk.Desk is one.
type Records interface {
	Fates(itsm.Offset) (itsm.Fates, error)
	Deliveries(desk.DeliveryQuery) (desk.Page[desk.Delivery], error)
	Alert(itsm.AlertNumber) (itsm.Alert, error)
	Incident(itsm.IncidentNumber) (itsm.Incident, error)
	Why(itsm.IncidentNumber, itsm.AlertNumber, uint32) (itsm.Evidence, error)
}

// Journal is where what was received is read.
type Journal interface {
	// Entry returns an encoded entry, or NotFound when there is none or it is no
	// longer kept.
	Entry(itsm.Offset) (body []byte, err error)
}

// Ledger joins the view and the journal. It is safe for concurrent use.
type Ledger struct {
	records Records
	journal Journal
	totals  func() Totals
}

// New makes a ledger; totals returns the counters of the fold.
func New(r Records, j Journal, totals func() Totals) *Ledger {
	return &Ledger{records: r, journal: j, totals: totals}
}

// Totals says what became of everything that was ever accepted.
func (l *Ledger) Totals() Totals { return l.totals() }

// Deliveries lists deliveries that are folded, the newest first.
func (l *Ledger) Deliveries(q desk.DeliveryQuery) (desk.Page[desk.Delivery], error) {
	return l.records.Deliveries(q)
}

// Knows reports whether an entry is a delivery of which the ledger tells.
func (l *Ledger) Knows(off itsm.Offset) (bool, error) {
	_, err := l.records.Fates(off)
	if itsm.CodeOf(err) == itsm.NotFound {
		return false, nil
	}
	return err == nil, err
}

// EventsMax bounds the events that one call tells of.
const EventsMax = 500

// Delivery is one delivery and the fate of its events from First on.
type Delivery struct {
	desk.Delivery
	Kept     bool   // the journal still holds it; without it only the fates are known
	Remote   string // address of the sender
	RetryOf  string // the quarantined delivery that it retried
	RawBytes int    // size of the body as received; 0 when it was not kept
	Act      *Act   // what a partner's people did; nil for a delivery of events
	First    int    // place of the first event told of
	Told     []Event
}

// Next is the place of the first event not told of, or 0.
func (d *Delivery) Next() int {
	if n := d.First + len(d.Told); n < d.Events() {
		return n
	}
	return 0
}

// Delivery tells what became of a delivery: of its events those from first on, at
// most EventsMax.
func (l *Ledger) Delivery(off itsm.Offset, first int) (Delivery, error) {
	f, err := l.records.Fates(off)
	if err != nil {
		return Delivery{}, err
	}
	d := Delivery{Delivery: desk.Summary(&f), First: min(max(first, 0), len(f.Events))}
	t := teller{l: l, incidents: map[itsm.IncidentNumber]itsm.Incident{}}
	if f.Act != nil {
		d.Act, err = t.act(off, f.Act)
		d.Kept = err == nil && d.Act.kept
		return d, err
	}
	received, err := l.received(off)
	if err != nil && itsm.CodeOf(err) != itsm.NotFound {
		return Delivery{}, err
	}
	if received != nil {
		d.Kept, d.Remote, d.RetryOf, d.RawBytes = true, received.Remote, received.RetryOf, len(received.Raw)
	}
	t.received = received
	for i := d.First; i < min(len(f.Events), d.First+EventsMax); i++ {
		e, err := t.tell(i, f.Events[i])
		if err != nil {
			return Delivery{}, err
		}
		d.Told = append(d.Told, e)
	}
	return d, nil
}

// Raw returns the body as it was received, or NotFound when it is not kept.
func (l *Ledger) Raw(off itsm.Offset) ([]byte, error) {
	d, err := l.received(off)
	if err != nil {
		return nil, err
	}
	if len(d.Raw) == 0 {
		return nil, itsm.Errorf(itsm.NotFound, "entry %d: the body as received was not kept (journal.keep_raw), or it was empty", off)
	}
	return d.Raw, nil
}

// received reads a delivery out of the journal.
func (l *Ledger) received(off itsm.Offset) (*entry.Delivery, error) {
	b, err := l.journal.Entry(off)
	if err != nil {
		return nil, err
	}
	if k := entry.KindOf(b); k == entry.KindAct {
		return nil, itsm.Errorf(itsm.NotFound, "entry %d is an act: what it says is kept, the body it came in is not", off)
	} else if k != entry.KindDelivery {
		return nil, itsm.Errorf(itsm.NotFound, "entry %d is a %s, not a delivery", off, k)
	}
	v, err := entry.Decode(b)
	if err != nil {
		return nil, itsm.Wrap(itsm.Internal, err, "entry %d cannot be read", off)
	}
	return v.(*entry.Delivery), nil
}

// Received is an event of an alert as its sender sent it, before any rule changed
// it: the newest while the alert fires, else the first. NotFound when the journal
// no longer holds it.
func (l *Ledger) Received(a *itsm.Alert) (*itsm.Event, error) {
	find := l.LastOf
	if a.Status == itsm.Resolved {
		find = l.FirstOf // the newest only says that it is over
	}
	off, err := find(a)
	if err != nil {
		return nil, err
	}
	if off == 0 {
		return nil, itsm.Errorf(itsm.NotFound, "no delivery of %s is kept", a.Number)
	}
	d, err := l.received(off)
	if err != nil {
		return nil, err
	}
	f, err := l.records.Fates(off)
	if err != nil {
		return nil, err
	}
	for i := len(f.Events) - 1; i >= 0; i-- {
		if f.Events[i].Alert == a.Number && i < len(d.Events) {
			e := d.Events[i]
			e.Source = a.Source
			return &e, nil
		}
	}
	return nil, itsm.Errorf(itsm.NotFound, "entry %d has no event of %s", off, a.Number)
}

// FirstOf finds the delivery that raised an alert, 0 when it is no longer kept.
func (l *Ledger) FirstOf(a *itsm.Alert) (off itsm.Offset, err error) {
	q := desk.DeliveryQuery{Alert: a.Number, FromAt: a.RaisedAt, ToAt: a.RaisedAt}
	for { // several may share the millisecond, and the list has the newest first
		p, err := l.records.Deliveries(q)
		if err != nil {
			return 0, err
		}
		if n := len(p.Items); n > 0 {
			off = p.Items[n-1].Offset
		}
		if q.Cursor = p.Next; q.Cursor == "" {
			return off, nil
		}
	}
}

// LastOf finds the last delivery with an event of an alert, 0 when it is no longer kept.
func (l *Ledger) LastOf(a *itsm.Alert) (itsm.Offset, error) {
	p, err := l.records.Deliveries(desk.DeliveryQuery{Alert: a.Number, FromAt: a.LastSeenAt, ToAt: a.LastSeenAt, Limit: 1})
	if err != nil || len(p.Items) == 0 {
		return 0, err
	}
	return p.Items[0].Offset, nil
}
