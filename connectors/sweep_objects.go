package connectors

import (
	"context"
	"encoding/json"
	"time"

	"signalbox/itsm"
)

// WantedObject is how a partner's record of a change or a problem should be.
type WantedObject struct {
	Intent   itsm.Intent // what the partner would be told of it now
	Version  uint64      // of the change or the problem
	Known    int64       // newest version of the record that we know of
	Theirs   bool        // it was made there: what its record says counts, but for what people here may decide
	Kept     bool        // what people here decide of it is told there
	Settled  bool        // as Wanted.Settled
	RepairAt time.Time   // as Wanted.RepairAt
}

// mayRepair reports whether the partner can be told again of what its record has wrong:
// one of its own that is gone is not ours to make.
func (v *WantedObject) mayRepair(r *ObjectRecord) bool {
	return v.Kept && (!v.Theirs || r.Status != itsm.RecordNone) && time.Now().After(v.RepairAt)
}

// LookedObject is what was seen of the record of a change or a problem, and when.
type LookedObject struct {
	At      time.Time
	Record  Record
	Differs []itsm.Difference
	synced  int64 // version of the record that the fold was told of last
}

// LookedObject says what was last seen of the record of a change or a problem; false:
// nothing yet.
func (s *Sender) LookedObject(id string) (LookedObject, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l, ok := s.lookedObjects[id]
	return l, ok
}

// objectsToCompare lists the changes and problems that the partner can be asked about.
func (s *Sender) objectsToCompare(ctx context.Context) ([]string, error) {
	if _, ok := s.o.Connector.(ObjectLooker); !ok || s.o.Sweeps.Objects == nil {
		return nil, nil
	}
	return s.o.Sweeps.Objects(ctx)
}

// compareObjects compares in the order of the list, changes before problems: they are
// records of two kinds, and are asked about apart.
func (w *sweep) compareObjects(ctx context.Context, ids []string) {
	var kinds [2][]string
	for _, id := range ids {
		kind := &kinds[1]
		if _, err := itsm.ParseChangeNumber(id); err == nil {
			kind = &kinds[0]
		}
		*kind = append(*kind, id)
	}
	for _, kind := range kinds {
		w.inRow = 0
		w.compareKind(ctx, kind)
	}
}

func (w *sweep) compareKind(ctx context.Context, ids []string) {
	var batch []WantedObject
	for _, id := range ids {
		if v, ok := w.o.Sweeps.WantedObject(id); ok && v.Settled {
			batch = append(batch, v)
		}
		if len(batch) == LookManyMax {
			w.compareBatch(ctx, batch)
			batch = nil
		}
		if w.isOver() {
			return
		}
	}
	w.compareBatch(ctx, batch)
}

// compareBatch looks at one batch, and at each alone when the partner refuses to tell
// of all: one of them may be why.
func (w *sweep) compareBatch(ctx context.Context, batch []WantedObject) {
	if len(batch) == 0 || w.isOver() || !w.mayAsk(ctx, sweepShare) {
		return
	}
	records, err := w.lookObjects(ctx, batch)
	switch {
	case err == nil:
		w.inRow = 0
		for n := range batch {
			w.sawObject(ctx, &batch[n], &records[n])
		}
	case len(batch) > 1 && !IsPassing(err):
		for n := range batch {
			w.compareBatch(ctx, batch[n:n+1])
		}
	default:
		if w.failedObjects == nil {
			w.failedObjects = map[string]bool{}
		}
		for n := range batch {
			w.failedObjects[batch[n].Intent.Object] = true
		}
		w.failedLook(ctx, batch[0].Intent.Object, len(batch), err)
	}
}

func (s *Sender) lookObjects(ctx context.Context, batch []WantedObject) (out []ObjectRecord, err error) {
	wanted := make([]itsm.Intent, len(batch))
	for n := range batch {
		wanted[n] = batch[n].Intent
	}
	defer s.recovers(&err)
	ctx, cancel := context.WithTimeout(ctx, pushTimeout)
	defer cancel()
	out, err = s.o.Connector.(ObjectLooker).LookObjects(ctx, wanted)
	if err == nil && len(out) != len(wanted) {
		err = itsm.Errorf(itsm.Internal, "connector %s was asked about %d records and answered about %d", s.o.Connector.Name(), len(wanted), len(out))
	}
	return out, err
}

// sawObject takes down what was seen, and journals it when the fold has to know. What
// came of it meanwhile the fold sees by the version that was compared. Once it is taken
// down it is not changed: pages read it.
func (w *sweep) sawObject(ctx context.Context, v *WantedObject, r *ObjectRecord) {
	news := r.Version > v.Known
	if !news {
		r.Said = nil
	}
	r.By = Head(r.By, seenBytesMax)
	for n := range r.Differs {
		d := &r.Differs[n]
		d.Has, d.Want = Head(d.Has, seenBytesMax), Head(d.Want, seenBytesMax)
	}
	if !w.noteObject(v, r, v.Theirs && news && len(r.Said) > 0) {
		return
	}
	body, err := json.Marshal(&r.ObjectRecord)
	if err != nil {
		w.log.Error("what a sweep saw cannot be written", "object", v.Intent.Object, "err", err)
		return
	}
	name := w.o.Connector.Name()
	a := itsm.Act{Kind: itsm.ActSync, Object: v.Intent.Object, Actor: name + ":sweep", Origin: name, Seen: &r.Record, Body: body, IfVersion: v.Version, ReadOnly: w.o.Restored.isQuiet(0)}
	if _, err := w.o.Actor.Do(ctx, a); err != nil && ctx.Err() == nil {
		w.log.Warn("what a sweep saw could not be journaled", "object", v.Intent.Object, "err", err)
	}
}

// noteObject remembers what was seen; news: it says what the fold does not know. It
// reports whether the fold has to know: not again what it knows and waits to tell again,
// or may not tell at all.
func (s *Sender) noteObject(v *WantedObject, r *ObjectRecord, news bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.swept.Compared++
	differs := len(r.Differs) > 0 || news
	if differs {
		s.swept.Differed++
	}
	if s.lookedObjects == nil {
		s.lookedObjects = map[string]LookedObject{}
	}
	id := v.Intent.Object
	was, known := s.lookedObjects[id]
	l := LookedObject{At: time.Now(), Record: r.Record, Differs: r.Differs, synced: was.synced}
	tell := differs && (news || len(was.Differs) == 0 || r.Version != was.synced || v.mayRepair(r))
	if tell {
		l.synced = r.Version
	}
	if known || len(s.lookedObjects) < lookedMax {
		s.lookedObjects[id] = l
	}
	return tell
}
