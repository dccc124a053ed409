package api

import (
	"context"
	"time"

	"signalbox/itsm"
	"signalbox/itsm/partners"
)

// testWaitMax is how long a test of a connector may take, within the server's own
// bound of an answer.
const testWaitMax = 25 * time.Second

type limitView struct {
	Limit     int       `json:"limit"`
	Remaining int       `json:"remaining"`
	ResetAt   itsm.Time `json:"reset_at"`
	At        itsm.Time `json:"at"`
}

type sweepView struct {
	Possible bool      `json:"possible"`
	Every    float64   `json:"every_seconds"`
	BeganAt  itsm.Time `json:"began_at"`
	EndedAt  itsm.Time `json:"ended_at"`
	Compared int       `json:"compared"`
	Differed int       `json:"differed"`
	Differs  int       `json:"differs"`
	Failed   int       `json:"failed"`
	Error    *string   `json:"error"`
}

type driftView struct {
	Found    uint64 `json:"found"`
	Adopted  uint64 `json:"adopted"`
	Repaired uint64 `json:"repaired"`
}

type pauseView struct {
	By     string    `json:"by"`
	At     itsm.Time `json:"at"`
	Reason *string   `json:"reason"`
}

// more adds what a configured connector has besides.
func (v *connectorView) more(c *Connector) {
	v.Failures, v.OpenUntil, v.PerMinute, v.Checks = c.Failures, c.OpenUntil, c.PerMinute, c.Checks
	if c.Limit.At != 0 {
		v.Limit = &limitView{c.Limit.Limit, c.Limit.Remaining, c.Limit.ResetAt, c.Limit.At}
	}
	s := &c.Sweep
	v.Sweep = sweepView{s.Possible, s.Every.Seconds(), s.BeganAt, s.EndedAt, s.Compared, s.Differed, s.Differs, s.Failed, text(s.Error)}
	v.Drift = driftView(c.Drift)
	if c.Pause.Paused {
		v.Pause = &pauseView{c.Pause.By, c.Pause.At, text(c.Pause.Reason)}
	}
}

func (a *API) showConnector(r *request, name string) error {
	for _, v := range a.listConnectors() {
		if v.Name == name {
			return r.json(v)
		}
	}
	return itsm.Errorf(itsm.NotFound, "no connector is named %q", name)
}

func (a *API) connectorOne(r *request) error {
	name, err := a.connector(r)
	if err != nil {
		return err
	}
	return a.showConnector(r, name)
}

// running reads the connector of the path, which this process has to run.
func (a *API) running(r *request) (string, error) {
	name, err := a.connector(r)
	if err == nil && a.o.Connectors == nil {
		err = unavailable("connector %q is not configured in this process", name)
	}
	return name, err
}

func (a *API) pauseConnector(r *request) error {
	name, err := a.running(r)
	if err != nil {
		return err
	}
	var in struct {
		Reason string `json:"reason"`
	}
	if err := r.decode(&in); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(a.ctx, actWaitMax)
	defer cancel()
	if err := a.o.Connectors.Pause(ctx, name, in.Reason, r.who.Actor()); err != nil {
		return err
	}
	return a.showConnector(r, name)
}

func (a *API) resumeConnector(r *request) error {
	name, err := a.running(r)
	if err != nil {
		return err
	}
	if err := r.decode(&struct{}{}); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(a.ctx, actWaitMax)
	defer cancel()
	if err := a.o.Connectors.Resume(ctx, name, r.who.Actor()); err != nil {
		return err
	}
	return a.showConnector(r, name)
}

type testView struct {
	Ok    bool       `json:"ok"`
	Steps []stepView `json:"steps"`
}

type stepView struct {
	Name   string  `json:"name"`
	Ok     bool    `json:"ok"`
	Detail string  `json:"detail"`
	Took   float64 `json:"seconds"`
}

func viewTest(steps []partners.Step) testView {
	v := testView{Ok: true, Steps: []stepView{}}
	for _, s := range steps {
		v.Ok = v.Ok && s.Ok
		v.Steps = append(v.Steps, stepView{s.Name, s.Ok, s.Detail, s.Took.Round(time.Millisecond).Seconds()})
	}
	return v
}

func (a *API) testConnector(r *request) error {
	name, err := a.running(r)
	if err != nil {
		return err
	}
	var in struct {
		CheckOnly bool `json:"check_only"`
	}
	if err := r.decode(&in); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(a.ctx, testWaitMax)
	defer cancel()
	steps, err := a.o.Connectors.Test(ctx, name, in.CheckOnly, r.who.Actor())
	if err != nil {
		return err
	}
	return r.json(viewTest(steps))
}

// deadLetter shows one intent, whatever became of it since.
func (a *API) deadLetter(r *request) error {
	name, err := a.connector(r)
	if err != nil {
		return err
	}
	key, err := r.param("id")
	if err != nil {
		return err
	}
	s, err := a.o.Records.Intent(name, key)
	if err != nil {
		return err
	}
	return r.json(viewIntent(&s))
}
