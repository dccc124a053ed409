// Package fault is a disk that misbehaves on purpose, for tests of what must survive
// it. [Disk] is a journal.FS in memory that knows what has been synced: after [Disk.Crash] unsynced
// pages, sizes, creates, renames and removes have survived or not, as a seed decides, pages
// torn at sectors of 512 bytes. Any operation can be made to fail or to be the last one.
//
// A failed sync behaves like Linux: the pages count as clean, readers still see them,
// and no later sync writes them.
//
// # Decisions
//
// 2026-11, a sector of an unsynced page may hold any of the contents it had since the last sync, each
// sector on its own: worse than real disks, and simple. Directory changes survive as a prefix
// or as any subset, because file systems differ.
package fault

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"sort"
	"sync"
	"syscall"

	"signalbox/ingest/journal"
)

// Units of the simulated disk.
const (
	pageBytes   = 4096
	sectorBytes = 512
)

// ErrPowerCut is what every operation returns after the last one that was allowed.
var ErrPowerCut = errors.New("power cut")

// Op describes an operation about to be done.
type Op struct {
	N    int    // counts from 1
	Kind string // "create", "write", "sync", "rename", …
	Name string
}

// Disk is a simulated disk with one file system.
type Disk struct {
	// Fail, if set, is asked before each operation that changes something. An error fails the operation; a write may
	// have been done in part.
	Fail func(Op) error
	// Capacity is the space for files in bytes; 0 is no bound.
	Capacity int64

	mu      sync.Mutex
	rng     *rand.Rand
	names   map[string]*inode // as programs see them
	durable map[string]*inode // as they are on the disk
	pending []change
	locked  map[string]bool
	ops     int
	dark    bool // the power is cut
	life    int  // counts crashes, so that old handles are known
}

// change is a directory operation not yet synced; nil removes the name.
type change map[string]*inode

type inode struct {
	cache   []byte
	disk    []byte
	dirty   map[int][][]byte // contents a page had since the last sync
	resized bool
}

// New returns an empty disk; the seed decides what a crash spares.
func New(seed uint64) *Disk {
	return &Disk{rng: rand.New(rand.NewPCG(seed, 1)), names: map[string]*inode{}, durable: map[string]*inode{}, locked: map[string]bool{}}
}

// Ops returns how many operations have changed something or tried to.
func (d *Disk) Ops() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.ops
}

// step counts an operation and asks whether it fails. The caller holds mu.
func (d *Disk) step(kind, name string) error {
	d.ops++
	if d.Fail == nil {
		return nil
	}
	if err := d.Fail(Op{N: d.ops, Kind: kind, Name: filepath.Base(name)}); err != nil {
		d.dark = d.dark || errors.Is(err, ErrPowerCut)
		return fmt.Errorf("%s %s: %w", kind, name, err)
	}
	return nil
}

// Crash cuts the power and starts again with what has survived. Open files and locks are gone.
func (d *Disk) Crash() {
	d.mu.Lock()
	defer d.mu.Unlock()
	prefix, keep := d.rng.IntN(2) == 0, d.rng.IntN(len(d.pending)+1)
	for i, c := range d.pending {
		if prefix && i < keep || !prefix && d.rng.IntN(2) == 0 {
			c.apply(d.durable)
		}
	}
	seen := map[*inode]bool{}
	names := map[string]*inode{}
	for _, name := range sorted(d.durable) {
		if n := d.durable[name]; !seen[n] {
			seen[n] = true
			n.crash(d.rng)
		}
		names[name] = d.durable[name]
	}
	d.names, d.pending = names, nil
	d.restart()
}

// Kill ends the process that has files open; what it wrote stays as programs see it.
func (d *Disk) Kill() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.restart()
}

func (d *Disk) restart() {
	d.locked, d.dark = map[string]bool{}, false
	d.life++
}

func (c change) apply(names map[string]*inode) {
	for name, n := range c {
		if n == nil {
			delete(names, name)
		} else {
			names[name] = n
		}
	}
}

// crash decides for each unsynced sector which of its contents is on the disk.
func (n *inode) crash(rng *rand.Rand) {
	size := len(n.disk)
	if n.resized && rng.IntN(2) == 0 {
		size = len(n.cache)
	}
	after := make([]byte, size)
	copy(after, n.disk)
	pages := make([]int, 0, len(n.dirty))
	for p := range n.dirty {
		pages = append(pages, p)
	}
	sort.Ints(pages)
	for _, p := range pages {
		versions := n.dirty[p]
		whole := rng.IntN(len(versions)+1) - 1 // -1: not written
		torn := rng.IntN(3) == 0
		for at := 0; at < pageBytes; at += sectorBytes {
			v := whole
			if torn {
				v = rng.IntN(len(versions)+1) - 1
			}
			if pos := p*pageBytes + at; v >= 0 && pos < size && at < len(versions[v]) {
				copy(after[pos:], versions[v][at:min(at+sectorBytes, len(versions[v]))])
			}
		}
	}
	n.disk, n.cache, n.dirty, n.resized = after, append([]byte(nil), after...), nil, false
}

// Flip changes one bit of a file, on the disk and in memory.
func (d *Disk) Flip(name string, bit int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := d.names[name]
	n.cache[bit/8] ^= 1 << (bit % 8)
	n.disk = append([]byte(nil), n.cache...)
}

// Truncate shortens a file, on the disk and in memory.
func (d *Disk) Truncate(name string, size int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := d.names[name]
	n.cache = n.cache[:size:size]
	n.disk = append([]byte(nil), n.cache...)
}

// Clone returns an independent copy of the files as programs see them, all durable and unlocked.
func (d *Disk) Clone(seed uint64) *Disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := New(seed)
	for name, n := range d.names {
		m := &inode{cache: append([]byte(nil), n.cache...), disk: append([]byte(nil), n.cache...)}
		c.names[name], c.durable[name] = m, m
	}
	return c
}

// Size returns a file's size, or -1.
func (d *Disk) Size(name string) int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	if n := d.names[name]; n != nil {
		return int64(len(n.cache))
	}
	return -1
}

func (d *Disk) used() (sum int64) {
	for _, n := range d.names {
		sum += int64(len(n.cache))
	}
	return sum
}

func sorted(names map[string]*inode) []string {
	out := make([]string, 0, len(names))
	for name := range names {
		out = append(out, name)
	}
	sort.Strings(out)
	return out
}

// change records and applies a directory operation.
func (d *Disk) change(c change) {
	c.apply(d.names)
	d.pending = append(d.pending, c)
}

// MkdirAll does nothing: directories exist when they have files.
func (d *Disk) MkdirAll(string) error { return nil }

// Create makes or empties a file.
func (d *Disk) Create(name string) (journal.File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.step("create", name); err != nil {
		return nil, err
	}
	d.change(change{name: new(inode)})
	return d.handle(name)
}

// Open opens a file to read and write.
func (d *Disk) Open(name string) (journal.File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.handle(name)
}

// OpenRead opens a file to read.
func (d *Disk) OpenRead(name string) (journal.File, error) { return d.Open(name) }

func (d *Disk) handle(name string) (journal.File, error) {
	n := d.names[name]
	if n == nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return &file{disk: d, node: n, name: name, life: d.life}, nil
}

// Rename moves a file, in one step.
func (d *Disk) Rename(from, to string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.step("rename", to); err != nil {
		return err
	}
	n := d.names[from]
	if n == nil {
		return &fs.PathError{Op: "rename", Path: from, Err: fs.ErrNotExist}
	}
	d.change(change{from: nil, to: n})
	return nil
}

// Remove deletes a name.
func (d *Disk) Remove(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.step("remove", name); err != nil {
		return err
	}
	if d.names[name] == nil {
		return &fs.PathError{Op: "remove", Path: name, Err: fs.ErrNotExist}
	}
	d.change(change{name: nil})
	return nil
}

// List returns the base names in a directory.
func (d *Disk) List(dir string) ([]string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var out []string
	for _, name := range sorted(d.names) {
		if filepath.Dir(name) == filepath.Clean(dir) {
			out = append(out, filepath.Base(name))
		}
	}
	return out, nil
}

// SyncDir makes all directory operations durable.
func (d *Disk) SyncDir(dir string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	err := d.step("syncdir", dir)
	if err == nil {
		for _, c := range d.pending {
			c.apply(d.durable)
		}
		d.pending = nil
	}
	return err
}

// FreeBytes returns what is left of the capacity.
func (d *Disk) FreeBytes(string) (int64, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.Capacity == 0 {
		return 1 << 50, nil
	}
	return d.Capacity - d.used(), nil
}

// Lock takes a lock that lasts until it is closed or the power is cut.
func (d *Disk) Lock(name string, exclusive bool) (io.Closer, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.locked[name] {
		return nil, journal.ErrLocked
	}
	if exclusive {
		d.locked[name] = true
	}
	return unlock{d, name, exclusive, d.life}, nil
}

type unlock struct {
	disk      *Disk
	name      string
	exclusive bool
	life      int
}

func (u unlock) Close() error {
	u.disk.mu.Lock()
	defer u.disk.mu.Unlock()
	if u.exclusive && u.life == u.disk.life {
		delete(u.disk.locked, u.name)
	}
	return nil
}

// full is what a write or reservation beyond the capacity gets.
func (d *Disk) full(name string) error {
	return &fs.PathError{Op: "write", Path: name, Err: syscall.ENOSPC}
}

// Bytes returns a copy of a file as programs see it, or nil.
func (d *Disk) Bytes(name string) []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	if n := d.names[name]; n != nil {
		return append([]byte{}, n.cache...)
	}
	return nil
}

// Put makes a file with the given content, on the disk and in memory.
func (d *Disk) Put(name string, content []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := &inode{cache: append([]byte{}, content...), disk: append([]byte{}, content...)}
	d.names[name], d.durable[name] = n, n
}
