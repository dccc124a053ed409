package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// stream is the sequence of alerts of one run. Every server gets the same.
type stream struct {
	shape
	hosts    int
	first    uint64 // number of its first new alert
	known    uint64 // alerts 1 to known are repeated
	repeated int    // of a hundred, how many are repeats
	sent     *sentAlerts
}

// sentAlerts notes the numbers of the alerts that were sent. Nil notes nothing.
type sentAlerts struct {
	mu   sync.Mutex
	list ledger
}

func (a *sentAlerts) note(n uint64) {
	if a == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.list[n] = true
}

// worker makes the requests of one connection.
type worker struct {
	s    *stream
	t    *template
	c    *conn
	next *atomic.Uint64 // number of the next new alert, shared
	slot uint64         // alerts made
	rnd  uint64
}

func (s *stream) worker(i int, next *atomic.Uint64) (*worker, error) {
	c, err := dial(s.addr)
	if err != nil {
		return nil, err
	}
	return &worker{s: s, t: newTemplate(s.shape), c: c, next: next, slot: uint64(i) * 7, rnd: uint64(i)*0x9E3779B97F4A7C15 + 1}, nil
}

// prepare fills the template with the next batch.
func (w *worker) prepare() {
	for i := range w.t.alerts {
		n := w.number()
		w.t.set(i, n, w.s.hosts)
		w.s.sent.note(n)
	}
}

// number is that of the next alert, a new or a repeated one.
func (w *worker) number() uint64 {
	w.slot++
	if w.slot%100*37%100 >= uint64(w.s.repeated) { // spread over the hundred
		return w.next.Add(1)
	}
	w.rnd = w.rnd*6364136223846793005 + 1442695040888963407
	return w.rnd>>33%w.s.known + 1
}

// send sends what is prepared; anything but 2xx ends the run.
func (w *worker) send() error { return w.post(w.t.request) }

func (w *worker) post(request []byte) error {
	status, err := w.c.do(request)
	if err == nil && status/100 != 2 {
		err = fmt.Errorf("answer %d: %.300s", status, w.c.body)
	}
	return err
}

// outcome is what a run of load came to.
type outcome struct {
	requests uint64
	alerts   uint64
	elapsed  time.Duration
	latency  histogram
}

// each runs fn on every connection until it ends, and adds up what they did.
func (s *stream) each(connections int, fn func(i int, w *worker, out *outcome) error) (outcome, error) {
	var (
		next  atomic.Uint64
		group sync.WaitGroup
		outs  = make([]outcome, connections)
		errs  = make([]error, connections)
		all   = make([]*worker, connections)
		total outcome
	)
	next.Store(s.first)
	for i := range all {
		w, err := s.worker(i, &next)
		if err != nil {
			return total, err
		}
		defer w.c.close()
		all[i] = w
	}
	began := time.Now()
	for i, w := range all {
		group.Go(func() { errs[i] = fn(i, w, &outs[i]) })
	}
	group.Wait()
	total.elapsed = time.Since(began)
	for i := range outs {
		total.requests += outs[i].requests
		total.latency.merge(&outs[i].latency)
	}
	total.alerts = total.requests * uint64(s.batch)
	s.first = next.Load()
	return total, errors.Join(errs...)
}

// closed sends on every connection as fast as it is answered, for a time.
func (s *stream) closed(ctx context.Context, connections int, d time.Duration) (outcome, error) {
	end := time.Now().Add(d)
	return s.each(connections, func(_ int, w *worker, out *outcome) error {
		for ctx.Err() == nil {
			w.prepare()
			began := time.Now()
			if began.After(end) {
				return nil
			}
			if err := w.send(); err != nil {
				return err
			}
			out.latency.add(time.Since(began))
			out.requests++
		}
		return ctx.Err()
	})
}

// exactly sends so many alerts, at least, as fast as they are answered.
func (s *stream) exactly(ctx context.Context, connections int, alerts uint64) (outcome, error) {
	var sent atomic.Uint64
	return s.each(connections, func(_ int, w *worker, out *outcome) error {
		for ctx.Err() == nil && sent.Add(uint64(s.batch)) <= alerts+uint64(s.batch)-1 {
			w.prepare()
			began := time.Now()
			if err := w.send(); err != nil {
				return err
			}
			out.latency.add(time.Since(began))
			out.requests++
		}
		return ctx.Err()
	})
}

// open sends at a rate of alerts a second. Each request has the time it is meant
// to leave at, and its latency counts from then, whether or not a connection was
// free: a server that stalls pays for everything that had to wait.
func (s *stream) open(ctx context.Context, connections int, rate float64, d time.Duration, answered func(w *worker, intended time.Time)) (outcome, error) {
	return s.openWith(ctx, connections, rate, d, func(w *worker) []byte { w.prepare(); return w.t.request }, answered)
}

// openWith is open with requests that prepare makes.
func (s *stream) openWith(ctx context.Context, connections int, rate float64, d time.Duration, prepare func(*worker) []byte, answered func(w *worker, intended time.Time)) (outcome, error) {
	interval := time.Duration(float64(s.batch) / rate * float64(time.Second))
	count := uint64(d / interval)
	var turn atomic.Uint64
	began := time.Now().Add(10 * time.Millisecond)
	return s.each(connections, func(_ int, w *worker, out *outcome) error {
		for ctx.Err() == nil {
			n := turn.Add(1) - 1
			if n >= count {
				return nil
			}
			request := prepare(w)
			intended := began.Add(time.Duration(n) * interval)
			time.Sleep(time.Until(intended))
			if err := w.post(request); err != nil {
				return err
			}
			out.latency.add(time.Since(intended))
			out.requests++
			if answered != nil {
				answered(w, intended)
			}
		}
		return ctx.Err()
	})
}
