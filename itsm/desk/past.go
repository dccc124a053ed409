package desk

import (
	"cmp"
	"errors"
	"slices"

	"signalbox/itsm"
	"signalbox/itsm/kv"
)

// What an incident that is over is found by.
const (
	subjectCI      = "ci/" // id of a CI, or the key of a provisional one
	subjectService = "service/"
)

// putPast lists an incident that is over under what it was about. Nothing is ever
// taken out: whoever reads the list looks at the record.
func putPast(tx kv.Tx, b *buffer, in *itsm.Incident) error {
	for _, group := range []struct {
		kind string
		ids  []string
	}{{subjectCI, in.CIs}, {subjectCI, in.Unbound}, {subjectService, in.Services}} {
		for _, id := range group.ids {
			if err := tx.Set(b.pastKey(group.kind+id, in.Number), nil); err != nil {
				return err
			}
		}
	}
	return nil
}

// indexPortion is how many records indexPast holds at a time: a store may not be
// written to while it is passed over.
const indexPortion = 5000

// indexPast lists what was over before there was such a list.
func indexPast(tx kv.Tx) error {
	r := kv.Range{Prefix: prefix(kindIncident)}
	for {
		var over []itsm.Incident
		seen := 0
		err := tx.Scan(r, func(key, value []byte) error {
			if seen++; seen > indexPortion {
				return kv.Stop
			}
			r.From = kv.After(key)
			n, err := numberOf(key)
			if err != nil {
				return err
			}
			in, err := decodeIncident(itsm.IncidentNumber(n), value)
			if err == nil && !in.State.IsOpen() {
				over = append(over, in)
			}
			return err
		})
		if err != nil {
			return err
		}
		for i := range over {
			if err := putPast(tx, new(buffer), &over[i]); err != nil {
				return err
			}
		}
		if seen <= indexPortion {
			return nil
		}
	}
}

// subjects are what the incidents of a query are found by: its CIs, else its services.
func (q *IncidentQuery) subjects() (out []string) {
	kind, ids := subjectCI, q.CI
	if len(ids) == 0 {
		kind, ids = subjectService, q.Service
	}
	for _, id := range ids {
		out = append(out, kind+id)
	}
	return out
}

// aboutSubjects answers a query by what its incidents are or were about: those that
// are open, and those of the past that are listed under a subject.
func (d *Desk) aboutSubjects(q *IncidentQuery, subjects []string) (page Page[itsm.Incident], err error) {
	after, err := decodeCursor(kindIncident, prefix(kindIncident), q.Cursor)
	if err != nil {
		return page, err
	}
	below := ^uint64(0)
	if after != nil {
		if below, err = numberOf(after); err != nil {
			return page, badCursor(q.Cursor)
		}
	}
	m := matcherOf(q)
	var in itsm.Incident
	err = d.db.View(func(tx kv.Tx) error {
		numbers, end, err := aboutNumbers(tx, &m, subjects, itsm.IncidentNumber(below))
		if err != nil {
			return err
		}
		var last itsm.IncidentNumber
		for i, n := range numbers {
			if len(page.Items) == pageLimit(q.Limit) || i == ListScanMax {
				page.Next = encodeCursor(new(buffer).incidentKey(last))
				return nil
			}
			last = n
			value, err := tx.Get(new(buffer).incidentKey(n))
			if errors.Is(err, kv.ErrNotFound) {
				continue
			}
			if err != nil {
				return err
			}
			ok, err := m.match(tx, n, value, &in)
			if err != nil {
				return err
			}
			if ok {
				page.Items = append(page.Items, in)
			}
		}
		if end != 0 {
			page.Next = encodeCursor(new(buffer).incidentKey(end))
		}
		return nil
	})
	if err != nil {
		return Page[itsm.Incident]{}, err
	}
	return page, nil
}

// aboutNumbers are the incidents below a number to look at, the newest first, each
// once: of each list one more than a call looks at. When more are open than that, end is
// the last that was looked at, below which there may be others: there are none in the list.
func aboutNumbers(tx kv.Tx, m *incidentMatcher, subjects []string, below itsm.IncidentNumber) (out []itsm.IncidentNumber, end itsm.IncidentNumber, err error) {
	walk := func(r kv.Range, take func(n itsm.IncidentNumber, value []byte) error) error {
		seen := 0
		return tx.Scan(r, func(key, value []byte) error {
			if seen++; seen > ListScanMax+1 {
				return kv.Stop
			}
			_, parts, err := kv.Parts(key)
			if err != nil {
				return damagedKey(key)
			}
			n, ok := parts[len(parts)-1].(kv.Desc)
			if !ok {
				return damagedKey(key)
			}
			return take(itsm.IncidentNumber(n), value)
		})
	}
	if slices.ContainsFunc(m.q.States, itsm.State.IsOpen) || len(m.q.States) == 0 {
		r := kv.Range{Prefix: prefix(kindOpen), From: kv.After(new(buffer).openKey(below))}
		looked := 0
		err := walk(r, func(n itsm.IncidentNumber, value []byte) error {
			if looked++; looked > ListScanMax {
				end = n
			}
			s, err := decodeOpen(value)
			if err == nil && m.wantsOpen(s) {
				out = append(out, n)
			}
			return err
		})
		if err != nil {
			return nil, 0, err
		}
	}
	for _, s := range subjects {
		r := kv.Range{Prefix: kv.Key(kindPast, s), From: kv.After(new(buffer).pastKey(s, below)), KeysOnly: true}
		err := walk(r, func(n itsm.IncidentNumber, _ []byte) error {
			if n >= end {
				out = append(out, n)
			}
			return nil
		})
		if err != nil {
			return nil, 0, err
		}
	}
	slices.SortFunc(out, func(a, b itsm.IncidentNumber) int { return cmp.Compare(b, a) })
	return slices.Compact(out), end, nil
}
