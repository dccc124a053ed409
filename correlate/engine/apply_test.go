package engine_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"signalbox/correlate/engine"
	"signalbox/ingest/journal"
	"signalbox/itsm"
	"signalbox/itsm/desk"
	"signalbox/itsm/kv"
)

// fullDB refuses every large update while full, after some of it was stored.
type fullDB struct {
	kv.DB
	full atomic.Bool
	told atomic.Int64
}

func (f *fullDB) UpdateLarge(fn func(kv.Tx) error) error {
	if !f.full.Load() {
		return f.DB.UpdateLarge(fn)
	}
	f.told.Add(1)
	return f.DB.UpdateLarge(func(tx kv.Tx) error { return fn(&tornTx{Tx: tx, left: 3}) })
}

// tornTx stores a few writes and then finds the disk full.
type tornTx struct {
	kv.Tx
	left int
}

func (t *tornTx) Set(k, v []byte) error {
	if t.left--; t.left < 0 {
		return syscall.ENOSPC
	}
	return t.Tx.Set(k, v)
}

// TestFullDeskPausesTheFold: a desk that cannot write must neither end the fold
// nor lose or double anything once it can; and the engine says so meanwhile.
func TestFullDeskPausesTheFold(t *testing.T) {
	for name, refuse := range map[string]func(r *rig, db *fullDB, room *atomic.Bool, full bool){
		"the desk refuses": func(_ *rig, db *fullDB, _ *atomic.Bool, full bool) { db.full.Store(full) },
		"there is no room": func(_ *rig, _ *fullDB, room *atomic.Bool, full bool) { room.Store(!full) },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			db := &fullDB{DB: kv.Mem()}
			r.close()
			r.db = db
			r.open()
			var room atomic.Bool
			room.Store(true)
			r.e = engine.New(engine.Options{Journal: r.j, Desk: r.d, Config: config(), Snapshots: r.snaps, Room: func() error {
				if room.Load() {
					return nil
				}
				return itsm.Errorf(itsm.Unavailable, "the disk is full")
			}})
			r.run()
			r.wait(r.append(delivery(fire("shop", 1, 1))))
			refuse(r, db, &room, true)
			off := r.append(delivery(fire("shop", 2, 2), fire("mail", 1, 2)))
			eventually(t, func() bool { return r.e.Status().Paused != "" })
			if st := r.e.Status(); st.Stopped != "" || st.Cursor >= off {
				t.Errorf("while full: %+v, want a pause before entry %d", st, off)
			}
			if _, err := r.d.Incident(1); err != nil {
				t.Errorf("reading while full: %v", err)
			}
			refuse(r, db, &room, false)
			r.wait(off)
			if st := r.e.Status(); st.Paused != "" {
				t.Errorf("afterwards still paused: %s", st.Paused)
			}
			as, err := r.d.Alerts(desk.AlertQuery{Limit: 100})
			if err != nil || len(as.Items) != 3 {
				t.Errorf("%d alerts, %v; want 3", len(as.Items), err)
			}
		})
	}
}

// TestStopWhilePaused: the server can be stopped while the desk refuses, leaves no
// snapshot ahead of the desk, and the next start folds what was left.
func TestStopWhilePaused(t *testing.T) {
	r := newRig(t)
	db := &fullDB{DB: kv.Mem()}
	r.close()
	r.db = db
	r.open()
	r.run()
	r.wait(r.append(delivery(fire("shop", 1, 1))))
	db.full.Store(true)
	off := r.append(delivery(fire("shop", 2, 2)))
	eventually(t, func() bool { return db.told.Load() > 0 })
	err := r.stop()
	r.stop = nil
	if err != nil {
		t.Errorf("stop while full: %v", err)
	}
	if files, _ := filepath.Glob(filepath.Join(r.dir, "snapshots", "state-*")); len(files) != 0 {
		t.Errorf("snapshots of a state the desk never got: %v", files)
	}
	db.full.Store(false)
	r.close()
	r.open()
	r.run()
	r.wait(off)
	if as, err := r.d.Alerts(desk.AlertQuery{Limit: 100}); err != nil || len(as.Items) != 2 {
		t.Errorf("%d alerts, %v; want 2", len(as.Items), err)
	}
}

// TestSnapshotThatCannotBeWrittenStopsNothing puts a file where the snapshots go.
func TestSnapshotThatCannotBeWrittenStopsNothing(t *testing.T) {
	r := newRig(t)
	r.run()
	if err := os.RemoveAll(filepath.Join(r.dir, "snapshots")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(r.dir, "snapshots"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	r.wait(r.append(delivery(fire("shop", 1, 1))))
	err := r.stop()
	r.stop = nil
	if err != nil {
		t.Errorf("stop: %v", err)
	}
}

func eventually(t *testing.T, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("not within a minute")
		}
	}
}

// shutJournal refuses entries for a while.
type shutJournal struct {
	*journal.Log
	shut atomic.Bool
}

func (s *shutJournal) Append(ctx context.Context, bodies ...[]byte) (itsm.Offset, itsm.Time, error) {
	if s.shut.Load() {
		return 0, 0, itsm.Errorf(itsm.Unavailable, "the disk is full")
	}
	return s.Log.Append(ctx, bodies...)
}

// TestStartWhileTheJournalRefuses: a changed configuration waits, the start does not.
func TestStartWhileTheJournalRefuses(t *testing.T) {
	r := newRig(t)
	j := &shutJournal{Log: r.j}
	j.shut.Store(true)
	r.e = engine.New(engine.Options{Journal: j, Desk: r.d, Config: config(), Snapshots: r.snaps})
	r.run()
	eventually(t, func() bool { return r.e.Status().Ready })
	if head, _ := r.j.Head(); head != 0 {
		t.Fatalf("%d entries in a journal that refuses", head)
	}
	j.shut.Store(false)
	r.wait(1)
	want, err := config().Canonical()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := r.d.Blob("config"); err != nil || string(got) != string(want) {
		t.Errorf("afterwards the fold runs with %s, %v; want %s", got, err, want)
	}
}

// TestCatchUpReportsAFullDesk: without a server nobody waits for space.
func TestCatchUpReportsAFullDesk(t *testing.T) {
	r := newRig(t)
	r.append(delivery(fire("shop", 1, 1)))
	e := engine.New(engine.Options{Journal: r.j, Desk: r.d, Snapshots: r.snaps, Room: func() error { return syscall.ENOSPC }})
	if err := e.CatchUp(); !errors.Is(err, syscall.ENOSPC) || strings.Contains(err.Error(), "panic") {
		t.Errorf("got %v, want no space left", err)
	}
}
