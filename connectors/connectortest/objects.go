package connectortest

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"signalbox/connectors"
	"signalbox/itsm"
)

// runObjects tells of changes and problems to a partner that misbehaves, and hears of
// them from one whose reports fail.
func runObjects(t *testing.T, s *Subject) {
	for _, m := range misbehaviours {
		t.Run("objects/"+m.name, func(t *testing.T) {
			t.Parallel()
			if why := m.misses(s); why != "" {
				t.Skip(why)
			}
			report(t, func(t *testing.T) []string { return outwardObjects(t, s, m) })
		})
	}
	if s.Report == nil {
		return
	}
	for _, f := range append(append([]reportingFault(nil), reporting...), reportingFault{name: "reports nothing, and is swept", loses: 1}) {
		t.Run("objects/"+f.name, func(t *testing.T) {
			t.Parallel()
			report(t, func(t *testing.T) []string { return inwardObjects(t, s, f) })
		})
	}
}

// objectSweepEvery leaves the bound of calls to the story.
const objectSweepEvery = 2 * time.Hour

// keepsObjects has the bench tell of changes and problems, and compare their records.
func keepsObjects(b *bench) {
	b.core.keepsObjects()
	b.sweeps = &connectors.Sweeps{Every: objectSweepEvery,
		Incidents: func(context.Context) ([]itsm.IncidentNumber, error) { return nil, nil },
		Wanted:    func(itsm.IncidentNumber) (connectors.Wanted, bool) { return connectors.Wanted{}, false },
		Objects:   func(context.Context) ([]string, error) { return b.core.objectsOf(Name), nil },
		WantedObject: func(id string) (connectors.WantedObject, bool) {
			v, ok := b.core.objectSync(id, Name)
			return connectors.WantedObject{Intent: v.Want, Version: v.Version, Known: v.Known, Theirs: v.Theirs, Kept: v.Kept, RepairAt: v.RepairAt.Std(), Settled: v.Waiting == 0}, ok && !v.Failed
		}}
}

// put says something of a change, of a new one when it has no id, and returns its id.
func (b *bench) put(id string, u itsm.ChangeUpdate) string {
	return b.actOn(itsm.Act{Kind: itsm.ActChangePut, Object: id}, u)
}

// problem does something to a problem, or makes one.
func (b *bench) problem(kind itsm.ActKind, id string, body itsm.ProblemBody) string {
	return b.actOn(itsm.Act{Kind: kind, Object: id}, body)
}

func (b *bench) actOn(a itsm.Act, body any) string {
	b.t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		b.t.Fatal(err)
	}
	a.Actor, a.Body = "console:ann", raw
	o, err := b.core.Do(b.ctx, a)
	if err != nil {
		b.t.Fatalf("%s %s: %v", a.Kind, a.Object, err)
	}
	return o.Object
}

// a returns a pointer to v.
func a[T any](v T) *T { return &v }

// objectStory is one change or problem, and how its record has to end.
type objectStory struct {
	id     string
	wants  Status
	says   []string // what its record has to say
	absent bool     // it may have none
}

// outwardObjects tells of a change that goes all the way, of one that is called off at
// once, and of a problem.
func outwardObjects(t *testing.T, s *Subject, m misbehaviour) []string {
	b, stop := newBenchOf(t, s, keepsObjects)
	defer stop()
	b.wire.during(m.fate)
	b.partner.Lag, b.partner.Unfiltered = m.lag, m.unfiltered
	began := time.Now()
	at := func(d time.Duration) { b.sleep(time.Until(began.Add(d))) }

	whole := &objectStory{id: b.put("", itsm.ChangeUpdate{Title: a("Move the storage of orders-api"), Type: a(itsm.NormalChange)}), wants: Resolved}
	brief := &objectStory{id: b.put("", itsm.ChangeUpdate{Title: a("Restart search-web"), Type: a(itsm.EmergencyChange)}), wants: Resolved, absent: true}
	incident := b.open("billing-db")
	long := &objectStory{id: b.problem(itsm.ActProblemCreate, "", itsm.ProblemBody{Incidents: []string{incident.number.String()}, Title: "Its disks fill up"}), wants: Resolved, says: []string{"nobody rotates the logs", "delete old logs"}}
	b.sleep(time.Second)
	b.put(brief.id, itsm.ChangeUpdate{State: a(itsm.ChangeCancelled)})
	at(2 * time.Minute)
	b.put(whole.id, itsm.ChangeUpdate{State: a(itsm.ChangeInProgress)})
	b.problem(itsm.ActProblemRootCause, long.id, itsm.ProblemBody{Text: "nobody rotates the logs"})
	at(3 * time.Minute)
	if m.restarts {
		b.restart()
	}
	b.problem(itsm.ActProblemWorkaround, long.id, itsm.ProblemBody{Text: "delete old logs"})
	at(5 * time.Minute)
	if m.deletes && !s.lacks(Deletion) {
		for _, o := range b.partner.naming(whole.id) {
			b.partner.Delete(o.ID)
		}
		whole.absent = true
	}
	b.problem(itsm.ActProblemState, long.id, itsm.ProblemBody{State: itsm.ProblemAnalysis})
	at(6 * time.Minute)
	b.problem(itsm.ActProblemState, long.id, itsm.ProblemBody{State: itsm.ProblemFix})
	at(8 * time.Minute)
	if m.restarts {
		b.restart()
	}
	b.put(whole.id, itsm.ChangeUpdate{State: a(itsm.ChangeSuccessful)})
	b.problem(itsm.ActProblemState, long.id, itsm.ProblemBody{State: itsm.ProblemResolved})
	at(lasts)
	synctest.Wait()
	b.judgeObjects([]*objectStory{whole, brief, long}, m.mayEnd(s))
	return b.broken()
}

func (b *bench) judgeObjects(stories []*objectStory, mayDie bool) {
	dead := map[string]string{}
	for _, d := range b.core.Dead(Name) {
		dead[d.Intent.About()] = d.Failure
		if !mayDie {
			b.errorf("%s is in the dead letters: %s", d.Intent.About(), d.Failure)
		}
	}
	for _, s := range stories {
		if v, ok := b.core.objectSync(s.id, Name); !ok || v.Waiting > 0 {
			b.errorf("%s: %d intents wait after %v (told: %t)", s.id, v.Waiting, lasts, ok)
		}
		switch records := b.partner.naming(s.id); {
		case len(records) > 1:
			b.errorf("%s has %d records: it was made again\n%s", s.id, len(records), listed(records))
		case dead[s.id] != "":
		case len(records) == 0 && !s.absent:
			b.errorf("%s was never made, and is not in the dead letters", s.id)
		case len(records) == 1:
			b.judgeObject(s, &records[0])
		}
	}
	b.judgeCalls()
}

func (b *bench) judgeObject(s *objectStory, o *Object) {
	if o.Status != s.wants {
		b.errorf("%s is %s at the partner, expected %s", s.id, o.Status, s.wants)
	}
	for _, text := range s.says {
		if !o.names(text) && told([]Object{*o}, text) == 0 {
			b.errorf("the record of %s does not say %q: %v", s.id, text, o.Fields)
		}
	}
}

// inwardObjects lets people at the partner move a change and a problem, and holds ours
// to it.
func inwardObjects(t *testing.T, s *Subject, f reportingFault) []string {
	b, stop := newBenchOf(t, s, keepsObjects)
	defer stop()
	b.partner.Skew = f.skew
	p := &post{b: b, f: f}
	b.partner.Reports(p.take)
	change := b.put("", itsm.ChangeUpdate{Title: a("Move the storage of orders-api"), Type: a(itsm.NormalChange)})
	began := b.put("", itsm.ChangeUpdate{Title: a("Restart search-web"), Type: a(itsm.NormalChange)})
	incident := b.open("billing-db")
	problem := b.problem(itsm.ActProblemCreate, "", itsm.ProblemBody{Incidents: []string{incident.number.String()}, Title: "Its disks fill up"})
	b.sleep(30 * time.Minute)
	before := len(b.core.Made(0))
	for _, step := range []Status{Acknowledged, Resolved} {
		for _, id := range []string{change, problem, began} {
			if id == began && step == Resolved {
				continue
			}
			records := b.partner.naming(id)
			if len(records) != 1 {
				b.t.Fatalf("%s has %d records", id, len(records))
			}
			b.partner.Edit(jane, records[0].ID, func(o *Object) { o.Status = step })
		}
		b.sleep(time.Minute)
	}
	b.sleep(f.reverse + 3*objectSweepEvery)
	synctest.Wait()
	for id, want := range map[string]itsm.ChangeState{change: itsm.ChangeSuccessful, began: itsm.ChangeInProgress} {
		var c itsm.Change
		if b.core.Object("change", id, &c); c.State != want {
			b.errorf("%s is %s here, expected %s", id, c.State, want)
		}
	}
	var pr itsm.Problem
	if b.core.Object("problem", problem, &pr); pr.State.Open() {
		b.errorf("%s is %s here, expected it to be over", problem, pr.State)
	}
	if made := b.core.Made(0)[before:]; len(made) > 0 {
		var texts []string
		for _, in := range made {
			texts = append(texts, in.Object+" "+in.Text)
		}
		b.errorf("%d intents came of what people did at the partner: %s", len(made), strings.Join(texts, "; "))
	}
	return b.broken()
}
