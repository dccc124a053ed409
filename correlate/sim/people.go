package sim

import (
	"fmt"
	"time"

	"signalbox/itsm"
	"signalbox/itsm/entry"
)

// people is what is remembered of those who act on incidents.
type people struct {
	acts int
}

// repeatedAct is an act with an idempotency key that its client may send again.
type repeatedAct struct {
	act   itsm.Act
	known bool         // its first outcome is
	first itsm.Outcome // what it came to
	at    itsm.Time
}

// keptFor is how long the core surely remembers an idempotency key.
const keptFor = 23 * time.Hour

// judge holds the outcome of a repetition against the first one.
func (r *repeatedAct) judge(w *World, o *itsm.Outcome) {
	at := w.machine.log[o.Offset-1].At
	if !r.known {
		r.known, r.first, r.at = true, *o, at
		return
	}
	if at.Sub(r.at) > keptFor {
		return
	}
	if !o.NoOp || o.Incident != r.first.Incident || o.Code != r.first.Code {
		w.fail("idempotency", "%s with key %s came to %+v and, sent again, to %+v", r.act.Kind, r.act.IdempotencyKey, r.first, *o)
	}
}

// person lets somebody act on one of the newest incidents.
func (w *World) person() {
	w.later(w.span(time.Minute, 30*time.Minute), todoPerson, nil)
	n := w.someIncident()
	if n == 0 {
		return
	}
	w.people.acts++
	a := w.actOn(n)
	a.Incident = n
	a.Actor = []string{"console:ann", "api:bob"}[w.n(2)]
	v := w.mirror.incident(n)
	switch {
	case v == nil || v.rec == nil:
	case w.chance(150):
		a.IfVersion = v.rec.Version
	case w.chance(60):
		a.IfVersion = v.rec.Version + 1 - uint64(w.n(3))
	}
	if !w.chance(300) {
		w.act(a, nil)
		return
	}
	a.IdempotencyKey = fmt.Sprintf("k%d", w.people.acts)
	r := &repeatedAct{act: *a}
	w.act(a, r)
	if w.chance(500) {
		w.later(w.span(time.Second, 2*time.Hour), todoRepeatAct, r)
	}
}

func (w *World) repeatAct(r *repeatedAct) {
	a := r.act
	w.act(&a, r)
}

// someIncident is one of the newest incidents, now and then one that is not there.
func (w *World) someIncident() itsm.IncidentNumber {
	n := len(w.mirror.incidents)
	if n == 0 || w.n(60) == 0 {
		return itsm.IncidentNumber(w.n(3) * (n + 1))
	}
	if w.n(6) == 0 {
		return itsm.IncidentNumber(1 + w.n(n))
	}
	return itsm.IncidentNumber(n - w.n(min(n, 6)))
}

// actOn makes up what a person does to incident n.
func (w *World) actOn(n itsm.IncidentNumber) *itsm.Act {
	switch w.n(16) {
	case 0, 1, 2:
		return &itsm.Act{Kind: itsm.ActAcknowledge}
	case 3, 4:
		return &itsm.Act{Kind: itsm.ActResolve, Text: "done", CloseCode: itsm.CloseCodes[w.n(len(itsm.CloseCodes))]}
	case 5:
		return &itsm.Act{Kind: itsm.ActReopen, Reason: "not fixed"}
	case 6:
		return &itsm.Act{Kind: itsm.ActHold, Reason: itsm.HoldReasons[w.n(len(itsm.HoldReasons))]}
	case 7:
		return &itsm.Act{Kind: itsm.ActResume}
	case 8:
		return &itsm.Act{Kind: itsm.ActAssign, Assignee: fmt.Sprintf("person%d", w.n(4))}
	case 9:
		return &itsm.Act{Kind: itsm.ActPriority, Priority: itsm.Priority(w.n(6))}
	case 10:
		return &itsm.Act{Kind: itsm.ActNote, Text: fmt.Sprintf("note %d", w.people.acts)}
	case 11, 12:
		return &itsm.Act{Kind: itsm.ActMerge, Into: w.someIncident()}
	case 13:
		return &itsm.Act{Kind: itsm.ActSplit, Alerts: w.someMembers(n)}
	case 14:
		return &itsm.Act{Kind: itsm.ActUnacknowledge}
	}
	if w.n(3) == 0 {
		return &itsm.Act{Kind: itsm.ActUnrelated, Into: w.someIncident()}
	}
	if w.n(3) == 0 {
		return &itsm.Act{Kind: itsm.ActCancel, Reason: "a test"}
	}
	if w.n(4) == 0 {
		return &itsm.Act{Kind: itsm.ActUndo}
	}
	return &itsm.Act{Kind: itsm.ActAcknowledge}
}

// someMembers draws members of an incident; some may have left meanwhile.
func (w *World) someMembers(n itsm.IncidentNumber) (out []itsm.AlertNumber) {
	v := w.mirror.incident(n)
	if v == nil {
		return nil
	}
	for _, a := range v.members {
		if w.n(2) == 0 && len(out) < 5 {
			out = append(out, a)
		}
	}
	return out
}

// act journals an act and waits until it is folded, as the engine's callers do.
func (w *World) act(a *itsm.Act, r *repeatedAct) {
	if w.o.Trace {
		w.notef("%s does %s %s into=%s alerts=%v epoch=%d version=%d/%d origin=%s delivery=%s key=%s", a.Actor, a.Kind, a.Incident, a.Into, a.Alerts, a.Epoch, a.PartnerVersion, a.IfVersion, a.Origin, a.DeliveryID, a.IdempotencyKey+a.IntentKey)
	}
	w.machine.put(entry.EncodeAct(a), meta{act: a, repeat: r})
	w.machine.catchUp()
}
