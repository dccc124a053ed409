package servicenow_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"signalbox/connectors"
	"signalbox/connectors/servicenow"
	fake "signalbox/connectors/servicenow/servicenowtest"
	source "signalbox/ingest/source/servicenow"
	"signalbox/itsm"
)

// theirs is an intent about a change that was made in ServiceNow.
func theirs(t testing.TB, number string, state itsm.ChangeState) itsm.Intent {
	t.Helper()
	ch := aChange(state)
	ch.Source, ch.ExternalID, ch.PlannedFrom, ch.PlannedTo = "sn", number, 0, 0
	return aboutObject(t, "CHG0000007", ch)
}

// looked says how one record looks, in a line.
func looked(r *connectors.ObjectRecord) string {
	line := r.Status.String()
	for _, d := range r.Differs {
		line += fmt.Sprintf("; %s: %s, wanted %s", d.Field, d.Has, d.Want)
	}
	for _, a := range r.Said {
		line += fmt.Sprintf("; says %s %s", a.Kind, a.Object)
	}
	return line
}

// TestLookObjects: what a sweep sees of records of changes and problems is what the next
// push would write, and what people there said.
func TestLookObjects(t *testing.T) {
	t.Parallel()
	s := started(t)
	c := connector(s, func(o *servicenow.Options) { o.Problems = true })
	ours, problem := aboutObject(t, "CHG0000007", aChange(itsm.ChangePlanned)), aboutObject(t, "PRB0000003", aProblem(func(p *itsm.Problem) { p.RootCause = "no rotation <1 GB" }))
	look := func(in itsm.Intent) string {
		t.Helper()
		got, err := c.LookObjects(t.Context(), []itsm.Intent{in})
		if err != nil || len(got) != 1 {
			t.Fatalf("%+v, %v", got, err)
		}
		return looked(&got[0])
	}
	for _, in := range []itsm.Intent{ours, problem} {
		if got := look(in); !strings.Contains(got, "none; ") || !strings.Contains(got, "no record") {
			t.Errorf("before it is made: %s", got)
		}
		push(t, c, in)
		if got := look(in); got != "open" {
			t.Errorf("after it is made: %s", got)
		}
	}
	row := func(table string) fake.Record { return s.Rows(table, "", "")[0] }
	chg, prb := row("change_request")["sys_id"], row("problem")["sys_id"]
	s.Person(t, "jo", chg, fake.Record{"state": "-3"}) // another choice of the same state of ours
	if got := look(ours); got != "open; says change.put CHG0000007" {
		t.Errorf("%s", got)
	}
	writes := len(s.Writes())
	push(t, c, ours)
	if got := s.Writes()[writes:]; len(got) > 0 {
		t.Errorf("a change that is planned was put back: %v", got)
	}
	s.Person(t, "jo", chg, fake.Record{"state": "4", "short_description": "another", "start_date": ""})
	if got := look(ours); got != `resolved; record text: short_description "another", wanted short_description "Move the SAN"; change: state "4", wanted state "-5"; says change.put CHG0000007` {
		t.Errorf("%s", got)
	}
	s.Person(t, "jo", prb, fake.Record{"cause_notes": "<p>no rotation &lt;1 GB</p>"}) // as the editor there writes it
	if got := look(problem); !strings.HasPrefix(got, "open; says problem.root_cause") {
		t.Errorf("%s", got)
	}
	s.Person(t, "jo", prb, fake.Record{"state": "107", "resolution_code": "canceled"})
	if got := look(problem); !strings.HasPrefix(got, `resolved; problem: state "107", wanted state "101"; says`) {
		t.Errorf("%s", got)
	}
	s.Person(t, "jo", prb, fake.Record{"state": "999"})
	if _, err := c.LookObjects(t.Context(), []itsm.Intent{problem}); err == nil || !strings.Contains(err.Error(), "problem_states") {
		t.Errorf("a state that is not configured: %v", err)
	}
	over := aboutObject(t, "CHG0000008", func() itsm.Change { ch := aChange(itsm.ChangeCancelled); ch.ID = "CHG0000008"; return ch }())
	if got := look(over); got != "none" {
		t.Errorf("one that is over needs no record: %s", got)
	}
}

// TestChangesOfTheirs: of a change that was made in ServiceNow the state and the times
// are written, into exactly that record, and nothing of it is ours.
func TestChangesOfTheirs(t *testing.T) {
	t.Parallel()
	s := started(t)
	c := connector(s, nil)
	s.Put("change_request", fake.Record{"number": "CHG0030191", "short_description": "another", "state": "-5"})
	id := s.Put("change_request", fake.Record{"number": "CHG0030192", "short_description": "Theirs", "state": "-2", "correlation_id": "acme/1", "correlation_display": "acme"})
	r := push(t, c, theirs(t, "CHG0030192", itsm.ChangePlanned))
	if len(s.Writes()) != 0 || r.Version != 0 || r.Link.ID != "CHG0030192" {
		t.Errorf("written %v, receipt %+v", s.Writes(), r)
	}
	r = push(t, c, theirs(t, "CHG0030192", itsm.ChangeInProgress))
	got := s.Rows("change_request", "sys_id", id)[0]
	if got["state"] != "-1" || got["short_description"] != "Theirs" || got["correlation_id"] != "acme/1" || got["correlation_display"] != "acme" || r.Version == 0 {
		t.Errorf("it is %v, receipt %+v", got, r)
	}
	looks, err := c.LookObjects(t.Context(), []itsm.Intent{theirs(t, "CHG0030192", itsm.ChangeSuccessful), aboutObject(t, "CHG0000008", func() itsm.Change { ch := aChange(itsm.ChangePlanned); ch.ID = "CHG0000008"; return ch }())})
	if err != nil || looked(&looks[0]) != `open; change: state "-1", wanted state "0"; says change.put ` || looks[1].Status != connectors.RecordNone {
		t.Errorf("%+v, %v", looks, err)
	}
	writes := len(s.Writes())
	if _, err := c.Push(t.Context(), theirs(t, "CHG0030193", itsm.ChangeInProgress)); err == nil || connectors.IsPassing(err) {
		t.Errorf("one that is gone: %v", err)
	}
	s.Put("change_request", fake.Record{"number": "CHG0030194", "state": "-5", "correlation_id": source.ObjectKey("CHG0000001")})
	if _, err := c.Push(t.Context(), theirs(t, "CHG0030194", itsm.ChangeInProgress)); err == nil || connectors.IsPassing(err) {
		t.Errorf("one that was made for another change of ours: %v", err)
	}
	if looks, err := c.LookObjects(t.Context(), []itsm.Intent{theirs(t, "CHG0030194", itsm.ChangePlanned)}); err != nil || len(looks[0].Said) > 0 || looks[0].Status != connectors.RecordNone {
		t.Errorf("a look at it: %+v, %v", looks, err)
	}
	s.IgnoreQueries = true
	for n := range 100 {
		s.Put("change_request", fake.Record{"number": fmt.Sprintf("CHG004%04d", n)})
	}
	if _, err := c.Push(t.Context(), theirs(t, "CHG0030999", itsm.ChangeInProgress)); err == nil || connectors.IsPassing(err) {
		t.Errorf("a search that is ignored: %v", err)
	}
	if _, err := c.LookObjects(t.Context(), []itsm.Intent{theirs(t, "CHG0030192", itsm.ChangePlanned)}); err == nil || connectors.IsPassing(err) {
		t.Errorf("a look that is ignored: %v", err)
	}
	if got := s.Writes()[writes:]; len(got) > 0 {
		t.Errorf("written: %v", got)
	}
	// A person who decided later is not overruled.
	s.IgnoreQueries = false
	c = connector(s, func(o *servicenow.Options) { o.Fields.Own = []string{fake.User} })
	s.Person(t, "jo", id, fake.Record{"state": "0"})
	late := theirs(t, "CHG0030192", itsm.ChangePlanned)
	late.At = itsm.TimeOf(time.Now().Add(-time.Hour))
	if r := push(t, c, late); r.Version != 0 || len(s.Writes()) != writes {
		t.Errorf("receipt %+v", r)
	}
}

// TestLookObjectsOfFewerStates: an instance with one choice for several of our states
// has nothing wrong when that is what it says.
func TestLookObjectsOfFewerStates(t *testing.T) {
	t.Parallel()
	s := started(t)
	c := connector(s, func(o *servicenow.Options) {
		o.Problems = true
		o.Fields.ProblemStates = map[itsm.ProblemState][]string{itsm.ProblemNew: {"101"}, itsm.ProblemAnalysis: {"101"}, itsm.ProblemFix: {"101"}, itsm.ProblemResolved: {"106"}, itsm.ProblemClosed: {"106"}}
		o.Fields.ChangeStates = map[itsm.ChangeState][]string{itsm.ChangePlanned: {"-1"}, itsm.ChangeInProgress: {"-1"}, itsm.ChangeSuccessful: {"0"}, itsm.ChangeCancelled: {"0"}}
	})
	same := func(in itsm.Intent, what any) {
		t.Helper()
		push(t, c, in)
		writes := len(s.Writes())
		push(t, c, in)
		if got, err := c.LookObjects(t.Context(), []itsm.Intent{in}); err != nil || len(got[0].Differs) > 0 || len(s.Writes()) != writes {
			t.Errorf("%v: %s, %v; %d writes, expected none", what, looked(&got[0]), err, len(s.Writes())-writes)
		}
	}
	for _, st := range []itsm.ProblemState{itsm.ProblemNew, itsm.ProblemAnalysis, itsm.ProblemFix, itsm.ProblemResolved, itsm.ProblemRiskAccepted, itsm.ProblemMerged} {
		same(aboutObject(t, "PRB0000003", aProblem(func(p *itsm.Problem) { p.State = st })), st)
	}
	for _, st := range []itsm.ChangeState{itsm.ChangePlanned, itsm.ChangeInProgress, itsm.ChangeSuccessful, itsm.ChangeFailed} {
		same(aboutObject(t, "CHG0000007", aChange(st)), st)
	}
}
