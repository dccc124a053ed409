package console

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"signalbox/correlate/backtest"
	"signalbox/correlate/engine"
	"signalbox/correlate/learn"
	"signalbox/itsm"
	"signalbox/rules"
)

// One click makes a revision of the active rules and the suggested one, which
// waits for a person; a second click makes none.
func TestSuggestionBecomesADraft(t *testing.T) {
	s := signedIn(t, fixedClock)
	_, body := s.get("/rules/suggestions")
	if n := strings.Count(body, "/draft\""); n != 3 {
		t.Errorf("%d suggestions can become drafts, want 3: the fourth is for people to know", n)
	}
	const draft = "/rules/suggestions/c4a90d7712ef/draft"
	for range 2 {
		resp, _ := s.post(draft, nil)
		if to := resp.Header.Get("Location"); resp.StatusCode != http.StatusSeeOther || to != "/rules/revisions/5" {
			t.Fatalf("draft: status %d to %q, want 303 to revision 5", resp.StatusCode, to)
		}
	}
	r, err := s.book.Book().Revision(5)
	if err != nil || r.Author != "console:admin" || !strings.HasPrefix(r.Note, "suggested: HighErrorRate on cart-1") || len(r.Files) != len(cannedRules)+1 || rules.Blocking(r.Problems) || r.Shadow != 2 {
		t.Errorf("revision 5 is %+v, %v; want the active rules and the drafted one, in shadow", r, err)
	}
	if n, _ := s.book.activeRules(); n != 3 {
		t.Errorf("drafting activated revision %d", n)
	}
	if _, body := s.get("/rules/suggestions"); strings.Contains(body, draft) || !strings.Contains(text(parse(t, body)), "It was drafted: revision 5") {
		t.Error("the page still offers what was drafted, or does not lead to it")
	}
	if _, err := s.book.ActivateRules(t.Context(), 5, "console:mira", ""); err != nil {
		t.Fatal(err)
	}
	if _, body := s.get("/rules/suggestions"); !strings.Contains(text(parse(t, body)), "It is in the active rules: revision 5") {
		t.Error("the page does not say that the rule is active")
	}
	for path, want := range map[string]int{draft: http.StatusConflict, "/rules/suggestions/b07e55d1c3a8/draft": http.StatusConflict, "/rules/suggestions/nothing/draft": http.StatusNotFound} {
		if resp, _ := s.post(path, nil); resp.StatusCode != want {
			t.Errorf("%s: status %d, want %d", path, resp.StatusCode, want)
		}
	}
	if resp, _ := s.get("/rules/suggestions?kind=nothing"); resp.StatusCode != http.StatusBadRequest {
		t.Errorf("a kind that does not exist: status %d, want 400", resp.StatusCode)
	}
}

func TestViewersOnlyLookAtSuggestions(t *testing.T) {
	s := serve(t, fixedClock)
	s.post("/sign-in", url.Values{"token": {"viewer"}})
	if resp, body := s.get("/rules/suggestions"); resp.StatusCode != http.StatusOK || strings.Contains(body, "/draft") || !strings.Contains(body, "The rule it drafts") {
		t.Errorf("a viewer sees status %d, or no rule, or a button", resp.StatusCode)
	}
	if resp, _ := s.post("/rules/suggestions/c4a90d7712ef/draft", nil); resp.StatusCode != http.StatusForbidden {
		t.Errorf("a viewer drafts: status %d, want 403", resp.StatusCode)
	}
}

func TestDraftedRulesOfTheStoryWork(t *testing.T) {
	for _, s := range cannedLearned(itsm.TimeOf(fixedNow)).Suggestions {
		if _, ps := rules.Compile([]rules.File{s.Rule}); s.Rule.Body != "" && len(ps) > 0 {
			t.Errorf("%s: %v", s.ID, ps)
		}
	}
}

// While history is looked at the page says so and leads to itself.
func TestSuggestionsAreBeingComputed(t *testing.T) {
	s := signedIn(t, fixedClock)
	l := engine.NewLearner(func(ctx context.Context, _, _ itsm.Time) (learn.Report, error) {
		<-ctx.Done()
		return learn.Report{}, ctx.Err()
	}, fixedClock)
	t.Cleanup(l.Close)
	s.console.o.Learner = l
	resp, body := s.get("/rules/suggestions?kind=bind")
	checkPage(t, s.base, body)
	if resp.StatusCode != http.StatusOK || link(t, body, "See whether it is ready") != "/rules/suggestions?kind=bind" || !strings.Contains(body, "in the last 30 days") {
		t.Errorf("status %d: %s", resp.StatusCode, text(parse(t, body)))
	}
	s.console.o.Learner = nil
	if resp, _ := s.get("/rules/suggestions"); resp.StatusCode != http.StatusNotFound {
		t.Errorf("without a learner: status %d, want 404", resp.StatusCode)
	}
}

// Of many suggestions of a kind the first are shown, and the others are one link away.
func TestManySuggestions(t *testing.T) {
	w := suggestionFacts{Ready: true, Now: fixedNow}
	for range suggestedMax + 4 {
		w.Learned.Report.Suggestions = append(w.Learned.Report.Suggestions, learn.Suggestion{ID: "a", Kind: learn.Bind, Rule: rules.File{Body: strings.Repeat("<", draftsShownMax/40)}})
	}
	p := viewSuggestions(w, "")
	if len(p.Groups) != 1 || len(p.Groups[0].Rows) != suggestedMax || p.Groups[0].All != "/rules/suggestions?kind=bind" || p.Groups[0].More != "4 more of this kind" {
		t.Errorf("groups %+v", p.Groups)
	}
	if rows := p.Groups[0].Rows; rows[0].TooMuch || rows[0].Rule == "" || !rows[suggestedMax-1].TooMuch || rows[suggestedMax-1].Rule != "" {
		t.Error("the drafted texts have no bound")
	}
	w.Kind = string(learn.Bind)
	if p := viewSuggestions(w, ""); len(p.Groups[0].Rows) != suggestedMax+4 || p.Groups[0].All != "" {
		t.Errorf("of one kind %d are shown, want all", len(p.Groups[0].Rows))
	}
}

// A suggestion is tried as if its rule were live, and its result stands beside it.
func TestSuggestionIsTriedOnHistory(t *testing.T) {
	s := signedIn(t, fixedClock)
	const try = "/rules/suggestions/c4a90d7712ef/backtest"
	s.book.tries.jobs = nil // one of the story is running
	s.get("/rules/suggestions")
	resp, _ := s.post(try, nil)
	if to := resp.Header.Get("Location"); resp.StatusCode != http.StatusSeeOther || to != "/rules/backtests/1" {
		t.Fatalf("status %d to %q, want 303 to the backtest", resp.StatusCode, to)
	}
	j := &s.book.tries.jobs[0]
	if j.After != "suggestion c4a90d7712ef as if it were live" || j.Before != "revision 3" || j.From != itsm.TimeOf(fixedNow.Add(-engine.LearnWithin)) {
		t.Errorf("started %+v", j)
	}
	if _, body := s.get("/rules/suggestions"); !strings.Contains(text(parse(t, body)), "is running, at 0 %") {
		t.Error("the page does not say that it runs")
	}
	if resp, _ := s.post(try, nil); resp.StatusCode != http.StatusConflict {
		t.Errorf("a second one while it runs: status %d, want 409", resp.StatusCode)
	}
	small := cannedSmallReport(itsm.TimeOf(j.StartedAt))
	j.State, j.Report = backtest.Done, &small
	if _, body := s.get("/rules/suggestions"); !strings.Contains(text(parse(t, body)), "incidents "+thousands(small.Incidents.Before)+" → "+thousands(small.Incidents.After)) {
		t.Error("the page does not say what came of it")
	}
	for path, want := range map[string]int{"/rules/suggestions/b07e55d1c3a8/backtest": http.StatusConflict, "/rules/suggestions/nothing/backtest": http.StatusNotFound} {
		if resp, _ := s.post(path, nil); resp.StatusCode != want {
			t.Errorf("%s: status %d, want %d", path, resp.StatusCode, want)
		}
	}
}

// Whoever drafts two suggestions finds both in the second revision.
func TestDraftsStack(t *testing.T) {
	s := signedIn(t, fixedClock)
	s.get("/rules/suggestions")
	for n, id := range []string{"c4a90d7712ef", "3f1c92aa07d4"} {
		if resp, _ := s.post("/rules/suggestions/"+id+"/draft", nil); resp.StatusCode != http.StatusSeeOther {
			t.Fatalf("draft %d: status %d", n, resp.StatusCode)
		}
	}
	r, err := s.book.Book().Revision(6)
	if err != nil || len(r.Files) != len(cannedRules)+2 || rules.Blocking(r.Problems) {
		t.Errorf("revision 6 has %d files, %v; want the active ones and both drafts", len(r.Files), err)
	}
}
