package datadog

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"signalbox/connectors"
	"signalbox/itsm"
)

// incidents keeps an incident at Datadog for each of ours:
// https://docs.datadoghq.com/api/latest/incidents/. Its API has neither an
// acknowledgement, so the title says it, nor comments.
type incidents struct{ c *Connector }

// incident is of an incident of the v2 API what is used, in answers and requests.
type incident struct {
	ID         string             `json:"id,omitempty"`
	Type       string             `json:"type"`
	Attributes incidentAttributes `json:"attributes"`
}

type incidentAttributes struct {
	Title            string           `json:"title,omitempty"`
	CustomerImpacted *bool            `json:"customer_impacted,omitempty"` // needed to create one
	Fields           map[string]field `json:"fields,omitempty"`
	PublicID         int64            `json:"public_id,omitempty"`
	Modified         string           `json:"modified,omitempty"`
	State            string           `json:"state,omitempty"`
}

// field is a field of an incident; those with several values are not ours.
type field struct {
	Type  string `json:"type"`
	Value string `json:"value"`
}

// UnmarshalJSON takes whatever a field holds, and keeps a single text.
func (f *field) UnmarshalJSON(b []byte) error {
	var v struct {
		Type  string `json:"type"`
		Value any    `json:"value"`
	}
	if err := json.Unmarshal(b, &v); err != nil {
		return err
	}
	f.Type = v.Type
	f.Value, _ = v.Value.(string)
	return nil
}

func dropdown(v string) field { return field{"dropdown", v} }

// severityOf is the severity of a priority, SEV-1 to SEV-5.
func severityOf(p itsm.Priority) field {
	if p < itsm.P1 || p > itsm.P5 {
		return dropdown("UNKNOWN")
	}
	return dropdown("SEV-" + strings.TrimPrefix(p.String(), "P"))
}

// acknowledgedMark stands in front of the reference in the title of an incident that
// somebody works on.
const acknowledgedMark = " (acknowledged)"

// marked puts the mark into a title that ends in ref.
func marked(title, ref string) string {
	return strings.TrimSuffix(title, " "+ref) + acknowledgedMark + " " + ref
}

func (k incidents) record(v incident) record {
	r := record{id: v.ID, title: v.Attributes.Title, status: connectors.RecordOpen, url: k.c.app("/incidents/" + strconv.FormatInt(v.Attributes.PublicID, 10))}
	state := v.Attributes.State
	if f, ok := v.Attributes.Fields["state"]; ok {
		state = f.Value
	}
	switch {
	case state == "resolved" || state == "completed":
		r.status = connectors.RecordResolved
	case strings.Contains(r.title, acknowledgedMark+" ["):
		r.status = connectors.RecordAcknowledged
	}
	if s, ok := strings.CutPrefix(v.Attributes.Fields["severity"].Value, "SEV-"); ok {
		r.priority, _ = itsm.ParsePriority("P" + s)
	}
	if t, err := itsm.ParseTime(v.Attributes.Modified); err == nil {
		r.version = int64(t)
	}
	return r
}

func (k incidents) create(ctx context.Context, title string, p itsm.Priority) (record, error) {
	no := false
	body := one[incident]{incident{Type: "incidents", Attributes: incidentAttributes{Title: title, CustomerImpacted: &no, Fields: map[string]field{"severity": severityOf(p)}}}}
	var out one[incident]
	err := k.c.call(ctx, http.MethodPost, "/api/v2/incidents", nil, &body, &out)
	return k.record(out.Data), err
}

func (k incidents) get(ctx context.Context, id string) (record, error) {
	var out one[incident]
	err := k.c.call(ctx, http.MethodGet, "/api/v2/incidents/"+url.PathEscape(id), nil, nil, &out)
	return k.record(out.Data), err
}

func (k incidents) search(ctx context.Context, ref string) (list []record, err error) {
	var out one[struct {
		Attributes struct {
			Incidents []one[incident] `json:"incidents"`
		} `json:"attributes"`
	}]
	q := url.Values{"query": {`"` + strings.Trim(ref, "[]") + `"`}, "page[size]": {strconv.Itoa(searchedMax)}}
	err = k.c.call(ctx, http.MethodGet, "/api/v2/incidents/search", q, nil, &out)
	for _, v := range out.Data.Attributes.Incidents {
		list = append(list, k.record(v.Data))
	}
	return list, err
}

func (k incidents) patch(ctx context.Context, r record, a incidentAttributes) error {
	body := one[incident]{incident{ID: r.id, Type: "incidents", Attributes: a}}
	return k.c.call(ctx, http.MethodPatch, "/api/v2/incidents/"+url.PathEscape(r.id), nil, &body, nil)
}

func (k incidents) update(ctx context.Context, r record, title string, p itsm.Priority) error {
	return k.patch(ctx, r, incidentAttributes{Title: title, Fields: map[string]field{"severity": severityOf(p)}})
}

func (k incidents) move(ctx context.Context, r record, to connectors.RecordStatus) error {
	if to != connectors.RecordResolved {
		at := strings.LastIndex(r.title, "[")
		return k.patch(ctx, r, incidentAttributes{Title: marked(r.title, r.title[max(at, 0):])})
	}
	return k.patch(ctx, r, incidentAttributes{Fields: map[string]field{"state": dropdown("resolved")}})
}

func (incidents) note(context.Context, record, string) error { return nil }

func (incidents) noted(context.Context, record, string) (bool, error) { return true, nil }
