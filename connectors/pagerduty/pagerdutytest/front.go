package pagerdutytest

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"signalbox/connectors/connectortest"
)

// The account behind a Front.
const (
	FrontKey   = "R0UT1NGKEY"
	FrontToken = "t0ken"
	FrontFrom  = "signalbox@example.com"
)

// front speaks PagerDuty's protocols for the records of a connectortest.Partner.
type front struct {
	p *connectortest.Partner
}

// Front is PagerDuty's Events API v2 and the parts of its REST API that the
// connector uses, over the records of p.
func Front(p *connectortest.Partner) http.Handler {
	f := front{p}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v2/enqueue", f.enqueue)
	rest := func(pattern string, h http.HandlerFunc) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			switch {
			case r.Header.Get("Authorization") != "Token token="+FrontToken:
				answer(w, http.StatusUnauthorized, map[string]any{"error": map[string]any{"code": 2006, "message": "Unauthorized"}})
			case r.Method != http.MethodGet && r.Header.Get("From") != FrontFrom:
				answer(w, http.StatusBadRequest, map[string]any{"error": map[string]any{"code": 1008, "message": "Requester User Not Found"}})
			default:
				h(w, r)
			}
		})
	}
	rest("GET /incidents", f.list)
	rest("GET /incidents/{id}/alerts", f.alerts)
	rest("GET /incidents/{id}/notes", f.notes)
	rest("POST /incidents/{id}/notes", f.note)
	rest("PUT /incidents", f.manage)
	rest("POST /incidents/{id}/status_updates", f.statusUpdate)
	rest("GET /priorities", f.priorities)
	return mux
}

type frontEvent struct {
	RoutingKey string `json:"routing_key"`
	Action     string `json:"event_action"`
	DedupKey   string `json:"dedup_key"`
	Payload    *struct{ Summary, Source, Severity string }
}

// complete says whether the Events API takes an event.
func (e *frontEvent) complete() bool {
	switch {
	case e.RoutingKey != FrontKey, e.DedupKey == "", len(e.DedupKey) > 255:
		return false
	case e.Action == "trigger":
		return e.Payload != nil && e.Payload.Summary != "" && len(e.Payload.Summary) <= 1024 && e.Payload.Source != "" && e.Payload.Severity != ""
	}
	return e.Action == "acknowledge" || e.Action == "resolve"
}

func (f front) enqueue(w http.ResponseWriter, r *http.Request) {
	b, err := io.ReadAll(r.Body)
	var e frontEvent
	if err != nil || len(b) > 512<<10 || json.Unmarshal(b, &e) != nil || !e.complete() {
		answer(w, http.StatusBadRequest, map[string]any{"status": "invalid event", "message": "Event object is invalid", "errors": []string{"bad body or routing_key"}})
		return
	}
	if e.Action == "trigger" {
		f.p.Fold(connectortest.Object{Key: e.DedupKey, Title: e.Payload.Summary})
	} else if o, ok := f.p.OpenWith(e.DedupKey); ok { // nothing open under this key: dropped, as PagerDuty does
		f.p.Change(o.ID, func(o *connectortest.Object) {
			o.Status = connectortest.Resolved
			if e.Action == "acknowledge" {
				o.Status = connectortest.Acknowledged
			}
		})
	}
	answer(w, http.StatusAccepted, map[string]any{"status": "success", "message": "Event processed", "dedup_key": e.DedupKey})
}

var statusWords = map[connectortest.Status]string{
	connectortest.Open: "triggered", connectortest.Acknowledged: "acknowledged", connectortest.Resolved: "resolved",
}

// shown is an incident as the REST API and the webhooks show it. Its key is null,
// as of every incident that was made from an alert.
func shown(o *connectortest.Object) map[string]any {
	out := map[string]any{
		"id": o.ID, "type": "incident", "incident_key": nil, "status": statusWords[o.Status], "title": o.Title,
		"html_url": "https://acme.pagerduty.com/incidents/" + o.ID, "created_at": o.Created.UTC().Format(time.RFC3339),
		"last_status_change_at": time.UnixMilli(o.Version).UTC().Format(time.RFC3339), "priority": nil,
		"last_status_change_by": map[string]any{"id": "PSVC1", "type": "service_reference", "summary": "Shop"},
	}
	if o.Priority != "" {
		out["priority"] = map[string]any{"id": o.Priority, "type": "priority_reference", "name": frontPriorities[o.Priority], "summary": frontPriorities[o.Priority]}
	}
	if p := o.Fields["escalation_policy"]; p != "" {
		out["escalation_policy"] = map[string]any{"id": p, "type": "escalation_policy_reference"}
	}
	if o.Assignee != "" {
		who := map[string]any{"id": o.Assignee, "type": "user_reference", "summary": o.Assignee}
		out["assignments"], out["assignees"] = []map[string]any{{"assignee": who}}, []map[string]any{who}
	}
	return out
}

// list answers with the newest first, a page at a time.
func (f front) list(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	var found []connectortest.Object
	if key := q.Get("incident_key"); key != "" {
		found = f.p.FindKey(key)
	} else {
		found = f.p.Find(func(o *connectortest.Object) bool { return slices.Contains(q["statuses[]"], statusWords[o.Status]) })
	}
	from, _ := strconv.Atoi(q.Get("offset"))
	limit, err := strconv.Atoi(q.Get("limit"))
	if err != nil || limit < 1 || limit > 100 || from < 0 || from+limit > 10_000 {
		answer(w, http.StatusBadRequest, map[string]any{"error": map[string]any{"code": 2001, "message": "Invalid Input Provided"}})
		return
	}
	out := []map[string]any{}
	for i := from; i < min(from+limit, len(found)); i++ {
		in := shown(&found[i])
		if slices.Contains(q["include[]"], "first_trigger_log_entries") && found[i].Fields["mute"] == "" {
			in["first_trigger_log_entry"] = map[string]any{"id": "R" + found[i].ID, "type": "trigger_log_entry", "event_details": map[string]any{"count": 1},
				"channel": map[string]any{"type": "api", "details": map[string]any{"dedup_key": found[i].Key}}}
		}
		out = append(out, in)
	}
	answer(w, http.StatusOK, map[string]any{"incidents": out, "limit": limit, "offset": from, "more": from+limit < len(found)})
}

// frontPriorities are the account's priorities, by id.
var frontPriorities = map[string]string{"PRIO1": "P1", "PRIO2": "P2", "PRIO3": "P3", "PRIO4": "P4", "PRIO5": "P5"}

func (f front) priorities(w http.ResponseWriter, _ *http.Request) {
	out := []map[string]any{}
	for _, id := range slices.Sorted(maps.Keys(frontPriorities)) {
		out = append(out, map[string]any{"id": id, "type": "priority", "name": frontPriorities[id], "summary": frontPriorities[id]})
	}
	answer(w, http.StatusOK, map[string]any{"priorities": out})
}

// manage edits incidents, all of them or none.
func (f front) manage(w http.ResponseWriter, r *http.Request) {
	var b struct {
		Incidents []struct {
			ID, Title        string
			Priority         *struct{ ID string }
			EscalationPolicy *struct{ ID string } `json:"escalation_policy"`
			Assignments      []struct{ Assignee struct{ ID string } }
		}
	}
	if err := json.NewDecoder(r.Body).Decode(&b); err != nil || len(b.Incidents) == 0 || len(b.Incidents) > 250 {
		answer(w, http.StatusBadRequest, map[string]any{"error": map[string]any{"code": 2001, "message": "Invalid Input Provided"}})
		return
	}
	for _, in := range b.Incidents {
		_, ok := f.p.Get(in.ID)
		if !ok || in.Priority != nil && frontPriorities[in.Priority.ID] == "" {
			answer(w, http.StatusNotFound, map[string]any{"error": map[string]any{"code": 2100, "message": "Not Found"}})
			return
		}
	}
	out := []map[string]any{}
	for _, in := range b.Incidents {
		o, _ := f.p.Change(in.ID, func(o *connectortest.Object) {
			if in.Title != "" {
				o.Title = in.Title
			}
			if in.Priority != nil {
				o.Priority = in.Priority.ID
			}
			if in.EscalationPolicy != nil {
				o.Fields["escalation_policy"] = in.EscalationPolicy.ID
			}
			for _, a := range in.Assignments {
				o.Assignee = a.Assignee.ID
			}
		})
		out = append(out, shown(&o))
	}
	answer(w, http.StatusOK, map[string]any{"incidents": out})
}

func (f front) statusUpdate(w http.ResponseWriter, r *http.Request) {
	var b struct{ Message string }
	if err := json.NewDecoder(r.Body).Decode(&b); err != nil || b.Message == "" {
		answer(w, http.StatusBadRequest, map[string]any{"error": map[string]any{"code": 2001, "message": "Invalid Input Provided"}})
		return
	}
	if o, ok := f.found(w, r); ok {
		f.p.Change(o.ID, func(o *connectortest.Object) { o.Fields["status_updates"] += b.Message + "\n" })
		answer(w, http.StatusCreated, map[string]any{"status_update": map[string]any{"id": "SU1", "message": b.Message}})
	}
}

// found answers 404 when there is no such incident.
func (f front) found(w http.ResponseWriter, r *http.Request) (connectortest.Object, bool) {
	o, ok := f.p.Get(r.PathValue("id"))
	if !ok {
		answer(w, http.StatusNotFound, map[string]any{"error": map[string]any{"code": 2100, "message": "Not Found"}})
	}
	return o, ok
}

func (f front) alerts(w http.ResponseWriter, r *http.Request) {
	if o, ok := f.found(w, r); ok {
		answer(w, http.StatusOK, map[string]any{"alerts": []map[string]any{{"id": "A" + o.ID, "alert_key": o.Key}}})
	}
}

func shownNote(n *connectortest.Note) map[string]any {
	return map[string]any{"id": n.ID, "content": n.Text, "user": map[string]any{"summary": n.Author}, "created_at": n.At.UTC().Format(time.RFC3339)}
}

func (f front) notes(w http.ResponseWriter, r *http.Request) {
	if o, ok := f.found(w, r); ok {
		out := []map[string]any{}
		for _, n := range o.Notes {
			out = append(out, shownNote(&n))
		}
		answer(w, http.StatusOK, map[string]any{"notes": out})
	}
}

func (f front) note(w http.ResponseWriter, r *http.Request) {
	var b struct{ Note struct{ Content string } }
	if err := json.NewDecoder(r.Body).Decode(&b); err != nil || b.Note.Content == "" {
		answer(w, http.StatusBadRequest, map[string]any{"error": map[string]any{"code": 2001, "message": "Invalid Input Provided"}})
		return
	}
	if o, ok := f.found(w, r); ok {
		n, _ := f.p.Note(o.ID, FrontFrom, b.Note.Content)
		answer(w, http.StatusOK, map[string]any{"note": shownNote(&n)})
	}
}

// eventTypes are the webhook events of what happens to an incident; what is not
// there is not reported.
var eventTypes = map[connectortest.What]string{
	connectortest.Created: "incident.triggered", connectortest.WasAcknowledged: "incident.acknowledged",
	connectortest.WasUnacknowledged: "incident.unacknowledged", connectortest.WasResolved: "incident.resolved",
	connectortest.WasReopened: "incident.reopened", connectortest.WasAssigned: "incident.reassigned",
	connectortest.WasPrioritized: "incident.priority_updated", connectortest.Noted: "incident.annotated",
}

// Report is the body of the v3 webhook that tells of a change; nil: none does.
func Report(c connectortest.Change) []byte {
	kind := eventTypes[c.What]
	if kind == "" {
		return nil
	}
	data := shown(&c.Object)
	if c.What == connectortest.Noted {
		data = map[string]any{"id": c.Note.ID, "type": "incident_note", "content": c.Note.Text, "trimmed": false,
			"incident": map[string]any{"id": c.Object.ID, "type": "incident_reference", "html_url": data["html_url"]}}
	}
	event := map[string]any{"id": c.ID, "event_type": kind, "resource_type": "incident", "occurred_at": c.At.UTC().Format(time.RFC3339Nano), "data": data}
	if c.By == connectortest.API {
		event["client"] = map[string]any{"name": "Signalbox"}
	} else {
		event["agent"] = map[string]any{"id": "PUSER1", "type": "user_reference", "summary": c.By, "html_url": "https://acme.pagerduty.com/users/" + strings.ToUpper(c.By)}
	}
	b, err := json.Marshal(map[string]any{"event": event})
	if err != nil {
		panic(err)
	}
	return b
}
