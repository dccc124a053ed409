package main

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"signalbox/ingest/journal"
	"signalbox/itsm"
	"signalbox/itsm/entry"
)

// writtenJournal is the data directory of a stopped server with one entry of
// each kind that people ask about.
func writtenJournal(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	j, err := journal.Open(journal.Options{Dir: filepath.Join(dir, journalDir)})
	if err != nil {
		t.Fatal(err)
	}
	e := itsm.Event{Source: "generic", Identity: "f", Status: itsm.Firing, Title: "Checkout is failing", CIName: "checkout", Labels: itsm.LabelsOf(map[string]string{"service": "checkout"})}
	bodies := [][]byte{
		entry.EncodeDelivery(nil, &entry.Delivery{Source: "generic", Remote: "127.0.0.1:9", Events: []itsm.Event{e}, Raw: []byte(`{"title":"x"}`),
			Bad: []entry.Bad{{ID: "q", Error: "no title", Body: []byte("{}")}}}),
		entry.EncodeAct(&itsm.Act{Kind: itsm.ActAcknowledge, Incident: 1, Actor: "api:admin"}),
	}
	for range 50 {
		if _, _, err := j.Append(t.Context(), bodies...); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestJournalVerifySpeaksToPeople(t *testing.T) {
	dir := writtenJournal(t)
	out, err := cli(t, "journal", "verify", "--data-dir", dir)
	want := regexp.MustCompile(`^\S+  offsets 1 to 100  20\S+Z to 20\S+Z  \d+ bytes
entries    100 in 1 segment
head       offset 100 at 20\S+Z
head hash  [0-9a-f]{32}
clean      .*
whole      .*
$`)
	if err != nil || !want.MatchString(out) {
		t.Errorf("verify: %v\n%s\nwant it to match %s", err, out, want)
	}
	rep, err := journal.Verify(journal.Options{Dir: filepath.Join(dir, journalDir)})
	if err != nil || len(rep.Segments) != 1 {
		t.Fatalf("%v, %d segments", err, len(rep.Segments))
	}
	file := rep.Segments[0].File
	if err := flip(filepath.Join(dir, journalDir, file), rep.Segments[0].Used/2, 1); err != nil {
		t.Fatal(err)
	}
	out, err = cli(t, "journal", "verify", "--data-dir", dir)
	if err == nil || !strings.Contains(err.Error(), "damaged in 1 place;") || !strings.Contains(out, "damaged    journal file "+file+", bytes ") || strings.Contains(out, "whole") {
		t.Errorf("verify of a rotten file: %v\n%s", err, out)
	}
}

func TestJournalCatSpeaksSnakeCase(t *testing.T) {
	out, err := cli(t, "journal", "cat", "--data-dir", writtenJournal(t), "--raw", "--limit", "2")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(out) {
		var v any
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		eachKey(v, func(k string) {
			if k != strings.ToLower(k) {
				t.Errorf("field %q is not snake_case in %s", k, line)
			}
		})
	}
	for _, want := range []string{`"source":"generic","remote":"127.0.0.1:9"`, `"ci":"checkout"`, `"labels":{"service":"checkout"}`, `"raw":"{\"title\":\"x\"}"`,
		`"bad":[{"id":"q","error":"no title","body":"{}"}]`, `"kind":"acknowledge"`} {
		if !strings.Contains(out, want) {
			t.Errorf("no %s in\n%s", want, out)
		}
	}
}

// TestJournalCatFeedsReplay: what a server took in folds to the same again.
func TestJournalCatFeedsReplay(t *testing.T) {
	s := start(t, t.TempDir(), quick)
	s.do(http.MethodPost, "/webhooks/generic", event("firing", "checkout"), nil)
	s.do(http.MethodPost, "/webhooks/alertmanager", `{"version":"4","alerts":[{"status":"firing","labels":{"alertname":"X","service":"mail"},"startsAt":"2026-01-01T00:00:30Z","fingerprint":"f1"}]}`, nil)
	s.do(http.MethodPost, "/webhooks/generic", `"no event"`, nil)
	s.stop()
	lines, err := cli(t, "journal", "cat", "--deliveries", "--data-dir", s.dir)
	if n := strings.Count(lines, "\n"); err != nil || n != 2 {
		t.Fatalf("%d lines, want 2: %v\n%s", n, err, lines)
	}
	out := t.TempDir()
	if said, err := cliFrom(t, lines, "replay", "--events", "-", "--out", out); err != nil || !strings.Contains(said, "2 lines, 2 events, 2 incidents; 0 lines could not") {
		t.Errorf("replay: %v\n%s", err, said)
	}
}

// eachKey calls fn for every name in a JSON value.
func eachKey(v any, fn func(string)) {
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			fn(k)
			eachKey(x, fn)
		}
	case []any:
		for _, x := range v {
			eachKey(x, fn)
		}
	}
}

// TestMistypedDirectoriesAreRefused: a directory without a journal is not an
// empty journal, and nothing is made in it.
func TestMistypedDirectoriesAreRefused(t *testing.T) {
	for _, args := range [][]string{{"rebuild"}, {"journal", "cat"}, {"journal", "verify"}, {"backup", filepath.Join(t.TempDir(), "b")}} {
		dir := filepath.Join(t.TempDir(), "typo")
		out, err := cli(t, append(args, "--data-dir", dir)...)
		if err == nil || !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), "no journal") {
			t.Errorf("%v: %v, want a refusal that names the directory\n%s", args, err, out)
		}
		if _, err := os.Stat(dir); !os.IsNotExist(err) {
			t.Errorf("%v made %s: %v", args, dir, err)
		}
	}
}
