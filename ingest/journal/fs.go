package journal

import (
	"errors"
	"io"
	"syscall"
)

// FS is what the journal needs of a file system. Names are whole paths. Errors are
// those of package os: a missing file is fs.ErrNotExist, a full disk ENOSPC.
type FS interface {
	MkdirAll(dir string) error
	Create(name string) (File, error)   // new or emptied, to read and write
	Open(name string) (File, error)     // existing, to read and write
	OpenRead(name string) (File, error) // existing, to read
	Rename(from, to string) error       // replaces what was there
	Remove(name string) error
	List(dir string) ([]string, error) // base names, sorted
	SyncDir(dir string) error          // makes creates, renames and removes durable
	FreeBytes(dir string) (int64, error)
	// Lock takes the lock file: exclusively (creating it), or shared with other readers
	// (a missing file is no obstacle). ErrLocked when another process has it.
	Lock(name string, exclusive bool) (io.Closer, error)
}

// File is an open file of an FS.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Size() (int64, error)
	Preallocate(size int64) error // reserves the blocks and sets the size
	Sync() error                  // data and metadata
	SyncData() error              // data, and metadata only as far as reading needs it
}

// ErrLocked is returned by FS.Lock when another process holds the lock.
var ErrLocked = errors.New("locked by another process")

// scarce reports whether err says that something has run out which may come back: space,
// quota, file descriptors, memory.
func scarce(err error) bool {
	for _, e := range []error{syscall.ENOSPC, syscall.EDQUOT, syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
