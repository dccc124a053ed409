package sim

import (
	"errors"
	"flag"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"signalbox/itsm/cputest"
)

var (
	seedFlag  = flag.Int64("seed", -1, "run this one seed, traced")
	seedsFlag = flag.Int("seeds", 0, "how many seeds; 0: a few seconds' worth, or 20000 with -long")
	fromFlag  = flag.Uint64("from", 1, "first seed")
	stepsFlag = flag.Int("steps", 1000, "steps of a seed")
	linesFlag = flag.Int("lines", 60, "how many of the last lines of a trace are shown")
	writeFlag = flag.Bool("write", false, "keep a failing run in testdata: its journal, shrunk, or its seed")
	longFlag  = flag.Bool("long", os.Getenv("SIGNALBOX_LONG") != "", "run 20,000 seeds")
)

const (
	seedsShort = 100
	seedsLong  = 20_000
)

// A world is small and short-lived: collecting its garbage often would cost more
// than running it.
func TestMain(m *testing.M) {
	debug.SetGCPercent(800)
	os.Exit(m.Run())
}

// TestSim runs worlds. With -seed N -steps M it runs exactly that one and prints
// what led to a failure.
func TestSim(t *testing.T) {
	if *seedFlag >= 0 {
		rep, err := Run(Options{Seed: uint64(*seedFlag), Steps: *stepsFlag, Trace: true})
		report(t, err)
		t.Logf("%+v", rep)
		return
	}
	seeds := *seedsFlag
	if seeds == 0 {
		seeds = seedsShort
		if *longFlag {
			seeds = seedsLong
		}
	}
	started, used := time.Now(), cputest.Used(t)
	steps, entries, failed := runSeeds(t, *fromFlag, seeds)
	d, cpu := time.Since(started), cputest.Used(t)-used
	t.Logf("%d seeds, %d steps, %d entries in %.1f s on %d cores: %.0f steps/s, %.1f µs of CPU a step; %d failed", seeds, steps, entries, d.Seconds(), runtime.GOMAXPROCS(0), float64(steps)/d.Seconds(), cpu.Seconds()*1e6/float64(max(steps, 1)), failed)
}

// failuresMax is how many failing seeds are shown.
const failuresMax = 5

// runSeeds runs worlds on all cores, one world each.
func runSeeds(t *testing.T, from uint64, n int) (steps, entries int64, failed int64) {
	var next atomic.Int64
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for {
				i := next.Add(1) - 1
				if i >= int64(n) || atomic.LoadInt64(&failed) >= failuresMax {
					return
				}
				o := Options{Seed: from + uint64(i), Steps: *stepsFlag}
				rep, err := Run(o)
				atomic.AddInt64(&steps, int64(rep.Steps))
				atomic.AddInt64(&entries, int64(rep.Entries))
				if err != nil {
					atomic.AddInt64(&failed, 1)
					o.Trace = true
					_, err = Run(o)
					mu.Lock()
					report(t, err)
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	return steps, entries, failed
}

// report prints a violation with what led to it.
func report(t *testing.T, err error) {
	t.Helper()
	var v *Violation
	if !errors.As(err, &v) {
		if err != nil {
			t.Error(err)
		}
		return
	}
	if *writeFlag {
		keep(t, v)
	}
	t.Errorf("%v\nreplay: go test ./correlate/sim -run TestSim -seed %d -steps %d -v\n%s", v, v.Seed, v.Options.Steps, strings.Join(v.Trace[max(0, len(v.Trace)-*linesFlag):], "\n"))
}
