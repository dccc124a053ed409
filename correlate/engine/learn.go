package engine

import (
	"context"
	"sort"
	"strings"
	"time"

	"signalbox/correlate/learn"
	"signalbox/itsm"
	"signalbox/itsm/entry"
)

// Bounds of what is learned from.
const (
	LearnWithin    = 30 * 24 * time.Hour // the longest past that is looked at
	LearnEventsMax = 1_000_000           // events; of more, the newest
	learnBlock     = 256                 // entries read at once
	learnRestMax   = 50 * time.Millisecond
)

// Learn looks at what was received from a moment on until another, and answers
// what it speaks for. Zero from is LearnWithin before to, zero to is now. It reads
// the journal and the view beside the fold and rests as long as it works.
func (e *Engine) Learn(ctx context.Context, from, to itsm.Time) (learn.Report, error) {
	p := past{e: e, ctx: ctx, cis: map[itsm.AlertNumber]boundTo{}}
	if err := p.between(from, to); err != nil {
		return learn.Report{}, err
	}
	m := learn.New(e.Graph())
	for off := p.first; off <= p.last; {
		recs, err := p.read(off)
		if err != nil {
			return learn.Report{}, err
		}
		if len(recs) == 0 {
			break
		}
		for _, d := range recs {
			if err := p.observe(m, &d); err != nil {
				return learn.Report{}, err
			}
		}
		off = recs[len(recs)-1].offset + 1
	}
	if p.err != nil {
		return learn.Report{}, p.err
	}
	r := m.Report(p.incident)
	return r, p.err
}

// past reads what was received and what became of it.
type past struct {
	e           *Engine
	ctx         context.Context
	first, last itsm.Offset
	cis         map[itsm.AlertNumber]boundTo
	err         error // why incident could not read one
}

type boundTo struct {
	ci    string
	bound bool
}

// received is an entry; its delivery is nil when it is something else.
type received struct {
	offset   itsm.Offset
	at       itsm.Time
	delivery *entry.Delivery
}

// between finds the entries of a time, at most LearnEventsMax events: backwards,
// because the newest are worth most.
func (p *past) between(from, to itsm.Time) error {
	cursor, now := p.e.o.Desk.Cursor()
	if to == 0 || to > now {
		to = now
	}
	oldest := to.Add(-LearnWithin)
	if from == 0 || from < oldest {
		from = oldest
	}
	if from > to {
		return itsm.Errorf(itsm.Invalid, "from %s is after to %s", from, to)
	}
	p.last = p.lastAt(to, cursor)
	p.first = p.last + 1
	events := 0
	for p.first > max(p.e.o.Journal.Oldest(), 1) {
		begin := max(p.e.o.Journal.Oldest(), 1)
		if p.first > begin+learnBlock {
			begin = p.first - learnBlock
		}
		recs, err := p.block(begin, p.first)
		if err != nil || len(recs) == 0 { // none: retention went past meanwhile
			return err
		}
		for i := len(recs) - 1; i >= 0; i-- {
			d := &recs[i]
			if d.delivery != nil {
				events += len(d.delivery.Events)
			}
			if d.at < from || events > LearnEventsMax {
				return nil
			}
			p.first = d.offset
		}
	}
	return nil
}

// block reads all entries from begin up to end, without end.
func (p *past) block(begin, end itsm.Offset) (out []received, err error) {
	for begin < end {
		recs, err := p.read(begin)
		if err != nil || len(recs) == 0 {
			return out, err
		}
		for _, d := range recs {
			if d.offset < end {
				out = append(out, d)
			}
		}
		begin = recs[len(recs)-1].offset + 1
	}
	return out, nil
}

// lastAt is the last folded entry of a moment or before.
func (p *past) lastAt(to itsm.Time, cursor itsm.Offset) itsm.Offset {
	oldest := max(p.e.o.Journal.Oldest(), 1)
	n := sort.Search(int(cursor-oldest+1), func(i int) bool {
		recs, err := p.e.o.Journal.Read(oldest+itsm.Offset(i), 1, 1)
		return err == nil && len(recs) > 0 && recs[0].At > to
	})
	return oldest + itsm.Offset(n) - 1
}

// read decodes entries from an offset on, or from the oldest one left, and rests.
func (p *past) read(from itsm.Offset) ([]received, error) {
	if err := p.ctx.Err(); err != nil {
		return nil, itsm.Errorf(itsm.Unavailable, "the process is stopping")
	}
	began := time.Now()
	from = max(from, p.e.o.Journal.Oldest())
	recs, err := p.e.o.Journal.Read(from, learnBlock, batchBytesMax)
	if err != nil {
		return nil, err
	}
	out := make([]received, 0, len(recs))
	for _, r := range recs {
		if r.Offset > p.last {
			break
		}
		d := received{offset: r.Offset, at: r.At}
		if entry.KindOf(r.Body) == entry.KindDelivery {
			v, err := entry.DecodeForFold(r.Body)
			if err != nil {
				return nil, err
			}
			d.delivery, _ = v.(*entry.Delivery)
		}
		out = append(out, d)
	}
	rest(p.ctx, min(time.Since(began), learnRestMax))
	return out, nil
}

// observe shows the miner what a delivery came to. One whose fates retention has
// removed tells nothing.
func (p *past) observe(m *learn.Miner, d *received) error {
	if d.delivery == nil || len(d.delivery.Events) == 0 {
		return nil
	}
	fates, err := p.e.o.Desk.Fates(d.offset)
	if itsm.CodeOf(err) == itsm.NotFound && err != nil {
		return nil
	}
	if err != nil {
		return err
	}
	for i := range min(len(d.delivery.Events), len(fates.Events)) {
		f := &fates.Events[i]
		on, err := p.ci(f.Alert)
		if err != nil {
			return err
		}
		m.Observe(&learn.Observation{At: d.at, Event: &d.delivery.Events[i], Alert: f.Alert, Episode: f.Episode, Incident: f.Incident, CI: on.ci, Bound: on.bound})
	}
	return nil
}

// ci is where an alert is bound today.
func (p *past) ci(n itsm.AlertNumber) (boundTo, error) {
	if on, ok := p.cis[n]; ok || n == 0 {
		return on, nil
	}
	a, err := p.e.o.Desk.Alert(n)
	if err != nil {
		return boundTo{}, err
	}
	on := placeOf(&a)
	p.cis[n] = on
	return on, nil
}

func placeOf(a *itsm.Alert) boundTo {
	if a.CI != "" {
		return boundTo{strings.Clone(a.CI), true}
	}
	return boundTo{strings.Clone(a.Provisional), false}
}

// incident follows merges and says whether people acted.
func (p *past) incident(n itsm.IncidentNumber) (itsm.IncidentNumber, bool) {
	for range mergesMax {
		in, err := p.e.o.Desk.Incident(n)
		if err != nil {
			p.err = err
			return n, false
		}
		if in.MergedInto == 0 {
			return n, actedOn(&in)
		}
		n = in.MergedInto
	}
	return n, false
}

// mergesMax is how many merges in a row are followed.
const mergesMax = 100

// actedOn reports whether an incident got anybody's attention.
func actedOn(in *itsm.Incident) bool {
	return in.AcknowledgedAt != 0 || in.Assignee != "" || in.ResolvedBy != "" && in.ResolvedBy != itself
}

// itself is who resolves an incident whose alerts have cleared.
const itself = "signalbox"
