package desk

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"signalbox/itsm"
	"signalbox/itsm/kv"
)

// Counts summarises the view. Slices are sorted by connector.
type Counts struct {
	Open              int                                  // open incidents
	ByState           map[itsm.State]int                   // open incidents
	ByPriority        map[itsm.Priority]int                // open incidents
	ByBoth            map[itsm.State]map[itsm.Priority]int // open incidents
	Incidents         itsm.IncidentNumber                  // highest number, so also how many there ever were
	Alerts            itsm.AlertNumber                     // highest number
	Firing            int                                  // alerts
	QuarantineWaiting int
	Outbox            []OutboxCounts
}

// OutboxCounts is the state of one connector's outbox.
type OutboxCounts struct {
	Connector string
	Pending   int
	OldestAt  itsm.Time // of the oldest pending intent; 0 when none waits
	Dead      int
}

// openState is what the index of open incidents holds.
type openState struct {
	state    itsm.State
	priority itsm.Priority
}

// outboxTally counts one connector.
type outboxTally struct{ pending, dead int }

// tally is what Counts answers from.
type tally struct {
	open      map[itsm.IncidentNumber]openState
	both      map[openState]int
	outbox    map[string]outboxTally
	waiting   int
	firing    int
	incidents itsm.IncidentNumber
	alerts    itsm.AlertNumber
}

func newTally() tally {
	return tally{
		open:   map[itsm.IncidentNumber]openState{},
		both:   map[openState]int{},
		outbox: map[string]outboxTally{},
	}
}

// setOpen moves an incident to a state; a state that is not open takes it out.
func (t *tally) setOpen(n itsm.IncidentNumber, s openState) {
	if old, ok := t.open[n]; ok {
		if t.both[old]--; t.both[old] == 0 {
			delete(t.both, old)
		}
		delete(t.open, n)
	}
	if s.state.IsOpen() {
		t.open[n] = s
		t.both[s]++
	}
}

func (t *tally) addOutbox(connector string, pending, dead int) {
	o := t.outbox[connector]
	o.pending += pending
	o.dead += dead
	t.outbox[connector] = o
}

// Counts answers without reading records; the oldest intent of each connector is
// the only thing looked up.
func (d *Desk) Counts() Counts {
	d.mu.Lock()
	t := &d.tally
	c := Counts{
		Open: len(t.open), ByState: map[itsm.State]int{}, ByPriority: map[itsm.Priority]int{},
		ByBoth: map[itsm.State]map[itsm.Priority]int{}, Incidents: t.incidents, Alerts: t.alerts,
		Firing: t.firing, QuarantineWaiting: t.waiting,
	}
	for s, n := range t.both {
		c.ByState[s.state] += n
		c.ByPriority[s.priority] += n
		if c.ByBoth[s.state] == nil {
			c.ByBoth[s.state] = map[itsm.Priority]int{}
		}
		c.ByBoth[s.state][s.priority] = n
	}
	for name, o := range t.outbox {
		c.Outbox = append(c.Outbox, OutboxCounts{Connector: name, Pending: o.pending, Dead: o.dead})
	}
	d.mu.Unlock()
	slices.SortFunc(c.Outbox, func(a, b OutboxCounts) int { return strings.Compare(a.Connector, b.Connector) })
	for i := range c.Outbox {
		if o := &c.Outbox[i]; o.Pending > 0 {
			if first, err := d.Intents(o.Connector, 1); err == nil && len(first) > 0 {
				o.OldestAt = first[0].At
			}
		}
	}
	return c
}

// reload rebuilds what is kept in memory from the store.
func (d *Desk) reload() error {
	if err := repair(d.db); err != nil {
		return err
	}
	t := newTally()
	var c cursor
	var p parted
	err := d.db.View(func(tx kv.Tx) (err error) {
		if c, err = readCursor(tx); err != nil {
			return err
		}
		if err := errors.Join(t.readOpen(tx), t.readOutbox(tx), t.readQuarantine(tx), t.readColumns(tx), t.readHighest(tx)); err != nil {
			return err
		}
		p, err = partedSince(tx, t.incidents)
		return err
	})
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.tally, d.cursor, d.serial, d.failed, d.parted = t, c, c.serial, false, p
	return nil
}

func prefix(kind byte) []byte { return kv.Begin(nil, kind) }

func (t *tally) readOpen(tx kv.Tx) error {
	return tx.Scan(kv.Range{Prefix: prefix(kindOpen)}, func(key, value []byte) error {
		n, err := numberOf(key)
		if err != nil {
			return err
		}
		s, err := decodeOpen(value)
		t.setOpen(itsm.IncidentNumber(n), s)
		return err
	})
}

func (t *tally) readOutbox(tx kv.Tx) error {
	count := func(kind byte, pending, dead int) error {
		return tx.Scan(kv.Range{Prefix: prefix(kind), KeysOnly: true}, func(key, _ []byte) error {
			s, err := stringsOf(key, 1)
			if err != nil {
				return err
			}
			t.addOutbox(s[0], pending, dead)
			return nil
		})
	}
	return errors.Join(count(kindPending, 1, 0), count(kindDead, 0, 1))
}

func (t *tally) readQuarantine(tx kv.Tx) error {
	return tx.Scan(kv.Range{Prefix: prefix(kindQuarantined)}, func(_, value []byte) error {
		if isWaiting(value) {
			t.waiting++
		}
		return nil
	})
}

// readColumns counts firing alerts and finds the newest one.
func (t *tally) readColumns(tx kv.Tx) error {
	return tx.Scan(kv.Range{Prefix: prefix(kindColumn)}, func(key, value []byte) error {
		page, err := numberOf(key)
		if err != nil {
			return err
		}
		c, err := decodeColumns(value)
		if err != nil {
			return err
		}
		for i, w := range c {
			if w&columnFiring != 0 {
				t.firing++
			}
			if w != 0 {
				t.alerts = max(t.alerts, itsm.AlertNumber(page*columnAlerts+uint64(i)))
			}
		}
		return nil
	})
}

// readHighest finds the newest incident, whose key is the first.
func (t *tally) readHighest(tx kv.Tx) error {
	return tx.Scan(kv.Range{Prefix: prefix(kindIncident), KeysOnly: true}, func(key, _ []byte) error {
		n, err := numberOf(key)
		if err != nil {
			return err
		}
		t.incidents = itsm.IncidentNumber(n)
		return kv.Stop
	})
}

// Connectors lists the connectors that ever had an intent waiting or abandoned
// since the desk opened, or that had one when it opened.
func (d *Desk) Connectors() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Sorted(maps.Keys(d.tally.outbox))
}

const openVersion = 1

func (b *rawBuffer) openState(s openState) []byte {
	return b.value(openVersion, func() {
		b.uint(uint64(s.state))
		b.uint(uint64(s.priority))
	})
}

// decodeOpen is written by hand: a list of open incidents reads thousands of them.
func decodeOpen(value []byte) (s openState, err error) {
	if len(value) != 3 || value[0] != openVersion {
		return s, itsm.Errorf(itsm.Internal, "damaged record of the index of open incidents")
	}
	return openState{itsm.State(value[1]), itsm.Priority(value[2])}, nil
}
