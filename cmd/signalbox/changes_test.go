package main

import (
	"strings"
	"testing"
)

// TestChangesAndMaintenance goes the way of an on-call engineer: a window keeps an
// alert quiet, its end lets it open an incident, and the incident says what changed.
func TestChangesAndMaintenance(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir(), "")
	say := func(want string, args ...string) {
		t.Helper()
		out, err := cli(t, append(args, "--server", s.url, "--token", adminToken)...)
		if err != nil {
			out += err.Error()
		}
		if !strings.Contains(out, want) {
			t.Errorf("%v: %q lacks %q", args, out, want)
		}
	}
	if st := s.do("PUT", "/api/v1/cmdb/cis/db-1", `{"name": "db-1", "class": "Database"}`, nil); st >= 300 {
		t.Fatalf("put the CI: %d", st)
	}
	say("CHG0000001 in_progress: db 7.2", "changes", "add", "--title", "db 7.2", "--external-id", "r1", "--state", "in_progress", "--ci", "db-1,db-9")
	say("not in the CMDB, or in another environment only: db-9", "changes", "add", "--external-id", "r1", "--state", "successful")
	say("CHG0000001  successful  standard", "changes", "list", "--ci", "db-1")
	say("MNT0000001 active", "maintenance", "add", "--reason", "patch", "--ci", "db-1", "--for", "2h")
	say("give either --for", "maintenance", "add", "--reason", "patch", "--ci", "db-1")
	say("patch   db-1", "maintenance", "list", "--state", "active")
	s.do("POST", "/webhooks/generic", `{"status": "firing", "title": "slow", "ci": "db-1", "severity": "major"}`, nil)
	var a struct {
		Items []struct {
			SuppressedBy *string `json:"suppressed_by"`
			Incident     *string `json:"incident"`
		}
	}
	eventually(t, "the alert is kept quiet", func() bool {
		s.do("GET", "/api/v1/alerts", nil, &a)
		return len(a.Items) == 1
	})
	if a.Items[0].SuppressedBy == nil || *a.Items[0].SuppressedBy != "maintenance MNT0000001" || a.Items[0].Incident != nil {
		t.Errorf("the alert is %+v", a.Items[0])
	}
	say("MNT0000001 ended", "maintenance", "end", "MNT0000001")
	say("is over", "maintenance", "end", "--cancel", "MNT0000001")
	var in struct {
		Changes []struct{ Change, Because string }
	}
	s.do("GET", "/api/v1/incidents/INC0000001", nil, &in)
	if len(in.Changes) != 1 || in.Changes[0].Change != "CHG0000001" || !strings.Contains(in.Changes[0].Because, "on db-1, a probable cause: ended") {
		t.Errorf("what changed: %+v", in.Changes)
	}
}
