package api

import (
	"net/http"
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
