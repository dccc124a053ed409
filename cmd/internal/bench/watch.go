package main

import (
	"context"
	"sync"
	"time"
)

// sampleEvery is how often the fold's lag is looked at during a run.
const sampleEvery = 50 * time.Millisecond

// lagMax is the lag at which a run no longer counts as kept up with, in seconds.
const lagMax = 1.0

// watch samples the fold of a running server.
type watch struct {
	stop context.CancelFunc
	done sync.WaitGroup
	lags []float64
	err  error
	peak int64 // highest anonymous memory seen
}

func (s *server) watch(ctx context.Context) *watch {
	ctx, stop := context.WithCancel(ctx)
	w := &watch{stop: stop}
	w.done.Go(func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-time.After(sampleEvery):
			}
			r, err := s.readiness(ctx)
			if err != nil {
				if ctx.Err() == nil {
					w.err = err
				}
				return
			}
			w.lags = append(w.lags, r.Lag)
			if now, _, err := s.anon(); err == nil {
				w.peak = max(w.peak, now)
			}
		}
	})
	return w
}

// end stops sampling and returns the highest lag and whether it grew over the run.
func (w *watch) end() (highest float64, grew bool, err error) {
	w.stop()
	w.done.Wait()
	third := len(w.lags) / 3
	var early, late float64
	for i, l := range w.lags {
		highest = max(highest, l)
		if i < third {
			early = max(early, l)
		} else if i >= 2*third {
			late = max(late, l)
		}
	}
	return highest, late > lagMax && late > 1.5*early, w.err
}
