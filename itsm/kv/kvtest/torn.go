package kvtest

import (
	"errors"

	"signalbox/itsm/kv"
)

// ErrTorn is what a Torn store answers when it stops.
var ErrTorn = errors.New("kvtest: the process died here")

// Torn wraps a DB whose UpdateLarge stores every write at once, as if each were
// a transaction of its own, and dies after some of them.
type Torn struct {
	kv.DB
	After int // writes until it dies; negative: never
}

// UpdateLarge implements kv.DB.
func (d *Torn) UpdateLarge(fn func(kv.Tx) error) error {
	return fn(&tornTx{d: d})
}

type tornTx struct{ d *Torn }

func (t *tornTx) write(fn func(kv.Tx) error) error {
	if t.d.After == 0 {
		return ErrTorn
	}
	t.d.After--
	return t.d.DB.Update(fn)
}

// Get implements kv.Tx.
func (t *tornTx) Get(key []byte) (v []byte, err error) {
	err = t.d.DB.View(func(tx kv.Tx) error {
		v, err = tx.Get(key)
		return err
	})
	return v, err
}

// Set implements kv.Tx.
func (t *tornTx) Set(key, value []byte) error {
	return t.write(func(tx kv.Tx) error { return tx.Set(key, value) })
}

// Delete implements kv.Tx.
func (t *tornTx) Delete(key []byte) error {
	return t.write(func(tx kv.Tx) error { return tx.Delete(key) })
}

// Scan implements kv.Tx.
func (t *tornTx) Scan(r kv.Range, fn func(key, value []byte) error) error {
	return t.d.DB.View(func(tx kv.Tx) error { return tx.Scan(r, fn) })
}
