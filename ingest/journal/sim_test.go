package journal_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"signalbox/ingest/journal"
	"signalbox/ingest/journal/fault"
	"signalbox/itsm"
)

var (
	long     = flag.Bool("long", os.Getenv("SIGNALBOX_LONG") == "1", "run 100,000 simulated disks instead of some thousands")
	simSeed  = flag.Uint64("seed", 0, "run only this simulated disk")
	simNoise = flag.Bool("noise", false, "print what the simulation does")
)

const simDir = "j"

// sim drives a journal on a simulated disk and remembers what was promised.
type sim struct {
	seed   uint64
	rng    *rand.Rand
	disk   *fault.Disk
	opts   journal.Options
	log    *journal.Log
	kept   []journal.Record // acknowledged or read back after a restart; offset i+1
	doubt  [][]byte         // bodies of an Append that failed last
	oldest itsm.Offset      // promised by retention
	now    time.Time
	made   int
}

func newSim(seed uint64, noSync bool) *sim {
	s := &sim{seed: seed, rng: rand.New(rand.NewPCG(seed, 7)), disk: fault.New(seed), now: time.UnixMilli(1_000_000), oldest: 1}
	s.opts = journal.Options{Dir: simDir, FS: s.disk, SegmentBytes: 8192 << s.rng.IntN(3), TailBytes: 1 + s.rng.IntN(8000), NoSync: noSync,
		Clock: func() time.Time { return s.now }}
	return s
}

// run plays some lives of the journal and returns the first broken promise.
func (s *sim) run() error {
	for range 1 + s.rng.IntN(5) {
		if err := s.life(); err != nil {
			return err
		}
	}
	s.disk.Fail = nil
	if err := s.open(); err != nil {
		return err
	}
	return s.log.Close()
}

// life opens the journal, works, and ends in a power cut, a kill or a clean stop.
func (s *sim) life() error {
	last := s.disk.Ops() + 1 + s.rng.IntN(90)
	why := fault.ErrPowerCut
	if s.rng.IntN(4) == 0 {
		why = syscall.EIO
	}
	s.disk.Fail = func(op fault.Op) error {
		if op.N == last || op.N > last && why == fault.ErrPowerCut {
			return why
		}
		return nil
	}
	err := s.open()
	if err == nil {
		for range s.rng.IntN(40) {
			if err = s.act(); err != nil {
				break
			}
		}
	}
	if err != nil && !errors.Is(err, why) {
		return err
	}
	s.end(err)
	return nil
}

// end finishes a life. After a failure of the disk the process may also just have been killed.
func (s *sim) end(err error) {
	how := s.rng.IntN(3)
	if s.log != nil && (how == 0 || err != nil) {
		s.log.Close()
	}
	s.log = nil
	if how == 1 && !errors.Is(err, fault.ErrPowerCut) {
		s.disk.Kill()
	} else {
		s.disk.Crash()
	}
	s.tell("end %d: %v", how, err)
}

func (s *sim) tell(format string, args ...any) {
	if *simNoise {
		fmt.Printf("seed %d: %s\n", s.seed, fmt.Sprintf(format, args...))
	}
}

// open opens the journal and compares all it holds with what was promised.
func (s *sim) open() (err error) {
	if s.log, err = journal.Open(s.opts); err != nil {
		s.log = nil
		return err
	}
	head, at := s.log.Head()
	s.tell("open: head %d, promised %d", head, len(s.kept))
	if int(head) < len(s.kept) {
		return fmt.Errorf("head %d is before the promised %d", head, len(s.kept))
	}
	if extra := int(head) - len(s.kept); extra != 0 && extra != len(s.doubt) {
		return fmt.Errorf("%d entries beyond the promised, the failed Append had %d", extra, len(s.doubt))
	} else if extra > 0 {
		for _, b := range s.doubt {
			s.keep(itsm.Offset(len(s.kept)+1), at, b)
		}
	}
	s.doubt = nil
	if o := s.log.Oldest(); o < s.oldest {
		return fmt.Errorf("oldest %d, retention had got to %d", o, s.oldest)
	}
	s.oldest = s.log.Oldest()
	return s.compare(s.oldest)
}

func (s *sim) keep(off itsm.Offset, at itsm.Time, body []byte) {
	s.kept = append(s.kept, journal.Record{Offset: off, At: at, Body: bytes.Clone(body)})
}

// compare reads from an offset to the head.
func (s *sim) compare(from itsm.Offset) error {
	for int(from) <= len(s.kept) {
		got, err := s.log.Read(from, 1+s.rng.IntN(50), 1+s.rng.IntN(9000))
		if err != nil {
			return fmt.Errorf("read from %d: %w", from, err)
		}
		if len(got) == 0 {
			return fmt.Errorf("read from %d: nothing, promised up to %d", from, len(s.kept))
		}
		for _, r := range got {
			want := s.kept[from-1]
			if r.Offset != from || r.At != want.At || !bytes.Equal(r.Body, want.Body) {
				return fmt.Errorf("read offset %d at %d (%d bytes), want %d at %d (%d bytes)", r.Offset, r.At, len(r.Body), want.Offset, want.At, len(want.Body))
			}
			from++
		}
	}
	if got, err := s.log.Read(from, 1, 1); err != nil || len(got) > 0 {
		return fmt.Errorf("read beyond the head: %d entries, %v", len(got), err)
	}
	return nil
}

// act does one random thing.
func (s *sim) act() error {
	s.now = s.now.Add(time.Duration(s.rng.IntN(2000)-500) * time.Millisecond)
	switch n := s.rng.IntN(20); {
	case n < 16:
		return s.append()
	case n < 17:
		return s.retain()
	case n < 18 && len(s.kept) > 0:
		return s.compare(max(s.oldest, itsm.Offset(1+s.rng.IntN(len(s.kept)))))
	case n < 19:
		err := s.log.Close()
		s.log = nil
		if err != nil {
			return err
		}
		return s.open()
	}
	return nil
}

func (s *sim) append() error {
	bodies := make([][]byte, 1+s.rng.IntN(5))
	for i := range bodies {
		s.made++
		bodies[i] = bytes.Repeat([]byte{byte(s.made), byte(s.made >> 8), 'S', 'B', 'F', 1}, s.rng.IntN(1<<s.rng.IntN(10)))
	}
	first, at, err := s.log.Append(context.Background(), bodies...)
	s.tell("append %d bodies: first %d, %v", len(bodies), first, err)
	if err != nil {
		s.doubt = bodies
		if itsm.CodeOf(err) != itsm.Unavailable || s.log.Err() == nil {
			return fmt.Errorf("append: %v (code %s), Err %v", err, itsm.CodeOf(err), s.log.Err())
		}
		return err
	}
	if int(first) != len(s.kept)+1 {
		return fmt.Errorf("append got offset %d, want %d", first, len(s.kept)+1)
	}
	if n := len(s.kept); n > 0 && at < s.kept[n-1].At || at < itsm.TimeOf(s.now) {
		return fmt.Errorf("append at %d, the clock says %d", at, itsm.TimeOf(s.now))
	}
	for i, b := range bodies {
		s.keep(first+itsm.Offset(i), at, b)
	}
	return nil
}

func (s *sim) retain() error {
	keep := itsm.Offset(1 + s.rng.IntN(len(s.kept)+1))
	_, err := s.log.Retain(journal.RetainPolicy{MaxBytes: 1, Keep: keep})
	s.tell("retain %d: %v", keep, err)
	if o := s.log.Oldest(); o > max(keep, s.oldest) {
		return fmt.Errorf("retain to %d removed %d", keep, o-1)
	} else if err == nil {
		s.oldest = o
	}
	return err
}

func TestPowerCut(t *testing.T) {
	seeds, start := uint64(2000), time.Now()
	if *long {
		seeds = 100_000
	}
	if *simSeed > 0 {
		*simNoise = true
		if err := newSim(*simSeed, false).run(); err != nil {
			t.Fatal(err)
		}
		return
	}
	entries := 0
	for seed := uint64(1); seed <= seeds; seed++ {
		s := newSim(seed, false)
		if err := s.run(); err != nil {
			t.Fatalf("seed %d: %v\nrepeat with -run TestPowerCut -seed %d", seed, err, seed)
		}
		entries += len(s.kept)
	}
	t.Logf("%d disks, %d entries in %s", seeds, entries, time.Since(start).Round(time.Millisecond))
}

// TestPowerCutNotices is the control: without syncs the same simulation must find lost entries.
func TestPowerCutNotices(t *testing.T) {
	lost, refused := 0, 0
	const seeds = 200
	for seed := uint64(1); seed <= seeds; seed++ {
		err := newSim(seed, true).run()
		var damage *journal.Damage
		switch {
		case errors.As(err, &damage):
			refused++
		case err != nil:
			lost++
		}
	}
	if lost < seeds/10 {
		t.Fatalf("without syncs only %d of %d disks lost acknowledged entries: the simulation is too kind", lost, seeds)
	}
	t.Logf("without syncs %d of %d disks lost acknowledged entries, %d were refused as damaged", lost, seeds, refused)
}

// TestPowerCutDuringGroups cuts the power while many callers share commit groups.
func TestPowerCutDuringGroups(t *testing.T) {
	for seed := uint64(1); seed <= 150; seed++ {
		d := fault.New(seed)
		l, err := journal.Open(options(d))
		if err != nil {
			t.Fatal(err)
		}
		last := d.Ops() + 1 + int(seed)
		d.Fail = func(op fault.Op) error {
			if op.N >= last {
				return fault.ErrPowerCut
			}
			return nil
		}
		var mu sync.Mutex
		acked := map[itsm.Offset]string{}
		var wg sync.WaitGroup
		for w := range 8 {
			wg.Go(func() {
				for n := 0; ; n++ {
					a, b := fmt.Sprint(w, "a", n, strings.Repeat("z", 37*w)), fmt.Sprint(w, "b", n)
					first, _, err := l.Append(context.Background(), []byte(a), []byte(b))
					if err != nil {
						return
					}
					mu.Lock()
					acked[first], acked[first+1] = a, b
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		l.Close()
		d.Fail = nil
		d.Crash()
		got, err := content(d)
		if err != nil || len(got)%2 != 0 {
			t.Fatalf("seed %d: %d entries, %v", seed, len(got), err)
		}
		for off, body := range acked {
			if int(off) > len(got) || string(got[off-1].Body) != body {
				t.Fatalf("seed %d: entry %d of %d was acknowledged and is lost", seed, off, len(got))
			}
		}
	}
}

// files returns the whole names of a simulated journal's files with an ending.
func files(t testing.TB, d *fault.Disk, ext string) []string {
	t.Helper()
	names, err := d.List(simDir)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, n := range names {
		if filepath.Ext(n) == ext {
			out = append(out, filepath.Join(simDir, n))
		}
	}
	return out
}
