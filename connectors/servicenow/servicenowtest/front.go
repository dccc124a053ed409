package servicenowtest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"signalbox/connectors/connectortest"
)

// front speaks the Table API for the records of a connectortest.Partner.
type front struct {
	p *connectortest.Partner
}

// Front is the Table API over the records of p. Every other table is empty.
func Front(p *connectortest.Partner) http.Handler {
	f := front{p}
	mux := http.NewServeMux()
	handle := func(pattern string, h http.HandlerFunc) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			if user, password, _ := r.BasicAuth(); user != User || password != Password {
				fail(w, http.StatusUnauthorized, "User Not Authenticated")
				return
			}
			h(w, r)
		})
	}
	handle("GET /api/now/table/{table}", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, map[string]any{"result": []any{}})
	})
	handle("GET /api/now/table/incident", f.list)
	handle("POST /api/now/table/incident", f.create)
	handle("GET /api/now/table/incident/{id}", f.get)
	handle("PATCH /api/now/table/incident/{id}", f.patch)
	return mux
}

// frontEra is near the time at which the suite begins.
var frontEra = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

var frontStates = map[connectortest.Status]string{connectortest.Open: "1", connectortest.Acknowledged: "2", connectortest.Resolved: "6"}

func statusOf(state string) connectortest.Status {
	switch state {
	case "2", "3":
		return connectortest.Acknowledged
	case "6", "7", "8":
		return connectortest.Resolved
	}
	return connectortest.Open
}

// frontRow is a record as the Table API shows it. Its times have whole seconds, so
// that a millisecond of the partner's versions is a second of them.
func frontRow(o *connectortest.Object) *stored {
	at := frontEra.Add(time.Duration(o.Version-frontEra.UnixMilli()) * time.Second).UTC()
	r := &stored{Record: Record{}}
	for k, v := range o.Fields {
		r.Record[k] = v
	}
	for k, v := range map[string]string{"sys_id": o.ID, "number": "INC" + o.ID, "correlation_id": o.Key, "short_description": o.Title, "state": frontStates[o.Status],
		"sys_updated_on": at.Format(layout), "sys_updated_by": o.Fields["sys_updated_by"], "sys_mod_count": "1"} {
		r.Record[k] = v
	}
	for _, n := range o.Notes {
		r.notes = append([]string{n.Author + " (Work notes)\n" + n.Text}, r.notes...)
	}
	return r
}

func (f front) list(w http.ResponseWriter, r *http.Request) {
	var found []connectortest.Object
	for _, term := range strings.Split(r.URL.Query().Get("sysparm_query"), "^") {
		if v, ok := strings.CutPrefix(term, "correlation_id="); ok {
			found = f.p.FindKey(v)
		}
		if v, ok := strings.CutPrefix(term, "correlation_idIN"); ok {
			for _, key := range strings.Split(v, ",") {
				found = append(found, f.p.FindKey(key)...)
			}
		}
	}
	rows := []any{}
	if f.p.Unfiltered {
		found = f.p.Find(func(*connectortest.Object) bool { return true })
	}
	for i := range found {
		rows = append(rows, shower(r)(frontRow(&found[i])))
	}
	answer(w, http.StatusOK, map[string]any{"result": rows})
}

func (f front) create(w http.ResponseWriter, r *http.Request) {
	var body Record
	if json.NewDecoder(r.Body).Decode(&body) != nil || body["short_description"] == "" {
		fail(w, http.StatusBadRequest, "Data Policy Exception: Short description is mandatory")
		return
	}
	o := f.p.Create(connectortest.Object{Key: body["correlation_id"], Title: body["short_description"], Fields: fieldsOf(body)})
	answer(w, http.StatusCreated, map[string]any{"result": shower(r)(frontRow(&o))})
}

func fieldsOf(body Record) map[string]string {
	out := map[string]string{}
	for k, v := range body {
		if k != "work_notes" && k != "correlation_id" && k != "short_description" && k != "state" {
			out[k] = v
		}
	}
	return out
}

func (f front) get(w http.ResponseWriter, r *http.Request) {
	o, ok := f.p.Get(r.PathValue("id"))
	if !ok {
		fail(w, http.StatusNotFound, "No Record found")
		return
	}
	answer(w, http.StatusOK, map[string]any{"result": shower(r)(frontRow(&o))})
}

func (f front) patch(w http.ResponseWriter, r *http.Request) {
	var body Record
	if json.NewDecoder(r.Body).Decode(&body) != nil {
		fail(w, http.StatusBadRequest, "Exception while reading request")
		return
	}
	o, ok := f.p.Change(r.PathValue("id"), func(o *connectortest.Object) {
		if o.Fields == nil {
			o.Fields = map[string]string{}
		}
		for k, v := range fieldsOf(body) {
			o.Fields[k] = v
		}
		if v := body["short_description"]; v != "" {
			o.Title = v
		}
		if v := body["state"]; v != "" {
			o.Status = statusOf(v)
		}
		o.Priority = o.Fields["impact"] + o.Fields["urgency"]
	})
	if !ok {
		fail(w, http.StatusNotFound, "No Record found")
		return
	}
	if text := body["work_notes"]; text != "" {
		f.p.Note(o.ID, User, text)
	}
	answer(w, http.StatusOK, map[string]any{"result": shower(r)(frontRow(&o))})
}

// moves are the states before and after what happens to a record.
var moves = map[connectortest.What][2]string{
	connectortest.WasAcknowledged: {"1", "2"}, connectortest.WasUnacknowledged: {"2", "1"}, connectortest.WasResolved: {"2", "6"}, connectortest.WasReopened: {"6", "1"},
}

// Report is what the business rule posts of a change.
func Report(c connectortest.Change) []byte {
	row := frontRow(&c.Object)
	by := User
	if c.By != connectortest.API {
		by = strings.ToLower(c.By)
	}
	row.Record["sys_updated_by"] = by
	body := map[string]any{"table": "incident", "operation": "update", "user": c.By, "url": "https://acme.service-now.com/nav_to.do?uri=incident.do?sys_id=" + c.Object.ID, "record": row.Record}
	switch c.What {
	case connectortest.Created:
		body["operation"] = "insert"
	case connectortest.Noted:
		body["changed"], body["note"] = []string{"work_notes"}, map[string]string{"text": c.Note.Text}
	case connectortest.WasAssigned:
		body["changed"] = []string{"assigned_to"}
		row.Record["assigned_to"] = c.Object.Assignee
	default:
		m, ok := moves[c.What]
		if !ok {
			return nil
		}
		body["changed"], body["previous"] = []string{"state"}, map[string]string{"state": m[0]}
		row.Record["state"] = m[1]
	}
	b, err := json.Marshal(body)
	if err != nil {
		panic(fmt.Sprintf("text does not encode: %v", err))
	}
	return b
}
