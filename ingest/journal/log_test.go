package journal_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"signalbox/ingest/journal"
	"signalbox/ingest/journal/fault"
	"signalbox/itsm"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t testing.TB, o journal.Options) *journal.Log {
	t.Helper()
	l, err := journal.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func appendOK(t testing.TB, l *journal.Log, bodies ...string) itsm.Offset {
	t.Helper()
	var raw [][]byte
	for _, b := range bodies {
		raw = append(raw, []byte(b))
	}
	off, _, err := l.Append(t.Context(), raw...)
	if err != nil {
		t.Fatal(err)
	}
	return off
}

// text renders entries as offset=body.
func text(records []journal.Record) string {
	var b strings.Builder
	for _, r := range records {
		fmt.Fprintf(&b, "%d=%s ", r.Offset, r.Body)
	}
	return strings.TrimSpace(b.String())
}

func TestAppendAndReadBack(t *testing.T) {
	o := journal.Options{Dir: filepath.Join(t.TempDir(), "a", "journal"), SegmentBytes: 16 << 10}
	l := open(t, o)
	if head, at := l.Head(); head != 0 || at != 0 || l.Oldest() != 1 {
		t.Fatalf("new: head %d at %d, oldest %d", head, at, l.Oldest())
	}
	appendOK(t, l, "one")
	if first := appendOK(t, l, "two", "", "four"); first != 2 {
		t.Fatalf("first %d, want 2", first)
	}
	big := strings.Repeat("x", 40<<10) // larger than a segment
	appendOK(t, l, big)
	appendOK(t, l, "six")
	for _, c := range []struct {
		from           itsm.Offset
		records, bytes int
		want           string
	}{
		{0, 10, 100, "1=one 2=two 3= 4=four"},
		{2, 2, 100, "2=two 3="},
		{2, 10, 4, "2=two 3="},
		{5, 1, 1, "5=" + big},
		{6, 0, 0, "6=six"},
		{7, 10, 100, ""},
	} {
		for range 2 { // from memory, then from files
			got, err := l.Read(c.from, c.records, c.bytes)
			if err != nil || text(got) != c.want && !strings.HasPrefix(c.want, text(got)) || (text(got) == "") != (c.want == "") {
				t.Errorf("read %d, %d records, %d bytes: %.60q, %v; want %.60q", c.from, c.records, c.bytes, text(got), err, c.want)
			}
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			o.TailBytes = 1
			l = open(t, o)
		}
	}
}

// TestBodyHasNoRoom lets a reader append to a body: its neighbours must not change.
func TestBodyHasNoRoom(t *testing.T) {
	for _, tail := range []int{1, 1 << 20} {
		l := open(t, journal.Options{Dir: simDir, FS: fault.New(1), TailBytes: tail})
		appendOK(t, l, "one", "two")
		appendOK(t, l, "three")
		got, err := l.Read(1, 3, 100)
		if err != nil {
			t.Fatal(err)
		}
		_ = append(got[0].Body, "overwritten"...)
		if again, err := l.Read(1, 2, 100); err != nil || text(again) != "1=one 2=two" || len(got) > 1 && string(got[1].Body) != "two" {
			t.Errorf("tail %d: read %q, %v", tail, text(again), err)
		}
	}
}

func TestSecondProcessIsRefused(t *testing.T) {
	o := journal.Options{Dir: t.TempDir()}
	l := open(t, o)
	appendOK(t, l, "a", "b")
	_, errOpen := journal.Open(o)
	_, errVerify := journal.Verify(o)
	errIterate := journal.Iterate(o, 1, func(journal.Record) error { return nil })
	for _, err := range []error{errOpen, errVerify, errIterate} {
		if itsm.CodeOf(err) != itsm.Conflict || !strings.Contains(err.Error(), filepath.Join(o.Dir, "LOCK")) {
			t.Errorf("with a server: %v, want a refusal naming LOCK", err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, o)
}

func TestVerifyAndIterate(t *testing.T) {
	d, want := closedLog(t, 60)
	r, err := journal.Verify(options(d))
	if err != nil || len(r.Damage) > 0 || !r.Clean || r.Records != 60 || r.Oldest != 1 || r.Head != 60 || r.HeadAt != want[59].At || r.HeadHash == (journal.Hash{}) {
		t.Fatalf("verify: %+v, %v", r, err)
	}
	if s := r.Segments[1]; len(r.Segments) != 3 || s.First != r.Segments[0].Last+1 || s.FirstAt != want[s.First-1].At || s.LastAt != want[s.Last-1].At || s.Used > s.Bytes {
		t.Errorf("verify: segments %+v", r.Segments)
	}
	for _, from := range []itsm.Offset{1, 30, 60, 61} {
		var got []journal.Record
		err := journal.Iterate(options(d), from, func(r journal.Record) error {
			r.Body = bytes.Clone(r.Body)
			got = append(got, r)
			return nil
		})
		if diff := differs(want[from-1:], got); err != nil || diff != "" {
			t.Errorf("iterate from %d: %v %s", from, err, diff)
		}
	}
	stop := errors.New("enough")
	if err := journal.Iterate(options(d), 1, func(journal.Record) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("iterate: %v, want %v", err, stop)
	}
	name := files(t, d, ".seg")[1]
	d.Flip(name, (framePos(t, d.Bytes(name), want[40])+70)*8)
	seen := itsm.Offset(0)
	err = journal.Iterate(options(d), 1, func(r journal.Record) error { seen = r.Offset; return nil })
	if seen != 40 || err == nil || !strings.Contains(err.Error(), "offsets 41 to 41") {
		t.Errorf("iterate over damage: up to %d, %v", seen, err)
	}
	if _, err := journal.Verify(journal.Options{Dir: filepath.Join(t.TempDir(), "none")}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("verify of nothing: %v", err)
	}
}

func TestRetain(t *testing.T) {
	for _, c := range []struct {
		name   string
		policy journal.RetainPolicy
		want   int
	}{
		{"nothing asked", journal.RetainPolicy{Keep: 1000}, 0},
		{"keep unset", journal.RetainPolicy{MaxBytes: 1, MaxAge: 1}, 0},
		{"size", journal.RetainPolicy{MaxBytes: 33 << 10, Keep: 1000}, 1},
		{"all but the last", journal.RetainPolicy{MaxBytes: 1, Keep: 1000}, 2},
		{"size, but kept", journal.RetainPolicy{MaxBytes: 1, Keep: 27}, 1},
		{"size, but all kept", journal.RetainPolicy{MaxBytes: 1, Keep: 20}, 0},
		{"age", journal.RetainPolicy{MaxAge: 20 * time.Second, Keep: 1000}, 1},
		{"young", journal.RetainPolicy{MaxAge: time.Hour, Keep: 1000}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, want := closedLog(t, 60) // one entry a second; segments end at 26, 46
			o := options(d)
			o.Clock = func() time.Time { return want[59].At.Std() }
			reg := prometheus.NewRegistry()
			o.Metrics = journal.NewMetrics(reg)
			l := open(t, o)
			n, err := l.Retain(c.policy)
			if err != nil || n != c.want {
				t.Fatalf("removed %d, %v, want %d", n, err, c.want)
			}
			if got := metric(t, reg, "signalbox_journal_segments"); int(got) != 3-n {
				t.Errorf("%v segments counted", got)
			}
			oldest := l.Oldest()
			if n > 0 {
				if _, err := l.Read(oldest-1, 1, 1); itsm.CodeOf(err) != itsm.NotFound || !strings.Contains(err.Error(), fmt.Sprint(oldest)) {
					t.Errorf("read of removed: %v", err)
				}
			}
			if got, err := l.Read(oldest, 1, 1); err != nil || differs(want[oldest-1:oldest], got) != "" {
				t.Errorf("read of oldest: %v", err)
			}
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			if got, err := content(d); err != nil || differs(want[oldest-1:], got) != "" {
				t.Errorf("reopened: %v, %s", err, differs(want[oldest-1:], got))
			}
		})
	}
}

// TestRecycledFiles runs long enough that segments are made of retired ones, on a real disk, and
// crashes leave old frames behind the end.
func TestRecycledFiles(t *testing.T) {
	o := journal.Options{Dir: t.TempDir(), SegmentBytes: 16 << 10, TailBytes: 1}
	var want []string
	for round := range 6 {
		l := open(t, o)
		for range 60 {
			body := fmt.Sprint(len(want), strings.Repeat("y", 500))
			appendOK(t, l, body)
			want = append(want, body)
			if _, err := l.Retain(journal.RetainPolicy{MaxBytes: 40 << 10, Keep: itsm.Offset(len(want))}); err != nil {
				t.Fatal(err)
			}
		}
		got, err := l.Read(l.Oldest(), 1000, 1<<20)
		if err != nil || len(got) == 0 || string(got[0].Body) != want[l.Oldest()-1] {
			t.Fatalf("round %d: read %d entries, %v", round, len(got), err)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	names, _ := filepath.Glob(filepath.Join(o.Dir, "*"))
	if len(names) > 3+1+2 { // segments, a spare, LOCK and journal.meta
		t.Errorf("files left: %v", names)
	}
	if r, err := journal.Verify(o); err != nil || len(r.Damage) > 0 || int(r.Head) != len(want) {
		t.Errorf("verify: %+v, %v", r, err)
	}
}

func TestWait(t *testing.T) {
	l := open(t, journal.Options{Dir: simDir, FS: fault.New(1)})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := l.Wait(ctx, 0); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("wait: %v, want the deadline", err)
	}
	done := make(chan error)
	go func() { done <- l.Wait(t.Context(), 1) }()
	appendOK(t, l, "one")
	select {
	case err := <-done:
		t.Errorf("woken at head 1: %v", err)
	case <-time.After(10 * time.Millisecond):
	}
	appendOK(t, l, "two")
	if err := <-done; err != nil {
		t.Error(err)
	}
	go func() { done <- l.Wait(t.Context(), 2) }()
	l.Close()
	if err := <-done; itsm.CodeOf(err) != itsm.Unavailable {
		t.Errorf("wait on a closed journal: %v", err)
	}
}

// TestConcurrent has writers, a follower, readers of files and retention at work together.
func TestConcurrent(t *testing.T) {
	const writers, rounds = 16, 40
	l := open(t, journal.Options{Dir: t.TempDir(), SegmentBytes: 32 << 10, TailBytes: 8 << 10, NoSync: true})
	var writing, reading sync.WaitGroup
	ctx, cancel := context.WithCancel(t.Context())
	for w := range writers {
		writing.Go(func() { writeRounds(t, l, w, rounds) })
	}
	reading.Go(func() { readRandom(ctx, t, l) })
	var followed atomic.Uint64
	reading.Go(func() {
		for ctx.Err() == nil {
			keep := itsm.Offset(followed.Load() + 1)
			if _, err := l.Retain(journal.RetainPolicy{MaxBytes: 64 << 10, Keep: keep}); err != nil {
				t.Error(err)
			}
			time.Sleep(time.Millisecond)
		}
	})
	follow(t, l, writers, rounds, &followed)
	writing.Wait()
	cancel()
	reading.Wait()
}

// writeRounds appends groups of 1 to 3 bodies that say writer, round and place.
func writeRounds(t *testing.T, l *journal.Log, w, rounds int) {
	buf := make([]byte, 3*300)
	for r := range rounds {
		var bodies [][]byte
		for i := range 1 + r%3 {
			b := buf[i*300 : (i+1)*300]
			binary.BigEndian.PutUint32(b, uint32(w))
			binary.BigEndian.PutUint32(b[4:], uint32(r))
			binary.BigEndian.PutUint32(b[8:], uint32(i))
			bodies = append(bodies, b)
		}
		first, _, err := l.Append(context.Background(), bodies...)
		if err != nil {
			t.Error(err)
			return
		}
		if head, _ := l.Head(); head < first+itsm.Offset(len(bodies))-1 {
			t.Errorf("append at %d returned with head %d", first, head)
		}
		clear(buf) // it is the writer's again
	}
}

// follow reads everything as the engine does and checks that each Append is whole and in order.
func follow(t *testing.T, l *journal.Log, writers, rounds int, followed *atomic.Uint64) {
	total := itsm.Offset(0)
	for r := range rounds {
		total += itsm.Offset(writers * (1 + r%3))
	}
	next, at := itsm.Offset(1), itsm.Time(0)
	round, part := make([]int, writers), 0
	for next <= total {
		if err := l.Wait(t.Context(), next-1); err != nil {
			t.Fatal(err)
		}
		got, err := l.Read(next, 50, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range got {
			w, n, i := int(binary.BigEndian.Uint32(r.Body)), int(binary.BigEndian.Uint32(r.Body[4:])), int(binary.BigEndian.Uint32(r.Body[8:]))
			if r.Offset != next || r.At < at || n != round[w] || i != part {
				t.Fatalf("offset %d at %d: writer %d round %d part %d; want offset %d, round %d, part %d", r.Offset, r.At, w, n, i, next, round[w], part)
			}
			next, at = next+1, r.At
			if part++; part == 1+n%3 {
				part, round[w] = 0, n+1
			}
		}
		followed.Store(uint64(next - 1))
	}
}

func readRandom(ctx context.Context, t *testing.T, l *journal.Log) {
	rng := rand.New(rand.NewPCG(1, 2))
	for ctx.Err() == nil {
		head, _ := l.Head()
		oldest := l.Oldest()
		from := oldest + itsm.Offset(rng.Uint64N(uint64(head-oldest+2)))
		got, err := l.Read(from, 20, 1<<20)
		if err != nil && itsm.CodeOf(err) != itsm.NotFound {
			t.Errorf("read %d: %v", from, err)
			return
		}
		if len(got) > 0 && got[0].Offset != from {
			t.Errorf("read %d: got %d", from, got[0].Offset)
		}
	}
}

func TestOptionsAreChecked(t *testing.T) {
	for _, o := range []journal.Options{{}, {Dir: "x", SegmentBytes: 100}} {
		if _, err := journal.Open(o); itsm.CodeOf(err) != itsm.Invalid {
			t.Errorf("open %+v: %v", o, err)
		}
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := journal.Open(journal.Options{Dir: filepath.Join(file, "sub")}); itsm.CodeOf(err) != itsm.Unavailable {
		t.Errorf("open below a file: %v", err)
	}
}

// TestReadJumps reads at random in a segment large enough to have places to jump to.
func TestReadJumps(t *testing.T) {
	d := fault.New(1)
	l, err := journal.Open(journal.Options{Dir: simDir, FS: d, SegmentBytes: 4 << 20, TailBytes: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	const entries = 2000
	for i := range entries {
		appendOK(t, l, fmt.Sprint(i+1, strings.Repeat(" ", 1000)))
	}
	rng := rand.New(rand.NewPCG(5, 6))
	for range 500 {
		from := 1 + rng.IntN(entries)
		for range 3 { // going on where the last call stopped
			got, err := l.Read(itsm.Offset(from), 1+rng.IntN(40), 1<<20)
			if err != nil || len(got) == 0 && from <= entries {
				t.Fatalf("read %d: %d entries, %v", from, len(got), err)
			}
			for _, r := range got {
				if int(r.Offset) != from || strings.TrimSpace(string(r.Body)) != fmt.Sprint(from) {
					t.Fatalf("read %d: got %d with %.10q", from, r.Offset, r.Body)
				}
				from++
			}
		}
	}
}
