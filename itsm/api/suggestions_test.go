package api

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"signalbox/correlate/backtest"
	"signalbox/correlate/engine"
	"signalbox/correlate/learn"
	"signalbox/itsm"
	"signalbox/rules"
)

func learnedReport() learn.Report {
	return learn.Report{From: start, To: start, Events: 12, Bounds: []string{}, Suggestions: []learn.Suggestion{
		{ID: "aaaaaaaaaaaa", Kind: learn.ClearsItself, Title: "Blip clears by itself", Why: "Blip went off 12 times.", Figures: []learn.Figure{{Name: "episodes", Value: 12}},
			Examples: []learn.Example{{At: start, Alerts: []itsm.AlertNumber{7}, Incident: 3}},
			Rule:     rules.File{Name: "suggested-clears-itself-aaaaaaaaaaaa.yaml", Body: "id: s\nabout: waits\nmode: shadow\nsuppress: {hold: 2m}\n"}},
		{ID: "bbbbbbbbbbbb", Kind: learn.Noisy, Title: "X goes off with everything", Why: "X.", Figures: []learn.Figure{}},
	}}
}

func learner(t *testing.T, learn func(context.Context, itsm.Time, itsm.Time) (learn.Report, error)) *engine.Learner {
	l := engine.NewLearner(learn, time.Now)
	t.Cleanup(l.Close)
	return l
}

func TestSuggestionBecomesADraft(t *testing.T) {
	asked := 0
	store := &bookcase{blobs: map[string][]byte{}}
	w := newWorld(t, func(o *Options) {
		o.Rules = store
		o.Learner = learner(t, func(context.Context, itsm.Time, itsm.Time) (learn.Report, error) {
			asked++
			return learnedReport(), nil
		})
	})
	draft := "/api/v1/rules/suggestions/aaaaaaaaaaaa/draft"
	w.want(w.call("POST", draft, ""), http.StatusNotFound) // nothing was computed
	for range 2 {
		a := w.want(w.call("GET", "/api/v1/rules/suggestions", ""), http.StatusOK).object(t)
		items := a["items"].([]any)
		first := items[0].(map[string]any)
		example := first["examples"].([]any)[0].(map[string]any)
		if a["state"] != "ready" || len(items) != 2 || example["incident"] != "INC0000003" || example["alerts"].([]any)[0] != "ALR0000007" || items[1].(map[string]any)["rule"] != nil {
			t.Errorf("suggestions %v", a)
		}
	}
	w.want(w.call("GET", "/api/v1/rules/suggestions?refresh=true", ""), http.StatusOK)
	if asked != 2 {
		t.Errorf("computed %d times, want 2: the second answer is the first's", asked)
	}
	w.want(w.call("PUT", "/api/v1/rules", goodRules), http.StatusOK)
	w.want(w.call("POST", "/api/v1/rules/1/activate", ""), http.StatusOK)
	rev := w.want(w.call("POST", draft, ""), http.StatusOK).object(t)
	if rev["state"] != "checked" || rev["revision"] != 2.0 || rev["note"] != "suggested: Blip clears by itself" || len(rev["files"].([]any)) != 2 || rev["shadow"] != 1.0 {
		t.Errorf("draft %v", rev)
	}
	if a := w.want(w.call("GET", "/api/v1/rules", ""), http.StatusOK).object(t); a["active"].(map[string]any)["revision"] != 1.0 {
		t.Errorf("a suggestion became active: %v", a)
	}
	w.want(w.call("POST", "/api/v1/rules/2/activate", ""), http.StatusOK)
	w.want(w.call("POST", draft, `{"note": "again"}`), http.StatusConflict)
	w.want(w.call("POST", strings.Replace(draft, "aaaaaaaaaaaa", "bbbbbbbbbbbb", 1), ""), http.StatusConflict)
	w.want(w.call("POST", draft, "", "Authorization: Bearer "+responderToken), http.StatusForbidden)
}

func TestOneLearningAtATime(t *testing.T) {
	began, release := make(chan struct{}), make(chan struct{})
	w := newWorld(t, func(o *Options) {
		o.Learner = learner(t, func(ctx context.Context, from, _ itsm.Time) (learn.Report, error) {
			close(began)
			select {
			case <-release:
			case <-ctx.Done():
			}
			return learn.Report{}, itsm.Errorf(itsm.Invalid, "from %s: no", from)
		})
	})
	ended := make(chan answer)
	go func() { ended <- w.call("GET", "/api/v1/rules/suggestions?from=2026-01-31T09:00:00Z", "") }()
	<-began
	w.want(w.call("GET", "/api/v1/rules/suggestions", ""), http.StatusServiceUnavailable)
	close(release)
	w.want(<-ended, http.StatusBadRequest)
	w.want(w.call("GET", "/api/v1/rules/suggestions?from=x", ""), http.StatusBadRequest)
}

func TestNoSuggestions(t *testing.T) {
	w := newWorld(t)
	w.want(w.call("GET", "/api/v1/rules/suggestions", ""), http.StatusServiceUnavailable)
	w.want(w.call("POST", "/api/v1/rules/suggestions/x/draft", ""), http.StatusServiceUnavailable)
}

// A suggestion is tried as if its rule were live: in shadow mode it would change
// nothing, and the list has what came of it.
func TestSuggestionIsTriedOnHistory(t *testing.T) {
	jobs := backtest.NewJobs(pastOf(t), time.Now)
	t.Cleanup(jobs.Close)
	w := newWorld(t, func(o *Options) {
		o.Rules, o.Backtests = &bookcase{blobs: map[string][]byte{}}, jobs
		o.Learner = learner(t, func(context.Context, itsm.Time, itsm.Time) (learn.Report, error) {
			r := learnedReport()
			r.Suggestions[0].Rule.Body = "id: s\nabout: waits\nmode: shadow\nwhen: title == \"Noise\"\nsuppress: drop\n"
			return r, nil
		})
	})
	try := "/api/v1/rules/suggestions/aaaaaaaaaaaa/backtest"
	first := func() map[string]any {
		return w.want(w.call("GET", "/api/v1/rules/suggestions", ""), http.StatusOK).object(t)["items"].([]any)[0].(map[string]any)
	}
	if first()["backtest"] != nil {
		t.Error("it has a backtest before there was one")
	}
	w.want(w.call("POST", try, `{"from": "`+start.Add(-48*time.Hour).String()+`"}`), http.StatusOK)
	w.awaitBacktest("1")
	tried := first()["backtest"].(map[string]any)
	if in := tried["incidents"].(map[string]any); tried["state"] != "done" || in["before"] != 1.0 || in["after"] != 0.0 {
		t.Errorf("tried %v", tried)
	}
	w.want(w.call("POST", strings.Replace(try, "aaaaaaaaaaaa", "bbbbbbbbbbbb", 1), ""), http.StatusConflict)
	w.want(w.call("POST", strings.Replace(try, "aaaaaaaaaaaa", "cccccccccccc", 1), ""), http.StatusNotFound)
	w.want(w.call("POST", try, "", "Authorization: Bearer "+responderToken), http.StatusForbidden)
}
