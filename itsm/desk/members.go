package desk

import (
	"cmp"
	"errors"
	"slices"

	"signalbox/itsm"
	"signalbox/itsm/kv"
)

// memberRef names one evidence record. The evidence of a new alert is in the
// alert's pack, and a run of its incident names it; other evidence has a key of
// its own, which counts if both exist.
type memberRef struct {
	incident itsm.IncidentNumber
	alert    itsm.AlertNumber
	episode  uint32
	packed   bool
}

// newest is a place before the first member of any incident.
var newest = memberRef{alert: ^itsm.AlertNumber(0), episode: ^uint32(0)}

// compareMembers orders by the newest alert, then the newest episode.
func compareMembers(a, b memberRef) int {
	return cmp.Or(cmp.Compare(b.alert, a.alert), cmp.Compare(b.episode, a.episode))
}

// runMax bounds the members that one run names.
const runMax = 1024

const runVersion = 1

// run encodes members of one incident that one batch packed, the newest first.
func (b *rawBuffer) run(serial uint64, members []memberRef) []byte {
	return b.value(runVersion, func() {
		b.uint(serial)
		b.uint(uint64(len(members)))
		last := uint64(0)
		for i, m := range members {
			if i == 0 {
				b.uint(uint64(m.alert))
			} else {
				b.uint(last - uint64(m.alert))
			}
			last = uint64(m.alert)
			b.uint(uint64(m.episode))
		}
	})
}

// decodeRun refuses numbers that do not go down, which only damage can cause.
func decodeRun(incident itsm.IncidentNumber, value []byte) (serial uint64, members []memberRef, err error) {
	r, err := open(value, runVersion)
	if err != nil {
		return 0, nil, err
	}
	serial = r.uint()
	members = make([]memberRef, r.count(2))
	last := uint64(0)
	for i := range members {
		n := r.uint()
		if i > 0 {
			if n > last {
				r.fail()
			}
			n = last - n
		}
		last = n
		members[i] = memberRef{incident, itsm.AlertNumber(n), r.uint32(), true}
	}
	return serial, members, r.end()
}

// members lists up to limit members of an incident that come after a place, the
// newest first.
func members(tx kv.Tx, incident itsm.IncidentNumber, after memberRef, limit int) ([]memberRef, error) {
	packed, err := runMembers(tx, incident, after, limit)
	if err != nil {
		return nil, err
	}
	own, err := ownMembers(tx, incident, after, limit)
	if err != nil {
		return nil, err
	}
	all := append(own, packed...) // the own key first, so that it is the one kept
	slices.SortStableFunc(all, compareMembers)
	all = slices.CompactFunc(all, func(a, b memberRef) bool { return compareMembers(a, b) == 0 })
	return all[:min(limit, len(all))], nil
}

// runMembers lists members that runs name. Each run is listed by its lowest
// number, so that the first one sought is the one that the place may lie in.
func runMembers(tx kv.Tx, incident itsm.IncidentNumber, after memberRef, limit int) (out []memberRef, err error) {
	r := kv.Range{Prefix: kv.Key(kindRun, uint64(incident)), From: kv.Key(kindRun, uint64(incident), kv.Desc(after.alert))}
	err = tx.Scan(r, func(_, value []byte) error {
		if len(out) >= limit {
			return kv.Stop
		}
		_, list, err := decodeRun(incident, value)
		for _, m := range list {
			if compareMembers(m, after) > 0 {
				out = append(out, m)
			}
		}
		return err
	})
	return out, err
}

// ownMembers lists members whose evidence has a key of its own.
func ownMembers(tx kv.Tx, incident itsm.IncidentNumber, after memberRef, limit int) (out []memberRef, err error) {
	r := kv.Range{Prefix: kv.Key(kindEvidence, uint64(incident)), KeysOnly: true,
		From: kv.Key(kindEvidence, uint64(incident), kv.Desc(after.alert), kv.Desc(after.episode))}
	err = tx.Scan(r, func(key, _ []byte) error {
		if len(out) >= limit {
			return kv.Stop
		}
		m, err := memberOf(key)
		if err == nil && compareMembers(m, after) > 0 {
			out = append(out, m)
		}
		return err
	})
	return out, err
}

// memberAlerts lists up to limit alerts of an incident below a number, the newest
// first and each once.
func memberAlerts(tx kv.Tx, incident itsm.IncidentNumber, below itsm.AlertNumber, limit int) (out []itsm.AlertNumber, err error) {
	after := newest
	if below != newest.alert {
		after = memberRef{alert: below} // episodes begin at 1: nothing of below itself follows
	}
	for {
		list, err := members(tx, incident, after, limit)
		if err != nil {
			return nil, err
		}
		for _, m := range list {
			if len(out) == limit {
				return out, nil
			}
			if len(out) == 0 || out[len(out)-1] != m.alert {
				out = append(out, m.alert)
			}
		}
		if len(list) < limit {
			return out, nil
		}
		after = list[len(list)-1]
	}
}

// evidence reads one evidence record.
func (r *records) evidence(m memberRef) (itsm.Evidence, error) {
	if m.packed {
		group, _ := groupOf(uint64(m.alert))
		p, err := r.openPack(group)
		if err != nil {
			return itsm.Evidence{}, err
		}
		return p.packedEvidence(m)
	}
	r.buf.reset()
	v, err := r.tx.Get(r.buf.evidenceKey(m))
	if err != nil {
		return itsm.Evidence{}, err
	}
	return decodeEvidence(m, v)
}

// Evidence lists why each episode belongs to an incident, the newest alert first.
func (d *Desk) Evidence(n itsm.IncidentNumber, cursor string, limit int) (page Page[itsm.Evidence], err error) {
	after, err := memberCursor(n, cursor)
	if err != nil {
		return page, err
	}
	limit = pageLimit(limit)
	err = d.db.View(func(tx kv.Tx) error {
		list, err := members(tx, n, after, limit+1)
		if err != nil {
			return err
		}
		if len(list) > limit {
			list = list[:limit]
			page.Next = encodeCursor(new(buffer).evidenceKey(list[limit-1]))
		}
		r := &records{tx: tx}
		for _, m := range list {
			e, err := r.evidence(m)
			if err != nil {
				return err
			}
			page.Items = append(page.Items, e)
		}
		return nil
	})
	if err != nil {
		return Page[itsm.Evidence]{}, err
	}
	return page, nil
}

// IncidentAlerts lists the alerts that are members of an incident, also those
// that have since belonged to a later one; the newest number first, each once.
func (d *Desk) IncidentAlerts(n itsm.IncidentNumber, cursor string, limit int) (page Page[itsm.Alert], err error) {
	after, err := memberCursor(n, cursor)
	if err != nil {
		return page, err
	}
	limit = pageLimit(limit)
	err = d.db.View(func(tx kv.Tx) error {
		numbers, err := memberAlerts(tx, n, after.alert, limit+1)
		if err != nil {
			return err
		}
		if len(numbers) > limit {
			numbers = numbers[:limit]
			page.Next = encodeCursor(new(buffer).evidenceKey(memberRef{incident: n, alert: numbers[limit-1]}))
		}
		page.Items, err = alertsOf(&records{tx: tx}, numbers)
		return err
	})
	if err != nil {
		return Page[itsm.Alert]{}, err
	}
	d.overlayAlerts(page.Items)
	return page, nil
}

// alertsOf reads alerts; one that an interrupted batch has not stored yet is left out.
func alertsOf(r *records, numbers []itsm.AlertNumber) (out []itsm.Alert, err error) {
	for _, n := range numbers {
		v, err := r.alert(n)
		if errors.Is(err, kv.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		a, err := decodeAlert(n, v)
		if err != nil {
			return nil, err
		}
		out = append(out, a)
	}
	return out, nil
}

// memberCursor reads a cursor of a list of members.
func memberCursor(n itsm.IncidentNumber, cursor string) (memberRef, error) {
	key, err := decodeCursor(kindEvidence, kv.Key(kindEvidence, uint64(n)), cursor)
	if err != nil || key == nil {
		return newest, err
	}
	m, err := memberOf(key)
	if err != nil {
		return m, badCursor(cursor)
	}
	return m, nil
}
