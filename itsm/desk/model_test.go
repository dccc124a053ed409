package desk

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"signalbox/itsm"
	"signalbox/itsm/kv"
	"signalbox/itsm/kv/kvtest"
)

// step is what one journal entry decides: what is appended, and the records as
// they are after it. A batch stores the last state of each record once, as the
// fold's Flush does.
type step struct {
	offset    itsm.Offset
	decisions []itsm.Decision
	alerts    []itsm.Alert
	incidents []itsm.Incident
	blobs     []Blob
}

// batchOf groups steps as the engine does.
func batchOf(steps []step) Batch {
	last := steps[len(steps)-1].offset
	b := Batch{Cursor: last, At: itsm.Time(last) * 1000}
	alerts, incidents := map[itsm.AlertNumber]itsm.Alert{}, map[itsm.IncidentNumber]itsm.Incident{}
	for _, s := range steps {
		b.Decisions = append(b.Decisions, s.decisions...)
		b.Blobs = append(b.Blobs, s.blobs...)
		for _, a := range s.alerts {
			alerts[a.Number] = a
		}
		for _, in := range s.incidents {
			incidents[in.Number] = in
		}
	}
	for _, n := range slices.Sorted(maps.Keys(alerts)) {
		a := alerts[n]
		b.Decisions = append(b.Decisions, itsm.Decision{Kind: itsm.PutAlert, Alert: &a})
	}
	for _, n := range slices.Sorted(maps.Keys(incidents)) {
		in := incidents[n]
		b.Decisions = append(b.Decisions, itsm.Decision{Kind: itsm.PutIncident, Incident: &in})
	}
	return b
}

type member struct {
	incident itsm.IncidentNumber
	alert    itsm.AlertNumber
	episode  uint32
}

// world is the plain model: maps of what a desk must hold.
type world struct {
	offset     itsm.Offset
	alerts     map[itsm.AlertNumber]itsm.Alert
	incidents  map[itsm.IncidentNumber]itsm.Incident
	evidence   map[member]itsm.Evidence
	timeline   map[itsm.IncidentNumber][]itsm.TimelineEntry // oldest first
	intents    map[string]StoredIntent
	order      []string // keys of intents as they were last put
	quarantine map[string]itsm.Quarantined
	blobs      map[string][]byte
	fates      []itsm.Fates // oldest first
}

func newWorld() *world {
	return &world{
		alerts: map[itsm.AlertNumber]itsm.Alert{}, incidents: map[itsm.IncidentNumber]itsm.Incident{},
		evidence: map[member]itsm.Evidence{}, timeline: map[itsm.IncidentNumber][]itsm.TimelineEntry{},
		intents: map[string]StoredIntent{}, quarantine: map[string]itsm.Quarantined{}, blobs: map[string][]byte{},
	}
}

// pick draws a number from 1 to n.
func pick[N ~uint64](t *rapid.T, n int, what string) N {
	return N(rapid.IntRange(1, n).Draw(t, what))
}

// next draws one journal entry and moves the model.
func (w *world) next(t *rapid.T) step {
	w.offset++
	s := &step{offset: w.offset}
	acts := []func(*rapid.T, *step){w.raise}
	if len(w.alerts) > 0 {
		acts = append(acts, w.raise, w.grow, w.grow, w.resolve, w.recover, w.revise, w.again, w.move, w.work, w.note, w.send, w.send, w.settle, w.spoil, w.name)
	}
	rapid.SampledFrom(acts).Draw(t, "act")(t, s)
	if rapid.IntRange(0, 2).Draw(t, "delivery") > 0 {
		w.tell(t, s)
	}
	return *s
}

// tell says what became of the entry's events.
func (w *world) tell(t *rapid.T, s *step) {
	f := itsm.Fates{Offset: w.offset, At: itsm.Time(w.offset) * 1000, Source: rapid.SampledFrom([]string{"am", "dd"}).Draw(t, "source")}
	for range rapid.IntRange(0, 5).Draw(t, "events") {
		e := itsm.EventFate{Fate: itsm.Fate(rapid.IntRange(1, 4).Draw(t, "fate"))}
		if e.Fate == itsm.FateSuppressed {
			e.Reason = rapid.SampledFrom([]string{"hold", "older"}).Draw(t, "reason")
		}
		if n := len(w.alerts); n > 0 && e.Fate != itsm.FateQuarantined && rapid.Bool().Draw(t, "known") {
			a := w.alerts[pick[itsm.AlertNumber](t, n, "alert")]
			e.Alert, e.Episode, e.Incident = a.Number, a.Episode, a.Incident
		}
		f.Events = append(f.Events, e)
	}
	if len(f.Events) == 0 && rapid.Bool().Draw(t, "act") {
		f.Act = &itsm.ActFate{Kind: itsm.ActResolve, Actor: "pagerduty:Jane", Incident: itsm.IncidentNumber(rapid.IntRange(1, 2).Draw(t, "incident")), Result: itsm.ActApplied}
	}
	w.fates = append(w.fates, f)
	s.decisions = append(s.decisions, itsm.Decision{Kind: itsm.PutFates, Fates: &f})
}

func (w *world) putAlert(s *step, a itsm.Alert) {
	a.ChangedAt = w.offset
	w.alerts[a.Number] = a
	s.alerts = append(s.alerts, a)
}

func (w *world) putIncident(s *step, in itsm.Incident) {
	in.ChangedAt, in.Version = w.offset, in.Version+1
	w.incidents[in.Number] = in
	s.incidents = append(s.incidents, in)
}

func (w *world) putEvidence(s *step, m member, d itsm.EvidenceDecision) {
	e := itsm.Evidence{Incident: m.incident, Alert: m.alert, Episode: m.episode, Offset: w.offset, Decision: d, Because: fmt.Sprintf("as entry %d says", w.offset)}
	w.evidence[m] = e
	s.decisions = append(s.decisions, itsm.Decision{Kind: itsm.PutEvidence, Evidence: &e})
}

func (w *world) say(s *step, n itsm.IncidentNumber, text string) {
	e := itsm.TimelineEntry{Incident: n, Offset: w.offset, At: itsm.Time(w.offset), Kind: "note", Actor: "signalbox", Text: text}
	w.timeline[n] = append(w.timeline[n], e)
	s.decisions = append(s.decisions, itsm.Decision{Kind: itsm.AddTimeline, Timeline: &e})
}

func (w *world) openIncident(t *rapid.T, s *step) itsm.IncidentNumber {
	if n := len(w.incidents); n > 0 && rapid.IntRange(0, 2).Draw(t, "join") > 0 {
		return pick[itsm.IncidentNumber](t, n, "incident")
	}
	n := itsm.IncidentNumber(len(w.incidents) + 1)
	w.putIncident(s, itsm.Incident{
		Number: n, Title: rapid.SampledFrom([]string{"Database slow", "disk full", "Übergabe verzögert"}).Draw(t, "title"),
		State: itsm.New, Priority: itsm.Priority(rapid.IntRange(1, 5).Draw(t, "priority")), OpenedAt: itsm.Time(w.offset),
		CIs: []string{fmt.Sprintf("db-%d", n%3)}, Services: []string{fmt.Sprintf("shop-%d", n%2)}, Labels: itsm.LabelsOf(map[string]string{"env": "prod"}),
	})
	return n
}

// raise makes some new alerts, now and then more than one pack of them.
func (w *world) raise(t *rapid.T, s *step) {
	n := w.openIncident(t, s)
	for range rapid.SampledFrom([]int{1, 2, 5, 40, 100}).Draw(t, "alerts") {
		a := itsm.Alert{Number: itsm.AlertNumber(len(w.alerts) + 1), Status: itsm.Firing, Severity: itsm.Warning, SeverityWord: "warning", Episode: 1, Incident: n}
		a.Source = []string{"am", "dd"}[a.Number%2]
		a.Key = itsm.KeyOf(a.Source, fmt.Sprintf("%d", a.Number))
		a.Title = fmt.Sprintf("check %d failed", a.Number%7)
		a.Labels = itsm.LabelsOf(map[string]string{"alertname": "Check", "shard": fmt.Sprint(a.Number % 5)})
		if a.Number%3 > 0 {
			a.CI = fmt.Sprintf("web-%d", a.Number%4)
		} else {
			a.Provisional = "host=unknown"
		}
		w.putAlert(s, a)
		w.putEvidence(s, member{n, a.Number, 1}, itsm.DecidedJoined)
	}
	w.say(s, n, "joined")
	w.say(s, n, "and more")
}

func (w *world) resolve(t *rapid.T, s *step) {
	a := w.alerts[pick[itsm.AlertNumber](t, len(w.alerts), "alert")]
	a.Status, a.EndsAt, a.EndedBy = itsm.Resolved, itsm.Time(w.offset), "sender"
	w.putAlert(s, a)
}

// recover resolves many alerts at once, as the end of an outage does.
func (w *world) recover(t *rapid.T, s *step) {
	first := pick[itsm.AlertNumber](t, len(w.alerts), "first")
	for n := first; n <= min(first+80, itsm.AlertNumber(len(w.alerts))); n++ {
		a := w.alerts[n]
		a.Status, a.EndsAt, a.EndedBy = itsm.Resolved, itsm.Time(w.offset), "sender"
		w.putAlert(s, a)
	}
}

// revise states the evidence of a member anew.
func (w *world) revise(t *rapid.T, s *step) {
	if list := w.members(pick[itsm.IncidentNumber](t, len(w.incidents), "incident")); len(list) > 0 {
		w.putEvidence(s, list[rapid.IntRange(0, len(list)-1).Draw(t, "member")], itsm.DecidedReopened)
	}
}

// again begins another episode, perhaps in another incident.
func (w *world) again(t *rapid.T, s *step) {
	a := w.alerts[pick[itsm.AlertNumber](t, len(w.alerts), "alert")]
	a.Status, a.Episode, a.EndsAt, a.EndedBy = itsm.Firing, a.Episode+1, 0, ""
	a.Incident = w.openIncident(t, s)
	w.putAlert(s, a)
	w.putEvidence(s, member{a.Incident, a.Number, a.Episode}, itsm.DecidedOpened)
}

// move takes some members of one incident to another, as merge and split do.
func (w *world) move(t *rapid.T, s *step) {
	from, to := pick[itsm.IncidentNumber](t, len(w.incidents), "from"), pick[itsm.IncidentNumber](t, len(w.incidents), "to")
	every := rapid.IntRange(1, 3).Draw(t, "every")
	for i, m := range w.members(from) {
		if from == to || i%every != 0 {
			continue
		}
		delete(w.evidence, m)
		s.decisions = append(s.decisions, itsm.Decision{Kind: itsm.DropEvidence, Evidence: &itsm.Evidence{Incident: m.incident, Alert: m.alert, Episode: m.episode}})
		w.putEvidence(s, member{to, m.alert, m.episode}, itsm.DecidedMerged)
		a := w.alerts[m.alert]
		a.Incident = to
		w.putAlert(s, a)
	}
}

// members lists an incident's members, the newest first.
func (w *world) members(n itsm.IncidentNumber) (out []member) {
	for m := range w.evidence {
		if m.incident == n {
			out = append(out, m)
		}
	}
	slices.SortFunc(out, func(a, b member) int { return cmp.Or(cmp.Compare(b.alert, a.alert), cmp.Compare(b.episode, a.episode)) })
	return out
}

func (w *world) work(t *rapid.T, s *step) {
	in := w.incidents[pick[itsm.IncidentNumber](t, len(w.incidents), "incident")]
	in.State = itsm.State(rapid.IntRange(int(itsm.New), int(itsm.Cancelled)).Draw(t, "state"))
	in.Assignee = rapid.SampledFrom([]string{"", "jane", "joe"}).Draw(t, "assignee")
	w.putIncident(s, in)
}

// grow brings an incident more alerts, and sometimes what it is about and its causes
// anew; what it does not change are the lists that there were.
func (w *world) grow(t *rapid.T, s *step) {
	in := w.incidents[pick[itsm.IncidentNumber](t, len(w.incidents), "incident")]
	in.AlertCount = rapid.IntRange(0, 12).Draw(t, "alerts")
	if rapid.IntRange(0, 2).Draw(t, "about") == 0 {
		in.CIs, in.Unbound = []string{fmt.Sprintf("db-%d", in.Number%3)}, nil
		for n := range rapid.IntRange(0, 12).Draw(t, "cis") {
			in.CIs = append(in.CIs, fmt.Sprintf("web-%d", n))
			in.Unbound = append(in.Unbound, fmt.Sprintf("host=h%d", n))
		}
		in.MaybeRelated = []itsm.Candidate{{Incident: 1, ScoreMilli: int(w.offset)}}
	}
	if rapid.IntRange(0, 2).Draw(t, "causes") == 0 {
		in.Causes = []itsm.Cause{{CI: fmt.Sprintf("web-%d", w.offset), Because: "it depends on it", Paths: []itsm.CausePath{{"a", "b"}}}}
	}
	w.putIncident(s, in)
}

func (w *world) note(t *rapid.T, s *step) {
	w.say(s, pick[itsm.IncidentNumber](t, len(w.incidents), "incident"), "looking")
}

func (w *world) send(t *rapid.T, s *step) {
	in := itsm.Intent{
		Connector: rapid.SampledFrom([]string{"pager", "pager2"}).Draw(t, "connector"), Incident: pick[itsm.IncidentNumber](t, len(w.incidents), "incident"),
		Transition: itsm.Trigger, At: itsm.Time(w.offset), Offset: w.offset, Serial: 1, Snapshot: itsm.IncidentSnapshot{Title: "slow", CIs: []string{"db"}},
	}
	in.Key = fmt.Sprintf("%s-%d", in.Connector, rapid.IntRange(1, 12).Draw(t, "key")) // now and then the same again
	s.decisions = append(s.decisions, itsm.Decision{Kind: itsm.PutIntent, Intent: &in})
	w.intents[in.Key] = StoredIntent{Intent: in, Status: IntentPending}
	w.order = append(slices.DeleteFunc(w.order, func(k string) bool { return k == in.Key }), in.Key)
}

func (w *world) settle(t *rapid.T, s *step) {
	st := itsm.Settlement{At: itsm.Time(w.offset), Failure: rapid.SampledFrom([]string{"", "400 no such key"}).Draw(t, "failure")}
	st.Connector = rapid.SampledFrom([]string{"pager", "pager2"}).Draw(t, "connector")
	st.Key = fmt.Sprintf("%s-%d", st.Connector, rapid.IntRange(1, 12).Draw(t, "key")) // now and then an unknown one
	s.decisions = append(s.decisions, itsm.Decision{Kind: itsm.SettleIntent, Settled: &st})
	if in, ok := w.intents[st.Key]; ok {
		in.Status, in.SettledAt, in.Failure = IntentConfirmed, st.At, st.Failure
		if st.Failure != "" {
			in.Status = IntentAbandoned
		}
		w.intents[st.Key] = in
	}
}

func (w *world) spoil(t *rapid.T, s *step) {
	q := itsm.Quarantined{ID: rapid.SampledFrom([]string{"aa", "bb"}).Draw(t, "id"), Source: "am", Error: "not JSON", Body: []byte("{"),
		FirstAt: itsm.Time(w.offset), LastAt: itsm.Time(w.offset), Count: 1, Offset: w.offset}
	old, known := w.quarantine[q.ID]
	if known && rapid.Bool().Draw(t, "retried") {
		q.RetriedAt, q.Body = itsm.Time(w.offset), nil
		old.RetriedAt = q.RetriedAt
		w.quarantine[q.ID] = old
	} else if known {
		old.Count, old.LastAt, old.RetriedAt = old.Count+1, q.LastAt, 0
		w.quarantine[q.ID] = old
	} else {
		w.quarantine[q.ID] = q
	}
	s.decisions = append(s.decisions, itsm.Decision{Kind: itsm.PutQuarantine, Quarantine: &q})
}

func (w *world) name(t *rapid.T, s *step) {
	b := Blob{Name: rapid.SampledFrom([]string{"config", "cmdb"}).Draw(t, "name")}
	delete(w.blobs, b.Name)
	if rapid.Bool().Draw(t, "set") {
		b.Value = []byte(fmt.Sprint(w.offset))
		w.blobs[b.Name] = b.Value
	}
	s.blobs = append(s.blobs, b)
}

// collect reads a list to its end.
func collect[T any](t testing.TB, limit int, page func(cursor string, limit int) (Page[T], error)) (out []T) {
	t.Helper()
	for cursor := ""; ; {
		p, err := page(cursor, limit)
		if err != nil {
			t.Fatal(err)
		}
		if len(p.Items) > limit {
			t.Fatalf("a page of %d items; %d were asked for", len(p.Items), limit)
		}
		out = append(out, p.Items...)
		if p.Next == "" {
			return out
		}
		if p.Next == cursor {
			t.Fatalf("the cursor %q does not move", cursor)
		}
		cursor = p.Next
	}
}

func same(t testing.TB, what string, want, got any) {
	t.Helper()
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Fatalf("%s: (-want +got)\n%s", what, diff)
	}
}

// check compares every list of d with the model, in pages of limit.
func (w *world) check(t testing.TB, d *Desk, limit int) {
	t.Helper()
	w.checkAlerts(t, d, limit)
	w.checkIncidents(t, d, limit)
	for n := range w.incidents {
		w.checkMembers(t, d, n, limit)
	}
	w.checkOutbox(t, d, limit)
	w.checkFates(t, d, limit)
	w.checkRest(t, d, limit)
}

func filtered[K cmp.Ordered, T any](m map[K]T, keep func(T) bool) (out []T) {
	for _, k := range slices.Backward(slices.Sorted(maps.Keys(m))) {
		if keep(m[k]) {
			out = append(out, m[k])
		}
	}
	return out
}

func (w *world) checkAlerts(t testing.TB, d *Desk, limit int) {
	t.Helper()
	for _, tt := range []struct {
		q    AlertQuery
		keep func(itsm.Alert) bool
	}{
		{AlertQuery{}, func(itsm.Alert) bool { return true }},
		{AlertQuery{Statuses: []itsm.Status{itsm.Firing}}, func(a itsm.Alert) bool { return a.Status == itsm.Firing }},
		{AlertQuery{Statuses: []itsm.Status{itsm.Resolved, itsm.Firing}, Source: []string{"dd"}}, func(a itsm.Alert) bool { return a.Source == "dd" }},
		{AlertQuery{Statuses: []itsm.Status{itsm.Resolved}, Source: []string{"am", "no"}}, func(a itsm.Alert) bool { return a.Status == itsm.Resolved && a.Source == "am" }},
		{AlertQuery{CI: []string{"web-1", "host=unknown"}}, func(a itsm.Alert) bool { return a.CI == "web-1" || a.Provisional != "" }},
		{AlertQuery{Q: "CHECK 3"}, func(a itsm.Alert) bool { return a.Number%7 == 3 }},
		{AlertQuery{Q: "alr0000007"}, func(a itsm.Alert) bool { return a.Number == 7 }},
		{AlertQuery{Incident: []itsm.IncidentNumber{1, 2}}, func(a itsm.Alert) bool { return a.Incident == 1 || a.Incident == 2 }},
	} {
		got := collect(t, limit, func(c string, n int) (Page[itsm.Alert], error) {
			tt.q.Cursor, tt.q.Limit = c, n
			return d.Alerts(tt.q)
		})
		tt.q.Cursor = ""
		same(t, fmt.Sprintf("alerts %+v", tt.q), filtered(w.alerts, tt.keep), got)
	}
}

func (w *world) checkIncidents(t testing.TB, d *Desk, limit int) {
	t.Helper()
	open := []itsm.State{itsm.New, itsm.InProgress, itsm.OnHold}
	for _, tt := range []struct {
		q    IncidentQuery
		keep func(itsm.Incident) bool
	}{
		{IncidentQuery{}, func(itsm.Incident) bool { return true }},
		{IncidentQuery{States: open}, func(in itsm.Incident) bool { return in.State.IsOpen() }},
		{IncidentQuery{States: open[1:2], Assignee: []string{"jane"}}, func(in itsm.Incident) bool { return in.State == itsm.InProgress && in.Assignee == "jane" }},
		{IncidentQuery{States: open, Priorities: []itsm.Priority{itsm.P1, itsm.P2}}, func(in itsm.Incident) bool { return in.State.IsOpen() && in.Priority <= itsm.P2 }},
		{IncidentQuery{States: []itsm.State{itsm.New, itsm.Closed}, CI: []string{"db-1"}}, func(in itsm.Incident) bool {
			return (in.State == itsm.New || in.State == itsm.Closed) && in.Number%3 == 1
		}},
		{IncidentQuery{Majors: []itsm.MajorState{itsm.MajorAccepted}}, func(in itsm.Incident) bool { return in.Major.State == itsm.MajorAccepted }},
		{IncidentQuery{Service: []string{"shop-1"}}, func(in itsm.Incident) bool { return in.Number%2 == 1 }},
		{IncidentQuery{CI: []string{"host=h7"}, States: open}, func(in itsm.Incident) bool { return in.State.IsOpen() && len(in.Unbound) > 7 }},
		{IncidentQuery{Q: "Web-9"}, func(in itsm.Incident) bool { return len(in.CIs) > 10 }},
		{IncidentQuery{Q: "DATABASE"}, func(in itsm.Incident) bool { return in.Title == "Database slow" }},
		{IncidentQuery{Q: "übergabe"}, func(in itsm.Incident) bool { return strings.HasPrefix(in.Title, "Ü") }},
		{IncidentQuery{Q: "inc0000002"}, func(in itsm.Incident) bool { return in.Number == 2 }},
	} {
		got := collect(t, limit, func(c string, n int) (Page[itsm.Incident], error) {
			tt.q.Cursor, tt.q.Limit = c, n
			return d.Incidents(tt.q)
		})
		tt.q.Cursor = ""
		same(t, fmt.Sprintf("incidents %+v", tt.q), filtered(w.incidents, tt.keep), got)
	}
}

func (w *world) checkMembers(t testing.TB, d *Desk, n itsm.IncidentNumber, limit int) {
	t.Helper()
	var evidence []itsm.Evidence
	var alerts []itsm.Alert
	for _, m := range w.members(n) {
		evidence = append(evidence, w.evidence[m])
		if len(alerts) == 0 || alerts[len(alerts)-1].Number != m.alert {
			alerts = append(alerts, w.alerts[m.alert])
		}
	}
	same(t, "evidence of "+n.String(), evidence, collect(t, limit, func(c string, l int) (Page[itsm.Evidence], error) { return d.Evidence(n, c, l) }))
	same(t, "alerts of "+n.String(), alerts, collect(t, limit, func(c string, l int) (Page[itsm.Alert], error) { return d.IncidentAlerts(n, c, l) }))
	want := slices.Clone(w.timeline[n])
	slices.Reverse(want)
	same(t, "timeline of "+n.String(), want, collect(t, limit, func(c string, l int) (Page[itsm.TimelineEntry], error) { return d.Timeline(n, c, l) }))
}

func (w *world) checkOutbox(t testing.TB, d *Desk, limit int) {
	t.Helper()
	for _, name := range []string{"pager", "pager2"} {
		var pending, dead []StoredIntent
		for _, k := range w.order {
			switch s := w.intents[k]; {
			case s.Intent.Connector != name:
			case s.Status == IntentPending:
				pending = append(pending, s)
			case s.Status == IntentAbandoned:
				dead = append([]StoredIntent{s}, dead...)
			}
		}
		same(t, "outbox of "+name, pending, collect(t, limit, func(c string, l int) (Page[StoredIntent], error) { return d.Outbox(name, c, l) }))
		same(t, "dead letters of "+name, dead, collect(t, limit, func(c string, l int) (Page[StoredIntent], error) { return d.DeadLetters(name, c, l) }))
		intents, err := d.Intents(name, limit)
		if err != nil || len(intents) != min(limit, len(pending)) {
			t.Fatalf("%d unsettled intents of %s, %v; want %d", len(intents), name, err, min(limit, len(pending)))
		}
		for i := range intents {
			same(t, "intents of "+name, pending[i].Intent, intents[i])
		}
		for _, o := range d.Counts().Outbox {
			if o.Connector == name && (o.Pending != len(pending) || o.Dead != len(dead) || (len(pending) > 0 && o.OldestAt != pending[0].Intent.At)) {
				t.Fatalf("counts of %s: %+v; want %d pending, %d dead", name, o, len(pending), len(dead))
			}
		}
	}
}

func (w *world) checkRest(t testing.TB, d *Desk, limit int) {
	t.Helper()
	waiting := 0
	for id, want := range w.quarantine {
		got, err := d.QuarantineItem(id)
		if err != nil {
			t.Fatal(err)
		}
		same(t, "quarantined "+id, want, got)
		waiting += oneIf(want.RetriedAt == 0)
	}
	list := collect(t, limit, func(c string, n int) (Page[itsm.Quarantined], error) { return d.Quarantine(c, n, true) })
	if len(list) != waiting {
		t.Fatalf("%d deliveries wait in quarantine; want %d", len(list), waiting)
	}
	for _, name := range []string{"config", "cmdb"} {
		got, err := d.Blob(name)
		if want := w.blobs[name]; !bytes.Equal(want, got) || (want == nil) != (itsm.CodeOf(err) == itsm.NotFound && err != nil) {
			t.Fatalf("blob %s = %q, %v; want %q", name, got, err, want)
		}
	}
	c := d.Counts()
	open, firing := map[itsm.State]int{}, 0
	for _, in := range w.incidents {
		if in.State.IsOpen() {
			open[in.State]++
		}
	}
	for _, a := range w.alerts {
		firing += oneIf(a.Status == itsm.Firing)
	}
	same(t, "open incidents by state", open, c.ByState)
	same(t, "counts", []int{firing, waiting, len(w.alerts), len(w.incidents)}, []int{c.Firing, c.QuarantineWaiting, int(c.Alerts), int(c.Incidents)})
}

func openMem(t testing.TB, db kv.DB) *Desk {
	t.Helper()
	d, err := Open(db)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// portions cuts steps into random runs.
func portions(t *rapid.T, steps []step) (out [][]step) {
	for len(steps) > 0 {
		n := rapid.IntRange(1, len(steps)).Draw(t, "portion")
		out = append(out, steps[:n])
		steps = steps[n:]
	}
	return out
}

func export(t testing.TB, d *Desk) string {
	t.Helper()
	var b bytes.Buffer
	if err := d.Export(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestDeskEqualsModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w, db := newWorld(), kv.Mem()
		d := openMem(t, db)
		for range rapid.IntRange(1, 4).Draw(rt, "batches") {
			var steps []step
			for range rapid.IntRange(1, 8).Draw(rt, "entries") {
				steps = append(steps, w.next(rt))
			}
			if err := d.Apply(batchOf(steps)); err != nil {
				rt.Fatal(err)
			}
		}
		limit := rapid.SampledFrom([]int{1, 3, 7, 50, 500}).Draw(rt, "limit")
		w.check(t, d, limit)
		again := openMem(t, db) // what memory holds is rebuilt
		w.check(t, again, 500)
		if off, at := again.Cursor(); off != w.offset || at != itsm.Time(w.offset)*1000 {
			rt.Fatalf("cursor %d at %d; want %d", off, at, w.offset)
		}
	})
}

// The same entries in any grouping, also after a crash in the middle of a batch
// that is then repeated in other portions, export the same bytes.
func TestExportDoesNotDependOnBatchesOrCrashes(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld()
		var steps []step
		for range rapid.IntRange(1, 20).Draw(rt, "entries") {
			steps = append(steps, w.next(rt))
		}
		one := openMem(t, kv.Mem())
		for i := range steps {
			if err := one.Apply(batchOf(steps[i : i+1])); err != nil {
				rt.Fatal(err)
			}
		}
		want := export(t, one)

		torn := &kvtest.Torn{DB: kv.Mem(), After: -1}
		d := openMem(t, torn)
		for _, p := range portions(rt, steps) {
			if rapid.Bool().Draw(rt, "crash") {
				torn.After = rapid.IntRange(0, 60).Draw(rt, "after")
				err := d.Apply(batchOf(p))
				torn.After = -1
				if rapid.Bool().Draw(rt, "reopen") {
					d = openMem(t, torn)
				}
				if err == nil {
					continue
				}
			}
			for _, q := range portions(rt, p) {
				if err := d.Apply(batchOf(q)); err != nil {
					rt.Fatal(err)
				}
			}
		}
		if got := export(t, d); got != want {
			rt.Fatalf("exports differ: %s", gocmp.Diff(strings.Split(want, "\n"), strings.Split(got, "\n")))
		}
		w.check(t, d, 50)
		w.check(t, openMem(t, torn), 7)
	})
}
