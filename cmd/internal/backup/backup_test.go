package backup_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"signalbox/cmd/internal/backup"
	"signalbox/correlate"
	"signalbox/correlate/engine"
	"signalbox/ingest/journal"
	"signalbox/itsm"
	"signalbox/itsm/cmdb"
	"signalbox/itsm/desk"
	"signalbox/itsm/entry"
	"signalbox/itsm/kv"
)

// long runs the tests at their full length.
var long = flag.Bool("long", os.Getenv("SIGNALBOX_LONG") != "", "200 damaged backups instead of 20")

const segmentBytes = 256 << 10

// live is an engine at work on a real journal.
type live struct {
	t     *testing.T
	dir   string
	j     *journal.Log
	d     *desk.Desk
	eng   *engine.Engine
	close func()
}

func startLive(t *testing.T) *live {
	t.Helper()
	l := &live{t: t, dir: t.TempDir()}
	var err error
	if l.j, err = journal.Open(journal.Options{Dir: filepath.Join(l.dir, "journal"), SegmentBytes: segmentBytes}); err != nil {
		t.Fatal(err)
	}
	if l.d, err = desk.Open(kv.Mem()); err != nil {
		t.Fatal(err)
	}
	snaps, err := engine.OpenSnapshots(filepath.Join(l.dir, "snapshots"))
	if err != nil {
		t.Fatal(err)
	}
	l.eng = engine.New(engine.Options{Journal: l.j, Desk: l.d, Snapshots: snaps, Config: correlate.DefaultConfig()})
	if err := l.eng.Recover(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- l.eng.Run(ctx) }()
	l.close = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := l.j.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(l.close)
	doc, problems := cmdb.Parse(cmdb.YAML, strings.NewReader("cis:\n  - {id: db, name: db, class: Database, tier: 1}\n  - {id: shop, name: shop, class: Service}\nrelations:\n  - {from: shop, type: depends_on, to: db}\n"))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	for !l.eng.Status().Ready {
		time.Sleep(time.Millisecond)
	}
	if _, problems, err := l.eng.ImportCMDB(t.Context(), doc, "test", false, false, "test"); err != nil || len(problems) > 0 {
		t.Fatal(err, problems)
	}
	return l
}

// alert journals one delivery; the same number again is a repeat or a clear.
func (l *live) alert(n int, status itsm.Status) {
	at := itsm.TimeOf(time.Now())
	e := itsm.Event{Source: "generic", Identity: fmt.Sprint(n), Status: status, Severity: itsm.Major, SeverityWord: "major", Title: fmt.Sprintf("%d is slow", n),
		StartsAt: at, Labels: itsm.LabelsOf(map[string]string{"service": []string{"shop", "db", fmt.Sprintf("s%d", n%7)}[n%3]})}
	if status == itsm.Resolved {
		e.EndsAt = at
	}
	if _, _, err := l.j.Append(context.Background(), entry.EncodeDelivery(nil, &entry.Delivery{Source: "generic", Events: []itsm.Event{e}, Raw: []byte(strings.Repeat("raw ", 50))})); err != nil {
		l.t.Error(err)
	}
}

// take writes a backup of the running engine.
func (l *live) take(path string) backup.Manifest {
	l.t.Helper()
	pin := l.j.Pin()
	defer pin.Release()
	c, err := l.eng.Checkpoint(l.t.Context())
	if err != nil {
		l.t.Fatal(err)
	}
	defer c.Close()
	f, err := os.Create(path)
	if err != nil {
		l.t.Fatal(err)
	}
	defer f.Close()
	m, err := backup.Write(f, backup.Source{Journal: pin, Checkpoint: c, Program: "test", Now: time.Now()})
	if err != nil {
		l.t.Fatal(err)
	}
	return m
}

// restoredExport unpacks a backup and exports what its parts come to.
func restoredExport(t *testing.T, path string) (backup.Manifest, string) {
	t.Helper()
	dir := t.TempDir()
	m, err := backup.Unpack(path, dir)
	if err != nil {
		t.Fatal(err)
	}
	j, err := journal.Open(journal.Options{Dir: filepath.Join(dir, "journal"), SegmentBytes: segmentBytes})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	snaps, err := engine.OpenSnapshots(filepath.Join(dir, "snapshots"))
	if err != nil {
		t.Fatal(err)
	}
	db := kv.Mem()
	if _, err := snaps.LoadView(db); err != nil {
		t.Fatal(err)
	}
	d, err := desk.Open(db)
	if err != nil {
		t.Fatal(err)
	}
	if err := engine.New(engine.Options{Journal: j, Desk: d, Snapshots: snaps}).CatchUp(); err != nil {
		t.Fatal(err)
	}
	return m, export(t, d)
}

func export(t *testing.T, d *desk.Desk) string {
	t.Helper()
	var b bytes.Buffer
	if err := d.Export(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// foldedExport folds the journal in dir from its beginning up to entry n.
func foldedExport(t *testing.T, dir string, n itsm.Offset) string {
	t.Helper()
	d, err := desk.Open(kv.Mem())
	if err != nil {
		t.Fatal(err)
	}
	f := engine.NewFolder()
	err = journal.Iterate(journal.Options{Dir: filepath.Join(dir, "journal"), SegmentBytes: segmentBytes}, 1, func(r journal.Record) error {
		if r.Offset > n {
			return nil
		}
		r.Body = bytes.Clone(r.Body)
		b, err := f.Fold([]journal.Record{r})
		if err != nil {
			return err
		}
		return d.Apply(*b)
	})
	if err != nil {
		t.Fatal(err)
	}
	d.SetLive(f.State)
	return export(t, d)
}

// TestBackupUnderLoadIsAPointInTime: backups are taken while four writers work and
// retention tries to remove everything; each restores to exactly what a fold of
// the journal up to its last entry comes to.
func TestBackupUnderLoadIsAPointInTime(t *testing.T) {
	l := startLive(t)
	stop := make(chan struct{})
	var busy sync.WaitGroup
	for w := range 4 {
		busy.Go(func() {
			r := rand.New(rand.NewPCG(1, uint64(w)))
			for {
				select {
				case <-stop:
					return
				default:
					l.alert(r.IntN(300), itsm.Status(1+r.IntN(4)/3))
				}
			}
		})
	}
	time.Sleep(50 * time.Millisecond)
	dir := t.TempDir()
	for i := range 3 {
		time.Sleep(50 * time.Millisecond)
		before, _ := l.j.Head()
		if m := l.take(filepath.Join(dir, fmt.Sprint(i))); m.Last < before {
			t.Errorf("the backup ends at entry %d; %d was acknowledged before it began", m.Last, before)
		}
	}
	close(stop)
	busy.Wait()
	l.close()
	for i := range 3 {
		m, got := restoredExport(t, filepath.Join(dir, fmt.Sprint(i)))
		if want := foldedExport(t, l.dir, m.Last); got != want {
			t.Errorf("backup %d at entry %d: the restored export has %d bytes, the fold up to it %d; they differ", i, m.Last, len(got), len(want))
		}
		if m.Snapshot == 0 || m.Snapshot > m.Last {
			t.Errorf("backup %d: snapshot at %d of %d", i, m.Snapshot, m.Last)
		}
	}
}

// TestDamageIsDetected flips bits and cuts the file at random places.
func TestDamageIsDetected(t *testing.T) {
	l := startLive(t)
	for n := range 200 {
		l.alert(n, itsm.Firing)
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "b")
	l.take(path)
	if _, err := backup.Verify(path); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	rounds := 20
	if *long {
		rounds = 200
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	bad := filepath.Join(dir, "bad")
	for i := range rounds {
		b, what := bytes.Clone(whole), ""
		switch i % 4 {
		case 0, 1:
			at := r.IntN(len(b))
			b[at] ^= 1 << r.IntN(8)
			what = fmt.Sprintf("bit of byte %d of %d flipped", at, len(b))
		case 2:
			at := r.IntN(len(b))
			b, what = b[:at], fmt.Sprintf("cut to %d of %d bytes", at, len(b))
		case 3:
			at, n := r.IntN(len(b)-100), 1+r.IntN(99)
			b, what = append(b[:at], b[at+n:]...), fmt.Sprintf("%d bytes missing at %d", n, at)
		}
		if err := os.WriteFile(bad, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := backup.Verify(bad); err == nil {
			t.Errorf("not detected: %s", what)
		}
		into := t.TempDir()
		if _, err := backup.Unpack(bad, into); err == nil || !strings.Contains(err.Error(), "use another one") {
			t.Errorf("unpacked in spite of %s: %v", what, err)
		}
		if left, _ := os.ReadDir(into); len(left) > 0 {
			t.Errorf("%s: %d files were unpacked before the damage was found", what, len(left))
		}
	}
	if err := os.WriteFile(bad, append(bytes.Clone(whole), 0), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := backup.Verify(bad); err == nil {
		t.Error("a byte after the end was not detected")
	}
}
