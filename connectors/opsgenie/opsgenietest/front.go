// Package opsgenietest is an Opsgenie for tests: the Alert API and the webhooks over
// the records of a connectortest.Partner.
package opsgenietest

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"signalbox/connectors/connectortest"
)

// Key is the API key that is let in.
const Key = "k3y"

// Call is one request that wrote.
type Call struct {
	Method, Path string
	Body         map[string]any
}

// Site is one Opsgenie.
type Site struct {
	P *connectortest.Partner
	// Mute is an integration whose key may neither read alerts nor ask what became of
	// a request.
	Mute bool
	// Listless is an API that lists no alerts.
	Listless bool
	// Blind is a search that knows nothing yet.
	Blind bool

	mu    sync.Mutex
	calls []Call
	asked []string // queries of lists
	looks int      // at one alert
	mux   *http.ServeMux
}

// New makes a site over the records of p.
func New(p *connectortest.Partner) *Site {
	s := &Site{P: p, mux: http.NewServeMux()}
	s.mux.HandleFunc("POST /alerts", s.create)
	s.mux.HandleFunc("GET /alerts", s.list)
	s.mux.HandleFunc("GET /alerts/{alias}", s.get)
	s.mux.HandleFunc("GET /alerts/{alias}/{what}", func(w http.ResponseWriter, r *http.Request) {
		if r.PathValue("alias") == "requests" {
			s.request(w, r)
			return
		}
		s.notes(w, r)
	})
	s.mux.HandleFunc("POST /alerts/{alias}/{action}", s.act)
	s.mux.HandleFunc("PUT /alerts/{alias}/{action}", s.act)
	return s
}

// Front is a site for the conformance suite.
func Front(p *connectortest.Partner) http.Handler { return New(p) }

// Calls returns the requests that wrote, in order.
func (s *Site) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

// Asked returns the queries of lists, a page each, in order, and how often a single
// alert was asked for.
func (s *Site) Asked() (lists []string, looks int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.asked), s.looks
}

type call struct {
	http.ResponseWriter
	body map[string]any
}

// ServeHTTP implements http.Handler.
func (s *Site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b, err := io.ReadAll(r.Body)
	c := Call{Method: r.Method, Path: r.URL.Path}
	switch {
	case r.Header.Get("Authorization") != "GenieKey "+Key:
		answer(w, http.StatusForbidden, map[string]any{"message": "Key format is not valid!"})
		return
	case err != nil || len(b) > 0 && json.Unmarshal(b, &c.Body) != nil:
		answer(w, http.StatusUnprocessableEntity, map[string]any{"message": "Request body is not processable."})
		return
	case r.Method == http.MethodGet && s.Mute:
		answer(w, http.StatusForbidden, map[string]any{"message": "You are not authorized"})
		return
	}
	if r.Method != http.MethodGet {
		s.mu.Lock()
		s.calls = append(s.calls, c)
		s.mu.Unlock()
	}
	s.mux.ServeHTTP(&call{w, c.Body}, r)
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v)
}

func text(v any) string { s, _ := v.(string); return s }

// taken answers as Opsgenie does at once; the request's id leads to the alert.
func taken(w http.ResponseWriter, id string) {
	answer(w, http.StatusAccepted, map[string]any{"result": "Request will be processed", "took": 0.1, "requestId": "req-" + id})
}

func (s *Site) create(w http.ResponseWriter, _ *http.Request) {
	b := w.(*call).body
	message, alias := text(b["message"]), text(b["alias"])
	if message == "" || len([]rune(message)) > 130 || len(alias) > 512 || len([]rune(text(b["description"]))) > 15000 {
		answer(w, http.StatusUnprocessableEntity, map[string]any{"message": "Request body is not processable.", "errors": map[string]string{"message": "can not be empty or longer than 130"}})
		return
	}
	taken(w, s.P.Upsert(connectortest.Object{Key: alias, Title: message, Priority: text(b["priority"])}).ID)
}

// nothing is what a request of no alert is about.
const nothing = "none"

// request says what became of one; while the alert is hidden it is in the queue.
func (s *Site) request(w http.ResponseWriter, r *http.Request) {
	id := strings.TrimPrefix(r.PathValue("what"), "req-")
	if id == nothing {
		answer(w, http.StatusOK, map[string]any{"data": map[string]any{"isSuccess": false, "status": "Alert does not exist"}})
		return
	}
	if _, ok := s.P.Get(id); !ok {
		answer(w, http.StatusNotFound, map[string]any{"message": "Request not found. It might not be processed yet."})
		return
	}
	answer(w, http.StatusOK, map[string]any{"data": map[string]any{"isSuccess": true, "status": "Processed", "alertId": id}})
}

func (s *Site) act(w http.ResponseWriter, r *http.Request) {
	o, ok := s.P.OpenWith(r.PathValue("alias"))
	b := w.(*call).body
	if r.URL.Query().Get("identifierType") != "alias" || !ok { // taken, and dropped later
		taken(w, nothing)
		return
	}
	switch r.PathValue("action") {
	case "notes":
		s.P.Note(o.ID, text(b["user"]), text(b["note"]))
	case "acknowledge":
		s.P.Change(o.ID, func(o *connectortest.Object) { o.Status = connectortest.Acknowledged })
	case "close":
		s.P.Change(o.ID, func(o *connectortest.Object) { o.Status = connectortest.Resolved })
	case "message":
		s.P.Change(o.ID, func(o *connectortest.Object) { o.Title = text(b["message"]) })
	case "priority":
		s.P.Change(o.ID, func(o *connectortest.Object) { o.Priority = text(b["priority"]) })
	}
	taken(w, o.ID)
}

func (s *Site) newest(w http.ResponseWriter, r *http.Request) (connectortest.Object, bool) {
	for _, o := range s.P.FindKey(r.PathValue("alias")) {
		if o.Key == r.PathValue("alias") {
			return o, true
		}
	}
	answer(w, http.StatusNotFound, map[string]any{"message": "Alert does not exist"})
	return connectortest.Object{}, false
}

func (s *Site) get(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.looks++
	s.mu.Unlock()
	if o, ok := s.newest(w, r); ok {
		answer(w, http.StatusOK, map[string]any{"data": shown(&o)})
	}
}

func shown(o *connectortest.Object) map[string]any {
	status := "open"
	if o.Status == connectortest.Resolved {
		status = "closed"
	}
	return map[string]any{"id": o.ID, "alias": o.Key, "message": o.Title, "status": status,
		"acknowledged": o.Status == connectortest.Acknowledged, "updatedAt": time.UnixMilli(o.Version).UTC().Format(time.RFC3339Nano)}
}

// Bounds of a list.
const (
	perPageMax    = 100
	offsetMax     = 20_000 // with the page
	queryBytesMax = 1000
)

// terms are those of a query for aliases; false for any other.
func terms(query string) (out []string, ok bool) {
	for term := range strings.SplitSeq(query, " OR ") {
		alias, found := strings.CutPrefix(term, "alias: ")
		alias, err := strconv.Unquote(alias)
		if !found || err != nil {
			return nil, false
		}
		out = append(out, alias)
	}
	return out, true
}

// list shows the alerts of some aliases, newest first.
func (s *Site) list(w http.ResponseWriter, r *http.Request) {
	if s.Listless {
		answer(w, http.StatusNotFound, map[string]any{"message": "No endpoint"})
		return
	}
	q := r.URL.Query()
	s.mu.Lock()
	s.asked = append(s.asked, q.Get("query"))
	s.mu.Unlock()
	limit, err1 := strconv.Atoi(q.Get("limit"))
	offset, err2 := strconv.Atoi(q.Get("offset"))
	wanted, ok := terms(q.Get("query"))
	if err1 != nil || err2 != nil || !ok || limit < 1 || limit > perPageMax || offset+limit > offsetMax || len(q.Get("query")) > queryBytesMax || q.Get("sort") != "createdAt" || q.Get("order") != "desc" {
		answer(w, http.StatusUnprocessableEntity, map[string]any{"message": "Request parameters are not processable."})
		return
	}
	found := s.P.Find(func(o *connectortest.Object) bool { return !s.Blind && slices.Contains(wanted, o.Key) })
	out := []any{}
	for i := offset; i < min(offset+limit, len(found)); i++ {
		out = append(out, shown(&found[i]))
	}
	answer(w, http.StatusOK, map[string]any{"data": out})
}

func (s *Site) notes(w http.ResponseWriter, r *http.Request) {
	if o, ok := s.newest(w, r); ok {
		out := []any{}
		for _, n := range slices.Backward(o.Notes) {
			out = append(out, map[string]string{"note": n.Text, "owner": n.Author})
		}
		answer(w, http.StatusOK, map[string]any{"data": out})
	}
}

var actions = map[connectortest.What]string{
	connectortest.Created: "Create", connectortest.WasAcknowledged: "Acknowledge", connectortest.WasUnacknowledged: "UnAcknowledge", connectortest.WasResolved: "Close",
	connectortest.WasAssigned: "AssignOwnership", connectortest.WasPrioritized: "UpdatePriority", connectortest.Noted: "AddNote",
}

// Report is the body of the webhook that tells of a change.
func Report(c connectortest.Change) []byte {
	action := actions[c.What]
	if action == "" {
		return nil
	}
	user, from := c.By, "web"
	if c.By == connectortest.API {
		user, from = "Signalbox", "Signalbox"
	}
	b, err := json.Marshal(map[string]any{"action": action, "source": map[string]string{"name": from, "type": from},
		"alert": map[string]any{"alertId": c.Object.ID, "alias": c.Object.Key, "message": c.Object.Title, "username": user, "updatedAt": c.At.UnixNano(), "note": c.Note.Text, "owner": c.Object.Assignee, "priority": c.Object.Priority}})
	if err != nil {
		panic(err)
	}
	return b
}
