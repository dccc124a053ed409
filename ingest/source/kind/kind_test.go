package kind_test

import (
	"slices"
	"testing"

	"signalbox/ingest/source/kind"
	"signalbox/ingest/source/sourcetest"
)

func TestEveryKindDecodes(t *testing.T) {
	bodies := map[string]string{
		kind.Alertmanager: `{"version":"4","alerts":[{"status":"firing","labels":{"a":"b","replica":"1"}}]}`,
		kind.Prometheus:   `[{"labels":{"a":"b","replica":"1"}}]`,
		kind.Datadog:      `{"alert_transition":"Triggered","aggreg_key":"k"}`,
		kind.Generic:      `{"status":"firing","title":"x"}`,
		kind.PagerDuty:    `{"event":{"id":"1","event_type":"incident.resolved","occurred_at":"2026-01-01T00:00:00Z","data":{"id":"P1"}}}`,
	}
	if !slices.IsSorted(kind.Names()) || len(kind.Names()) != len(bodies) {
		t.Errorf("names %v", kind.Names())
	}
	for _, name := range kind.Names() {
		decode, err := kind.Decoder(name, kind.Options{IgnoreLabels: []string{"replica"}})
		if err != nil {
			t.Fatal(err)
		}
		got, err := decode([]byte(bodies[name]), sourcetest.Now)
		if err != nil || len(got.Events)+len(got.Acts) != 1 {
			t.Errorf("%s: %v, %v", name, got, err)
		}
		if name == kind.Prometheus && got.Events[0].Labels.Get("replica") != "" {
			t.Errorf("the ignored label is still there: %v", got.Events[0].Labels)
		}
	}
	if _, err := kind.Decoder("nagios", kind.Options{}); err == nil {
		t.Error("an unknown kind has a decoder")
	}
}
