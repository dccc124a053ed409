package alertmanagertest

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"time"

	"signalbox/connectors/connectortest"
	"signalbox/ingest/source"
	"signalbox/itsm"
)

// Front speaks Alertmanager's protocol for the records of a connectortest.Partner,
// which are silences. Whatever alert is asked for fires.
func Front(p *connectortest.Partner) http.Handler {
	mux := http.NewServeMux()
	answer := func(w http.ResponseWriter, status int, v any) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		json.NewEncoder(w).Encode(v)
	}
	mux.HandleFunc("GET /api/v2/alerts", func(w http.ResponseWriter, r *http.Request) {
		out := []any{}
		for _, f := range r.URL.Query()["filter"] {
			labels := map[string]string{"alertname": strings.Trim(strings.TrimPrefix(f, "alertname="), `"`)}
			out = append(out, map[string]any{"labels": labels, "fingerprint": source.Fingerprint(itsm.LabelsOf(labels)), "startsAt": p.Now().Add(-time.Hour), "endsAt": p.Now().Add(time.Hour)})
		}
		answer(w, http.StatusOK, out)
	})
	mux.HandleFunc("GET /api/v2/silences", func(w http.ResponseWriter, _ *http.Request) {
		out := []json.RawMessage{}
		for _, o := range p.Find(func(*connectortest.Object) bool { return true }) {
			out = append(out, silenceOf(p, &o))
		}
		answer(w, http.StatusOK, out)
	})
	mux.HandleFunc("POST /api/v2/silences", func(w http.ResponseWriter, r *http.Request) {
		var v Silence
		if err := json.NewDecoder(r.Body).Decode(&v); err != nil || len(v.Matchers) == 0 || !v.EndsAt.After(p.Now()) || v.CreatedBy == "" || v.Comment == "" {
			answer(w, http.StatusBadRequest, "bad silence")
			return
		}
		body, err := json.Marshal(v)
		if err != nil {
			answer(w, http.StatusInternalServerError, err.Error())
			return
		}
		o := p.Create(connectortest.Object{Key: keyOf.FindString(v.Comment), Title: v.Comment, Status: connectortest.Acknowledged, Fields: map[string]string{"silence": string(body)}})
		answer(w, http.StatusOK, map[string]string{"silenceID": o.ID})
	})
	mux.HandleFunc("DELETE /api/v2/silence/{id}", func(w http.ResponseWriter, r *http.Request) {
		if _, ok := p.Change(r.PathValue("id"), func(o *connectortest.Object) { o.Status = connectortest.Resolved }); !ok {
			answer(w, http.StatusNotFound, "silence not found")
			return
		}
		answer(w, http.StatusOK, nil)
	})
	return mux
}

var keyOf = regexp.MustCompile(`\[signalbox:.*\]$`)

// silenceOf is a record as Alertmanager shows it; one that somebody else made has
// no matchers of ours.
func silenceOf(p *connectortest.Partner, o *connectortest.Object) json.RawMessage {
	v := Silence{Matchers: []Matcher{{Name: "a", Value: "b"}}, CreatedBy: "bob", Comment: o.Title, EndsAt: p.Now().Add(time.Hour)}
	if s := o.Fields["silence"]; s != "" {
		if err := json.Unmarshal([]byte(s), &v); err != nil {
			panic(err) // it was encoded here
		}
	}
	v.ID, v.UpdatedAt, v.Annotations = o.ID, time.UnixMilli(o.Version), map[string]string{}
	v.Status.State = "active"
	if o.Status == connectortest.Resolved {
		v.Status.State, v.EndsAt = "expired", v.UpdatedAt
	}
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // plain data
	}
	return b
}
