package connectors

import (
	"context"
	"fmt"
	"time"

	"signalbox/itsm"
)

// After a restore the outbox and the incidents are those of the backup, and the
// partner knows more than we do: what waited may have been delivered since, what
// is open here may be resolved there, and under a key that is resolved a trigger
// or an update opens, and pages, anew. So a sender asks before it sends anything
// about an incident from before that could page, and follows what it hears.

// Restored is what a sender has to know of a restore. Nil: there was none.
type Restored struct {
	Known      itsm.IncidentNumber // newest incident from before
	Last       itsm.Offset         // last entry of the backup
	Since      time.Time           // first start after the restore
	QuietUntil time.Time           // until then nothing is sent that could page for a known one
	// Heard reports whether an alert of the incident was heard firing since the restore.
	Heard func(itsm.IncidentNumber) (bool, error)
	// Open lists the known incidents that are open here.
	Open func() ([]itsm.Incident, error)
}

const (
	lookEvery       = time.Minute            // between two questions about one waiting intent
	reconcilePace   = 200 * time.Millisecond // between two questions of the sweep: far below partners' limits
	reconcilePasses = 60                     // of the sweep, while a partner does not answer
)

// concerns reports whether an intent is about an incident from before, or is itself
// from before.
func (r *Restored) concerns(in *itsm.Intent) bool {
	if r != nil && in.Object != "" {
		return in.Offset <= r.Last
	}
	return r != nil && in.Incident <= r.Known
}

// since is from when on an intent is tried: one of an old backup has had no time yet.
func (r *Restored) since(in *itsm.Intent) time.Time {
	if at := in.At.Std(); r == nil || at.After(r.Since) {
		return at
	}
	return r.Since
}

type verdict uint8

const (
	verdictSend    verdict = iota // nobody can be paged by it
	verdictSettle                 // the partner no longer needs to hear it
	verdictAbandon                // a person has to decide
	verdictWait
)

// judge decides about one intent of an incident from before; what is abandoned
// says why.
func (s *Sender) judge(ctx context.Context, in *itsm.Intent) (v verdict, why string) {
	switch {
	case in.Transition == itsm.Resolve || s.isApproved(in.Key):
		return verdictSend, ""
	case (in.Transition == itsm.Note || in.Object != "") && in.Offset <= s.o.Restored.Last:
		return verdictAbandon, "from before the restore of a backup: it may have been told already; send it again if it was not"
	case in.Transition == itsm.Note:
		return verdictSend, ""
	}
	rec, err := s.look(ctx, in.Incident, in.Epoch)
	switch {
	case IsPassing(err):
		return verdictWait, ""
	case err != nil:
		return s.unpaged(in, "the partner cannot be asked how its record stands")
	case rec.Status == RecordResolved:
		s.follow(ctx, in.Incident, in.Epoch, rec)
		return verdictSettle, ""
	case rec.Status == RecordAcknowledged && in.Transition == itsm.Acknowledge:
		return verdictSettle, ""
	case rec.Status != RecordNone:
		return verdictSend, ""
	case in.Transition == itsm.Acknowledge:
		return verdictSettle, "" // there is nothing to acknowledge
	}
	return s.unpaged(in, "the partner has no record of it")
}

// unpaged decides about what would open a record, and so page.
func (s *Sender) unpaged(in *itsm.Intent, why string) (verdict, string) {
	if time.Now().Before(s.o.Restored.QuietUntil) {
		return verdictWait, ""
	}
	heard, err := s.o.Restored.Heard(in.Incident)
	if err != nil {
		s.log.Warn("alerts of an incident cannot be read", "incident", in.Incident, "err", err)
		return verdictWait, ""
	}
	if heard {
		return verdictSend, ""
	}
	return verdictAbandon, fmt.Sprintf("held back after the restore of a backup: %s, and no alert of it was heard firing since; send it again if it is still true", why)
}

// look asks the partner, within its rate.
func (s *Sender) look(ctx context.Context, n itsm.IncidentNumber, epoch uint32) (r Record, err error) {
	l, ok := s.o.Connector.(Looker)
	if !ok {
		return Record{}, itsm.Errorf(itsm.Invalid, "connector %s cannot be asked", s.o.Connector.Name())
	}
	defer s.recovers(&err)
	ctx, cancel := context.WithTimeout(ctx, pushTimeout)
	defer cancel()
	return l.Look(ctx, n, epoch)
}

// follow applies here what people did there since the backup.
func (s *Sender) follow(ctx context.Context, n itsm.IncidentNumber, epoch uint32, rec Record) {
	name := s.o.Connector.Name()
	a := itsm.Act{Kind: itsm.ActResolve, Incident: n, Epoch: epoch, Actor: name + ":found after a restore", Origin: name, PartnerVersion: rec.Version,
		Text: "found resolved at " + name + " after a backup was restored"}
	if rec.Status == RecordAcknowledged {
		a.Kind, a.Text = itsm.ActAcknowledge, ""
	}
	if rec.Link.ID != "" {
		a.Link = &rec.Link
	}
	if _, err := s.o.Actor.Do(ctx, a); err != nil {
		s.log.Warn("what the partner knows could not be taken over", "incident", n, "err", err)
	}
}

// Approve lets an intent pass that was held back after a restore: a person said so.
func (s *Sender) Approve(key string) { s.approve(key, true) }

func (s *Sender) approve(key string, yes bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !yes {
		delete(s.approved, key)
		return
	}
	if s.approved == nil {
		s.approved = map[string]bool{}
	}
	s.approved[key] = true
	delete(s.tries, key)
}

func (s *Sender) isApproved(key string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.approved[key]
}

// postpone makes an intent wait without counting a failure.
func (s *Sender) postpone(key string) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	wait := lookEvery
	if left := time.Until(s.o.Restored.QuietUntil); left > 0 {
		wait = min(wait, left)
	}
	if s.tries[key] == nil {
		s.tries[key] = &try{}
	}
	s.tries[key].next = time.Now().Add(wait)
	return wait
}

// reconcile asks the partner once about every known incident that is open here,
// and again about those for which it had no answer.
func (s *Sender) reconcile(ctx context.Context) {
	open, err := s.o.Restored.Open()
	if err != nil {
		s.log.Error("open incidents cannot be read; they are compared when something is to be sent", "err", err)
		return
	}
	asked := len(open)
	for range reconcilePasses {
		if open = s.sweep(ctx, open); len(open) == 0 || ctx.Err() != nil {
			break
		}
		select {
		case <-ctx.Done():
		case <-time.After(lookEvery):
		}
	}
	s.log.Info("compared with the partner after a restore", "incidents", asked, "unanswered", len(open))
}

// sweep returns the incidents for which there was no answer.
func (s *Sender) sweep(ctx context.Context, open []itsm.Incident) (again []itsm.Incident) {
	for i := range open {
		in := &open[i]
		rec, err := s.look(ctx, in.Number, in.Epoch)
		switch {
		case ctx.Err() != nil:
			return open[i:]
		case IsPassing(err):
			again = append(again, *in)
		case err != nil:
			return nil // it cannot be asked about the others either
		case rec.Status == RecordResolved, rec.Status == RecordAcknowledged && in.AcknowledgedAt == 0:
			s.follow(ctx, in.Number, in.Epoch, rec)
		}
		select {
		case <-ctx.Done():
		case <-time.After(reconcilePace):
		}
	}
	return again
}
