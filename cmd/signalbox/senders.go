package main

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"signalbox/connectors"
	"signalbox/correlate/engine"
	"signalbox/itsm"
	"signalbox/itsm/desk"
)

// sendersOf makes one sender for each connector, woken by the fold.
func sendersOf(ps partnerSet, d *desk.Desk, eng *engine.Engine, restored *connectors.Restored, log *slog.Logger) (out []*connectors.Sender, wakes []chan struct{}) {
	for _, c := range ps.inOrder() {
		wake, name := make(chan struct{}, 1), c.Name()
		wakes = append(wakes, wake)
		o := connectors.Options{Connector: c.Connector, Outbox: d, Actor: eng, Wake: wake, PerMinute: c.perMinute, Pages: c.pages, Restored: restored, Limits: c.limits, Log: log,
			Paused: func() bool {
				return slices.ContainsFunc(eng.PausedConnectors(), func(s itsm.ConnectorState) bool { return s.Name == name })
			}}
		if c.sweepEvery > 0 {
			o.Sweeps = sweepsOf(name, c.sweepEvery, d, eng)
		}
		out = append(out, connectors.NewSender(o))
	}
	return out, wakes
}

// Bounds of what a sweep compares.
const (
	sweptSince = 24 * time.Hour  // of incidents that ended
	settleFor  = time.Minute     // a partner may show a change so much later; not longer than from sweep to sweep
	sweptMax   = 100_000         // incidents, the newest first
	neverAgain = 100 * time.Hour // what is in the dead letters waits for a person
)

// sweepsOf compares a partner with the fold.
func sweepsOf(name string, every time.Duration, d *desk.Desk, eng *engine.Engine) *connectors.Sweeps {
	settle := min(settleFor, every)
	return &connectors.Sweeps{Every: every,
		Incidents: func(ctx context.Context) ([]itsm.IncidentNumber, error) { return toCompare(ctx, d) },
		Wanted: func(n itsm.IncidentNumber) (connectors.Wanted, bool) {
			v, ok := eng.SyncWith(n, name)
			if !ok || !v.Told {
				return connectors.Wanted{}, false
			}
			w := connectors.Wanted{Ref: connectors.Ref{Incident: n, Epoch: v.Epoch}, Record: v.Want, Kept: v.Kept, RepairAt: v.RepairAt.Std(), Before: v.Before,
				Settled: v.Waiting == 0 && time.Since(max(v.At, v.ToldAt).Std()) >= settle}
			if v.Failed {
				w.RepairAt = time.Now().Add(neverAgain)
			}
			return w, true
		},
		Objects: func(context.Context) ([]string, error) {
			ids := eng.ObjectsOf(name, itsm.TimeOf(time.Now().Add(-sweptSince)))
			return ids[:min(len(ids), sweptMax)], nil
		},
		WantedObject: func(id string) (connectors.WantedObject, bool) {
			v, ok := eng.ObjectSyncWith(id, name)
			w := connectors.WantedObject{Intent: v.Want, Version: v.Version, Known: v.Known, Theirs: v.Theirs, Kept: v.Kept, RepairAt: v.RepairAt.Std(),
				Settled: v.Waiting == 0 && time.Since(max(v.At, v.ToldAt).Std()) >= settle}
			if v.Failed {
				w.RepairAt = time.Now().Add(neverAgain)
			}
			return w, ok
		}}
}

// toCompare lists what is open and what ended lately, newest first.
func toCompare(ctx context.Context, d *desk.Desk) (out []itsm.IncidentNumber, err error) {
	since := itsm.TimeOf(time.Now().Add(-sweptSince))
	q := desk.IncidentQuery{States: []itsm.State{itsm.New, itsm.InProgress, itsm.OnHold, itsm.IncidentResolved}, Limit: desk.PageMax}
	for ctx.Err() == nil {
		p, err := d.Incidents(q)
		if err != nil {
			return nil, err
		}
		for i := range p.Items {
			if in := &p.Items[i]; in.State.IsOpen() || in.ResolvedAt >= since {
				out = append(out, in.Number)
			}
		}
		if q.Cursor = p.Next; q.Cursor == "" || len(out) >= sweptMax {
			return out, nil
		}
	}
	return nil, ctx.Err()
}

// wakeSenders passes the fold's hints on: what changed may have left an intent.
func wakeSenders(ctx context.Context, eng *engine.Engine, wakes []chan struct{}) error {
	changes, cancel, err := eng.Subscribe(true)
	if err != nil {
		return err
	}
	defer cancel()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-changes:
		}
		for _, w := range wakes {
			select {
			case w <- struct{}{}:
			default: // it is awake already
			}
		}
	}
}
