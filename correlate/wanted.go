package correlate

import (
	"fmt"
	"strings"

	"signalbox/itsm"
)

// shown is what of the title a partner knows: a change of it is material.
type shown struct {
	lead    itsm.AlertNumber
	size    string
	cause   string
	title   string // as a rule says it
	runbook string
}

func (i *incident) shown() shown {
	v := shown{lead: i.lead}
	if n := len(i.members) - 1; n > 0 {
		v.size = more(n)
	}
	if p := i.policy(); p != nil {
		v.title, v.runbook = p.title, p.runbook
	}
	if len(i.causes) > 0 {
		v.cause = i.causes[0].CI
	}
	return v
}

// linksOfOthers counts the records of i at other partners that an intent can tell
// a partner of.
func (i *incident) linksOfOthers(connector string) (n int32) {
	if i.did == nil {
		return 0
	}
	for k := range i.did.links {
		if i.did.links[k].Connector != connector {
			n++
		}
	}
	return min(n, itsm.IntentLinksMax)
}

// learns notes that a partner is told of i as it is now.
func (t *told) learns(s *State, i *incident) {
	t.priority, t.shown, t.at = i.priority(), i.shown(), s.now
	t.assignee, t.team, t.links = i.handled().assignee, i.team, i.linksOfOthers(t.connector)
}

// lags reports whether a partner that has i open does not know it as it is.
func (s *State) lags(i *incident, t *told) bool {
	return t.priority != i.priority() || t.shown != i.shown() || i.movedFrom(t) || s.hasLinks(i, t)
}

// movedFrom reports whether others have i than a partner knows.
func (i *incident) movedFrom(t *told) bool {
	return t.assignee != i.handled().assignee || t.team != i.team
}

// hasLinks reports whether i has records elsewhere that a partner does not know.
// In a storm there is no room for such calls.
func (s *State) hasLinks(i *incident, t *told) bool {
	return i.linksOfOthers(t.connector) > t.links && !s.inStorm(i)
}

// update tells a material change: the priority, who has it, what the title shows,
// where it is besides. What a person decided is told at once, the rest at intervals.
func (s *State) update(i *incident, t *told, by doer) {
	if !s.lags(i, t) || s.isEcho(by, t) {
		return
	}
	decided := by != actSystem && (t.priority != i.priority() || i.movedFrom(t))
	if !decided && s.now < s.updateFrom(i, t) {
		return
	}
	why := s.whyUpdate(i, t)
	t.learns(s, i)
	s.intend(i, t, itsm.Update, by, why)
}

func (s *State) whyUpdate(i *incident, t *told) string {
	var why []string
	if t.priority != i.priority() {
		why = append(why, fmt.Sprintf("priority %s, was %s: %s; %s", i.priority(), t.priority, i.impactWhy, i.urgencyWhy))
	}
	if i.movedFrom(t) {
		why = append(why, "assigned "+i.whoHas())
	}
	if t.shown != i.shown() {
		why = append(why, "it grew or its probable cause changed")
	}
	if len(why) == 0 {
		why = append(why, "it has records elsewhere")
	}
	return strings.Join(why, "; ")
}

// whoHas names who has i: a person, a group or both.
func (i *incident) whoHas() string {
	switch h := i.handled(); {
	case h.assignee == "" && i.team == "":
		return "to nobody"
	case h.assignee == "":
		return "to " + i.team
	case i.team == "":
		return "to " + h.assignee
	default:
		return "to " + h.assignee + " of " + i.team
	}
}

// updateFrom is when a partner may be told again.
func (s *State) updateFrom(i *incident, t *told) itsm.Time {
	wait := s.cfg.UpdateEvery
	if i.flapping > 0 {
		wait = max(wait, s.cfg.FlapNotifyEvery)
	}
	return t.at.Add(wait.Std())
}

// asked is what a partner was asked to set, so that its own report of it is known
// as an echo even when others decided something else since.
type asked struct {
	serial         uint32 // of the intent
	epoch          uint32 // of the incident when it was made
	first          bool   // it was a trigger, not an update
	version        int64  // of the partner's record after it, or when its receipt came in ms; 0: none came yet
	assignee, team string
	priority       itsm.Priority
}

// askedMax bounds what is kept of earlier requests; an echo that comes later than so
// many is told apart by its version.
const askedMax = 8

// asks notes what the next intent asks for.
func (t *told) asks(i *incident, tr itsm.Transition) {
	t.asked = append(t.asked, asked{serial: t.serial, epoch: i.epoch, first: tr == itsm.Trigger, assignee: i.handled().assignee, team: i.team, priority: i.priority()})
	if len(t.asked) > askedMax {
		t.asked = append([]asked(nil), t.asked[1:]...)
	}
}
