// Package servicenowtest is a ServiceNow for tests: tables with the Table API over
// them, a business rule that calls our webhook, OAuth tokens, and knobs for the ways
// an instance misbehaves.
package servicenowtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// The account that the fake lets in, and its OAuth client.
const (
	User, Password         = "svc.signalbox", "pass"
	ClientID, ClientSecret = "client", "secret"
)

// Call is one request as the fake saw it.
type Call struct {
	Method, Path, Query string
	Body                map[string]string
}

// Record is one row.
type Record map[string]string

// Server is the fake.
type Server struct {
	URL string
	// Before, when set, sees each request before it takes effect and may answer in
	// its place; reached says whether it still takes effect.
	Before func(w http.ResponseWriter, c Call) (answered, reached bool)
	// IgnoreQueries makes every search return every row, as ServiceNow does with a
	// field that it does not know.
	IgnoreQueries bool
	// Lag is how long a new row is left out of searches.
	Lag time.Duration
	// Now is the instance's clock; nil: time.Now.
	Now func() time.Time

	mu      sync.Mutex
	tables  map[string][]*stored
	calls   []Call
	seq     int
	tokens  int
	webhook string
	bearer  string
}

type stored struct {
	Record
	made  time.Time
	notes []string
}

// New starts a fake that stops with the test.
func New(t testing.TB) *Server {
	s := &Server{tables: map[string][]*stored{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /oauth_token.do", s.token)
	mux.HandleFunc("/api/now/table/{table}", s.serve)
	mux.HandleFunc("/api/now/table/{table}/{id}", s.serve)
	h := httptest.NewServer(mux)
	t.Cleanup(h.Close)
	s.URL = h.URL
	return s
}

// WebhooksTo lets the business rule post later changes by people to url.
func (s *Server) WebhooksTo(url, bearer string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.webhook, s.bearer = url, bearer
}

// Calls returns the requests received so far, in order.
func (s *Server) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

// Writes returns those that wrote.
func (s *Server) Writes() []Call {
	return slices.DeleteFunc(s.Calls(), func(c Call) bool { return c.Method == http.MethodGet })
}

// Rows returns copies of a table's rows that have a value in a field; field "" is
// every row. Notes are in work_notes, newest first.
func (s *Server) Rows(table, field, value string) (out []Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.tables[table] {
		if field == "" || r.Record[field] == value {
			out = append(out, r.shown())
		}
	}
	return out
}

func (r *stored) shown() Record {
	c := Record{}
	for k, v := range r.Record {
		c[k] = v
	}
	c["work_notes"] = strings.Join(r.notes, "\n\n")
	return c
}

// Put adds a row as somebody else.
func (s *Server) Put(table string, r Record) (id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.insert(table, r, "admin").Record["sys_id"]
}

// Delete takes a row away.
func (s *Server) Delete(table, id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tables[table] = slices.DeleteFunc(s.tables[table], func(r *stored) bool { return r.Record["sys_id"] == id })
}

// Reveal lets searches find everything.
func (s *Server) Reveal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Lag = 0
}

func (s *Server) now() time.Time {
	if s.Now != nil {
		return s.Now()
	}
	return time.Now()
}

const layout = "2006-01-02 15:04:05"

func (s *Server) insert(table string, fields Record, by string) *stored {
	s.seq++
	r := &stored{Record: Record{}, made: time.Now()}
	for k, v := range fields {
		r.Record[k] = v
	}
	if r.Record["sys_id"] == "" {
		r.Record["sys_id"] = fmt.Sprintf("%032x", s.seq)
	}
	at := s.now().UTC().Format(layout)
	for k, v := range map[string]string{"sys_created_on": at, "sys_updated_on": at, "sys_updated_by": by, "sys_mod_count": "0"} {
		if r.Record[k] == "" {
			r.Record[k] = v
		}
	}
	if table == "incident" {
		r.Record["number"] = fmt.Sprintf("INC%07d", 10000+s.seq)
		if r.Record["state"] == "" {
			r.Record["state"] = "1"
		}
		r.prioritise()
	}
	r.note(by)
	s.tables[table] = append(s.tables[table], r)
	return r
}

func (r *stored) note(by string) {
	if n := r.Record["work_notes"]; n != "" {
		r.notes = append([]string{by + " (Work notes)\n" + n}, r.notes...)
	}
	delete(r.Record, "work_notes")
}

// prioritise derives the priority as a new instance does.
func (r *stored) prioritise() {
	i, errI := strconv.Atoi(r.Record["impact"])
	u, errU := strconv.Atoi(r.Record["urgency"])
	if errI == nil && errU == nil {
		r.Record["priority"] = strconv.Itoa(i + u - 1)
	}
}

// update writes fields; the names of those that changed are returned.
func (s *Server) update(r *stored, fields Record, by string) (changed []string, before Record) {
	before = Record{}
	for _, k := range slices.Sorted(mapKeys(fields)) {
		if k == "work_notes" || r.Record[k] != fields[k] {
			changed, before[k] = append(changed, k), r.Record[k]
			r.Record[k] = fields[k]
		}
	}
	if len(changed) == 0 {
		return nil, nil
	}
	had := r.Record["priority"]
	r.prioritise()
	if r.Record["priority"] != had {
		changed, before["priority"] = append(changed, "priority"), had
	}
	r.note(by)
	n, _ := strconv.Atoi(r.Record["sys_mod_count"])
	r.Record["sys_mod_count"] = strconv.Itoa(n + 1)
	r.Record["sys_updated_on"], r.Record["sys_updated_by"] = s.now().UTC().Format(layout), by
	return changed, before
}

func mapKeys(m Record) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// Person changes a row by hand, as user, and returns the answer of our webhook; 0
// when there is none.
func (s *Server) Person(t testing.TB, user, id string, fields Record) int {
	t.Helper()
	status, _ := s.change(t, user, id, fields)
	return status
}

// Body is what Person's business rule sends.
func (s *Server) Body(t testing.TB, user, id string, fields Record) []byte {
	t.Helper()
	_, body := s.change(t, user, id, fields)
	return body
}

func (s *Server) change(t testing.TB, user, id string, fields Record) (int, []byte) {
	t.Helper()
	s.mu.Lock()
	table, r := "", (*stored)(nil)
	for table = range s.tables {
		if r = s.byID(table, id); r != nil {
			break
		}
	}
	if r == nil {
		s.mu.Unlock()
		t.Fatalf("there is no record %s", id)
	}
	note := fields["work_notes"]
	changed, before := s.update(r, fields, user)
	record := r.shown()
	delete(record, "work_notes")
	body := map[string]any{"table": table, "operation": "update", "user": user, "url": s.URL + "/nav_to.do?uri=" + table + ".do?sys_id=" + id, "changed": changed, "previous": before, "record": record}
	if note != "" {
		body["note"] = map[string]string{"text": note}
	}
	b, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	url, bearer := s.webhook, s.bearer
	s.mu.Unlock()
	if url == "" {
		return 0, b
	}
	return Deliver(t, url, bearer, b), b
}

// Deliver posts a body to our webhook and returns the status.
func Deliver(t testing.TB, url, bearer string, body []byte) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+bearer)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	return resp.StatusCode
}

func (s *Server) byID(table, id string) *stored {
	for _, r := range s.tables[table] {
		if r.Record["sys_id"] == id {
			return r
		}
	}
	return nil
}

func (s *Server) token(w http.ResponseWriter, r *http.Request) {
	if r.PostFormValue("client_id") != ClientID || r.PostFormValue("client_secret") != ClientSecret {
		answer(w, http.StatusUnauthorized, map[string]string{"error": "access_denied"})
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens++
	answer(w, http.StatusOK, map[string]any{"access_token": fmt.Sprintf("token-%d", s.tokens), "expires_in": 1799, "token_type": "Bearer"})
}

func (s *Server) letsIn(r *http.Request) bool {
	if user, password, ok := r.BasicAuth(); ok {
		return user == User && password == Password
	}
	return s.tokens > 0 && r.Header.Get("Authorization") == fmt.Sprintf("Bearer token-%d", s.tokens)
}

// Expire makes every token handed out so far worthless.
func (s *Server) Expire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens++
}
