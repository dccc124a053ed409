package desk

import (
	"errors"

	"signalbox/itsm"
	"signalbox/itsm/kv"
)

// An incident that grows is written with every batch that brings it an alert, and
// most of its bytes are lists that stay as they were. So while it is open, those of
// a large one are parts of the record under keys of their own. When it ends it is
// one record again: those that ended are many, and read more often than written.

// A part of an incident.
const (
	partAbout  = 1 // what it is about: CIs, services, neighbours, changes
	partCauses = 2
)

// An incident has parts from so many alerts on and so many things in its lists: a
// smaller one is written seldom, and then two more keys cost more than they save.
const (
	partedAlerts = 4
	partedThings = 8
)

func hasParts(in *itsm.Incident) bool {
	return in.State.IsOpen() && in.AlertCount >= partedAlerts &&
		len(in.CIs)+len(in.Services)+len(in.Unbound)+len(in.Causes)+len(in.MaybeRelated)+len(in.Changes) >= partedThings
}

const (
	aboutVersion  = 1
	causesVersion = 1
)

func (b *rawBuffer) partAbout(in *itsm.Incident) []byte {
	return b.value(aboutVersion, func() {
		b.strs(in.CIs)
		b.strs(in.Services)
		b.strs(in.Unbound)
		b.related(in.MaybeRelated)
		b.changes(in.Changes)
	})
}

func decodeAbout(in *itsm.Incident, value []byte) error {
	r, err := open(value, aboutVersion)
	if err != nil {
		return err
	}
	in.CIs, in.Services, in.Unbound = r.strs(), r.strs(), r.strs()
	in.MaybeRelated, in.Changes = r.related(), r.changes()
	return r.end()
}

func (b *rawBuffer) partCauses(in *itsm.Incident) []byte {
	return b.value(causesVersion, func() { b.causes(in.Causes) })
}

func decodeCauses(in *itsm.Incident, value []byte) error {
	r, err := open(value, causesVersion)
	if err != nil {
		return err
	}
	in.Causes = r.causes()
	return r.end()
}

// getPart reads a part that the record says there is.
func getPart(tx kv.Tx, n itsm.IncidentNumber, part uint64) ([]byte, error) {
	v, err := tx.Get(new(buffer).partKey(n, part))
	if errors.Is(err, kv.ErrNotFound) {
		return nil, itsm.Errorf(itsm.Internal, "damaged view: part %d of %s is missing", part, n)
	}
	return v, err
}

// readIncident completes a stored record with its parts.
func readIncident(tx kv.Tx, n itsm.IncidentNumber, value []byte) (itsm.Incident, error) {
	in, err := decodeIncident(n, value)
	if err == nil && isParted(value) {
		err = readParts(tx, &in)
	}
	return in, err
}

// readParts fills in what a record says is in parts.
func readParts(tx kv.Tx, in *itsm.Incident) error {
	about, err := getPart(tx, in.Number, partAbout)
	if err != nil {
		return err
	}
	if err := decodeAbout(in, about); err != nil {
		return err
	}
	causes, err := getPart(tx, in.Number, partCauses)
	if err != nil {
		return err
	}
	return decodeCauses(in, causes)
}

// lists are those of an incident as its parts hold them. They are never changed in
// place, so a list that begins where this one begins is the same; holding it keeps
// that place from being used for another.
type lists struct {
	cis, services, unbound []string
	related                []itsm.Candidate
	changes                []itsm.IncidentChange
	causes                 []itsm.Cause
}

func listsOf(in *itsm.Incident) lists {
	return lists{in.CIs, in.Services, in.Unbound, in.MaybeRelated, in.Changes, in.Causes}
}

func sameList[T any](a, b []T) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}

func (l lists) sameAbout(o *lists) bool {
	return sameList(l.cis, o.cis) && sameList(l.services, o.services) && sameList(l.unbound, o.unbound) &&
		sameList(l.related, o.related) && sameList(l.changes, o.changes)
}

// parted is what Apply knows of the parts that are stored. What an earlier run left
// is looked up once.
type parted struct {
	known map[itsm.IncidentNumber]*lists // of open incidents; nil: it has no parts
	since itsm.IncidentNumber            // of incidents up to this one nothing is known but what is in known
}

// partedSince knows nothing of what is stored: of incidents up to the given one, and of
// one whose record a batch that stopped did not come to.
func partedSince(tx kv.Tx, n itsm.IncidentNumber) (parted, error) {
	p := parted{known: map[itsm.IncidentNumber]*lists{}, since: n}
	err := tx.Scan(kv.Range{Prefix: prefix(kindPart), KeysOnly: true}, func(key, _ []byte) error {
		var number, part uint64
		if !kv.Uints(key, &number, &part) {
			return damagedKey(key)
		}
		p.since = max(p.since, itsm.IncidentNumber(number))
		return kv.Stop // the newest is the first
	})
	return p, err
}

// stored returns what is known of the parts of an incident: whether there are any,
// and what they hold if that is known. The record need not say that there are: a batch
// may have stopped between the two. The first part is stored before the other and
// goes after it.
func (p *parted) stored(tx kv.Tx, first []byte, n itsm.IncidentNumber) (any bool, l *lists, err error) {
	l, ok := p.known[n]
	if ok || n > p.since {
		return l != nil, l, nil
	}
	_, err = tx.Get(first)
	if errors.Is(err, kv.ErrNotFound) {
		return false, nil, nil
	}
	return true, nil, err
}

// putRecord stores an incident: its parts that changed, then the record that says
// that there are any. Parts go after the record that no longer does.
func (a *application) putRecord(in *itsm.Incident) error {
	p, key := &a.d.parted, a.buf.incidentKey(in.Number)
	had, was, err := p.stored(a.tx, a.buf.partKey(in.Number, partAbout), in.Number)
	if err != nil {
		return err
	}
	if hasParts(in) {
		if err := a.putParts(in, was); err != nil {
			return err
		}
		return a.tx.Set(key, a.buf.incident(in, true))
	}
	if err := a.tx.Set(key, a.buf.incident(in, false)); err != nil {
		return err
	}
	if in.State.IsOpen() && in.Number <= p.since {
		p.known[in.Number] = nil
	} else {
		delete(p.known, in.Number)
	}
	if !had {
		return nil
	}
	if err := a.tx.Delete(a.buf.partKey(in.Number, partCauses)); err != nil {
		return err
	}
	return a.tx.Delete(a.buf.partKey(in.Number, partAbout))
}

// putParts stores the parts that are not what they were; was is nil when that is not known.
func (a *application) putParts(in *itsm.Incident, was *lists) error {
	now := listsOf(in)
	if was == nil || !now.sameAbout(was) {
		if err := a.tx.Set(a.buf.partKey(in.Number, partAbout), a.buf.partAbout(in)); err != nil {
			return err
		}
	}
	if was == nil || !sameList(now.causes, was.causes) {
		if err := a.tx.Set(a.buf.partKey(in.Number, partCauses), a.buf.partCauses(in)); err != nil {
			return err
		}
	}
	if was == nil {
		was = new(lists)
		a.d.parted.known[in.Number] = was
	}
	*was = now
	return nil
}
