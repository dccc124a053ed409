package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// The memory and start scenarios: so many open alerts.
const (
	openAlerts = 100_000
	settleFor  = 5 * time.Second // until a collection and a snapshot have happened
	idleMax    = 100 << 20
	startMax   = 3 * time.Second
)

// memory measures what an open alert costs in both servers, and an idle Signalbox.
func memory(ctx context.Context, o *options, r *report) (err error) {
	am, sb, err := bothServers(ctx, o, "memory", nil)
	defer func() { err = errors.Join(err, am.stop(), sb.stop()) }()
	if err != nil {
		return err
	}
	s := r.section(fmt.Sprintf("memory with %d open alerts (anonymous resident, MiB)", openAlerts), "server", "idle", "full", "bytes an alert", "heap bytes an alert")
	for _, l := range []lane{{name: "alertmanager", server: am, stream: stream{shape: shape{path: "/api/v2/alerts"}}},
		{name: "signalbox", server: sb, stream: stream{shape: shape{path: "/prometheus/main/api/v2/alerts"}}}} {
		l.stream.addr, l.stream.batch, l.stream.began, l.stream.hosts, l.stream.known = l.server.addr, 50, time.Now(), hostsUnknown, 1
		time.Sleep(settleFor)
		idle, _, err := l.server.anon()
		if err != nil {
			return err
		}
		heap, err := l.server.metric(ctx, "go_memstats_heap_inuse_bytes")
		if err != nil {
			return err
		}
		if _, err := l.stream.exactly(ctx, o.connections, openAlerts); err != nil {
			return err
		}
		if err := l.settle(ctx); err != nil {
			return err
		}
		time.Sleep(settleFor)
		full, _, err := l.server.anon()
		if err != nil {
			return err
		}
		after, err := l.server.metric(ctx, "go_memstats_heap_inuse_bytes")
		if err != nil {
			return err
		}
		s.add(l.name, float64(idle)/(1<<20), float64(full)/(1<<20), float64(full-idle)/openAlerts, (after-heap)/openAlerts)
		r.Raw["memory"] = append(r.Raw["memory"], map[string]any{"server": l.name, "idle_bytes": idle, "full_bytes": full, "alerts": openAlerts})
	}
	s.note("goal: idle under %d MiB; both include garbage not yet collected, and the labels and annotations (about 600 bytes an alert)", idleMax>>20)
	return nil
}

// starts measures how long a Signalbox with many open alerts takes to be ready.
func starts(ctx context.Context, o *options, r *report) (err error) {
	sb, hosts, err := fresh(ctx, o, "start", nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, sb.stop()) }()
	list := stream{shape: shape{addr: sb.addr, path: "/prometheus/main/api/v2/alerts", batch: 50, began: time.Now()}, hosts: hosts, known: openAlerts, repeated: 0}
	s := r.section(fmt.Sprintf("start with %d open alerts and %d CIs (goal: under %v)", openAlerts, o.cis, startMax), "after", "ready within")
	if _, err := list.exactly(ctx, o.connections, openAlerts); err != nil {
		return err
	}
	again := func(what string, end func() error) error {
		if err := end(); err != nil {
			return err
		}
		took, err := sb.start(ctx)
		if err != nil {
			return err
		}
		s.add(what, took)
		r.Raw["start"] = append(r.Raw["start"], map[string]any{"after": what, "seconds": took.Seconds()})
		firing, err := sb.metric(ctx, "signalbox_alerts_firing")
		if err == nil && firing < openAlerts {
			r.invalid("start %s: %.0f alerts fire, %d were acknowledged", what, firing, openAlerts)
		}
		return err
	}
	if err := again("kill -9 right after the last of them", sb.kill); err != nil {
		return err
	}
	if err := again("SIGTERM", sb.stop); err != nil {
		return err
	}
	list.repeated = 100
	if _, err := list.exactly(ctx, o.connections, openAlerts); err != nil {
		return err
	}
	return again("kill -9 right after all of them repeated", sb.kill)
}
