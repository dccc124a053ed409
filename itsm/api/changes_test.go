package api

import (
	"net/http"
	"strings"
	"testing"
)

func TestChanges(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.want(w.call("POST", "/api/v1/changes", `{"title": "shop 7.2", "external_id": "r1", "state": "in_progress", "cis": ["shop"], "who": "ada"}`),
		http.StatusCreated, `"id":"CHG0000001"`, `"source":"api"`, `"unknown":["shop"]`, `"who":"ada"`, `"planned_start":null`, `"version":1`)
	w.want(w.call("POST", "/api/v1/changes", `{"external_id": "r1", "state": "successful"}`), http.StatusOK, `"version":2`, `"state":"successful"`, `"title":"shop 7.2"`)
	w.want(w.call("POST", "/api/v1/changes", `{"title": "firmware", "type": "emergency", "planned_start": "2027-01-01T00:00:00Z", "planned_end": "2027-01-01T02:00:00Z"}`), http.StatusCreated, `"id":"CHG0000002"`)
	w.want(w.call("GET", "/api/v1/changes", ""), http.StatusOK, `"next_cursor":""`, `"id":"CHG0000002"`, `"id":"CHG0000001"`)
	for q, want := range map[string]string{"state=planned": "CHG0000002", "type=standard": "CHG0000001", "from=2026-12-01T00:00:00Z": "CHG0000002", "to=2026-12-01T00:00:00Z": "CHG0000001"} {
		a := w.want(w.call("GET", "/api/v1/changes?"+q, ""), http.StatusOK, want)
		if n := strings.Count(a.body, `"id":"CHG`); n != 1 {
			t.Errorf("%s: %d changes, want 1", q, n)
		}
	}
	w.want(w.call("PUT", "/api/v1/changes/CHG0000002", `{"risk": "high"}`, `If-Match: "1"`), http.StatusOK, `"risk":"high"`, `"type":"emergency"`)
	w.want(w.call("PUT", "/api/v1/changes/CHG0000002", `{"risk": "low"}`, `If-Match: "1"`), http.StatusPreconditionFailed, "at version 2")
	w.want(w.call("POST", "/api/v1/changes/CHG0000002/cancel", ""), http.StatusOK, `"state":"cancelled"`)
	w.want(w.call("POST", "/api/v1/changes/CHG0000001/cancel", ""), http.StatusConflict, "cannot be cancelled")
	w.want(w.call("GET", "/api/v1/changes/CHG0000009", ""), http.StatusNotFound)
	w.want(w.call("PUT", "/api/v1/changes/CHG0000009", `{"risk": "low"}`), http.StatusNotFound, "CHG0000009")
	for body, want := range map[string]string{`{}`: "title", `{"title": "x", "state": "on"}`: `state \"on\"`, `{"title": "x", "colour": "red"}`: "colour", `{"title": "x", "planned_start": "soon"}`: "soon"} {
		w.want(w.call("POST", "/api/v1/changes", body), http.StatusBadRequest, want)
	}
	w.want(w.call("GET", "/api/v1/changes?state=on", ""), http.StatusBadRequest, "planned")
}

func TestMaintenance(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.want(w.call("POST", "/api/v1/maintenance", `{"reason": "patch day", "starts_at": "2026-11-04T01:00:00Z", "ends_at": "2026-11-04T03:00:00Z", "zone": "Europe/Berlin", "rrule": "FREQ=WEEKLY;COUNT=3", "scope": {"cis": ["db-1"], "labels": {"env": "prod"}}}`),
		http.StatusCreated, `"id":"MNT0000001"`, `"state":"scheduled"`, `"unknown":["db-1"]`, `"labels":{"env":"prod"}`, `"classes":[]`, `"next_start":"2026-11-04T01:00:00.000Z"`, `{"start":"2026-11-18T01:00:00.000Z","end":"2026-11-18T03:00:00.000Z"}]`)
	w.want(w.call("POST", "/api/v1/maintenance", `{"reason": "now", "ends_at": "2026-11-04T03:00:00Z", "scope": {"classes": ["host"]}}`), http.StatusCreated, `"state":"active"`, `"rrule":null`)
	w.want(w.call("POST", "/api/v1/maintenance/MNT0000001/end", ""), http.StatusConflict, "does not run")
	w.want(w.call("POST", "/api/v1/maintenance/MNT0000002/end", ""), http.StatusOK, `"state":"ended"`, `"next_start":null`, `"upcoming":[]`)
	w.want(w.call("PUT", "/api/v1/maintenance/MNT0000001", `{"reason": "patch night"}`), http.StatusOK, `"reason":"patch night"`, `"version":2`)
	w.want(w.call("GET", "/api/v1/maintenance?state=scheduled&ci=db-1", ""), http.StatusOK, "MNT0000001")
	w.want(w.call("POST", "/api/v1/maintenance/MNT0000001/cancel", ""), http.StatusOK, `"state":"cancelled"`)
	w.want(w.call("PUT", "/api/v1/maintenance/MNT0000001", `{"reason": "again"}`), http.StatusConflict, "is over")
	w.want(w.call("GET", "/api/v1/maintenance/MNT0000007", ""), http.StatusNotFound)
	for body, want := range map[string]string{
		`{"reason": "x", "ends_at": "2026-11-05T00:00:00Z"}`:                                                     "scope",
		`{"reason": "x", "ends_at": "2026-11-05T00:00:00Z", "scope": {"cis": ["a"]}, "zone": "Mars"}`:            "zone",
		`{"reason": "x", "ends_at": "2026-11-05T00:00:00Z", "scope": {"cis": ["a"]}, "rrule": "FREQ=SOMETIMES"}`: "rrule",
		`{"reason": "x", "scope": {"cis": ["a"]}}`:                                                               "ends_at",
	} {
		w.want(w.call("POST", "/api/v1/maintenance", body), http.StatusBadRequest, want)
	}
}
