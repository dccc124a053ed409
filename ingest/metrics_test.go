package ingest_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"signalbox/ingest"
)

func TestMetrics(t *testing.T) {
	reg := prometheus.NewRegistry()
	r := start(t, func(o *ingest.Options) { o.Metrics = ingest.NewMetrics(reg) })
	r.post(t, "/webhooks/alertmanager", hook(alert("a"), alert("b"), `{}`))
	r.post(t, "/webhooks/generic", `nonsense`)
	r.post(t, "/webhooks/generic", strings.Repeat(" ", ingest.BodyBytesMax+1))
	for _, name := range []string{"x", "y", "z"} {
		r.post(t, "/webhooks/"+name, `{}`)
	}
	r.post(t, "/webhooks/pagerduty", pdEvent(`"signalbox/INC0000001/1"`))
	got := map[string]float64{}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.Metric {
			name := strings.TrimPrefix(f.GetName(), "signalbox_ingest_")
			for _, l := range m.Label {
				name += " " + l.GetValue()
			}
			if v := m.GetCounter().GetValue(); v != 0 && !strings.HasPrefix(name, "body_bytes") {
				got[name] = v
			}
		}
	}
	want := map[string]float64{
		"requests_received_total alertmanager": 1, "requests_received_total generic": 2, "requests_received_total pagerduty": 1, "requests_received_total -": 3,
		"requests_accepted_total alertmanager": 1, "requests_accepted_total pagerduty": 1,
		"requests_refused_total too_large generic": 1, "bound_exceeded_total body_bytes generic": 1, "requests_refused_total unknown_source -": 3,
		"events_journaled_total alertmanager": 2, "acts_journaled_total pagerduty": 1, "quarantined_total alertmanager": 1, "quarantined_total generic": 1,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
