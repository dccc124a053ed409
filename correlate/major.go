package correlate

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"signalbox/itsm"
)

// major is what was decided about an incident as a major one, and its review.
type major struct {
	itsm.MajorIncident
	review *itsm.Review // nil: nobody wrote anything yet
}

// runsAsMajor reports whether i ends by people only.
func (i *incident) runsAsMajor() bool {
	m := i.around().major
	return m != nil && m.Runs()
}

func (i *incident) majorState() itsm.MajorState {
	if m := i.around().major; m != nil {
		return m.State
	}
	return ""
}

// proposeMajor proposes i when the rule says so and nothing was decided yet. What a
// manager rejected or demoted is not proposed again by a rule.
func (s *State) proposeMajor(i *incident) {
	children := len(i.family().children)
	if !i.state.IsOpen() || i.around().major != nil || i.priority() != itsm.P1 && children <= itsm.MajorChildren {
		return
	}
	because := "it is P1"
	if i.priority() != itsm.P1 {
		because = fmt.Sprintf("it has %d children", children)
	}
	s.proposedAsMajor(i, actSystem.actor, because)
}

func (s *State) proposedAsMajor(i *incident, actor, because string) {
	i.surround().major = &major{MajorIncident: itsm.MajorIncident{State: itsm.MajorProposed, By: actor, At: s.now, Because: because,
		ProposedBy: actor, ProposedAt: s.now, ProposedBecause: because}}
	s.timeline(i, "major incident proposed", actor, because)
	s.touchIncident(i)
}

// majorMoves is which state each act leads to, and from which it is possible.
var majorMoves = map[itsm.ActKind]struct {
	to   itsm.MajorState
	from []itsm.MajorState
}{
	itsm.ActMajorPropose: {itsm.MajorProposed, []itsm.MajorState{"", itsm.MajorRejected, itsm.MajorDemoted}},
	itsm.ActMajorAccept:  {itsm.MajorAccepted, []itsm.MajorState{"", itsm.MajorProposed, itsm.MajorRejected, itsm.MajorDemoted}},
	itsm.ActMajorReject:  {itsm.MajorRejected, []itsm.MajorState{itsm.MajorProposed}},
	itsm.ActMajorDemote:  {itsm.MajorDemoted, []itsm.MajorState{itsm.MajorAccepted}},
}

// actMajor proposes, accepts, rejects or demotes. The door has checked that who
// decides is a manager.
func (s *State) actMajor(i *incident, a *itsm.Act) itsm.Outcome {
	move, is := majorMoves[a.Kind], i.majorState()
	switch {
	case i.state == itsm.Closed || i.state == itsm.Cancelled:
		return i.illegal(a)
	case is == move.to:
		return noOp(a)
	case !slices.Contains(move.from, is):
		return refuse(a, itsm.Conflict, "%s is %s: it cannot be %s", i.number, majorWords(is), move.to)
	case (a.Kind == itsm.ActMajorReject || a.Kind == itsm.ActMajorDemote) && strings.TrimSpace(a.Text) == "":
		return refuse(a, itsm.Invalid, "reason: expected why it is no major incident")
	}
	if bad := noteTooLong(a); bad != nil {
		return *bad
	}
	by := doerOf(a)
	because := cmpText(a.Text, "no reason given")
	if a.Kind == itsm.ActMajorPropose || is == "" {
		old := i.around().major
		s.proposedAsMajor(i, by.actor, because)
		if old != nil {
			i.around().major.review = old.review
		}
	}
	if a.Kind != itsm.ActMajorPropose {
		m := i.around().major
		m.State, m.By, m.At, m.Because = move.to, by.actor, s.now, because
		s.timeline(i, "major incident "+string(move.to), by.actor, because)
		s.noteTo(i, by, "major incident "+string(move.to)+": "+because)
	}
	s.touchIncident(i)
	s.scheduleIncident(i)
	return done(a)
}

func majorWords(m itsm.MajorState) string {
	switch m {
	case "":
		return "no major incident"
	case itsm.MajorReviewed:
		return "a major incident that was reviewed"
	}
	return "a major incident that is " + string(m)
}

// goesOnAsMajor takes the end of a review back when i is reopened.
func (s *State) goesOnAsMajor(i *incident) {
	i.goesOnAlone()
	m := i.around().major
	if m == nil || m.State != itsm.MajorReviewed {
		return
	}
	m.State = itsm.MajorAccepted
	if m.review != nil {
		r := *m.review
		r.DoneBy, r.DoneAt = "", 0
		s.putReview(i, &r)
	}
}

// inheritMajor takes over that from is run as a major incident.
func (i *incident) inheritMajor(from *incident) {
	if m := from.around().major; m != nil && m.Runs() && !i.runsAsMajor() {
		i.surround().major = &major{MajorIncident: m.MajorIncident}
	}
}

// reviewable refuses a review of what is none.
func (i *incident) reviewable(a *itsm.Act) *itsm.Outcome {
	if m := i.around().major; m != nil && (m.State == itsm.MajorAccepted || m.State == itsm.MajorReviewed) {
		return nil
	}
	o := refuse(a, itsm.Conflict, "%s is %s: a review is written of an accepted one", i.number, majorWords(i.majorState()))
	return &o
}

// actReview writes texts of the review.
func (s *State) actReview(i *incident, a *itsm.Act) itsm.Outcome {
	if bad := i.reviewable(a); bad != nil {
		return *bad
	}
	c, bad := carried[itsm.ReviewChange](a)
	if bad != nil {
		return *bad
	}
	if name := c.TooLong(); name != "" {
		return refuse(a, itsm.TooLarge, "%s: expected at most %d bytes", name, itsm.ReviewTextMax)
	}
	m := i.around().major
	r := itsm.Review{Incident: i.number}
	if m.review != nil {
		r = *m.review
	}
	if c.IsStale(&r) {
		return refuse(a, itsm.Stale, "the review of %s is at version %d, not %d: somebody changed it; look at it again", i.number, r.Version, *c.Version)
	}
	if !r.Apply(&c) {
		return noOp(a)
	}
	r.EditedBy, r.EditedAt = doerOf(a).actor, s.now
	s.putReview(i, &r)
	s.timeline(i, "review", r.EditedBy, "the post-incident review was edited")
	s.touchIncident(i)
	return done(a)
}

func (s *State) putReview(i *incident, r *itsm.Review) {
	r.Version++
	i.around().major.review = r
	s.putObject(itsm.ObjectReview, i.number.String(), r.Version, nil, r)
}

// actReviewDone ends a major incident: from now on it closes as any other.
func (s *State) actReviewDone(i *incident, a *itsm.Act) itsm.Outcome {
	if bad := i.reviewable(a); bad != nil {
		return *bad
	}
	m := i.around().major
	switch {
	case m.State == itsm.MajorReviewed:
		return noOp(a)
	case i.state.IsOpen():
		return refuse(a, itsm.Conflict, "%s is %s: resolve it before its review is done", i.number, i.state)
	case m.review == nil || strings.TrimSpace(m.review.Summary) == "" || strings.TrimSpace(m.review.Causes) == "":
		return refuse(a, itsm.Conflict, "summary, causes: expected both before the review is done")
	}
	by := doerOf(a).actor
	r := *m.review
	r.DoneBy, r.DoneAt = by, s.now
	s.putReview(i, &r)
	m.State, m.By, m.At, m.Because = itsm.MajorReviewed, by, s.now, "the post-incident review is done"
	s.timeline(i, "review done", by, "it closes as any other incident")
	s.touchIncident(i)
	s.scheduleIncident(i)
	return done(a)
}

func archiveMajor(a *archive, p **major) {
	if has := archived(a, p); !has {
		return
	}
	m := *p
	text(a, &m.State)
	for _, v := range []*string{&m.By, &m.Because, &m.ProposedBy, &m.ProposedBecause} {
		text(a, v)
	}
	num(a, &m.At)
	num(a, &m.ProposedAt)
	if has := archived(a, &m.review); has {
		archiveNoun(a, m.review)
	}
}

// archiveNoun archives plain data as its JSON, which has every field.
func archiveNoun[T any](a *archive, v *T) {
	var t string
	if !a.reading {
		b, _ := json.Marshal(v) // putObject would have failed before
		t = string(b)
	}
	text(a, &t)
	if a.reading {
		a.bad = a.bad || json.Unmarshal([]byte(t), v) != nil
	}
}
