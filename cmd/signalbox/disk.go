package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"signalbox/itsm"
)

// The view writes through memory maps, for which a disk without room is a signal
// that ends the process and not an error. So nothing is accepted, and a little
// later nothing folded, while less than a reserve is free.
//
// The reserve is a tenth of the disk, at most reserveMax: what a fast disk takes in
// a fraction of a second, which is how long the view needs to finish what it holds
// in memory. It is at least reserveMin, the most the view writes without being
// asked: three memtables as tables (48 MiB), a new log (16 MiB) and what two
// compactions work on (32 MiB).
const (
	reserveMax   = 256 << 20
	reserveMin   = 96 << 20
	reserveShare = 10
)

// The ballast is a file that holds space for a start on a full disk, which needs
// some to open the view. It is not given back earlier: whatever filled the disk
// would take it.
const (
	ballastFile  = "ballast"
	ballastMax   = 64 << 20
	ballastShare = 16
)

const (
	segmentMax   = 64 << 20 // of the journal, on disks that are large enough
	segmentMin   = 4 << 20
	segmentShare = 64 // of the disk
	boundShare   = 16 // of journal.max_bytes, which is kept in whole segments
	inodesMin    = 64 // files the view, the journal and snapshots may make before anyone looks again
	diskEvery    = 50 * time.Millisecond
)

// disk watches the room of the data directory's disk.
type disk struct {
	dir     string
	reserve int64 // free bytes below which nothing is accepted
	ballast int64 // size of the ballast file
	segment int64 // size of the journal's segments
	log     *slog.Logger
	last    atomic.Pointer[room] // as of the last look
}

// room is what a look at the disk found.
type room struct {
	bytes, inodes int64 // free; inodes -1: the file system does not count them
	err           error
}

// openDisk looks at the disk and makes the ballast if there is space for it.
func openDisk(dir string, log *slog.Logger) (*disk, error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return nil, fmt.Errorf("size of the disk of %s: %w", dir, err)
	}
	size := int64(st.Blocks) * st.Bsize
	d := &disk{dir: dir, log: log,
		reserve: reserveOf(size),
		ballast: min(ballastMax, size/ballastShare),
		segment: max(segmentMin, min(segmentMax, size/segmentShare)) &^ 0xfff,
	}
	d.look()
	d.tend()
	return d, nil
}

// reserveOf is the reserve of a disk of that size.
func reserveOf(size int64) int64 { return max(reserveMin, min(reserveMax, size/reserveShare)) }

// segmentFor is the size of the journal's segments when it may have that many bytes; 0: any.
func (d *disk) segmentFor(bound int64) int64 {
	if bound == 0 {
		return d.segment
	}
	return max(segmentMin, min(d.segment, bound/boundShare)) &^ 0xfff
}

// look asks the file system, which takes about a microsecond.
func (d *disk) look() *room {
	r := &room{}
	r.bytes, r.inodes, r.err = freeRoom(d.dir)
	d.last.Store(r)
	return r
}

// lacks says what is missing when less than reserve bytes should be free.
func (d *disk) lacks(r *room, reserve int64) error {
	switch {
	case r.err != nil:
		return r.err
	case r.bytes < reserve:
		return itsm.Errorf(itsm.Unavailable, "the disk of %s is full: %d MiB are left and %d are needed; free some space, and it goes on by itself", d.dir, r.bytes>>20, reserve>>20)
	case r.inodes >= 0 && r.inodes < inodesMin:
		return itsm.Errorf(itsm.Unavailable, "the disk of %s is full: %d more files can be made (inodes) and %d are needed; remove some files, and it goes on by itself", d.dir, r.inodes, inodesMin)
	}
	return nil
}

// check says why nothing may be accepted; it costs nothing.
func (d *disk) check() error { return d.lacks(d.last.Load(), d.reserve) }

// roomToFold says why the view must not be written. It allows more than check, so
// that what was accepted before can be folded, and looks afresh.
func (d *disk) roomToFold() error { return d.lacks(d.look(), d.reserve/2) }

// roomToOpen makes sure that need bytes are free, with the ballast's if it must.
func (d *disk) roomToOpen(need int64) error {
	if d.lacks(d.look(), need) == nil {
		return nil
	}
	d.release()
	if err := d.lacks(d.look(), need); err != nil {
		return fmt.Errorf("opening the records: %w", err)
	}
	return nil
}

// watch looks at the disk until ctx ends.
func (d *disk) watch(ctx context.Context) error {
	t := time.NewTicker(diskEvery)
	defer t.Stop()
	var told error
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
		d.look()
		d.tend()
		switch err := d.check(); {
		case err != nil && told == nil:
			d.log.Warn("nothing is accepted", "err", err)
			told = err
		case err == nil && told != nil:
			d.log.Info("there is room again; deliveries are accepted")
			told = nil
		}
	}
}

// tend takes the ballast, when there is plenty of space.
func (d *disk) tend() {
	if r := d.last.Load(); r.err == nil && r.bytes >= d.reserve+2*d.ballast {
		d.take()
	}
}

// release gives the ballast's space back.
func (d *disk) release() {
	err := os.Remove(filepath.Join(d.dir, ballastFile))
	if err == nil {
		d.log.Warn("the disk is full: the ballast was given back to open the records", "bytes", d.ballast)
	} else if !errors.Is(err, fs.ErrNotExist) {
		d.log.Warn("ballast not removed", "err", err)
	}
}

// take reserves the ballast's space unless it is there already.
func (d *disk) take() {
	path := filepath.Join(d.dir, ballastFile)
	if st, err := os.Stat(path); err == nil && st.Size() == d.ballast {
		return
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|os.O_TRUNC, 0o600)
	if err == nil {
		err = errors.Join(unix.Fallocate(int(f.Fd()), 0, 0, d.ballast), f.Close())
	}
	if err != nil && !errors.Is(err, unix.EOPNOTSUPP) {
		d.log.Warn("no ballast", "err", errors.Join(err, os.Remove(path)))
	}
}

// freeRoom is what is left on the disk of dir.
func freeRoom(dir string) (bytes, inodes int64, err error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return 0, 0, itsm.Wrap(itsm.Unavailable, err, "the free space of %s is unknown", dir)
	}
	inodes = -1
	if st.Files > 0 {
		inodes = int64(st.Ffree)
	}
	return int64(st.Bavail) * st.Bsize, inodes, nil
}
