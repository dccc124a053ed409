package api

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"signalbox/correlate/engine"
	"signalbox/correlate/group"
	"signalbox/itsm"
	"signalbox/itsm/cmdb"
	"signalbox/rules"
	"signalbox/rules/explain"
)

// oracle explains every alert up to 9 as a member of INC0000001 that rule a
// renamed, and remembers what it was asked last.
type oracle struct{ asked engine.Question }

func (o *oracle) Explain(_ context.Context, q engine.Question) (engine.Explanation, error) {
	o.asked = q
	var x engine.Explanation
	if q.Alert > 9 {
		return x, itsm.Errorf(itsm.NotFound, "%s is forgotten", q.Alert)
	}
	event := &itsm.Event{Source: "shop", Identity: "1", Title: "down", Status: itsm.Firing, Severity: itsm.Major, Labels: itsm.LabelsOf(map[string]string{"host": "db1", "old": "x"})}
	if q.Event != nil {
		event = q.Event
	}
	set := q.Rules
	if set == nil {
		set, _ = rules.Compile([]rules.File{{Name: "a.yaml", Body: "id: a\nabout: renames\nnormalise: {rename: {old: new}, set: {title: Down}}\n"}})
	}
	x.Alert, x.Episode, x.At, x.Event, x.CI, x.Graph = q.Alert, 1, start, event, "db1", cmdb.Empty(cmdb.DefaultRelationTypes())
	x.Answer = explain.Alert(set, x.Graph, explain.Case{Event: event, Now: start})
	x.Outcome.What, x.Outcome.Rule, x.Outcome.Because, x.Outcome.ThresholdMilli = "opens", "default", "no open incident explains db1", 500
	if q.Alert != 0 {
		x.Incident, x.Lead, x.Decided = 1, 5, &itsm.Evidence{Incident: 1, Alert: q.Alert, Episode: 1, At: start, Decision: itsm.DecidedOpened, By: "first", Because: "first"}
	}
	beside := max(q.Beside, 2)
	x.Near.Neighbours = []group.Neighbour{{Incident: beside, By: "near", Relation: "db2 alerts, 1 hops away", ScoreMilli: 410, Why: "its score of 0.410 is not above 0.500", OpenedAt: start, LastJoinAt: start}}
	return x, nil
}

func TestExplainAlert(t *testing.T) {
	o := &oracle{}
	w := newWorld(t, func(op *Options) { op.Explainer = o })
	a := w.want(w.call("GET", "/api/v1/alerts/ALR0000005/explain?beside=INC0000008", ""), http.StatusOK).object(t)
	if o.asked.Alert != 5 || o.asked.Beside != 8 {
		t.Errorf("asked %+v, want alert 5 beside incident 8", o.asked)
	}
	near := a["neighbours"].([]any)[0].(map[string]any)
	if near["incident"] != "INC0000008" || near["score"] != 0.41 || near["why_not"] == nil {
		t.Errorf("neighbour %v", near)
	}
	var changed []string
	for _, c := range a["changed"].([]any) {
		changed = append(changed, c.(map[string]any)["field"].(string))
	}
	if got := strings.Join(changed, " "); got != "title labels.old labels.new" {
		t.Errorf("changed %q, want the title, and the label under its new name", got)
	}
	if tried := a["stages"].([]any)[0].(map[string]any)["tried"].([]any)[0].(map[string]any); tried["rule"] != "a" || tried["matched"] != true {
		t.Errorf("tried %v", tried)
	}
	w.want(w.call("GET", "/api/v1/alerts/ALR0000010/explain", ""), http.StatusNotFound)
	w.want(w.call("GET", "/api/v1/alerts/ALR0000005/explain?beside=8", ""), http.StatusBadRequest)
	w.want(newWorld(t).call("GET", "/api/v1/alerts/ALR0000005/explain", ""), http.StatusServiceUnavailable)
}

func TestExplainIncident(t *testing.T) {
	w := newWorld(t, func(op *Options) { op.Explainer = &oracle{} })
	for n := range 12 {
		evidence := &itsm.Evidence{Incident: 1, Alert: itsm.AlertNumber(n + 1), Episode: 1, At: start, Decision: itsm.DecidedJoined, By: "same_ci", Because: "the same CI"}
		ds := []itsm.Decision{{Kind: itsm.PutEvidence, Evidence: evidence}}
		if n == 0 {
			ds = append(ds, itsm.Decision{Kind: itsm.PutIncident, Incident: &itsm.Incident{Number: 1, State: itsm.New, Priority: itsm.P1, OpenedAt: start, Version: 1}})
		}
		w.apply(ds...)
	}
	first := w.want(w.call("GET", "/api/v1/incidents/INC0000001/explain?limit=10", ""), http.StatusOK).object(t)
	if first["lead"] == nil || len(first["items"].([]any)) != 10 || first["next_cursor"] == "" {
		t.Fatalf("first page %v", first)
	}
	forgotten, known := first["items"].([]any)[0].(map[string]any), first["items"].([]any)[9].(map[string]any)
	if forgotten["alert"] != "ALR0000012" || forgotten["now"] != nil || known["now"] == nil || len(known["neighbours"].([]any)) != 1 {
		t.Errorf("forgotten %v\nknown %v", forgotten, known)
	}
	second := w.want(w.call("GET", "/api/v1/incidents/INC0000001/explain?limit=10&cursor="+first["next_cursor"].(string), ""), http.StatusOK).object(t)
	if second["lead"] != nil || len(second["items"].([]any)) != 2 {
		t.Errorf("second page %v", second)
	}
	w.want(w.call("GET", "/api/v1/incidents/INC0000009/explain", ""), http.StatusNotFound)
}

func TestExplainRules(t *testing.T) {
	o := &oracle{}
	w := newWorld(t, func(op *Options) { op.Explainer, op.Rules = o, &bookcase{blobs: map[string][]byte{}} })
	w.want(w.call("PUT", "/api/v1/rules", goodRules), http.StatusOK)
	event := `"event": {"source": "shop", "title": "down", "severity": "critical", "labels": {"host": "db1"}}`
	a := w.want(w.call("POST", "/api/v1/rules/explain", `{`+event+`, "files": [{"name": "a.yaml", "body": "id: b\nabout: names\nbind: {ci: [\"${labels.host}\"]}\n"}]}`), http.StatusOK).object(t)
	if a["alert"] != nil || a["bound_by"] == nil || o.asked.Event.Identity != "down" || o.asked.Rules == nil {
		t.Errorf("got %v, asked %+v", a, o.asked)
	}
	w.want(w.call("POST", "/api/v1/rules/explain", `{`+event+`, "revision": 1}`), http.StatusOK)
	if o.asked.Revision != 1 || o.asked.Rules.Rule("a") == nil {
		t.Errorf("asked %+v, want revision 1", o.asked)
	}
	w.want(w.call("POST", "/api/v1/rules/explain", `{"alert": "ALR0000005"}`, "Authorization: Bearer "+viewerToken), http.StatusOK)
	if o.asked.Rules != nil {
		t.Error("the active rules were not meant")
	}
	for _, body := range []string{`{}`, `{"alert": "ALR0000005", ` + event + `}`, `{"event": {"title": "down"}}`, `{` + event + `, "revision": 1, "files": []}`,
		`{` + event + `, "files": [{"name": "a.yaml", "body": "id: b\n"}]}`, `{"event": {"source": "a", "title": "b", "status": "on"}}`} {
		w.want(w.call("POST", "/api/v1/rules/explain", body), http.StatusBadRequest)
	}
	w.want(w.call("POST", "/api/v1/rules/explain", `{`+event+`, "revision": 7}`), http.StatusNotFound)
}

func TestRulesCounts(t *testing.T) {
	w := newWorld(t, func(o *Options) {
		o.Rules = &bookcase{blobs: map[string][]byte{}}
		o.RuleCounts = func() []RuleCount { return []RuleCount{{ID: "a", Hits: 3, Failures: 1, LastAt: start}, {ID: "b"}} }
	})
	counts := w.want(w.call("GET", "/api/v1/rules", ""), http.StatusOK).object(t)["counts"].([]any)
	if a, b := counts[0].(map[string]any), counts[1].(map[string]any); a["rule"] != "a" || a["hits"] != 3.0 || a["failures"] != 1.0 || b["last_at"] != nil {
		t.Errorf("counts %v", counts)
	}
}
