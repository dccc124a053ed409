package connectors

import (
	"context"
	"slices"
	"time"

	"signalbox/itsm"
)

// sweep is one of a Sender.
type sweep struct {
	*Sender
	failed        map[itsm.IncidentNumber]bool // that the partner could not be asked about
	failedObjects map[string]bool
	inRow         int  // looks at the kind of record asked about that failed since the last that did not
	over          bool // the partner cannot be asked now
}

// question is about one record of an incident: the present one, or one before it.
type question struct {
	Wanted
	epoch uint32
}

func (q *question) isEarlier() bool { return q.epoch != q.Epoch }

// compareAll compares in the order of the list, until it is over.
func (w *sweep) compareAll(ctx context.Context, numbers []itsm.IncidentNumber) {
	var batch []question
	for _, n := range numbers {
		v, ok := w.o.Sweeps.Wanted(n)
		if !ok || !v.Settled {
			continue
		}
		if faultNoEarlier {
			v.Before = nil
		}
		for _, epoch := range append(slices.Clip(v.Before), v.Epoch) {
			if batch = append(batch, question{v, epoch}); len(batch) == w.lookBatch() {
				w.compare(ctx, batch)
				batch = batch[:0]
			}
			if w.isOver() {
				return
			}
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

// isOver reports whether no more of this kind of record are asked about.
func (w *sweep) isOver() bool { return w.over || w.inRow >= lookFails }

// mayAsk takes the turn of so many calls among what is sent.
func (w *sweep) mayAsk(ctx context.Context, calls int) bool {
	for range calls {
		w.over = w.over || w.take(ctx) != nil
	}
	w.over = w.over || ctx.Err() != nil || w.isPaused() || w.closedIn() > 0
	return !w.isOver()
}

// compare looks at one batch. When the partner refuses to tell of many, each is
// looked at: one of them may be why.
func (w *sweep) compare(ctx context.Context, batch []question) {
	if !w.mayAsk(ctx, sweepShare) { // leaves room for what is to be sent
		return
	}
	records, err := w.lookMany(ctx, batch)
	switch {
	case err == nil:
		w.inRow = 0
		for n := range batch {
			if batch[n].isEarlier() {
				w.sawEarlier(ctx, &batch[n], records[n])
			} else {
				w.saw(ctx, batch[n].Incident, records[n])
			}
		}
	case len(batch) > 1 && !IsPassing(err):
		for n := range batch {
			w.compare(ctx, batch[n:n+1])
		}
	default:
		w.fails(ctx, batch, err)
	}
}

// sawEarlier journals how an earlier record stands that somebody may have opened again
// at the partner: not again what the fold knows and waits to tell.
func (w *sweep) sawEarlier(ctx context.Context, q *question, r Record) {
	if !r.Status.IsOpen() {
		return
	}
	of := Ref{q.Incident, q.epoch}
	if told, ok := w.earlier[of]; ok && told == r.Version && time.Now().Before(q.RepairAt) {
		return
	}
	if w.earlier == nil {
		w.earlier = map[Ref]int64{}
	}
	if len(w.earlier) < lookedMax {
		w.earlier[of] = r.Version
	}
	r.Assignee, r.Group, r.Title, r.By = "", "", "", Head(r.By, seenBytesMax)
	w.tellSeen(ctx, of, &r)
}

// tellSeen journals what a sweep saw of a record.
func (s *Sender) tellSeen(ctx context.Context, of Ref, r *Record) {
	name := s.o.Connector.Name()
	a := itsm.Act{Kind: itsm.ActSync, Incident: of.Incident, Epoch: of.Epoch, Actor: name + ":sweep", Origin: name, Seen: r, ReadOnly: s.o.Restored.isQuiet(of.Incident)}
	if _, err := s.o.Actor.Do(ctx, a); err != nil && ctx.Err() == nil {
		s.log.Warn("what a sweep saw could not be journaled", "incident", of.Incident, "err", err)
	}
}

// fails notes what could not be looked at. A partner that asks to be left alone ends the
// sweep, and one that fails again and again ends it for that kind of record: our account
// may not read one table, and may read the next.
func (w *sweep) fails(ctx context.Context, batch []question, err error) {
	if ctx.Err() == nil && w.failed == nil {
		w.failed = map[itsm.IncidentNumber]bool{}
	}
	for n := 0; n < len(batch) && ctx.Err() == nil; n++ {
		w.failed[batch[n].Incident] = true
	}
	w.failedLook(ctx, batch[0].Incident.String(), len(batch), err)
}

// failedLook notes that a look failed whose records are among what failed.
func (w *sweep) failedLook(ctx context.Context, first string, records int, err error) {
	if ctx.Err() != nil {
		w.over = true
		return
	}
	w.log.Warn("the partner could not be asked about records", "first", first, "records", records, "err", err)
	w.inRow++
	w.over = AskedWait(err) > 0
	w.mu.Lock()
	defer w.mu.Unlock()
	w.swept.Failed, w.swept.Error = len(w.failed)+len(w.failedObjects), bounded(err.Error())
}

func (s *Sender) lookMany(ctx context.Context, batch []question) (out []Record, err error) {
	m, ok := s.o.Connector.(ManyLooker)
	if !ok || len(batch) == 1 {
		r, err := s.look(ctx, batch[0].Incident, batch[0].epoch)
		return []Record{r}, err
	}
	refs := make([]Ref, len(batch))
	for n := range batch {
		refs[n] = Ref{batch[n].Incident, batch[n].epoch}
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
