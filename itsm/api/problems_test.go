package api

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"signalbox/correlate"
	"signalbox/itsm"
	"signalbox/itsm/entry"
	"signalbox/itsm/partners"
)

// recur lets the fold see three outages of a day, so that it proposes PRB0000001.
func (w *world) recur() {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	step := func(at itsm.Time, d *entry.Delivery) {
		ds := slices.Clone(w.fold.Step(correlate.Input{Offset: w.offset + 1, At: at, Delivery: d, Tick: d == nil}))
		w.applyLocked(append(ds, w.fold.Flush()...)...)
	}
	begin := start.Add(-48 * time.Hour)
	for n := range 3 {
		at := begin.Add(time.Duration(n) * time.Hour)
		e := itsm.Event{Source: "am", Identity: "db1/DiskFull", Status: itsm.Firing, Severity: itsm.Critical, Title: "DiskFull", CIName: "db1", StartsAt: at,
			Labels: itsm.NewLabels([]itsm.Label{{Name: "alertname", Value: "DiskFull"}})}
		step(at, &entry.Delivery{Source: "am", Events: []itsm.Event{e}})
		e.Status, e.EndsAt = itsm.Resolved, at.Add(20*time.Minute)
		step(e.EndsAt, &entry.Delivery{Source: "am", Events: []itsm.Event{e}})
		step(e.EndsAt.Add(10*time.Minute), nil)
	}
}

func TestProblems(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.recur()
	list := w.want(w.call("GET", Prefix+"/problems?state=candidate&ci=ci:db1", ""), http.StatusOK)
	if !strings.Contains(list.body, "3 incidents in 2 h where at most 0.03 were expected") {
		t.Fatalf("the candidate: %s", list.body)
	}
	one := Prefix + "/problems/PRB0000001"
	w.objectRows = []partners.Row{{Connector: "snow", Kind: "servicenow", Has: &itsm.PartnerRecord{Status: itsm.RecordOpen, By: "jo"}, SeenAt: start, Link: itsm.ExternalRef{Connector: "snow", ID: "PRB77"},
		Differs: []itsm.Difference{{Field: itsm.AuthorityProblem, Has: `workaround "x"`, Want: `workaround "y"`}}, Repairs: 2}}
	for _, c := range []struct {
		method, path, body string
		status             int
		want               string
	}{
		{"GET", one, "", 200, `"state":"candidate"`},
		{"GET", one + "/sync", "", 200, `"drift":[{"field":"problem","has":"workaround \"x\"","wants":"workaround \"y\"","owner":"Signalbox or the ITSM tool"`},
		{"GET", one + "/sync", "", 200, `"status":"open","by":"jo"`},
		{"GET", Prefix + "/problems/PRB0000009/sync", "", 404, "PRB0000009"},
		{"GET", Prefix + "/changes/CHG0000099/sync", "", 404, "CHG0000099"},
		{"GET", Prefix + "/problems?state=nonsense", "", 400, "expected one of candidate"},
		{"GET", Prefix + "/problems/PRB0000009", "", 404, "PRB0000009"},
		{"POST", one + "/assign", `{"owner":"mira"}`, 409, "accept it first"},
		{"POST", one + "/dismiss", `{}`, 400, "reason: missing"},
		{"POST", one + "/accept", `{"reason":"x"}`, 400, "reason: unknown here; expected owner, team, title, text"},
		{"POST", one + "/accept", `{"owner":"mira","team":"dba"}`, 200, `"owner":"mira"`},
		{"POST", one + "/known-error", `{"known_error":true}`, 409, "no root cause yet"},
		{"POST", one + "/root-cause", `{"text":"logs are never rotated"}`, 200, `"root_cause":"logs are never rotated"`},
		{"POST", one + "/known-error", `{"known_error":true}`, 200, `"known_error":true`},
		{"POST", one + "/workaround", `{"text":"run cleanup.sh"}`, 200, `"workaround":"run cleanup.sh"`},
		{"POST", one + "/communicate", `{}`, 200, `"number":"PRB0000001"`},
		{"POST", one + "/link", `{"changes":["CHG0000001"]}`, 200, `"changes":["CHG0000001"]`},
		{"POST", one + "/unlink", `{"changes":["CHG0000001"]}`, 200, `"changes":[]`},
		{"POST", one + "/notes", `{"text":"looked at it"}`, 200, `"state":"new"`},
		{"POST", one + "/state", `{"state":"closed"}`, 409, "from there it can go to assess"},
		{"POST", one + "/state", `{"state":"root_cause_analysis"}`, 200, `"state":"root_cause_analysis"`},
		{"POST", one + "/merge", `{"into":"PRB0000001"}`, 400, "merged into itself"},
		{"GET", one + "/timeline", "", 200, "looked at it"},
		{"GET", Prefix + "/problems?state=root_cause_analysis&owner=mira&q=rotated", "", 200, "PRB0000001"},
		{"GET", Prefix + "/problems?incident=INC0000002", "", 200, "PRB0000001"},
		{"POST", Prefix + "/problems", `{"incidents":["INC0000001"]}`, 409, "answers for INC0000001 already"},
	} {
		if a := w.want(w.call(c.method, c.path, c.body), c.status); !strings.Contains(a.body, c.want) {
			t.Errorf("%s %s %s: %s\nwant it to contain %s", c.method, c.path, c.body, a.body, c.want)
		}
	}
	if i := w.want(w.call("GET", Prefix+"/incidents/INC0000003", ""), http.StatusOK); !strings.Contains(i.body, `"problem":"PRB0000001"`) {
		t.Errorf("its incident: %s", i.body)
	}
}
