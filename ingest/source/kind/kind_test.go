package kind_test

import (
	"slices"
	"strings"
	"testing"

	"signalbox/ingest/source"
	"signalbox/ingest/source/kind"
	"signalbox/ingest/source/sourcetest"
)

func TestEveryKindDecodes(t *testing.T) {
	bodies := map[string]string{
		kind.Alertmanager:    `{"version":"4","alerts":[{"status":"firing","labels":{"a":"b","replica":"1"}}]}`,
		kind.Prometheus:      `[{"labels":{"a":"b","replica":"1"}}]`,
		kind.Datadog:         `{"alert_transition":"Triggered","aggreg_key":"k"}`,
		kind.Generic:         `{"status":"firing","title":"x"}`,
		kind.Jira:            `{"timestamp":1795262398111,"webhookEvent":"jira:issue_deleted","issue":{"key":"OPS-1","fields":{"labels":["signalbox-INC0000001-1"]}}}`,
		kind.Opsgenie:        `{"action":"Close","alert":{"alertId":"1","alias":"signalbox-INC0000001-1","updatedAt":1795262398111}}`,
		kind.ServiceNow:      `{"table":"incident","operation":"delete","record":{"sys_id":"1","correlation_id":"signalbox/INC0000001/1","state":"1","sys_updated_on":"2026-01-01 00:00:00"}}`,
		kind.Webhook:         `{"type":"incident.resolve","data":{"incident":"INC0000001"}}`,
		kind.Slack:           `payload={"type":"block_actions","trigger_id":"1","actions":[{"action_id":"signalbox_resolve","value":"INC0000001/1","action_ts":"1.000"}]}`,
		kind.ArgoCD:          `{"app":"shop","phase":"Running","started_at":"2026-11-21T11:59:58Z"}`,
		kind.GitHub:          `{"deployment":{"id":1,"environment":"production","created_at":"2026-11-21T11:59:58Z"},"repository":{"full_name":"acme/shop"}}`,
		kind.GitLab:          `{"object_kind":"deployment","status":"running","deployment_id":1,"status_changed_at":"2026-11-21 12:59:58 +0100","project":{"path_with_namespace":"acme/shop"}}`,
		kind.PagerDutyChange: `{"payload":{"summary":"flag on"}}`,
		kind.PagerDuty:       `{"event":{"id":"1","event_type":"incident.resolved","occurred_at":"2026-01-01T00:00:00Z","data":{"id":"P1"}}}`,
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
	for _, name := range kind.Names() {
		decode, err := kind.Decoder(name, kind.Options{Bounds: source.Bounds{Depth: 5}})
		if err != nil {
			t.Fatal(err)
		}
		_, err = decode([]byte(strings.Repeat(`[`, 6)+strings.Repeat(`]`, 6)), sourcetest.Now)
		if name != kind.Prometheus && name != kind.Generic { // whose bodies may be lists
			_, err = decode([]byte(strings.Repeat(`{"alerts":`, 6)+"1"+strings.Repeat(`}`, 6)), sourcetest.Now)
		}
		if got := source.ExcessesOf(err); len(got) != 1 || got[0].Bound != source.BoundDepth {
			t.Errorf("%s: a body nested 6 levels, 5 allowed: %v", name, err)
		}
	}
	if _, err := kind.Decoder("nagios", kind.Options{}); err == nil {
		t.Error("an unknown kind has a decoder")
	}
}
