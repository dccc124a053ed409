// Package kv is the small ordered key-value interface that the folded view is
// stored behind, and the tuple keys every package builds its layout from.
//
// DB is a store with snapshot reads and one writer at a time; Tx is one
// transaction of it. Mem is a real, small implementation in memory; badgerkv is
// the one on disk. kvtest holds the properties that both must have.
//
// Invariants:
//   - a View sees one moment: nothing an Update does later shows in it;
//   - an Update is all or nothing, and sees its own writes;
//   - an UpdateLarge keeps the order of its writes: whenever a write is stored,
//     so is every write made before it. A caller whose last write is its cursor
//     can therefore repeat the whole call after a crash;
//   - Scan visits keys in byte order, which for keys made by Key is the order of
//     their parts.
//
// The package owns no keys of its own.
//
// # Decisions
//
// 2026-11 Every part of a key carries a tag byte, so that Format prints any key
// without knowing who wrote it. It costs one byte a part; rejected: a registry of
// layouts, which a support tool would have to import from every package.
//
// 2026-11 Values are handed over, not copied: a transaction keeps the slices it
// was given until it ends. At 84,000 records a second the copies were a tenth of
// the cost.
package kv

import "errors"

// ErrNotFound is what Get answers for a key that is not stored.
var ErrNotFound = errors.New("kv: no such key")

// ErrTooBig is what an Update answers when it does not fit one transaction of
// the store; UpdateLarge is for writes that may not.
var ErrTooBig = errors.New("kv: more than one transaction can hold")

// ErrReadOnly is what Set and Delete answer inside a View.
var ErrReadOnly = errors.New("kv: write inside a read-only transaction")

// Stop is returned by a Scan callback to end the scan without an error.
//
//lint:ignore ST1012 it is a signal and not a failure
var Stop = errors.New("kv: stop")

// DB is an ordered key-value store with one writer at a time.
type DB interface {
	// View runs fn on a snapshot.
	View(fn func(Tx) error) error
	// Update runs fn and stores what it wrote, all or nothing.
	Update(fn func(Tx) error) error
	// UpdateLarge is Update for writes that may exceed one transaction: they are
	// stored in the order they were made, in as many transactions as it takes. An
	// error leaves a prefix of them behind.
	UpdateLarge(fn func(Tx) error) error
	// Sync makes everything stored so far survive a power cut.
	Sync() error
	// Close releases the store. Nothing may be called after it.
	Close() error
}

// Tx is one transaction. It must not be used after its function returned.
type Tx interface {
	// Get returns the value of key, or ErrNotFound. The value is valid until the
	// transaction ends and must not be changed.
	Get(key []byte) ([]byte, error)
	// Set stores value under key. Both must stay unchanged until the transaction ends.
	Set(key, value []byte) error
	// Delete removes key; a missing key is no error.
	Delete(key []byte) error
	// Scan calls fn for each key in r, in order. Key and value are valid only
	// during the call. fn returns Stop to end the scan.
	Scan(r Range, fn func(key, value []byte) error) error
}

// Range says what a Scan visits. The zero Range is every key.
type Range struct {
	Prefix   []byte // only keys that begin with it
	From     []byte // begin at the first key ≥ From; in reverse at the last key ≤ From
	Reverse  bool
	KeysOnly bool // value is nil; cheaper
}
