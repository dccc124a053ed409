// Package datadogtest is a Datadog for tests: the records of a
// connectortest.Partner as cases or incidents, and beside them events, downtimes,
// monitors and the software catalog. Every body it is sent is held against
// Datadog's own OpenAPI documents.
package datadogtest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"signalbox/connectors/connectortest"
)

// Keys that the fake asks for.
const (
	APIKey = "0123456789abcdef0123456789abcdef"
	AppKey = "fedcba9876543210fedcba9876543210fedcba98"
)

// Server is one organisation.
type Server struct {
	URL     string
	Partner *connectortest.Partner

	mu        sync.Mutex
	spec      *Spec
	fault     func(string)
	calls     []Call
	Monitors  map[string]string // number → the monitor's JSON
	Entities  []json.RawMessage
	Included  []json.RawMessage
	Relations []json.RawMessage
	events    []Event
	downtimes []*Downtime
	seq       int
	refuse    func(w http.ResponseWriter, r *http.Request) bool
}

// Call is one request as it came.
type Call struct{ Method, Path, Query, Body string }

// Event is an event that was posted.
type Event struct {
	Title          string   `json:"title"`
	Text           string   `json:"text"`
	AggregationKey string   `json:"aggregation_key"`
	AlertType      string   `json:"alert_type"`
	Tags           []string `json:"tags"`
}

// Downtime is a downtime, canceled ones included.
type Downtime struct {
	ID, Scope, Message, Status string
	Monitor                    int64
	End                        time.Time
}

// New starts an organisation. It ends with the test.
func New(t testing.TB) *Server {
	s := &Server{Partner: connectortest.NewPartner(), spec: Documents(t), Monitors: map[string]string{}, fault: func(f string) { t.Error(f) }}
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	s.URL = srv.URL
	return s
}

// Front speaks Datadog's protocol for the records of a partner.
func Front(t testing.TB) func(*connectortest.Partner) http.Handler {
	spec := Documents(t)
	return func(p *connectortest.Partner) http.Handler {
		return &Server{Partner: p, spec: spec, Monitors: map[string]string{}, fault: func(f string) { t.Error(f) }}
	}
}

// Refuse lets a function answer instead, while it returns true.
func (s *Server) Refuse(f func(w http.ResponseWriter, r *http.Request) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuse = f
}

// Calls lists the requests so far that have a method, "" for all.
func (s *Server) Calls(method string) (out []Call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.calls {
		if method == "" || c.Method == method {
			out = append(out, c)
		}
	}
	return out
}

// Events lists what was posted.
func (s *Server) Events() []Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.events)
}

// Downtimes lists the downtimes in a state, "" for all.
func (s *Server) Downtimes(state string) (out []Downtime) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range s.downtimes {
		if state == "" || d.Status == state {
			out = append(out, *d)
		}
	}
	return out
}

// AddDowntime adds one that somebody else made.
func (s *Server) AddDowntime(message string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seq++
	s.downtimes = append(s.downtimes, &Downtime{ID: strconv.Itoa(s.seq), Message: message, Status: "active", End: time.Now().Add(time.Minute)})
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b, err := io.ReadAll(r.Body)
	if err != nil {
		return // the connection broke
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, Call{r.Method, r.URL.Path, r.URL.RawQuery, string(b)})
	if s.refuse != nil && s.refuse(w, r) {
		return
	}
	if err := s.spec.Check(r.Method, r.URL.Path, string(b)); err != nil {
		s.fault(err.Error())
	}
	answer := func(status int, v any) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		if v != nil {
			json.NewEncoder(w).Encode(v)
		}
	}
	if r.Header.Get("DD-API-KEY") != APIKey || r.Header.Get("DD-APPLICATION-KEY") != AppKey {
		answer(403, map[string]any{"errors": []string{"Forbidden"}})
		return
	}
	for _, part := range []func(*http.Request, []string, []byte) (int, any){s.cases, s.incidents, s.downtime, s.others} {
		if status, v := part(r, strings.Split(strings.Trim(r.URL.Path, "/"), "/")[1:], b); status != 0 {
			answer(status, v)
			return
		}
	}
	answer(404, map[string]any{"errors": []string{"Not found"}})
}

type data struct {
	Data struct {
		ID         string `json:"id"`
		Attributes struct {
			Title    string `json:"title"`
			Priority string `json:"priority"`
			Status   string `json:"status"`
			Comment  string `json:"comment"`
			Message  string `json:"message"`
			Scope    string `json:"scope"`
			Monitor  struct {
				ID int64 `json:"monitor_id"`
			} `json:"monitor_identifier"`
			Schedule struct {
				End time.Time `json:"end"`
			} `json:"schedule"`
			Fields map[string]struct {
				Value string `json:"value"`
			} `json:"fields"`
		} `json:"attributes"`
	} `json:"data"`
}

var caseWords = map[connectortest.Status]string{connectortest.Open: "OPEN", connectortest.Acknowledged: "IN_PROGRESS", connectortest.Resolved: "CLOSED"}

func caseOf(o *connectortest.Object) any {
	return map[string]any{"id": o.ID, "type": "case", "attributes": map[string]any{"title": o.Title, "priority": o.Priority, "status": caseWords[o.Status],
		"key": "CASEM-" + o.ID, "created_at": o.Created.UTC(), "modified_at": time.UnixMilli(o.Version).UTC()}}
}

// found are the records whose title has what is searched for.
func (s *Server) found(text string) []connectortest.Object {
	text = strings.Trim(text, `"`)
	return s.Partner.Find(func(o *connectortest.Object) bool { return strings.Contains(o.Title, text) })
}

func (s *Server) cases(r *http.Request, path []string, b []byte) (int, any) {
	if len(path) < 2 || path[1] != "cases" {
		return 0, nil
	}
	var d data
	if len(b) > 0 && json.Unmarshal(b, &d) != nil {
		return 400, map[string]any{"errors": []string{"not JSON"}}
	}
	a := &d.Data.Attributes
	switch {
	case r.Method == "GET" && len(path) == 2:
		list := []any{}
		for _, o := range s.found(r.URL.Query().Get("filter")) {
			list = append(list, caseOf(&o))
		}
		return 200, map[string]any{"data": list}
	case r.Method == "POST" && len(path) == 2:
		o := s.Partner.Create(connectortest.Object{Title: a.Title, Priority: a.Priority})
		return 201, map[string]any{"data": caseOf(&o)}
	case r.Method == "GET" && len(path) == 3:
		if o, ok := s.Partner.Get(path[2]); ok {
			return 200, map[string]any{"data": caseOf(&o)}
		}
	case r.Method == "GET" && len(path) == 4 && path[3] == "timelines":
		if o, ok := s.Partner.Get(path[2]); ok {
			list := []any{}
			for _, n := range o.Notes {
				list = append(list, map[string]any{"id": n.ID, "type": "timeline_cell", "attributes": map[string]any{"type": "COMMENT", "cell_content": map[string]any{"message": n.Text}}})
			}
			return 200, map[string]any{"data": list}
		}
	case r.Method == "POST" && len(path) == 4 && path[3] == "comment":
		if _, ok := s.Partner.Note(path[2], "Signalbox", a.Comment); ok {
			return 200, map[string]any{"data": []any{}}
		}
	case r.Method == "POST" && len(path) == 4:
		o, ok := s.Partner.Change(path[2], func(o *connectortest.Object) {
			switch path[3] {
			case "title":
				o.Title = a.Title
			case "priority":
				o.Priority = a.Priority
			case "status":
				for st, word := range caseWords {
					if word == a.Status {
						o.Status = st
					}
				}
			}
		})
		if ok {
			return 200, map[string]any{"data": caseOf(&o)}
		}
	}
	return 404, map[string]any{"errors": []string{"Case not found"}}
}

func incidentOf(o *connectortest.Object) any {
	state := "active"
	if o.Status == connectortest.Resolved {
		state = "resolved"
	}
	return map[string]any{"id": o.ID, "type": "incidents", "attributes": map[string]any{"title": o.Title, "public_id": 7, "modified": time.UnixMilli(o.Version).UTC(), "state": state,
		"fields": map[string]any{"state": map[string]any{"type": "dropdown", "value": state}, "severity": map[string]any{"type": "dropdown", "value": o.Priority},
			"services": map[string]any{"type": "autocomplete", "value": []string{"web"}}, "summary": map[string]any{"type": "textbox", "value": nil}}}}
}

func (s *Server) incidents(r *http.Request, path []string, b []byte) (int, any) {
	if len(path) < 2 || path[1] != "incidents" {
		return 0, nil
	}
	var d data
	if len(b) > 0 && json.Unmarshal(b, &d) != nil {
		return 400, map[string]any{"errors": []string{"not JSON"}}
	}
	a := &d.Data.Attributes
	set := func(o *connectortest.Object) {
		if a.Title != "" {
			o.Title = a.Title
		}
		if strings.Contains(a.Title, " (acknowledged) [") && o.Status == connectortest.Open {
			o.Status = connectortest.Acknowledged // as people read it
		}
		if f, ok := a.Fields["severity"]; ok {
			o.Priority = f.Value
		}
		if a.Fields["state"].Value == "resolved" {
			o.Status = connectortest.Resolved
		}
	}
	switch {
	case r.Method == "POST" && len(path) == 2:
		o := connectortest.Object{}
		set(&o)
		o = s.Partner.Create(o)
		return 201, map[string]any{"data": incidentOf(&o)}
	case r.Method == "GET" && len(path) == 3 && path[2] == "search":
		list := []any{}
		for _, o := range s.found(r.URL.Query().Get("query")) {
			list = append(list, map[string]any{"data": incidentOf(&o)})
		}
		return 200, map[string]any{"data": map[string]any{"type": "incidents_search_results", "attributes": map[string]any{"incidents": list, "total": len(list), "facets": map[string]any{}}}}
	case r.Method == "GET" && len(path) == 3:
		if o, ok := s.Partner.Get(path[2]); ok {
			return 200, map[string]any{"data": incidentOf(&o)}
		}
	case r.Method == "PATCH" && len(path) == 3 && d.Data.ID == path[2]:
		if o, ok := s.Partner.Change(path[2], set); ok {
			return 200, map[string]any{"data": incidentOf(&o)}
		}
	}
	return 404, map[string]any{"errors": []string{"Incident not found"}}
}

func (s *Server) downtime(r *http.Request, path []string, b []byte) (int, any) {
	if len(path) < 2 || path[1] != "downtime" {
		return 0, nil
	}
	var d data
	if len(b) > 0 && json.Unmarshal(b, &d) != nil {
		return 400, map[string]any{"errors": []string{"not JSON"}}
	}
	a := &d.Data.Attributes
	show := func(x *Downtime) any {
		return map[string]any{"id": x.ID, "type": "downtime", "attributes": map[string]any{"message": x.Message, "scope": x.Scope, "status": x.Status,
			"monitor_identifier": map[string]any{"monitor_id": x.Monitor}, "schedule": map[string]any{"start": time.Now().UTC(), "end": x.End.UTC()}}}
	}
	switch {
	case r.Method == "GET" && len(path) == 2:
		list := []any{}
		for _, x := range s.downtimes {
			list = append(list, show(x))
		}
		from, _ := strconv.Atoi(r.URL.Query().Get("page[offset]"))
		n, _ := strconv.Atoi(r.URL.Query().Get("page[limit]"))
		return 200, map[string]any{"data": list[min(from, len(list)):min(from+n, len(list))]}
	case r.Method == "POST" && len(path) == 2:
		if a.Scope == "" || !a.Schedule.End.After(time.Now()) {
			return 400, map[string]any{"errors": []string{"bad downtime"}}
		}
		s.seq++
		x := &Downtime{ID: fmt.Sprintf("d-%d", s.seq), Scope: a.Scope, Message: a.Message, Status: "active", Monitor: a.Monitor.ID, End: a.Schedule.End}
		s.downtimes = append(s.downtimes, x)
		return 200, map[string]any{"data": show(x)}
	}
	for _, x := range s.downtimes {
		switch {
		case len(path) != 3 || x.ID != path[2]:
		case r.Method == "PATCH" && d.Data.ID == x.ID:
			x.End = a.Schedule.End
			return 200, map[string]any{"data": show(x)}
		case r.Method == "DELETE":
			x.Status = "canceled"
			return 204, nil
		}
	}
	return 404, map[string]any{"errors": []string{"Downtime not found"}}
}

func (s *Server) others(r *http.Request, path []string, b []byte) (int, any) {
	q := r.URL.Query()
	switch at := r.Method + " " + strings.Join(path, "/"); {
	case at == "GET v1/validate":
		return 200, map[string]any{"valid": true}
	case at == "GET v1/monitor":
		return 200, []any{}
	case at == "POST v1/events":
		var e Event
		if json.Unmarshal(b, &e) != nil {
			return 400, nil
		}
		s.events = append(s.events, e)
		return 202, map[string]any{"status": "ok", "event": e}
	case at == "GET v1/events":
		list := []Event{}
		for _, e := range s.events {
			if slices.ContainsFunc(e.Tags, func(t string) bool { return strings.HasPrefix(t, q.Get("tags")) }) {
				list = append(list, e)
			}
		}
		return 200, map[string]any{"events": list}
	case strings.HasPrefix(at, "GET v1/monitor/"):
		if m, ok := s.Monitors[path[2]]; ok {
			return 200, json.RawMessage(m)
		}
		return 404, map[string]any{"errors": []string{"Monitor not found"}}
	case at == "GET v2/catalog/entity":
		return 200, map[string]any{"data": page(s.Entities, r), "included": s.Included}
	case at == "GET v2/catalog/relation":
		return 200, map[string]any{"data": page(s.Relations, r)}
	}
	return 0, nil
}

func page(list []json.RawMessage, r *http.Request) []json.RawMessage {
	from, _ := strconv.Atoi(r.URL.Query().Get("page[offset]"))
	n, _ := strconv.Atoi(r.URL.Query().Get("page[limit]"))
	return append([]json.RawMessage{}, list[min(from, len(list)):min(from+n, len(list))]...)
}
