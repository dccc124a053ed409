package api

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"signalbox/correlate"
	"signalbox/correlate/backtest"
	"signalbox/itsm"
	"signalbox/itsm/entry"
)

// past is a short history in memory.
type past struct{ entries []backtest.Entry }

func (p past) Once() bool { return false }

func (p past) Each(fn func(backtest.Entry) error) error {
	for _, e := range p.entries {
		if err := fn(e); err != nil {
			return err
		}
	}
	return nil
}

// pastOf has one critical alert on the day before the world began.
func pastOf(t *testing.T) past {
	body, err := correlate.DefaultConfig().Canonical()
	if err != nil {
		t.Fatal(err)
	}
	at := start.Add(-24 * time.Hour)
	d := &entry.Delivery{Source: "main", Events: []itsm.Event{{Source: "main", Identity: "x", Title: "Noise", CIName: "db1", Status: itsm.Firing, Severity: itsm.Critical, StartsAt: at}}}
	return past{[]backtest.Entry{{Offset: 1, At: at, Value: &entry.Config{Body: body}}, {Offset: 2, At: at, Value: d}}}
}

const tryDrop = `{"files": [{"name": "a.yaml", "body": "id: noise\nabout: nobody wants it\nwhen: title == \"Noise\"\nsuppress: drop\n"}]}`

func TestBacktest(t *testing.T) {
	jobs := backtest.NewJobs(pastOf(t), time.Now)
	t.Cleanup(jobs.Close)
	w := newWorld(t, func(o *Options) { o.Rules, o.Backtests = &bookcase{blobs: map[string][]byte{}}, jobs })
	for body, want := range map[string]string{
		`{}`:                             "exactly one of them",
		`{"files": [], "revision": 1}`:   "exactly one of them",
		`{"files": [], "against": "7x"}`: "expected active, none or the number",
		`{"files": [{"name": "a.yaml", "body": "id: x\n"}]}`: "cannot be used",
		`{"files": [], "warm_up": "a day"}`:                  `warm_up: \"a day\": expected a time such as 24h, from 0s to 744h0m0s`,
		`{"files": [], "warm_up": "800h"}`:                   "expected a time such as 24h",
	} {
		w.want(w.call("POST", "/api/v1/rules/backtest", body), http.StatusBadRequest, want)
	}
	w.want(w.call("POST", "/api/v1/rules/backtest", `{"revision": 3}`), http.StatusNotFound)
	w.want(w.call("POST", "/api/v1/rules/backtest", tryDrop, "Authorization: Bearer "+viewerToken), http.StatusForbidden)
	if a := w.want(w.call("POST", "/api/v1/rules/backtest", tryDrop), http.StatusOK).object(t); a["state"] != "running" || a["id"] != "1" || a["actor"] != "api:admin" {
		t.Errorf("started %v", a)
	}
	done := w.awaitBacktest("1")
	report, ok := done["report"].(map[string]any)
	if !ok || done["state"] != "done" || done["progress"] != 100.0 || report["incidents"].(map[string]any)["suppressed"].(map[string]any)["count"] != 1.0 {
		t.Errorf("done %v", done)
	}
	w.want(w.call("PUT", "/api/v1/rules", goodRules), http.StatusOK)
	w.want(w.call("POST", "/api/v1/rules/backtest", `{"revision": 1, "against": "none", "from": "2030-01-01T00:00:00Z"}`), http.StatusOK)
	if failed := w.awaitBacktest("2"); failed["state"] != "failed" || !strings.Contains(failed["error"].(string), "no delivery in the range") || failed["report"] != nil {
		t.Errorf("nothing in the range: %v", failed)
	}
	items := w.want(w.call("GET", "/api/v1/rules/backtests", ""), http.StatusOK).object(t)["items"].([]any)
	if len(items) != 2 || items[0].(map[string]any)["id"] != "2" || items[1].(map[string]any)["report"] != nil {
		t.Errorf("list %v", items)
	}
	w.want(w.call("GET", "/api/v1/rules/backtests/9", ""), http.StatusNotFound)
}

func TestBacktestWithoutHistory(t *testing.T) {
	w := newWorld(t)
	w.want(w.call("POST", "/api/v1/rules/backtest", tryDrop), http.StatusServiceUnavailable)
	w.want(w.call("GET", "/api/v1/rules/backtests", ""), http.StatusServiceUnavailable)
	w.want(w.call("GET", "/api/v1/rules/backtests/1", ""), http.StatusServiceUnavailable)
}

// awaitBacktest asks until it is over.
func (w *world) awaitBacktest(id string) map[string]any {
	w.t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if a := w.want(w.call("GET", "/api/v1/rules/backtests/"+id, ""), http.StatusOK).object(w.t); a["state"] != "running" {
			return a
		}
	}
	w.t.Fatalf("backtest %s does not end", id)
	return nil
}
