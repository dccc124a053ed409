package badgerkv

import (
	"bytes"
	"errors"

	"github.com/dgraph-io/badger/v4"

	"signalbox/itsm/kv"
)

// tx is one kv transaction: one of Badger, or with split as many as it takes.
type tx struct {
	txn   *badger.Txn
	db    *badger.DB // for the next transaction after a split
	split bool
}

// Get implements kv.Tx.
func (t *tx) Get(key []byte) ([]byte, error) {
	item, err := t.txn.Get(key)
	if err != nil {
		return nil, storeError(err)
	}
	v, err := item.ValueCopy(nil)
	return v, storeError(err)
}

// Set implements kv.Tx.
func (t *tx) Set(key, value []byte) error {
	return t.put(func() error { return t.txn.Set(key, value) })
}

// Delete implements kv.Tx.
func (t *tx) Delete(key []byte) error {
	return t.put(func() error { return t.txn.Delete(key) })
}

// put writes, in the next transaction if this one is full. What was written so
// far is stored first, which keeps the order of writes.
func (t *tx) put(write func() error) error {
	err := write()
	if t.split && errors.Is(err, badger.ErrTxnTooBig) {
		if err := t.txn.Commit(); err != nil {
			return storeError(err)
		}
		t.txn = t.db.NewTransaction(true)
		err = write()
	}
	return storeError(err)
}

// Scan implements kv.Tx.
func (t *tx) Scan(r kv.Range, fn func(key, value []byte) error) error {
	it := t.txn.NewIterator(badger.IteratorOptions{
		PrefetchValues: false, // values lie beside the keys; a goroutine a value costs more than it saves
		Reverse:        r.Reverse,
		Prefix:         tablePrefix(r),
	})
	defer it.Close()
	for seek(it, r); it.Valid(); it.Next() {
		key := it.Item().Key()
		if !bytes.HasPrefix(key, r.Prefix) {
			if r.Reverse && bytes.Compare(key, r.Prefix) > 0 {
				continue // the seek landed beyond the last key of the prefix
			}
			return nil
		}
		if err := visit(it.Item(), r.KeysOnly, fn); err != nil {
			if errors.Is(err, kv.Stop) {
				return nil
			}
			return err
		}
	}
	return nil
}

// tablePrefix lets Badger skip tables. In reverse it must not: the seek may land
// on a key beyond the prefix, at which the iterator would end at once.
func tablePrefix(r kv.Range) []byte {
	if r.Reverse {
		return nil
	}
	return r.Prefix
}

func seek(it *badger.Iterator, r kv.Range) {
	switch {
	case !r.Reverse && bytes.Compare(r.From, r.Prefix) > 0:
		it.Seek(r.From)
	case !r.Reverse:
		it.Seek(r.Prefix)
	case r.From != nil && (bytes.Compare(r.From, r.Prefix) < 0 || bytes.HasPrefix(r.From, r.Prefix)):
		it.Seek(r.From)
	default:
		if end := successor(r.Prefix); end != nil {
			it.Seek(end)
		} else {
			it.Rewind()
		}
	}
}

// successor is the smallest key above everything that begins with prefix, nil
// when there is none.
func successor(prefix []byte) []byte {
	for i := len(prefix) - 1; i >= 0; i-- {
		if prefix[i] != 0xFF {
			end := bytes.Clone(prefix[:i+1])
			end[i]++
			return end
		}
	}
	return nil
}

func visit(item *badger.Item, keysOnly bool, fn func(key, value []byte) error) error {
	if keysOnly {
		return fn(item.Key(), nil)
	}
	called := false
	err := item.Value(func(v []byte) error {
		called = true
		return fn(item.Key(), v)
	})
	if called {
		return err // the caller's own, as it is
	}
	return storeError(err)
}
