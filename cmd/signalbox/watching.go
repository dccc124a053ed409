package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"signalbox/cmd/internal/conf"
	"signalbox/cmd/internal/watch"
	"signalbox/connectors"
	"signalbox/correlate/engine"
	"signalbox/ingest/journal"
	"signalbox/itsm/desk"
)

// watching is what watches the server from inside: the heartbeat to the outside
// and the alerts about itself.
type watching struct {
	beat    *watch.Heartbeat // nil: none is configured
	watcher *watch.Watcher
}

// heartbeatURL reads the address of the dead-man service, "" when there is none.
func heartbeatURL(f *conf.File) (string, error) {
	if !f.Heartbeat.URL.IsSet() {
		return "", nil
	}
	url, err := f.Heartbeat.URL.Read()
	if err != nil {
		return "", fmt.Errorf("heartbeat.url: %w", err)
	}
	if err := connectors.CheckURL(url); err != nil {
		return "", fmt.Errorf("heartbeat.url: %w", err)
	}
	return url, nil
}

func watchingOf(set *settings, j *journal.Log, d *desk.Desk, space *disk, eng *engine.Engine, after *restoredStart, ready func() bool, reg prometheus.Registerer, log *slog.Logger) watching {
	f := set.file
	o := watch.Options{Journal: j, Records: d, Ready: ready, Log: log}
	for _, w := range f.Watchdogs {
		o.Watchdogs = append(o.Watchdogs, watch.Watchdog{Source: w.Source, Labels: w.Labels, MissingAfter: time.Duration(w.MissingAfter)})
	}
	if f.SelfAlerts == nil || *f.SelfAlerts {
		o.Self = &watch.Self{Quiet: after.isQuiet, Rules: ruleFailures(eng), Room: func() (free, refused int64, err error) {
			r := space.last.Load()
			return r.bytes, space.reserve, r.err
		}}
	}
	w := watching{watcher: watch.NewWatcher(o)}
	if set.heartbeat != "" {
		w.beat = &watch.Heartbeat{URL: set.heartbeat, Method: f.Heartbeat.Method, Every: time.Duration(f.Heartbeat.Every), Ready: ready,
			HTTP: connectors.NewClient(log), Log: log, Metrics: watch.NewHeartbeatMetrics(reg)}
	}
	return w
}

// ruleFailures tells the watcher of rules that failed.
func ruleFailures(eng *engine.Engine) func() ([]watch.RuleFailures, uint64) {
	return func() (out []watch.RuleFailures, revision uint64) {
		for _, c := range eng.RuleCounts() {
			out = append(out, watch.RuleFailures{ID: c.ID, Failures: c.Failures, Late: c.Late})
		}
		return out, eng.Rules().Revision
	}
}

// start adds what watches to what runs.
func (w watching) start(ctx context.Context, group *errgroup.Group) {
	group.Go(func() error { return w.watcher.Run(ctx) })
	if w.beat != nil {
		group.Go(func() error { return w.beat.Run(ctx) })
	}
}
