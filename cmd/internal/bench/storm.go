package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// The storm: G9 of the reliability goals.
const (
	stormAlerts    = 100_000
	stormFor       = 60 * time.Second
	stormBatch     = 10
	stormRepeated  = 30 // of a hundred
	stormFlapEvery = 10 // every tenth request is one of flapping alerts
	stormFlappers  = 200
	stormKnown     = 1000
	stormAckMax    = time.Second
	stormRSSMax    = 512 << 20
	stormPageMax   = 500 * time.Millisecond
	stormMax       = 10 // incidents for one planted cause
	stormLookEvery = 250 * time.Millisecond
)

// stormSources are the four senders: two Prometheus servers and two Alertmanagers.
var stormSources = []shape{
	{path: "/prometheus/site-0/api/v2/alerts"}, {path: "/prometheus/site-1/api/v2/alerts"},
	{path: "/webhooks/site-2", webhook: true}, {path: "/webhooks/site-3", webhook: true},
}

func storm(ctx context.Context, o *options, r *report) (err error) {
	sb, hosts, err := fresh(ctx, o, "storm")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, sb.stop()) }()
	browser, err := sb.signIn(ctx)
	if err != nil {
		return err
	}
	before, err := sb.metric(ctx, "signalbox_ingest_events_journaled_total")
	if err != nil {
		return err
	}
	busy, stop := context.WithCancel(ctx)
	defer stop()
	var side sync.WaitGroup
	var wrote int64
	var busyErr, browseErr error
	var seen histogram
	side.Go(func() { wrote, busyErr = keepDiskBusy(busy, o.dir) })
	side.Go(func() { browseErr = sb.keepBrowsing(busy, browser, &seen) })
	w := sb.watch(ctx)
	acks, acked, err := blow(ctx, o, sb, min(plantedHosts, hosts))
	folding := time.Now()
	err = errors.Join(err, sb.drained(ctx))
	after := time.Since(folding)
	lag, grew, werr := w.end()
	stop()
	side.Wait()
	if err = errors.Join(err, werr, busyErr, browseErr); err != nil {
		return err
	}
	if grew {
		r.invalid("storm: the fold's lag grew to %.2f s", lag)
	}
	journaled, err := sb.metric(ctx, "signalbox_ingest_events_journaled_total")
	if err != nil {
		return err
	}
	accepted, err := sb.metric(ctx, `signalbox_events_total{fate="accepted"`)
	if err != nil {
		return err
	}
	if lost := float64(acked) - (journaled - before); lost != 0 || accepted != journaled {
		r.invalid("storm: %d alerts acknowledged, %.0f journaled, %.0f folded", acked, journaled-before, accepted)
	}
	incidents, err := sb.metric(ctx, "signalbox_incidents_open")
	if err != nil {
		return err
	}
	s := r.section(fmt.Sprintf("storm: %d alerts in %v, %d %% repeated, every %dth request flapping, four sources, disk busy (%d MiB written and synced beside)",
		acked, stormFor, stormRepeated, stormFlapEvery, wrote>>20), "what", "figure", "goal")
	f, p := acks.figures(), seen.figures()
	s.add("acknowledged but not folded", float64(acked)-(accepted-before), 0)
	s.add("ack p99 ms", f.P99, ms(stormAckMax))
	s.add("ack max ms", f.Max, "3000")
	s.add("anonymous resident memory, peak MiB", float64(w.peak)/(1<<20), stormRSSMax>>20)
	s.add("fold lag, highest s", lag, "")
	s.add("folded after the end within s", after.Seconds(), 5)
	s.add("console p95 ms", p.P95, ms(stormPageMax))
	s.add("open incidents", incidents, stormMax)
	s.note("every alert is on one of %d hosts that depend on %s, which does not alert", plantedHosts, plantedCause)
	r.Raw["storm"] = append(r.Raw["storm"], map[string]any{"acked": acked, "journaled": journaled - before, "folded": accepted - before, "ack": f, "console": p,
		"rss_anon_peak": w.peak, "lag_max_seconds": lag, "drain_seconds": after.Seconds(), "incidents": incidents})
	return nil
}

// blow sends the storm: every alert is on a host that depends on the planted cause.
func blow(ctx context.Context, o *options, sb *server, hosts int) (acks histogram, acked uint64, err error) {
	var group sync.WaitGroup
	outs, errs := make([]outcome, len(stormSources)), make([]error, len(stormSources))
	began := time.Now()
	for i, sh := range stormSources {
		sh.addr, sh.batch, sh.began = sb.addr, stormBatch, began
		// Sources number their alerts apart, for the same alert from two sources is two.
		s := stream{shape: sh, hosts: hosts, known: stormKnown, first: stormKnown + uint64(i)*10_000_000, repeated: stormRepeated}
		flap := &flapping{s: s}
		group.Go(func() {
			outs[i], errs[i] = s.openWith(ctx, max(o.connections/len(stormSources), 1), float64(stormAlerts)/float64(len(stormSources))/stormFor.Seconds(), stormFor, flap.prepare, nil)
		})
	}
	group.Wait()
	for i := range outs {
		acks.merge(&outs[i].latency)
		acked += outs[i].alerts
	}
	return acks, acked, errors.Join(errs...)
}

// flapping makes every tenth request one of alerts that fire and clear in turns.
type flapping struct {
	s    stream
	mu   sync.Mutex
	turn uint64
}

func (f *flapping) prepare(w *worker) []byte {
	f.mu.Lock()
	f.turn++
	n := f.turn
	f.mu.Unlock()
	if n%stormFlapEvery != 0 {
		w.prepare()
		return w.t.request
	}
	n /= stormFlapEvery
	sh := f.s.shape
	sh.resolved, sh.began = n/(stormFlappers/stormBatch)%2 == 1, time.Now()
	t := newTemplate(sh)
	for i := range t.alerts {
		t.set(i, f.s.first+9_000_000+n*stormBatch%stormFlappers+uint64(i), f.s.hosts)
	}
	return t.request
}

// keepDiskBusy writes and syncs beside the server until ctx ends.
func keepDiskBusy(ctx context.Context, dir string) (wrote int64, err error) {
	const chunk, size = 4 << 20, 256 << 20
	f, err := os.Create(filepath.Join(dir, "busy"))
	if err != nil {
		return 0, err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	b := make([]byte, chunk)
	for ctx.Err() == nil {
		if _, err := f.WriteAt(b, wrote%size); err != nil {
			return wrote, err
		}
		if err := f.Sync(); err != nil {
			return wrote, err
		}
		wrote += chunk
		time.Sleep(20 * time.Millisecond)
	}
	return wrote, nil
}

// keepBrowsing reads the console as a person in an incident does.
func (s *server) keepBrowsing(ctx context.Context, browser *http.Client, h *histogram) error {
	for i := 0; ctx.Err() == nil; i++ {
		page := []string{"/", "/incidents/INC0000001", "/alerts"}[i%3]
		began := time.Now()
		status, _, err := s.browse(ctx, browser, page)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return err
		case status == 200:
			h.add(time.Since(began))
		case status != 404: // the first incident is not open yet
			return fmt.Errorf("GET %s: %d", page, status)
		}
		time.Sleep(stormLookEvery)
	}
	return nil
}
