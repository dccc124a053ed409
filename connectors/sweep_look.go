package connectors

import (
	"context"

	"signalbox/itsm"
)

// sweep is one of a Sender.
type sweep struct {
	*Sender
	failed map[itsm.IncidentNumber]bool // that the partner could not be asked about
	inRow  int                          // looks that failed since the last that did not
	over   bool                         // the partner cannot be asked now
}

// compareAll compares in the order of the list, until it is over.
func (w *sweep) compareAll(ctx context.Context, numbers []itsm.IncidentNumber) {
	var batch []Wanted
	for _, n := range numbers {
		v, ok := w.o.Sweeps.Wanted(n)
		if !ok || !v.Settled || !w.compareBefore(ctx, v) {
			continue
		}
		if batch = append(batch, v); len(batch) == w.lookBatch() {
			w.compare(ctx, batch)
			batch = batch[:0]
		}
		if w.over {
			return
		}
	}
	if len(batch) > 0 {
		w.compare(ctx, batch)
	}
}

func (w *sweep) lookBatch() int {
	if _, ok := w.o.Connector.(ManyLooker); ok {
		return LookManyMax
	}
	return 1
}

// mayAsk takes the turn of so many calls among what is sent.
func (w *sweep) mayAsk(ctx context.Context, calls int) bool {
	for range calls {
		w.over = w.over || w.take(ctx) != nil
	}
	w.over = w.over || ctx.Err() != nil || w.isPaused() || w.closedIn() > 0
	return !w.over
}

// compare looks at one batch. When the partner refuses to tell of many, each is
// looked at: one of them may be why.
func (w *sweep) compare(ctx context.Context, batch []Wanted) {
	if !w.mayAsk(ctx, sweepShare) { // leaves room for what is to be sent
		return
	}
	records, err := w.lookMany(ctx, batch)
	switch {
	case err == nil:
		w.inRow = 0
		for n := range batch {
			w.saw(ctx, batch[n].Incident, records[n])
		}
	case len(batch) > 1 && !IsPassing(err):
		for n := range batch {
			w.compare(ctx, batch[n:n+1])
		}
	default:
		w.fails(ctx, batch, err)
	}
}

// compareBefore looks at the earlier records of an incident that somebody may have
// opened again at the partner, and journals how they stand: what is over is not
// looked at again. False: it could not.
func (w *sweep) compareBefore(ctx context.Context, v Wanted) bool {
	for _, epoch := range v.Before {
		if !w.mayAsk(ctx, 1) {
			return false
		}
		r, err := w.look(ctx, v.Incident, epoch)
		if err != nil {
			w.fails(ctx, []Wanted{v}, err)
			return false
		}
		name := w.o.Connector.Name()
		r.Assignee, r.Group, r.Title, r.By = "", "", "", Head(r.By, seenBytesMax)
		a := itsm.Act{Kind: itsm.ActSync, Incident: v.Incident, Epoch: epoch, Actor: name + ":sweep", Origin: name, Seen: &r, ReadOnly: w.o.Restored.isQuiet(v.Incident)}
		if _, err := w.o.Actor.Do(ctx, a); err != nil && ctx.Err() == nil {
			w.log.Warn("what a sweep saw could not be journaled", "incident", v.Incident, "err", err)
		}
	}
	return true
}

// fails notes what could not be looked at. A partner that asks to be left alone, or
// fails again and again, ends the sweep.
func (w *sweep) fails(ctx context.Context, batch []Wanted, err error) {
	if ctx.Err() != nil {
		w.over = true
		return
	}
	w.log.Warn("the partner could not be asked about records", "first", batch[0].Incident, "records", len(batch), "err", err)
	w.inRow++
	w.over = w.inRow >= lookFails || AskedWait(err) > 0
	if w.failed == nil {
		w.failed = map[itsm.IncidentNumber]bool{}
	}
	for n := range batch {
		w.failed[batch[n].Incident] = true
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.swept.Failed, w.swept.Error = len(w.failed), bounded(err.Error())
}

func (s *Sender) lookMany(ctx context.Context, batch []Wanted) (out []Record, err error) {
	m, ok := s.o.Connector.(ManyLooker)
	if !ok || len(batch) == 1 {
		r, err := s.look(ctx, batch[0].Incident, batch[0].Epoch)
		return []Record{r}, err
	}
	refs := make([]Ref, len(batch))
	for n := range batch {
		refs[n] = batch[n].Ref
	}
	defer s.recovers(&err)
	ctx, cancel := context.WithTimeout(ctx, pushTimeout)
	defer cancel()
	out, err = m.LookMany(ctx, refs)
	if err == nil && len(out) != len(refs) {
		err = itsm.Errorf(itsm.Internal, "connector %s was asked about %d records and answered about %d", s.o.Connector.Name(), len(refs), len(out))
	}
	return out, err
}
