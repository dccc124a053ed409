package desk

import (
	"bytes"
	"errors"
	"sync"
	"sync/atomic"

	"signalbox/itsm"
	"signalbox/itsm/kv"
)

// Desk is the folded view. Apply is for one goroutine, the engine; everything
// else may be called by any number of them.
type Desk struct {
	db   kv.DB
	live atomic.Pointer[liveBox]

	mu     sync.Mutex
	tally  tally // guarded by mu; changed only by Apply and reload
	cursor cursor

	buf    buffer // of Apply
	parted parted // of Apply
	serial uint64 // of the last mark; of Apply
	failed bool   // the last Apply stopped half-way: reload before the next
}

// Live overlays the exact counters of the fold on records that were read. The
// slices may be changed in place; nothing but counters may be.
type Live interface {
	OverlayAlerts([]itsm.Alert)
	OverlayIncidents([]itsm.Incident)
}

// liveBox makes an interface fit an atomic pointer.
type liveBox struct{ Live }

// Blob is a named value that moves in the transaction of a batch: configuration,
// CMDB revision metadata. A nil Value removes it.
type Blob struct {
	Name  string
	Value []byte
}

// Open reads what the view says about itself, brings an older form up to date,
// refuses a newer one untouched and checks that no batch is missing.
func Open(db kv.DB) (*Desk, error) {
	if err := migrate(db); err != nil {
		return nil, err
	}
	d := &Desk{db: db}
	if err := d.checkMarks(); err != nil {
		return nil, err
	}
	return d, d.reload()
}

// Cursor returns the last journal entry the view covers and its time.
func (d *Desk) Cursor() (itsm.Offset, itsm.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.cursor.offset, d.cursor.at
}

// SetLive sets the overlay that every record read passes through; nil removes it.
func (d *Desk) SetLive(l Live) {
	if l == nil {
		d.live.Store(nil)
		return
	}
	d.live.Store(&liveBox{l})
}

// Sync makes what was applied so far survive a power cut.
func (d *Desk) Sync() error { return d.db.Sync() }

// Blob returns a named value, or NotFound.
func (d *Desk) Blob(name string) (value []byte, err error) {
	err = d.db.View(func(tx kv.Tx) error {
		v, err := tx.Get(blobKey(name))
		value = append([]byte{}, v...)
		return err
	})
	if errors.Is(err, kv.ErrNotFound) {
		return nil, itsm.Errorf(itsm.NotFound, "no stored value is named %q", name)
	}
	return value, err
}

func (d *Desk) overlayAlerts(list []itsm.Alert) {
	if l := d.live.Load(); l != nil && len(list) > 0 {
		l.OverlayAlerts(list)
	}
}

func (d *Desk) overlayIncidents(list []itsm.Incident) {
	if l := d.live.Load(); l != nil && len(list) > 0 {
		l.OverlayIncidents(list)
	}
}

// cursor is the stored place in the journal.
type cursor struct {
	offset itsm.Offset
	at     itsm.Time
	serial uint64 // of the batch that wrote it; its mark is stored with it
}

const (
	cursorVersion = 1
	beginVersion  = 1
)

func (b *rawBuffer) begin(serial uint64) []byte {
	return b.value(beginVersion, func() { b.uint(serial) })
}

// repair removes the runs and the fates of a batch that was begun and not
// finished. Everything else such a batch left is written over when it is repeated;
// its runs could name members twice, because the repetition may pack other alerts.
func repair(db kv.DB) error {
	var stale [][]byte
	err := db.View(func(tx kv.Tx) error {
		c, err := readCursor(tx)
		if err != nil {
			return err
		}
		v, err := tx.Get(metaKey(metaBegin))
		if errors.Is(err, kv.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		r, err := open(v, beginVersion)
		if begun := r.uint(); err != nil || begun == c.serial {
			return err
		}
		if stale, err = staleFates(tx, c.offset); err != nil {
			return err
		}
		return tx.Scan(kv.Range{Prefix: prefix(kindRun)}, func(key, value []byte) error {
			serial, _, err := decodeRun(0, value)
			if serial > c.serial {
				stale = append(stale, bytes.Clone(key))
			}
			return err
		})
	})
	if err != nil || len(stale) == 0 {
		return err
	}
	return db.UpdateLarge(func(tx kv.Tx) error {
		for _, key := range stale {
			if err := tx.Delete(key); err != nil {
				return err
			}
		}
		return nil
	})
}

func (b *rawBuffer) cursor(c cursor) []byte {
	return b.value(cursorVersion, func() {
		b.uint(uint64(c.offset))
		b.time(c.at)
		b.uint(c.serial)
	})
}

// readCursor answers the zero cursor for a view that covers nothing yet.
func readCursor(tx kv.Tx) (c cursor, err error) {
	v, err := tx.Get(metaKey(metaCursor))
	if errors.Is(err, kv.ErrNotFound) {
		return c, nil
	}
	if err != nil {
		return c, err
	}
	return decodeCursorValue(v)
}

func decodeCursorValue(v []byte) (c cursor, err error) {
	r, err := open(v, cursorVersion)
	if err != nil {
		return c, err
	}
	c.offset, c.at, c.serial = itsm.Offset(r.uint()), r.time(), r.uint()
	return c, r.end()
}
