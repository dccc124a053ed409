package desk

import (
	"cmp"
	"slices"

	"signalbox/itsm"
	"signalbox/itsm/kv"
)

// memberOp is the last thing a batch decided about one evidence record.
type memberOp struct {
	memberRef
	evidence *itsm.Evidence // nil: the member left
	order    int            // in which it was decided
}

// putAlerts stores the alerts of the batch and their evidence: new alerts in
// packs where a whole pack is new, everything else alone. It comes after all
// other decisions, because only then it is known what the batch holds.
func (a *application) putAlerts() error {
	alerts, members := lastAlerts(a.alerts), lastMembers(a.members)
	packs, err := a.putSingles(alerts)
	if err != nil {
		return err
	}
	rest := a.fillPacks(packs, members)
	for group, slots := range packs.all() {
		if err := a.tx.Set(a.buf.packKey(group), a.buf.pack(slots)); err != nil {
			return err
		}
	}
	if err := a.putMembers(rest); err != nil {
		return err
	}
	if err := a.putRuns(packs.named); err != nil {
		return err
	}
	return a.dropFromRuns(rest)
}

// lastAlerts sorts by number and keeps the last record of each.
func lastAlerts(list []*itsm.Alert) []*itsm.Alert {
	slices.SortStableFunc(list, func(x, y *itsm.Alert) int { return cmp.Compare(x.Number, y.Number) })
	return keepLast(list, func(x, y *itsm.Alert) bool { return x.Number == y.Number })
}

// lastMembers sorts by incident and then newest first, and keeps the last of each.
func lastMembers(list []memberOp) []memberOp {
	slices.SortFunc(list, func(x, y memberOp) int {
		if x.incident != y.incident {
			return cmp.Compare(x.incident, y.incident)
		}
		if c := compareMembers(x.memberRef, y.memberRef); c != 0 {
			return c
		}
		return cmp.Compare(x.order, y.order)
	})
	return keepLast(list, func(x, y memberOp) bool { return x.memberRef == y.memberRef })
}

// keepLast keeps the last of each run of equal elements, in place.
func keepLast[T any](list []T, equal func(x, y T) bool) []T {
	out := list[:0]
	for i := range list {
		if i+1 == len(list) || !equal(list[i], list[i+1]) {
			out = append(out, list[i])
		}
	}
	return out
}

// packing is the packs that a batch fills, in order of their groups.
type packing struct {
	groups []uint64
	slots  map[uint64][]packSlot
	named  []memberRef // evidence that went into the packs, by incident and newest first
}

// all yields the packs in order, so that equal batches write equal logs.
func (p *packing) all() func(yield func(uint64, []packSlot) bool) {
	return func(yield func(uint64, []packSlot) bool) {
		for _, g := range p.groups {
			if !yield(g, p.slots[g]) {
				return
			}
		}
	}
}

// putSingles stores each alert that no pack takes and notes all in the columns.
func (a *application) putSingles(alerts []*itsm.Alert) (*packing, error) {
	p := &packing{slots: map[uint64][]packSlot{}}
	for len(alerts) > 0 {
		n := 1
		packed := a.fillsPack(alerts)
		if packed {
			n = packAlerts
			group, _ := groupOf(uint64(alerts[0].Number))
			p.groups = append(p.groups, group)
			p.slots[group] = slotsOf(alerts[:n])
		} else if err := a.tx.Set(a.buf.alertKey(alerts[0].Number), a.buf.alert(alerts[0])); err != nil {
			return nil, err
		}
		for _, al := range alerts[:n] {
			if err := a.note(al, packed); err != nil {
				return nil, err
			}
		}
		alerts = alerts[n:]
	}
	return p, nil
}

// fillsPack reports whether the first alerts of a sorted list are a whole pack of
// alerts that the view has never seen.
func (a *application) fillsPack(alerts []*itsm.Alert) bool {
	first := uint64(alerts[0].Number)
	_, slot := groupOf(first)
	return slot == 0 && len(alerts) >= packAlerts && first > uint64(a.known) && uint64(alerts[packAlerts-1].Number) == first+packAlerts-1
}

func slotsOf(alerts []*itsm.Alert) []packSlot {
	slots := make([]packSlot, len(alerts))
	for i, al := range alerts {
		slots[i].alert = al
	}
	return slots
}

// note writes an alert's word of the columns.
func (a *application) note(al *itsm.Alert, packed bool) error {
	n := uint64(al.Number)
	page, ok := a.pages[n/columnAlerts]
	if !ok {
		var err error
		if page, err = a.buf.getColumns(a.tx, n/columnAlerts); err != nil {
			return err
		}
		a.pages[n/columnAlerts] = page
	}
	w, old := columnOf(al), page[n%columnAlerts]
	if packed {
		w |= columnPacked
	}
	a.tally.firing += oneIf(w&columnFiring != 0) - oneIf(old&columnFiring != 0)
	page[n%columnAlerts] = w
	a.tally.alerts = max(a.tally.alerts, al.Number)
	return nil
}

// putPages stores the columns that the batch touched, after the records they
// lead to, in order.
func (a *application) putPages() error {
	numbers := make([]uint64, 0, len(a.pages))
	for n := range a.pages {
		numbers = append(numbers, n)
	}
	slices.Sort(numbers)
	for _, n := range numbers {
		if err := a.tx.Set(a.buf.columnKey(n), a.buf.columns(a.pages[n])); err != nil {
			return err
		}
	}
	return nil
}

// fillPacks puts evidence beside its alert where that has a slot free and answers
// what is left.
func (a *application) fillPacks(p *packing, members []memberOp) (rest []memberOp) {
	for _, m := range members {
		group, slot := groupOf(uint64(m.alert))
		if slots := p.slots[group]; slots != nil && m.evidence != nil && slots[slot].evidence == nil {
			slots[slot].evidence = m.evidence
			p.named = append(p.named, m.memberRef)
			continue
		}
		rest = append(rest, m)
	}
	return rest
}

// putMembers stores or removes evidence that has a key of its own.
func (a *application) putMembers(members []memberOp) error {
	for _, m := range members {
		key := a.buf.evidenceKey(m.memberRef)
		var err error
		if m.evidence == nil {
			err = a.tx.Delete(key)
		} else {
			err = a.tx.Set(key, a.buf.evidence(m.evidence))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// putRuns names the packed members of each incident.
func (a *application) putRuns(named []memberRef) error {
	for len(named) > 0 {
		n := 1
		for n < min(runMax, len(named)) && named[n].incident == named[0].incident {
			n++
		}
		key := a.buf.runKey(named[0].incident, named[n-1].alert)
		if err := a.tx.Set(key, a.buf.run(a.serial, named[:n])); err != nil {
			return err
		}
		named = named[n:]
	}
	return nil
}

// dropFromRuns takes members that left out of the runs that name them: one pass
// over the runs of each incident that lost any.
func (a *application) dropFromRuns(members []memberOp) error {
	for len(members) > 0 {
		incident, gone := members[0].incident, map[memberRef]bool{}
		for len(members) > 0 && members[0].incident == incident {
			if m := members[0]; m.evidence == nil {
				m.packed = true
				gone[m.memberRef] = true
			}
			members = members[1:]
		}
		if len(gone) == 0 {
			continue
		}
		if err := a.rewriteRuns(incident, gone); err != nil {
			return err
		}
	}
	return nil
}

// rewriteRuns keeps the key of a run even when its lowest member left: the key need
// only be no higher than any member.
func (a *application) rewriteRuns(incident itsm.IncidentNumber, gone map[memberRef]bool) error {
	type change struct{ key, value []byte } // made after the scan: no store likes to be changed under it
	var changes []change
	err := a.tx.Scan(kv.Range{Prefix: kv.Key(kindRun, uint64(incident))}, func(key, value []byte) error {
		serial, list, err := decodeRun(incident, value)
		if err != nil {
			return err
		}
		left := slices.DeleteFunc(slices.Clone(list), func(m memberRef) bool { return gone[m] })
		if len(left) == len(list) {
			return nil
		}
		c := change{key: slices.Clone(key)}
		if len(left) > 0 {
			c.value = a.buf.run(serial, left)
		}
		changes = append(changes, c)
		return nil
	})
	if err != nil {
		return err
	}
	for _, c := range changes {
		if c.value == nil {
			err = a.tx.Delete(c.key)
		} else {
			err = a.tx.Set(c.key, c.value)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
