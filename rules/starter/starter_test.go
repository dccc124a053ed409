package starter

import (
	"slices"
	"testing"

	"signalbox/itsm"
	"signalbox/rules"
)

func TestStarter(t *testing.T) {
	set, ps := rules.Compile(Files())
	if len(ps) > 0 {
		t.Fatal(ps)
	}
	if len(Files()) != 4 || len(set.Rules()) < 20 {
		t.Errorf("%d files, %d rules", len(Files()), len(set.Rules()))
	}
	for _, f := range Files() {
		if text, err := rules.Format(f.Body); err != nil || text != f.Body {
			t.Errorf("%s is not formatted: %v\n%s", f.Name, err, text)
		}
	}
}

func TestStarterMatches(t *testing.T) {
	set, _ := rules.Compile(Files())
	for _, c := range []struct {
		name   string
		labels map[string]string
		want   []string
	}{
		{"crash loop", map[string]string{"alertname": "KubePodCrashLooping", "namespace": "shop", "pod": "web-1", "node": "n1"}, []string{"k8s-workload", "k8s-workload-title"}},
		{"watchdog", map[string]string{"alertname": "Watchdog"}, []string{"k8s-watchdog"}},
		{"node down", map[string]string{"alertname": "NodeDown", "job": "node", "instance": "web-1:9100"}, []string{"node-name", "node-down"}},
		{"disk", map[string]string{"alertname": "NodeFilesystemAlmostOutOfSpace", "instance": "web-1:9100", "mountpoint": "/"}, []string{"node-name", "node-filesystem"}},
		{"database", map[string]string{"alertname": "PostgresqlDown", "instance": "db-1"}, []string{"node-name", "db-down"}},
		{"datadog", map[string]string{"monitor_id": "7", "service": "cart", "env": "prod"}, []string{"datadog-environment", "datadog-monitor"}},
	} {
		f := rules.Facts{Event: &itsm.Event{Source: "x", Severity: itsm.Warning, Status: itsm.Firing, Labels: itsm.LabelsOf(c.labels)}, Incident: &rules.IncidentFacts{}}
		r := set.NewRun()
		r.Begin(&f)
		r.Normalise()
		r.Suppress(func(*rules.Rule) bool { return false })
		r.Correlate()
		r.Policy()
		var got []string
		for _, h := range r.Hits {
			got = append(got, h.Rule.ID)
		}
		if !slices.Equal(got, c.want) || len(r.Failed) > 0 {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
}
