package main

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	source "signalbox/ingest/source/pagerduty"
)

// TestConnectorByCommand pauses a connector over a restart, tests it and sends a
// dead letter again.
func TestConnectorByCommand(t *testing.T) {
	s, pd := withPagerDuty(t, "")
	mustTool(t, s, "", "connectors", "pause", "pagerduty", "--reason", "moving house")
	s.do(http.MethodPost, "/webhooks/generic", event("firing", "checkout"), nil)
	eventually(t, "the page waits", func() bool {
		return strings.Contains(mustTool(t, s, "", "connectors", "outbox", "pagerduty"), "trigger")
	})
	s.stop()
	s.run()
	if out := mustTool(t, s, "", "connectors", "show", "pagerduty"); !strings.Contains(out, "paused") || !strings.Contains(out, "moving house") {
		t.Errorf("after a restart it is not paused:\n%s", out)
	}
	if n := len(pd.Calls()); n != 0 {
		t.Errorf("%d calls while it was paused", n)
	}
	if out, err := tool(t, s, "", "connectors", "test", "pagerduty"); err != nil || strings.Contains(out, "FAILED") || !strings.Contains(out, "resolve") {
		t.Errorf("the test: %v\n%s", err, out)
	}
	if calls := actions(pd); !slices.Contains(calls, "trigger") || !slices.Contains(calls, "resolve") || pd.Incident(source.DedupKey(1, 1)) != nil {
		t.Errorf("the test called %v; the real incident must not be there yet", calls)
	}
	mustTool(t, s, "", "connectors", "resume", "pagerduty")
	eventually(t, "PagerDuty is triggered", func() bool { return pd.Incident(source.DedupKey(1, 1)) != nil })
	if out := mustTool(t, s, "", "connectors", "list"); !strings.Contains(out, "pagerduty  pagerduty  ok") {
		t.Errorf("list:\n%s", out)
	}
	var sync struct {
		Items []struct {
			Told  bool
			Wants struct{ Status string }
		}
	}
	s.do(http.MethodGet, "/api/v1/incidents/INC0000001/sync", nil, &sync)
	if len(sync.Items) != 1 || !sync.Items[0].Told || sync.Items[0].Wants.Status != "open" {
		t.Errorf("sync: %+v", sync)
	}
	if _, err := tool(t, s, "", "connectors", "retry", "pagerduty"); err == nil || !strings.Contains(err.Error(), "--all") {
		t.Errorf("retry of nothing: %v", err)
	}
	if out := mustTool(t, s, "", "connectors", "retry", "pagerduty", "--all"); !strings.HasPrefix(out, "0 put back") {
		t.Errorf("retry: %s", out)
	}
	if _, err := tool(t, s, "", "connectors", "show", "pagerdyty"); err == nil || !strings.Contains(err.Error(), "pagerdyty") {
		t.Errorf("an unknown connector: %v", err)
	}
}
