package console

import (
	"time"

	"signalbox/itsm"
	"signalbox/itsm/access"
)

// majorTags mark an incident in a list.
var majorTags = map[itsm.MajorState]string{itsm.MajorProposed: "proposed as major", itsm.MajorAccepted: "major"}

// majorView is an incident as a major one: what was decided, and what the reader may
// decide.
type majorView struct {
	State   itsm.MajorState
	By      string
	When    when
	Because said
	Review  string // address of its review, "" when it has none
	Over    bool   // the work is done, what is missing is the review
	Propose bool
	Accept  bool
	Reject  bool
	Demote  bool
}

func viewMajor(i itsm.Incident, inv inventory, who access.Identity, now time.Time) majorView {
	m := i.Major
	v := majorView{State: m.State, By: actorName(m.By), When: at(m.At, now), Because: inv.said(line(m.Because, lineRunesMax)), Over: !i.State.IsOpen()}
	if reviewable(i) {
		v.Review = reviewPath(i.Number)
	}
	if i.State == itsm.Closed || i.State == itsm.Cancelled || !mayAct(who) {
		return v
	}
	manager := who.Role.Allows(access.ProblemManager)
	switch m.State {
	case "", itsm.MajorRejected, itsm.MajorDemoted:
		v.Propose, v.Accept = true, manager
	case itsm.MajorProposed:
		v.Accept, v.Reject = manager, manager
	case itsm.MajorAccepted:
		v.Demote = manager
	}
	return v
}

// reviewable reports whether a review is written of i.
func reviewable(i itsm.Incident) bool {
	return i.Major.State == itsm.MajorAccepted || i.Major.State == itsm.MajorReviewed
}

func reviewPath(n itsm.IncidentNumber) string { return "/incidents/" + n.String() + "/review" }

// Deeds about a major incident; their text says why.
var (
	majorPropose = deed{name: "major/propose", verb: "Propose as major", kind: itsm.ActMajorPropose, fill: fillNoteOptional}
	majorAccept  = deed{name: "major/accept", verb: "Accept as major", kind: itsm.ActMajorAccept, fill: fillNoteOptional}
	majorReject  = deed{name: "major/reject", verb: "Reject", kind: itsm.ActMajorReject, fill: fillNoteOptional}
	majorDemote  = deed{name: "major/demote", verb: "Demote", kind: itsm.ActMajorDemote, fill: fillNoteOptional}
	reviewDone   = deed{name: "review/done", verb: "Finish the review", kind: itsm.ActReviewDone}
)
