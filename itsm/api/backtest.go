package api

import (
	"strconv"
	"time"

	"signalbox/correlate/backtest"
	"signalbox/itsm"
	"signalbox/rules"
)

// Backtests tries rule sets on recorded history; *backtest.Jobs is one.
type Backtests interface {
	// Start begins one, if none is running.
	Start(backtest.Trial) (backtest.Job, error)
	Get(id string) (backtest.Job, error)
	List() []backtest.Job
}

// backtestInput says what to try. Exactly one of Files and Revision is given.
type backtestInput struct {
	Files    []rules.File `json:"files"`
	Revision uint64       `json:"revision"`
	Against  string       `json:"against"`
	From     itsm.Time    `json:"from"`
	To       itsm.Time    `json:"to"`
	WarmUp   *string      `json:"warm_up"`
}

// backtestView is a backtest under way or done.
type backtestView struct {
	ID        string           `json:"id"`
	State     string           `json:"state"`
	Progress  int              `json:"progress"`
	StartedAt itsm.Time        `json:"started_at"`
	EndedAt   itsm.Time        `json:"ended_at"`
	Actor     string           `json:"actor"`
	Before    string           `json:"before"`
	After     string           `json:"after"`
	From      itsm.Time        `json:"from"`
	To        itsm.Time        `json:"to"`
	Error     *string          `json:"error"`
	Report    *backtest.Report `json:"report"`
}

type backtestList struct {
	Items []backtestView `json:"items"`
}

const percentMilli = 10 // thousandths in a percent

func viewBacktest(j *backtest.Job) backtestView {
	return backtestView{ID: j.ID, State: j.State, Progress: j.Progress / percentMilli, StartedAt: itsm.TimeOf(j.StartedAt), EndedAt: itsm.TimeOf(j.EndedAt),
		Actor: j.Actor, Before: j.Before, After: j.After, From: j.From, To: j.To, Error: text(j.Error), Report: j.Report}
}

func (a *API) tries() (Backtests, error) {
	if a.o.Backtests == nil {
		return nil, unavailable("this process keeps no history to try rules on")
	}
	return a.o.Backtests, nil
}

// startBacktest begins to fold history with two rule sets.
func (a *API) startBacktest(r *request) error {
	t, err := a.tries()
	if err != nil {
		return err
	}
	s, err := a.ruleStore()
	if err != nil {
		return err
	}
	var in backtestInput
	if err := r.decodeUpTo(&in, rulesBodyMax); err != nil {
		return err
	}
	if (in.Files == nil) == (in.Revision == 0) {
		return itsm.Errorf(itsm.Invalid, "files, revision: expected exactly one of them, the rules to try")
	}
	after := backtest.RuleSet{Name: "proposed rules", Files: in.Files}
	if in.Revision != 0 {
		if after, err = revisionSet(s, in.Revision); err != nil {
			return err
		}
	}
	warm, err := warmUp(in.WarmUp)
	if err != nil {
		return err
	}
	before, err := againstSet(s, in.Against)
	if err != nil {
		return err
	}
	job, err := t.Start(backtest.Trial{Before: before, After: after, From: in.From, To: in.To, WarmUp: warm, Actor: r.who.Actor()})
	if err != nil {
		return err
	}
	return r.json(viewBacktest(&job))
}

// warmUp reads how long before the range both sides are folded without counting.
func warmUp(s *string) (time.Duration, error) {
	if s == nil {
		return backtest.WarmUpDefault, nil
	}
	d, err := time.ParseDuration(*s)
	if err != nil || d < 0 || d > backtest.WarmUpMax {
		return 0, itsm.Errorf(itsm.Invalid, "warm_up: %q: expected a time such as 24h, from 0s to %v", httpWord(*s), backtest.WarmUpMax)
	}
	return d, nil
}

func revisionSet(s Rules, n uint64) (backtest.RuleSet, error) {
	rev, err := s.Book().Revision(n)
	return backtest.RuleSet{Name: "revision " + strconv.FormatUint(n, 10), Files: rev.Files}, err
}

// againstSet is the rule set to compare with, by what a person calls it.
func againstSet(s Rules, name string) (backtest.RuleSet, error) {
	none := backtest.RuleSet{Name: "no rules"}
	switch name {
	case "none":
		return none, nil
	case "", "active":
		h, err := s.Book().Head()
		if err != nil || h.Active == 0 {
			return none, err
		}
		return revisionSet(s, h.Active)
	}
	n, err := strconv.ParseUint(name, 10, 64)
	if err != nil || n == 0 {
		return none, itsm.Errorf(itsm.Invalid, "against: %q: expected active, none or the number of a revision, as text", httpWord(name))
	}
	return revisionSet(s, n)
}

// backtest answers how far a backtest is, and its report when it is done.
func (a *API) backtest(r *request) error {
	t, err := a.tries()
	if err != nil {
		return err
	}
	id, err := r.param("id")
	if err != nil {
		return err
	}
	job, err := t.Get(id)
	if err != nil {
		return err
	}
	return r.json(viewBacktest(&job))
}

// backtests lists what can still be asked for, newest first.
func (a *API) backtests(r *request) error {
	t, err := a.tries()
	if err != nil {
		return err
	}
	out := backtestList{Items: []backtestView{}}
	for _, j := range t.List() {
		out.Items = append(out.Items, viewBacktest(&j))
	}
	return r.json(out)
}
