package fault

import (
	"io"
)

// file is an open file of a Disk.
type file struct {
	disk *Disk
	node *inode
	name string
	life int
}

// begin locks the disk and counts the operation.
func (f *file) begin(kind string) error {
	if f.life != f.disk.life {
		return ErrPowerCut
	}
	return f.disk.step(kind, f.name)
}

// ReadAt implements io.ReaderAt.
func (f *file) ReadAt(b []byte, off int64) (int, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if off >= int64(len(f.node.cache)) {
		return 0, io.EOF
	}
	n := copy(b, f.node.cache[off:])
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

// WriteAt implements io.WriterAt. A failing write has written a part.
func (f *file) WriteAt(b []byte, off int64) (int, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	dark := f.disk.dark
	err := f.begin("write")
	if err != nil {
		if dark || f.life != f.disk.life {
			return 0, err
		}
		b = b[:f.disk.rng.IntN(len(b)+1)]
	}
	if full := f.resize(off + int64(len(b))); full != nil {
		return 0, full
	}
	copy(f.node.cache[off:], b)
	for p := int(off / pageBytes); len(b) > 0 && p <= int((off+int64(len(b))-1)/pageBytes); p++ {
		f.node.remember(p)
	}
	return len(b), err
}

// resize grows the file, if there is space.
func (f *file) resize(size int64) error {
	more := size - int64(len(f.node.cache))
	if more <= 0 {
		return nil
	}
	if f.disk.Capacity > 0 && f.disk.used()+more > f.disk.Capacity {
		return f.disk.full(f.name)
	}
	f.node.cache = append(f.node.cache, make([]byte, more)...)
	f.node.resized = true
	return nil
}

// remember keeps what a page holds now as one of the contents a crash can leave.
func (n *inode) remember(p int) {
	if n.dirty == nil {
		n.dirty = map[int][][]byte{}
	}
	page := n.cache[p*pageBytes : min((p+1)*pageBytes, len(n.cache))]
	n.dirty[p] = append(n.dirty[p], append([]byte(nil), page...))
}

// Size returns the size as programs see it.
func (f *file) Size() (int64, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	return int64(len(f.node.cache)), nil
}

// Preallocate reserves space and sets the size.
func (f *file) Preallocate(size int64) error {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if err := f.begin("preallocate"); err != nil {
		return err
	}
	return f.resize(size)
}

// Sync makes the file's content durable, not its name.
func (f *file) Sync() error {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	err := f.begin("sync")
	if f.life != f.disk.life {
		return err
	}
	n := f.node
	if err == nil {
		if len(n.disk) != len(n.cache) {
			n.disk = append(n.disk, make([]byte, len(n.cache)-len(n.disk))...)
		}
		for p := range n.dirty {
			end := min((p+1)*pageBytes, len(n.cache))
			copy(n.disk[p*pageBytes:end], n.cache[p*pageBytes:end])
		}
		n.resized = false
	}
	if !f.disk.dark {
		n.dirty = nil // after a failure, too: nothing will write these pages again
	}
	return err
}

// SyncData is Sync.
func (f *file) SyncData() error { return f.Sync() }

// Close does nothing: an open file costs nothing here.
func (f *file) Close() error { return nil }
