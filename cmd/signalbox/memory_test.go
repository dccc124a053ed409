package main

import (
	"context"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"signalbox/ingest"
)

func TestGCHeadroom(t *testing.T) {
	for _, c := range []struct {
		room headroom
		live uint64
		want int
	}{
		{busy, 0, gcPercentMax}, {busy, 8 << 20, gcPercentMax}, {busy, 64 << 20, 300}, {busy, 96 << 20, 200}, {busy, 192 << 20, 100}, {busy, 4 << 30, 100},
		{calm, 8 << 20, gcPercentMax}, {calm, 96 << 20, 100}, {calm, 192 << 20, 40}, {calm, 4 << 30, 40},
	} {
		if got := c.room.percent(c.live); got != c.want {
			t.Errorf("with %d MiB of headroom over %d MiB: GOGC %d, want %d", c.room.bytes>>20, c.live>>20, got, c.want)
		}
	}
	for _, c := range []struct {
		was   headroom
		share float64
		want  headroom
	}{{calm, 0.09, calm}, {calm, 0.1, busy}, {busy, 0.03, busy}, {busy, 0.01, calm}} {
		if got := c.was.after(c.share); got != c.want {
			t.Errorf("%v when collecting takes %v of a processor: %v, want %v", c.was, c.share, got, c.want)
		}
	}
}

func TestHugeHeapFollowsTheMemory(t *testing.T) {
	for _, c := range []struct {
		memory int64
		want   int
	}{
		{512 << 20, 0}, {1 << 30, 0}, {2 << 30, 256 << 20}, {4 << 30, 512 << 20}, {64 << 30, hugeHeapMax},
	} {
		if got := hugeHeap(c.memory); got != c.want {
			t.Errorf("with %d MiB of memory %d MiB of the heap have huge pages, want %d", c.memory>>20, got>>20, c.want>>20)
		}
	}
}

// TestHugePagesAreAskedFor looks at what the kernel remembers, and that nothing was
// touched for it.
func TestHugePagesAreAskedFor(t *testing.T) {
	const asked = "hg" // of the flags of a mapping
	size := func() (rss, advised int) {
		b, err := os.ReadFile("/proc/self/smaps")
		if err != nil {
			t.Skip(err)
		}
		mapped := 0
		for line := range strings.Lines(string(b)) {
			f := strings.Fields(line)
			switch n, _ := strconv.Atoi(f[1]); f[0] {
			case "Size:":
				mapped = n
			case "Rss:":
				rss += n
			case "VmFlags:":
				if slices.Contains(f, asked) {
					advised += mapped
				}
			}
		}
		return rss, advised
	}
	if _, err := os.Stat("/sys/kernel/mm/transparent_hugepage"); err != nil {
		t.Skip(err)
	}
	want := hugeHeap(memoryThere()) >> 10
	if _, soft := probeMemory(); want == 0 || soft > 0 || addressesBounded() {
		t.Skip("not enough memory, or it or addresses are bounded")
	}
	hugeAsked = sync.Once{}
	t.Setenv("GOGC", "73")
	_, before := size()
	askHugePages()
	if _, got := size(); got != before {
		t.Errorf("GOGC is set, and yet %d KiB were asked for", got-before)
	}
	if err := os.Unsetenv("GOGC"); err != nil {
		t.Fatal(err)
	}
	was, before := size()
	askHugePages()
	askHugePages() // a second time does nothing
	rss, got := size()
	if got-before < want {
		t.Errorf("%d KiB are to have huge pages, want %d more than the %d before", got, want, before)
	}
	if grown := rss - was; grown > want/8 {
		t.Errorf("asking took %d KiB of memory", grown)
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
