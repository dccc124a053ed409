package main

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"time"
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
func tuneGC(ctx context.Context) error {
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
