package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// suggestLines is a recording of an alert that clears within a minute, and of a
// database that an API follows; the API's host is known under its short name.
func suggestLines() string {
	var b strings.Builder
	at := time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)
	line := func(name, host, status string) {
		fmt.Fprintf(&b, `{"identity":"%[1]s-%[2]s","status":%[3]q,"severity":"major","title":%[1]q,"labels":{"alertname":%[1]q,"node_name":%[2]q},"startsAt":%[4]q,"eventAt":%[4]q}`+"\n",
			name, host, status, at.Format(time.RFC3339))
		at = at.Add(45 * time.Second)
	}
	for range 40 {
		line("Blip", "box7.shop.example", "firing")
		line("Blip", "box7.shop.example", "resolved")
		at = at.Add(13 * time.Hour)
	}
	return b.String()
}

func TestRulesSuggestFromARecording(t *testing.T) {
	dir := t.TempDir()
	events, cmdb, out := filepath.Join(dir, "e.jsonl"), filepath.Join(dir, "cmdb.yaml"), filepath.Join(dir, "rules")
	for name, body := range map[string]string{events: suggestLines(), cmdb: "cis:\n  - {id: box7, name: box7, class: Server}\n"} {
		if err := os.WriteFile(name, []byte(body), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	run := func(args ...string) string {
		t.Helper()
		var stdout bytes.Buffer
		cmd := rulesCommand()
		cmd.SetArgs(args)
		cmd.SetOut(&stdout)
		cmd.SetErr(&stdout)
		if err := cmd.Execute(); err != nil {
			t.Fatalf("%v: %v\n%s", args, err, stdout.String())
		}
		return stdout.String()
	}
	text := run("suggest", "--events", events, "--cmdb", cmdb, "--out", out)
	for _, want := range []string{"80 events of 1 alerts", "Blip went off 40 times in 21 days, 40 of 40 cleared by themselves within 5 min", "suppress: {hold: 1m}", "1 drafted rules in"} {
		if !strings.Contains(text, want) {
			t.Errorf("the text lacks %q:\n%s", want, text)
		}
	}
	if got := run("suggest", "--events", events, "--cmdb", cmdb, "--backtest"); !strings.Contains(got, "backtest: no P1 or P2 would page differently; incidents 40 -> 0, pages 40 -> 0") {
		t.Errorf("the suggestion was not tried as if it were live:\n%s", got)
	}
	if got := run("check", out); !strings.HasPrefix(got, "1 rule in 1 file: good") {
		t.Errorf("check: %s", got)
	}
	var s suggested
	if err := json.Unmarshal([]byte(run("suggest", "--events", events, "--cmdb", cmdb, "--json")), &s); err != nil || len(s.Suggestions) != 1 || s.Suggestions[0].Rule == nil {
		t.Errorf("JSON %+v, %v", s, err)
	}
}
