package correlate

import (
	"cmp"
	"fmt"
	"slices"

	"signalbox/correlate/problem"
	"signalbox/itsm"
)

// trouble is a candidate or a problem: its record, and what only the fold needs.
type trouble struct {
	itsm.Problem
	lines     uint64    // of its history
	answered  uint64    // incidents counted when it was dismissed
	returnsAt itsm.Time // when a dismissed one may come back by itself
	wake      itsm.Time
}

// A dismissed candidate comes back after so many more incidents, or after so long
// when there was one since.
const (
	returnsAfter = 3
	returnsIn    = 90 * 24 * 60 * minuteMS
)

// examine looks at a history to which i was just added: whether it has become a
// candidate, or what it adds to the problem that answers for it.
func (s *State) examine(rec *recurrence, i *incident) {
	if t := s.problems.list[rec.number]; t != nil && t.State != itsm.ProblemClosed {
		s.occurs(t, rec, i)
		return
	}
	look, who := s.lookAt(rec)
	tests := rec.Tests(look)
	if len(tests) == 0 {
		return
	}
	if n := slices.IndexFunc(tests, func(f itsm.ProblemTest) bool { return f.Test == problem.Together }); n >= 0 {
		for k, p := range who { // one candidate for what comes together
			if t := s.problems.list[p.number]; t != nil && t.State != itsm.ProblemClosed && t.State != itsm.ProblemDismissed && look.Pairs[k].Named(tests[n]) && len(t.Signatures) < itsm.ProblemSignaturesMax {
				s.attach(t, rec)
				s.note(t, "signature added", actSystem.actor, rec.Signature.String()+": "+tests[n].Text)
				s.occurs(t, rec, i)
				return
			}
		}
	}
	s.propose(rec, tests)
}

// propose makes a candidate of a history.
func (s *State) propose(rec *recurrence, tests []itsm.ProblemTest) {
	s.forgetOver()
	t := s.newTrouble(rec, itsm.ProblemCandidate, actSystem.actor)
	t.Tests = tests
	s.note(t, "proposed", actSystem.actor, testsSay(tests))
	s.takeStock(t)
	s.putProblem(t)
}

// newTrouble numbers a new candidate or problem and lets it answer for rec.
func (s *State) newTrouble(rec *recurrence, state itsm.ProblemState, by string) *trouble {
	g := rec.Signature
	t := s.numberTrouble(g.Cause, state, by)
	t.Signature, t.Class, t.Env = g.String(), g.Class, g.Env
	t.Title = "Recurring " + cmp.Or(g.Class, "trouble") + " on " + cmp.Or(g.Cause, "an unknown CI")
	if g.Rule != "" {
		t.Title = "Recurring " + g.Rule
	}
	s.attach(t, rec)
	return t
}

// numberTrouble makes a candidate or problem of which a CI is at fault.
func (s *State) numberTrouble(cause string, state itsm.ProblemState, by string) *trouble {
	s.problems.last++
	t := &trouble{Problem: itsm.Problem{Number: s.problems.last, State: state, Signatures: []string{}, Cause: cause,
		Services: []string{}, Tests: []itsm.ProblemTest{}, Incidents: []itsm.ProblemIncident{}, Changes: []string{}, ProposedAt: s.now, CreatedBy: by}}
	if r, ok := s.graph.Lookup(cause); ok {
		t.Team = s.graph.SupportGroup(r)
		for _, v := range s.graph.Services(r, serviceHops) {
			if len(t.Services) < itsm.IntentCIsMax {
				t.Services = append(t.Services, s.graph.ID(v))
			}
		}
		slices.Sort(t.Services)
	}
	s.problems.list[t.Number] = t
	return t
}

// attach lets t answer for a signature.
func (s *State) attach(t *trouble, rec *recurrence) {
	rec.number = t.Number
	if key := rec.Signature.String(); !slices.Contains(t.Signatures, key) {
		t.Signatures = append(t.Signatures, key)
	}
}

// testsSay puts what a candidate rests on into one sentence.
func testsSay(tests []itsm.ProblemTest) string {
	out := ""
	for n, f := range tests {
		if n > 0 {
			out += "; "
		}
		out += f.Text
	}
	return out
}

// occurs adds what the history of rec says now to the problem that answers for it.
func (s *State) occurs(t *trouble, rec *recurrence, i *incident) {
	look, _ := s.lookAt(rec)
	tests := rec.Tests(look)
	if len(tests) > 0 && rec.Signature.String() == t.Signature {
		t.Tests = tests
	}
	s.takeStock(t)
	switch {
	case t.State == itsm.ProblemDismissed && t.Count >= t.answered+returnsAfter && len(tests) > 0:
		s.returns(t, fmt.Sprintf("%d more incidents since it was dismissed: %s", t.Count-t.answered, testsSay(tests)))
	case t.State.Known() && i != nil && !s.recurs(i).pinned:
		s.belongs(t, i)
	}
	s.putProblem(t)
}

// returns makes a candidate of one that was dismissed.
func (s *State) returns(t *trouble, why string) {
	t.State, t.returnsAt, t.Reason = itsm.ProblemCandidate, 0, ""
	s.note(t, "came back", actSystem.actor, why)
}

// takeStock brings the incidents of t, and what they cost, up to date.
func (s *State) takeStock(t *trouble) {
	var all []problem.Occurrence
	linked := map[itsm.IncidentNumber]string{}
	for _, x := range t.Incidents {
		if x.LinkedBy != "" {
			linked[x.Number] = x.LinkedBy
			all = append(all, problem.Occurrence{Incident: x.Number, Opened: x.OpenedAt, Resolved: x.ResolvedAt, Reopens: x.Reopens, Change: x.Change, People: 1})
		}
	}
	count := uint64(len(linked))
	for _, key := range t.Signatures {
		rec := s.problems.series[key]
		if rec == nil || rec.number != t.Number {
			continue
		}
		count += rec.Count
		for _, o := range rec.Kept {
			if linked[o.Incident] == "" && o.Opened >= rec.since && !s.unlinked(t, o.Incident) {
				all = append(all, o)
			}
		}
	}
	slices.SortFunc(all, func(a, b problem.Occurrence) int {
		return cmp.Or(cmp.Compare(a.Opened, b.Opened), cmp.Compare(a.Incident, b.Incident))
	})
	if len(all) > itsm.ProblemIncidentsMax {
		all = all[len(all)-itsm.ProblemIncidentsMax:]
	}
	if len(all) > 0 {
		t.LastAt = all[len(all)-1].Opened
	}
	t.Count, t.Incidents = max(count, uint64(len(all))), make([]itsm.ProblemIncident, 0, len(all))
	for _, o := range all {
		t.Incidents = append(t.Incidents, itsm.ProblemIncident{Number: o.Incident, OpenedAt: o.Opened, ResolvedAt: o.Resolved, Reopens: o.Reopens,
			Change: o.Change, ChangeBefore: int64(o.ChangeBefore.Seconds()), LinkedBy: linked[o.Incident]})
	}
	c := problem.CostOf(all, s.now)
	t.RateMilli, t.MedianMinutes, t.People, t.MonthlyCost = c.RateMilli, c.Minutes, c.People, c.Monthly()
}

// unlinked reports whether a person took an incident out of t.
func (s *State) unlinked(t *trouble, n itsm.IncidentNumber) bool {
	r := s.problems.of[n]
	return r != nil && r.pinned && r.problem != t.Number
}

// note writes a line of the history of t.
func (s *State) note(t *trouble, kind, actor, text string) {
	t.lines++
	s.putObject(problemKind+".log", fmt.Sprintf("%s/%010d", t.Number, t.lines), 1, nil, itsm.ProblemNote{At: s.now, Kind: kind, Actor: actor, Text: text})
}

// problemKind is the kind under which the desk stores problems.
const problemKind = "problem"

// putProblem has the record of t stored, once it changed.
func (s *State) putProblem(t *trouble) {
	t.Version++
	t.ChangedAt = s.now
	refs := []string{"state/" + string(t.State)}
	if t.Cause != "" && len(t.Cause) < itsm.ObjectNameMax-3 {
		refs = append(refs, "ci/"+t.Cause)
	}
	for _, x := range t.Incidents {
		refs = append(refs, "incident/"+x.Number.String())
	}
	s.scheduleProblem(t)
	s.putObject(problemKind, t.Number.String(), t.Version, refs, &t.Problem)
	s.tellProblem(t)
}

// forgetOver drops the state of problems that are over, the oldest first, when there
// are too many. Their records stay.
func (s *State) forgetOver() {
	if len(s.problems.list) < troublesMax {
		return
	}
	for _, n := range sortedKeys(s.problems.list) {
		t := s.problems.list[n]
		if t.State != itsm.ProblemClosed && t.State != itsm.ProblemMerged && t.State != itsm.ProblemDismissed {
			continue
		}
		for _, key := range t.Signatures {
			if rec := s.problems.series[key]; rec != nil && rec.number == n {
				rec.number = 0
			}
		}
		delete(s.tellings, n.String())
		delete(s.problems.byName, changeName{t.Source, t.ExternalID})
		if delete(s.problems.list, n); len(s.problems.list) < troublesMax*9/10 {
			return
		}
	}
}
