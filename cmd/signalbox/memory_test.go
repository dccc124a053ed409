package main

import (
	"context"
	"runtime/debug"
	"testing"

	"signalbox/ingest"
)

func TestGCHeadroom(t *testing.T) {
	for _, c := range []struct {
		live uint64
		want int
	}{
		{0, gcPercentMax}, {8 << 20, gcPercentMax}, {64 << 20, 300}, {96 << 20, 200}, {192 << 20, 100}, {4 << 30, gcPercentMin},
	} {
		if got := gcPercent(c.live); got != c.want {
			t.Errorf("gcPercent(%d MiB) = %d, want %d", c.live>>20, got, c.want)
		}
	}
}

func TestNewKeysFollowTheMemory(t *testing.T) {
	for _, c := range []struct {
		memory int64
		want   int
	}{
		{64 << 20, newKeysMin}, {512 << 20, 65_536}, {4 << 30, 524_288}, {64 << 30, ingest.NewKeysPerMinuteMax},
	} {
		if got := newKeysIn(c.memory); got != c.want {
			t.Errorf("with %d MiB a source may bring %d new alerts a minute, want %d", c.memory>>20, got, c.want)
		}
	}
	if got := memoryThere(); got < 16<<20 || got > 1<<50 {
		t.Errorf("%d bytes of memory", got)
	}
}

// TestGOGCIsLeftAlone: an operator with little memory sets it.
func TestGOGCIsLeftAlone(t *testing.T) {
	const set = 73
	t.Setenv("GOGC", "73")
	before := debug.SetGCPercent(set)
	defer debug.SetGCPercent(before)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := tuneGC(ctx); err != nil {
		t.Fatal(err)
	}
	if got := debug.SetGCPercent(set); got != set {
		t.Errorf("the collector runs at %d, the environment says %d", got, set)
	}
}
