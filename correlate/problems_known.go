package correlate

import (
	"fmt"
	"slices"

	"signalbox/correlate/problem"
	"signalbox/itsm"
)

// recognise looks whether an open incident is a known problem. It is asked while the
// incident is small or has doubled, so that an event costs no more in a large one.
func (s *State) recognise(i *incident) {
	if s.problems.known == 0 || !i.state.IsOpen() || len(i.members)&(len(i.members)-1) != 0 {
		return
	}
	r := s.recurs(i)
	if r.pinned {
		return
	}
	sig := s.signatureOf(i)
	rec := s.problems.series[sig.String()]
	if rec == nil || !s.answers(rec) {
		rec = s.sameTrouble(i, sig, s.printOf(i))
	}
	if rec == nil || rec.number == 0 || rec.number == r.problem {
		return
	}
	if s.answers(rec) {
		s.belongs(s.problems.list[rec.number], i)
	}
}

// answers reports whether a known problem answers for rec.
func (s *State) answers(rec *recurrence) bool {
	t := s.problems.list[rec.number]
	return t != nil && t.State.Known()
}

// belongs notes that an incident is an occurrence of a known problem. What happens
// after the fix says that the fix did not help.
func (s *State) belongs(t *trouble, i *incident) {
	r := s.recurring(i)
	if r.problem == t.Number {
		return
	}
	r.problem = t.Number
	text := fmt.Sprintf("%s, %s: %s", t.Number, stateWords(t.State), t.Title)
	if t.Workaround != "" {
		text += "; workaround: " + clip(t.Workaround, workaroundShown)
	}
	s.timeline(i, "known problem", actSystem.actor, text)
	s.touchIncident(i)
	if t.State == itsm.ProblemResolved && t.Effect != itsm.EffectNotEffective && i.openedAt > t.ResolvedAt {
		t.Effect, t.EffectAt = itsm.EffectNotEffective, s.now
		t.EffectText = fmt.Sprintf("not effective: %s came %s after the fix", i.number, problem.Span(i.openedAt.Sub(t.ResolvedAt)))
		s.note(t, "not effective", actSystem.actor, t.EffectText)
		s.putProblem(t)
	}
}

// workaroundShown bounds what a page and a timeline quote of a workaround, in bytes.
const workaroundShown = 600

func stateWords(st itsm.ProblemState) string {
	switch st {
	case itsm.ProblemAnalysis:
		return "root cause analysis"
	case itsm.ProblemFix:
		return "fix in progress"
	case itsm.ProblemRiskAccepted:
		return "risk accepted"
	}
	return string(st)
}

// knownSays is what the first page tells of a known problem; "" of none.
func (s *State) knownSays(i *incident) string {
	t := s.problems.list[s.recurs(i).problem]
	if t == nil || !t.State.Known() {
		return ""
	}
	kind := "; known problem "
	if t.KnownError {
		kind = "; known error "
	}
	if t.Workaround == "" {
		return kind + t.Number.String() + " (" + stateWords(t.State) + ")"
	}
	return kind + t.Number.String() + ", workaround: " + clip(t.Workaround, workaroundShown)
}

// linkedOpen lists the incidents of t whose state is kept and that are open, by number.
func (s *State) linkedOpen(t *trouble) (out []*incident) {
	for _, n := range sortedKeys(s.problems.of) {
		if i := s.incidents[n]; s.problems.of[n].problem == t.Number && i != nil && i.state.IsOpen() {
			out = append(out, i)
		}
	}
	return out
}

// adopt tells every incident of t whose state is kept that it belongs to it, after
// it became known, or to none, after it ceased to be.
func (s *State) adopt(t *trouble) {
	for _, x := range t.Incidents {
		if i := s.incidents[x.Number]; i != nil && t.State.Known() && !s.recurs(i).pinned {
			s.belongs(t, i)
		}
	}
	if t.State.Known() || t.State == itsm.ProblemClosed {
		return
	}
	for _, n := range sortedKeys(s.problems.of) {
		if r, i := s.problems.of[n], s.incidents[n]; r.problem == t.Number && i != nil {
			r.problem = 0
			s.touchIncident(i)
		}
	}
}

// followed lets the incidents that are on hold for t follow it: they resolve when
// its fix is in, and work on them goes on when its risk is accepted.
func (s *State) followed(t *trouble, by doer) {
	for _, i := range s.linkedOpen(t) {
		if i.state != itsm.OnHold || i.handled().holdReason != problemKind {
			continue
		}
		switch t.State {
		case itsm.ProblemResolved, itsm.ProblemClosed:
			s.resolve(i, by, "known_error", "", fmt.Sprintf("%s, for which it was on hold, is resolved", t.Number))
		case itsm.ProblemRiskAccepted:
			i.state = itsm.InProgress
			i.unhold()
			s.timeline(i, "resumed", by.actor, fmt.Sprintf("the risk of %s is accepted: nobody works on its cause any more", t.Number))
			s.touchIncident(i)
			s.tell(i, by, "")
			s.scheduleIncident(i)
		}
	}
}

// watchEffect begins to watch whether a fix helps.
func (s *State) watchEffect(t *trouble) {
	t.Effect, t.EffectAt, t.EffectText = itsm.EffectWatching, 0, "watching: no rate is known from before the fix"
	var list []problem.Occurrence
	for _, x := range t.Incidents {
		list = append(list, problem.Occurrence{Incident: x.Number, Opened: x.OpenedAt})
	}
	at, n, in := problem.EffectiveAt(list, t.ResolvedAt)
	if at == 0 {
		return
	}
	t.EffectAt = at
	t.EffectText = fmt.Sprintf("watching: %d incidents in %s before the fix; effective when none comes for %s, which chance allows less than once in 20 times",
		n, problem.Span(in), problem.Span(at.Sub(t.ResolvedAt)))
}

// problemNext is when something is due for t; 0: nothing.
func (t *trouble) next() itsm.Time {
	switch {
	case t.State == itsm.ProblemDismissed:
		return t.returnsAt
	case t.Effect == itsm.EffectWatching:
		return t.EffectAt
	}
	return 0
}

func (s *State) scheduleProblem(t *trouble) {
	s.schedule(&t.wake, wakeProblem, uint64(t.Number), t.next())
}

// problemDue does what is due for t.
func (s *State) problemDue(t *trouble) {
	switch due := t.next(); {
	case due == 0 || due > s.now:
	case t.State == itsm.ProblemDismissed:
		t.returnsAt = 0
		if t.Count > t.answered {
			s.returns(t, fmt.Sprintf("%d incidents in the %s since it was dismissed", t.Count-t.answered, problem.Span(s.now.Sub(s.now-returnsIn))))
		}
		s.putProblem(t)
	default:
		t.Effect, t.EffectAt = itsm.EffectEffective, s.now
		t.EffectText = fmt.Sprintf("effective: none in the %s since the fix, which chance allows less than once in 20 times", problem.Span(s.now.Sub(t.ResolvedAt)))
		s.note(t, "effective", actSystem.actor, t.EffectText)
		s.putProblem(t)
	}
	s.scheduleProblem(t)
}

// Problem returns what the fold knows of a problem whose state is kept.
func (s *State) Problem(n itsm.ProblemNumber) (itsm.Problem, bool) {
	t := s.problems.list[n]
	if t == nil {
		return itsm.Problem{}, false
	}
	return t.Problem, true
}

// Problems lists the candidates and problems whose state is kept, by number.
func (s *State) Problems() []itsm.Problem {
	out := make([]itsm.Problem, 0, len(s.problems.list))
	for _, n := range sortedKeys(s.problems.list) {
		p := s.problems.list[n].Problem
		p.Tests, p.Incidents, p.Signatures = slices.Clone(p.Tests), slices.Clone(p.Incidents), slices.Clone(p.Signatures)
		out = append(out, p)
	}
	return out
}

// ProblemCounts counts the problems whose state is kept.
type ProblemCounts struct {
	ByState     map[itsm.ProblemState]int
	ByEffect    map[string]int // of those with a fix
	KnownErrors int            // that are not closed
}

// ProblemCounts returns how many problems there are of each kind.
func (s *State) ProblemCounts() ProblemCounts {
	c := ProblemCounts{ByState: map[itsm.ProblemState]int{}, ByEffect: map[string]int{}}
	for _, t := range s.problems.list { // sums do not depend on the order
		c.ByState[t.State]++
		if t.Effect != "" {
			c.ByEffect[t.Effect]++
		}
		if t.KnownError && t.State.Known() {
			c.KnownErrors++
		}
	}
	return c
}

// settleLinked brings what a problem says of an incident that a person linked up to
// date, once it resolved.
func (s *State) settleLinked(i *incident, r *recurring) {
	t := s.problems.list[r.problem]
	if t == nil {
		return
	}
	for n := range t.Incidents {
		if x := &t.Incidents[n]; x.Number == i.number && x.LinkedBy != "" {
			x.ResolvedAt, x.Reopens = i.resolvedAt, i.epoch-1
		}
	}
	s.takeStock(t)
	s.putProblem(t)
}
