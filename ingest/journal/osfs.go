//go:build unix

package journal

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Permissions: the journal holds what senders sent, for its owner only.
const (
	dirMode  = 0o700
	fileMode = 0o600
)

// zeroChunk is the unit in which a file is filled where blocks cannot be reserved.
const zeroChunk = 1 << 20

// OS is the machine's file system.
func OS() FS { return osFS{} }

type osFS struct{}

type osFile struct{ *os.File }

type nopCloser struct{}

func (nopCloser) Close() error { return nil }

// MkdirAll makes each missing directory durable in its parent: a journal in a directory that a
// power cut takes away would be no journal.
func (f osFS) MkdirAll(dir string) error {
	if i, err := os.Stat(dir); err == nil && i.IsDir() {
		return nil
	}
	parent := filepath.Dir(dir)
	if parent != dir {
		if err := f.MkdirAll(parent); err != nil {
			return err
		}
	}
	if err := os.Mkdir(dir, dirMode); err != nil {
		return err
	}
	return f.SyncDir(parent)
}

func (osFS) Create(name string) (File, error) {
	return openOS(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC)
}

func (osFS) Open(name string) (File, error)     { return openOS(name, os.O_RDWR) }
func (osFS) OpenRead(name string) (File, error) { return openOS(name, os.O_RDONLY) }
func (osFS) Rename(from, to string) error       { return os.Rename(from, to) }
func (osFS) Remove(name string) error           { return os.Remove(name) }

func openOS(name string, flag int) (File, error) {
	f, err := os.OpenFile(name, flag, fileMode)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

func (osFS) List(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names, nil
}

func (osFS) SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

func (osFS) FreeBytes(dir string) (int64, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return 0, &fs.PathError{Op: "statfs", Path: dir, Err: err}
	}
	return int64(s.Bavail) * int64(s.Bsize), nil
}

func (osFS) Lock(name string, exclusive bool) (io.Closer, error) {
	flag, how := os.O_RDWR|os.O_CREATE, unix.LOCK_EX
	if !exclusive {
		flag, how = os.O_RDONLY, unix.LOCK_SH
	}
	f, err := os.OpenFile(name, flag, fileMode)
	if !exclusive && errors.Is(err, fs.ErrNotExist) {
		return nopCloser{}, nil
	}
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), how|unix.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, ErrLocked
		}
		return nil, &fs.PathError{Op: "flock", Path: name, Err: err}
	}
	return f, nil
}

func (f osFile) Size() (int64, error) {
	i, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return i.Size(), nil
}

// fill reserves space by writing zeros.
func (f osFile) fill(size int64) error {
	zeros := make([]byte, zeroChunk)
	for pos := int64(0); pos < size; pos += zeroChunk {
		if _, err := f.WriteAt(zeros[:min(zeroChunk, size-pos)], pos); err != nil {
			return err
		}
	}
	return nil
}
