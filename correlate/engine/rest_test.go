package engine

import (
	"testing"
	"time"
)

// What is slow to come is folded soon, a storm in large batches, and what already
// waits at once.
func TestBatchesGrowWithTheLoad(t *testing.T) {
	for _, c := range []struct {
		name  string
		f     folded
		since time.Duration
		want  time.Duration
	}{
		{"one alert after a quiet hour", folded{entries: 1, events: 1}, time.Hour, foldEvery},
		{"2,000 events a second", folded{entries: 20, events: 20}, foldEvery, foldEvery},
		{"5,000 events a second", folded{entries: 50, events: 50}, foldEvery, foldEveryBusy},
		{"the same in the next batch", folded{entries: 200, events: 200}, foldEveryBusy, foldEveryBusy},
		{"10,000 events a second", folded{entries: 400, events: 400}, foldEveryBusy, foldEveryStorm},
		{"the same in the next batch", folded{entries: 1000, events: 1000}, foldEveryStorm, foldEveryStorm},
		{"not so many any more", folded{entries: 500, events: 500}, foldEveryStorm, foldEveryBusy},
		{"a few large deliveries at once", folded{entries: 4, events: 200}, foldEvery, foldEveryBusy},
		{"and when it calms down", folded{entries: 20, events: 20}, foldEveryBusy, foldEvery},
		{"more than a batch holds", folded{entries: 20, events: 1000, more: true}, foldEvery, 0},
	} {
		if got := c.f.rest(c.since); got != c.want {
			t.Errorf("%s: rests %v, want %v", c.name, got, c.want)
		}
	}
}
