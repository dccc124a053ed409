package servicenow_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"signalbox/connectors/servicenow"
	fake "signalbox/connectors/servicenow/servicenowtest"
	source "signalbox/ingest/source/servicenow"
	"signalbox/itsm"
)

// TestPull: what people did is heard once a poll, what we did is not, and a page
// that ends within a second goes on there.
func TestPull(t *testing.T) {
	t.Parallel()
	s := started(t)
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	s.Now = func() time.Time { return now }
	c := connector(s, nil)
	const records = 450 // more than two pages, all in one second
	for n := range records {
		s.Put("incident", fake.Record{"correlation_id": source.RecordKey(itsm.IncidentNumber(n+1), 1), "state": "2", "sys_updated_by": "jane"})
	}
	s.Put("incident", fake.Record{"correlation_id": source.RecordKey(9000, 1), "state": "2", "sys_updated_by": fake.User})
	s.Put("incident", fake.Record{"correlation_id": source.RecordKey(9001, 1), "state": "77", "sys_updated_by": "jane"})
	acts, cursor, err := c.Pull(t.Context(), "2026-11-21 11:00:00|")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[itsm.IncidentNumber]int{}
	for _, a := range acts {
		seen[a.Incident]++
		if a.Kind != itsm.ActAcknowledge || a.Actor != "servicenow:jane" || a.Link.ID == "" {
			t.Fatalf("act %+v", a)
		}
	}
	if len(seen) != records || len(acts) != records {
		t.Errorf("%d acts of %d incidents, want %d", len(acts), len(seen), records)
	}
	now = now.Add(time.Minute)
	id := s.Rows("incident", "correlation_id", source.RecordKey(3, 1))[0]["sys_id"]
	s.Person(t, "joe", id, fake.Record{"state": "6", "close_code": "Duplicate", "close_notes": "see other", "assigned_to": "u1", "assigned_to.display": "Joe Bloggs"})
	acts, next, err := c.Pull(t.Context(), cursor)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, a := range acts {
		if a.Incident == 3 {
			got = append(got, fmt.Sprintf("%s %s %s %s", a.Kind, a.CloseCode, a.Text, a.Assignee))
		}
	}
	if d := cmp.Diff([]string{"resolve duplicate see other ", "assign   Joe Bloggs"}, got); d != "" {
		t.Errorf("acts (-want +got):\n%s", d)
	}
	if next <= cursor || !strings.HasPrefix(next, "2026-11-21 12:01:00|") {
		t.Errorf("cursor %q after %q", next, cursor)
	}
	if acts, again, err := c.Pull(t.Context(), next); err != nil || again != next || len(acts) != 0 {
		t.Errorf("a poll without news: %d acts, cursor %q, %v", len(acts), again, err)
	}
	if acts, _, err := c.Pull(t.Context(), cursor); err != nil || len(acts) < 2 {
		t.Errorf("a poll from where nothing was journaled: %d acts, %v", len(acts), err)
	}
}

func TestPullEvery(t *testing.T) {
	for target, want := range map[string]time.Duration{"": time.Minute, servicenow.TargetEvent: 0} {
		c := servicenow.New(servicenow.Options{Target: target, PollEvery: time.Minute})
		if got := c.PullEvery(); got != want {
			t.Errorf("target %q: every %v, want %v", target, got, want)
		}
	}
}

func TestInventory(t *testing.T) {
	t.Parallel()
	s := fake.New(t)
	id := func(n int) string { return fmt.Sprintf("%032x", n) }
	for n := range 2300 { // three pages
		s.Put("cmdb_ci", fake.Record{"sys_id": id(n + 1), "name": fmt.Sprintf("host-%d", n+1), "sys_class_name": "cmdb_ci_linux_server"})
	}
	s.Put("cmdb_ci", fake.Record{"sys_id": id(9001), "name": "shop", "sys_class_name": "cmdb_ci_service", "busines_criticality": "1 - most critical", "owned_by": "u", "owned_by.display": "Ann", "support_group.display": "dba", "fqdn": "shop.example.com", "ip_address": "10.0.0.1", "environment.display": "Production"})
	s.Put("cmdb_ci", fake.Record{"sys_id": id(9002), "name": "gone", "sys_class_name": "cmdb_ci_service", "install_status": "7"})
	s.Put("cmdb_ci", fake.Record{"sys_id": id(9003), "name": " ", "sys_class_name": "cmdb_ci_service"})
	for _, r := range [][3]string{{id(9001), id(1), "Depends on::Used by"}, {id(2), id(9001), "Hosts::Hosted on"}, {id(9001), id(9002), "Depends on::Used by"}, {id(3), id(4), "strange"}, {id(5), id(5), "Runs on::Runs"}} {
		s.Put("cmdb_rel_ci", fake.Record{"parent": r[0], "child": r[1], "type": "t", "type.display": r[2]})
	}
	e, err := connector(s, nil).Inventory(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(e.CIs) != 2301 {
		t.Errorf("%d CIs, want 2301", len(e.CIs))
	}
	want := itsm.CI{ID: "servicenow:" + id(9001), Name: "shop", Class: "BusinessService", Env: "production", Tier: 1, Owner: "Ann", SupportGroup: "dba", Aliases: []string{"shop.example.com", "10.0.0.1"}, Attributes: map[string]any{"sys_id": id(9001), "ip": "10.0.0.1"}}
	if d := cmp.Diff(want, e.CIs[2300]); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	rels := []itsm.Relation{{From: "servicenow:" + id(9001), Type: "depends_on", To: "servicenow:" + id(1)}, {From: "servicenow:" + id(9001), Type: "hosted_on", To: "servicenow:" + id(2)}}
	if d := cmp.Diff(rels, e.Relations); d != "" {
		t.Errorf("relations (-want +got):\n%s", d)
	}
	if len(e.LeftOut) != 2 {
		t.Errorf("left out %q", e.LeftOut)
	}
	s.IgnoreQueries = true // the second page begins at the first row again
	if _, err := connector(s, nil).Inventory(t.Context()); err == nil {
		t.Error("half an inventory was taken for all of it")
	}
}

// TestPullChanges: changes are taken over whoever made them, each as it stands.
func TestPullChanges(t *testing.T) {
	t.Parallel()
	s := fake.New(t)
	s.Put("change_request", fake.Record{"number": "CHG0000007", "state": "-1", "type": "emergency", "short_description": "disk", "cmdb_ci": "x", "cmdb_ci.display": "db-1", "start_date": "2026-11-21 12:00:00"})
	c := connector(s, nil)
	acts, cursor, err := c.Pull(t.Context(), "")
	if err != nil || len(acts) != 1 || acts[0].Kind != itsm.ActChangePut {
		t.Fatalf("acts %+v, %v", acts, err)
	}
	for _, part := range []string{`"external_id":"CHG0000007"`, `"state":"in_progress"`, `"type":"emergency"`, `"cis":["db-1"]`, `"planned_start":"2026-11-21T12:00:00.000Z"`, "change_request.do"} {
		if !strings.Contains(string(acts[0].Body), part) {
			t.Errorf("%s is not in %s", part, acts[0].Body)
		}
	}
	if _, next, err := c.Pull(t.Context(), cursor); err != nil || next != cursor {
		t.Errorf("cursor %q after %q, %v", next, cursor, err)
	}
}

// TestPullTheirProblems: problems that people made are read by the query, since ever,
// with the incidents of ours that name them; our own are not among them.
func TestPullTheirProblems(t *testing.T) {
	t.Parallel()
	s := fake.New(t)
	id := s.Put("problem", fake.Record{"number": "PRB0040123", "state": "103", "short_description": "Disks fill up", "cause_notes": "<p>no rotation</p>", "assigned_to": "u1", "assigned_to.display": "Jo Park", "sys_updated_on": "2020-01-01 00:00:00"})
	s.Put("problem", fake.Record{"number": "PRB0040124", "state": "101", "correlation_id": source.ObjectKey("PRB0000009")})
	s.Put("incident", fake.Record{"correlation_id": source.RecordKey(7, 2), "problem_id": id, "sys_updated_by": fake.User})
	s.Put("incident", fake.Record{"correlation_id": "another", "problem_id": id})
	c := connector(s, func(o *servicenow.Options) {
		o.Problems, o.ProblemQuery, o.Fields.Own = true, "state>=101", []string{fake.User}
	})
	acts, cursor, err := c.Pull(t.Context(), "")
	var got []string
	for _, a := range acts {
		if a.Kind == itsm.ActProblemPut {
			got = append(got, string(a.Body))
		}
	}
	if err != nil || len(got) != 1 {
		t.Fatalf("acts %q, %v", got, err)
	}
	for _, part := range []string{`"external_id":"PRB0040123"`, `"state":"root_cause_analysis"`, `"owner":"Jo Park"`, `"root_cause":"no rotation"`, `"incidents":["INC0000007"]`} {
		if !strings.Contains(got[0], part) {
			t.Errorf("%s is not in %s", part, got[0])
		}
	}
	if acts, next, err := c.Pull(t.Context(), cursor); err != nil || next != cursor || len(acts) != 0 {
		t.Errorf("a poll without news: %d acts, %v", len(acts), err)
	}
	theirs := aboutObject(t, "PRB0000003", aProblem(func(p *itsm.Problem) {
		p.Source, p.ExternalID, p.State, p.RootCause, p.Workaround, p.Incidents = "sn", "PRB0040123", itsm.ProblemAnalysis, "no rotation", "delete logs", nil
	}))
	looks, err := c.LookObjects(t.Context(), []itsm.Intent{theirs})
	if err != nil || looked(&looks[0]) != `open; problem: workaround "", wanted workaround "delete logs"; says problem.put ` {
		t.Errorf("%s, %v", looked(&looks[0]), err)
	}
	push(t, c, theirs)
	if row := s.Rows("problem", "sys_id", id)[0]; row["workaround"] != "delete logs" || row["short_description"] != "Disks fill up" || row["correlation_id"] != "" || len(s.Rows("problem", "", "")) != 2 {
		t.Errorf("%v", row)
	}
}
