package api

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"signalbox/itsm"
	"signalbox/itsm/partners"
)

func TestConnectorsArePausedAndTested(t *testing.T) {
	w := newWorld(t)
	w.connectors = []Connector{{Name: "pagerduty", Kind: "pagerduty", State: partners.Ok, PerMinute: 100, Limit: partners.Limit{Limit: 960, Remaining: 3, At: start},
		Sweep: partners.Sweep{Possible: true, Every: 5 * time.Minute, Differs: 2}, Drift: partners.Drift{Found: 4, Adopted: 1, Repaired: 3}}}
	w.want(w.call("GET", "/api/v1/connectors/pagerduty", ""), http.StatusOK, `"per_minute":100`, `"every_seconds":300`, `"differs":2`, `"remaining":3`, `"adopted":1`, `"pause":null`)
	w.want(w.call("GET", "/api/v1/connectors/slack", ""), http.StatusNotFound, "slack")
	w.want(w.call("POST", "/api/v1/connectors/pagerduty/pause", `{"reason":"moving house"}`), http.StatusOK, `"state":"paused"`, `"by":"api:admin"`, `"reason":"moving house"`)
	w.want(w.call("POST", "/api/v1/connectors/pagerduty/pause", `{"why":"x"}`), http.StatusBadRequest, "why")
	w.want(w.call("POST", "/api/v1/connectors/slack/pause", ""), http.StatusNotFound)
	w.want(w.call("POST", "/api/v1/connectors/pagerduty/resume", ""), http.StatusOK, `"state":"ok"`, `"pause":null`)
	w.want(w.call("POST", "/api/v1/connectors/pagerduty/test", ""), http.StatusOK, `"ok":false`, `"name":"open"`, `pagerduty: 403`, `"seconds":1`)
	w.want(w.call("POST", "/api/v1/connectors/pagerduty/test", `{"check_only":true}`), http.StatusOK, `"ok":true`, `as api:admin`)
	for _, route := range []string{"pause", "resume", "test"} {
		w.want(w.call("POST", "/api/v1/connectors/pagerduty/"+route, "", "Authorization: Bearer "+responderToken), http.StatusForbidden)
	}
}

func TestSyncOfAnIncident(t *testing.T) {
	w := newWorld(t)
	w.apply(itsm.Decision{Kind: itsm.PutIncident, Incident: &itsm.Incident{Number: 1, Title: "down", State: itsm.New, Epoch: 1, Version: 1, OpenedAt: start}})
	w.rows = []partners.Row{
		{Connector: "jira", Kind: "jira", Told: true, Want: itsm.PartnerRecord{Status: itsm.RecordAcknowledged, Priority: itsm.P2}, Has: &itsm.PartnerRecord{Status: itsm.RecordOpen, Knows: itsm.SyncPriority, Priority: itsm.P2, By: "jane"},
			SeenAt: start, Link: itsm.ExternalRef{Connector: "jira", ID: "OPS-1", URL: "https://jira.example/OPS-1"}, Waiting: 0,
			Differs: []itsm.Difference{{Field: itsm.AuthorityAcknowledged, Has: "open", Want: "acknowledged"}}},
		{Connector: "pd", Kind: "pagerduty", Why: "this partner is told from P1 on", Want: itsm.PartnerRecord{Status: itsm.RecordAcknowledged}},
	}
	w.want(w.call("GET", "/api/v1/incidents/INC0000001/sync", ""), http.StatusOK, `"kept":true`, `"has":{"status":"open","assignee":null`, `"by":"jane"`, `"id":"OPS-1"`,
		`"drift":[{"field":"acknowledged","has":"open","wants":"acknowledged","owner":"any person, in any tool"`, `"why":"this partner is told from P1 on"`, `"authorities":[{"field":"condition"`)
	w.want(w.call("GET", "/api/v1/incidents/INC0000009/sync", ""), http.StatusNotFound)
}

// keeper keeps in memory.
type keeper struct {
	text    string
	secrets map[string]string
	by      partners.Admin
	starts  int
}

func (k *keeper) Kept() (partners.Kept, error) {
	out := partners.Kept{Text: k.text, Version: fmt.Sprint(len(k.text)), Pending: k.text != ""}
	for _, n := range slices.Sorted(maps.Keys(k.secrets)) {
		out.Secrets = append(out.Secrets, partners.Secret{Name: n})
	}
	return out, nil
}
func (*keeper) CheckKept(string) []string { return nil }
func (k *keeper) SaveKept(_ context.Context, text, version string, by partners.Admin) error {
	if version != fmt.Sprint(len(k.text)) {
		return itsm.Errorf(itsm.Stale, "somebody saved connectors")
	}
	k.text, k.by = text, by
	return nil
}
func (k *keeper) SaveSecret(_ context.Context, name, value string, by partners.Admin) error {
	if k.secrets[name] = value; value == "" {
		delete(k.secrets, name)
	}
	k.by = by
	return nil
}
func (k *keeper) Restart(_ context.Context, by partners.Admin) error {
	k.starts, k.by = k.starts+1, by
	return nil
}
func (*keeper) Examples() []partners.Example { return nil }

func TestConfiguredConnectors(t *testing.T) {
	w := newWorld(t)
	const at = "/api/v1/configuration/connectors"
	w.want(w.call("GET", at, ""), http.StatusServiceUnavailable)
	k := &keeper{secrets: map[string]string{}}
	w.api.o.Keeper = k
	w.want(w.call("GET", at, ""), http.StatusOK, `"text":""`, `"version":"0"`, `"in_file":[]`, `"secrets":[]`, `"pending":false`)
	w.want(w.call("PUT", at, `{"version":"0"}`), http.StatusBadRequest, "text")
	w.want(w.call("PUT", at, `{"text":"connectors: {}","version":"3"}`), http.StatusPreconditionFailed)
	w.want(w.call("PUT", at, `{"text":"connectors: {}","version":"0"}`), http.StatusOK, `"text":"connectors: {}"`, `"pending":true`)
	if k.by.Actor != "api:admin" {
		t.Errorf("by %+v", k.by)
	}
	const secret = "/api/v1/configuration/secrets/pd"
	w.want(w.call("PUT", secret, `{"value":" "}`), http.StatusBadRequest, "value")
	a := w.want(w.call("PUT", secret, `{"value":"s3cret"}`), http.StatusOK, `{"name":"pd","used":false}`)
	if strings.Contains(string(a.body), "s3cret") || k.secrets["pd"] != "s3cret" {
		t.Errorf("the secret is told, or not kept: %s", a.body)
	}
	w.want(w.call("DELETE", secret, ""), http.StatusOK, `"secrets":[]`)
	w.want(w.call("POST", "/api/v1/configuration/restart", ""), http.StatusOK)
	if k.starts != 1 {
		t.Errorf("%d restarts", k.starts)
	}
	for _, c := range [][2]string{{"GET", at}, {"PUT", at}, {"PUT", secret}, {"DELETE", secret}, {"POST", "/api/v1/configuration/restart"}} {
		w.want(w.call(c[0], c[1], "", "Authorization: Bearer "+responderToken), http.StatusForbidden)
	}
}
