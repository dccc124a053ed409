package api

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"signalbox/itsm"
	"signalbox/itsm/access"
	"signalbox/itsm/desk"
)

func (a *API) changeRoutes() []route {
	one := Prefix + "/changes/:id"
	return []route{
		{http.MethodGet, Prefix + "/changes", access.Viewer, append([]string{"state", "type", "source", "ci", "from", "to"}, paging...), a.changes},
		{http.MethodPost, Prefix + "/changes", access.Responder, nil, a.putChange},
		{http.MethodGet, one, access.Viewer, nil, a.change},
		{http.MethodGet, one + "/sync", access.Viewer, nil, a.changeSync},
		{http.MethodPut, one, access.Responder, nil, a.putChange},
		{http.MethodPost, one + "/cancel", access.Responder, nil, actOn(a, "change", itsm.ActChangeCancel, viewChangeRecord)},
	}
}

type changeRecordView struct {
	ID           string           `json:"id"`
	ExternalID   *string          `json:"external_id"`
	Source       string           `json:"source"`
	Type         itsm.ChangeType  `json:"type"`
	State        itsm.ChangeState `json:"state"`
	Title        string           `json:"title"`
	Description  *string          `json:"description"`
	PlannedStart itsm.Time        `json:"planned_start"`
	PlannedEnd   itsm.Time        `json:"planned_end"`
	StartedAt    itsm.Time        `json:"started_at"`
	EndedAt      itsm.Time        `json:"ended_at"`
	Environment  *string          `json:"environment"`
	CIs          []string         `json:"cis"`
	Services     []string         `json:"services"`
	Unknown      []string         `json:"unknown"`
	Who          *string          `json:"who"`
	URL          *string          `json:"url"`
	Risk         *string          `json:"risk"`
	Version      uint64           `json:"version"`
	CreatedAt    itsm.Time        `json:"created_at"`
	UpdatedAt    itsm.Time        `json:"updated_at"`
	UpdatedBy    string           `json:"updated_by"`
	Links        []linkView       `json:"links"`
}

func viewChangeRecord(c *itsm.Change) changeRecordView {
	return changeRecordView{ID: c.ID, ExternalID: text(c.ExternalID), Source: c.Source, Type: c.Type, State: c.State, Title: c.Title,
		Description: text(c.Description), PlannedStart: c.PlannedFrom, PlannedEnd: c.PlannedTo, StartedAt: c.StartedAt, EndedAt: c.EndedAt,
		Environment: text(c.Environment), CIs: list(c.CIs), Services: list(c.Services), Unknown: list(c.Unknown), Who: text(c.Who), URL: webAddress(c.URL), Risk: text(c.Risk),
		Version: c.Version, CreatedAt: c.CreatedAt, UpdatedAt: c.UpdatedAt, UpdatedBy: c.UpdatedBy, Links: each(c.Links, viewLink)}
}

// incidentChangeView is a change among what changed before an incident.
type incidentChangeView struct {
	Change  string           `json:"change"`
	Title   string           `json:"title"`
	State   itsm.ChangeState `json:"state"`
	Who     *string          `json:"who"`
	URL     *string          `json:"url"`
	CI      string           `json:"ci"`
	Hops    int              `json:"hops"`
	At      itsm.Time        `json:"at"`
	Because string           `json:"because"`
}

func viewIncidentChange(c *itsm.IncidentChange) incidentChangeView {
	return incidentChangeView{Change: c.Change, Title: c.Title, State: c.State, Who: text(c.Who), URL: webAddress(c.URL), CI: c.CI, Hops: c.Hops, At: c.At, Because: c.Because}
}

func (a *API) changes(r *request) error {
	states, err := parsed(r.q, "state", wordOf(itsm.ChangeStates))
	if err != nil {
		return err
	}
	kinds, err := parsed(r.q, "type", wordOf(itsm.ChangeTypes))
	if err != nil {
		return err
	}
	sources, err := r.q.list("source")
	if err != nil {
		return err
	}
	from, to, err := r.q.span()
	if err != nil {
		return err
	}
	return showObjects(a, r, "change", viewChangeRecord, func(c *itsm.Change) bool {
		begins, ends := c.Span()
		return has(states, c.State) && has(kinds, c.Type) && has(sources, c.Source) && (to == 0 || begins < to) && (from == 0 || ends >= from)
	})
}

// has reports whether a filter that asks for something accepts v.
func has[T comparable](wanted []T, v T) bool { return len(wanted) == 0 || slices.Contains(wanted, v) }

// wordOf makes a parser of the values a word may have.
func wordOf[T ~string](of []T) func(string) (T, error) {
	return func(s string) (T, error) {
		if slices.Contains(of, T(s)) {
			return T(s), nil
		}
		return "", itsm.Errorf(itsm.Invalid, "%q: expected one of %v", s, of)
	}
}

// span reads the parameters from and to.
func (q query) span() (from, to itsm.Time, err error) {
	for name, t := range map[string]*itsm.Time{"from": &from, "to": &to} {
		if q[name] == "" {
			continue
		}
		if *t, err = itsm.ParseTime(q[name]); err != nil {
			return 0, 0, notParsed(name, err)
		}
	}
	return from, to, nil
}

func (a *API) change(r *request) error { return showObject(a, r, "change", "", viewChangeRecord) }

func (a *API) putChange(r *request) error {
	return putObject[itsm.ChangeUpdate](a, r, "change", itsm.ActChangePut, viewChangeRecord)
}

// showObjects answers a page of the objects of a kind; ci is a filter of all.
func showObjects[T, V any](a *API, r *request, kind string, view func(*T) V, keep func(*T) bool) error {
	q := desk.ObjectQuery{Kind: kind}
	var err error
	if q.Cursor, q.Limit, err = r.page(); err != nil {
		return err
	}
	if ci := r.q["ci"]; ci != "" {
		q.Ref = "ci/" + ci
	}
	var items []T
	q.Keep = func(o *itsm.Object) bool { // what it keeps is the page
		var v T
		ok := json.Unmarshal(o.Body, &v) == nil && keep(&v)
		if ok {
			items = append(items, v)
		}
		return ok
	}
	found, err := a.o.Records.Objects(q)
	if err != nil {
		return err
	}
	return r.json(pageOf(items, found.Next, view))
}

// showObject answers one object; without an id the one of the path.
func showObject[T, V any](a *API, r *request, kind, id string, view func(*T) V) error {
	var err error
	if id == "" {
		if id, err = r.param("id"); err != nil {
			return err
		}
	}
	o, err := a.o.Records.Object(kind, id)
	if err != nil {
		return err
	}
	var v T
	if err := json.Unmarshal(o.Body, &v); err != nil {
		return err
	}
	r.tag(o.Version)
	return r.json(view(&v))
}

// putObject journals what the body says of the object of the path, or of a new
// one, and answers with the object as it is then: 201 when it is new.
func putObject[U, T, V any](a *API, r *request, kind string, act itsm.ActKind, view func(*T) V) error {
	var u U
	if err := r.decode(&u); err != nil {
		return err
	}
	body, err := encode(&u)
	if err != nil {
		return err
	}
	id, err := a.doTo(r, act, body)
	if err != nil {
		return err
	}
	if err := showObject(a, r, kind, id, view); err != nil {
		return err
	}
	if r.Method() == http.MethodPost && r.GetRespHeader("ETag") == `"1"` {
		r.Status(http.StatusCreated)
	}
	return nil
}

// actOn makes the handler of an act that carries nothing.
func actOn[T, V any](a *API, kind string, act itsm.ActKind, view func(*T) V) func(*request) error {
	return func(r *request) error {
		if err := r.decode(&struct{}{}); err != nil {
			return err
		}
		id, err := a.doTo(r, act, nil)
		if err != nil {
			return err
		}
		return showObject(a, r, kind, id, view)
	}
}

// doTo journals an act on the object of the path, or on a new one, and returns the
// id of the one to show.
func (a *API) doTo(r *request, kind itsm.ActKind, body json.RawMessage) (id string, err error) {
	act := itsm.Act{Kind: kind, Actor: r.who.Actor(), RemoteIP: strings.Clone(r.IP()), Body: body}
	if r.Params("id") != "" {
		if act.Object, err = r.param("id"); err != nil {
			return "", err
		}
	}
	if act.IfVersion, err = r.ifMatch(); err != nil {
		return "", err
	}
	if act.IdempotencyKey, err = r.header("Idempotency-Key", idempotencyBytesMax); err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(a.ctx, actWaitMax)
	defer cancel()
	out, err := a.o.Engine.Do(ctx, act)
	return out.Object, err
}
