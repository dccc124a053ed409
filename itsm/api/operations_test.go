package api

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"signalbox/itsm"
)

func quarantine(id string, off itsm.Offset, body string) itsm.Decision {
	return itsm.Decision{Kind: itsm.PutQuarantine, Quarantine: &itsm.Quarantined{ID: id, Source: "generic", Error: "not JSON", Body: []byte(body),
		FirstAt: start, LastAt: start, Count: 1, Offset: off}}
}

func TestQuarantine(t *testing.T) {
	w := newWorld(t)
	w.apply(quarantine("aa", 1, "{broken"))
	w.apply(quarantine("bb", 2, "\xff\x00binary"))
	items, _ := w.want(w.call("GET", "/api/v1/quarantine", ""), http.StatusOK).items(t)
	if got := numbersOf(items, "id"); !slices.Equal(got, []string{"bb", "aa"}) {
		t.Errorf("quarantine = %v", got)
	}
	w.want(w.call("GET", "/api/v1/quarantine/aa", ""), http.StatusOK, `"body":"{broken"`, `"body_bytes":7`, `"retried_at":null`)
	w.want(w.call("GET", "/api/v1/quarantine/bb", ""), http.StatusOK, `"truncated":false`)
	w.want(w.call("GET", "/api/v1/quarantine/cc", ""), http.StatusNotFound, "cc")

	w.retry = func(string) error { return itsm.Errorf(itsm.Conflict, "still not JSON") }
	w.want(w.call("POST", "/api/v1/quarantine/aa/retry", ""), http.StatusConflict, "still not JSON")
	w.want(w.call("POST", "/api/v1/quarantine/cc/retry", ""), http.StatusNotFound)
	w.want(w.call("POST", "/api/v1/quarantine/aa/retry", `{"force":true}`), http.StatusBadRequest, "force")
	w.retry = func(string) error { return nil }
	w.want(w.call("POST", "/api/v1/quarantine/aa/retry", ""), http.StatusOK, `"retried_at":"2026-11-03T10:00:00.000Z"`)
	items, _ = w.call("GET", "/api/v1/quarantine?waiting", "").items(t)
	if got := numbersOf(items, "id"); !slices.Equal(got, []string{"bb"}) {
		t.Errorf("waiting = %v", got)
	}
	w.want(w.call("GET", "/api/v1/quarantine?waiting=maybe", ""), http.StatusBadRequest, "waiting", "maybe")
	w.want(w.call("GET", "/api/v1/quarantine?limit=1&cursor=x", ""), http.StatusBadRequest, "cursor")
}

func intent(key string, serial uint32) itsm.Decision {
	return itsm.Decision{Kind: itsm.PutIntent, Intent: &itsm.Intent{Key: key, Connector: "pagerduty", Incident: 1, Epoch: 1, Transition: itsm.Trigger,
		At: start, Offset: itsm.Offset(serial), Serial: serial, Actor: "signalbox", Text: "disk full"}}
}

func TestOutbox(t *testing.T) {
	w := newWorld(t)
	w.connectors = []Connector{{Name: "pagerduty", Kind: "pagerduty", State: "retrying", FailedAt: start, LastError: "503"}, {Name: "datadog", Kind: "datadog", State: "ok"}}
	w.apply(intent("k1", 1))
	w.apply(intent("k2", 2))
	w.apply(intent("k3", 3))
	w.apply(itsm.Decision{Kind: itsm.SettleIntent, Settled: &itsm.Settlement{Connector: "pagerduty", Key: "k1", At: start.Add(time.Minute), Failure: "400 invalid routing key"}})
	items, _ := w.want(w.call("GET", "/api/v1/connectors", ""), http.StatusOK, `"pending":2`, `"dead_letters":1`, `"last_error":"503"`).items(t)
	if got := numbersOf(items, "name"); !slices.Equal(got, []string{"datadog", "pagerduty"}) {
		t.Errorf("connectors = %v", got)
	}
	items, next := w.want(w.call("GET", "/api/v1/connectors/pagerduty/outbox?limit=1", ""), http.StatusOK, `"status":"pending"`).items(t)
	if got := numbersOf(items, "id"); !slices.Equal(got, []string{"k2"}) || next == "" {
		t.Errorf("outbox = %v, next %q", got, next)
	}
	w.want(w.call("GET", "/api/v1/connectors/datadog/outbox", ""), http.StatusOK, `"items":[]`)
	w.want(w.call("GET", "/api/v1/connectors/pagerduty/dead-letters", ""), http.StatusOK, `"id":"k1"`, `"failure":"400 invalid routing key"`, `"settled_at":"2026-11-03T09:01:00.000Z"`)
	w.want(w.call("GET", "/api/v1/connectors/slack/outbox", ""), http.StatusNotFound, "slack")
	w.want(w.call("GET", "/api/v1/connectors/slack/dead-letters", ""), http.StatusNotFound)

	w.want(w.call("POST", "/api/v1/connectors/pagerduty/dead-letters/k1/retry", ""), http.StatusOK, `"id":"k1"`)
	w.want(w.call("POST", "/api/v1/connectors/pagerduty/dead-letters/k2/retry", ""), http.StatusConflict, "k2", "pending")
	w.want(w.call("POST", "/api/v1/connectors/pagerduty/dead-letters/k9/retry", ""), http.StatusNotFound, "k9")
	w.want(w.call("POST", "/api/v1/connectors/slack/dead-letters/k1/retry", ""), http.StatusNotFound, "slack")
	if d := cmp.Diff([]string{"pagerduty k1 api:admin"}, w.retried); d != "" {
		t.Errorf("retried (-want +got)\n%s", d)
	}
}

// TestWithoutParts: a process without connectors, door, feed or status still answers.
func TestWithoutParts(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Connectors, o.Retry, o.Subscribe, o.Status, o.Metrics = nil, nil, nil, nil, nil })
	w.apply(quarantine("aa", 1, "x"), intent("k1", 1),
		itsm.Decision{Kind: itsm.SettleIntent, Settled: &itsm.Settlement{Connector: "pagerduty", Key: "k1", At: start, Failure: "no"}})
	w.want(w.call("GET", "/api/v1/connectors", ""), http.StatusOK, `"state":"unconfigured"`)
	w.want(w.call("POST", "/api/v1/connectors/pagerduty/dead-letters/k1/retry", ""), http.StatusServiceUnavailable, "not configured")
	w.want(w.call("POST", "/api/v1/quarantine/aa/retry", ""), http.StatusServiceUnavailable)
	w.want(w.call("GET", "/api/v1/events", ""), http.StatusServiceUnavailable)
	w.want(w.call("GET", "/readyz", ""), http.StatusOK, `"ready":true`)
	if a := w.raw("GET", "/metrics"); a.status != http.StatusNotFound {
		t.Errorf("GET /metrics = %d, want 404", a.status)
	}
}

func TestReadiness(t *testing.T) {
	w := newWorld(t)
	w.status = Status{Ready: true, Cursor: 7, Head: 9, Lag: 1500 * time.Millisecond, CMDB: 2, CIs: 40, Version: "1.0"}
	want := `{"ready":true,"because":[],"folded_offset":7,"stored_offset":9,"lag_seconds":1.5,"cmdb_revision":2,"cis":40,"version":"1.0"}`
	if a := w.want(w.call("GET", "/readyz", "", "Authorization: "), http.StatusOK); a.body != want {
		t.Errorf("readyz = %s\nwant     %s", a.body, want)
	}
	w.status = Status{Because: []string{"the disk is nearly full"}}
	a := w.call("GET", "/readyz", "")
	if a.status != http.StatusServiceUnavailable || !strings.Contains(a.body, "nearly full") || a.header.Get("Retry-After") == "" {
		t.Errorf("not ready = %d %s", a.status, a.body)
	}
	w.want(w.call("GET", "/healthz", ""), http.StatusOK, `{"alive":true}`)
}

// TestReadinessElsewhere: off loopback the reasons are not for strangers.
func TestReadinessElsewhere(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Open = false })
	w.status = Status{Because: []string{"the disk is nearly full"}}
	if a := w.call("GET", "/readyz", "", "Authorization: "); a.status != http.StatusServiceUnavailable || a.body != `{"ready":false}` {
		t.Errorf("stranger reads %d %s", a.status, a.body)
	}
	if a := w.call("GET", "/readyz", ""); !strings.Contains(a.body, "nearly full") {
		t.Errorf("admin reads %s", a.body)
	}
}
