package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// The latency scenario: alerts one at a time at a rate, and of every tenth the
// time until the incident it led to can be read.
const (
	latencyRate  = 2000
	latencyEvery = 10
	latencyFor   = 10 * time.Second
	followers    = 8
)

// followed is an alert whose incident is waited for.
type followed struct {
	offset   []byte
	intended time.Time
}

func latency(ctx context.Context, o *options, r *report) (err error) {
	sb, hosts, err := fresh(ctx, o, "latency", nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, sb.stop()) }()
	list := stream{shape: shape{addr: sb.addr, path: "/webhooks/alertmanager", webhook: true, batch: 1, began: time.Now()}, hosts: hosts, known: 1}
	w := sb.watch(ctx)
	ch := make(chan followed, latencyRate*int(latencyFor/time.Second))
	wait, waited := sb.follow(ch)
	var n atomic.Uint64
	out, err := list.open(ctx, o.connections, latencyRate, latencyFor, func(w *worker, intended time.Time) {
		if n.Add(1)%latencyEvery == 0 {
			ch <- followed{offsetOf(w.c.body), intended}
		}
	})
	close(ch)
	err = errors.Join(err, wait())
	lag, grew, werr := w.end()
	if err = errors.Join(err, werr); err != nil {
		return err
	}
	if grew {
		r.invalid("latency: the fold's lag grew to %.2f s at %d alerts/s", lag, latencyRate)
	}
	s := r.section(fmt.Sprintf("at %d alerts/s, one a request, distinct, open loop (ms)", latencyRate), "what", "count", "p50", "p95", "p99", "max")
	for _, row := range []struct {
		name string
		h    *histogram
	}{{"accepted (durable)", &out.latency}, {"incident readable over the API", waited}} {
		f := row.h.figures()
		s.add(row.name, f.Count, f.P50, f.P95, f.P99, f.Max)
		r.Raw["latency"] = append(r.Raw["latency"], map[string]any{"what": row.name, "latency": f})
	}
	s.note("goal: incident p99 under 50 ms; highest lag of the fold %.3f s", lag)
	return nil
}

// fresh starts a Signalbox with the CMDB of the options, connected to p if not nil.
func fresh(ctx context.Context, o *options, name string, p *partner) (*server, int, error) {
	lines, hosts := estate(o.cis)
	sb, err := newSignalbox(o, name, p.configuration())
	if err != nil {
		return nil, 0, err
	}
	sb.env = p.environment()
	if _, err := sb.start(ctx); err != nil {
		return nil, 0, err
	}
	if err := sb.load(ctx, lines); err != nil {
		return nil, 0, errors.Join(err, sb.stop())
	}
	return sb, hosts, nil
}

// offsetOf cuts the offset out of a receipt.
func offsetOf(body []byte) []byte {
	_, rest, _ := bytes.Cut(body, []byte(`"offset":`))
	end := bytes.IndexFunc(rest, func(c rune) bool { return c < '0' || c > '9' })
	return bytes.Clone(rest[:max(end, 0)])
}

// follow reads the incidents as of each alert that comes on ch.
func (s *server) follow(ch <-chan followed) (wait func() error, total *histogram) {
	var group sync.WaitGroup
	total = &histogram{}
	hists, errs := make([]histogram, followers), make([]error, followers)
	for i := range followers {
		group.Go(func() {
			c, err := dial(s.addr)
			if err != nil {
				errs[i] = err
				return
			}
			defer c.close()
			for f := range ch {
				status, err := c.do(fmt.Appendf(nil, "GET /api/v1/incidents?limit=1&after_offset=%s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n\r\n", f.offset, s.addr, s.token))
				if err == nil && status != 200 {
					err = errors.New("GET /api/v1/incidents: " + strconv.Itoa(status))
				}
				if errs[i] = errors.Join(errs[i], err); err != nil {
					return
				}
				hists[i].add(time.Since(f.intended))
			}
		})
	}
	return func() error {
		group.Wait()
		for i := range hists {
			total.merge(&hists[i])
		}
		return errors.Join(errs...)
	}, total
}
