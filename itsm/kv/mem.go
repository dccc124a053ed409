package kv

import (
	"bytes"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/cespare/xxhash/v2"
)

// memory is a DB in memory: a persistent treap, whose root is replaced by each
// Update. A View holds the root it began with, so it cannot see anything later.
type memory struct {
	write sync.Mutex // one Update at a time
	root  atomic.Pointer[node]
}

// Mem returns an empty DB in memory. It keeps nothing and is as strict as the
// one on disk, so that a test on it means something.
func Mem() DB { return &memory{} }

// View implements DB.
func (m *memory) View(fn func(Tx) error) error {
	return fn(&memTx{root: m.root.Load()})
}

// Update implements DB.
func (m *memory) Update(fn func(Tx) error) error {
	m.write.Lock()
	defer m.write.Unlock()
	tx := &memTx{root: m.root.Load(), own: &owner{}}
	if err := fn(tx); err != nil {
		return err
	}
	m.root.Store(tx.root)
	return nil
}

// UpdateLarge implements DB; memory has no limit to split at.
func (m *memory) UpdateLarge(fn func(Tx) error) error { return m.Update(fn) }

// Sync implements DB; there is nothing to sync.
func (m *memory) Sync() error { return nil }

// Close implements DB.
func (m *memory) Close() error { return nil }

type memTx struct {
	root *node
	own  *owner // of the nodes this Update made, which nobody else can reach; nil in a View
}

// owner tells nodes apart by who made them; its address is all it is.
type owner struct{ _ byte }

// Get implements Tx.
func (t *memTx) Get(key []byte) ([]byte, error) {
	for n := t.root; n != nil; {
		switch c := bytes.Compare(key, n.key); {
		case c == 0:
			return n.value, nil
		case c < 0:
			n = n.left
		default:
			n = n.right
		}
	}
	return nil, ErrNotFound
}

// Set implements Tx. It copies, because the caller may use its buffers again
// after the transaction.
func (t *memTx) Set(key, value []byte) error {
	if t.own == nil {
		return ErrReadOnly
	}
	n := &node{key: bytes.Clone(key), value: append([]byte{}, value...), weight: xxhash.Sum64(key), own: t.own}
	t.root = t.root.insert(n)
	return nil
}

// Delete implements Tx.
func (t *memTx) Delete(key []byte) error {
	if t.own == nil {
		return ErrReadOnly
	}
	t.root = t.root.remove(key, t.own)
	return nil
}

// Scan implements Tx. It visits the moment at which it began, so fn may write.
func (t *memTx) Scan(r Range, fn func(key, value []byte) error) error {
	if t.own != nil {
		t.own = &owner{} // what there is stays as it is
	}
	s := scan{Range: r, fn: fn}
	err := s.visit(t.root)
	if errors.Is(err, Stop) {
		return nil
	}
	return err
}

// node is one key of the treap: a search tree by key and a heap by weight. The
// weight is a hash of the key, so equal content has equal shape. Nodes are never
// changed once anybody but who made them can reach them.
type node struct {
	key, value  []byte
	weight      uint64
	left, right *node
	own         *owner
}

// with is n with other children: n itself when it is of own.
func (n *node) with(left, right *node, own *owner) *node {
	if n.own == own {
		n.left, n.right = left, right
		return n
	}
	return &node{key: n.key, value: n.value, weight: n.weight, left: left, right: right, own: own}
}

// insert returns the tree with add, which is of who inserts it.
func (n *node) insert(add *node) *node {
	if n == nil {
		return add
	}
	c := bytes.Compare(add.key, n.key)
	switch {
	case c == 0:
		return add.with(n.left, n.right, add.own)
	case add.weight > n.weight:
		l, r := n.split(add.key, add.own)
		return add.with(l, r, add.own)
	case c < 0:
		return n.with(n.left.insert(add), n.right, add.own)
	}
	return n.with(n.left, n.right.insert(add), add.own)
}

// split parts a tree into the keys below and above key, which is not in it.
func (n *node) split(key []byte, own *owner) (below, above *node) {
	if n == nil {
		return nil, nil
	}
	if bytes.Compare(n.key, key) < 0 {
		l, r := n.right.split(key, own)
		return n.with(n.left, l, own), r
	}
	l, r := n.left.split(key, own)
	return l, n.with(r, n.right, own)
}

func (n *node) remove(key []byte, own *owner) *node {
	if n == nil {
		return nil
	}
	switch c := bytes.Compare(key, n.key); {
	case c < 0:
		return n.with(n.left.remove(key, own), n.right, own)
	case c > 0:
		return n.with(n.left, n.right.remove(key, own), own)
	}
	return join(n.left, n.right, own)
}

// join merges two trees, every key of l below every key of r.
func join(l, r *node, own *owner) *node {
	switch {
	case l == nil:
		return r
	case r == nil:
		return l
	case l.weight > r.weight:
		return l.with(l.left, join(l.right, r, own), own)
	}
	return r.with(join(l, r.left, own), r.right, own)
}

type scan struct {
	Range
	fn func(key, value []byte) error
}

// visit walks the part of a tree that the range touches, in the range's order.
func (s *scan) visit(n *node) error {
	if n == nil {
		return nil
	}
	low, high := s.position(n.key)
	first, second := n.left, n.right
	skipFirst, skipSecond := low, high
	if s.Reverse {
		first, second = second, first
		skipFirst, skipSecond = skipSecond, skipFirst
	}
	if !skipFirst {
		if err := s.visit(first); err != nil {
			return err
		}
	}
	if !low && !high {
		if err := s.call(n); err != nil {
			return err
		}
	}
	if skipSecond {
		return nil
	}
	return s.visit(second)
}

// position says whether key lies below or above the range.
func (s *scan) position(key []byte) (low, high bool) {
	if c := bytes.Compare(key, s.Prefix); c < 0 {
		return true, false
	}
	if !bytes.HasPrefix(key, s.Prefix) {
		return false, true
	}
	if s.From != nil {
		c := bytes.Compare(key, s.From)
		return !s.Reverse && c < 0, s.Reverse && c > 0
	}
	return false, false
}

func (s *scan) call(n *node) error {
	if s.KeysOnly {
		return s.fn(n.key, nil)
	}
	return s.fn(n.key, n.value)
}
