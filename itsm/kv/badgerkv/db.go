package badgerkv

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/dgraph-io/badger/v4"

	"signalbox/itsm"
	"signalbox/itsm/kv"
)

// DB is a kv.DB in a directory.
type DB struct {
	db    *badger.DB
	dir   string
	write sync.Mutex // one update at a time; what Badger would otherwise detect as conflicts
}

// Open opens the store in a directory. It answers Unavailable when another
// process holds it, and Internal when it is damaged: it can be rebuilt.
func Open(o Options) (*DB, error) {
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, itsm.Wrap(itsm.Unavailable, err, "view directory %q", o.Dir)
	}
	if err := guard(func() error { return checkTables(badgerOptions(o)) }); err != nil {
		return nil, openError(o.Dir, err)
	}
	db, err := openBadger(o)
	for n := 0; n < emptyFilesMax && err != nil && strings.Contains(err.Error(), wasEmpty); n++ {
		db, err = openBadger(o)
	}
	if err != nil {
		return nil, openError(o.Dir, err)
	}
	return &DB{db: db, dir: o.Dir}, nil
}

// emptyFilesMax is how many files a crash may have left empty: one value log and one
// memtable log, just made. Badger fills in such a file, but then refuses to open the
// store because the file was new (wasEmpty); the next time it is not.
const (
	emptyFilesMax = 2
	wasEmpty      = "Create a new file"
)

func openBadger(o Options) (db *badger.DB, err error) {
	err = guard(func() (err error) {
		db, err = badger.Open(badgerOptions(o))
		return err
	})
	return db, err
}

// guard turns a panic into an error: on some damaged files Badger trips over its
// own nil block before it reports them.
func guard(fn func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("badger: %v", r)
		}
	}()
	return fn()
}

// ErrUnfinished is what Open returns, among other words, of a store whose list of
// tables names one that is not there: Badger lists a table before it is sure of it,
// and a sync that fails at that moment leaves the list ahead. The store cannot be
// opened any more; what it is a view of can be folded again.
var ErrUnfinished = errors.New("a table of the view is listed and missing")

func openError(dir string, err error) error {
	if strings.Contains(err.Error(), "file does not exist for table") {
		err = errors.Join(ErrUnfinished, err)
	}
	if strings.Contains(err.Error(), "Cannot acquire directory lock") {
		return itsm.Wrap(itsm.Unavailable, err, "view directory %q: another process has it open; stop that process first", dir)
	}
	if errors.Is(err, fs.ErrPermission) {
		return itsm.Wrap(itsm.Unavailable, err, "view directory %q: no permission", dir)
	}
	return itsm.Wrap(itsm.Internal, err, "view directory %q cannot be opened; if it is damaged, remove it and rebuild the view from a snapshot and the journal", dir)
}

// View implements kv.DB.
func (d *DB) View(fn func(kv.Tx) error) error {
	return d.db.View(func(txn *badger.Txn) error { return fn(&tx{txn: txn}) })
}

// Update implements kv.DB.
func (d *DB) Update(fn func(kv.Tx) error) error { return d.update(fn, false) }

// UpdateLarge implements kv.DB.
func (d *DB) UpdateLarge(fn func(kv.Tx) error) error { return d.update(fn, true) }

func (d *DB) update(fn func(kv.Tx) error, split bool) error {
	d.write.Lock()
	defer d.write.Unlock()
	t := &tx{txn: d.db.NewTransaction(true), db: d.db, split: split}
	defer func() { t.txn.Discard() }() // t.txn is another one after a split
	if err := fn(t); err != nil {
		return err
	}
	return storeError(t.txn.Commit())
}

// storeError gives Badger's errors the meaning that callers know.
func storeError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, badger.ErrKeyNotFound):
		return kv.ErrNotFound
	case errors.Is(err, badger.ErrTxnTooBig):
		return kv.ErrTooBig
	case errors.Is(err, badger.ErrReadOnlyTxn):
		return kv.ErrReadOnly
	case errors.Is(err, badger.ErrConflict), errors.Is(err, badger.ErrBlockedWrites), errors.Is(err, badger.ErrDBClosed):
		return itsm.Wrap(itsm.Unavailable, err, "the view is not writable now")
	}
	return fmt.Errorf("view: %w", err)
}

// Sync implements kv.DB.
func (d *DB) Sync() error { return storeError(d.db.Sync()) }

// Close implements kv.DB.
func (d *DB) Close() error { return storeError(d.db.Close()) }

// Verify reads every table and checks its sums; it takes about a second for
// half a gigabyte.
func (d *DB) Verify() error {
	if err := guard(d.db.VerifyChecksum); err != nil {
		return itsm.Wrap(itsm.Internal, err, "view directory %q is damaged: remove it and rebuild the view from a snapshot and the journal", d.dir)
	}
	return nil
}

// gcDiscard is the share of a value-log file that must be garbage before it is rewritten.
const gcDiscard = 0.5

// RunGC collects the value log until nothing is left to gain. Call it now and
// then from one goroutine; it answers nil when there was nothing to do.
func (d *DB) RunGC() error {
	for {
		err := d.db.RunValueLogGC(gcDiscard)
		switch {
		case errors.Is(err, badger.ErrNoRewrite), errors.Is(err, badger.ErrRejected):
			return nil
		case err != nil:
			return storeError(err)
		}
	}
}

// Size returns the bytes the directory occupies on disk. Badger's own files are
// sparse, so their lengths say little.
func (d *DB) Size() (int64, error) { return diskUsage(d.dir) }

func diskUsage(dir string) (total int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) { // compaction removed it meanwhile
			return nil
		}
		if err != nil {
			return err
		}
		total += allocated(info)
		return nil
	})
	return total, err
}

// openBytes is what opening writes whatever the store holds: heads of a log and a
// value log, the key registry, the manifest.
const openBytes = 4 << 20

// RoomToOpen returns how much free disk Open may need for the store in dir: logs
// left by a process that was killed become tables before they go.
func RoomToOpen(dir string) (int64, error) {
	need := int64(openBytes)
	logs, err := filepath.Glob(filepath.Join(dir, "*.mem"))
	if err != nil {
		return 0, err
	}
	for _, name := range logs {
		info, err := os.Stat(name)
		if err != nil {
			return 0, itsm.Wrap(itsm.Unavailable, err, "log of view directory %q", dir)
		}
		need += allocated(info)
	}
	return need, nil
}

// Destroy removes the store in dir, so that it can be rebuilt. It refuses while
// a process has it open and touches nothing that is not Badger's.
func Destroy(dir string) error {
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	unlock, err := lockDir(dir)
	if err != nil {
		return err
	}
	defer unlock()
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !isBadgers(e.Name()) {
			continue
		}
		if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
			return itsm.Wrap(itsm.Unavailable, err, "remove %q of the view", e.Name())
		}
	}
	return nil
}

func isBadgers(name string) bool {
	switch filepath.Ext(name) {
	case ".sst", ".vlog", ".mem":
		return true
	}
	switch name {
	case "MANIFEST", "MANIFEST-REWRITE", "KEYREGISTRY", "REWRITE-KEYREGISTRY", "DISCARD", "LOCK":
		return true
	}
	return false
}
