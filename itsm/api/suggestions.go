package api

import (
	"context"
	"net/http"
	"sync"
	"time"

	"signalbox/correlate/learn"
	"signalbox/itsm"
	"signalbox/itsm/access"
	"signalbox/rules"
)

// Bounds of suggestions.
const (
	learnWaitMax = 8 * time.Second  // that a request waits for what is being computed
	learnFresh   = 15 * time.Minute // after which the same question is computed again
)

// learning keeps the last suggestions, in memory: they can be made again.
type learning struct {
	sync.Mutex
	from, to itsm.Time     // as they were asked for
	done     chan struct{} // closed at the end of what is computed; nil: nothing was asked for
	running  bool
	at       time.Time
	report   learn.Report
	err      error
}

func (a *API) suggestionRoutes() []route {
	return []route{
		{http.MethodGet, Prefix + "/rules/suggestions", access.Viewer, []string{"from", "to", "refresh"}, a.suggestions},
		{http.MethodPost, Prefix + "/rules/suggestions/:id/draft", access.Admin, nil, a.draftSuggestion},
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
	if a.o.Learn == nil {
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
	done, err := a.startLearning(from, to, refresh)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(a.ctx, learnWaitMax)
	defer cancel()
	select {
	case <-done:
	case <-ctx.Done():
		return r.json(suggestionsView{State: "running", From: from, To: to, Bounds: []string{}, Items: []suggestionView{}})
	}
	l := &a.learned
	l.Lock()
	defer l.Unlock()
	if l.err != nil {
		return l.err
	}
	return r.json(viewSuggestions(&l.report))
}

// startLearning begins a computation unless the last one answers the question.
func (a *API) startLearning(from, to itsm.Time, refresh bool) (<-chan struct{}, error) {
	l := &a.learned
	l.Lock()
	defer l.Unlock()
	same := l.done != nil && l.from == from && l.to == to
	switch {
	case l.running && !same:
		return nil, unavailable("suggestions of another time are being computed; ask again when they are ready")
	case l.running, same && !refresh && l.err == nil && time.Since(l.at) < learnFresh:
		return l.done, nil
	case a.ctx.Err() != nil:
		return nil, unavailable("the process is stopping")
	}
	done := make(chan struct{})
	l.from, l.to, l.done, l.running = from, to, done, true
	a.streaming.Go(func() {
		report, err := a.o.Learn(a.ctx, from, to)
		l.Lock()
		l.report, l.err, l.at, l.running = report, err, time.Now(), false
		l.Unlock()
		close(done)
	})
	return done, nil
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
	a.learned.Lock()
	found, ok := a.learned.report.Find(id)
	a.learned.Unlock()
	if !ok {
		return itsm.Errorf(itsm.NotFound, "suggestion %q: not among those computed last; GET %s/rules/suggestions lists them", httpWord(id), Prefix)
	}
	files, err := withDraft(s, &found)
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

// withDraft adds the drafted rule to the active files.
func withDraft(s Rules, found *learn.Suggestion) ([]rules.File, error) {
	if found.Rule.Body == "" {
		return nil, itsm.Errorf(itsm.Conflict, "suggestion %s is for people to know: no rule is drafted", found.ID)
	}
	h, err := s.Book().Head()
	if err != nil {
		return nil, err
	}
	var files []rules.File
	if h.Active != 0 {
		rev, err := s.Book().Revision(h.Active)
		if err != nil {
			return nil, err
		}
		files = rev.Files
	}
	for _, f := range files {
		if f.Name == found.Rule.Name {
			return nil, itsm.Errorf(itsm.Conflict, "the active rules have %s already", f.Name)
		}
	}
	return append(files[:len(files):len(files)], found.Rule), nil
}
