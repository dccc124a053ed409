package servicenow_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"signalbox/connectors"
	"signalbox/connectors/servicenow"
	fake "signalbox/connectors/servicenow/servicenowtest"
	source "signalbox/ingest/source/servicenow"
	"signalbox/itsm"
)

func aboutObject(t testing.TB, id string, v any) itsm.Intent {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return itsm.Intent{Key: "0123456789abcdef" + id, Connector: "sn", Object: id, Transition: itsm.Update, At: itsm.TimeOf(time.Now().Add(time.Minute)), Actor: "console:admin", Body: b}
}

func aChange(state itsm.ChangeState) itsm.Change {
	return itsm.Change{ID: "CHG0000007", ExternalID: "acme/shop#4711", Source: "github", Type: itsm.NormalChange, State: state, Title: "Move the\nSAN", Description: "to the [code]new[/code] room",
		PlannedFrom: 1_795_262_400_000, PlannedTo: 1_795_266_000_000, CIs: []string{"db-1"}, Who: "ada", URL: "https://github.example.com/acme/shop/pull/4711", Risk: "low"}
}

func aProblem(edit func(*itsm.Problem)) itsm.Problem {
	p := itsm.Problem{Number: 3, Title: "Disks fill up", State: itsm.ProblemNew, Cause: "db-1", Services: []string{"orders"}, Count: 4, AcceptedBy: "console:ann", Owner: "ada", Team: "dba",
		Incidents: []itsm.ProblemIncident{{Number: 7, Reopens: 1}, {Number: 8}}}
	if edit != nil {
		edit(&p)
	}
	return p
}

// TestObjectsGolden holds the bodies that are sent for changes and problems.
func TestObjectsGolden(t *testing.T) {
	t.Parallel()
	s := started(t)
	s.Put("incident", fake.Record{"correlation_id": source.RecordKey(7, 2), "state": "2"})
	s.Put("incident", fake.Record{"correlation_id": source.RecordKey(8, 1), "state": "7"}) // closed: read-only
	c := connector(s, nil)
	at := itsm.TimeOf(time.Date(2036, 1, 2, 3, 4, 5, 0, time.UTC))
	began := aChange(itsm.ChangeInProgress)
	began.StartedAt = 1_795_262_410_500
	failed := began
	failed.State, failed.EndedAt = itsm.ChangeFailed, 1_795_262_999_000
	for _, in := range []itsm.Intent{
		aboutObject(t, "CHG0000007", aChange(itsm.ChangePlanned)), aboutObject(t, "CHG0000007", aChange(itsm.ChangePlanned)), aboutObject(t, "CHG0000007", began), aboutObject(t, "CHG0000007", failed),
		aboutObject(t, "PRB0000003", aProblem(nil)), aboutObject(t, "PRB0000003", aProblem(nil)),
		aboutObject(t, "PRB0000003", aProblem(func(p *itsm.Problem) {
			p.State, p.RootCause, p.Workaround, p.KnownError = itsm.ProblemAnalysis, "no rotation", "delete logs", true
		})),
		aboutObject(t, "PRB0000003", aProblem(func(p *itsm.Problem) {
			p.State, p.RootCause, p.Workaround, p.KnownError, p.Reason = itsm.ProblemRiskAccepted, "no rotation", "delete logs", true, "it is cheap"
		})),
	} {
		in.At = at
		before := len(s.Writes())
		if r := push(t, c, in); r.Link == nil || r.Link.ID == "" || (r.Version != 0) != (len(s.Writes()) > before) {
			t.Errorf("%s: receipt %+v after %d writes", in.Object, r, len(s.Writes())-before)
		}
	}
	writesAre(t, s, "objects")
}

// TestObjectsOfOthers: a search that is ignored returns records of others. None is
// touched, and nothing is made twice.
func TestObjectsOfOthers(t *testing.T) {
	t.Parallel()
	for table, in := range map[string]itsm.Intent{"change_request": aboutObject(t, "CHG0000007", aChange(itsm.ChangePlanned)), "problem": aboutObject(t, "PRB0000003", aProblem(nil))} {
		s := started(t)
		s.IgnoreQueries = true
		for n := range 100 {
			s.Put(table, fake.Record{"short_description": "theirs", "correlation_id": fmt.Sprintf("other-%d", n)})
		}
		if _, err := connector(s, nil).Push(t.Context(), in); err == nil || connectors.IsPassing(err) || !strings.Contains(err.Error(), table+".correlation_id") {
			t.Errorf("%s: %v, want to hear that the search was ignored", table, err)
		}
		if w := s.Writes(); len(w) != 0 {
			t.Errorf("written: %v", w)
		}
	}
}

// TestIncidentsOfOthersAreNotLinked: nor when the search for a problem's incidents is
// ignored, nor when a person linked one to another problem.
func TestIncidentsOfOthersAreNotLinked(t *testing.T) {
	t.Parallel()
	s := started(t)
	s.Put("incident", fake.Record{"correlation_id": source.RecordKey(7, 2), "state": "2", "problem_id": "theirs"})
	s.IgnoreQueries = true
	push(t, connector(s, nil), aboutObject(t, "PRB0000003", aProblem(nil)))
	for _, w := range s.Writes() {
		if strings.Contains(w.Path, "/incident/") {
			t.Errorf("written: %+v", w)
		}
	}
}

// TestObjectMadeAndNotHeard: a record whose create was not answered is not made again.
func TestObjectMadeAndNotHeard(t *testing.T) {
	t.Parallel()
	s, c := lostCreate(t)
	in := aboutObject(t, "CHG0000007", aChange(itsm.ChangePlanned))
	for range 3 {
		if _, err := c.Push(t.Context(), in); !connectors.IsPassing(err) {
			t.Fatalf("got %v, want to wait", err)
		}
	}
	s.Reveal()
	push(t, c, in)
	if n := len(s.Rows("change_request", "", "")); n != 1 {
		t.Errorf("%d records", n)
	}
}

// acts decodes what a person's edit has the business rule send.
func acts(t *testing.T, body []byte) (out []string) {
	t.Helper()
	r, err := config.Decode(body, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range r.Acts {
		out = append(out, fmt.Sprintf("%s %s %s", a.Kind, a.Object, a.Body))
	}
	return out
}

// TestObjectsComeBack: what people do to our records there is an act here, by webhook
// and by poll, and what we wrote is none.
func TestObjectsComeBack(t *testing.T) {
	t.Parallel()
	s := started(t)
	c := connector(s, func(o *servicenow.Options) { o.Problems, o.Fields.Own = true, []string{fake.User} })
	push(t, c, aboutObject(t, "CHG0000007", aChange(itsm.ChangePlanned)))
	push(t, c, aboutObject(t, "PRB0000003", aProblem(func(p *itsm.Problem) { p.Workaround = "delete logs" })))
	if got, _, err := c.Pull(t.Context(), ""); err != nil || len(got) != 0 {
		t.Errorf("our own writes came back: %+v, %v", got, err)
	}
	chg, prb := s.Rows("change_request", "", "")[0]["sys_id"], s.Rows("problem", "", "")[0]["sys_id"]
	got := acts(t, s.Body(t, "jo", chg, fake.Record{"state": "-1", "work_start": "2026-11-21 12:00:00"}))
	got = append(got, acts(t, s.Body(t, "jo", prb, fake.Record{"state": "103", "cause_notes": "<p>no rotation &amp; no quota</p>"}))...)
	got = append(got, acts(t, s.Body(t, "jo", prb, fake.Record{"state": "107", "resolution_code": "risk_accepted"}))...)
	got = append(got, acts(t, s.Body(t, fake.User, prb, fake.Record{"state": "106"}))...)
	want := []string{
		`change.put CHG0000007 {"state":"in_progress","planned_start":"2026-11-21T12:00:00.000Z","planned_end":"2026-11-21T13:00:00.000Z","started_at":"2026-11-21T12:00:00.000Z"}`,
		`problem.root_cause PRB0000003 {"text":"no rotation \u0026 no quota"}`, `problem.state PRB0000003 {"reason":"in ServiceNow","state":"root_cause_analysis"}`,
		`problem.state PRB0000003 {"reason":"in ServiceNow","state":"risk_accepted"}`,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("acts (-want +got):\n%s", d)
	}
	s.Person(t, "jo", prb, fake.Record{"known_error": "true"})
	polled, _, err := c.Pull(t.Context(), "")
	kinds := map[string]bool{}
	for _, a := range polled {
		kinds[string(a.Kind)+" "+a.Object] = true
	}
	for _, want := range []string{"change.put CHG0000007", "problem.known_error PRB0000003", "problem.workaround PRB0000003", "problem.state PRB0000003", "problem.root_cause PRB0000003"} {
		if !kinds[want] || err != nil {
			t.Errorf("%s is not polled: %v, %v", want, kinds, err)
		}
	}
	// A person's edit that is later than what waits to be told stands, and the receipt
	// claims nothing of it: it would hide the edit when that is reported.
	late := aboutObject(t, "PRB0000003", aProblem(nil))
	late.At = itsm.TimeOf(time.Now().Add(-time.Hour))
	writes := len(s.Writes())
	if r, err := c.Push(t.Context(), late); err != nil || r.Version != 0 || r.Link == nil {
		t.Errorf("the receipt of what was not written has version %d, link %v, %v", r.Version, r.Link, err)
	}
	if n := len(s.Writes()) - writes; n != 0 {
		t.Errorf("%d writes over a later edit", n)
	}
	late.At = itsm.TimeOf(time.Now())
	if r, err := c.Push(t.Context(), late); err != nil || r.Version == 0 {
		t.Errorf("the receipt of what was written has version %d, %v", r.Version, err)
	}
	if r, err := c.Push(t.Context(), late); err != nil || r.Version != 0 {
		t.Errorf("the receipt of what was there already has version %d, %v", r.Version, err)
	}
}
