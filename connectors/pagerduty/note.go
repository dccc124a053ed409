package pagerduty

import (
	"context"
	"fmt"
	"time"

	pd "github.com/PagerDuty/go-pagerduty"

	"signalbox/connectors"
	source "signalbox/ingest/source/pagerduty"
	"signalbox/itsm"
)

const noteMax = 25_000

// note adds a note to the PagerDuty incident that holds our key. Without a REST
// token there is nothing to tell it with, and the note stays here.
func (c *Connector) note(ctx context.Context, in itsm.Intent) error {
	if !c.writes() {
		return nil
	}
	key := source.DedupKey(in.Incident, in.Epoch)
	found, err := c.find(ctx, key)
	if err != nil {
		return err
	}
	firstTry, lastTry := connectors.TriedAt(ctx)
	if len(found) == 0 {
		if firstTry.IsZero() || time.Since(firstTry) < appearsWithin {
			// The event API answers before the incident exists: look again.
			return connectors.Retry(0, "no PagerDuty incident with key %s yet", key)
		}
		return fmt.Errorf("PagerDuty has no incident with key %s to add the note to", key)
	}
	content := connectors.Cut(source.NoteMark+in.Actor+": "+in.Text, noteMax)
	if !lastTry.IsZero() {
		if there, err := c.hasNote(ctx, found[0].ID, content, in.At); err != nil || there {
			return err
		}
	}
	call, client := c.client()
	_, err = client.CreateIncidentNoteWithContext(ctx, found[0].ID, pd.IncidentNote{User: pd.APIObject{Summary: c.o.From}, Content: content})
	return call.outcome(err)
}

// hasNote reports whether an earlier try, whose answer was lost, added a note.
func (c *Connector) hasNote(ctx context.Context, id, content string, since itsm.Time) (bool, error) {
	call, client := c.client()
	notes, err := client.ListIncidentNotesWithContext(ctx, id)
	if err := call.outcome(err); err != nil {
		return false, err
	}
	for _, n := range notes {
		at, err := itsm.ParseTime(n.CreatedAt)
		if n.Content == content && (err != nil || at >= since.Add(-clockTolerance)) {
			return true, nil
		}
	}
	return false, nil
}
