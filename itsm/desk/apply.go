package desk

import (
	"cmp"
	"slices"

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
	a := &application{d: d, buf: &d.buf, tally: newTally(), ordinals: map[ordinalKey]uint64{}, pages: map[uint64]*columns{}}
	next := cursor{b.Cursor, b.At, d.serial + 1}
	err := d.db.UpdateLarge(func(tx kv.Tx) error {
		a.tx = tx
		return a.run(&b, before, next)
	})
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
	tally    tally // differences; open holds closed incidents as well
	ordinals map[ordinalKey]uint64
	pages    map[uint64]*columns
}

type ordinalKey struct {
	incident itsm.IncidentNumber
	offset   itsm.Offset
}

func (a *application) run(b *Batch, before itsm.Offset, next cursor) error {
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
	if err := a.putPages(); err != nil {
		return err
	}
	if err := a.tx.Set(markKey(next.serial%markSlots), a.buf.mark(mark{next.serial, before, next.offset})); err != nil {
		return err
	}
	return a.tx.Set(metaKey(metaCursor), a.buf.cursor(next))
}

func (a *application) decision(d *itsm.Decision) error {
	switch d.Kind {
	case itsm.PutAlert:
		return a.putAlert(d.Alert)
	case itsm.PutIncident:
		return a.putIncident(d.Incident)
	case itsm.PutEvidence:
		return a.tx.Set(a.buf.evidenceKey(d.Evidence), a.buf.evidence(d.Evidence))
	case itsm.DropEvidence:
		return a.tx.Delete(a.buf.evidenceKey(d.Evidence))
	case itsm.AddTimeline:
		return a.addTimeline(d.Timeline)
	case itsm.PutIntent:
		return a.putIntent(&StoredIntent{Intent: *d.Intent, Status: IntentPending})
	case itsm.SettleIntent:
		return a.settle(d.Settled)
	case itsm.PutQuarantine:
		return a.quarantine(d.Quarantine)
	case itsm.SettleOutcome:
		return nil // for the caller who waits, not for the record
	}
	return itsm.Errorf(itsm.Internal, "decision of unknown kind %d", d.Kind)
}

func (a *application) putAlert(al *itsm.Alert) error {
	n := uint64(al.Number)
	page, ok := a.pages[n/columnAlerts]
	if !ok {
		var err error
		if page, err = a.buf.getColumns(a.tx, n/columnAlerts); err != nil {
			return err
		}
		a.pages[n/columnAlerts] = page
	}
	w := columnOf(al)
	a.tally.firing += int(w&columnFiring)/columnFiring - int(page[n%columnAlerts]&columnFiring)/columnFiring
	page[n%columnAlerts] = w
	a.tally.alerts = max(a.tally.alerts, al.Number)
	return a.tx.Set(a.buf.alertKey(al.Number), a.buf.alert(al))
}

// putPages stores the columns that the batch touched, in order, so that equal
// batches write equal logs.
func (a *application) putPages() error {
	numbers := make([]uint64, 0, len(a.pages))
	for n := range a.pages {
		numbers = append(numbers, n)
	}
	slices.SortFunc(numbers, func(x, y uint64) int { return cmp.Compare(y, x) })
	for _, n := range numbers {
		if err := a.tx.Set(a.buf.columnKey(n), a.buf.columns(a.pages[n])); err != nil {
			return err
		}
	}
	return nil
}

func (a *application) putIncident(in *itsm.Incident) error {
	a.tally.incidents = max(a.tally.incidents, in.Number)
	if err := a.tx.Set(a.buf.incidentKey(in.Number), a.buf.incident(in)); err != nil {
		return err
	}
	old, ok := a.tally.open[in.Number]
	if !ok {
		old = a.d.tally.open[in.Number] // only this goroutine changes it
	}
	now := openState{in.State, in.Priority}
	if !in.State.IsOpen() {
		now = openState{}
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
