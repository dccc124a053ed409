package main

import (
	"context"
	"math"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"

	"golang.org/x/sys/unix"

	"signalbox/ingest"
)

// The garbage collector is given headroom in bytes instead of a share of the heap:
// with little alive it would otherwise run many times a second in a storm, and
// with much alive it would let the process grow by as much again.
const (
	gcHeadroom   = 192 << 20 // garbage allowed before a collection
	gcPercentMin = 100
	gcPercentMax = 400 // keeps an idle process small
	gcLookEvery  = time.Second
)

const heapLive = "/gc/heap/live:bytes"

// tuneGC keeps the collector's target at the live heap and gcHeadroom until ctx ends.
// Whoever set GOGC has decided otherwise; GOMEMLIMIT the runtime heeds in any case.
func tuneGC(ctx context.Context) error {
	if os.Getenv("GOGC") != "" {
		<-ctx.Done()
		return nil
	}
	sample := []metrics.Sample{{Name: heapLive}}
	now := 0
	for {
		metrics.Read(sample)
		if p := gcPercent(sample[0].Value.Uint64()); p != now {
			debug.SetGCPercent(p)
			now = p
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(gcLookEvery):
		}
	}
}

// gcPercent is the GOGC that leaves gcHeadroom over a live heap, in steps: every
// change stops the world for a moment.
func gcPercent(live uint64) int {
	const step = 20
	p := gcPercentMax
	if live > 0 {
		p = int(min(gcHeadroom*100/live, gcPercentMax))
	}
	return max(p/step*step, gcPercentMin)
}

// A source that invents alerts fills the memory, for each open alert takes about
// openAlertBytes beyond its labels. What one source may bring in a minute unless it
// is configured otherwise is newKeysShare of the memory there is, so that a person
// has minutes to act, but enough for any storm that is one.
const (
	openAlertBytes = 1 << 10
	newKeysShare   = 8
	newKeysMin     = 50_000
)

// newKeysIn is the default of limits.new_keys_per_minute with so much memory.
func newKeysIn(memory int64) int {
	return int(max(newKeysMin, min(memory/newKeysShare/openAlertBytes, ingest.NewKeysPerMinuteMax)))
}

// memoryThere is what the process may use: its own limit, its control group's or
// the machine's, whichever is least.
func memoryThere() int64 {
	var machine unix.Sysinfo_t
	there := int64(math.MaxInt64)
	if err := unix.Sysinfo(&machine); err == nil {
		there = int64(machine.Totalram) * int64(machine.Unit)
	}
	group, own := probeMemory()
	for _, limit := range []int64{group, own} {
		if limit > 0 {
			there = min(there, limit)
		}
	}
	return there
}
