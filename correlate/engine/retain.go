package engine

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"signalbox/ingest/journal"
	"signalbox/itsm"
	"signalbox/itsm/desk"
	"signalbox/itsm/entry"
	"signalbox/itsm/kv"
)

// How often retention is looked at. A storm writes gigabytes in an hour, so the
// bound of bytes is looked at often, and then reached with room to spare: what
// removing costs, a dump of the view, comes once for that room and not for every
// segment.
const (
	bytesEvery = time.Minute
	ageEvery   = 60 // times bytesEvery
	bytesSpare = 8  // an eighth of the bound
)

const viewPrefix = "view-"

// Retainer removes old segments. The journal is one.
type Retainer interface {
	Oldest() itsm.Offset
	Due(p journal.RetainPolicy) (int, error)
	Retain(p journal.RetainPolicy) (int, error)
}

// Retain applies the journal's retention until ctx ends. Before anything is
// removed the whole view is dumped beside a state snapshot, so that the view can
// always be rebuilt from what is kept.
func (e *Engine) Retain(ctx context.Context, j Retainer, p journal.RetainPolicy) error {
	if p.MaxAge == 0 && p.MaxBytes == 0 {
		<-ctx.Done()
		return nil
	}
	for i := 0; ; i++ {
		due := p
		if i%ageEvery != 0 {
			due.MaxAge = 0
		}
		if n, err := e.retainOnce(ctx, j, due); err != nil && ctx.Err() == nil {
			e.log.Warn("retention not applied; the journal keeps growing", "err", err)
		} else if n > 0 {
			e.log.Info("journal segments removed by retention", "segments", n, "oldest", j.Oldest())
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(bytesEvery):
		}
	}
}

func (e *Engine) retainOnce(ctx context.Context, j Retainer, p journal.RetainPolicy) (int, error) {
	// Dumping the view reads all of it: only when a segment is to go.
	if n, err := j.Due(p); n == 0 || err != nil {
		return 0, err
	}
	if n, err := j.Due(journal.RetainPolicy{MaxBytes: p.MaxBytes}); err != nil {
		return 0, err
	} else if n > 0 {
		p.MaxBytes -= p.MaxBytes / bytesSpare
	}
	e.dumping.Lock()
	defer e.dumping.Unlock()
	if err := e.dropFates(ctx, j.Oldest()); err != nil {
		return 0, err
	}
	k, err := e.dump(ctx)
	if err != nil || ctx.Err() != nil {
		return 0, err
	}
	p.Keep = k + 1
	return j.Retain(p)
}

// fatesDropStep is how many chunks of the ledger are dropped in one transaction.
const fatesDropStep = 1000

// dropFates forgets what became of deliveries that the journal no longer holds.
// It runs before the dump and so one removal behind the journal: a view made again
// from the dump then has the ledger that this one has.
func (e *Engine) dropFates(ctx context.Context, oldest itsm.Offset) error {
	for more := oldest > 1; more && ctx.Err() == nil; {
		var err error
		if more, err = e.o.Desk.DropFates(oldest, fatesDropStep); err != nil {
			return fmt.Errorf("drop fates below entry %d: %w", oldest, err)
		}
	}
	return nil
}

// dump has the fold write a snapshot and dumps the view beside it; the caller
// holds dumping. The fold pauses for the snapshot, not for the dump.
func (e *Engine) dump(ctx context.Context) (itsm.Offset, error) {
	reply := make(chan error, 1)
	select {
	case e.snapshotNow <- reply:
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	// The fold may be waiting for the journal: a tick wakes it.
	if _, _, err := e.o.Journal.Append(ctx, entry.EncodeTick()); err != nil {
		return 0, err
	}
	select {
	case err := <-reply:
		if err != nil {
			return 0, err
		}
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	return e.o.Snapshots.writeView(e.o.Desk)
}

// writeView dumps the view under the offset of the newest state snapshot k. The
// dump's own cursor may be later: recovery steps from k to it without applying.
func (s *Snapshots) writeView(d *desk.Desk) (k itsm.Offset, err error) {
	states, err := s.list(statePrefix)
	if err != nil {
		return 0, err
	}
	if len(states) == 0 {
		return 0, itsm.Errorf(itsm.Unavailable, "there is no snapshot yet to dump the view beside: nothing is folded, or a CMDB import is half journaled; try again in a moment")
	}
	k = offsetOf(states[0])
	m := snapshotMeta{Version: snapshotVersion, Offset: k}
	if err := s.write(fmt.Sprintf("%s%020d%s", viewPrefix, k, snapshotSuffix), m, func(w io.Writer) error {
		_, err := d.Dump(w)
		return err
	}); err != nil {
		return 0, err
	}
	return k, s.trim()
}

// LoadView fills an empty store from the newest whole dump of the view and
// returns the offset of the state snapshot beside it; 0 when there is none.
func (s *Snapshots) LoadView(db kv.DB) (itsm.Offset, error) {
	views, err := s.list(viewPrefix)
	if err != nil || len(views) == 0 {
		return 0, err
	}
	err = s.read(views[0], func(_ snapshotMeta, r io.Reader) error { return desk.Load(db, r) })
	return offsetOf(views[0]), err
}

// Drop removes the state snapshots later than limit: a rebuild must not use
// state that the journal it folds did not make.
func (s *Snapshots) Drop(limit itsm.Offset) error {
	states, err := s.list(statePrefix)
	if err != nil {
		return err
	}
	for _, n := range states {
		if offsetOf(n) > limit {
			if err := os.Remove(filepath.Join(s.dir, n)); err != nil {
				return err
			}
		}
	}
	return syncDir(s.dir)
}

// offsetOf reads the offset in a snapshot's name.
func offsetOf(name string) (k itsm.Offset) {
	for _, c := range []byte(name) {
		if c >= '0' && c <= '9' {
			k = k*10 + itsm.Offset(c-'0')
		}
	}
	return k
}
