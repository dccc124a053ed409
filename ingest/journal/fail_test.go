package journal_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"signalbox/ingest/journal"
	"signalbox/ingest/journal/fault"
	"signalbox/itsm"
)

// TestFailingDisk fails each operation in turn: nothing is acknowledged after it, nothing
// is synced again, and a restart finds what was acknowledged.
func TestFailingDisk(t *testing.T) {
	for n := 1; ; n++ {
		d := fault.New(uint64(n))
		failed, later := "", 0
		d.Fail = func(op fault.Op) error {
			switch {
			case op.N == n:
				failed = op.Kind
				return syscall.EIO
			case op.N > n && (op.Kind == "sync" || op.Kind == "syncdir"):
				later++
			}
			return nil
		}
		acked := appendUntilError(t, d, 60)
		if failed == "" {
			if n < 100 {
				t.Fatalf("only %d operations: the test does not reach", n)
			}
			return
		}
		if later > 0 && acked != nil && failed != "remove" {
			t.Errorf("operation %d (%s) failed, then %d syncs", n, failed, later)
		}
		d.Fail = nil
		d.Crash()
		got, err := content(d)
		if err != nil || len(got) < len(acked) {
			t.Fatalf("operation %d (%s) failed: %d entries acknowledged, found %d, %v", n, failed, len(acked), len(got), err)
		}
		for i, b := range acked {
			if !bytes.Equal(got[i].Body, b) {
				t.Fatalf("operation %d (%s) failed: entry %d differs", n, failed, i+1)
			}
		}
	}
}

// appendUntilError returns what was acknowledged; nil when the journal did not open. Create failures
// may pass, every other one is final.
func appendUntilError(t *testing.T, d *fault.Disk, entries int) (acked [][]byte) {
	t.Helper()
	l, err := journal.Open(options(d))
	if err != nil {
		return nil
	}
	defer l.Close()
	acked = [][]byte{}
	for i := range entries {
		body := bytes.Repeat([]byte{byte(i)}, 600)
		_, _, err := l.Append(context.Background(), body)
		if err == nil {
			if l.Err() != nil && i+1 < entries {
				// The mark after this entry failed; the next Append has to say so.
				_, _, err = l.Append(context.Background(), body)
			} else {
				acked = append(acked, body)
				continue
			}
			acked = append(acked, body)
		}
		if itsm.CodeOf(err) != itsm.Unavailable || l.Err() == nil {
			t.Fatalf("append: %v, Err: %v; want both Unavailable", err, l.Err())
		}
		if _, _, err := l.Append(context.Background(), body); itsm.CodeOf(err) != itsm.Unavailable {
			t.Fatalf("append after a failure: %v", err)
		}
		if err := l.Wait(context.Background(), 1000); itsm.CodeOf(err) != itsm.Unavailable {
			t.Fatalf("wait after a failure: %v", err)
		}
		return acked
	}
	return acked
}

// TestDiskFullOnce lets each write fail for space: the append is refused, the next one succeeds.
func TestDiskFullOnce(t *testing.T) {
	for n := 5; ; n++ {
		d := fault.New(uint64(n))
		hit := ""
		d.Fail = func(op fault.Op) error {
			if op.N >= n && hit == "" && strings.Contains("write create preallocate rename", op.Kind) {
				hit = op.Kind
				return syscall.ENOSPC
			}
			return nil
		}
		l, err := journal.Open(options(d))
		if err != nil {
			continue // full while the journal was being made
		}
		var acked [][]byte
		for i := range 40 {
			body := bytes.Repeat([]byte{byte(i)}, 700)
			_, _, err := l.Append(context.Background(), body)
			if err == nil {
				acked = append(acked, body)
			} else if itsm.CodeOf(err) != itsm.Unavailable || !strings.Contains(itsm.MessageOf(err), "full") {
				t.Fatalf("n=%d (%s): append: %v", n, hit, err)
			}
		}
		if l.Err() != nil || len(acked) < 39 {
			t.Fatalf("n=%d (%s): %d of 40 acknowledged, Err %v", n, hit, len(acked), l.Err())
		}
		if hit == "" && n > 100 {
			return
		}
		d.Fail = nil
		d.Crash()
		got, err := content(d)
		if err != nil || len(got) != len(acked) {
			t.Fatalf("n=%d (%s): %d acknowledged, found %d: %v", n, hit, len(acked), len(got), err)
		}
		for i := range acked {
			if !bytes.Equal(got[i].Body, acked[i]) {
				t.Fatalf("n=%d (%s): entry %d differs", n, hit, i+1)
			}
		}
	}
}

// TestDiskFull fills the disk, restarts on it, frees space, and goes on.
func TestDiskFull(t *testing.T) {
	d := fault.New(1)
	d.Capacity = 70 << 10
	reg := prometheus.NewRegistry()
	o := options(d)
	o.Metrics = journal.NewMetrics(reg)
	l, err := journal.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	acked := 0
	for err == nil {
		if _, _, err = l.Append(context.Background(), make([]byte, 700)); err == nil {
			acked++
		}
	}
	if itsm.CodeOf(err) != itsm.Unavailable || l.Err() != nil {
		t.Fatalf("full: %v, Err %v", err, l.Err())
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if l, err = journal.Open(o); err != nil {
		t.Fatalf("open on a full disk: %v", err)
	}
	defer l.Close()
	if got, err := l.Read(1, 1000, 1<<20); err != nil || len(got) == 0 {
		t.Fatalf("read on a full disk: %d, %v", len(got), err)
	}
	if n, err := l.Retain(journal.RetainPolicy{MaxBytes: 1, Keep: itsm.Offset(acked)}); err != nil || n == 0 {
		t.Fatalf("retain on a full disk: %d, %v", n, err)
	}
	if off, _, err := l.Append(context.Background(), make([]byte, 700)); err != nil || int(off) != acked+1 {
		t.Fatalf("append after freeing: offset %d, %v, want %d", off, err, acked+1)
	}
	if got := metric(t, reg, "signalbox_journal_append_errors_total"); got != 1 {
		t.Errorf("%v append errors counted, want 1", got)
	}
}

// metric sums a gathered counter or gauge over its labels.
func metric(t *testing.T, reg *prometheus.Registry, name string) (sum float64) {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			for _, m := range f.GetMetric() {
				sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return sum
}

func TestWatermark(t *testing.T) {
	d := fault.New(1)
	o := options(d)
	d.Capacity, o.FreeBytesMin = 64<<10, 60<<10
	l, err := journal.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, _, err = l.Append(context.Background(), []byte("x"))
	if itsm.CodeOf(err) != itsm.Unavailable || !strings.Contains(err.Error(), "must stay free") {
		t.Fatalf("append below the watermark: %v", err)
	}
	d.Capacity = 1 << 20
	deadline := time.Now().Add(time.Minute) // a busy machine may be long about it
	for err != nil && time.Now().Before(deadline) {
		time.Sleep(10 * time.Millisecond)
		_, _, err = l.Append(context.Background(), []byte("x"))
	}
	if err != nil {
		t.Fatalf("append a minute after freeing: %v", err)
	}
}

// stuck is a disk whose syncs wait.
func stuck(t *testing.T) (l *journal.Log, free func()) {
	t.Helper()
	d := fault.New(1)
	l, err := journal.Open(journal.Options{Dir: simDir, FS: d})
	if err != nil {
		t.Fatal(err)
	}
	gate, entered := make(chan struct{}), make(chan struct{})
	var once sync.Once
	d.Fail = func(op fault.Op) error {
		if op.Kind == "sync" {
			once.Do(func() { close(entered); <-gate })
		}
		return nil
	}
	go l.Append(context.Background(), []byte("first"))
	<-entered
	return l, func() { close(gate) }
}

// endsWhileWaited is a context that ends as soon as somebody waits for it, and not before.
type endsWhileWaited struct {
	context.Context
	end context.CancelFunc
}

func (c endsWhileWaited) Done() <-chan struct{} {
	c.end()
	return c.Context.Done()
}

func TestCancelledWhileQueued(t *testing.T) {
	l, free := stuck(t)
	inner, cancel := context.WithCancel(t.Context())
	defer cancel()
	ctx := endsWhileWaited{inner, cancel}
	body := []byte("second")
	_, _, err := l.Append(ctx, body)
	if itsm.CodeOf(err) != itsm.Unavailable || !errors.Is(err, context.Canceled) {
		t.Fatalf("append: %v", err)
	}
	copy(body, "reused") // the caller may: nothing of it is kept
	free()
	if err := l.Wait(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if got, err := l.Read(2, 1, 100); err != nil || string(got[0].Body) != "second" {
		t.Fatalf("read: %v, %v", got, err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestOverload(t *testing.T) {
	l, free := stuck(t)
	var wg sync.WaitGroup
	results := make(chan error, 8)
	for range cap(results) {
		wg.Go(func() {
			_, _, err := l.Append(context.Background(), make([]byte, 20<<20))
			results <- err
		})
	}
	var refused int
	for range cap(results) - 3 { // three of 20 MiB wait, the others are refused at once
		if err := <-results; itsm.CodeOf(err) != itsm.Unavailable || !strings.Contains(err.Error(), "overloaded") {
			t.Errorf("append: %v", err)
		}
		refused++
	}
	free()
	wg.Wait()
	close(results)
	for err := range results {
		if err != nil {
			t.Errorf("queued append: %v", err)
		}
	}
	if _, _, err := l.Append(context.Background(), make([]byte, journal.MaxAppendBytes)); itsm.CodeOf(err) != itsm.TooLarge {
		t.Errorf("append of too much: %v", err)
	}
	if _, _, err := l.Append(context.Background()); itsm.CodeOf(err) != itsm.Invalid {
		t.Errorf("append of nothing: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := l.Append(context.Background(), []byte("x")); itsm.CodeOf(err) != itsm.Unavailable {
		t.Errorf("append after close: %v", err)
	}
}

// TestFailedGroup fails one sync: all who wait are refused, though the next sync would succeed.
func TestFailedGroup(t *testing.T) {
	d := fault.New(1)
	l, err := journal.Open(options(d))
	if err != nil {
		t.Fatal(err)
	}
	gate, entered := make(chan struct{}), make(chan struct{})
	syncs := 0
	d.Fail = func(op fault.Op) error {
		if op.Kind != "sync" {
			return nil
		}
		if syncs++; syncs > 1 {
			return nil
		}
		close(entered)
		<-gate
		return syscall.EIO
	}
	var wg sync.WaitGroup
	refused := func(i int) {
		if _, _, err := l.Append(context.Background(), fmt.Append(nil, i)); itsm.CodeOf(err) != itsm.Unavailable {
			t.Errorf("append %d: %v", i, err)
		}
	}
	wg.Go(func() { refused(0) })
	<-entered
	for i := range 16 {
		wg.Go(func() { refused(i + 1) })
	}
	time.Sleep(20 * time.Millisecond) // until they queue
	close(gate)
	wg.Wait()
	if head, _ := l.Head(); head != 0 || l.Err() == nil || syncs != 1 {
		t.Errorf("head %d, Err %v, %d syncs", head, l.Err(), syncs)
	}
	l.Close()
}

// TestRetainInterrupted fails the sync of journal.meta, restarts on what the page cache shows, and then cuts
// the power: what the restart removed must be explained by what is on the disk.
func TestRetainInterrupted(t *testing.T) {
	for seed := uint64(1); seed <= 60; seed++ {
		d := fault.New(seed)
		l, want := openFilled(t, d, 60)
		d.Fail = func(op fault.Op) error {
			if op.Kind == "sync" && op.Name == "journal.meta" {
				return syscall.EIO
			}
			return nil
		}
		if _, err := l.Retain(journal.RetainPolicy{MaxBytes: 1, Keep: 60}); itsm.CodeOf(err) != itsm.Unavailable || l.Err() == nil {
			t.Fatalf("retain: %v, Err %v", err, l.Err())
		}
		l.Close()
		d.Fail = nil
		d.Kill()
		if _, err := content(d); err != nil {
			t.Fatalf("seed %d: restart: %v", seed, err)
		}
		d.Crash()
		got, err := content(d)
		if err != nil || len(got) == 0 || differs(want[60-len(got):], got) != "" {
			t.Fatalf("seed %d: after the power cut: %d entries, %v", seed, len(got), err)
		}
	}
}

// TestMetaHasTwoSlots damages either; the other still tells that the oldest file is missing.
func TestMetaHasTwoSlots(t *testing.T) {
	for _, slot := range []int64{0, 512} {
		d, _ := closedLog(t, 60)
		l := open(t, options(d))
		if n, err := l.Retain(journal.RetainPolicy{MaxBytes: 40 << 10, Keep: 60}); n != 1 || err != nil {
			t.Fatalf("retain: %d, %v", n, err)
		}
		l.Close()
		d.Flip(simDir+"/journal.meta", (slot+24)*8)
		d.Remove(files(t, d, ".seg")[0])
		if _, err := content(d); err == nil || !strings.Contains(err.Error(), "oldest segment file is missing") {
			t.Errorf("slot at %d damaged, oldest file gone: %v", slot, err)
		}
	}
}

// TestFullDiskAndBadReadBack refuses to go on when what was acknowledged does not read back.
func TestFullDiskAndBadReadBack(t *testing.T) {
	d := fault.New(1)
	l, want := openFilled(t, d, 3)
	defer l.Close()
	name := files(t, d, ".seg")[0]
	d.Flip(name, (framePos(t, d.Bytes(name), want[2])+70)*8)
	d.Fail = func(op fault.Op) error {
		if op.Kind == "write" {
			return syscall.ENOSPC
		}
		return nil
	}
	if _, _, err := l.Append(context.Background(), []byte("x")); itsm.CodeOf(err) != itsm.Unavailable || l.Err() == nil || !strings.Contains(err.Error(), "do not read back") {
		t.Errorf("append: %v, Err %v", err, l.Err())
	}
}

// TestReadNoticesRot damages a file while the journal is open.
func TestReadNoticesRot(t *testing.T) {
	d := fault.New(1)
	l, want := openFilled(t, d, 60)
	defer l.Close()
	name := files(t, d, ".seg")[0]
	d.Flip(name, (framePos(t, d.Bytes(name), want[10])+70)*8)
	var damage *journal.Damage
	got, err := l.Read(1, 100, 1<<20)
	if !errors.As(err, &damage) || damage.First != 11 || damage.File != "00000000000000000001.seg" || differs(want[:10], got) != "" {
		t.Errorf("read over rot: %d entries, %v", len(got), err)
	}
	if got, err := l.Read(12, 1, 1); len(got) > 0 && differs(want[11:12], got) != "" {
		t.Errorf("read behind rot: %v, %v", got, err)
	}
	d.Remove(name)
	if _, err := l.Read(1, 1, 1); itsm.CodeOf(err) != itsm.Internal || !strings.Contains(err.Error(), "00000000000000000001.seg") {
		t.Errorf("read of a removed file: %v", err)
	}
}
