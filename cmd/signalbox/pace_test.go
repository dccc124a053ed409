package main

import (
	"testing"
	"time"
)

func TestPaceSlowsDownWithTheLagWithinBounds(t *testing.T) {
	for _, c := range []struct{ lag, want time.Duration }{
		{0, 0}, {paceFrom, 0}, {paceFrom + 100*time.Millisecond, 10 * time.Millisecond}, {time.Minute, paceMax},
	} {
		if got := paceOf(c.lag); got != c.want {
			t.Errorf("a lag of %v makes deliveries wait %v, want %v", c.lag, got, c.want)
		}
	}
}

func TestPaceAsksNowAndThen(t *testing.T) {
	var p pace
	asked, lag := 0, time.Minute
	ask := func() time.Duration { asked++; return lag }
	at := time.Unix(1_800_000_000, 0)
	if got := p.now(at, ask); got != paceMax {
		t.Fatalf("at a lag of %v: %v", lag, got)
	}
	lag = 0
	if got := p.now(at.Add(paceLookEvery-1), ask); got != paceMax || asked != 1 {
		t.Errorf("asked again too soon: %v, asked %d times", got, asked)
	}
	if got := p.now(at.Add(paceLookEvery), ask); got != 0 || asked != 2 {
		t.Errorf("caught up, still waiting %v; asked %d times", got, asked)
	}
}
