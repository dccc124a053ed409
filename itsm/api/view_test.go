package api

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"signalbox/itsm"
	"signalbox/itsm/desk"
)

// indented is how the answers below are written: an object a line, by hand from
// the promise.
func indented(t *testing.T, v any) string {
	t.Helper()
	b, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestEmptyIncident(t *testing.T) {
	got := indented(t, viewIncident(&itsm.Incident{Number: 1, Title: "t", State: itsm.New, OpenedAt: start, Epoch: 1, Version: 1}))
	want := `{
 "number": "INC0000001",
 "title": "t",
 "state": "new",
 "priority": null,
 "impact": null,
 "urgency": null,
 "opened_at": "2026-11-03T09:00:00.000Z",
 "acknowledged_at": null,
 "acknowledged_by": null,
 "resolved_at": null,
 "epoch": 1,
 "alert_count": 0,
 "firing_count": 0,
 "event_count": 0,
 "cis": [],
 "services": [],
 "probable_causes": [],
 "changes": [],
 "assignee": null,
 "group": null,
 "links": [],
 "problem": null,
 "follows": null,
 "version": 1,
 "labels": {},
 "severity": null,
 "computed_priority": null,
 "priority_by": null,
 "impact_because": null,
 "urgency_because": null,
 "resolved_by": null,
 "closed_at": null,
 "close_code": null,
 "hold_reason": null,
 "unbound": [],
 "maybe_related": [],
 "merged_into": null,
 "still_firing": false,
 "storm": false,
 "last_activity_at": null,
 "offset": 0,
 "sla": {
  "calendar": null,
  "held_s": 0,
  "response": {
   "state": "none",
   "target_s": null,
   "due_at": null,
   "done_at": null
  },
  "resolution": {
   "state": "none",
   "target_s": null,
   "due_at": null,
   "done_at": null
  }
 },
 "parent": null,
 "children": [],
 "resolved_with": null,
 "major": null,
 "watchers": [],
 "attachments": [],
 "undo": null
}`
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

func fullIncident() itsm.Incident {
	at := func(minutes int) itsm.Time { return start.Add(time.Duration(minutes) * time.Minute) }
	return itsm.Incident{
		Number: 12, Title: "orders down", State: itsm.IncidentResolved, Priority: itsm.P1, Computed: itsm.P2, PriorityBy: "api:admin",
		Impact: itsm.High, Urgency: itsm.Medium, ImpactBecause: "tier 1", UrgencyBecause: "major",
		OpenedAt: at(0), AcknowledgedAt: at(1), AcknowledgedBy: "pagerduty:Jo", ResolvedAt: at(2), ResolvedBy: "signalbox", ClosedAt: at(3),
		CloseCode: "fixed", HoldReason: "vendor", Epoch: 2, AlertCount: 3, FiringCount: 1, EventCount: 9,
		CIs: []string{"db-1"}, Services: []string{"orders"}, Unbound: []string{"host:x"},
		Causes:       []itsm.Cause{{CI: "db-1", ScoreMilli: 873, Because: "most upstream", Paths: []itsm.CausePath{{"web-1", "db-1"}}}},
		Changes:      []itsm.IncidentChange{{Change: "CHG0000001", Title: "db 7.2", State: itsm.ChangeFailed, URL: "javascript:alert(1)", CI: "db-1", At: at(0), Because: "on db-1"}},
		MaybeRelated: []itsm.Candidate{{Incident: 4, ScoreMilli: 1000, Because: "near"}},
		Assignee:     "jo", Group: "dba", Links: []itsm.ExternalRef{{Connector: "pagerduty", ID: "Q1", URL: "https://pd/Q1"}, {Connector: "x", ID: "y", URL: "javascript:alert(1)"}},
		Problem: "PRB0000001", Follows: 11, MergedInto: 13, StillFiring: true, Storm: true, Severity: itsm.Critical, Version: 7,
		Labels: itsm.LabelsOf(map[string]string{"b": "2", "a": "1"}), LastActivityAt: at(4), ChangedAt: 99,
		SLA: itsm.ServiceLevel{Calendar: "office", Held: time.Minute, Response: itsm.LevelClock{Target: 15 * time.Minute, DueAt: at(15), DoneAt: at(1)},
			Resolution: itsm.LevelClock{Target: time.Hour, DueAt: at(60), Breached: true}},
		Parent: 2, Children: []itsm.IncidentNumber{5, 6}, ResolvedWith: 2, Watchers: []string{"ann"}, Attachments: []itsm.Attachment{{Title: "Graph", URL: "https://g/1", By: "api:ann", At: at(1)}}, Undo: itsm.Undoable{Of: itsm.ActMerge, With: 13, By: "api:ann", At: at(2)},
		Major: itsm.MajorIncident{State: itsm.MajorAccepted, By: "api:mira", At: at(2), Because: "yes", ProposedBy: "signalbox", ProposedAt: at(1), ProposedBecause: "it is P1"},
	}
}

func TestFullIncident(t *testing.T) {
	in := fullIncident()
	b, err := json.Marshal(viewIncident(&in))
	if err != nil {
		t.Fatal(err)
	}
	want := `{"number":"INC0000012","title":"orders down","state":"resolved","priority":"P1","impact":"high","urgency":"medium",` +
		`"opened_at":"2026-11-03T09:00:00.000Z","acknowledged_at":"2026-11-03T09:01:00.000Z","acknowledged_by":"pagerduty:Jo","resolved_at":"2026-11-03T09:02:00.000Z",` +
		`"epoch":2,"alert_count":3,"firing_count":1,"event_count":9,"cis":["db-1"],"services":["orders"],` +
		`"probable_causes":[{"ci":"db-1","score":0.873,"because":"most upstream","paths":[["web-1","db-1"]]}],` +
		`"changes":[{"change":"CHG0000001","title":"db 7.2","state":"failed","who":null,"url":null,"ci":"db-1","hops":0,"at":"2026-11-03T09:00:00.000Z","because":"on db-1"}],"assignee":"jo","group":"dba",` +
		`"links":[{"connector":"pagerduty","id":"Q1","url":"https://pd/Q1"},{"connector":"x","id":"y","url":null}],` +
		`"problem":"PRB0000001","follows":"INC0000011","version":7,"labels":{"a":"1","b":"2"},"severity":"critical","computed_priority":"P2","priority_by":"api:admin",` +
		`"impact_because":"tier 1","urgency_because":"major","resolved_by":"signalbox","closed_at":"2026-11-03T09:03:00.000Z","close_code":"fixed","hold_reason":"vendor",` +
		`"unbound":["host:x"],"maybe_related":[{"incident":"INC0000004","score":1,"because":"near"}],"merged_into":"INC0000013","still_firing":true,"storm":true,` +
		`"last_activity_at":"2026-11-03T09:04:00.000Z","offset":99,"sla":{"calendar":"office","held_s":60,"response":{"state":"met","target_s":900,"due_at":"2026-11-03T09:15:00.000Z","done_at":"2026-11-03T09:01:00.000Z"},` +
		`"resolution":{"state":"breached","target_s":3600,"due_at":"2026-11-03T10:00:00.000Z","done_at":null}},` +
		`"parent":"INC0000002","children":["INC0000005","INC0000006"],"resolved_with":"INC0000002","major":{"state":"accepted","by":"api:mira","at":"2026-11-03T09:02:00.000Z","because":"yes",` +
		`"proposed_by":"signalbox","proposed_at":"2026-11-03T09:01:00.000Z","proposed_because":"it is P1"},"watchers":["ann"],"attachments":[{"title":"Graph","url":"https://g/1","by":"api:ann","at":"2026-11-03T09:01:00.000Z"}],"undo":{"of":"merge","with":"INC0000013","by":"api:ann","at":"2026-11-03T09:02:00.000Z"}}`
	if d := cmp.Diff(want, string(b)); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

func TestAlertViews(t *testing.T) {
	empty := indented(t, viewAlert(&itsm.Alert{Number: 1, Source: "s", Key: "s/k", Status: itsm.Firing, Severity: itsm.Warning, Title: "t"}))
	for _, want := range []string{`"id": "ALR0000001"`, `"labels": {}`, `"annotations": {}`, `"ci": null`, `"bound_by": null`, `"starts_at": null`, `"ends_at": null`,
		`"last_seen_at": null`, `"suppressed_by": null`, `"flapping": false`, `"incident": null`, `"generator_url": null`, `"trail": []`, `"severity": "warning"`} {
		if !strings.Contains(empty, want) {
			t.Errorf("empty alert lacks %s:\n%s", want, empty)
		}
	}
	full := indented(t, viewAlert(&itsm.Alert{Number: 2, Source: "s", Key: "s/k", Status: itsm.Resolved, Severity: itsm.Critical, SeverityWord: "page", Title: "t",
		Labels: itsm.Labels{{Name: "a", Value: "b"}}, CI: "db-1", BoundBy: "host", StartsAt: start, EndsAt: start, LastSeenAt: start, RaisedAt: start,
		EventCount: 3, Episode: 1, SuppressedBy: "info", Flapping: true, Incident: 5, GeneratorURL: "http://prom/graph", EndedBy: "sender", Trail: []string{"host"}, ChangedAt: 8}))
	for _, want := range []string{`"status": "resolved"`, `"severity_word": "page"`, `"ci": "db-1"`, `"incident": "INC0000005"`, `"suppressed_by": "info"`, `"event_count": 3`,
		`"generator_url": "http://prom/graph"`, `"ends_at": "2026-11-03T09:00:00.000Z"`, `"flapping": true`} {
		if !strings.Contains(full, want) {
			t.Errorf("full alert lacks %s:\n%s", want, full)
		}
	}
}

func TestEvidenceView(t *testing.T) {
	first, _ := json.Marshal(viewEvidence(&itsm.Evidence{Incident: 1, Alert: 2, Episode: 1, At: start, Decision: itsm.DecidedOpened, By: "first", Because: "nothing near"}))
	want := `{"alert":"ALR0000002","episode":1,"at":"2026-11-03T09:00:00.000Z","offset":0,"decision":"opened","by":"first","score":null,"threshold":null,` +
		`"rule":null,"revision":null,"cmdb_revision":null,"ci":null,"shared":null,"path":[],"coverage":null,"runner_up":null,"would_split":null,"because":"nothing near"}`
	if d := cmp.Diff(want, string(first)); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
	joined, _ := json.Marshal(viewEvidence(&itsm.Evidence{Alert: 2, Decision: itsm.DecidedJoined, ScoreMilli: 620, ThresholdMilli: 400, Rule: "default", Revision: 3, CMDBRevision: 2, Path: []string{"a", "b"}}))
	for _, want := range []string{`"score":0.62`, `"threshold":0.4`, `"rule":"default"`, `"revision":3`, `"cmdb_revision":2`, `"path":["a","b"]`} {
		if !strings.Contains(string(joined), want) {
			t.Errorf("evidence lacks %s:\n%s", want, joined)
		}
	}
}

func TestQuarantinedBodyIsBounded(t *testing.T) {
	v := viewQuarantined(&itsm.Quarantined{Body: append([]byte("ok\xff"), make([]byte, bodyShownMax)...)})
	if !v.Truncated || v.BodyBytes != bodyShownMax+3 || len(*v.Body) > bodyShownMax+2 || !strings.HasPrefix(*v.Body, "ok\uFFFD") {
		t.Errorf("truncated %v, %d bytes, shown %d beginning %q", v.Truncated, v.BodyBytes, len(*v.Body), (*v.Body)[:8])
	}
	if v := viewQuarantined(&itsm.Quarantined{}); v.Body != nil || v.Truncated {
		t.Errorf("no body: %+v", v)
	}
}

func TestConnectorsJoinTheOutbox(t *testing.T) {
	got := viewConnectors([]Connector{{Name: "pagerduty", Kind: "pagerduty", State: "ok", SentAt: start, Held: 7}},
		[]desk.OutboxCounts{{Connector: "old", Pending: 2, OldestAt: start, Dead: 1}, {Connector: "pagerduty", Pending: 5}})
	kind := "pagerduty"
	want := []connectorView{
		{Name: "old", State: unconfigured, Pending: 2, OldestAt: start, DeadLetters: 1},
		{Name: "pagerduty", Kind: &kind, State: "ok", SentAt: start, Pending: 5, Held: 7},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

func TestChangeView(t *testing.T) {
	var many Change
	for n := range listedChangeMax + 1 {
		many.Incidents = append(many.Incidents, itsm.IncidentNumber(n+1))
	}
	if v := viewChange(many); len(v.Incidents) != listedChangeMax || !v.More {
		t.Errorf("%d incidents listed, more %v; want %d and true", len(v.Incidents), v.More, listedChangeMax)
	}
	if b, _ := json.Marshal(viewChange(Change{Offset: 3})); string(b) != `{"offset":3,"incidents":[],"opened":0,"more":false}` {
		t.Errorf("empty change = %s", b)
	}
}

func TestMilli(t *testing.T) {
	for m, want := range map[milli]string{0: "0", 1: "0.001", 400: "0.4", 1000: "1", 12345: "12.345", -50: "-0.05"} {
		if b, _ := m.MarshalJSON(); string(b) != want {
			t.Errorf("milli(%d) = %s, want %s", m, b, want)
		}
	}
}
