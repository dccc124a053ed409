package datadog

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"signalbox/connectors"
	"signalbox/itsm"
)

// record is an incident or a case at Datadog, as far as it is ours to know.
type record struct {
	id       string
	title    string
	status   connectors.RecordStatus
	priority itsm.Priority // of a case
	url      string
	version  int64
}

// keeper is how one kind of record is made, found and changed.
type keeper interface {
	create(ctx context.Context, title string, p itsm.Priority) (record, error)
	get(ctx context.Context, id string) (record, error)
	search(ctx context.Context, ref string) ([]record, error)
	update(ctx context.Context, r record, title string, p itsm.Priority) error
	move(ctx context.Context, r record, to connectors.RecordStatus) error
	note(ctx context.Context, r record, text string) error
	noted(ctx context.Context, r record, mark string) (bool, error)
}

func (c *Connector) keeper() keeper {
	if c.o.Keep == KeepCases {
		return cases{c}
	}
	return incidents{c}
}

// Bounds of a record.
const (
	titleMax     = 250
	noteMax      = 10_000
	noteKeyBytes = 16
	searchedMax  = 50 // records of one search that are looked at
)

// keep brings the record of an intent's epoch up to date.
func (c *Connector) keep(ctx context.Context, in *itsm.Intent) (connectors.Receipt, error) {
	k := c.keeper()
	r, found, err := c.find(ctx, k, in.Incident, in.Epoch, in.Snapshot.Links)
	if err != nil {
		return connectors.Receipt{}, err
	}
	ref := c.ref(in.Incident, in.Epoch)
	title := connectors.Cut(oneLine(in.Snapshot.Title), titleMax) + " " + ref
	if !found {
		if err := c.made.Missed(in, ref); err != nil {
			return connectors.Receipt{}, err // it may be there although it is not shown
		}
		if in.Transition != itsm.Trigger && in.Transition != itsm.Update {
			return connectors.Receipt{}, nil // there is nothing to change
		}
		c.made.Trying(ref)
		r, err = k.create(ctx, title, in.Snapshot.Priority)
		c.made.Settled(ref, err)
		if err != nil {
			return connectors.Receipt{}, err
		}
		c.made.Made(ref, r.id)
		return receipt(c, r), nil
	}
	if r.status == connectors.RecordAcknowledged && c.o.Keep == KeepIncidents {
		title = marked(title, ref)
	}
	switch in.Transition {
	case itsm.Trigger, itsm.Update:
		if r.title != title || r.priority != in.Snapshot.Priority {
			err = k.update(ctx, r, title, in.Snapshot.Priority)
		}
	case itsm.Acknowledge:
		if r.status < connectors.RecordAcknowledged {
			err = k.move(ctx, r, connectors.RecordAcknowledged)
		}
	case itsm.Resolve:
		if r.status < connectors.RecordResolved {
			err = k.move(ctx, r, connectors.RecordResolved)
		}
	case itsm.Note:
		err = c.noteOnce(ctx, k, r, in)
	}
	return receipt(c, r), err
}

func receipt(c *Connector, r record) connectors.Receipt {
	return connectors.Receipt{Link: &itsm.ExternalRef{Connector: c.o.Name, ID: r.id, URL: r.url}}
}

// noteOnce adds a note, unless an earlier try did.
func (c *Connector) noteOnce(ctx context.Context, k keeper, r record, in *itsm.Intent) error {
	mark := "[note-" + connectors.Head(in.Key, noteKeyBytes) + "]"
	if _, last := connectors.TriedAt(ctx); !last.IsZero() {
		if there, err := k.noted(ctx, r, mark); err != nil || there {
			return err
		}
	}
	return k.note(ctx, r, connectors.Cut(harmless(in.Actor+" in Signalbox: "+in.Text), noteMax)+" "+mark)
}

// find finds the record of an epoch: by the links that are known, else by a search.
// Only one whose title ends in our reference counts.
func (c *Connector) find(ctx context.Context, k keeper, n itsm.IncidentNumber, epoch uint32, links []itsm.ExternalRef) (record, bool, error) {
	ref := c.ref(n, epoch)
	var ids []string
	if id := c.made.ID(ref); id != "" {
		ids = append(ids, id)
	}
	for i := range links {
		if links[i].Connector == c.o.Name && !slices.Contains(ids, links[i].ID) {
			ids = append(ids, links[i].ID)
		}
	}
	for _, id := range ids {
		r, err := k.get(ctx, id)
		switch {
		case err == nil && strings.HasSuffix(r.title, ref):
			return r, true, nil
		case err != nil && connectors.StatusOf(err) != http.StatusNotFound && connectors.StatusOf(err) != http.StatusBadRequest:
			return r, false, err
		}
	}
	list, err := k.search(ctx, ref)
	if err != nil {
		return record{}, false, err
	}
	for _, r := range list[:min(len(list), searchedMax)] {
		if strings.HasSuffix(r.title, ref) {
			c.made.Found(ref, r.id)
			return r, true, nil
		}
	}
	return record{}, false, nil
}

// Look implements connectors.Looker.
func (c *Connector) Look(ctx context.Context, n itsm.IncidentNumber, epoch uint32) (connectors.Record, error) {
	if c.o.Keep == KeepNothing {
		return connectors.Record{}, itsm.Errorf(itsm.Invalid, "connector %s keeps no records at Datadog, so there is nothing to ask about", c.o.Name)
	}
	var links []itsm.ExternalRef
	if c.records != nil {
		if in, err := c.records.Incident(n); err == nil {
			links = in.Links
		}
	}
	r, found, err := c.find(ctx, c.keeper(), n, epoch, links)
	if err != nil || !found {
		return connectors.Record{}, err
	}
	rec := connectors.Record{Status: r.status, Link: itsm.ExternalRef{Connector: c.o.Name, ID: r.id, URL: r.url}, Version: r.version}
	if c.o.Keep == KeepCases && r.priority != 0 {
		rec.Knows, rec.Priority = itsm.SyncPriority, r.priority
	}
	return rec, nil
}

// cases keeps a case for each incident: https://docs.datadoghq.com/api/latest/case-management/
type cases struct{ c *Connector }

// aCase is a Case of the v2 API, in answers and, with fewer fields, in requests.
type aCase struct {
	ID            string         `json:"id,omitempty"`
	Type          string         `json:"type"`
	Attributes    caseAttributes `json:"attributes"`
	Relationships *caseProject   `json:"relationships,omitempty"`
}

type caseAttributes struct {
	Title      string `json:"title,omitempty"`
	TypeID     string `json:"type_id,omitempty"`
	Priority   string `json:"priority,omitempty"`
	Status     string `json:"status,omitempty"` // OPEN, IN_PROGRESS, CLOSED
	Comment    string `json:"comment,omitempty"`
	Key        string `json:"key,omitempty"`
	ModifiedAt string `json:"modified_at,omitempty"`
	CreatedAt  string `json:"created_at,omitempty"`
}

type caseProject struct {
	Project relationship `json:"project"`
}

type relationship struct {
	Data relationshipData `json:"data"`
}

type relationshipData struct {
	ID   string `json:"id"`
	Type string `json:"type"`
}

type one[T any] struct {
	Data T `json:"data"`
}

var caseStatus = map[string]connectors.RecordStatus{"OPEN": connectors.RecordOpen, "IN_PROGRESS": connectors.RecordAcknowledged, "CLOSED": connectors.RecordResolved}

var caseWord = map[connectors.RecordStatus]string{connectors.RecordAcknowledged: "IN_PROGRESS", connectors.RecordResolved: "CLOSED"}

func (k cases) record(v aCase) record {
	p, _ := itsm.ParsePriority(v.Attributes.Priority) // NOT_DEFINED is none
	r := record{id: v.ID, title: v.Attributes.Title, status: caseStatus[v.Attributes.Status], priority: p, url: k.c.app("/cases/" + url.PathEscape(v.Attributes.Key))}
	for _, at := range []string{v.Attributes.ModifiedAt, v.Attributes.CreatedAt} {
		if t, err := itsm.ParseTime(at); err == nil && r.version == 0 {
			r.version = int64(t)
		}
	}
	return r
}

func (k cases) create(ctx context.Context, title string, p itsm.Priority) (record, error) {
	body := one[aCase]{aCase{Type: "case", Attributes: caseAttributes{Title: title, TypeID: k.c.o.CaseType, Priority: p.String()},
		Relationships: &caseProject{relationship{relationshipData{ID: k.c.o.Project, Type: "project"}}}}}
	var out one[aCase]
	err := k.c.call(ctx, http.MethodPost, "/api/v2/cases", nil, &body, &out)
	return k.record(out.Data), err
}

func (k cases) get(ctx context.Context, id string) (record, error) {
	var out one[aCase]
	err := k.c.call(ctx, http.MethodGet, "/api/v2/cases/"+url.PathEscape(id), nil, nil, &out)
	return k.record(out.Data), err
}

func (k cases) search(ctx context.Context, ref string) (list []record, err error) {
	var out one[[]aCase]
	q := url.Values{"filter": {`"` + strings.Trim(ref, "[]") + `"`}, "page[size]": {"50"}}
	err = k.c.call(ctx, http.MethodGet, "/api/v2/cases", q, nil, &out)
	for _, v := range out.Data {
		list = append(list, k.record(v))
	}
	return list, err
}

func (k cases) change(ctx context.Context, r record, what string, a caseAttributes) error {
	return k.c.call(ctx, http.MethodPost, "/api/v2/cases/"+url.PathEscape(r.id)+"/"+what, nil, one[aCase]{aCase{Type: "case", Attributes: a}}, nil)
}

func (k cases) update(ctx context.Context, r record, title string, p itsm.Priority) error {
	if r.title != title {
		if err := k.change(ctx, r, "title", caseAttributes{Title: title}); err != nil {
			return err
		}
	}
	if r.priority == p {
		return nil
	}
	return k.change(ctx, r, "priority", caseAttributes{Priority: p.String()})
}

func (k cases) move(ctx context.Context, r record, to connectors.RecordStatus) error {
	return k.change(ctx, r, "status", caseAttributes{Status: caseWord[to]})
}

func (k cases) note(ctx context.Context, r record, text string) error {
	return k.change(ctx, r, "comment", caseAttributes{Comment: text})
}

func (k cases) noted(ctx context.Context, r record, mark string) (bool, error) {
	var out one[[]struct {
		Attributes struct {
			Cell struct {
				Message string `json:"message"`
			} `json:"cell_content"`
		} `json:"attributes"`
	}]
	err := k.c.call(ctx, http.MethodGet, "/api/v2/cases/"+url.PathEscape(r.id)+"/timelines", nil, nil, &out)
	for _, v := range out.Data {
		if strings.HasSuffix(v.Attributes.Cell.Message, mark) {
			return true, err
		}
	}
	return false, err
}
