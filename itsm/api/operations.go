package api

import (
	"context"
	"slices"
	"strings"

	"signalbox/itsm"
	"signalbox/itsm/desk"
	"signalbox/itsm/partners"
)

// Connector is one partner and how sending to it goes.
type Connector = partners.Connector

type connectorView struct {
	Name        string    `json:"name"`
	Kind        *string   `json:"kind"`
	State       string    `json:"state"`
	SentAt      itsm.Time `json:"sent_at"`
	FailedAt    itsm.Time `json:"failed_at"`
	LastError   *string   `json:"last_error"`
	Pending     int       `json:"pending"`
	OldestAt    itsm.Time `json:"oldest_at"`
	DeadLetters int       `json:"dead_letters"`
	Held        int       `json:"held"`

	Failures  int        `json:"failures"`
	OpenUntil itsm.Time  `json:"open_until"`
	PerMinute int        `json:"per_minute"`
	Checks    bool       `json:"checks"`
	Pause     *pauseView `json:"pause"`
	Limit     *limitView `json:"limit"`
	Sweep     sweepView  `json:"sweep"`
	Drift     driftView  `json:"drift"`
}

// unconfigured is the state of a connector that only the outbox remembers.
const unconfigured = "unconfigured"

// viewConnectors joins what is configured with what the outbox holds. What was
// configured away but still has intents must not become invisible.
func viewConnectors(configured []Connector, outbox []desk.OutboxCounts) []connectorView {
	out := []connectorView{}
	for n := range configured {
		c := &configured[n]
		out = append(out, connectorView{Name: c.Name, Kind: text(c.Kind), State: c.State, SentAt: c.SentAt, FailedAt: c.FailedAt, LastError: text(c.LastError), Held: c.Held})
		out[n].more(c)
	}
	for _, o := range outbox {
		i := slices.IndexFunc(out, func(v connectorView) bool { return v.Name == o.Connector })
		if i < 0 {
			i = len(out)
			out = append(out, connectorView{Name: o.Connector, State: unconfigured})
		}
		out[i].Pending, out[i].OldestAt, out[i].DeadLetters = o.Pending, o.OldestAt, o.Dead
	}
	slices.SortFunc(out, func(a, b connectorView) int { return strings.Compare(a.Name, b.Name) })
	return out
}

func (a *API) listConnectors() []connectorView {
	var configured []Connector
	if a.o.Connectors != nil {
		configured = a.o.Connectors.Connectors()
	}
	return viewConnectors(configured, a.o.Records.Counts().Outbox)
}

func (a *API) connectors(r *request) error {
	return r.json(page[connectorView]{Items: a.listConnectors()})
}

// connector reads the connector of the path; one that nobody knows is 404.
func (a *API) connector(r *request) (string, error) {
	name, err := r.param("name")
	if err != nil {
		return "", err
	}
	if !slices.ContainsFunc(a.listConnectors(), func(v connectorView) bool { return v.Name == name }) {
		return "", itsm.Errorf(itsm.NotFound, "no connector is named %q", name)
	}
	return name, nil
}

type intentView struct {
	ID         string      `json:"id"`
	Connector  string      `json:"connector"`
	Incident   string      `json:"incident"`
	Object     *string     `json:"object"`
	Epoch      uint32      `json:"epoch"`
	Transition string      `json:"transition"`
	Serial     uint32      `json:"serial"`
	At         itsm.Time   `json:"at"`
	Offset     itsm.Offset `json:"offset"`
	Actor      *string     `json:"actor"`
	Text       *string     `json:"text"`
	Status     string      `json:"status"`
	SettledAt  itsm.Time   `json:"settled_at"`
	Failure    *string     `json:"failure"`
}

func viewIntent(s *desk.StoredIntent) intentView {
	in := &s.Intent
	return intentView{ID: in.Key, Connector: in.Connector, Incident: in.Incident.String(), Object: text(in.Object), Epoch: in.Epoch,
		Transition: string(in.Transition), Serial: in.Serial, At: in.At, Offset: in.Offset, Actor: text(in.Actor), Text: text(in.Text),
		Status: s.Status.String(), SettledAt: s.SettledAt, Failure: text(s.Failure)}
}

// intents answers one of a connector's two lists.
func (a *API) intents(r *request, read func(connector, cursor string, limit int) (desk.Page[desk.StoredIntent], error)) error {
	name, err := a.connector(r)
	if err != nil {
		return err
	}
	cursor, limit, err := r.page()
	if err != nil {
		return err
	}
	found, err := read(name, cursor, limit)
	if err != nil {
		return err
	}
	return r.json(pageOf(found.Items, found.Next, viewIntent))
}

func (a *API) outbox(r *request) error { return a.intents(r, a.o.Records.Outbox) }

func (a *API) deadLetters(r *request) error { return a.intents(r, a.o.Records.DeadLetters) }

func (a *API) retryDeadLetter(r *request) error {
	name, err := a.connector(r)
	if err != nil {
		return err
	}
	key, err := r.param("id")
	if err != nil {
		return err
	}
	if err := r.decode(&struct{}{}); err != nil {
		return err
	}
	s, err := a.o.Records.Intent(name, key)
	if err != nil {
		return err
	}
	if s.Status != desk.IntentAbandoned {
		return itsm.Errorf(itsm.Conflict, "intent %s is %s; only an abandoned one can be sent again", key, s.Status)
	}
	if a.o.Connectors == nil {
		return unavailable("connector %q is not configured in this process", name)
	}
	ctx, cancel := context.WithTimeout(a.ctx, actWaitMax)
	defer cancel()
	if err := a.o.Connectors.RetryDeadLetter(ctx, name, key, r.who.Actor()); err != nil {
		return err
	}
	if s, err = a.o.Records.Intent(name, key); err != nil {
		return err
	}
	return r.json(viewIntent(&s))
}

func (a *API) quarantine(r *request) error {
	cursor, limit, err := r.page()
	if err != nil {
		return err
	}
	waiting, err := r.q.flag("waiting")
	if err != nil {
		return err
	}
	found, err := a.o.Records.Quarantine(cursor, limit, waiting)
	if err != nil {
		return err
	}
	return r.json(pageOf(found.Items, found.Next, viewQuarantine))
}

func (a *API) quarantined(r *request) error {
	id, err := r.param("id")
	if err != nil {
		return err
	}
	return a.showQuarantined(r, id)
}

func (a *API) showQuarantined(r *request, id string) error {
	q, err := a.o.Records.QuarantineItem(id)
	if err != nil {
		return err
	}
	return r.json(viewQuarantined(&q))
}

// retryQuarantined decodes a delivery again. It answers with the item; one that
// still cannot be decoded is a conflict that says why.
func (a *API) retryQuarantined(r *request) error {
	id, err := r.param("id")
	if err != nil {
		return err
	}
	if err := r.decode(&struct{}{}); err != nil {
		return err
	}
	if _, err := a.o.Records.QuarantineItem(id); err != nil {
		return err
	}
	if a.o.Retry == nil {
		return unavailable("this process takes no deliveries and so cannot decode one again")
	}
	ctx, cancel := context.WithTimeout(a.ctx, actWaitMax)
	defer cancel()
	off, err := a.o.Retry(ctx, id, r.who.Actor())
	if err != nil {
		return err
	}
	if err := a.o.Engine.WaitFolded(ctx, off); err != nil {
		return err
	}
	return a.showQuarantined(r, id)
}
