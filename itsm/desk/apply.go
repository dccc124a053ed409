package desk

import (
	"signalbox/itsm"
	"signalbox/itsm/kv"
)

// Batch is what the fold decided about the journal's entries up to Cursor.
type Batch struct {
	Cursor    itsm.Offset
	At        itsm.Time // of the entry at Cursor
	Decisions []itsm.Decision
	Blobs     []Blob
}

// Apply stores a batch and moves the cursor, which is written last. After an
// error the same entries, in this or other portions, are to be applied again.
func (d *Desk) Apply(b Batch) error {
	if d.failed { // what memory says may be ahead of the store
		if err := d.reload(); err != nil {
			return err
		}
	}
	before, _ := d.Cursor()
	if b.Cursor < before {
		return itsm.Errorf(itsm.Internal, "batch up to entry %d: the view already covers entry %d", b.Cursor, before)
	}
	d.buf.reset()
	next := cursor{b.Cursor, b.At, d.serial + 1}
	a := &application{
		d: d, buf: &d.buf, tally: newTally(), known: d.tally.alerts, serial: next.serial,
		ordinals: map[ordinalKey]uint64{}, pages: map[uint64]*columns{},
	}
	err := d.db.UpdateLarge(func(tx kv.Tx) error {
		a.tx = tx
		return a.run(&b, before, next)
	})
	if faultOutboxApart && err == nil {
		err = a.putApart()
	}
	if err != nil {
		d.failed = true
		return err
	}
	d.serial = next.serial
	d.mu.Lock()
	defer d.mu.Unlock()
	d.cursor = next
	a.commit(&d.tally)
	return nil
}

// application is one Apply: the transaction and what it changes in memory once
// the transaction is stored.
type application struct {
	d        *Desk
	tx       kv.Tx
	buf      *buffer
	tally    tally            // differences; open holds closed incidents as well
	known    itsm.AlertNumber // highest number before the batch
	serial   uint64           // of the batch
	alerts   []*itsm.Alert
	members  []memberOp
	fates    []*itsm.Fates
	ordinals map[ordinalKey]uint64
	pages    map[uint64]*columns
	apart    []itsm.Intent // only with faultOutboxApart
}

// ordinalKey is what timeline entries are numbered within.
type ordinalKey struct {
	incident itsm.IncidentNumber
	offset   itsm.Offset
}

// run writes everything in the order that a repetition after a crash relies on:
// records, then the columns that lead to them, then the mark, last the cursor.
func (a *application) run(b *Batch, before itsm.Offset, next cursor) error {
	if err := a.tx.Set(metaKey(metaBegin), a.buf.begin(next.serial)); err != nil {
		return err
	}
	if faultCursorFirst {
		if err := a.tx.Set(metaKey(metaCursor), a.buf.cursor(next)); err != nil {
			return err
		}
	}
	for i := range b.Decisions {
		if err := a.decision(&b.Decisions[i]); err != nil {
			return err
		}
	}
	for _, blob := range b.Blobs {
		if err := a.blob(blob); err != nil {
			return err
		}
	}
	if err := a.putAlerts(); err != nil {
		return err
	}
	if err := a.putPages(); err != nil {
		return err
	}
	if err := a.putFates(); err != nil {
		return err
	}
	if err := a.tx.Set(markKey(next.serial%markSlots), a.buf.mark(mark{next.serial, before, next.offset})); err != nil {
		return err
	}
	return a.tx.Set(metaKey(metaCursor), a.buf.cursor(next))
}

// decision stores one decision, or notes it where a whole batch is stored better
// than its parts.
func (a *application) decision(d *itsm.Decision) error {
	switch d.Kind {
	case itsm.PutAlert:
		a.alerts = append(a.alerts, d.Alert)
		return nil
	case itsm.PutIncident:
		return a.putIncident(d.Incident)
	case itsm.PutEvidence:
		a.member(d.Evidence, d.Evidence)
		return nil
	case itsm.DropEvidence:
		a.member(d.Evidence, nil)
		return nil
	case itsm.AddTimeline:
		return a.addTimeline(d.Timeline)
	case itsm.PutIntent:
		if faultOutboxApart {
			a.apart = append(a.apart, *d.Intent)
			return nil
		}
		return a.putIntent(&StoredIntent{Intent: *d.Intent, Status: IntentPending})
	case itsm.SettleIntent:
		return a.settle(d.Settled)
	case itsm.ReviveIntent:
		return a.revive(d.Settled)
	case itsm.PutQuarantine:
		return a.quarantine(d.Quarantine)
	case itsm.PutFates:
		a.fates = append(a.fates, d.Fates)
		return nil
	case itsm.PutObject:
		return a.putObject(d.Object)
	case itsm.SettleOutcome:
		return nil // for the caller who waits, not for the record
	}
	return itsm.Errorf(itsm.Internal, "decision of unknown kind %d", d.Kind)
}

// member notes what becomes of an evidence record; putAlerts stores it.
func (a *application) member(e, stored *itsm.Evidence) {
	a.members = append(a.members, memberOp{memberRef{incident: e.Incident, alert: e.Alert, episode: e.Episode}, stored, len(a.members)})
}

// putIncident stores the record. The index of open incidents is written only when
// it changes, which for most records of a storm it does not.
func (a *application) putIncident(in *itsm.Incident) error {
	a.tally.incidents = max(a.tally.incidents, in.Number)
	if err := a.putRecord(in); err != nil {
		return err
	}
	old, ok := a.tally.open[in.Number]
	if !ok {
		old = a.d.tally.open[in.Number] // only this goroutine changes it
	}
	now := openState{in.State, in.Priority}
	if !in.State.IsOpen() {
		now = openState{}
		if err := putPast(a.tx, a.buf, in); err != nil {
			return err
		}
	}
	if now == old {
		return nil
	}
	a.tally.open[in.Number] = now
	if now == (openState{}) {
		return a.tx.Delete(a.buf.openKey(in.Number))
	}
	return a.tx.Set(a.buf.openKey(in.Number), a.buf.openState(now))
}

// addTimeline numbers the entries of one incident and journal entry in the order
// they were decided. An entry's decisions are never spread over batches, so the
// numbers do not depend on how entries were grouped.
func (a *application) addTimeline(t *itsm.TimelineEntry) error {
	k := ordinalKey{t.Incident, t.Offset}
	n := a.ordinals[k]
	a.ordinals[k] = n + 1
	return a.tx.Set(a.buf.timelineKey(t.Incident, t.Offset, n), a.buf.timelineEntry(t))
}

// blob stores or removes a named value.
func (a *application) blob(b Blob) error {
	if b.Value == nil {
		return a.tx.Delete(blobKey(b.Name))
	}
	return a.tx.Set(blobKey(b.Name), b.Value)
}

func oneIf(b bool) int {
	if b {
		return 1
	}
	return 0
}

// commit moves the differences into the desk's memory.
func (a *application) commit(t *tally) {
	for n, s := range a.tally.open {
		t.setOpen(n, s)
	}
	for name, o := range a.tally.outbox {
		t.addOutbox(name, o.pending, o.dead)
	}
	t.waiting += a.tally.waiting
	t.firing += a.tally.firing
	t.incidents = max(t.incidents, a.tally.incidents)
	t.alerts = max(t.alerts, a.tally.alerts)
}
