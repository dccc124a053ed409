package desk

import (
	"errors"
	"slices"

	"signalbox/itsm"
	"signalbox/itsm/kv"
)

// putFates stores what became of the deliveries of a batch, many under one key.
func (a *application) putFates() error {
	for list := a.fates; len(list) > 0; {
		n, events := 0, 0
		for n < len(list) && n < chunkDeliveries && events < chunkEvents {
			events += len(list[n].Events)
			n++
		}
		if err := a.tx.Set(a.buf.fatesKey(list[0].Offset), a.buf.fates(list[:n])); err != nil {
			return err
		}
		list = list[n:]
	}
	return nil
}

// staleFates finds the chunks of a batch that was begun and not finished: they
// begin after the cursor. A repetition in other portions would not write over all
// of them, and a chunk must be the only one that can hold an entry.
func staleFates(tx kv.Tx, after itsm.Offset) (stale [][]byte, err error) {
	err = tx.Scan(kv.Range{Prefix: prefix(kindFates), KeysOnly: true}, func(key, _ []byte) error {
		n, err := numberOf(key)
		if err == nil && itsm.Offset(n) <= after {
			return kv.Stop
		}
		stale = append(stale, slices.Clone(key))
		return err
	})
	return stale, err
}

// chunkAt calls fn for the chunk that holds an entry if any does, and then for
// those before it, until fn returns kv.Stop.
func chunkAt(tx kv.Tx, off itsm.Offset, fn func(first itsm.Offset, value []byte) error) error {
	r := kv.Range{Prefix: prefix(kindFates), From: new(buffer).fatesKey(off)}
	return tx.Scan(r, func(key, value []byte) error {
		n, err := numberOf(key)
		if err != nil {
			return err
		}
		return fn(itsm.Offset(n), value)
	})
}

// droppedFates is the oldest entry whose fates are kept.
func droppedFates(tx kv.Tx) (itsm.Offset, error) {
	v, err := tx.Get(metaKey(metaFates))
	if errors.Is(err, kv.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	r, err := open(v, fatesVersion)
	if err != nil {
		return 0, err
	}
	off := itsm.Offset(r.uint())
	return off, r.end()
}

// Fates returns what became of a delivery, or NotFound: the entry is none, is not
// folded yet, or retention has removed it.
func (d *Desk) Fates(off itsm.Offset) (f itsm.Fates, err error) {
	err = d.db.View(func(tx kv.Tx) error {
		oldest, err := droppedFates(tx)
		if err != nil {
			return err
		}
		if off < oldest {
			return itsm.Errorf(itsm.NotFound, "entry %d was removed by retention; the oldest kept is %d", off, oldest)
		}
		return chunkAt(tx, off, func(first itsm.Offset, value []byte) error {
			list, err := decodeFates(first, value)
			if err != nil {
				return err
			}
			if i := slices.IndexFunc(list, func(f itsm.Fates) bool { return f.Offset == off }); i >= 0 {
				f = list[i]
			}
			return kv.Stop
		})
	})
	if err == nil && f.Offset == 0 {
		err = itsm.Errorf(itsm.NotFound, "entry %d is not a delivery that was folded", off)
	}
	return f, err
}

// DeliveryQuery says which deliveries to list. The zero value is all of them.
type DeliveryQuery struct {
	Source   string
	Alert    itsm.AlertNumber    // that had an event of this alert
	Incident itsm.IncidentNumber // that had an event of this incident, or were an act on it
	Fate     itsm.Fate           // that had an event of this fate
	From     itsm.Offset         // the newest to list; 0: no bound
	FromAt   itsm.Time           // the same as a moment
	ToAt     itsm.Time           // the oldest to list; 0: no bound
	Cursor   string
	Limit    int
}

// Delivery is a delivery in a list: how many of its events had which fate.
type Delivery struct {
	Offset       itsm.Offset
	At           itsm.Time
	Source       string
	Folded       int
	Deduplicated int
	Suppressed   int
	Quarantined  int
	Act          *itsm.ActFate // instead: what a partner's people did
}

// Events is how many things the delivery held, decoded or not.
func (d *Delivery) Events() int { return d.Folded + d.Deduplicated + d.Suppressed + d.Quarantined }

// fatesScanEvents bounds the events one call looks at, beside ListScanMax deliveries.
const fatesScanEvents = 2_000_000

// Deliveries lists deliveries that are folded, the newest first.
func (d *Desk) Deliveries(q DeliveryQuery) (page Page[Delivery], err error) {
	after, err := decodeCursor(kindFates, prefix(kindFates), q.Cursor)
	if err != nil {
		return page, err
	}
	from := ^itsm.Offset(0)
	if after != nil {
		n, err := numberOf(after)
		if err != nil || n == 0 {
			return page, badCursor(q.Cursor)
		}
		from = itsm.Offset(n) - 1
	}
	if q.From != 0 {
		from = min(from, q.From)
	}
	s := deliveryScan{q: q, limit: pageLimit(q.Limit)}
	err = d.db.View(func(tx kv.Tx) (err error) {
		if s.oldest, err = droppedFates(tx); err != nil {
			return err
		}
		if s.from = from; q.FromAt != 0 && after == nil {
			upTo, err := entryAt(tx, q.FromAt)
			if err != nil {
				return err
			}
			s.from = min(from, upTo)
		}
		return chunkAt(tx, s.from, s.chunk)
	})
	return s.page, err
}

// entryAt finds an entry that is not before the last one of a moment and not
// after its chunk: the time of entries never goes back.
func entryAt(tx kv.Tx, at itsm.Time) (itsm.Offset, error) {
	c, err := readCursor(tx)
	low, high := itsm.Offset(0), c.offset
	for err == nil && low < high {
		mid := low + (high-low+1)/2
		later := false
		err = chunkAt(tx, mid, func(_ itsm.Offset, value []byte) error {
			first, err := firstAt(value)
			if later = first > at; err != nil {
				return err
			}
			return kv.Stop
		})
		if later {
			high = mid - 1
		} else {
			low = mid
		}
	}
	return low, err
}

// deliveryScan walks chunks from the newest entry to list.
type deliveryScan struct {
	q            DeliveryQuery
	from, oldest itsm.Offset
	limit        int
	seen, events int
	last         itsm.Offset // looked at
	page         Page[Delivery]
}

func (s *deliveryScan) chunk(first itsm.Offset, value []byte) error {
	list, err := decodeFates(first, value)
	if err != nil {
		return err
	}
	for i := range slices.Backward(list) {
		f := &list[i]
		if f.Offset > s.from || s.q.FromAt != 0 && f.At > s.q.FromAt {
			continue
		}
		if f.Offset < s.oldest || f.At < s.q.ToAt {
			return kv.Stop
		}
		if len(s.page.Items) == s.limit || s.seen == ListScanMax || s.events >= fatesScanEvents {
			s.page.Next = encodeCursor(new(buffer).fatesKey(s.last))
			return kv.Stop
		}
		s.seen++
		s.events += len(f.Events)
		s.last = f.Offset
		if s.q.matches(f) {
			s.page.Items = append(s.page.Items, Summary(f))
		}
	}
	return nil
}

func (q *DeliveryQuery) matches(f *itsm.Fates) bool {
	if q.Source != "" && f.Source != q.Source {
		return false
	}
	if q.Alert == 0 && q.Incident == 0 && q.Fate == 0 {
		return true
	}
	if f.Act != nil {
		return q.Alert == 0 && q.Fate == 0 && q.Incident == f.Act.Incident
	}
	return slices.ContainsFunc(f.Events, func(e itsm.EventFate) bool {
		return (q.Alert == 0 || e.Alert == q.Alert) && (q.Incident == 0 || e.Incident == q.Incident) && (q.Fate == 0 || e.Fate == q.Fate)
	})
}

// Summary counts the fates of a delivery.
func Summary(f *itsm.Fates) Delivery {
	d := Delivery{Offset: f.Offset, At: f.At, Source: f.Source, Act: f.Act}
	for i := range f.Events {
		switch f.Events[i].Fate {
		case itsm.FateFolded:
			d.Folded++
		case itsm.FateDeduplicated:
			d.Deduplicated++
		case itsm.FateSuppressed:
			d.Suppressed++
		case itsm.FateQuarantined:
			d.Quarantined++
		}
	}
	return d
}

// DropFates forgets the fates of entries below an offset, at most limit chunks a
// call; more says that there is more to do. At once they are out of every list,
// whatever chunks still hold them.
func (d *Desk) DropFates(below itsm.Offset, limit int) (more bool, err error) {
	var old [][]byte
	err = d.db.View(func(tx kv.Tx) error {
		kept, err := droppedFates(tx)
		if err != nil {
			return err
		}
		below = max(below, kept)
		old, more, err = wholeChunksBelow(tx, below, limit)
		return err
	})
	if err != nil || below == 0 {
		return false, err
	}
	b := new(buffer)
	return more, d.db.Update(func(tx kv.Tx) error {
		if err := tx.Set(metaKey(metaFates), b.value(fatesVersion, func() { b.uint(uint64(below)) })); err != nil {
			return err
		}
		for _, key := range old {
			if err := tx.Delete(key); err != nil {
				return err
			}
		}
		return nil
	})
}

// wholeChunksBelow finds the oldest chunks that hold nothing at or after an
// offset: those whose successor begins at or before it.
func wholeChunksBelow(tx kv.Tx, below itsm.Offset, limit int) (old [][]byte, more bool, err error) {
	var last []byte
	err = tx.Scan(kv.Range{Prefix: prefix(kindFates), Reverse: true, KeysOnly: true}, func(key, _ []byte) error {
		first, err := numberOf(key)
		if err != nil {
			return err
		}
		if itsm.Offset(first) > below {
			return kv.Stop
		}
		if last != nil {
			if len(old) == limit {
				more = true
				return kv.Stop
			}
			old = append(old, last)
		}
		last = slices.Clone(key)
		return nil
	})
	return old, more, err
}

// Why returns the evidence that an alert's episode belongs to an incident, or NotFound.
func (d *Desk) Why(n itsm.IncidentNumber, a itsm.AlertNumber, episode uint32) (e itsm.Evidence, err error) {
	want := memberRef{incident: n, alert: a, episode: episode}
	err = d.db.View(func(tx kv.Tx) error {
		list, err := members(tx, n, memberRef{alert: a, episode: episode + 1}, 1)
		if err != nil {
			return err
		}
		if len(list) == 0 || compareMembers(list[0], want) != 0 {
			return itsm.Errorf(itsm.NotFound, "episode %d of %s is no member of %s", episode, a, n)
		}
		e, err = (&records{tx: tx}).evidence(list[0])
		return err
	})
	return e, err
}
