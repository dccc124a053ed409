package desk

import (
	"errors"

	"signalbox/itsm"
	"signalbox/itsm/kv"
)

// storedQuarantine is a quarantined delivery and the last entry it was counted for.
type storedQuarantine struct {
	itsm.Quarantined
	seen itsm.Offset
}

// quarantine stores a delivery or, when it is known, counts it.
func (a *application) quarantine(q *itsm.Quarantined) error {
	now := storedQuarantine{*q, q.Offset}
	now.Count = max(now.Count, 1)
	old, err := getQuarantined(a.tx, q.ID)
	switch {
	case err == nil:
		now = old.merge(q)
	case !errors.Is(err, kv.ErrNotFound):
		return err
	}
	index := quarantinedKey(now.Offset, now.ID)
	was, err := a.tx.Get(index) // counted by the index, as intents are
	if err != nil && !errors.Is(err, kv.ErrNotFound) {
		return err
	}
	waiting := now.RetriedAt == 0
	a.tally.waiting += oneIf(waiting) - oneIf(isWaiting(was))
	if err := a.tx.Set(index, waitingValue(waiting)); err != nil {
		return err
	}
	return a.tx.Set(quarantineKey(now.ID), a.buf.quarantined(&now))
}

// merge adds what q says to what is known. A delivery is counted once for each
// later entry it came with, so that a repeated batch counts nothing; a fold that
// counts by itself names the first entry and its count wins if it is higher.
func (s storedQuarantine) merge(q *itsm.Quarantined) storedQuarantine {
	if q.RetriedAt != 0 {
		s.RetriedAt = q.RetriedAt
		return s
	}
	if q.Offset > s.seen {
		s.Count += max(q.Count, 1)
		s.seen = q.Offset
	} else {
		s.Count = max(s.Count, q.Count)
	}
	if q.Offset >= s.seen || q.Offset == s.Offset { // it waits again
		s.RetriedAt = 0
	}
	s.LastAt = max(s.LastAt, q.LastAt)
	s.Error = q.Error
	if len(s.Body) == 0 {
		s.Body = q.Body
	}
	return s
}

func getQuarantined(tx kv.Tx, id string) (storedQuarantine, error) {
	v, err := tx.Get(quarantineKey(id))
	if err != nil {
		return storedQuarantine{}, err
	}
	return decodeQuarantined(id, v)
}

const waitingVersion = 1

func waitingValue(waiting bool) []byte { return []byte{waitingVersion, byte(oneIf(waiting))} }

func isWaiting(value []byte) bool { return len(value) == 2 && value[1] == 1 }

// QuarantineItem returns one quarantined delivery with its body, or NotFound.
func (d *Desk) QuarantineItem(id string) (q itsm.Quarantined, err error) {
	err = d.db.View(func(tx kv.Tx) error {
		s, err := getQuarantined(tx, id)
		q = s.Quarantined
		return err
	})
	if errors.Is(err, kv.ErrNotFound) {
		return q, itsm.Errorf(itsm.NotFound, "no quarantined delivery has the id %q", id)
	}
	return q, err
}

// Quarantine lists quarantined deliveries by their first occurrence, newest
// first and without bodies; waitingOnly leaves out those a retry took in.
func (d *Desk) Quarantine(cursor string, limit int, waitingOnly bool) (page Page[itsm.Quarantined], err error) {
	p := pager{kind: kindQuarantined, prefix: prefix(kindQuarantined), limit: limit, scanMax: ListScanMax}
	return list(d, p, cursor, func(tx kv.Tx, key, value []byte, q *itsm.Quarantined) (bool, error) {
		if waitingOnly && !isWaiting(value) {
			return false, nil
		}
		id, err := stringsOf(key, 1)
		if err != nil {
			return false, err
		}
		s, err := getQuarantined(tx, id[0])
		s.Body = nil
		*q = s.Quarantined
		return true, err
	})
}
