package main

import (
	"testing"
	"time"
)

func TestPaceSlowsDownWithTheLagWithinBounds(t *testing.T) {
	at := time.Unix(1_800_000_000, 0)
	const inTime = int(paceRateFirst * paceAim / time.Second)
	for _, c := range []struct {
		lag  time.Duration
		late int // events brought since
		want time.Duration
	}{
		{0, 0, 0}, {paceAim, 0, 0}, {paceAim + 10*time.Millisecond, 0, 10 * time.Millisecond}, {time.Minute, 0, time.Minute - paceAim},
		{paceBusy / 2, inTime, 0}, {paceBusy / 2, inTime + paceRateFirst/100, 10 * time.Millisecond}, {paceBusy / 2, 100 * paceRateFirst, 100*time.Second - paceAim},
	} {
		now := at
		p := newPace(nil, func() time.Time { return now })
		p.look(now, 0)
		now = now.Add(c.lag)
		p.Brought("a", c.late)
		if got := p.look(now, c.lag); got != c.want {
			t.Errorf("a lag of %v with %d events behind it makes deliveries wait %v, want %v", c.lag, c.late, got, c.want)
		}
	}
}

// TestPaceKeepsTheFoldFresh floods a fold that can so much and shows what it did a
// batch at a time, with senders that wait for their answers: nothing is shown later
// than a second once it is known what the fold can, and it is not left without work.
func TestPaceKeepsTheFoldFresh(t *testing.T) {
	const (
		step    = time.Millisecond
		senders = 16
		runs    = 10 * time.Second
	)
	for _, c := range []struct {
		name    string
		can     int           // events a second
		batches time.Duration // that the fold takes for a batch
		brings  int           // events of a delivery
		learns  time.Duration // after which the lag counts
		lagMax  time.Duration
	}{
		{"as measured", 40_000, 250 * time.Millisecond, 50, 0, 900 * time.Millisecond},
		{"small batches", 40_000, 20 * time.Millisecond, 50, 0, 700 * time.Millisecond},
		{"one a delivery", 15_000, 100 * time.Millisecond, 1, 0, 700 * time.Millisecond},
		{"faster than expected", 300_000, 100 * time.Millisecond, 500, 0, 900 * time.Millisecond},
		{"slower than expected", 3_000, 300 * time.Millisecond, 50, 7 * time.Second, 2 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			var (
				start  = time.Unix(1_800_000_000, 0)
				now    = start
				queue  []time.Time // when what is not shown was brought
				taken  int         // of the queue, by the batch on its way
				done   float64     // of it
				shown  int
				worst  time.Duration
				free   [senders]time.Time
				waited [senders]time.Duration
			)
			lag := func() time.Duration {
				if len(queue) == 0 {
					return 0
				}
				return now.Sub(queue[0])
			}
			p := newPace(lag, func() time.Time { return now })
			for ; now.Sub(start) < runs; now = now.Add(step) {
				for i := range free {
					if now.Before(free[i]) {
						continue
					}
					if w := p.Wait("flood", waited[i]); w > 0 {
						free[i], waited[i] = now.Add(w), waited[i]+w
						continue
					}
					free[i], waited[i] = now.Add(step), 0
					p.Brought("flood", c.brings)
					for range c.brings {
						queue = append(queue, now)
					}
				}
				done = min(done+float64(c.can)*step.Seconds(), float64(taken))
				if int(done+0.5) >= taken {
					queue, shown = queue[taken:], shown+taken
					done, taken = 0, min(len(queue), int(float64(c.can)*c.batches.Seconds()))
				}
				if now.Sub(start) >= c.learns {
					worst = max(worst, lag())
				}
			}
			t.Logf("lag at most %v, %d%% of what the fold can", worst, shown*100/int(float64(c.can)*runs.Seconds()))
			if worst > c.lagMax {
				t.Errorf("something was shown %v late, want %v at most", worst, c.lagMax)
			}
			if least := int(float64(c.can) * runs.Seconds() * 0.9); shown < least {
				t.Errorf("%d events were folded, of %d that could have been: the senders were held up too long", shown, least)
			}
		})
	}
}

func TestPaceAsksNowAndThen(t *testing.T) {
	asked, lag, at := 0, time.Minute, time.Unix(1_800_000_000, 0)
	p := newPace(func() time.Duration { asked++; return lag }, func() time.Time { return at })
	p.Brought("a", 1)
	if got := p.Wait("a", 0); got != pacePiece {
		t.Fatalf("at a lag of %v: %v", lag, got)
	}
	lag, at = 0, at.Add(paceLookEvery-1)
	if got := p.Wait("a", 0); got != pacePiece || asked != 1 {
		t.Errorf("asked again too soon: %v, asked %d times", got, asked)
	}
	at = at.Add(1)
	if got := p.Wait("a", 0); got != 0 || asked != 2 {
		t.Errorf("caught up, still waiting %v; asked %d times", got, asked)
	}
}

// TestPaceWaitsAreBounded: however late the fold is, a delivery waits for so long and no
// longer, and asks a few times only, for thousands may wait at once.
func TestPaceWaitsAreBounded(t *testing.T) {
	for _, lag := range []time.Duration{paceAim + 1, time.Minute} {
		p := newPace(func() time.Duration { return lag }, time.Now)
		p.Brought("a", 1)
		waited, asked := time.Duration(0), 0
		for ; asked < 1000; asked++ {
			w := p.Wait("a", waited)
			if w <= 0 {
				break
			}
			if w < paceLeast && waited+w < paceMax {
				t.Errorf("after %v of waiting: %v more, want at least %v", waited, w, paceLeast)
			}
			waited += w
		}
		if waited != paceMax {
			t.Errorf("at a lag of %v a delivery waits %v, want %v", lag, waited, paceMax)
		}
		if lag == time.Minute && asked > 12 {
			t.Errorf("it asked %d times", asked)
		}
	}
}

// TestPaceLearnsNothingFromAPause: what was folded while nobody asked is not taken for
// folded at once when somebody asks again.
func TestPaceLearnsNothingFromAPause(t *testing.T) {
	at := time.Unix(1_800_000_000, 0)
	p := newPace(func() time.Duration { return 0 }, func() time.Time { return at })
	for range 60 { // a large delivery a minute, and a small one before it
		for range 2 {
			if w := p.Wait("a", 0); w > 0 {
				t.Fatalf("waits %v for a fold that is not behind", w)
			}
			at = at.Add(paceLookEvery)
		}
		p.Brought("a", 10_000)
		at = at.Add(time.Minute)
	}
	if p.rate != paceRateFirst {
		t.Errorf("the fold is taken to do %.0f events a second, want %d, as nothing is known", p.rate, paceRateFirst)
	}
}

// TestPaceSurvivesASetClock: a clock that was set back does not keep deliveries waiting
// until it is what it was.
func TestPaceSurvivesASetClock(t *testing.T) {
	lag, at := time.Minute, time.Unix(1_800_000_000, 0)
	p := newPace(func() time.Duration { return lag }, func() time.Time { return at })
	p.Brought("a", 1)
	if p.Wait("a", 0) == 0 {
		t.Fatal("does not wait")
	}
	lag, at = 0, at.Add(-time.Hour)
	for range 2 { // what came before is behind it once
		p.Brought("a", 1)
		p.Wait("a", 0)
		at = at.Add(paceLookEvery)
	}
	if w := p.Wait("a", 0); w > 0 {
		t.Errorf("still waits %v", w)
	}
}

// TestPaceSparesTheSmall: only who brings the fair share or more waits for a fold
// that is behind, as long as that is recent.
func TestPaceSparesTheSmall(t *testing.T) {
	at := time.Unix(1_800_000_000, 0)
	p := newPace(func() time.Duration { return time.Minute }, func() time.Time { return at })
	waits := func(source string) bool { return p.Wait(source, 0) > 0 }
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
