package api

import (
	"context"
	"net/http"
	"time"

	"signalbox/correlate/backtest"
	"signalbox/correlate/learn"
	"signalbox/itsm"
	"signalbox/itsm/access"
	"signalbox/rules"
)

// learnWaitMax is how long a request waits for what is being computed.
const learnWaitMax = 8 * time.Second

func (a *API) suggestionRoutes() []route {
	return []route{
		{http.MethodGet, Prefix + "/rules/suggestions", access.Viewer, []string{"from", "to", "refresh"}, a.suggestions},
		{http.MethodPost, Prefix + "/rules/suggestions/:id/draft", access.Admin, nil, a.draftSuggestion},
		{http.MethodPost, Prefix + "/rules/suggestions/:id/backtest", access.Admin, nil, a.trySuggestion},
	}
}

type suggestionsView struct {
	State    string           `json:"state"` // running or ready
	From     itsm.Time        `json:"from"`
	To       itsm.Time        `json:"to"`
	Events   int              `json:"events"`
	Alerts   int              `json:"alerts"`
	Episodes int              `json:"episodes"`
	Unbound  int              `json:"unbound"`
	Acted    int              `json:"acted"`
	Bounds   []string         `json:"bounds_met"`
	Items    []suggestionView `json:"items"`
}

type suggestionView struct {
	ID       string                  `json:"id"`
	Kind     learn.Kind              `json:"kind"`
	Title    string                  `json:"title"`
	Why      string                  `json:"why"`
	Figures  []learn.Figure          `json:"figures"`
	Examples []suggestionExampleView `json:"examples"`
	Rule     *rules.File             `json:"rule"`
	Relation *string                 `json:"relation"`
	Backtest *suggestionTriedView    `json:"backtest"`
}

// suggestionTriedView is the newest backtest of a suggestion, in short.
type suggestionTriedView struct {
	ID        string          `json:"id"`
	State     string          `json:"state"`
	Progress  int             `json:"progress"`
	Incidents *suggestionDiff `json:"incidents"`
	Pages     *suggestionDiff `json:"pages"`
	P1        *backtest.Lost  `json:"p1"`
	P2        *backtest.Lost  `json:"p2"`
}

// suggestionDiff is a number on both sides of a backtest.
type suggestionDiff struct {
	Before int `json:"before"`
	After  int `json:"after"`
}

// triedOf is the newest backtest of a suggestion among those that are kept.
func (a *API) triedOf(s *learn.Suggestion) *suggestionTriedView {
	if a.o.Backtests == nil || s.Rule.Body == "" {
		return nil
	}
	for _, j := range a.o.Backtests.List() {
		if j.After != s.TriedAs() {
			continue
		}
		v := &suggestionTriedView{ID: j.ID, State: j.State, Progress: j.Progress / percentMilli}
		if whole, err := a.o.Backtests.Get(j.ID); err == nil && whole.Report != nil {
			r := whole.Report
			v.Incidents = &suggestionDiff{r.Incidents.Before, r.Incidents.After}
			v.Pages = &suggestionDiff{r.Pages.Total.Before, r.Pages.Total.After}
			v.P1, v.P2 = &r.P1, &r.P2
		}
		return v
	}
	return nil
}

type suggestionExampleView struct {
	At       itsm.Time `json:"at"`
	Alerts   []string  `json:"alerts"`
	Incident *string   `json:"incident"`
}

func viewSuggestion(s *learn.Suggestion) suggestionView {
	v := suggestionView{ID: s.ID, Kind: s.Kind, Title: s.Title, Why: s.Why, Figures: s.Figures, Relation: text(s.Relation)}
	v.Examples = each(s.Examples, func(e *learn.Example) suggestionExampleView {
		return suggestionExampleView{e.At, each(e.Alerts, func(n *itsm.AlertNumber) string { return n.String() }), text(e.Incident.String())}
	})
	if s.Rule.Body != "" {
		v.Rule = &s.Rule
	}
	return v
}

func viewSuggestions(r *learn.Report) suggestionsView {
	return suggestionsView{State: "ready", From: r.From, To: r.To, Events: r.Events, Alerts: r.Alerts, Episodes: r.Episodes, Unbound: r.Unbound, Acted: r.Acted,
		Bounds: append([]string{}, r.Bounds...), Items: each(r.Suggestions, viewSuggestion)}
}

// suggestions answers what history speaks for, or that this is still being computed.
func (a *API) suggestions(r *request) error {
	if a.o.Learner == nil {
		return unavailable("this process learns nothing from history")
	}
	from, err := one(r.q, "from", moment)
	if err != nil {
		return err
	}
	to, err := one(r.q, "to", moment)
	if err != nil {
		return err
	}
	refresh, err := r.q.flag("refresh")
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(a.ctx, learnWaitMax)
	defer cancel()
	found, ready, err := a.o.Learner.Report(ctx, from, to, refresh)
	if err != nil {
		return err
	}
	if !ready {
		return r.json(suggestionsView{State: "running", From: from, To: to, Bounds: []string{}, Items: []suggestionView{}})
	}
	v := viewSuggestions(&found.Report)
	for i := range v.Items {
		v.Items[i].Backtest = a.triedOf(&found.Report.Suggestions[i])
	}
	return r.json(v)
}

// suggestionTryInput says on which history to try a suggestion; from and to are as
// for any backtest, and by default what suggestions look at.
type suggestionTryInput struct {
	From itsm.Time `json:"from"`
	To   itsm.Time `json:"to"`
}

// trySuggestion begins the backtest of a suggestion, as if its rule were in force.
func (a *API) trySuggestion(r *request) error {
	t, err := a.tries()
	if err != nil {
		return err
	}
	s, err := a.ruleStore()
	if err != nil {
		return err
	}
	if a.o.Learner == nil {
		return unavailable("this process learns nothing from history")
	}
	id, err := r.param("id")
	if err != nil {
		return err
	}
	var in suggestionTryInput
	if err := r.decode(&in); err != nil {
		return err
	}
	if in.From == 0 {
		in.From = a.o.Learner.Begin()
	}
	before, after, found, err := a.o.Learner.Try(s.Book(), id)
	if err != nil {
		return err
	}
	against, err := againstSet(s, "active")
	if err != nil {
		return err
	}
	against.Files = before
	job, err := t.Start(backtest.Trial{Before: against, After: backtest.RuleSet{Name: found.TriedAs(), Files: after}, From: in.From, To: in.To, WarmUp: backtest.WarmUpDefault, Actor: r.who.Actor()})
	if err != nil {
		return err
	}
	return r.json(viewBacktest(&job))
}

// draftSuggestion saves the active rules and the suggested one as a revision, which
// a person may activate.
func (a *API) draftSuggestion(r *request) error {
	s, err := a.ruleStore()
	if err != nil {
		return err
	}
	id, err := r.param("id")
	if err != nil {
		return err
	}
	var in noteInput
	if err := r.decode(&in); err != nil {
		return err
	}
	if err := short("note", in.Note, itsm.NoteBytesMax); err != nil {
		return err
	}
	if a.o.Learner == nil {
		return unavailable("this process learns nothing from history")
	}
	files, found, err := a.o.Learner.Draft(s.Book(), id)
	if err != nil {
		return err
	}
	if in.Note == "" {
		in.Note = "suggested: " + found.Title
	}
	ctx, cancel := context.WithTimeout(a.ctx, actWaitMax)
	defer cancel()
	rev, err := s.SaveRules(ctx, files, r.who.Actor(), in.Note)
	if err != nil {
		return err
	}
	return r.json(viewRevisionWithFiles(&rev))
}
