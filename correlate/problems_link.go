package correlate

import (
	"slices"
	"strings"

	"signalbox/itsm"
)

func (s *State) linkProblem(t *trouble, a *itsm.Act, b *itsm.ProblemBody) itsm.Outcome {
	if bad := t.notYet(a); bad != nil {
		return *bad
	}
	if len(b.Incidents)+len(b.Changes) == 0 {
		return refuse(a, itsm.Invalid, "incidents, changes: expected at least one to link")
	}
	var list []*incident
	for _, v := range b.Incidents {
		i, bad := s.linkable(a, v)
		if bad != nil {
			return *bad
		}
		list = append(list, i)
	}
	if len(t.Incidents)+len(list) > itsm.ProblemIncidentsMax || len(t.Changes)+len(b.Changes) > itsm.ProblemChangesMax {
		return refuse(a, itsm.TooLarge, "%s would have more than %d incidents or %d changes", t.Number, itsm.ProblemIncidentsMax, itsm.ProblemChangesMax)
	}
	for _, i := range list {
		t.Incidents = slices.DeleteFunc(t.Incidents, func(x itsm.ProblemIncident) bool { return x.Number == i.number })
		t.Incidents = append(t.Incidents, itsm.ProblemIncident{Number: i.number, OpenedAt: i.openedAt, ResolvedAt: i.resolvedAt, Reopens: i.epoch - 1, LinkedBy: doerOf(a).actor})
		s.recurring(i).pinned = true
		s.belongs(t, i)
	}
	for _, c := range b.Changes {
		if c == "" || len(c) > itsm.ObjectNameMax {
			return refuse(a, itsm.Invalid, "changes: expected ids such as CHG0000001")
		}
		if !slices.Contains(t.Changes, c) {
			t.Changes = append(t.Changes, c)
		}
	}
	s.takeStock(t)
	return s.didProblem(t, a, "linked", strings.Join(append(slices.Clone(b.Incidents), b.Changes...), ", "))
}

// linkable finds an incident that people can still link.
func (s *State) linkable(a *itsm.Act, number string) (*incident, *itsm.Outcome) {
	n, err := itsm.ParseIncidentNumber(number)
	i := s.incidents[n]
	var o itsm.Outcome
	switch {
	case err != nil || n > s.lastIncident:
		o = refuse(a, itsm.Invalid, "incidents: there is no incident %q", number)
	case i == nil:
		o = refuse(a, itsm.Conflict, "incidents: %s was closed long ago and takes no more changes", n)
	default:
		return i, nil
	}
	return nil, &o
}

func (s *State) unlinkProblem(t *trouble, a *itsm.Act, b *itsm.ProblemBody) itsm.Outcome {
	if bad := t.notYet(a); bad != nil {
		return *bad
	}
	done := 0
	for _, v := range b.Incidents {
		n, err := itsm.ParseIncidentNumber(v)
		if err != nil {
			return refuse(a, itsm.Invalid, "incidents: %s", itsm.MessageOf(err))
		}
		had := len(t.Incidents)
		t.Incidents = slices.DeleteFunc(t.Incidents, func(x itsm.ProblemIncident) bool { return x.Number == n })
		done += had - len(t.Incidents)
		for _, key := range t.Signatures {
			if rec := s.problems.series[key]; rec != nil {
				rec.Remove(n)
			}
		}
		if i := s.incidents[n]; i != nil {
			r := s.recurring(i)
			r.pinned, r.key = true, ""
			if r.problem == t.Number {
				r.problem = 0
				s.timeline(i, "unlinked", doerOf(a).actor, "from "+t.Number.String())
				s.touchIncident(i)
			}
		}
	}
	had := len(t.Changes)
	t.Changes = slices.DeleteFunc(t.Changes, func(c string) bool { return slices.Contains(b.Changes, c) })
	if done+had-len(t.Changes) == 0 {
		return itsm.Outcome{NoOp: true}
	}
	s.takeStock(t)
	return s.didProblem(t, a, "unlinked", strings.Join(append(slices.Clone(b.Incidents), b.Changes...), ", "))
}

// createProblem makes a problem of an incident that a person says will come back,
// before any test does.
func (s *State) createProblem(a *itsm.Act, b *itsm.ProblemBody) itsm.Outcome {
	if len(b.Incidents) == 0 {
		return refuse(a, itsm.Invalid, "incidents: expected the incident it is made of")
	}
	var list []*incident
	for _, v := range b.Incidents[:min(len(b.Incidents), itsm.ProblemIncidentsMax)] {
		i, bad := s.linkable(a, v)
		if bad != nil {
			return *bad
		}
		list = append(list, i)
	}
	sig := s.signatureOf(list[0])
	rec := s.sameTrouble(list[0], sig, s.printOf(list[0]))
	if rec == nil {
		rec = &recurrence{}
		rec.Signature = sig
		s.addRecurrence(sig.String(), rec)
	}
	if t := s.problems.list[rec.number]; t != nil && t.State != itsm.ProblemClosed {
		return refuse(a, itsm.Conflict, "%s answers for %s already: accept or link it there", t.Number, list[0].number)
	}
	s.forgetOver()
	by := doerOf(a).actor
	t := s.newTrouble(rec, itsm.ProblemNew, by)
	t.AcceptedAt, t.AcceptedBy = s.now, by
	t.Title, t.Owner, t.Team = cmpText(b.Title, t.Title), b.Owner, cmpText(b.Team, t.Team)
	s.problems.known++
	for _, i := range list {
		t.Incidents = append(t.Incidents, itsm.ProblemIncident{Number: i.number, OpenedAt: i.openedAt, ResolvedAt: i.resolvedAt, Reopens: i.epoch - 1, LinkedBy: by})
		s.recurring(i).pinned = true
		s.belongs(t, i)
	}
	s.takeStock(t)
	return s.didProblem(t, a, "created", "of "+strings.Join(b.Incidents, ", ")+suffix(b.Text))
}
