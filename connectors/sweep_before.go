package connectors

import (
	"context"

	"signalbox/itsm"
)

// compareBefore looks at the earlier records of an incident that somebody may have
// opened again at the partner, and journals how they stand: what is over is not
// looked at again. False ends the sweep.
func (s *Sender) compareBefore(ctx context.Context, w Wanted) bool {
	for _, epoch := range w.Before {
		if s.take(ctx) != nil || s.isPaused() || s.closedIn() > 0 {
			return false
		}
		r, err := s.look(ctx, w.Incident, epoch)
		if err != nil {
			s.sweepFailed(ctx, err)
			return false
		}
		name := s.o.Connector.Name()
		r.Assignee, r.Group, r.Title, r.By = "", "", "", Head(r.By, seenBytesMax)
		a := itsm.Act{Kind: itsm.ActSync, Incident: w.Incident, Epoch: epoch, Actor: name + ":sweep", Origin: name, Seen: &r, ReadOnly: s.o.Restored.isQuiet(w.Incident)}
		if _, err := s.o.Actor.Do(ctx, a); err != nil && ctx.Err() == nil {
			s.log.Warn("what a sweep saw could not be journaled", "incident", w.Incident, "err", err)
		}
	}
	return true
}
