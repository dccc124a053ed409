// Package pagerdutytest is a PagerDuty for tests: the Events API, the parts of the
// REST API the connector uses and signed v3 webhooks over one real state machine,
// with knobs for the ways a partner misbehaves.
package pagerdutytest

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Call is one request as the fake saw it.
type Call struct {
	At                         time.Time // when it arrived
	Action, Key, Summary, Note string
	Body                       map[string]any
}

// Incident is the fake's record of one dedup key.
type Incident struct {
	ID, Key, Status, Title string
	Notes                  []string
}

// Server is the fake.
type Server struct {
	URL    string
	Key    string // routing key it accepts
	Secret string // signs webhooks
	// KeyHidden leaves incident_key out of webhooks, as PagerDuty does for
	// incidents made from alerts.
	KeyHidden bool
	// Before, when set, sees each event before it takes effect and may answer in
	// its place; reached says whether the event still takes effect.
	Before func(w http.ResponseWriter, c Call) (answered, reached bool)

	mu        sync.Mutex
	calls     []Call
	incidents map[string]*Incident
	seq       int
	webhook   string // where webhooks go; "" sends none
}

// New starts a fake that stops with the test.
func New(t testing.TB) *Server {
	s, stop := Start()
	t.Cleanup(stop)
	return s
}

// Start starts a fake that runs until it is stopped.
func Start() (s *Server, stop func()) {
	s = &Server{Key: "R0UT1NGKEY", Secret: "whsec-test", incidents: map[string]*Incident{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v2/enqueue", s.enqueue)
	mux.HandleFunc("POST /v2/change/enqueue", s.change)
	mux.HandleFunc("GET /incidents", s.list)
	mux.HandleFunc("GET /priorities", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, map[string]any{"priorities": []map[string]any{}})
	})
	mux.HandleFunc("GET /services", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, map[string]any{"services": []map[string]any{{"id": "PSVC1", "name": "Shop"}}, "limit": 1, "total": 1})
	})
	mux.HandleFunc("GET /users", func(w http.ResponseWriter, r *http.Request) {
		answer(w, http.StatusOK, map[string]any{"users": []map[string]any{{"id": "PUSR1", "name": "Signalbox", "email": r.URL.Query().Get("query")}}})
	})
	mux.HandleFunc("POST /incidents/{id}/notes", s.note)
	mux.HandleFunc("GET /incidents/{id}/alerts", s.alerts)
	h := httptest.NewServer(mux)
	s.URL = h.URL
	return s, h.Close
}

// WebhooksTo sends later changes by people to url.
func (s *Server) WebhooksTo(url string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.webhook = url
}

// Calls returns the events received so far, in order.
func (s *Server) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Call(nil), s.calls...)
}

// Incident returns the record of a key, or nil.
func (s *Server) Incident(key string) *Incident {
	s.mu.Lock()
	defer s.mu.Unlock()
	if in := s.incidents[key]; in != nil {
		c := *in
		return &c
	}
	return nil
}

func (s *Server) enqueue(w http.ResponseWriter, r *http.Request) {
	b, _ := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	var e struct {
		RoutingKey string `json:"routing_key"`
		Action     string `json:"event_action"`
		DedupKey   string `json:"dedup_key"`
		Payload    *struct{ Summary, Source, Severity string }
	}
	if err := json.Unmarshal(b, &e); err != nil || e.RoutingKey != s.Key || len(b) > 512<<10 {
		answer(w, http.StatusBadRequest, map[string]any{"status": "invalid event", "message": "Event object is invalid", "errors": []string{"bad body or routing_key"}})
		return
	}
	if e.Action == "trigger" && (e.Payload == nil || e.Payload.Summary == "" || len(e.Payload.Summary) > 1024 || e.Payload.Source == "" || e.Payload.Severity == "") {
		answer(w, http.StatusBadRequest, map[string]any{"status": "invalid event", "message": "Event object is invalid", "errors": []string{"payload is incomplete"}})
		return
	}
	c := Call{At: time.Now(), Action: e.Action, Key: e.DedupKey}
	json.Unmarshal(b, &c.Body)
	if e.Payload != nil {
		c.Summary = e.Payload.Summary
	}
	answered, reached := false, true
	if s.Before != nil {
		answered, reached = s.Before(w, c)
	}
	if reached {
		s.apply(c)
	}
	if !answered {
		answer(w, http.StatusAccepted, map[string]any{"status": "success", "message": "Event processed", "dedup_key": e.DedupKey})
	}
}

// apply is the state machine: a trigger opens or refreshes, an acknowledge moves
// an open one, a resolve closes it; a resolved key triggers anew.
func (s *Server) apply(c Call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, c)
	in := s.incidents[c.Key]
	switch {
	case c.Action == "trigger" && (in == nil || in.Status == "resolved"):
		s.seq++
		s.incidents[c.Key] = &Incident{ID: fmt.Sprintf("PD%04d", s.seq), Key: c.Key, Status: "triggered", Title: c.Summary}
	case c.Action == "trigger":
		in.Title = c.Summary
	case in == nil || in.Status == "resolved": // nothing open under this key: dropped, as PagerDuty does
	case c.Action == "acknowledge":
		in.Status = "acknowledged"
	case c.Action == "resolve":
		in.Status = "resolved"
	}
}

// change takes a change event, which is a call of the action "change".
func (s *Server) change(w http.ResponseWriter, r *http.Request) {
	var e struct {
		RoutingKey string `json:"routing_key"`
		Payload    struct{ Summary, Timestamp string }
	}
	if err := json.NewDecoder(r.Body).Decode(&e); err != nil || e.RoutingKey != s.Key || e.Payload.Summary == "" || len(e.Payload.Summary) > 1024 {
		answer(w, http.StatusBadRequest, map[string]any{"status": "invalid event", "message": "Event object is invalid", "errors": []string{"bad body or routing_key"}})
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, Call{At: time.Now(), Action: "change", Summary: e.Payload.Summary})
	answer(w, http.StatusAccepted, map[string]any{"status": "success", "message": "Change event processed"})
}

func (s *Server) list(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := []map[string]any{}
	q := r.URL.Query()
	for _, in := range s.incidents {
		if in.Key == q.Get("incident_key") || q.Get("incident_key") == "" && slices.Contains(q["statuses[]"], in.Status) {
			out = append(out, map[string]any{"id": in.ID, "incident_key": in.Key, "status": in.Status, "html_url": "https://acme.pagerduty.com/incidents/" + in.ID})
		}
	}
	answer(w, http.StatusOK, map[string]any{"incidents": out})
}

func (s *Server) alerts(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, in := range s.incidents {
		if in.ID == r.PathValue("id") {
			answer(w, http.StatusOK, map[string]any{"alerts": []map[string]any{{"id": "A" + in.ID, "alert_key": in.Key}}})
			return
		}
	}
	answer(w, http.StatusNotFound, map[string]any{"error": map[string]any{"code": 2100, "message": "Not Found"}})
}

func (s *Server) note(w http.ResponseWriter, r *http.Request) {
	var b struct{ Note struct{ Content string } }
	json.NewDecoder(r.Body).Decode(&b)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, in := range s.incidents {
		if in.ID == r.PathValue("id") && r.Header.Get("From") != "" {
			in.Notes = append(in.Notes, b.Note.Content)
			s.calls = append(s.calls, Call{At: time.Now(), Action: "note", Key: in.Key, Note: b.Note.Content})
			answer(w, http.StatusOK, map[string]any{"note": map[string]any{"id": "N1", "content": b.Note.Content}})
			return
		}
	}
	answer(w, http.StatusNotFound, map[string]any{"error": map[string]any{"code": 2100, "message": "Not Found"}})
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v)
}

// Person does something in PagerDuty by hand (eventType such as
// "incident.acknowledged") and returns the answer of our webhook door.
func (s *Server) Person(t testing.TB, name, eventType, key string) int {
	t.Helper()
	s.mu.Lock()
	in, webhook := s.incidents[key], s.webhook
	if in == nil {
		s.mu.Unlock()
		t.Fatalf("PagerDuty has no incident with key %q", key)
	}
	switch strings.TrimPrefix(eventType, "incident.") {
	case "acknowledged":
		in.Status = "acknowledged"
	case "resolved":
		in.Status = "resolved"
	case "unacknowledged", "reopened":
		in.Status = "triggered"
	}
	s.seq++
	id := fmt.Sprintf("01EVENT%06d", s.seq)
	shown := *in
	if s.KeyHidden {
		shown.Key = ""
	}
	body := Webhook(id, name, eventType, shown, time.Now())
	s.mu.Unlock()
	return s.Deliver(t, webhook, id, body)
}

// Quietly changes records as if nobody listened to webhooks.
func (s *Server) Quietly(status string, keys ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range keys {
		if in := s.incidents[k]; in != nil {
			in.Status = status
		}
	}
}

// Webhook is the body of one v3 webhook.
func Webhook(id, person, eventType string, in Incident, at time.Time) []byte {
	var key any // null when hidden
	if in.Key != "" {
		key = in.Key
	}
	b, err := json.Marshal(map[string]any{"event": map[string]any{
		"id": id, "event_type": eventType, "resource_type": "incident", "occurred_at": at.UTC().Format(time.RFC3339Nano),
		"agent": map[string]any{"id": "PUSER1", "type": "user_reference", "summary": person, "html_url": "https://acme.pagerduty.com/users/PUSER1"},
		"data": map[string]any{"id": in.ID, "type": "incident", "status": in.Status, "incident_key": key, "title": in.Title,
			"html_url": "https://acme.pagerduty.com/incidents/" + in.ID, "number": 1, "created_at": at.UTC().Format(time.RFC3339)},
	}})
	if err != nil {
		panic(err)
	}
	return b
}

// Deliver posts a signed body and returns the status.
func (s *Server) Deliver(t testing.TB, url, id string, body []byte) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	mac := hmac.New(sha256.New, []byte(s.Secret))
	mac.Write(body)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-PagerDuty-Signature", "v1="+hex.EncodeToString(mac.Sum(nil)))
	req.Header.Set("X-Webhook-Id", id)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	return resp.StatusCode
}
