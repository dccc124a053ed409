package correlate

import (
	"encoding/json"
	"slices"

	"signalbox/itsm"
)

// theirsMax bounds the problems of one partner that are taken in and not over.
const theirsMax = 2000

// actProblemPut takes over how a problem is that was made at a partner.
func (s *State) actProblemPut(a *itsm.Act) itsm.Outcome {
	var u itsm.ProblemUpdate
	switch err := json.Unmarshal(a.Body, &u); {
	case err != nil:
		return refuse(a, itsm.Invalid, "body: expected how a partner's problem is: %v", err)
	case a.Origin == "" || u.ExternalID == "" || len(u.ExternalID) > itsm.ObjectNameMax:
		return refuse(a, itsm.Invalid, "external_id: expected the partner's own id of at most %d bytes, and the connector as origin", itsm.ObjectNameMax)
	case len(u.Title) == 0 || !u.State.Accepted() || !slices.Contains(itsm.ProblemStates, u.State):
		return refuse(a, itsm.Invalid, "title, state: expected what the problem is, and a state of an accepted one")
	}
	body := itsm.ProblemBody{Title: u.Title, Owner: cmpText(s.userWith(u.OwnerEmail), u.Owner), Team: u.Team}
	for _, body.Text = range []string{u.RootCause, u.Workaround} {
		if bad := problemTooLong(a, &body); bad != nil {
			return *bad
		}
	}
	t := s.problems.list[s.problems.byName[changeName{a.Origin, u.ExternalID}]]
	switch {
	case t == nil && !u.State.Known():
		return itsm.Outcome{NoOp: true, Detail: "it was over before it was heard of"}
	case t == nil:
		return s.takeInProblem(a, &u, &body)
	case a.Object != "" && a.Object != t.Number.String():
		return refuse(a, itsm.Conflict, "%s of %s is %s, not %s", u.ExternalID, a.Origin, t.Number, a.Object)
	case s.isOldReport(t.Number.String(), a):
		return itsm.Outcome{Object: t.Number.String(), NoOp: true, Detail: itsm.ReasonOldReport}
	case t.State == itsm.ProblemMerged:
		return itsm.Outcome{Object: t.Number.String(), NoOp: true}
	}
	return s.followTheirs(t, a, &u, &body)
}

// takeInProblem makes a problem of one that a partner made.
func (s *State) takeInProblem(a *itsm.Act, u *itsm.ProblemUpdate, b *itsm.ProblemBody) itsm.Outcome {
	open := 0
	for _, t := range s.problems.list { // sums do not depend on the order
		if t.Source == a.Origin && t.State.Known() {
			open++
		}
	}
	if open >= theirsMax {
		return refuse(a, itsm.TooLarge, "%d problems of %s are here and not closed, which is the limit: let its query ask for fewer", open, a.Origin)
	}
	s.forgetOver()
	by, cause := doerOf(a).actor, u.CI
	if r, ok := s.find(u.CI); ok {
		cause = s.graph.ID(r)
	}
	t := s.numberTrouble(clip(cause, itsm.ObjectNameMax-8), u.State, by)
	t.Title, t.Source, t.ExternalID, t.URL, t.AcceptedAt, t.AcceptedBy = u.Title, a.Origin, u.ExternalID, u.URL, s.now, by
	t.Owner, t.Team = b.Owner, cmpText(b.Team, t.Team)
	t.RootCause, t.Workaround, t.KnownError = u.RootCause, u.Workaround, u.KnownError
	if u.State == itsm.ProblemResolved {
		t.ResolvedAt = s.now
	}
	s.problems.byName[changeName{t.Source, t.ExternalID}] = t.Number
	s.problems.known++
	o := s.didProblem(t, a, "created", "as "+u.ExternalID+" in "+a.Origin)
	s.heardOfTheirs(t, a)
	s.linkTheirs(t, a, u.Incidents)
	return o
}

// followTheirs brings a problem to how it is at the partner that made it.
func (s *State) followTheirs(t *trouble, a *itsm.Act, u *itsm.ProblemUpdate, b *itsm.ProblemBody) itsm.Outcome {
	before := t.Version
	if t.Title != u.Title || t.URL != u.URL {
		t.Title, t.URL = u.Title, u.URL
		s.didProblem(t, a, "renamed", u.Title)
	}
	did := func(kind itsm.ActKind, body itsm.ProblemBody) {
		n := *a
		n.Kind = kind
		s.actOnProblem(t, &n, &body)
	}
	if b.Owner+b.Team != "" {
		did(itsm.ActProblemAssign, itsm.ProblemBody{Owner: b.Owner, Team: b.Team})
	}
	did(itsm.ActProblemRootCause, itsm.ProblemBody{Text: u.RootCause})
	did(itsm.ActProblemWorkaround, itsm.ProblemBody{Text: u.Workaround})
	did(itsm.ActProblemKnownError, itsm.ProblemBody{Known: u.KnownError})
	did(itsm.ActProblemState, itsm.ProblemBody{State: u.State, Reason: "in " + a.Origin})
	s.linkTheirs(t, a, u.Incidents)
	return itsm.Outcome{Object: t.Number.String(), NoOp: t.Version == before}
}

// heardOfTheirs notes the version that the partner's record had.
func (s *State) heardOfTheirs(t *trouble, a *itsm.Act) {
	if x := s.tellingOf(t.Number.String(), a.Origin); x != nil {
		x.exchange.hear(s.now, a.PartnerVersion)
	}
}

// linkTheirs links the incidents that belong to a problem at its partner, but what was
// closed long ago and what a person here said of: that stays.
func (s *State) linkTheirs(t *trouble, a *itsm.Act, numbers []string) {
	var link []string
	for _, v := range numbers {
		i, bad := s.linkable(a, v)
		if bad != nil || s.recurs(i).pinned || len(t.Incidents)+len(link) >= itsm.ProblemIncidentsMax {
			continue
		}
		link = append(link, v)
	}
	if len(link) > 0 && t.State.Accepted() {
		s.linkProblem(t, a, &itsm.ProblemBody{Incidents: link})
	}
}
