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
	asked, lag, at := 0, time.Minute, time.Unix(1_800_000_000, 0)
	p := newPace(func() time.Duration { asked++; return lag }, func() time.Time { return at })
	p.Brought("a", 1)
	if got := p.Wait("a"); got != paceMax {
		t.Fatalf("at a lag of %v: %v", lag, got)
	}
	lag, at = 0, at.Add(paceLookEvery-1)
	if got := p.Wait("a"); got != paceMax || asked != 1 {
		t.Errorf("asked again too soon: %v, asked %d times", got, asked)
	}
	at = at.Add(1)
	if got := p.Wait("a"); got != 0 || asked != 2 {
		t.Errorf("caught up, still waiting %v; asked %d times", got, asked)
	}
}

// TestPaceSparesTheSmall: only who brings the fair share or more waits for a fold
// that is behind, as long as that is recent.
func TestPaceSparesTheSmall(t *testing.T) {
	at := time.Unix(1_800_000_000, 0)
	p := newPace(func() time.Duration { return time.Minute }, func() time.Time { return at })
	waits := func(source string) bool { return p.Wait(source) > 0 }
	p.Brought("flood", 100_000)
	p.Brought("small", 49_000)
	if !waits("flood") || waits("small") || waits("silent") {
		t.Errorf("flood waits: %v, small: %v, silent: %v; want only flood", waits("flood"), waits("small"), waits("silent"))
	}
	p.Brought("small", 51_000)
	if !waits("flood") || !waits("small") {
		t.Errorf("two equals: flood waits %v, the other %v, want both", waits("flood"), waits("small"))
	}
	at = at.Add(paceWindow)
	p.Brought("small", 1)
	if !waits("small") || waits("flood") {
		t.Errorf("a window later: small waits %v, flood %v; want small, which brought more", waits("small"), waits("flood"))
	}
	at = at.Add(paceWindow)
	if !waits("small") || waits("flood") {
		t.Errorf("two windows later the flood is not forgotten")
	}
	at = at.Add(2 * paceWindow)
	if waits("small") || len(p.by) != 0 || p.total != 0 {
		t.Errorf("nothing is recent, but %d sources with %d events are remembered", len(p.by), p.total)
	}
}
