package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"signalbox/itsm/peertest"
)

const quick = "correlation: {resolve_after: 1s, reopen_within: 10s}\n"

func event(status, service string) map[string]any {
	return map[string]any{"status": status, "severity": "critical", "title": service + " is failing",
		"labels": map[string]string{"service": service, "environment": "production", "alertname": "Failing"}}
}

func TestFirstAlertByHand(t *testing.T) {
	s := start(t, t.TempDir(), quick)
	var accepted struct{ Accepted, Offset int }
	if status := s.do(http.MethodPost, "/webhooks/generic", event("firing", "checkout"), &accepted); status != http.StatusAccepted || accepted.Accepted != 1 || accepted.Offset == 0 {
		t.Fatalf("answer %d %+v", status, accepted)
	}
	var in incident
	page := struct{ Items []incident }{}
	eventually(t, "the entry is folded", func() bool { // it waits for that, but not for ever
		return s.do(http.MethodGet, fmt.Sprintf("/api/v1/incidents?after_offset=%d", accepted.Offset), nil, &page) != http.StatusServiceUnavailable
	})
	if len(page.Items) != 1 {
		t.Fatalf("%d incidents right after the answer, want 1", len(page.Items))
	}
	n := page.Items[0].Number
	if n != "INC0000001" || page.Items[0].State != "new" || page.Items[0].Priority != "P2" {
		t.Errorf("opened %+v", page.Items[0])
	}
	if status := s.do(http.MethodPost, "/api/v1/incidents/"+n+"/acknowledge", nil, &in); status != http.StatusOK || in.State != "in_progress" || in.AcknowledgedBy == nil {
		t.Errorf("acknowledge: %d %+v", status, in)
	}
	s.do(http.MethodPost, "/webhooks/generic", event("resolved", "checkout"), nil)
	eventually(t, "the incident resolves after the hold", func() bool {
		s.do(http.MethodGet, "/api/v1/incidents/"+n, nil, &in)
		return in.State == "resolved"
	})

	s.stop()
	s.run()
	s.do(http.MethodGet, "/api/v1/incidents/"+n, nil, &in)
	if in.State != "resolved" || in.AcknowledgedBy == nil {
		t.Errorf("after a restart: %+v", in)
	}
}

func TestExplainedIncidentWithCMDB(t *testing.T) {
	s := start(t, t.TempDir(), quick)
	cmdb := filepath.Join(t.TempDir(), "cmdb.yaml")
	if err := os.WriteFile(cmdb, []byte(readmeBlock(t, "# cmdb.yaml")), 0o600); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	args := []string{"cmdb", "import", "--server", s.url, "--token", adminToken, cmdb}
	if err := run(t.Context(), args, strings.NewReader(""), &out, &out); err != nil {
		t.Fatalf("import: %v\n%s", err, out.String())
	}
	for _, service := range []string{"orders", "checkout", "db-orders-1"} {
		s.do(http.MethodPost, "/webhooks/generic", event("firing", service), nil)
	}
	eventually(t, "three alerts in one incident with the database as its probable cause", func() bool {
		is := s.incidents()
		return len(is) == 1 && is[0].AlertCount == 3 && len(is[0].ProbableCauses) > 0 && is[0].ProbableCauses[0].CI == "db-orders-1"
	})
	if p := s.incidents()[0].Priority; p != "P1" {
		t.Errorf("priority %s of a tier 1 outage, want P1", p)
	}
}

func TestRealAlertmanagerAndPrometheus(t *testing.T) {
	const suite = "real Alertmanager and Prometheus"
	am, prom := peertest.Find(t, suite, "alertmanager"), peertest.Find(t, suite, "prometheus")
	s := start(t, t.TempDir(), quick)

	var broken atomic.Bool
	broken.Store(true)
	exporter := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		v := 0
		if broken.Load() {
			v = 1
		}
		fmt.Fprintf(w, "shop_broken{service=\"shop\"} %d\n", v)
	}))
	defer exporter.Close()

	dir, amAddr, promAddr := t.TempDir(), freePort(t), freePort(t)
	host := func(u string) string { return strings.TrimPrefix(u, "http://") }
	write := func(name, text string) string {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return p
	}
	amFile := write("alertmanager.yml", fmt.Sprintf(`
route: {receiver: signalbox, group_by: [service], group_wait: 100ms, group_interval: 1s, repeat_interval: 1h}
receivers:
  - name: signalbox
    webhook_configs: [{url: '%s/webhooks/alertmanager', send_resolved: true}]
`, s.url))
	write("rules.yml", `
groups:
  - name: shop
    interval: 1s
    rules:
      - alert: ShopBroken
        expr: shop_broken == 1
        labels: {severity: critical}
        annotations: {summary: 'The shop is broken'}
`)
	promFile := write("prometheus.yml", fmt.Sprintf(`
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [rules.yml]
scrape_configs:
  - {job_name: shop, static_configs: [{targets: ['%s']}]}
alerting:
  alertmanagers:
    - static_configs: [{targets: ['%s']}]
    - path_prefix: /prometheus/main
      static_configs: [{targets: ['%s']}]
`, host(exporter.URL), amAddr, host(s.url)))
	spawn(t, am, "--config.file", amFile, "--storage.path", filepath.Join(dir, "am"), "--web.listen-address", amAddr, "--cluster.listen-address", "")
	spawn(t, prom, "--config.file", promFile, "--storage.tsdb.path", filepath.Join(dir, "prom"), "--web.listen-address", promAddr)

	// The same condition arrives twice: by Alertmanager's webhook and straight from
	// Prometheus. Two sources are two alerts of one service, so one incident.
	eventually(t, "both paths are in one incident", func() bool {
		is := s.incidents()
		return len(is) == 1 && is[0].FiringCount == 2
	})
	n := s.incidents()[0].Number
	var in incident
	if status := s.do(http.MethodPost, "/api/v1/incidents/"+n+"/acknowledge", nil, &in); status != http.StatusOK || in.AcknowledgedBy == nil {
		t.Fatalf("acknowledge: %d %+v", status, in)
	}
	broken.Store(false)
	eventually(t, "the incident resolves when the rule clears", func() bool {
		s.do(http.MethodGet, "/api/v1/incidents/"+n, nil, &in)
		return in.State == "resolved" && in.FiringCount == 0
	})
	if got := len(s.incidents()); got != 1 {
		t.Errorf("%d incidents, want 1", got)
	}
}

func TestHighlyAvailablePairMakesOneAlert(t *testing.T) {
	const suite = "pair of Alertmanagers"
	am := peertest.Find(t, suite, "alertmanager")
	s := start(t, t.TempDir(), quick)
	dir := t.TempDir()
	file := filepath.Join(dir, "am.yml")
	config := fmt.Sprintf("route: {receiver: s, group_wait: 0s, group_interval: 1s}\nreceivers: [{name: s, webhook_configs: [{url: '%s/webhooks/alertmanager'}]}]\n", s.url)
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	var pair []string
	for i := range 2 { // no gossip between them: the worst case of a split pair
		addr := freePort(t)
		pair = append(pair, "http://"+addr)
		spawn(t, am, "--config.file", file, "--storage.path", filepath.Join(dir, fmt.Sprint(i)), "--web.listen-address", addr, "--cluster.listen-address", "")
	}
	body := `[{"labels":{"alertname":"DiskFull","instance":"db-1:9100","severity":"critical"},"startsAt":"2026-01-01T00:00:00Z"}]`
	for _, u := range pair {
		eventually(t, "Alertmanager takes the alert", func() bool {
			resp, err := http.Post(u+"/api/v2/alerts", "application/json", strings.NewReader(body))
			if err != nil {
				return false
			}
			resp.Body.Close()
			return resp.StatusCode == http.StatusOK
		})
	}
	eventually(t, "one alert from two deliveries", func() bool {
		as := list[alert](s, "/api/v1/alerts")
		return len(as) == 1 && as[0].EventCount >= 2
	})
	if n := len(s.incidents()); n != 1 {
		t.Errorf("%d incidents, want 1", n)
	}
}
