package engine

import (
	"context"
	"time"

	"signalbox/correlate"
	"signalbox/itsm"
	"signalbox/itsm/entry"
)

// Do journals an act and waits until the fold has decided what came of it, so
// that whoever acts reads what they wrote. The error is the outcome's, or
// Unavailable when the act could not be journaled.
func (e *Engine) Do(ctx context.Context, a itsm.Act) (itsm.Outcome, error) {
	off, _, err := e.o.Journal.Append(ctx, entry.EncodeAct(&a))
	if err != nil {
		return itsm.Outcome{}, err
	}
	w, o, done := e.outcome(off)
	if done {
		return o, o.Err()
	}
	ctx, cancel := context.WithTimeout(ctx, actWaitMax)
	defer cancel()
	return e.await(ctx, off, w)
}

// await waits for the outcome of entry off, which comes in w.
func (e *Engine) await(ctx context.Context, off itsm.Offset, w <-chan itsm.Outcome) (o itsm.Outcome, err error) {
	folding := false
	select {
	case o, folding = <-w:
	case <-ctx.Done():
		e.wait.Lock()
		delete(e.wait.waiting, off)
		e.wait.Unlock()
		select {
		case o, folding = <-w: // both at once
		default:
			return itsm.Outcome{Offset: off}, itsm.Errorf(itsm.Unavailable, "the act is stored as entry %d but not applied yet: folding is behind; look again in a moment", off)
		}
	}
	if !folding {
		return itsm.Outcome{Offset: off}, itsm.Errorf(itsm.Unavailable, "the act is stored as entry %d and takes effect when folding resumes", off)
	}
	return o, o.Err()
}

// outcome returns the outcome of entry off if it is known, else a channel for it.
func (e *Engine) outcome(off itsm.Offset) (<-chan itsm.Outcome, itsm.Outcome, bool) {
	e.wait.Lock()
	defer e.wait.Unlock()
	if o, ok := e.wait.outcomes[off]; ok {
		return nil, o, true
	}
	w := make(chan itsm.Outcome, 1)
	if e.wait.stopped {
		close(w)
	} else {
		e.wait.waiting[off] = w
	}
	return w, itsm.Outcome{}, false
}

// WaitFolded returns when entry off is folded and in the desk.
func (e *Engine) WaitFolded(ctx context.Context, off itsm.Offset) error {
	for {
		e.wait.Lock()
		moved, stopped := e.wait.moved, e.wait.stopped
		e.wait.Unlock()
		if itsm.Offset(e.cursor.Load()) >= off {
			return nil
		}
		if stopped {
			return itsm.Errorf(itsm.Unavailable, "folding has stopped at entry %d", e.cursor.Load())
		}
		select {
		case <-moved:
		case <-ctx.Done():
			if itsm.Offset(e.cursor.Load()) >= off { // both at once
				return nil
			}
			return itsm.Errorf(itsm.Unavailable, "entry %d is not folded yet: the fold is at %d; try again in a moment", off, e.cursor.Load())
		}
	}
}

// Subscribe returns hints of incidents that changed until cancel is called, and with
// intents also of batches in which there is only something to send.
func (e *Engine) Subscribe(intents bool) (<-chan Changed, func(), error) {
	c := make(chan Changed, 16)
	e.wait.Lock()
	defer e.wait.Unlock()
	if len(e.wait.subscribers) >= subscribersMax {
		return nil, nil, itsm.Errorf(itsm.Unavailable, "%d readers already follow changes, which is the limit", subscribersMax)
	}
	e.wait.subscribers[c] = intents
	return c, func() {
		e.wait.Lock()
		defer e.wait.Unlock()
		delete(e.wait.subscribers, c)
	}, nil
}

// OverlayAlerts fills the exact counters of repeats, which the desk's records
// hold only as of their last change.
func (e *Engine) OverlayAlerts(as []itsm.Alert) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	e.folder.State.OverlayAlerts(as)
}

// OverlayIncidents fills the exact counters of incidents.
func (e *Engine) OverlayIncidents(is []itsm.Incident) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	e.folder.State.OverlayIncidents(is)
}

// Status is how the fold is doing.
type Status struct {
	Cursor  itsm.Offset   // last entry folded
	Head    itsm.Offset   // last entry durable
	Lag     time.Duration // age of the oldest entry not folded; 0 when caught up
	Ready   bool          // caught up at least once and folding
	Stopped string        // why the fold stopped for good, or ""
	Paused  string        // why the fold waits and tries again, or ""
	CMDB    uint64        // active CMDB revision
	CIs     int
}

// Status reports how the fold is doing.
func (e *Engine) Status() Status {
	head, _ := e.o.Journal.Head()
	s := Status{Cursor: itsm.Offset(e.cursor.Load()), Head: head, Ready: e.ready.Load()}
	if s.Cursor < head {
		if recs, err := e.o.Journal.Read(s.Cursor+1, 1, batchBytesMax); err == nil && len(recs) == 1 {
			s.Lag = max(0, e.o.Clock().Sub(recs[0].At.Std()))
		}
	}
	if g := e.graph.Load(); g != nil {
		s.CMDB, s.CIs = g.Revision(), g.Len()
	}
	e.wait.Lock()
	defer e.wait.Unlock()
	if e.wait.err != nil {
		s.Stopped = itsm.MessageOf(e.wait.err)
	}
	if e.wait.paused != nil {
		s.Paused = itsm.MessageOf(e.wait.paused)
	}
	return s
}

// PagesHeld counts by connector the incidents whose first page waits for the end of
// a storm or for the page budget.
func (e *Engine) PagesHeld() []correlate.Count {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.folder.State.PagesHeld()
}

// ProblemCounts counts problems by state and by what came of their fixes.
func (e *Engine) ProblemCounts() correlate.ProblemCounts {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.folder.State.ProblemCounts()
}

// Totals returns the fold's counters.
func (e *Engine) Totals() correlate.Totals {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.folder.State.Totals()
}

// SyncOf says how an incident stands with every partner; false when its state is
// not kept any more.
func (e *Engine) SyncOf(n itsm.IncidentNumber) ([]correlate.PartnerSync, bool) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.folder.State.SyncOf(n)
}

// SyncWith is SyncOf for one connector.
func (e *Engine) SyncWith(n itsm.IncidentNumber, connector string) (correlate.PartnerSync, bool) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.folder.State.SyncWith(n, connector)
}

// ObjectsOf lists the changes and problems of which a connector's partner has a record.
func (e *Engine) ObjectsOf(connector string, since itsm.Time) []string {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.folder.State.ObjectsOf(connector, since)
}

// ObjectSyncWith says how a change or a problem stands with one connector.
func (e *Engine) ObjectSyncWith(object, connector string) (correlate.ObjectSync, bool) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.folder.State.ObjectSyncWith(object, connector)
}

// ObjectSyncOf says how a change or a problem stands with every connector that has a
// record of it.
func (e *Engine) ObjectSyncOf(object string) []correlate.ObjectSync {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.folder.State.ObjectSyncOf(object)
}

// Drifts lists what sweeps found, by connector.
func (e *Engine) Drifts() []correlate.Drift {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.folder.State.Drifts()
}

// PausedConnectors lists the connectors that people paused.
func (e *Engine) PausedConnectors() []itsm.ConnectorState {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.folder.State.PausedConnectors()
}
