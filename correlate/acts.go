package correlate

import (
	"fmt"
	"slices"
	"strings"

	"signalbox/itsm"
)

// act applies what a person or a partner did and says what it came to.
func (s *State) act(a *itsm.Act) {
	o := s.repeated(a)
	repeated := o != nil
	before := s.auditView(a)
	if !repeated {
		n := s.decide(a)
		n.Offset = s.off
		o = &n
		s.keep(a, n)
	} else {
		o.Offset, o.NoOp = s.off, true
		s.totals.ActsRepeated++
	}
	s.totals.Acts++
	s.put(itsm.Decision{Kind: itsm.SettleOutcome, Outcome: o})
	if !repeated {
		s.audit(a, o, before)
	}
	if a.Origin != "" && a.DeliveryID != "" {
		s.put(itsm.Decision{Kind: itsm.PutFates, Fates: &itsm.Fates{Offset: s.off, At: s.now, Source: a.Origin, Act: actFate(a, o, repeated)}})
	}
}

// actFate writes down what became of an act that a partner delivered.
func actFate(a *itsm.Act, o *itsm.Outcome, repeated bool) *itsm.ActFate {
	f := &itsm.ActFate{Kind: a.Kind, Actor: doerOf(a).actor, Incident: a.Incident, Result: itsm.ActApplied, Reason: o.Detail}
	switch {
	case repeated:
		f.Result, f.Reason = itsm.ActRepeated, ""
	case o.Code != "":
		f.Result = itsm.ActRefused
	case o.Detail != "":
		f.Result = itsm.ActIgnored
	case o.NoOp:
		f.Result = itsm.ActNoOp
	}
	return f
}

// decide checks the act against the lifecycle and applies it.
func (s *State) decide(a *itsm.Act) itsm.Outcome {
	switch a.Kind {
	case itsm.ActReceipt:
		return s.receipt(a)
	case itsm.ActRetry:
		return s.retry(a)
	}
	if do := objectActors[a.Kind]; do != nil {
		return s.objectAct(a, do)
	}
	if a.Kind == itsm.ActSync && a.Object != "" {
		return s.objectAct(a, (*State).syncObject)
	}
	i := s.incidents[a.Incident]
	switch {
	case a.Incident == 0 || a.Incident > s.lastIncident:
		return refuse(a, itsm.NotFound, "there is no incident %q", a.Incident)
	case i == nil:
		return refuse(a, itsm.Conflict, "%s was closed long ago and takes no more changes", a.Incident)
	case a.Kind == itsm.ActLink:
		return s.link(i, a)
	case a.Kind == itsm.ActSync:
		return s.sync(i, a)
	case a.IfVersion != 0 && a.IfVersion != i.version:
		return refuse(a, itsm.Stale, "%s is at version %d, not %d: somebody changed it; look at it again", i.number, i.version, a.IfVersion)
	case i.reopensOldRecord(a):
		return s.endOldRecord(i, a, a.Epoch)
	case i.isOfOldRecord(a):
		return s.ignore(a, itsm.ReasonOldRecord)
	case s.isOurs(i, a):
		return s.ignore(a, itsm.ReasonEcho)
	case i.wasOvertaken(a):
		return s.reopenAcknowledged(i, a)
	case !s.isNews(i, a):
		return s.ignore(a, itsm.ReasonOldReport)
	case i.mergedInto != 0 && a.Kind != itsm.ActNote && a.Kind != itsm.ActUndo:
		return s.onMerged(i, a)
	}
	do, ok := actors[a.Kind]
	if !ok {
		return refuse(a, itsm.Invalid, "act %q: expected acknowledge, unacknowledge, resolve, reopen, hold, resume, assign, priority, note, merge, split, undo, unrelated, cancel, parent, watch, unwatch, attach, detach, major.propose, major.accept, major.reject, major.demote, review or review.done", a.Kind)
	}
	return do(s, i, a)
}

// actors does each kind of act on an incident that exists.
var actors = map[itsm.ActKind]func(*State, *incident, *itsm.Act) itsm.Outcome{
	itsm.ActAcknowledge:   (*State).actAcknowledge,
	itsm.ActUnacknowledge: (*State).actUnacknowledge,
	itsm.ActResolve:       (*State).actResolve,
	itsm.ActReopen:        (*State).actReopen,
	itsm.ActHold:          (*State).actHold,
	itsm.ActResume:        (*State).actResume,
	itsm.ActAssign:        (*State).actAssign,
	itsm.ActPriority:      (*State).actPriority,
	itsm.ActNote:          (*State).actNote,
	itsm.ActMerge:         (*State).actMerge,
	itsm.ActSplit:         (*State).actSplit,
	itsm.ActUndo:          (*State).actUndo,
	itsm.ActUnrelated:     (*State).actUnrelated,
	itsm.ActCancel:        (*State).actCancel,
	itsm.ActParent:        (*State).actParent,
	itsm.ActWatch:         (*State).actWatch,
	itsm.ActUnwatch:       (*State).actWatch,
	itsm.ActAttach:        (*State).actAttach,
	itsm.ActDetach:        (*State).actDetach,
	itsm.ActMajorPropose:  (*State).actMajor,
	itsm.ActMajorAccept:   (*State).actMajor,
	itsm.ActMajorReject:   (*State).actMajor,
	itsm.ActMajorDemote:   (*State).actMajor,
	itsm.ActReview:        (*State).actReview,
	itsm.ActReviewDone:    (*State).actReviewDone,
}

func done(a *itsm.Act) itsm.Outcome { return itsm.Outcome{Incident: a.Incident} }
func noOp(a *itsm.Act) itsm.Outcome { return itsm.Outcome{Incident: a.Incident, NoOp: true} }

// ignore passes over a partner's report that says nothing new.
func (s *State) ignore(a *itsm.Act, why string) itsm.Outcome {
	s.totals.PartnerStale++
	return itsm.Outcome{Incident: a.Incident, NoOp: true, Detail: why}
}

func refuse(a *itsm.Act, code itsm.Code, format string, args ...any) itsm.Outcome {
	return itsm.Outcome{Incident: a.Incident, Code: code, Detail: fmt.Sprintf(format, args...)}
}

// illegal refuses a move that the lifecycle does not have.
func (i *incident) illegal(a *itsm.Act) itsm.Outcome {
	var can []string
	for _, st := range itsm.Moves(i.state) {
		can = append(can, st.String())
	}
	next := "it ends there"
	if len(can) > 0 {
		next = "from there it can go to " + strings.Join(can, ", ")
	}
	return refuse(a, itsm.Conflict, "%s is %s: %s is not possible; %s", i.number, i.state, a.Kind, next)
}

func doerOf(a *itsm.Act) doer {
	by := doer{actor: a.Actor, origin: a.Origin, record: a.Epoch, opened: a.Kind == itsm.ActReopen}
	if by.actor == "" {
		by.actor = "unknown"
	}
	return by
}

// onMerged answers acts on an incident that is part of another one now. A
// partner resolving its copy says only what it was asked to do.
func (s *State) onMerged(i *incident, a *itsm.Act) itsm.Outcome {
	if a.Kind == itsm.ActMerge && a.Into == i.mergedInto || a.Kind == itsm.ActCancel || a.Kind == itsm.ActResolve && a.Origin != "" {
		return noOp(a)
	}
	return refuse(a, itsm.Conflict, "%s was merged into %s: act there, or split its alerts out to take the merge back", i.number, i.mergedInto)
}

func (s *State) actAcknowledge(i *incident, a *itsm.Act) itsm.Outcome {
	by := doerOf(a)
	switch {
	case i.state.IsOpen() && i.acked:
		return noOp(a)
	case i.state.IsOpen():
		i.acked = true
		if i.state == itsm.New {
			i.state = itsm.InProgress
		}
	case i.state == itsm.IncidentResolved && a.Origin != "":
		// It crossed the resolve on its way: the state stays up, the fact is kept.
	default:
		return i.illegal(a)
	}
	if i.ackAt == 0 {
		i.ackAt, i.handling().ackBy = s.now, by.actor
	}
	s.timeline(i, "acknowledged", by.actor, a.Text)
	s.touchIncident(i)
	s.tell(i, by, a.Text)
	s.scheduleIncident(i)
	if !i.state.IsOpen() {
		return noOp(a)
	}
	return done(a)
}

// actUnacknowledge takes an acknowledgement back: a person's wish or the pager's
// time-out. The state stays, for it only moves up within an epoch.
func (s *State) actUnacknowledge(i *incident, a *itsm.Act) itsm.Outcome {
	if !i.state.IsOpen() {
		return i.illegal(a)
	}
	if !i.acked {
		return noOp(a)
	}
	s.unacknowledge(i, doerOf(a).actor, a.Origin, cmpText(a.Reason, a.Text))
	return done(a)
}

func (s *State) unacknowledge(i *incident, actor, origin, text string) {
	if k := &i.surround().level; k.firstAck == 0 {
		k.firstAck = i.ackAt
	}
	i.acked, i.ackAt, i.handling().ackBy = false, 0, ""
	for n := range i.told {
		t := &i.told[n]
		t.ackKept = t.ackKept || t.acked && t.connector != origin
		t.acked = false
	}
	s.timeline(i, "acknowledgement taken back", actor, text)
	s.touchIncident(i)
}

func cmpText(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func (s *State) actResolve(i *incident, a *itsm.Act) itsm.Outcome {
	if a.Origin != "" && !i.state.IsOpen() {
		return noOp(a) // a partner catches up; a person is told
	}
	if !itsm.CanMove(i.state, itsm.IncidentResolved) {
		return i.illegal(a)
	}
	code := a.CloseCode
	if code == "" {
		code = itsm.CloseCodes[0]
	}
	if !slices.Contains(itsm.CloseCodes, code) {
		return refuse(a, itsm.Invalid, "close_code %q: expected one of %s", code, strings.Join(itsm.CloseCodes, ", "))
	}
	if bad := noteTooLong(a); bad != nil {
		return *bad
	}
	text := "close code " + code
	if a.Text != "" {
		text += ": " + a.Text
	}
	s.resolve(i, doerOf(a), code, a.Text, text)
	return done(a)
}

func (s *State) actReopen(i *incident, a *itsm.Act) itsm.Outcome {
	switch {
	case a.Origin != "" && i.state.IsOpen():
		return noOp(a)
	case i.state != itsm.IncidentResolved:
		return i.illegal(a)
	}
	s.reopen(i, doerOf(a), "reopened: "+cmpText(cmpText(a.Reason, a.Text), "no reason given"))
	return done(a)
}

func (s *State) actHold(i *incident, a *itsm.Act) itsm.Outcome {
	switch {
	case !slices.Contains(itsm.HoldReasons, a.Reason):
		return refuse(a, itsm.Invalid, "reason %q: expected one of %s", a.Reason, strings.Join(itsm.HoldReasons, ", "))
	case i.state == itsm.OnHold && i.handled().holdReason == a.Reason:
		return noOp(a)
	case i.state != itsm.OnHold && !itsm.CanMove(i.state, itsm.OnHold):
		return i.illegal(a)
	}
	i.state, i.handling().holdReason = itsm.OnHold, a.Reason
	s.changed(i, a, "on hold", "waits for: "+a.Reason)
	return done(a)
}

func (s *State) actResume(i *incident, a *itsm.Act) itsm.Outcome {
	switch i.state {
	case itsm.InProgress, itsm.New:
		return noOp(a)
	case itsm.OnHold:
		i.state, i.handling().holdReason = itsm.InProgress, ""
		s.changed(i, a, "resumed", cmpText(a.Text, "work goes on"))
		return done(a)
	}
	return i.illegal(a)
}

func (s *State) actPriority(i *incident, a *itsm.Act) itsm.Outcome {
	switch {
	case i.state == itsm.Closed || i.state == itsm.Cancelled:
		return i.illegal(a)
	case a.Priority > itsm.P5:
		return refuse(a, itsm.Invalid, "priority %d: expected P1 to P5, or none to take an override back", a.Priority)
	case a.Automatic:
		return s.setBack(i, a)
	case a.Priority == i.override, i.echoesPriority(a):
		return noOp(a)
	}
	if t := i.toldOf(a.Origin); t != nil && a.Priority != 0 {
		t.priority = a.Priority // it has it already
	}
	i.override, i.handling().overrideBy = a.Priority, doerOf(a).actor
	text := fmt.Sprintf("%s instead of the computed %s", a.Priority, i.computed)
	if a.Priority == 0 {
		i.handling().overrideBy = ""
		text = fmt.Sprintf("the override is taken back; computed %s counts", i.computed)
	}
	s.changed(i, a, "priority", text)
	return done(a)
}

// echoesPriority reports whether a partner says what it was last told: it is our own
// change come back, and no person's override.
func (i *incident) echoesPriority(a *itsm.Act) bool {
	if a.Origin == "" || faultEchoCounts {
		return false
	}
	t := i.toldOf(a.Origin)
	return t != nil && t.epoch == i.epoch && t.priority == a.Priority
}

func (s *State) actNote(i *incident, a *itsm.Act) itsm.Outcome {
	if strings.TrimSpace(a.Text) == "" {
		return refuse(a, itsm.Invalid, "text: expected a note that is not empty")
	}
	if bad := noteTooLong(a); bad != nil {
		return *bad
	}
	s.addNote(i, doerOf(a), a.Text)
	return done(a)
}

// addNote writes a note and sends it to the partners that know i.
func (s *State) addNote(i *incident, by doer, text string) {
	i.lastActivity = s.now
	s.timeline(i, "note", by.actor, text)
	s.touchIncident(i)
	for n := range i.told {
		if t := &i.told[n]; t.epoch != 0 && t.connector != by.origin {
			s.intend(i, t, itsm.Note, by, text)
		}
	}
}

func noteTooLong(a *itsm.Act) *itsm.Outcome {
	if len(a.Text) <= itsm.NoteBytesMax {
		return nil
	}
	o := refuse(a, itsm.TooLarge, "text: %d bytes; a note has at most %d", len(a.Text), itsm.NoteBytesMax)
	return &o
}

// actCancel ends an incident that was none. What still fires is shown as
// suppressed by that decision, never silently lost.
func (s *State) actCancel(i *incident, a *itsm.Act) itsm.Outcome {
	if i.state == itsm.Cancelled {
		return noOp(a)
	}
	if !itsm.CanMove(i.state, itsm.Cancelled) {
		return i.illegal(a)
	}
	if i.state.IsOpen() {
		s.openIncidents--
	}
	s.uncount(i)
	i.state, i.stillFires = itsm.Cancelled, false
	i.unhold()
	for _, m := range i.members {
		if al := s.alerts.Get(m.alert); al != nil && al.inc == i && al.member && al.status == itsm.Firing {
			al.held = i.number.String() + " was cancelled by " + doerOf(a).actor
			s.touchAlert(al)
		}
	}
	s.changed(i, a, "cancelled", cmpText(cmpText(a.Reason, a.Text), "no reason given"))
	s.retire(i)
	return done(a)
}

// changed finishes an act that moved i: timeline, record, partners, timers.
func (s *State) changed(i *incident, a *itsm.Act, kind, text string) {
	by := doerOf(a)
	i.lastActivity = s.now
	s.timeline(i, kind, by.actor, text)
	s.touchIncident(i)
	s.proposeMajor(i)
	s.tell(i, by, text)
	s.scheduleIncident(i)
}
