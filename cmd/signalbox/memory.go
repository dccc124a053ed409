package main

import (
	"context"
	"math"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"signalbox/ingest"
)

// The garbage collector is given headroom in bytes instead of a share of the heap:
// with little alive it would otherwise run many times a second under load, and
// with much alive it would let the process grow by as much again. Most headroom is
// for those who need it: a storm of some thousand alerts a second collects once in
// seconds with the small one as well. What counts is what collecting costs and not
// how often it is done: with half a million alerts alive one collection in two
// seconds is a fifth of all the work.
type headroom struct {
	bytes      uint64 // garbage allowed before a collection
	percentMin int    // of what is alive, however much it is
}

var (
	calm = headroom{96 << 20, 40}
	busy = headroom{192 << 20, 100}
)

const (
	gcPercentMax = 400 // keeps an idle process small
	gcLookEvery  = time.Second
	gcBusyFrom   = 0.10 // share of a processor's time that collecting takes when it is busy,
	gcCalmBelow  = 0.02 // and below which it is calm again
	gcLooks      = 8    // looks over which the share is taken: a collection counts when it ends
)

const (
	heapLive = "/gc/heap/live:bytes"
	gcTotal  = "/cpu/classes/gc/total:cpu-seconds"
	gcIdle   = "/cpu/classes/gc/mark/idle:cpu-seconds" // in gcTotal, and nobody else's loss
)

// tuneGC keeps the collector's target at the live heap and its headroom until ctx
// ends. Whoever set GOGC has decided otherwise; GOMEMLIMIT the runtime heeds in any
// case.
func tuneGC(ctx context.Context) error {
	if os.Getenv("GOGC") != "" {
		<-ctx.Done()
		return nil
	}
	sample := []metrics.Sample{{Name: heapLive}, {Name: gcTotal}, {Name: gcIdle}}
	now, room, share, before := 0, calm, 0.0, 0.0
	for {
		metrics.Read(sample)
		spent := sample[1].Value.Float64() - sample[2].Value.Float64()
		share += ((spent-before)/gcLookEvery.Seconds() - share) / gcLooks
		before, room = spent, room.after(share)
		if p := room.percent(sample[0].Value.Uint64()); p != now {
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

// after is the headroom to have when collecting takes such a share of a processor's
// time.
func (h headroom) after(share float64) headroom {
	switch {
	case share >= gcBusyFrom:
		return busy
	case share < gcCalmBelow:
		return calm
	}
	return h
}

// percent is the GOGC that leaves the headroom over a live heap, in steps: every
// change stops the world for a moment.
func (h headroom) percent(live uint64) int {
	const step = 20
	p := gcPercentMax
	if live > 0 {
		p = int(min(h.bytes*100/live, gcPercentMax))
	}
	return max(p/step*step, h.percentMin)
}

// The first touch of a page costs a fault, on a virtual machine up to a dozen
// microseconds for 4 KiB: with 2 KiB an alert as much as a third of folding it. With
// huge pages there are 512 times fewer. The runtime does not ask for them, and the
// kernel gives them to those who ask.
const (
	hugeHeapMax   = 1 << 30   // the first of the heap: what lies beyond is as it was
	hugeHeapShare = 8         // of the memory there is
	hugeHeapMin   = 256 << 20 // with less, pages that are touched a little are felt
)

// hugeHeap is how much of the heap has huge pages with so much memory.
func hugeHeap(memory int64) int {
	if n := min(memory/hugeHeapShare, hugeHeapMax); n >= hugeHeapMin {
		return int(n)
	}
	return 0
}

// askHugePages has the kernel give huge pages to addresses that the heap grows into. It
// takes them as one slice that it never touches, and lets go of it: the heap grows from
// below, and the kernel remembers. It does nothing for whoever set GOGC or GOMEMLIMIT
// to keep the process small, or bounded addresses, which the slice could exceed.
func askHugePages() {
	n := hugeHeap(memoryThere())
	_, soft := probeMemory()
	if n == 0 || soft > 0 || os.Getenv("GOGC") != "" || addressesBounded() {
		return
	}
	hugeAsked.Do(func() {
		b := make([]byte, n)
		err := unix.Madvise(b, unix.MADV_HUGEPAGE)
		b = nil
		if err == nil {
			debug.FreeOSMemory() // or the slice counts as memory in use until the next collection
		}
	})
}

// hugeAsked is for a process that serves twice: the second slice could lie where the heap
// was, and would be cleared.
var hugeAsked sync.Once

// addressesBounded reports whether addresses count although nothing lies behind them.
func addressesBounded() bool {
	for _, r := range []int{unix.RLIMIT_AS, unix.RLIMIT_DATA} {
		var limit unix.Rlimit
		if err := unix.Getrlimit(r, &limit); err != nil || limit.Cur != unix.RLIM_INFINITY {
			return true
		}
	}
	const never = "2" // is more promised than there is
	b, err := os.ReadFile("/proc/sys/vm/overcommit_memory")
	return err != nil || strings.TrimSpace(string(b)) == never
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
