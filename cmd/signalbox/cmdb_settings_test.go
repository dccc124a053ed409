package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const (
	feedsDown = "cmdb:\n  relation_types: {feeds: from_affects_to}\n  mappings:\n    - {source: generic, label: box, names: host}\n"
	feedsUp   = "cmdb:\n  relation_types: {feeds: to_affects_from}\n"
	mill      = "cis:\n  - {id: pump, name: pump, class: host}\n  - {id: mill, name: mill, class: host}\n  - {id: saw, name: saw, class: host}\nrelations:\n  - {from: pump, type: feeds, to: mill}\n  - {from: pump, type: feeds, to: saw}\n"
)

// TestCMDBSettings: what a relation type and a label mean is configured, in the
// server, at import, after a restart with other settings, in a rebuilt view and
// in a replay.
func TestCMDBSettings(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(t.TempDir(), "mill.yaml")
	if err := os.WriteFile(file, []byte(mill), 0o600); err != nil {
		t.Fatal(err)
	}
	s := start(t, dir, feedsDown)
	out, err := cli(t, "cmdb", "import", "--server", s.url, "--token", adminToken, file)
	if err != nil || strings.Contains(out, "unknown relation type") || strings.Contains(out, "treated as") {
		t.Fatalf("import: %v\n%s", err, out)
	}
	s.fireBoxes("Dry", "pump", "mill", "saw")
	if got := s.affected(); got != "mill saw" {
		t.Errorf("affected by the relations: %q, want mill saw", got)
	}
	before := s.incidents()
	if len(before) != 1 || before[0].AlertCount != 3 || len(before[0].ProbableCauses) == 0 || before[0].ProbableCauses[0].CI != "pump" {
		t.Fatalf("incidents %+v: want one, caused by pump", before)
	}
	s.stop()

	turned := start(t, dir, feedsUp)
	eventually(t, "the relations turn round", func() bool { return turned.affected() == "pump pump" })
	turned.fireBoxes("Hum", "saw") // the mapping is gone
	if got := turned.incidents(); len(got) != 2 {
		t.Errorf("incidents %+v: want a second one, of an alert that binds to nothing", got)
	}
	after := fmt.Sprint(turned.incidents())
	turned.stop()
	if out, err := cli(t, "rebuild", "--data-dir", dir); err != nil {
		t.Fatalf("rebuild: %v\n%s", err, out)
	}
	again := start(t, dir, feedsUp)
	if got := fmt.Sprint(again.incidents()); got != after {
		t.Errorf("rebuilt:\n%s\nwant\n%s", got, after)
	}
}

// fireBoxes fires one alert for each box, and waits until they are folded.
func (s *server) fireBoxes(title string, boxes ...string) {
	s.t.Helper()
	for _, b := range boxes {
		var got struct{ Offset uint64 }
		if status := s.do(http.MethodPost, "/webhooks/generic", fmt.Sprintf(`{"status":"firing","severity":"critical","title":%q,"labels":{"box":%q}}`, title, b), &got); status != http.StatusAccepted {
			s.t.Fatalf("fire %s: %d", b, status)
		}
		s.do(http.MethodGet, fmt.Sprintf("/api/v1/incidents?after_offset=%d", got.Offset), nil, nil)
	}
}

// affected tells the CIs that each relation makes fail, in the order of the list.
func (s *server) affected() string {
	var out []string
	for _, r := range list[struct{ Affected string }](s, "/api/v1/cmdb/relations") {
		out = append(out, r.Affected)
	}
	return strings.Join(out, " ")
}

// TestReplayObeysCMDBSettings: the same recording explains itself the other way
// round when the relation type does.
func TestReplayObeysCMDBSettings(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return p
	}
	var events strings.Builder
	for i, b := range []string{"pump", "mill", "saw"} {
		fmt.Fprintf(&events, `{"id":%q,"status":"firing","severity":"critical","title":"Dry","startsAt":"2026-01-01T00:00:%02dZ","labels":{"box":%q,"host":%q}}`+"\n", b, i, b, b)
	}
	cmdb, stream := file("mill.yaml", mill), file("events.jsonl", events.String())
	for _, c := range []struct{ name, config, cause string }{
		{"down", feedsDown, "pump"}, {"up", feedsUp, "mill"},
	} {
		out := filepath.Join(dir, c.name)
		if msg, err := cli(t, "replay", "--events", stream, "--cmdb", cmdb, "--config", file(c.name+".yml", c.config), "--out", out); err != nil {
			t.Fatalf("%v\n%s", err, msg)
		}
		b, err := os.ReadFile(filepath.Join(out, "incidents.jsonl"))
		if err != nil || !strings.Contains(string(b), fmt.Sprintf(`"root_causes":[%q`, c.cause)) {
			t.Errorf("feeds %s: %v, want the cause %s\n%s", c.name, err, c.cause, b)
		}
	}
}
