package main

import (
	"context"
	"sync"

	"signalbox/correlate"
	"signalbox/correlate/engine"
	"signalbox/ingest"
	"signalbox/itsm"
	"signalbox/itsm/api"
	"signalbox/itsm/console"
	"signalbox/itsm/desk"
)

// The small types here make one component fit another's consumer interface.

// deskView is what the door asks of the records.
type deskView struct{ *desk.Desk }

// Known implements ingest.QuarantineIndex.
func (d deskView) Known(id string) bool {
	_, err := d.QuarantineItem(id)
	return err == nil
}

// SourceAlerts implements ingest.AlertsView.
func (d deskView) SourceAlerts(source string, limit int) ([]itsm.Alert, error) {
	var out []itsm.Alert
	q := desk.AlertQuery{Source: []string{source}, Statuses: []itsm.Status{itsm.Firing}, Limit: min(limit, desk.PageMax)}
	for {
		p, err := d.Alerts(q)
		if err != nil {
			return nil, err
		}
		out = append(out, p.Items...)
		if q.Cursor = p.Next; q.Cursor == "" || len(out) >= limit {
			return out, nil
		}
	}
}

// feed turns the engine's hints into the API's changes.
type feed struct {
	changes <-chan engine.Changed
	cancel  func()
}

func subscribe(e *engine.Engine) func() (api.Feed, error) {
	return func() (api.Feed, error) {
		c, cancel, err := e.Subscribe(false)
		if err != nil {
			return nil, err
		}
		return feed{c, cancel}, nil
	}
}

// Next implements api.Feed.
func (f feed) Next(ctx context.Context) (api.Change, error) {
	select {
	case c := <-f.changes:
		return api.Change{Offset: c.Cursor, Incidents: c.Incidents, Opened: c.Opened, More: c.More}, nil
	case <-ctx.Done():
		return api.Change{}, ctx.Err()
	}
}

// Close implements api.Feed.
func (f feed) Close() { f.cancel() }

// retrier decodes quarantined deliveries again.
type retrier struct {
	desk *desk.Desk
	door *ingest.Door
}

func (r retrier) retry(ctx context.Context, id, _ string) (itsm.Offset, error) {
	q, err := r.desk.QuarantineItem(id)
	if err != nil {
		return 0, err
	}
	_, off, err := r.door.Retry(ctx, q)
	return off, err
}

// gate says why nothing may be accepted now.
type gate struct {
	disk *disk
	eng  *engine.Engine

	mu       sync.Mutex
	stopping bool
}

func (g *gate) stop() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.stopping = true
}

// check implements the door's Gate.
func (g *gate) check() error {
	g.mu.Lock()
	stopping := g.stopping
	g.mu.Unlock()
	if stopping {
		return itsm.Errorf(itsm.Unavailable, "the server is stopping")
	}
	if err := g.disk.check(); err != nil {
		return err
	}
	switch st := g.eng.Status(); {
	case st.Stopped != "":
		return itsm.Errorf(itsm.Unavailable, "folding has stopped: %s", st.Stopped)
	case st.Paused != "":
		return itsm.Errorf(itsm.Unavailable, "folding waits: %s", st.Paused)
	}
	return nil
}

// ruleCounts hands the fold's counts to the console.
func ruleCounts(list []correlate.RuleCount) []console.RuleCount {
	out := make([]console.RuleCount, len(list))
	for i, c := range list {
		out[i] = console.RuleCount(c)
	}
	return out
}

// apiRuleCounts hands the fold's counts to the API.
func apiRuleCounts(list []correlate.RuleCount) []api.RuleCount {
	out := make([]api.RuleCount, len(list))
	for i, c := range list {
		out[i] = api.RuleCount(c)
	}
	return out
}
