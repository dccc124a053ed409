package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// kase is one row of the comparison and what the project wants of it.
type kase struct {
	batch, repeated int
	goal            float64
}

func (k kase) name() string {
	if k.repeated == 0 {
		return fmt.Sprintf("%d distinct", k.batch)
	}
	return fmt.Sprintf("%d repeated", k.batch)
}

var cases = []kase{{1, 0, 2}, {1, 90, 2}, {5, 0, 2}, {5, 90, 3}, {50, 0, 3}, {50, 90, 5}}

// knownAlerts are brought before the first round of a case, so that repeats find
// what they repeat.
const knownAlerts = 10_000

// fixedRate is what the latency comparison offers, in alerts a second at batch 5:
// below what Alertmanager stops at on two cores.
const fixedRate = 6000

// lane is one server and the way alerts go to it.
type lane struct {
	name   string
	server *server
	stream stream
	rates  []float64
	cpu    []float64 // microseconds an alert
	p99    []float64
	lag    float64
}

// compare brings the same alerts to both servers in alternating rounds.
func compare(ctx context.Context, o *options, r *report) error {
	rates := r.section(fmt.Sprintf("alerts a second, closed loop, %d connections (median of %d rounds of %v)", o.connections, o.rounds, o.round),
		"batch", "alertmanager", "signalbox", "ratio", "goal", "webhook", "ratio", "CPU µs an alert: am", "sb", "webhook", "p99 ms: am", "sb", "max lag s")
	fixed := r.section(fmt.Sprintf("latency at a fixed %d alerts/s, batch 5, distinct, open loop (ms)", fixedRate), "server", "p50", "p99", "max")
	lines, hosts := estate(o.cis)
	for _, k := range cases {
		if !strings.Contains(k.name(), o.only) {
			continue
		}
		if err := k.run(ctx, o, r, rates, fixed, lines, hosts); err != nil {
			return fmt.Errorf("batch %s: %w", k.name(), err)
		}
	}
	return nil
}

func (k kase) run(ctx context.Context, o *options, r *report, rates, fixed *section, lines []byte, hosts int) (err error) {
	am, sb, err := bothServers(ctx, o, "compare "+k.name(), lines)
	defer func() { err = errors.Join(err, am.stop(), sb.stop()) }()
	if err != nil {
		return err
	}
	began := time.Now()
	shape := func(s *server, path string, webhook bool) stream {
		return stream{shape: shape{addr: s.addr, path: path, webhook: webhook, batch: k.batch, began: began}, hosts: hosts, known: knownAlerts, repeated: k.repeated}
	}
	lanes := []*lane{
		{name: "alertmanager", server: am, stream: shape(am, "/api/v2/alerts", false)},
		{name: "signalbox", server: sb, stream: shape(sb, "/prometheus/main/api/v2/alerts", false)},
		{name: "webhook", server: sb, stream: shape(sb, "/webhooks/alertmanager", true)},
	}
	for _, l := range lanes {
		if err := l.warm(ctx, o); err != nil {
			return fmt.Errorf("%s: %w", l.name, err)
		}
	}
	for range o.rounds {
		for _, l := range lanes {
			if err := l.round(ctx, o, r, k); err != nil {
				return fmt.Errorf("%s: %w", l.name, err)
			}
		}
	}
	a, s, w := lanes[0], lanes[1], lanes[2]
	rates.add(k.name(), median(a.rates), median(s.rates), median(s.rates)/median(a.rates), k.goal, median(w.rates), median(w.rates)/median(a.rates),
		median(a.cpu), median(s.cpu), median(w.cpu), median(a.p99), median(s.p99), max(s.lag, w.lag))
	if k.batch == 5 && k.repeated == 0 {
		return atFixedRate(ctx, o, r, fixed, lanes)
	}
	return nil
}

// bothServers starts an Alertmanager and a Signalbox with a CMDB.
func bothServers(ctx context.Context, o *options, name string, lines []byte) (am, sb *server, err error) {
	if am, err = newAlertmanager(o); err != nil {
		return &server{}, &server{}, err
	}
	if sb, err = newSignalbox(o, name, ""); err != nil {
		return am, &server{}, err
	}
	if _, err := am.start(ctx); err != nil {
		return am, sb, err
	}
	if _, err := sb.start(ctx); err != nil {
		return am, sb, err
	}
	return am, sb, sb.load(ctx, lines)
}

// warm brings the alerts that are repeated later, in batches that suit a start.
func (l *lane) warm(ctx context.Context, o *options) error {
	s := l.stream
	s.batch, s.repeated = 50, 0
	_, err := s.exactly(ctx, o.connections, knownAlerts)
	l.stream.first = s.first
	return errors.Join(err, l.settle(ctx))
}

// settle waits until the server has nothing left to do for what it accepted.
func (l *lane) settle(ctx context.Context) error {
	if l.server.name != "signalbox" {
		return nil
	}
	return l.server.drained(ctx)
}

func (l *lane) round(ctx context.Context, o *options, r *report, k kase) error {
	before, err := l.server.cpu()
	if err != nil {
		return err
	}
	var w *watch
	if l.server.name == "signalbox" {
		w = l.server.watch(ctx)
	}
	began := time.Now()
	out, err := l.stream.closed(ctx, o.connections, o.round)
	err = errors.Join(err, l.settle(ctx))
	elapsed := time.Since(began)
	if w != nil {
		lag, grew, werr := w.end()
		err = errors.Join(err, werr)
		l.lag = max(l.lag, lag)
		if grew || lag > lagMax {
			r.invalid("batch %s, %s: the fold did not keep up: lag %.2f s", k.name(), l.name, lag)
		}
	}
	if err != nil {
		return err
	}
	after, err := l.server.cpu()
	if err != nil {
		return err
	}
	l.rates = append(l.rates, float64(out.alerts)/elapsed.Seconds())
	l.cpu = append(l.cpu, float64((after-before).Microseconds())/float64(out.alerts))
	l.p99 = append(l.p99, ms(out.latency.quantile(0.99)))
	r.Raw["compare"] = append(r.Raw["compare"], map[string]any{"case": k.name(), "server": l.name, "alerts": out.alerts, "seconds": elapsed.Seconds(),
		"folding_after_seconds": (elapsed - out.elapsed).Seconds(), "latency": out.latency.figures()})
	return nil
}

// atFixedRate offers every lane the same rate and times answers from when they were due.
func atFixedRate(ctx context.Context, o *options, r *report, s *section, lanes []*lane) error {
	for _, l := range lanes {
		out, err := l.stream.open(ctx, o.connections, fixedRate, o.round, nil)
		if err != nil {
			return err
		}
		f := out.latency.figures()
		s.add(l.name, f.P50, f.P99, f.Max)
		r.Raw["fixed rate"] = append(r.Raw["fixed rate"], map[string]any{"server": l.name, "latency": f})
		if err := l.settle(ctx); err != nil {
			return err
		}
	}
	return nil
}
