package servicenowtest

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"

	"signalbox/connectors/connectortest"
)

// front speaks the Table API for the records of a connectortest.Partner that are in one
// table. Those of others are in each.
type front struct {
	p     *connectortest.Partner
	table string
}

// tableField is where a record keeps its table.
const tableField = "sys_class_name"

func (f front) holds(o *connectortest.Object) bool {
	return o.Foreign || o.Fields[tableField] == f.table
}

// Front is the Table API over the records of p. Every other table is empty.
func Front(p *connectortest.Partner) http.Handler {
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
	for _, table := range []string{"incident", "change_request", "problem"} {
		f := front{p, table}
		handle("GET /api/now/table/"+table, f.list)
		handle("POST /api/now/table/"+table, f.create)
		handle("GET /api/now/table/"+table+"/{id}", f.get)
		handle("PATCH /api/now/table/"+table+"/{id}", f.patch)
	}
	return mux
}

// frontEra is near the time at which the suite begins.
var frontEra = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// frontStates are the choices that each status is first, by table.
var frontStates = map[string]map[connectortest.Status]string{
	"incident":       {connectortest.Open: "1", connectortest.Acknowledged: "2", connectortest.Resolved: "6"},
	"change_request": {connectortest.Open: "-5", connectortest.Acknowledged: "-1", connectortest.Resolved: "0"},
	"problem":        {connectortest.Open: "101", connectortest.Acknowledged: "103", connectortest.Resolved: "106"},
}

func statusOf(table, state string) connectortest.Status {
	switch {
	case table == "incident" && (state == "2" || state == "3"), table == "change_request" && state == "-1", table == "problem" && state > "101" && state < "106":
		return connectortest.Acknowledged
	case table == "incident" && state >= "6", table == "change_request" && state >= "0", table == "problem" && state >= "106":
		return connectortest.Resolved
	}
	return connectortest.Open
}

// stateOf is the choice that a record is at: the one that was written, unless somebody
// moved it since.
func stateOf(table string, o *connectortest.Object) string {
	if s := o.Fields["state"]; s != "" && statusOf(table, s) == o.Status {
		return s
	}
	return frontStates[table][o.Status]
}

// prefixes begin the numbers of a table.
var prefixes = map[string]string{"incident": "INC", "change_request": "CHG", "problem": "PRB"}

// frontRow is a record as the Table API shows it. Its times have whole seconds. Of
// incidents a millisecond of the partner's versions is a second of them; of others two in
// one second differ in the count of updates.
func frontRow(table string, o *connectortest.Object) *stored {
	at, count, by := frontEra.Add(time.Duration(o.Version-frontEra.UnixMilli())*time.Second), "1", o.Fields["sys_updated_by"]
	if table != "incident" {
		at, count, by = time.UnixMilli(o.Version), strconv.Itoa(o.Changes), userOf(o.By)
	}
	r := &stored{Record: Record{}}
	for k, v := range o.Fields {
		r.Record[k] = v
	}
	for k, v := range map[string]string{"sys_id": o.ID, "number": prefixes[table] + o.ID, "correlation_id": o.Key, "short_description": o.Title, "state": stateOf(table, o),
		"sys_updated_on": at.UTC().Format(layout), "sys_updated_by": by, "sys_mod_count": count} {
		r.Record[k] = v
	}
	for _, n := range o.Notes {
		r.notes = append([]string{n.Author + " (Work notes)\n" + n.Text}, r.notes...)
	}
	return r
}

// userOf is the user name of who changed a record.
func userOf(by string) string {
	if by == connectortest.API {
		return User
	}
	return strings.ToLower(by)
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
		if f.holds(&found[i]) {
			rows = append(rows, shower(r)(frontRow(f.table, &found[i])))
		}
	}
	answer(w, http.StatusOK, map[string]any{"result": rows})
}

func (f front) create(w http.ResponseWriter, r *http.Request) {
	var body Record
	if json.NewDecoder(r.Body).Decode(&body) != nil || body["short_description"] == "" {
		fail(w, http.StatusBadRequest, "Data Policy Exception: Short description is mandatory")
		return
	}
	if why := refusal(f.table, nil, body); why != "" {
		fail(w, http.StatusForbidden, why)
		return
	}
	o := f.p.Create(connectortest.Object{Key: body["correlation_id"], Title: body["short_description"], Status: statusOf(f.table, body["state"]), Fields: f.fieldsOf(body)})
	answer(w, http.StatusCreated, map[string]any{"result": shower(r)(frontRow(f.table, &o))})
}

func (f front) fieldsOf(body Record) map[string]string {
	out := map[string]string{tableField: f.table}
	for k, v := range body {
		if k != "work_notes" && k != "correlation_id" && k != "short_description" {
			out[k] = v
		}
	}
	return out
}

func (f front) get(w http.ResponseWriter, r *http.Request) {
	o, ok := f.p.Get(r.PathValue("id"))
	if !ok || !f.holds(&o) {
		fail(w, http.StatusNotFound, "No Record found")
		return
	}
	answer(w, http.StatusOK, map[string]any{"result": shower(r)(frontRow(f.table, &o))})
}

func (f front) patch(w http.ResponseWriter, r *http.Request) {
	var body Record
	if json.NewDecoder(r.Body).Decode(&body) != nil {
		fail(w, http.StatusBadRequest, "Exception while reading request")
		return
	}
	is, ok := f.p.Get(r.PathValue("id"))
	if ok && f.holds(&is) {
		if why := refusal(f.table, frontRow(f.table, &is).Record, body); why != "" {
			fail(w, http.StatusForbidden, why)
			return
		}
	}
	o, ok := f.p.Change(r.PathValue("id"), func(o *connectortest.Object) {
		if o.Fields == nil {
			o.Fields = map[string]string{}
		}
		maps.Copy(o.Fields, f.fieldsOf(body))
		if v := body["short_description"]; v != "" {
			o.Title = v
		}
		if v := body["state"]; v != "" {
			o.Status = statusOf(f.table, v)
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
	answer(w, http.StatusOK, map[string]any{"result": shower(r)(frontRow(f.table, &o))})
}

// before is what a record was before something happened to it.
var before = map[connectortest.What]connectortest.Status{
	connectortest.WasAcknowledged: connectortest.Open, connectortest.WasUnacknowledged: connectortest.Acknowledged, connectortest.WasResolved: connectortest.Acknowledged, connectortest.WasReopened: connectortest.Resolved,
}

// Report is what the business rule posts of a change.
func Report(c connectortest.Change) []byte {
	table := c.Object.Fields[tableField]
	row := frontRow(table, &c.Object)
	row.Record["sys_updated_by"] = userOf(c.By)
	body := map[string]any{"table": table, "operation": "update", "user": c.By, "url": "https://acme.service-now.com/nav_to.do?uri=" + table + ".do?sys_id=" + c.Object.ID, "record": row.Record}
	switch c.What {
	case connectortest.Created:
		body["operation"] = "insert"
	case connectortest.Noted:
		body["changed"], body["note"] = []string{"work_notes"}, map[string]string{"text": c.Note.Text}
	case connectortest.WasAssigned:
		body["changed"] = []string{"assigned_to"}
		row.Record["assigned_to"] = c.Object.Assignee
	default:
		was, ok := before[c.What]
		if !ok {
			return nil
		}
		body["changed"], body["previous"] = []string{"state"}, map[string]string{"state": frontStates[table][was]}
	}
	b, err := json.Marshal(body)
	if err != nil {
		panic(fmt.Sprintf("text does not encode: %v", err))
	}
	return b
}
