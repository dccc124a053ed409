package badgerkv

import (
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"signalbox/itsm"
)

// allocated is what a file takes on disk, which for a sparse file is less than
// its length.
func allocated(info fs.FileInfo) int64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return st.Blocks * 512
	}
	return info.Size()
}

// lockDir takes the lock that Badger takes on its directory.
func lockDir(dir string) (unlock func(), err error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		return nil, itsm.Wrap(itsm.Unavailable, err, "view directory %q: another process has it open; stop that process first", dir)
	}
	return func() { f.Close() }, nil // closing releases the lock
}
