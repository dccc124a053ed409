package desk

import (
	"bytes"
	"errors"

	"signalbox/itsm"
	"signalbox/itsm/kv"
)

// IntentStatus is what became of an intent.
type IntentStatus uint8

// The statuses of an intent.
const (
	IntentPending   IntentStatus = iota + 1 // waits to be sent or confirmed
	IntentConfirmed                         // the partner confirmed it
	IntentAbandoned                         // given up: a dead letter
)

// String returns the word of the API.
func (s IntentStatus) String() string {
	switch s {
	case IntentPending:
		return "pending"
	case IntentConfirmed:
		return "confirmed"
	case IntentAbandoned:
		return "abandoned"
	}
	return ""
}

// StoredIntent is an intent and what became of it.
type StoredIntent struct {
	Intent    itsm.Intent
	Status    IntentStatus
	SettledAt itsm.Time
	Failure   string // the partner's answer when it was abandoned
}

// putIntent stores an intent in its status and moves it to the index of that
// status, from wherever it was. The index is written first and counted by what
// it held, not by what the record says: after an interrupted batch they differ.
func (a *application) putIntent(s *StoredIntent) error {
	in := &s.Intent
	old, err := getIntent(a.tx, in.Connector, in.Key)
	if err != nil && !errors.Is(err, kv.ErrNotFound) {
		return err
	}
	if err == nil && !bytes.Equal(old.indexKey(), s.indexKey()) {
		if err := a.index(&old, nil); err != nil {
			return err
		}
	}
	if err := a.index(s, []byte(in.Key)); err != nil {
		return err
	}
	return a.tx.Set(intentKey(in.Connector, in.Key), a.buf.intent(s))
}

// index lists an intent under its status, or with a nil value takes it off, and
// counts what changed.
func (a *application) index(s *StoredIntent, value []byte) error {
	key := s.indexKey()
	if key == nil {
		return nil
	}
	had, err := has(a.tx, key)
	if err != nil {
		return err
	}
	change := oneIf(value != nil) - oneIf(had)
	if s.Status == IntentPending {
		a.tally.addOutbox(s.Intent.Connector, change, 0)
	} else {
		a.tally.addOutbox(s.Intent.Connector, 0, change)
	}
	if value == nil {
		return a.tx.Delete(key)
	}
	return a.tx.Set(key, value)
}

func has(tx kv.Tx, key []byte) (bool, error) {
	_, err := tx.Get(key)
	if errors.Is(err, kv.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// indexKey is where an intent is listed, nil when it is confirmed.
func (s *StoredIntent) indexKey() []byte {
	switch s.Status {
	case IntentPending:
		return pendingKey(&s.Intent)
	case IntentAbandoned:
		return deadKey(&s.Intent)
	}
	return nil
}

// settle closes an intent. One that is not known is left alone: the receipt of a
// connector that was configured away has nothing to close.
func (a *application) settle(st *itsm.Settlement) error {
	s, err := getIntent(a.tx, st.Connector, st.Key)
	if errors.Is(err, kv.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	s.Status, s.SettledAt, s.Failure = IntentConfirmed, st.At, st.Failure
	if st.Failure != "" {
		s.Status = IntentAbandoned
	}
	return a.putIntent(&s)
}

// revive puts a dead letter back to what waits. Any other intent stays as it is:
// what was confirmed must not be sent again.
func (a *application) revive(st *itsm.Settlement) error {
	s, err := getIntent(a.tx, st.Connector, st.Key)
	if errors.Is(err, kv.ErrNotFound) || (err == nil && s.Status != IntentAbandoned) {
		return nil
	}
	if err != nil {
		return err
	}
	s.Status, s.SettledAt, s.Failure = IntentPending, 0, ""
	return a.putIntent(&s)
}

func getIntent(tx kv.Tx, connector, key string) (StoredIntent, error) {
	v, err := tx.Get(intentKey(connector, key))
	if err != nil {
		return StoredIntent{}, err
	}
	return decodeIntent(connector, key, v)
}

// Intent returns one intent and what became of it, or NotFound.
func (d *Desk) Intent(connector, key string) (s StoredIntent, err error) {
	err = d.db.View(func(tx kv.Tx) (err error) {
		s, err = getIntent(tx, connector, key)
		return err
	})
	if errors.Is(err, kv.ErrNotFound) {
		return s, itsm.Errorf(itsm.NotFound, "connector %q has no intent %q", connector, key)
	}
	return s, err
}

// Intents returns the first unsettled intents of a connector, in the order in
// which they must be sent.
func (d *Desk) Intents(connector string, limit int) (out []itsm.Intent, err error) {
	err = d.db.View(func(tx kv.Tx) error {
		var keys []string // first: intents are large, and then there is room for as many as there are
		if err := tx.Scan(kv.Range{Prefix: kv.Key(kindPending, connector)}, func(_, key []byte) error {
			if len(keys) >= limit {
				return kv.Stop
			}
			keys = append(keys, string(key))
			return nil
		}); err != nil || len(keys) == 0 {
			return err
		}
		out = make([]itsm.Intent, 0, len(keys))
		for _, key := range keys {
			s, err := getIntent(tx, connector, key)
			if err != nil {
				return err
			}
			out = append(out, s.Intent)
		}
		return nil
	})
	return out, err
}

// Outbox pages through the unsettled intents of a connector, oldest first.
func (d *Desk) Outbox(connector, cursor string, limit int) (Page[StoredIntent], error) {
	return d.intentPage(kindPending, connector, cursor, limit)
}

// DeadLetters pages through the abandoned intents of a connector, newest first.
func (d *Desk) DeadLetters(connector, cursor string, limit int) (Page[StoredIntent], error) {
	return d.intentPage(kindDead, connector, cursor, limit)
}

func (d *Desk) intentPage(kind byte, connector, cursor string, limit int) (Page[StoredIntent], error) {
	p := pager{kind: kind, prefix: kv.Key(kind, connector), limit: limit, scanMax: ListScanMax}
	return list(d, p, cursor, func(tx kv.Tx, _, key []byte, s *StoredIntent) (_ bool, err error) {
		*s, err = getIntent(tx, connector, string(key))
		return true, err
	})
}
