package correlate

import (
	"slices"
	"strings"

	"signalbox/itsm"
)

// actAssign gives i to a person or a group. The last decision of a person counts,
// by the time it was made; a program's counts where nobody decided.
func (s *State) actAssign(i *incident, a *itsm.Act) itsm.Outcome {
	h := i.handled()
	if name := s.userWith(a.Email); name != "" && a.Origin != "" {
		b := *a
		b.Assignee = name
		a = &b
	}
	switch {
	case i.state == itsm.Closed || i.state == itsm.Cancelled:
		return i.illegal(a)
	case a.Assignee == "" && a.Group == "":
		return refuse(a, itsm.Invalid, "assign: give an assignee or a group")
	case (a.Assignee == "" || a.Assignee == h.assignee) && (a.Group == "" || a.Group == i.team):
		i.hasAssigned(a)
		return noOp(a)
	case a.Automatic && h.assigned.person:
		return s.setBack(i, a)
	case h.assigned.person && s.decidedAt(a) < h.assigned.at:
		o := s.setBack(i, a)
		o.Detail = itsm.ReasonEarlier
		return o
	}
	s.assign(i, a)
	return done(a)
}

// emailOf is the address of a user here; "" when there is no such user.
func (s *State) emailOf(name string) string {
	if u := s.people.users[name]; u != nil && !u.Disabled {
		return u.Email
	}
	return ""
}

// userWith is the user here who has an e-mail address; "" when nobody has it, or
// several do.
func (s *State) userWith(email string) (name string) {
	if email == "" {
		return ""
	}
	for _, u := range s.people.users { // any order: one or none
		if !u.Disabled && strings.EqualFold(u.Email, email) {
			if name != "" {
				return ""
			}
			name = u.Name
		}
	}
	return name
}

func (s *State) assign(i *incident, a *itsm.Act) {
	h := i.handling()
	h.group = h.group || a.Group != ""
	h.assignee, i.team = cmpText(a.Assignee, h.assignee), cmpText(a.Group, i.team)
	h.assigned = assigned{doerOf(a).actor, s.decidedAt(a), !a.Automatic}
	i.hasAssigned(a)
	s.changed(i, a, "assigned", i.whoHas())
}

// hasAssigned notes that the partner an act comes from has who it says.
func (i *incident) hasAssigned(a *itsm.Act) {
	if t := i.toldOf(a.Origin); t != nil {
		t.assignee, t.team = cmpText(a.Assignee, t.assignee), cmpText(a.Group, t.team)
	}
}

// decidedAt is when an act was decided: by the partner's clock where it says so
// and can be right, else now.
func (s *State) decidedAt(a *itsm.Act) itsm.Time {
	at := itsm.Time(a.PartnerVersion)
	if a.Origin == "" || at < versionIsTime || at > s.now.Add(s.cfg.ClockTolerance.Std()) {
		return s.now
	}
	return at
}

// versionIsTime is from which on a partner's version is a time in ms, and not a
// number that grows: September 2001.
const versionIsTime itsm.Time = 1_000_000_000_000

// setBack does not take over what a partner's program, or somebody earlier,
// decided there, and tells the partner again how it is.
func (s *State) setBack(i *incident, a *itsm.Act) itsm.Outcome {
	reason := itsm.ReasonProgram
	t := i.toldOf(a.Origin)
	if t == nil || t.epoch != i.epoch || !i.state.IsOpen() {
		return s.ignore(a, reason)
	}
	if a.Kind == itsm.ActPriority {
		t.priority = a.Priority
	} else {
		i.hasAssigned(a)
	}
	if s.lags(i, t) && s.mayRepair(&t.repairs) {
		s.update(i, t, doer{actor: actSystem.actor, again: true})
		s.scheduleIncident(i)
	}
	return s.ignore(a, reason)
}

// isOurs reports whether an act is only our own change come back: our account did
// it, it carries the key of an intent of ours, or it says of the version we made
// what we asked for.
func (s *State) isOurs(i *incident, a *itsm.Act) bool {
	if a.Origin == "" || faultTTLEcho {
		return false
	}
	t := i.toldOf(a.Origin)
	if t == nil {
		return a.Ours
	}
	if a.Ours || t.isKeyOf(i, a.IntentKey) || t.wasAsked(a) {
		t.exchange.hear(s.now, a.PartnerVersion)
		return true
	}
	return false
}

// keysLooked bounds the intents whose keys an echo is compared with.
const keysLooked = 16

// isKeyOf reports whether key is that of one of the last intents to a partner.
func (t *told) isKeyOf(i *incident, key string) bool {
	if key == "" {
		return false
	}
	for serial := t.serial; serial > 0 && t.serial-serial < keysLooked; serial-- {
		for _, tr := range []itsm.Transition{itsm.Trigger, itsm.Update, itsm.Acknowledge, itsm.Resolve, itsm.Note} {
			for epoch := i.epoch; epoch > 0 && i.epoch-epoch < 2; epoch-- {
				if intentKey(i.number, epoch, tr, serial, t.connector) == key {
					return true
				}
			}
		}
	}
	return false
}

// wasAsked reports whether an assignment is the one that the partner was asked for
// at that version of its record, or a priority one that it was asked for then or
// later: a receipt may tell of the record as it became since.
func (t *told) wasAsked(a *itsm.Act) bool {
	if a.PartnerVersion == 0 {
		return false
	}
	return slices.ContainsFunc(t.asked, func(q asked) bool {
		switch a.Kind {
		case itsm.ActAssign:
			return q.version == a.PartnerVersion && (a.Assignee == "" || a.Assignee == q.assignee) && (a.Group == "" || a.Group == q.team)
		case itsm.ActPriority:
			return a.Priority == q.priority && (q.version == 0 || a.PartnerVersion <= q.version) && !faultEchoCounts
		}
		return false
	})
}
