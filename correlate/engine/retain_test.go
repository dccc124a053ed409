package engine

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"signalbox/correlate"
	"signalbox/ingest/journal"
	"signalbox/itsm"
	"signalbox/itsm/desk"
	"signalbox/itsm/entry"
	"signalbox/itsm/kv"
)

// TestRetentionKeepsWhatARebuildNeeds folds more than the journal may keep, lets
// retention remove the beginning, and makes the view again from what is left.
func TestRetentionKeepsWhatARebuildNeeds(t *testing.T) {
	dir := t.TempDir()
	o := journal.Options{Dir: filepath.Join(dir, "journal"), SegmentBytes: 1 << 16}
	j, err := journal.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { j.Close() }()
	d, err := desk.Open(kv.Mem())
	if err != nil {
		t.Fatal(err)
	}
	snaps, err := OpenSnapshots(filepath.Join(dir, "snapshots"))
	if err != nil {
		t.Fatal(err)
	}
	e := New(Options{Journal: j, Desk: d, Config: correlate.DefaultConfig(), Snapshots: snaps})
	if err := e.Recover(); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx) }()

	policy := journal.RetainPolicy{MaxBytes: 2 << 16}
	if n, err := e.retainOnce(ctx, j, policy); n != 0 || err != nil {
		t.Fatalf("retention of an empty journal: %d, %v", n, err)
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	var off itsm.Offset
	for i := range 400 {
		ev := itsm.Event{Source: "generic", Identity: fmt.Sprint(i), Status: itsm.Firing, Severity: itsm.Major, Title: fmt.Sprintf("alert %d", i),
			StartsAt: 1_700_000_000_000, Labels: itsm.LabelsOf(map[string]string{"service": fmt.Sprintf("s%d", i%9), "n": fmt.Sprint(i * 7919)})}
		if off, _, err = j.Append(ctx, entry.EncodeDelivery(nil, &entry.Delivery{Source: "generic", Events: []itsm.Event{ev}, Raw: noise(rnd, 2000)})); err != nil {
			t.Fatal(err)
		}
	}
	wait, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if err := e.WaitFolded(wait, off); err != nil {
		t.Fatal(err)
	}
	removed, err := e.retainOnce(ctx, j, policy)
	if err != nil || removed == 0 || j.Oldest() == 1 {
		t.Fatalf("removed %d segments (oldest entry now %d): %v", removed, j.Oldest(), err)
	}
	if n, err := e.retainOnce(ctx, j, policy); n != 0 || err != nil {
		t.Errorf("retention again: %d, %v", n, err)
	}
	after := itsm.Event{Source: "generic", Identity: "after", Status: itsm.Firing, Severity: itsm.Critical, Title: "after retention", Labels: itsm.LabelsOf(map[string]string{"service": "late"})}
	if off, _, err = j.Append(ctx, entry.EncodeDelivery(nil, &entry.Delivery{Source: "generic", Events: []itsm.Event{after}})); err != nil {
		t.Fatal(err)
	}
	if err := e.WaitFolded(wait, off); err != nil {
		t.Fatal(err)
	}
	stop()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	want := export(t, d)

	fresh := kv.Mem()
	from, err := snaps.LoadView(fresh)
	if err != nil || from == 0 {
		t.Fatalf("load the dump of the view: %d, %v", from, err)
	}
	if err := snaps.Drop(from); err != nil {
		t.Fatal(err)
	}
	d2, err := desk.Open(fresh)
	if err != nil {
		t.Fatal(err)
	}
	if err := New(Options{Journal: j, Desk: d2, Snapshots: snaps}).CatchUp(); err != nil {
		t.Fatal(err)
	}
	if got := export(t, d2); got != want {
		t.Errorf("the view made again differs: %d bytes, was %d", len(got), len(want))
	}
}

// noise is bytes that do not compress.
func noise(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func export(t *testing.T, d *desk.Desk) string {
	t.Helper()
	var b bytes.Buffer
	if err := d.Export(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// lookedAt is a Retainer of nothing that remembers when it was asked what.
type lookedAt struct {
	began      time.Time
	bytes, age []time.Duration
}

func (r *lookedAt) Oldest() itsm.Offset { return 1 }

func (r *lookedAt) Due(p journal.RetainPolicy) (int, error) {
	if p.MaxBytes > 0 {
		r.bytes = append(r.bytes, time.Since(r.began))
	}
	if p.MaxAge > 0 {
		r.age = append(r.age, time.Since(r.began))
	}
	return 0, nil
}

func (r *lookedAt) Retain(journal.RetainPolicy) (int, error) {
	return 0, itsm.Errorf(itsm.Internal, "nothing is due")
}

// TestRetentionIsLookedAt: a bound of bytes must not wait an hour, in which a storm
// fills the disk; ages may.
func TestRetentionIsLookedAt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Hour+time.Second)
		defer cancel()
		r := &lookedAt{began: time.Now()}
		if err := New(Options{}).Retain(ctx, r, journal.RetainPolicy{MaxAge: time.Hour, MaxBytes: 1}); err != nil {
			t.Fatal(err)
		}
		if len(r.age) != 3 || r.age[1] != time.Hour {
			t.Errorf("ages were looked at after %v, want at the start and every hour", r.age)
		}
		if len(r.bytes) != 121 || r.bytes[1] != time.Minute {
			t.Errorf("bytes were looked at %d times, first after %v; want every minute", len(r.bytes), r.bytes[:2])
		}
	})
}
