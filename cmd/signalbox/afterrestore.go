package main

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"signalbox/connectors"
	"signalbox/correlate/engine"
	"signalbox/ingest/journal"
	"signalbox/itsm"
	"signalbox/itsm/desk"
	"signalbox/itsm/entry"
)

// restoredStart is what a server on restored data does differently. Nil on any
// other.
type restoredStart struct {
	mark    *restoreMark
	dir     string
	desk    *desk.Desk
	eng     *engine.Engine
	journal *journal.Log
	quiet   *connectors.Restored
}

// afterRestore returns nil when dir was not restored.
func afterRestore(dir string, d *desk.Desk, eng *engine.Engine, j *journal.Log) (*restoredStart, error) {
	m, err := loadRestoreMark(dir)
	if m == nil || err != nil {
		return nil, err
	}
	r := &restoredStart{mark: m, dir: dir, desk: d, eng: eng, journal: j}
	r.quiet = &connectors.Restored{Last: m.Last, Heard: r.heard, Open: r.open}
	return r, nil
}

// restored is what the senders have to know; begin fills it before they run.
func (r *restoredStart) restored() *connectors.Restored {
	if r == nil {
		return nil
	}
	return r.quiet
}

// begin runs before the door opens and the senders send. At the first start it
// lets the clock catch up first: what the timers of a day do at once belongs to
// the time before, and so do the incidents they open.
func (r *restoredStart) begin(ctx context.Context, log *slog.Logger) error {
	if r == nil {
		return nil
	}
	if r.mark.StartedAt == 0 {
		off, _, err := r.journal.Append(ctx, entry.EncodeTick())
		if err != nil {
			return err
		}
		if err := r.eng.WaitFolded(ctx, off); err != nil {
			return err
		}
		r.mark.StartedAt, r.mark.Known = itsm.TimeOf(time.Now()), itsm.IncidentNumber(r.eng.Totals().Incidents)
		if err := r.mark.save(r.dir); err != nil {
			return err
		}
	}
	r.quiet.Known, r.quiet.Since, r.quiet.QuietUntil = r.mark.Known, r.mark.StartedAt.Std(), r.mark.quietUntil()
	if time.Now().Before(r.quiet.QuietUntil) {
		log.Warn("restored from a backup: nobody is paged for incidents from before", "backup_at", r.mark.BackupAt, "known", r.mark.Known, "until", r.quiet.QuietUntil)
	}
	return nil
}

// isQuiet reports whether intents may be waiting because of the restore.
func (r *restoredStart) isQuiet(now time.Time) bool {
	return r != nil && now.Before(r.mark.quietUntil())
}

// heard reports whether an alert of the incident was heard firing since the restore.
func (r *restoredStart) heard(n itsm.IncidentNumber) (bool, error) {
	for cursor := ""; ; {
		p, err := r.desk.IncidentAlerts(n, cursor, desk.PageMax)
		if err != nil {
			return false, err
		}
		if slices.ContainsFunc(p.Items, func(a itsm.Alert) bool {
			return a.Incident == n && a.Status == itsm.Firing && a.LastSeenAt >= r.mark.StartedAt
		}) {
			return true, nil
		}
		if cursor = p.Next; cursor == "" {
			return false, nil
		}
	}
}

// open lists the incidents from before that are open.
func (r *restoredStart) open() (out []itsm.Incident, err error) {
	q := desk.IncidentQuery{States: []itsm.State{itsm.New, itsm.InProgress, itsm.OnHold}, Limit: desk.PageMax}
	for {
		p, err := r.desk.Incidents(q)
		if err != nil {
			return nil, err
		}
		for i := range p.Items {
			if p.Items[i].Number <= r.mark.Known {
				out = append(out, p.Items[i])
			}
		}
		if q.Cursor = p.Next; q.Cursor == "" {
			return out, nil
		}
	}
}
