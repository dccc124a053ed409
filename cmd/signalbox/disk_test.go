package main

import (
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"signalbox/itsm"
)

func TestDiskSaysWhatItLacks(t *testing.T) {
	d := &disk{dir: "data", reserve: 100 << 20, ballast: 1 << 20, log: slog.New(slog.DiscardHandler)}
	for _, c := range []struct {
		r    room
		says string
	}{
		{room{bytes: 100 << 20, inodes: -1}, ""},
		{room{bytes: 100 << 20, inodes: inodesMin}, ""},
		{room{bytes: 99 << 20, inodes: -1}, "99 MiB are left and 100 are needed"},
		{room{bytes: 1 << 40, inodes: inodesMin - 1}, "inodes"},
		{room{bytes: 1 << 40, inodes: 0}, "inodes"},
	} {
		d.last.Store(&c.r)
		err := d.check()
		if (err == nil) != (c.says == "") || err != nil && (itsm.CodeOf(err) != itsm.Unavailable || !strings.Contains(itsm.MessageOf(err), c.says)) {
			t.Errorf("%+v: %v, want %q", c.r, err, c.says)
		}
	}
}

// The ballast is made when there is plenty of space and kept for the start on a full
// disk, which gets what it holds.
func TestBallastIsForTheStart(t *testing.T) {
	d, err := openDisk(t.TempDir(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	d.release()
	d.reserve, d.ballast = 100<<20, 1<<20
	held := func() bool {
		st, err := os.Stat(filepath.Join(d.dir, ballastFile))
		return err == nil && st.Size() == d.ballast
	}
	for _, c := range []struct {
		free int64
		want bool
	}{{101 << 20, false}, {103 << 20, true}, {50 << 20, true}, {0, true}} {
		d.last.Store(&room{bytes: c.free, inodes: -1})
		d.tend()
		if held() != c.want {
			t.Errorf("%d MiB free: ballast %v, want %v", c.free>>20, held(), c.want)
		}
	}
	if err := d.roomToOpen(1 << 62); itsm.CodeOf(err) != itsm.Unavailable || held() {
		t.Errorf("opening what no disk can hold: %v, ballast %v; want it given back and the start refused", err, held())
	}
}

// TestSegmentsFitTheBound: retention removes whole segments, so a bound of bytes has
// to hold several.
func TestSegmentsFitTheBound(t *testing.T) {
	d := &disk{segment: segmentMax}
	for bound, want := range map[int64]int64{0: segmentMax, 1: segmentMin, 64 << 20: segmentMin, 512 << 20: 32 << 20, 50 << 30: segmentMax} {
		if got := d.segmentFor(bound); got != want {
			t.Errorf("segments of %d bytes for max_bytes %d, want %d", got, bound, want)
		}
	}
}

// TestAViewWithoutATableIsMadeAgain: a sync that failed while the view listed a new
// table must not keep the next start from serving.
func TestAViewWithoutATableIsMadeAgain(t *testing.T) {
	s := start(t, t.TempDir(), quick)
	for i := range 20 {
		s.do(http.MethodPost, "/webhooks/generic", event("firing", fmt.Sprintf("service-%d", i%5)), nil)
	}
	eventually(t, "five incidents", func() bool { return len(s.incidents()) == 5 })
	s.stop()
	want := exportOf(t, s.dir)
	tables, err := filepath.Glob(filepath.Join(s.dir, viewDir, "*.sst"))
	if err != nil || len(tables) == 0 {
		t.Fatalf("no tables to remove: %v", err)
	}
	if err := os.Remove(tables[0]); err != nil {
		t.Fatal(err)
	}
	s.run()
	if !strings.Contains(s.log.String(), saysRebuilt) {
		t.Error("the log does not say what happened to the view")
	}
	s.stop()
	if got := exportOf(t, s.dir); got != want {
		t.Errorf("the export differs from before: %d bytes, want %d", len(got), len(want))
	}
}
