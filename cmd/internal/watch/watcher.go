package watch

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"signalbox/itsm"
	"signalbox/itsm/desk"
	"signalbox/itsm/entry"
)

// Source is the name under which the server speaks of itself. No sender can have it.
const Source = "signalbox"

// How often is looked, and the least of it for short watchdogs.
const (
	lookEvery    = 15 * time.Second
	lookEveryMin = 100 * time.Millisecond
	looksMissing = 4 // looks within a watchdog's missing_after
)

// Journal is where alerts go; *journal.Log is one.
type Journal interface {
	Append(ctx context.Context, bodies ...[]byte) (itsm.Offset, itsm.Time, error)
}

// Records is what is read; *desk.Desk is one.
type Records interface {
	Alert(itsm.AlertNumber) (itsm.Alert, error)
	Alerts(desk.AlertQuery) (desk.Page[itsm.Alert], error)
	Counts() desk.Counts
}

// Options of a Watcher.
type Options struct {
	Journal   Journal
	Records   Records
	Ready     func() bool // caught up, so that the records say what is
	Watchdogs []Watchdog
	Self      *Self            // nil: no alerts about the server itself
	Clock     func() time.Time // nil: time.Now
	Log       *slog.Logger     // nil: silent
}

// condition is one thing that can be wrong.
type condition struct {
	id       string // the alert's identity
	severity itsm.Severity
	rule     string
	title    string
	labels   map[string]string
}

// Watcher journals alerts about what it sees.
type Watcher struct {
	o      Options
	dogs   []*dog
	firing map[string]itsm.Event // by id, as last journaled; nil: not read yet
	since  time.Time             // when the server was last seen to become ready
}

// NewWatcher makes a watcher; Run watches.
func NewWatcher(o Options) *Watcher {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	w := &Watcher{o: o}
	for _, d := range o.Watchdogs {
		w.dogs = append(w.dogs, &dog{Watchdog: d})
	}
	return w
}

// Run watches until ctx ends.
func (w *Watcher) Run(ctx context.Context) error {
	tick := time.NewTicker(w.every())
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if err := w.look(ctx); err != nil && ctx.Err() == nil {
			w.o.Log.Warn("watching myself failed; it is tried again", "err", err)
		}
	}
}

func (w *Watcher) every() time.Duration {
	d := lookEvery
	for _, g := range w.o.Watchdogs {
		d = min(d, g.MissingAfter/looksMissing)
	}
	return max(d, lookEveryMin)
}

// look compares what is wrong with what fires, and journals the difference.
func (w *Watcher) look(ctx context.Context) error {
	now := w.o.Clock()
	if !w.o.Ready() {
		w.since = time.Time{}
		return nil
	}
	if w.since.IsZero() {
		w.since = now
	}
	if w.firing == nil {
		if err := w.recall(); err != nil {
			return err
		}
	}
	wrong, err := w.conditions(now)
	if err != nil {
		return err
	}
	return w.journal(ctx, now, wrong)
}

func (w *Watcher) conditions(now time.Time) (map[string]condition, error) {
	wrong := map[string]condition{}
	for _, d := range w.dogs {
		since := w.since
		if has(w.firing, d.id()) {
			since = time.Time{} // only hearing it ends that
		}
		missing, err := d.isMissing(w.o.Records, now, since)
		if err != nil {
			return nil, err
		}
		if missing {
			c := d.condition()
			wrong[c.id] = c
		}
	}
	if w.o.Self != nil {
		for _, c := range w.o.Self.conditions(w.o.Records.Counts(), now) {
			wrong[c.id] = c
		}
	}
	return wrong, nil
}

// recall reads which of our alerts fire, from before a restart.
func (w *Watcher) recall() error {
	firing := map[string]itsm.Event{}
	err := eachAlert(w.o.Records, desk.AlertQuery{Source: []string{Source}, Statuses: []itsm.Status{itsm.Firing}}, func(a *itsm.Alert) {
		id := strings.TrimPrefix(string(a.Key), string(itsm.KeyOf(Source, "")))
		firing[id] = itsm.Event{Source: Source, Identity: id, Status: itsm.Firing, Severity: a.Severity, SeverityWord: a.SeverityWord, Title: a.Title, StartsAt: a.StartsAt, Labels: a.Labels}
	})
	if err == nil {
		w.firing = firing
	}
	return err
}

func eachAlert(r Records, q desk.AlertQuery, fn func(*itsm.Alert)) error {
	for q.Limit = desk.PageMax; ; {
		p, err := r.Alerts(q)
		if err != nil {
			return err
		}
		for i := range p.Items {
			fn(&p.Items[i])
		}
		if q.Cursor = p.Next; q.Cursor == "" {
			return nil
		}
	}
}

// journal appends one delivery with what began and what ended since the last look.
func (w *Watcher) journal(ctx context.Context, now time.Time, wrong map[string]condition) error {
	d, next := entry.Delivery{Source: Source}, map[string]itsm.Event{}
	for _, id := range slices.Sorted(maps.Keys(wrong)) {
		e, fires := w.firing[id]
		if !fires {
			e = wrong[id].event(now)
			d.Events = append(d.Events, e)
		}
		next[id] = e
	}
	for _, id := range slices.Sorted(maps.Keys(w.firing)) {
		if e := w.firing[id]; !has(wrong, id) {
			e.Status, e.EndsAt, e.EventAt = itsm.Resolved, itsm.TimeOf(now), itsm.TimeOf(now)
			d.Events = append(d.Events, e)
		}
	}
	if len(d.Events) == 0 {
		return nil
	}
	if _, _, err := w.o.Journal.Append(ctx, entry.EncodeDelivery(nil, &d)); err != nil {
		return err
	}
	w.firing = next
	for i := range d.Events {
		w.o.Log.Warn("self alert", "status", d.Events[i].Status, "alert", d.Events[i].Identity, "title", d.Events[i].Title)
	}
	return nil
}

func has[V any](m map[string]V, id string) bool { _, ok := m[id]; return ok }

func (c condition) event(now time.Time) itsm.Event {
	labels := map[string]string{"alertname": c.rule}
	for n, v := range c.labels {
		labels[n] = v
	}
	at := itsm.TimeOf(now)
	return itsm.Event{Source: Source, Identity: c.id, Status: itsm.Firing, Severity: c.severity, SeverityWord: c.severity.String(),
		Title: c.title, StartsAt: at, EventAt: at, Labels: itsm.LabelsOf(labels)}
}
