package journal

import (
	"errors"
	"io/fs"

	"golang.org/x/sys/unix"
)

// Preallocate reserves the blocks, so that a full disk is found here and not by a
// later write. Where the file system cannot, the file is filled with zeros.
func (f osFile) Preallocate(size int64) error {
	err := unix.Fallocate(int(f.Fd()), 0, 0, size)
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOSYS) {
		return f.fill(size)
	}
	if err != nil {
		return &fs.PathError{Op: "fallocate", Path: f.Name(), Err: err}
	}
	return nil
}

// SyncData leaves out times of change, which saves a commit of the file system's own log.
func (f osFile) SyncData() error {
	for {
		err := unix.Fdatasync(int(f.Fd()))
		if err == nil {
			return nil
		}
		// An interrupted call has not been a failed one.
		if !errors.Is(err, unix.EINTR) {
			return &fs.PathError{Op: "fdatasync", Path: f.Name(), Err: err}
		}
	}
}
