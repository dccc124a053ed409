package badgerkv

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"signalbox/itsm"
	"signalbox/itsm/kv"
	"signalbox/itsm/kv/kvtest"
)

func openIn(t testing.TB, dir string) *DB {
	t.Helper()
	db, err := Open(Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	return db
}

func open(t testing.TB) kv.DB {
	db := openIn(t, t.TempDir())
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func TestConformance(t *testing.T) { kvtest.Run(t, open) }

func TestReopenedStoreHoldsEverything(t *testing.T) {
	dir := t.TempDir()
	db := openIn(t, dir)
	want := fill(t, db, 3000)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	db = openIn(t, dir)
	defer db.Close()
	if err := db.Verify(); err != nil {
		t.Error(err)
	}
	if got := len(kvtest.All(t, db, kv.Range{})); got != want {
		t.Errorf("%d keys after reopening; want %d", got, want)
	}
	if err := db.RunGC(); err != nil {
		t.Errorf("RunGC with nothing to collect: %v", err)
	}
}

// fill stores n keys in one large update and returns n.
func fill(t testing.TB, db kv.DB, n int) int {
	t.Helper()
	value := bytes.Repeat([]byte("signalbox "), 200)
	err := db.UpdateLarge(func(tx kv.Tx) error {
		for i := range n {
			if err := tx.Set(kv.Key(9, uint64(i)), value); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestUpdateRefusesWhatOnlyUpdateLargeTakes(t *testing.T) {
	db := open(t)
	err := db.Update(func(tx kv.Tx) error {
		for i := range uint64(kvtest.LargeBytes >> 16) {
			if err := tx.Set(kv.Key(9, i), make([]byte, 1<<16)); err != nil {
				return err
			}
		}
		return nil
	})
	if !errors.Is(err, kv.ErrTooBig) {
		t.Errorf("Update answered %v; want ErrTooBig", err)
	}
	if got := kvtest.All(t, db, kv.Range{}); len(got) != 0 {
		t.Errorf("%d keys stored by an update that failed", len(got))
	}
}

// What was stored before the process died is there.
func TestCopyOfARunningStoreHoldsEverything(t *testing.T) {
	dir, copied := t.TempDir(), t.TempDir()
	db := openIn(t, dir)
	defer db.Close()
	n := fill(t, db, 4000)
	copyDir(t, dir, copied)
	if got := kvtest.All(t, openClosed(t, copied), kv.Range{KeysOnly: true}); len(got) != n {
		t.Fatalf("%d keys in the copy; want %d", len(got), n)
	}
}

// A log that is torn in the middle leaves a beginning of the writes.
func TestTornLogLeavesABeginningOfTheWrites(t *testing.T) {
	dir, copied := t.TempDir(), t.TempDir()
	db := openIn(t, dir)
	defer db.Close()
	n := fill(t, db, 4000)
	copyDir(t, dir, copied)
	tearLog(t, copied)
	got := kvtest.All(t, openClosed(t, copied), kv.Range{KeysOnly: true})
	if len(got) == 0 || len(got) >= n {
		t.Fatalf("%d keys after tearing the log; want some of %d", len(got), n)
	}
	for i, p := range got {
		if p.Key != string(kv.Key(9, uint64(i))) {
			t.Fatalf("key %d is %s: writes before it are missing", i, kv.Format([]byte(p.Key)))
		}
	}
}

func openClosed(t *testing.T, dir string) *DB {
	db := openIn(t, dir)
	t.Cleanup(func() { db.Close() })
	return db
}

func copyDir(t *testing.T, from, to string) {
	t.Helper()
	entries, err := os.ReadDir(from)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(from, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(to, e.Name()), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// tearLog damages the newest log of the store in the middle of what is written.
func tearLog(t *testing.T, dir string) {
	t.Helper()
	logs, _ := filepath.Glob(filepath.Join(dir, "*.mem"))
	if len(logs) == 0 {
		t.Fatal("the store has no log to tear")
	}
	newest := slices.Max(logs)
	b, err := os.ReadFile(newest)
	if err != nil {
		t.Fatal(err)
	}
	used := len(bytes.TrimRight(b, "\x00"))
	clear(b[used*3/4:])
	if err := os.WriteFile(newest, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestHeldDirectoryIsNamed(t *testing.T) {
	dir := t.TempDir()
	db := openIn(t, dir)
	_, err := Open(Options{Dir: dir})
	if itsm.CodeOf(err) != itsm.Unavailable || !strings.Contains(itsm.MessageOf(err), "another process") || !strings.Contains(itsm.MessageOf(err), dir) {
		t.Errorf("second Open: %v", err)
	}
	if err := Destroy(dir); itsm.CodeOf(err) != itsm.Unavailable {
		t.Errorf("Destroy of an open store: %v; want Unavailable", err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestDestroyLeavesForeignFiles(t *testing.T) {
	dir := t.TempDir()
	db := openIn(t, dir)
	fill(t, db, 10)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	foreign := filepath.Join(dir, "notes.txt")
	if err := os.WriteFile(foreign, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Destroy(dir); err != nil {
		t.Fatal(err)
	}
	left, _ := os.ReadDir(dir)
	if len(left) != 1 || left[0].Name() != "notes.txt" {
		t.Errorf("left after Destroy: %v; want notes.txt alone", left)
	}
	if err := Destroy(filepath.Join(dir, "missing")); err != nil {
		t.Errorf("Destroy of a missing directory: %v", err)
	}
	if got := kvtest.All(t, openClosed(t, dir), kv.Range{}); len(got) != 0 {
		t.Errorf("%d keys after Destroy", len(got))
	}
}

// A flipped bit in a table is found by Verify.
func TestVerifyFindsDamage(t *testing.T) {
	dir := t.TempDir()
	db := openIn(t, dir)
	fill(t, db, 3000)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	tables, _ := filepath.Glob(filepath.Join(dir, "*.sst"))
	if len(tables) == 0 {
		t.Fatal("closing wrote no table")
	}
	b, err := os.ReadFile(tables[0])
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/3] ^= 0x10
	if err := os.WriteFile(tables[0], b, 0o600); err != nil {
		t.Fatal(err)
	}
	db, err = Open(Options{Dir: dir})
	if err == nil {
		err = db.Verify()
		db.Close()
	}
	if err == nil || !strings.Contains(err.Error(), "rebuild") {
		t.Errorf("damage in a table: %v; want an error that says what to do", err)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	before := heap()
	db := openIn(t, t.TempDir())
	defer db.Close()
	fill(t, db, 20_000)
	// Two memtables and the builders of a compaction; idle it is half. On a busy machine
	// what is under way may have piled up, and goes by itself.
	got := heap() - before
	for deadline := time.Now().Add(time.Minute); got > 120<<20 && time.Now().Before(deadline); got = heap() - before {
		time.Sleep(10 * time.Millisecond)
	}
	if got > 120<<20 {
		t.Errorf("heap grew by %d MiB; want at most 120", got>>20)
	}
	size, err := db.Size()
	if err != nil || size < 100_000 || size > 128<<20 {
		t.Errorf("Size = %d, %v", size, err)
	}
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func TestLogIsBridged(t *testing.T) {
	var out bytes.Buffer
	l := logger{slog.New(slog.NewTextHandler(&out, nil))}
	l.Infof("chatter %d", 1)
	l.Warningf("disk is %s\n", "slow")
	if got := out.String(); strings.Contains(got, "chatter") || !strings.Contains(got, `level=WARN msg="badger: disk is slow"`) {
		t.Errorf("log = %s", got)
	}
	logger{}.Errorf("nobody listens")
	if !slog.Default().Enabled(context.Background(), slog.LevelError) {
		t.Error("the default logger changed")
	}
}

func TestNothingIsLeftRunning(t *testing.T) {
	ignore := goleak.IgnoreCurrent()
	db := openIn(t, t.TempDir())
	fill(t, db, 10)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); ; { // each look waits for less than a second
		if err := goleak.Find(ignore); err == nil {
			break
		} else if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

func BenchmarkUpdate1000(b *testing.B) {
	db := open(b)
	value := bytes.Repeat([]byte("signalbox "), 60)
	n := uint64(0)
	for b.Loop() {
		err := db.UpdateLarge(func(tx kv.Tx) error {
			for range 1000 {
				n++
				if err := tx.Set(kv.Key(9, n), value); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)*1000/b.Elapsed().Seconds(), "records/s")
}

// TestFilesThatACrashLeftEmpty: a process killed between making a file and giving it
// its size must be able to start again.
func TestFilesThatACrashLeftEmpty(t *testing.T) {
	dir := t.TempDir()
	db := openIn(t, dir)
	want := fill(t, db, 100)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"000777.vlog", "00777.mem"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	db = openIn(t, dir)
	defer db.Close()
	if got := len(kvtest.All(t, db, kv.Range{})); got != want {
		t.Errorf("%d keys; want %d", got, want)
	}
}
