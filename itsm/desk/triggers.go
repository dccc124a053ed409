package desk

import (
	"signalbox/itsm"
	"signalbox/itsm/kv"
)

// Triggering is one time that a partner was to be told of an incident anew.
type Triggering struct {
	Connector string
	Incident  itsm.IncidentNumber
	Epoch     uint32
	At        itsm.Time
}

// Triggers passes over the triggers made for the connectors from one moment up to
// before another, whatever became of them, in no order that matters: intents are
// kept by key and not by time. It reads no further into a record than it has to.
func (d *Desk) Triggers(connectors []string, from, to itsm.Time, fn func(Triggering)) error {
	return d.db.View(func(tx kv.Tx) error {
		for _, c := range connectors {
			err := tx.Scan(kv.Range{Prefix: kv.Key(kindIntent, c)}, func(_, value []byte) error {
				t, ok, err := triggering(value, from, to)
				if ok {
					t.Connector = c
					fn(t)
				}
				return err
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// triggerFront is how much of an intent nearly always holds what triggering needs.
const triggerFront = 160

// triggering reads the front of an intent's stored form.
func triggering(value []byte, from, to itsm.Time) (t Triggering, ok bool, err error) {
	r, _, err := openOlder(value[:min(len(value), triggerFront)], intentVersion)
	if err != nil {
		return t, false, err
	}
	ok = r.triggering(&t)
	if r.bad && len(value) > triggerFront { // a long failure stands before it
		if r, _, err = openOlder(value, intentVersion); err != nil {
			return t, false, err
		}
		ok = r.triggering(&t)
	}
	if r.bad {
		return t, false, itsm.Errorf(itsm.Internal, "damaged record")
	}
	return t, ok && t.At >= from && t.At < to, nil
}

// triggering reads the fields of an intent up to its transition.
func (r *reader) triggering(t *Triggering) bool {
	r.byte() // status
	t.At = r.time()
	r.time() // settled
	r.time() // opened
	r.str()  // failure
	t.Incident, t.Epoch = itsm.IncidentNumber(r.uint()), r.uint32()
	return itsm.Transition(r.str()) == itsm.Trigger
}
