package correlate

import (
	"fmt"
	"slices"
	"strings"

	"signalbox/itsm"
)

// drift counts what sweeps found of one partner.
type drift struct {
	connector string
	found     uint64 // records that differed
	adopted   uint64 // of them: taken over, for people decided it there
	repaired  uint64 // of them: told again
}

func (s *State) driftOf(connector string) *drift {
	for n := range s.drifts {
		if s.drifts[n].connector == connector {
			return &s.drifts[n]
		}
	}
	s.drifts = append(s.drifts, drift{connector: connector})
	return &s.drifts[len(s.drifts)-1]
}

// sync decides about a partner's record that a sweep saw. What people did there and
// we did not hear of is taken over, and everything else is told again at once. Who is
// right is the table of itsm.Authorities.
func (s *State) sync(i *incident, a *itsm.Act) itsm.Outcome {
	if a.Seen == nil || a.Origin == "" {
		return refuse(a, itsm.Invalid, "sync: expected what was seen, and the connector as origin")
	}
	t := i.toldOf(a.Origin)
	if t != nil && a.Epoch != t.record && slices.Contains(t.before, a.Epoch) {
		return s.syncBefore(i, t, a)
	}
	if !i.isOfPresent(t, a) {
		return s.ignore(a, itsm.ReasonOldRecord)
	}
	v := view{s: s, i: i, t: t, a: a, rec: a.Seen}
	if v.rec.Version != 0 && v.rec.Version < v.newest() {
		return s.ignore(a, itsm.ReasonOldReport)
	}
	v.changed = v.rec.Version > t.exchange.known()
	t.exchange.hear(s.now, v.rec.Version)
	d := s.driftOf(a.Origin)
	o := v.takeOver()
	if o == nil && len(v.wrong) == 0 {
		return noOp(a)
	}
	d.found++
	if o != nil {
		d.adopted++
	} else {
		o = &itsm.Outcome{Incident: i.number, NoOp: true, Detail: v.text()}
	}
	if len(v.wrong) > 0 && v.tellAgain() {
		d.repaired++
		o.NoOp, o.Detail = false, ""
	}
	return *o
}

// isOfPresent reports whether what a sweep saw is the record that a partner has of
// the present epoch.
func (i *incident) isOfPresent(t *told, a *itsm.Act) bool {
	return t != nil && t.epoch == i.epoch && (a.Epoch == 0 || a.Epoch == t.record)
}

// syncBefore decides about a record that a partner had before the present one: it has
// to be over, unless somebody opened it again when all was. However often it was seen
// over, it can be opened again.
func (s *State) syncBefore(i *incident, t *told, a *itsm.Act) itsm.Outcome {
	if !a.Seen.Status.IsOpen() {
		return noOp(a)
	}
	v := view{s: s, i: i, t: t, a: a, rec: a.Seen, changed: a.Seen.Version > t.exchange.known()}
	d := s.driftOf(a.Origin)
	d.found++
	if i.state == itsm.IncidentResolved && v.byPerson() {
		d.adopted++
		return *v.adopt(itsm.ActReopen, nothingMore)
	}
	if a.ReadOnly || !s.mayRepair(&t.repairs) {
		return itsm.Outcome{Incident: i.number, NoOp: true, Detail: fmt.Sprintf("%s has the record of epoch %d open", a.Origin, a.Epoch)}
	}
	d.repaired++
	return s.endOldRecord(i, a, a.Epoch)
}

// view compares one record with what is wanted of it.
type view struct {
	s       *State
	i       *incident
	t       *told
	a       *itsm.Act
	rec     *itsm.PartnerRecord
	changed bool // the record changed since the last that we know of it

	wrong   []string // what it has, and what is wanted
	repairs []itsm.Transition
}

// newest is the version of the partner's last report, as far as that can be one of this
// record: what was reported of an earlier record makes nothing old that this one says.
func (v *view) newest() (n int64) {
	for _, h := range v.i.handled().heard {
		if h.connector == v.t.connector {
			n = max(n, h.version)
		}
	}
	return min(n, v.t.exchange.version)
}

// byPerson reports whether a person changed the record since we last heard of it.
func (v *view) byPerson() bool {
	return v.changed && v.rec.By != "" && !v.rec.Ours && !v.rec.Automatic
}

// wantedStatus is how the partner's record should stand.
func (i *incident) wantedStatus() itsm.RecordStatus {
	switch {
	case !i.state.IsOpen():
		return itsm.RecordResolved
	case i.acked:
		return itsm.RecordAcknowledged
	}
	return itsm.RecordOpen
}

// status compares how the record stands. It returns what came of taking it over.
func (v *view) status() *itsm.Outcome {
	want, has := v.i.wantedStatus(), v.rec.Status
	switch {
	case has == want, has == itsm.RecordNone && want == itsm.RecordResolved:
		return nil
	case has == itsm.RecordNone:
		v.differs(itsm.Update, "no record, wanted "+want.String())
		if v.i.acked {
			v.repairs = append(v.repairs, itsm.Acknowledge)
		}
		return nil
	case has > want && has == itsm.RecordResolved:
		return v.adopt(itsm.ActResolve, nothingMore)
	case has > want:
		if v.t.ackKept {
			return nil // it was told of one that was taken back, and knows no way back
		}
		return v.adopt(itsm.ActAcknowledge, nothingMore)
	case want == itsm.RecordAcknowledged && (v.byPerson() || v.changed && v.heardRank() == rank(itsm.ActAcknowledge)):
		return v.adopt(itsm.ActUnacknowledge, nothingMore)
	case want == itsm.RecordResolved && v.i.state == itsm.IncidentResolved && v.byPerson() && v.heardRank() == rank(itsm.ActResolve):
		return v.adopt(itsm.ActReopen, nothingMore)
	}
	text := has.String() + ", wanted " + want.String()
	if want == itsm.RecordResolved {
		v.differs(itsm.Resolve, text)
	} else {
		v.differs(itsm.Acknowledge, text)
	}
	return nil
}

// heardRank is how far the partner's own last report had brought the incident.
func (v *view) heardRank() uint8 {
	for _, h := range v.i.handled().heard {
		if h.connector == v.t.connector {
			return h.rank
		}
	}
	return 0
}

// fields compares what an open record says.
func (v *view) fields() *itsm.Outcome {
	h, rec := v.i.handled(), v.rec
	if rec.Knows.Has(itsm.SyncAssignee) && rec.Assignee != h.assignee {
		if rec.Assignee != "" && (h.assignee == "" || !h.assigned.person && !rec.Ours || v.byPerson()) {
			return v.adopt(itsm.ActAssign, func(a *itsm.Act) { a.Assignee = rec.Assignee })
		}
		v.differs(itsm.Update, fmt.Sprintf("assignee %q, wanted %q", rec.Assignee, h.assignee))
	}
	if rec.Knows.Has(itsm.SyncGroup) && rec.Group != v.i.team {
		if rec.Group != "" && (v.i.team == "" || v.byPerson()) {
			return v.adopt(itsm.ActAssign, func(a *itsm.Act) { a.Group = rec.Group })
		}
		v.differs(itsm.Update, fmt.Sprintf("group %q, wanted %q", rec.Group, v.i.team))
	}
	if rec.Knows.Has(itsm.SyncPriority) && rec.Priority != v.i.priority() {
		if rec.Priority != 0 && v.byPerson() {
			return v.adopt(itsm.ActPriority, func(a *itsm.Act) { a.Priority = rec.Priority })
		}
		v.differs(itsm.Update, fmt.Sprintf("priority %s, wanted %s", cmpText(rec.Priority.String(), "none"), v.i.priority()))
	}
	if rec.Knows.Has(itsm.SyncTitle) && rec.Title != v.i.title() {
		v.differs(itsm.Update, fmt.Sprintf("title %q", clip(rec.Title, titleShown)))
	}
	return nil
}

// comparesMax bounds how often one record is compared: once for each that can be taken
// over of it (opened again, acknowledged since, who has it, which group, how important
// it is), and once for what is left to tell.
const comparesMax = 6

// takeOver takes over what people did there, one after the other, and leaves in wrong
// what is left to tell. It returns what came of the first; nil: nothing was taken over.
func (v *view) takeOver() (first *itsm.Outcome) {
	for range comparesMax {
		o := v.status()
		standing := o != nil
		if !standing && v.i.state.IsOpen() {
			o = v.fields()
		}
		if o == nil {
			break
		}
		if first == nil {
			first = o
		}
		if standing {
			// How it stands is what a person changed since. What it says besides may only be
			// what it was not told while it was resolved, and counts as nobody's wish.
			v.changed = false
		} else if o.Code != "" || o.NoOp {
			break // it would be as often as it is tried
		}
		v.wrong, v.repairs = nil, nil
		v.t = v.i.toldOf(v.a.Origin) // the list grows when others are told
		if !v.i.isOfPresent(v.t, v.a) {
			break
		}
	}
	return first
}

// tellAgain tells the partner what it has wrong, unless it may not be told now.
func (v *view) tellAgain() bool {
	s, i, t := v.s, v.i, v.t
	if t.exchange.waiting > 0 {
		return false // it is about to be told, of what this very entry brought to an end among others
	}
	if v.a.ReadOnly || t.exchange.failed || !s.mayRepair(&t.repairs) { // a dead letter is a person's to send again
		return false
	}
	s.timeline(i, "differs", doerOf(v.a).actor, v.text()+"; it is told again")
	s.touchIncident(i)
	for _, tr := range v.repairs {
		if tr == itsm.Update {
			t.learns(s, i)
		}
		s.intend(i, t, tr, actSystem, "told again: "+v.text())
	}
	s.scheduleIncident(i)
	return true
}

// text says what the partner has wrong.
func (v *view) text() string { return v.a.Origin + " has " + strings.Join(v.wrong, ", ") }

// differs notes what is wrong and how it is repaired: each transition once.
func (v *view) differs(tr itsm.Transition, text string) {
	v.wrong = append(v.wrong, text)
	for _, r := range v.repairs {
		if r == tr {
			return
		}
	}
	v.repairs = append(v.repairs, tr)
}

func nothingMore(*itsm.Act) {}

// adopt takes over what people did there, as the act that we should have heard of.
func (v *view) adopt(kind itsm.ActKind, fill func(*itsm.Act)) *itsm.Outcome {
	a := &itsm.Act{Kind: kind, Incident: v.i.number, Epoch: v.a.Epoch, Origin: v.a.Origin, PartnerVersion: v.rec.Version,
		Actor: v.a.Actor, Automatic: v.rec.Automatic && kind == itsm.ActAssign}
	if v.rec.By != "" {
		a.Actor = v.a.Origin + ":" + v.rec.By
	}
	if kind != itsm.ActAssign && kind != itsm.ActPriority {
		a.Text = "found at " + v.a.Origin + " by a sweep"
	}
	fill(a)
	v.s.isNews(v.i, a) // the version it has now is known
	o := actors[kind](v.s, v.i, a)
	return &o
}
