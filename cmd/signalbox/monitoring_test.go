package main

import (
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"signalbox/itsm/peertest"
)

var metricName = regexp.MustCompile(`(signalbox|process|go)_[a-z_]+`)

// TestMonitoringFilesNameRealMetrics holds the shipped rules and the dashboard
// against what a running server exposes.
func TestMonitoringFilesNameRealMetrics(t *testing.T) {
	s, _ := withPagerDuty(t, "")
	s.do(http.MethodPost, "/webhooks/generic", event("firing", "shop"), nil)
	s.do(http.MethodPost, "/webhooks/nobody", event("firing", "shop"), nil)
	eventually(t, "an incident", func() bool { return len(s.incidents()) == 1 })
	_, metrics, err := s.try(http.MethodGet, "/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	exposed := map[string]bool{}
	for _, m := range metricName.FindAllString(string(metrics), -1) {
		exposed[m] = true
	}
	for _, name := range []string{"rules", "dashboard"} {
		out, err := cli(t, "snippets", name)
		if err != nil {
			t.Fatal(err)
		}
		found := metricName.FindAllString(out, -1)
		if len(found) < 8 {
			t.Errorf("%s names only %v", name, found)
		}
		for _, m := range found {
			// A counter without an event yet, or with a label not seen yet, has a HELP line only.
			if !exposed[m] && m != "signalbox_journal_append_errors_total" {
				t.Errorf("%s uses %s, which the server does not expose", name, m)
			}
		}
		if name == "dashboard" && !json.Valid([]byte(out)) {
			t.Error("the dashboard is not JSON")
		}
	}
}

func TestRulesAreAcceptedByPrometheus(t *testing.T) {
	promtool := peertest.Find(t, "promtool", "promtool")
	file := filepath.Join(t.TempDir(), "rules.yml")
	out, err := cli(t, "snippets", "rules")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(out), 0o600); err != nil {
		t.Fatal(err)
	}
	if b, err := exec.Command(promtool, "check", "rules", file).CombinedOutput(); err != nil {
		t.Errorf("promtool: %v\n%s", err, b)
	}
}
