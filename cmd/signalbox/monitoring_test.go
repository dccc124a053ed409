package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"signalbox/itsm/peertest"
)

var metricName = regexp.MustCompile(`(signalbox|process|go)_[a-z_]+`)

// TestMonitoringFilesNameRealMetrics holds the shipped rules and the dashboard
// against what a running server exposes.
func TestMonitoringFilesNameRealMetrics(t *testing.T) {
	outside := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(outside.Close)
	s, _ := withPagerDuty(t, "heartbeat: {url: '"+outside.URL+"'}\n")
	if out, err := cli(t, "rules", "apply", "--server", s.url, "--token", adminToken, "--yes", ruleDir(t, map[string]string{"team.yaml": teamRule})); err != nil {
		t.Fatal(err, out)
	}
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
	for _, m := range describedMetrics() { // one of which nothing is to be told yet is in no scrape
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

// describedMetrics are the names that stateMetrics promises.
func describedMetrics() []string {
	ch := make(chan *prometheus.Desc)
	go func() { (&stateMetrics{}).Describe(ch); close(ch) }()
	var out []string
	for d := range ch {
		out = append(out, metricName.FindString(d.String()))
	}
	return out
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

// rulesTest feeds the shipped rules with what a server with these troubles exposes.
const rulesTest = `rule_files: [rules.yml]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series:
      - {series: 'signalbox_heartbeat_failed_total{instance="a"}', values: '0+1x30'}
      - {series: 'signalbox_heartbeat_sent_total{instance="a"}', values: '7x30'}
      - {series: 'signalbox_heartbeat_failed_total{instance="b"}', values: '0 1x30'}
      - {series: 'signalbox_heartbeat_sent_total{instance="b"}', values: '0+1x30'}
      - {series: 'signalbox_events_total{instance="a", source="am", fate="accepted"}', values: '0+10x30'}
      - {series: 'signalbox_events_total{instance="a", source="am", fate="folded"}', values: '0+7x30'}
      - {series: 'signalbox_events_total{instance="a", source="am", fate="suppressed"}', values: '0+2x30'}
      - {series: 'signalbox_events_total{instance="a", source="ok", fate="accepted"}', values: '0+10x30'}
      - {series: 'signalbox_events_total{instance="a", source="ok", fate="folded"}', values: '0+7x30'}
      - {series: 'signalbox_events_total{instance="a", source="ok", fate="quarantined"}', values: '0+3x30'}
      - {series: 'signalbox_ingest_bound_exceeded_total{source="am", bound="depth"}', values: '0x10 1x20'}
      - {series: 'signalbox_ingest_bound_exceeded_total{source="am", bound="labels"}', values: '5x30'}
      - {series: 'signalbox_ready{instance="a"}', values: '0x30'}
      - {series: 'signalbox_connector_drift{connector="pd"}', values: '2x60'}
      - {series: 'signalbox_connector_drift{connector="mends"}', values: '2x20 0x40'}
      - {series: 'signalbox_connector_swept_timestamp_seconds{connector="never"}', values: '0x300'}
      - {series: 'signalbox_connector_swept_timestamp_seconds{connector="stuck"}', values: '1x300'}
      - {series: 'signalbox_connector_swept_timestamp_seconds{connector="pd"}', values: '0+60x300'}
      - {series: 'signalbox_connector_paused{connector="pd"}', values: '1x300'}
      - {series: 'signalbox_outbox_dead_letters{connector="pd"}', values: '3x300'}
      - {series: 'signalbox_rules_failures_total{rule="bad"}', values: '0 4x300'}
      - {series: 'signalbox_sla_clocks{instance="a", clock="response", priority="P1", service_class="tier1", state="at_risk"}', values: '1x300'}
      - {series: 'signalbox_sla_clocks{instance="a", clock="response", priority="P1", service_class="none", state="at_risk"}', values: '2x300'}
      - {series: 'signalbox_sla_clocks{instance="a", clock="resolution", priority="P2", service_class="none", state="breached"}', values: '1x300'}
      - {series: 'signalbox_sla_clocks{instance="a", clock="resolution", priority="P4", service_class="none", state="breached"}', values: '9x300'}
      - {series: 'signalbox_problems_fixes{effect="not_effective"}', values: '1x300'}
      - {series: 'signalbox_problems_fixes{effect="watching"}', values: '1x300'}
    promql_expr_test:
      - {expr: 'count by (alertname, instance, source, bound) (ALERTS{alertstate="firing"})', eval_time: 15m, exp_samples: [
          {labels: '{alertname="SignalboxHeartbeatFails", instance="a"}', value: 1},
          {labels: '{alertname="SignalboxEventsUnaccounted", instance="a", source="am"}', value: 1},
          {labels: '{alertname="SignalboxBoundExceeded", source="am", bound="depth"}', value: 1},
          {labels: '{alertname="SignalboxNotReady", instance="a"}', value: 1},
          {labels: '{alertname="SignalboxDeadLetters"}', value: 1},
          {labels: '{alertname="SignalboxRuleFails"}', value: 1},
          {labels: '{alertname="SignalboxLevelAtRisk", instance="a"}', value: 1},
          {labels: '{alertname="SignalboxLevelBreached", instance="a"}', value: 1},
          {labels: '{alertname="SignalboxFixNotEffective"}', value: 1}]}
      - {expr: 'count by (alertname, connector) (ALERTS{alertstate="firing", connector!=""})', eval_time: 45m, exp_samples: [
          {labels: '{alertname="SignalboxDrift", connector="pd"}', value: 1},
          {labels: '{alertname="SignalboxDeadLetters", connector="pd"}', value: 1}]}
      - {expr: 'count by (alertname, connector) (ALERTS{alertstate="firing", connector!=""})', eval_time: 270m, exp_samples: [
          {labels: '{alertname="SignalboxNotCompared", connector="stuck"}', value: 1},
          {labels: '{alertname="SignalboxConnectorPaused", connector="pd"}', value: 1},
          {labels: '{alertname="SignalboxDeadLetters", connector="pd"}', value: 1}]}
`

// TestRulesFire: the rules fire on what they are for and are silent beside it.
func TestRulesFire(t *testing.T) {
	promtool := peertest.Find(t, "promtool", "promtool")
	dir := t.TempDir()
	out, err := cli(t, "snippets", "rules")
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"rules.yml": out, "test.yml": rulesTest} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if b, err := exec.Command(promtool, "test", "rules", filepath.Join(dir, "test.yml")).CombinedOutput(); err != nil {
		t.Errorf("promtool: %v\n%s", err, b)
	}
}
