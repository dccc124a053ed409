package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"signalbox/itsm"
)

// Each incident is an act of its own, and one that is refused says why beside the
// others.
func TestBulk(t *testing.T) {
	w := newWorld(t)
	w.open(itsm.Incident{})
	w.open(itsm.Incident{})
	a := w.want(w.call("POST", "/api/v1/incidents/bulk", `{"action":"resolve","incidents":["INC0000002","INC0000001","INC0000002","INC0000009"],"body":{"close_code":"workaround","note":"all of it"}}`, "Idempotency-Key: k"), http.StatusOK)
	var v bulkView
	if err := json.Unmarshal([]byte(a.body), &v); err != nil {
		t.Fatal(err)
	}
	if v.Done != 2 || v.Refused != 1 || len(v.Results) != 3 || v.Results[2].Incident != "INC0000009" || v.Results[2].Code == nil || *v.Results[2].Code != "not_found" {
		t.Errorf("answered %s", a.body)
	}
	var got []string
	for _, act := range w.acts {
		got = append(got, fmt.Sprintf("%s %s %s %s %s", act.Kind, act.Incident, act.CloseCode, act.Text, act.IdempotencyKey))
	}
	if want := "resolve INC0000002 workaround all of it k/INC0000002, resolve INC0000001 workaround all of it k/INC0000001"; strings.Join(got, ", ") != want {
		t.Errorf("journaled %q, want %q", got, want)
	}
	w.want(w.call("POST", "/api/v1/incidents/bulk", `{"action":"merge","incidents":["INC0000001","INC0000002"],"body":{"into":"INC0000001"}}`), http.StatusOK, `"refused":1`, "cannot be merged into itself")

	w.api.o.Engine = behind{w.api.o.Engine}
	w.want(w.call("POST", "/api/v1/incidents/bulk", `{"action":"acknowledge","incidents":["INC0000001"]}`), http.StatusOK, `"refused":0,"pending":1`, `"result":"pending","code":null,"detail":"the act is stored`)
}

// behind is an engine that stores acts and is far from folding them.
type behind struct{ Engine }

func (behind) Do(context.Context, itsm.Act) (itsm.Outcome, error) {
	return itsm.Outcome{Offset: 7}, itsm.Errorf(itsm.Unavailable, "the act is stored as entry 7 but not applied yet")
}

func TestRefusedBulk(t *testing.T) {
	w := newWorld(t)
	w.open(itsm.Incident{})
	many := strings.TrimSuffix(strings.Repeat(`"INC0000001",`, itsm.BulkMax+1), ",")
	for _, tc := range []struct {
		body   string
		status int
		word   string
	}{
		{`{"action":"explode","incidents":["INC0000001"]}`, 400, "acknowledge"},
		{`{"action":"split","incidents":["INC0000001"]}`, 400, "action"},
		{`{"action":"major/accept","incidents":["INC0000001"]}`, 400, "action"},
		{`{"action":"acknowledge"}`, 400, "incidents"},
		{`{"action":"acknowledge","incidents":["INC1"]}`, 400, "incidents[0]"},
		{`{"action":"acknowledge","incidents":[` + many + `]}`, 413, "at most 200"},
		{`{"action":"hold","incidents":["INC0000001"]}`, 400, "reason"},
		{`{"action":"hold","incidents":["INC0000001"],"body":{"why":"x"}}`, 400, "why"},
		{`{"action":"hold","incidents":["INC0000001"],"body":"x"}`, 400, "JSON object"},
	} {
		w.want(w.call("POST", "/api/v1/incidents/bulk", tc.body), tc.status, tc.word)
	}
	if len(w.acts) != 0 {
		t.Errorf("%d acts were journaled", len(w.acts))
	}
}
