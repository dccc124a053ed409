package correlate

import (
	"encoding/json"
	"slices"
	"strings"

	"signalbox/itsm"
)

// problemActors does each kind of act on a candidate or a problem that exists.
var problemActors = map[itsm.ActKind]func(*State, *trouble, *itsm.Act, *itsm.ProblemBody) itsm.Outcome{
	itsm.ActProblemAccept:      (*State).acceptProblem,
	itsm.ActProblemDismiss:     (*State).dismissProblem,
	itsm.ActProblemMerge:       (*State).mergeProblem,
	itsm.ActProblemAssign:      (*State).assignProblem,
	itsm.ActProblemState:       (*State).moveProblem,
	itsm.ActProblemRootCause:   (*State).rootCause,
	itsm.ActProblemWorkaround:  (*State).workaround,
	itsm.ActProblemKnownError:  (*State).knownError,
	itsm.ActProblemCommunicate: (*State).communicate,
	itsm.ActProblemLink:        (*State).linkProblem,
	itsm.ActProblemUnlink:      (*State).unlinkProblem,
	itsm.ActProblemNote:        (*State).noteProblem,
}

// problemAct finds the problem an act is about and does it.
func (s *State) problemAct(a *itsm.Act) itsm.Outcome {
	var b itsm.ProblemBody
	if len(a.Body) > 0 {
		if err := json.Unmarshal(a.Body, &b); err != nil {
			return refuse(a, itsm.Invalid, "body: expected the fields of an act on a problem: %v", err)
		}
	}
	if bad := problemTooLong(a, &b); bad != nil {
		return *bad
	}
	if a.Kind == itsm.ActProblemCreate {
		return s.createProblem(a, &b)
	}
	n, err := itsm.ParseProblemNumber(a.Object)
	if err != nil {
		return refuse(a, itsm.NotFound, "%s", itsm.MessageOf(err))
	}
	t := s.problems.list[n]
	switch {
	case n > s.problems.last:
		return refuse(a, itsm.NotFound, "there is no problem %s", n)
	case t == nil:
		return refuse(a, itsm.Conflict, "%s was over long ago and takes no more changes", n)
	case a.IfVersion != 0 && a.IfVersion != t.Version:
		return refuse(a, itsm.Stale, "%s is at version %d, not %d: somebody changed it; look at it again", n, t.Version, a.IfVersion)
	case t.State == itsm.ProblemMerged:
		return refuse(a, itsm.Conflict, "%s was merged into %s: act there", n, t.MergedInto)
	}
	if s.isOldReport(a.Object, a) {
		return itsm.Outcome{NoOp: true, Detail: itsm.ReasonOldReport}
	}
	return s.actOnProblem(t, a, &b)
}

// actOnProblem does what an act asks for, and counts whether the problem is known since.
func (s *State) actOnProblem(t *trouble, a *itsm.Act, b *itsm.ProblemBody) itsm.Outcome {
	was := t.State.Known()
	out := problemActors[a.Kind](s, t, a, b)
	if is := t.State.Known(); was != is {
		if s.problems.known--; is {
			s.problems.known += 2
		}
	}
	return out
}

func problemTooLong(a *itsm.Act, b *itsm.ProblemBody) *itsm.Outcome {
	for _, f := range []struct {
		name, v string
		max     int
	}{{"text", b.Text, itsm.ProblemTextMax}, {"reason", b.Reason, itsm.ProblemTextMax}, {"owner", b.Owner, itsm.ObjectNameMax}, {"team", b.Team, itsm.ObjectNameMax}, {"title", b.Title, 2 * itsm.ObjectNameMax}} {
		if len(f.v) > f.max {
			o := refuse(a, itsm.TooLarge, "%s: %d bytes; expected at most %d", f.name, len(f.v), f.max)
			return &o
		}
	}
	return nil
}

// didProblem finishes an act that changed t.
func (s *State) didProblem(t *trouble, a *itsm.Act, kind, text string) itsm.Outcome {
	s.note(t, kind, doerOf(a).actor, text)
	s.putProblem(t)
	return itsm.Outcome{Object: t.Number.String()}
}

func (t *trouble) illegal(a *itsm.Act, to itsm.ProblemState) itsm.Outcome {
	var can []string
	for _, st := range itsm.ProblemMoves(t.State) {
		can = append(can, string(st))
	}
	next := "it ends there"
	if len(can) > 0 {
		next = "from there it can go to " + strings.Join(can, ", ")
	}
	return refuse(a, itsm.Conflict, "%s is %s and cannot become %s; %s", t.Number, t.State, to, next)
}

// notYet refuses work on what no person has accepted.
func (t *trouble) notYet(a *itsm.Act) *itsm.Outcome {
	if t.State.Accepted() {
		return nil
	}
	o := refuse(a, itsm.Conflict, "%s is %s: accept it first", t.Number, t.State)
	return &o
}

func (s *State) acceptProblem(t *trouble, a *itsm.Act, b *itsm.ProblemBody) itsm.Outcome {
	if t.State.Accepted() {
		return itsm.Outcome{NoOp: true}
	}
	by := doerOf(a)
	t.State, t.AcceptedAt, t.AcceptedBy, t.Reason = itsm.ProblemNew, s.now, by.actor, ""
	t.Owner, t.Team = cmpText(b.Owner, t.Owner), cmpText(b.Team, t.Team)
	t.Title = cmpText(b.Title, t.Title)
	t.returnsAt = 0
	s.adopt(t)
	return s.didProblem(t, a, "accepted", cmpText(b.Text, "it is a problem now"))
}

func (s *State) dismissProblem(t *trouble, a *itsm.Act, b *itsm.ProblemBody) itsm.Outcome {
	switch {
	case strings.TrimSpace(b.Reason) == "":
		return refuse(a, itsm.Invalid, "reason: expected why this is no problem; it is shown when it comes back")
	case t.State == itsm.ProblemDismissed:
		return itsm.Outcome{NoOp: true}
	case t.State != itsm.ProblemCandidate:
		return t.illegal(a, itsm.ProblemDismissed)
	}
	t.State, t.Reason, t.answered, t.returnsAt = itsm.ProblemDismissed, b.Reason, t.Count, s.now+returnsIn
	return s.didProblem(t, a, "dismissed", b.Reason)
}

// mergeProblem makes t part of another: its signatures, incidents and changes go there.
func (s *State) mergeProblem(t *trouble, a *itsm.Act, b *itsm.ProblemBody) itsm.Outcome {
	n, err := itsm.ParseProblemNumber(b.Into)
	into := s.problems.list[n]
	switch {
	case err != nil || into == nil:
		return refuse(a, itsm.Invalid, "into %q: expected the number of another problem", b.Into)
	case into == t:
		return refuse(a, itsm.Invalid, "into: %s cannot be merged into itself", t.Number)
	case into.State == itsm.ProblemMerged || into.State == itsm.ProblemDismissed || into.State == itsm.ProblemClosed:
		return refuse(a, itsm.Conflict, "into: %s is %s", n, into.State)
	case !itsm.CanMoveProblem(t.State, itsm.ProblemMerged):
		return t.illegal(a, itsm.ProblemMerged)
	case len(t.Signatures)+len(into.Signatures) > itsm.ProblemSignaturesMax:
		return refuse(a, itsm.TooLarge, "into: %s would answer for more than %d signatures", n, itsm.ProblemSignaturesMax)
	}
	for _, key := range t.Signatures {
		if rec := s.problems.series[key]; rec != nil && rec.number == t.Number {
			s.attach(into, rec)
		}
	}
	for _, x := range t.Incidents {
		if x.LinkedBy != "" && !slices.ContainsFunc(into.Incidents, func(y itsm.ProblemIncident) bool { return y.Number == x.Number }) {
			into.Incidents = append(into.Incidents, x)
		}
	}
	for _, r := range s.problems.of { // any order: each is changed alone
		if r.pinned && r.problem == t.Number {
			r.problem = into.Number
		}
	}
	for _, c := range t.Changes {
		if len(into.Changes) < itsm.ProblemChangesMax && !slices.Contains(into.Changes, c) {
			into.Changes = append(into.Changes, c)
		}
	}
	t.State, t.MergedInto = itsm.ProblemMerged, n.String()
	s.adopt(t)
	s.takeStock(into)
	s.adopt(into)
	s.didProblem(into, a, "merged", t.Number.String()+" came in")
	s.didProblem(t, a, "merged", "into "+n.String())
	return itsm.Outcome{Object: n.String()}
}

func (s *State) assignProblem(t *trouble, a *itsm.Act, b *itsm.ProblemBody) itsm.Outcome {
	if bad := t.notYet(a); bad != nil {
		return *bad
	}
	switch {
	case b.Owner == "" && b.Team == "":
		return refuse(a, itsm.Invalid, "owner, team: expected at least one of them")
	case cmpText(b.Owner, t.Owner) == t.Owner && cmpText(b.Team, t.Team) == t.Team:
		return itsm.Outcome{NoOp: true}
	case t.Source != "" && a.Origin != t.Source && s.connector(t.Source) != nil:
		return refuse(a, itsm.Conflict, "owner, team: %s keeps %s, which came from there, and decides about them; change them there", t.Source, t.Number)
	}
	t.Owner, t.Team = cmpText(b.Owner, t.Owner), cmpText(b.Team, t.Team)
	return s.didProblem(t, a, "assigned", "to "+strings.Trim(t.Owner+" of "+t.Team, " of"))
}

func (s *State) moveProblem(t *trouble, a *itsm.Act, b *itsm.ProblemBody) itsm.Outcome {
	if bad := t.notYet(a); bad != nil {
		return *bad
	}
	by := doerOf(a)
	switch _, err := itsm.ParseProblemState(string(b.State)); {
	case err != nil:
		return refuse(a, itsm.Invalid, "%s", itsm.MessageOf(err))
	case b.State == t.State:
		return itsm.Outcome{NoOp: true}
	case b.State == itsm.ProblemMerged || !itsm.CanMoveProblem(t.State, b.State) && !t.reported(a, b.State):
		return t.illegal(a, b.State)
	case b.State == itsm.ProblemRiskAccepted && strings.TrimSpace(b.Reason) == "" && a.Origin == "":
		return refuse(a, itsm.Invalid, "reason: expected why the risk is accepted")
	}
	was := t.State
	t.State = b.State
	switch b.State {
	case itsm.ProblemResolved:
		t.ResolvedAt = s.now
		s.followed(t, by) // first: what resolves with it happened before the fix
		s.watchEffect(t)
	case itsm.ProblemClosed:
		t.ClosedAt = s.now
		s.answered(t)
		s.followed(t, by)
	case itsm.ProblemRiskAccepted:
		t.Reason = b.Reason
		s.followed(t, by)
	default:
		t.ResolvedAt, t.ClosedAt, t.Effect, t.EffectAt, t.EffectText = 0, 0, "", 0, ""
	}
	return s.didProblem(t, a, "state", stateWords(b.State)+", was "+stateWords(was)+suffix(b.Reason))
}

// reported reports whether a partner says that its people moved t: they need not take
// our steps, only a closed problem stays closed, unless it is their own.
func (t *trouble) reported(a *itsm.Act, to itsm.ProblemState) bool {
	return a.Origin != "" && (t.State != itsm.ProblemClosed || t.Source == a.Origin) && to.Accepted()
}

// answered lets the signatures of a closed problem begin anew: what happens from now
// on is another problem.
func (s *State) answered(t *trouble) {
	for _, key := range t.Signatures {
		if rec := s.problems.series[key]; rec != nil && rec.number == t.Number {
			rec.number, rec.since = 0, s.now
		}
	}
}

func suffix(text string) string {
	if text == "" {
		return ""
	}
	return ": " + text
}

// sameWords reports whether two texts differ in their spacing only: a partner's rich
// text does not keep it.
func sameWords(a, b string) bool { return slices.Equal(strings.Fields(a), strings.Fields(b)) }

func (s *State) rootCause(t *trouble, a *itsm.Act, b *itsm.ProblemBody) itsm.Outcome {
	if bad := t.notYet(a); bad != nil {
		return *bad
	}
	if b.Text == t.RootCause || a.Origin != "" && sameWords(b.Text, t.RootCause) {
		return itsm.Outcome{NoOp: true}
	}
	t.RootCause = b.Text
	return s.didProblem(t, a, "root cause", cmpText(b.Text, "taken back"))
}

// workaround can be written at any stage, also of a candidate.
func (s *State) workaround(t *trouble, a *itsm.Act, b *itsm.ProblemBody) itsm.Outcome {
	if b.Text == t.Workaround || a.Origin != "" && sameWords(b.Text, t.Workaround) {
		return itsm.Outcome{NoOp: true}
	}
	t.Workaround = b.Text
	return s.didProblem(t, a, "workaround", cmpText(b.Text, "taken back"))
}

func (s *State) knownError(t *trouble, a *itsm.Act, b *itsm.ProblemBody) itsm.Outcome {
	if bad := t.notYet(a); bad != nil {
		return *bad
	}
	switch {
	case b.Known == t.KnownError:
		return itsm.Outcome{NoOp: true}
	case b.Known && t.RootCause == "" && (a.Origin == "" || a.Origin != t.Source):
		return refuse(a, itsm.Conflict, "%s has no root cause yet: a known error is a problem that was analysed; write down its root cause first", t.Number)
	}
	t.KnownError = b.Known
	text := "it is analysed and not resolved yet"
	if !b.Known {
		text = "it is no known error any more"
	}
	return s.didProblem(t, a, "known error", text)
}

// communicate posts a note to every linked open incident, and with it to every
// partner that was told of one.
func (s *State) communicate(t *trouble, a *itsm.Act, b *itsm.ProblemBody) itsm.Outcome {
	if bad := t.notYet(a); bad != nil {
		return *bad
	}
	text := cmpText(b.Text, t.Workaround)
	if strings.TrimSpace(text) == "" {
		return refuse(a, itsm.Conflict, "%s has no workaround yet: write one down, or give the text to send", t.Number)
	}
	to := s.linkedOpen(t)
	for _, i := range to {
		s.addNote(i, doerOf(a), t.Number.String()+", workaround: "+text)
	}
	return s.didProblem(t, a, "communicated", plural(len(to), "open incident")+" told: "+text)
}

func (s *State) noteProblem(t *trouble, a *itsm.Act, b *itsm.ProblemBody) itsm.Outcome {
	if strings.TrimSpace(b.Text) == "" {
		return refuse(a, itsm.Invalid, "text: expected a note that is not empty")
	}
	return s.didProblem(t, a, "note", b.Text)
}
