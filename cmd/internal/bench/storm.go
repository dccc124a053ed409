package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
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
	stormPagesMax  = 120
	stormBudget    = 60 // a minute: the default of page_budget
	stormLookEvery = 250 * time.Millisecond
)

// stormSources are the four senders: two Prometheus servers and two Alertmanagers.
var stormSources = []struct {
	source string
	shape  shape
}{
	{"site-0", shape{path: "/prometheus/site-0/api/v2/alerts"}}, {"site-1", shape{path: "/prometheus/site-1/api/v2/alerts"}},
	{"site-2", shape{path: "/webhooks/site-2", webhook: true}}, {"site-3", shape{path: "/webhooks/site-3", webhook: true}},
}

// gale is what a storm came to.
type gale struct {
	acks, console histogram
	acked         uint64
	sent          []*sentAlerts // by source
	journaled     float64
	accepted      float64
	repeated      float64 // deduplicated
	wrote         int64   // beside, to keep the disk busy
	lag           float64
	grew          bool
	peak          int64
	after         time.Duration // until all was folded
}

func storm(ctx context.Context, o *options, r *report) (err error) {
	p := newPartner()
	defer p.stop()
	sb, hosts, err := fresh(ctx, o, "storm", p)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, sb.stop()) }()
	g, err := sb.weather(ctx, o, min(plantedHosts, hosts))
	if err != nil {
		return err
	}
	if g.grew {
		r.invalid("storm: the fold's lag grew to %.2f s", g.lag)
	}
	if float64(g.acked) != g.journaled || g.journaled != g.accepted {
		r.invalid("storm: %d alerts acknowledged, %.0f journaled, %.0f folded", g.acked, g.journaled, g.accepted)
	}
	alerts, diff, err := sb.audit(ctx, g)
	if err != nil {
		return err
	}
	if diff != (difference{}) {
		r.invalid("storm: %d identities missing, %d twice, %d invented, such as: %s", diff.missing, diff.twice, diff.invented, diff.example)
	}
	at, incidents, err := sb.represented(ctx, p)
	if err != nil {
		return err
	}
	r.storm(g, alerts, diff, at, incidents, p)
	return nil
}

// weather has a storm blow over a server with a busy disk, and somebody look on.
func (s *server) weather(ctx context.Context, o *options, hosts int) (g gale, err error) {
	browser, err := s.signIn(ctx)
	if err != nil {
		return g, err
	}
	before, err := s.events(ctx)
	if err != nil {
		return g, err
	}
	busy, stop := context.WithCancel(ctx)
	defer stop()
	var side sync.WaitGroup
	var busyErr, browseErr error
	side.Go(func() { g.wrote, busyErr = keepDiskBusy(busy, o.dir) })
	side.Go(func() { browseErr = s.keepBrowsing(busy, browser, &g.console) })
	w := s.watch(ctx)
	err = g.blow(ctx, o, s, hosts)
	folding := time.Now()
	err = errors.Join(err, s.drained(ctx))
	g.after = time.Since(folding)
	lag, grew, werr := w.end()
	g.lag, g.grew, g.peak = lag, grew, w.peak
	stop()
	side.Wait()
	if err = errors.Join(err, werr, busyErr, browseErr); err != nil {
		return g, err
	}
	now, err := s.events(ctx)
	g.journaled, g.accepted, g.repeated = now[0]-before[0], now[1]-before[1], now[2]-before[2]
	return g, err
}

// events are how many were journaled, accepted and deduplicated.
func (s *server) events(ctx context.Context) (out [3]float64, err error) {
	for i, family := range []string{"signalbox_ingest_events_journaled_total", `signalbox_events_total{fate="accepted"`, `signalbox_events_total{fate="deduplicated"`} {
		if out[i], err = s.metric(ctx, family); err != nil {
			return out, err
		}
	}
	return out, nil
}

// audit compares the identities that were acknowledged with those that can be read.
func (s *server) audit(ctx context.Context, g gale) (alerts []readAlert, diff difference, err error) {
	for i, sh := range stormSources {
		read, err := all[readAlert](ctx, s, "/api/v1/alerts", url.Values{"source": {sh.source}})
		if err != nil {
			return nil, diff, err
		}
		diff.merge(g.sent[i].list.compare(read))
		alerts = append(alerts, read...)
	}
	return alerts, diff, nil
}

// storm adds what a storm came to.
func (r *report) storm(g gale, alerts []readAlert, diff difference, at representation, incidents []openIncident, p *partner) {
	s := r.section(fmt.Sprintf("storm: %d alerts in %v, %d %% repeated, every %dth request flapping, four sources, disk busy (%d MiB written and synced beside)",
		g.acked, stormFor, stormRepeated, stormFlapEvery, g.wrote>>20), "what", "figure", "goal")
	planted, flapped := 0, 0
	for _, in := range incidents {
		if in.cause() == plantedCause {
			planted++
		}
	}
	for _, a := range alerts {
		if a.Flapping {
			flapped++
		}
	}
	pages := p.pageTimes()
	minute := busiest(pages, time.Minute)
	f, c := g.acks.figures(), g.console.figures()
	s.add("acknowledged but not folded", float64(g.acked)-g.accepted, 0)
	s.add("identities acknowledged and missing in /api/v1/alerts", diff.missing, 0)
	s.add("identities there twice, or never sent", diff.twice+diff.invented, 0)
	s.add("ack p99 ms", f.P99, ms(stormAckMax))
	s.add("ack max ms", f.Max, "3000")
	s.add("anonymous resident memory, peak MiB", float64(g.peak)/(1<<20), stormRSSMax>>20)
	s.add("fold lag, highest s", g.lag, "")
	s.add("folded after the end within s", g.after.Seconds(), 5)
	s.add("console p95 ms", c.P95, ms(stormPageMax))
	s.add("open incidents", at.open, stormMax)
	s.add("of them with probable cause = "+plantedCause, planted, at.open)
	s.add("pages, highest in a minute", minute, fmt.Sprintf("%d, ours %d", stormPagesMax, stormBudget))
	s.add("open incidents nowhere to be seen at the partner", len(at.nowhere), 0)
	s.add("deduplicated, % of events", share(g.repeated, g.accepted), "")
	s.add("flapping, % of the alerts sent in turns", share(float64(flapped), float64(stormFlappers*len(stormSources))), 100)
	s.note("every alert is on one of %d hosts that depend on %s, which does not alert", plantedHosts, plantedCause)
	s.note("%d alerts; %d pages in all; of the open incidents %d are open at the partner, %d held back by their storm, %d dead letters; nowhere: %v",
		len(alerts), len(pages), at.there, at.held, at.dead, at.nowhere)
	r.Raw["storm"] = append(r.Raw["storm"], map[string]any{"acked": g.acked, "journaled": g.journaled, "folded": g.accepted, "deduplicated": g.repeated, "ack": f, "console": c,
		"rss_anon_peak": g.peak, "lag_max_seconds": g.lag, "drain_seconds": g.after.Seconds(), "incidents": at.open, "planted_cause": planted, "pages": len(pages),
		"pages_per_minute_max": minute, "unrepresented": len(at.nowhere), "held": at.held, "dead_letters": at.dead, "alerts": len(alerts), "flapping": flapped,
		"missing": diff.missing, "twice": diff.twice, "invented": diff.invented})
}

// share is a part in percent of a whole.
func share(part, whole float64) float64 { return 100 * part / max(whole, 1) }

// blow sends the storm: every alert is on a host that depends on the planted cause.
func (g *gale) blow(ctx context.Context, o *options, sb *server, hosts int) error {
	var group sync.WaitGroup
	outs, errs := make([]outcome, len(stormSources)), make([]error, len(stormSources))
	began := time.Now()
	for i, from := range stormSources {
		sh := from.shape
		sh.addr, sh.batch, sh.began = sb.addr, stormBatch, began
		g.sent = append(g.sent, &sentAlerts{list: ledger{}})
		// Sources number their alerts apart, for the same alert from two sources is two.
		s := stream{shape: sh, hosts: hosts, known: stormKnown, first: stormKnown + uint64(i)*10_000_000, repeated: stormRepeated, sent: g.sent[i]}
		flap := &flapping{s: s}
		group.Go(func() {
			outs[i], errs[i] = s.openWith(ctx, max(o.connections/len(stormSources), 1), float64(stormAlerts)/float64(len(stormSources))/stormFor.Seconds(), stormFor, flap.prepare, nil)
		})
	}
	group.Wait()
	for i := range outs {
		g.acks.merge(&outs[i].latency)
		g.acked += outs[i].alerts
	}
	return errors.Join(errs...)
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
		number := f.s.first + 9_000_000 + n*stormBatch%stormFlappers + uint64(i)
		t.set(i, number, f.s.hosts)
		f.s.sent.note(number)
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
