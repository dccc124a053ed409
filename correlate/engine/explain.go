package engine

import (
	"context"
	"slices"

	"signalbox/correlate"
	"signalbox/itsm"
	"signalbox/itsm/desk"
	"signalbox/itsm/entry"
	"signalbox/rules"
	"signalbox/rules/explain"
)

// Question is what Explain is asked: about an alert, or, when that is 0, an event.
type Question struct {
	Alert  itsm.AlertNumber
	Event  *itsm.Event         // without an alert: as a sender would send it
	Beside itsm.IncidentNumber // an incident to compare with, whatever else is near; 0: none
	Rules  *rules.Set          // rules to go by; nil: those that are active
	// Revision of Rules, for people; 0: they were never saved.
	Revision uint64
	// Brief leaves the rules out that were tried: Answer has no steps.
	Brief bool
}

// Explanation is why something is where it is, and what would be decided now.
type Explanation struct {
	correlate.Explanation
	Answer  explain.Answer // what the rules say
	Decided *itsm.Evidence // what was decided then; nil when it is in no incident
	// Received is the entry with the event as its sender sent it, 0 when it is not
	// kept: then the rules of normalise are not tried.
	Received itsm.Offset
}

// Explain tells of an alert or an event which rules were tried, what would be
// decided now and, of a member of an incident, what was decided then. One at a
// time: the fold waits for the short part that looks at its state, and trying
// every rule costs a core for a moment.
func (e *Engine) Explain(ctx context.Context, q Question) (Explanation, error) {
	select {
	case e.explaining <- struct{}{}:
		defer func() { <-e.explaining }()
	case <-ctx.Done():
		return Explanation{}, itsm.Errorf(itsm.Unavailable, "others ask for explanations; try again")
	}
	var x Explanation
	cq := correlate.Question{Alert: q.Alert, Event: q.Event, Beside: q.Beside}
	if q.Rules != nil {
		cq.Rules = &correlate.Rules{Revision: q.Revision, Set: q.Rules}
	}
	if q.Alert != 0 {
		a, err := e.o.Desk.Alert(q.Alert)
		if err != nil {
			return x, err
		}
		if x.Decided, err = e.decided(&a); err != nil {
			return x, err
		}
		cq.Event, x.Received = e.received(&a, x.Decided)
	}
	var ok bool
	e.still.Lock()
	e.mu.Lock() // not for reading only: the state's scratch is used
	x.Explanation, ok = e.folder.State.Explain(cq)
	e.mu.Unlock()
	e.still.Unlock()
	if !ok {
		return x, itsm.Errorf(itsm.NotFound, "%s ended so long ago that the fold has forgotten it: only its record and its evidence are left", q.Alert)
	}
	if q.Brief {
		return x, nil
	}
	set := x.Rules.Set
	if set == nil {
		set = &rules.Set{} // without rules it is bound all the same
	}
	x.Answer = tried(set, &x, cq.Event)
	return x, nil
}

// tried asks every rule, and says of those that inhibit what they would hide it by.
func tried(set *rules.Set, x *Explanation, event *itsm.Event) explain.Answer {
	c := explain.Case{Event: event, Now: x.At}
	if event == nil {
		c.Event, c.Normalised = x.Event, true
	}
	if x.Lead != 0 && x.Lead == x.Alert {
		c.Incident = x.Facts
	}
	a := explain.Alert(set, x.Graph, c)
	for i := range a.Steps {
		s := &a.Steps[i]
		if s.Stage >= rules.Incident && x.Lead != 0 && x.Lead != x.Alert {
			s.Skipped = "asked about the alert that leads " + x.Incident.String() + ": " + x.Lead.String()
		}
		if s.Stage == rules.Suppress {
			for k := range s.Tried {
				inhibits(&s.Tried[k], x.HiddenBy)
			}
		}
	}
	return a
}

// inhibits completes what a rule says that hides an alert only while another fires.
func inhibits(t *rules.Tried, hidden map[string]itsm.AlertNumber) {
	by, inhibits := hidden[t.Rule.ID]
	switch {
	case !t.Matched || !inhibits:
	case by == 0:
		t.Matched, t.Why = false, "no alert fires that would hide it"
	default:
		t.Why = by.String() + " fires and hides it"
	}
}

// decided is the evidence of an alert's episode, nil for one in no incident.
func (e *Engine) decided(a *itsm.Alert) (*itsm.Evidence, error) {
	if a.Incident == 0 {
		return nil, nil
	}
	ev, err := e.o.Desk.Why(a.Incident, a.Number, a.Episode)
	if itsm.CodeOf(err) == itsm.NotFound && err != nil {
		return nil, nil // of an earlier episode
	}
	return &ev, err
}

// received reads the event with which an alert's episode fires as its sender sent
// it: the one that was decided by, else the last, else the first. nil when none is kept.
// To find a delivery by its moment costs far more than to read one, so it is done last.
func (e *Engine) received(a *itsm.Alert, decided *itsm.Evidence) (*itsm.Event, itsm.Offset) {
	if decided != nil {
		if ev := e.eventAt(decided.Offset, a); ev != nil {
			return ev, decided.Offset
		}
	}
	for _, at := range []itsm.Time{a.LastSeenAt, a.RaisedAt} {
		p, err := e.o.Desk.Deliveries(desk.DeliveryQuery{Alert: a.Number, FromAt: at, ToAt: at, Limit: 1})
		if err != nil || len(p.Items) != 1 {
			continue
		}
		if ev := e.eventAt(p.Items[0].Offset, a); ev != nil {
			return ev, p.Items[0].Offset
		}
	}
	return nil, 0
}

// eventAt reads the event of an entry that says that an alert fires, nil when
// there is none.
func (e *Engine) eventAt(off itsm.Offset, a *itsm.Alert) *itsm.Event {
	f, err := e.o.Desk.Fates(off)
	if err != nil {
		return nil
	}
	at := slices.IndexFunc(f.Events, func(f itsm.EventFate) bool { return f.Alert == a.Number })
	recs, err := e.o.Journal.Read(off, 1, batchBytesMax)
	if at < 0 || err != nil || len(recs) == 0 || recs[0].Offset != off {
		return nil
	}
	v, err := entry.Decode(recs[0].Body)
	d, ok := v.(*entry.Delivery)
	if err != nil || !ok || at >= len(d.Events) || d.Events[at].Status != itsm.Firing {
		return nil
	}
	ev := d.Events[at]
	ev.Source = a.Source
	return &ev
}
