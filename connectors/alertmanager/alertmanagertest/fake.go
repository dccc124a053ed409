// Package alertmanagertest is an Alertmanager for tests: its API v2 with alerts
// that fire until they are resolved, and silences with the life they have there.
// An edit that changes what a silence matches, or that comes after its end, ends
// it and makes another with another id.
package alertmanagertest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"signalbox/ingest/source"
	"signalbox/itsm"
)

// Server is one replica.
type Server struct {
	URL string

	mu       sync.Mutex
	alerts   []Alert
	silences []Silence
	calls    []Call
	started  time.Time
	next     int
	answer   func(w http.ResponseWriter, r *http.Request) bool
	after    func(r *http.Request) bool // true: the connection ends when all is done
	now      func() time.Time
}

// Alert is one that fires.
type Alert struct {
	Labels   map[string]string
	StartsAt time.Time
}

// Silence is a silence as the API writes it.
type Silence struct {
	ID          string            `json:"id"`
	Matchers    []Matcher         `json:"matchers"`
	StartsAt    time.Time         `json:"startsAt"`
	EndsAt      time.Time         `json:"endsAt"`
	UpdatedAt   time.Time         `json:"updatedAt"`
	CreatedBy   string            `json:"createdBy"`
	Comment     string            `json:"comment"`
	Annotations map[string]string `json:"annotations"`
	Status      struct {
		State string `json:"state"`
	} `json:"status"`
}

// Matcher is one condition of a silence.
type Matcher struct {
	Name    string `json:"name"`
	Value   string `json:"value"`
	IsRegex bool   `json:"isRegex"`
	IsEqual *bool  `json:"isEqual,omitempty"`
}

// Call is one request as it came.
type Call struct{ Method, Path, Query, Body, Authorization string }

// New starts a replica that has run for an hour. It ends with the test.
func New(t testing.TB) *Server {
	s := &Server{now: time.Now, started: time.Now().Add(-time.Hour)}
	srv := httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(srv.Close)
	s.URL = srv.URL
	return s
}

// Fire raises an alert, or leaves it firing.
func (s *Server) Fire(labels map[string]string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.indexOf(labels) < 0 {
		s.alerts = append(s.alerts, Alert{labels, s.now()})
	}
}

// Resolve ends an alert.
func (s *Server) Resolve(labels map[string]string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := s.indexOf(labels); i >= 0 {
		s.alerts = slices.Delete(s.alerts, i, i+1)
	}
}

func (s *Server) indexOf(labels map[string]string) int {
	want := itsm.LabelsOf(labels)
	return slices.IndexFunc(s.alerts, func(a Alert) bool { return itsm.LabelsOf(a.Labels).Equal(want) })
}

// Restart forgets the alerts, as a restart does, and not the silences.
func (s *Server) Restart() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.alerts, s.started = nil, s.now()
}

// Answer lets a function answer instead, while it returns true.
func (s *Server) Answer(f func(w http.ResponseWriter, r *http.Request) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = f
}

// DropAfter ends the connection without an answer when a request was carried out,
// while the function returns true.
func (s *Server) DropAfter(f func(r *http.Request) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.after = f
}

// Put makes or edits a silence as a person would, and returns its id.
func (s *Server) Put(v Silence) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	id, _, _ := s.put(v)
	return id
}

// Expire ends a silence as a person would.
func (s *Server) Expire(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expire(id)
}

// Silences lists the silences in a state; "" lists all.
func (s *Server) Silences(state string) (out []Silence) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, v := range s.silences {
		if s.stamp(&v); state == "" || v.Status.State == state {
			out = append(out, v)
		}
	}
	return out
}

// Calls lists the requests so far, those with a method; "" lists all.
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

// Age moves every silence's end into the past by d, as time would.
func (s *Server) Age(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.silences {
		s.silences[i].StartsAt = s.silences[i].StartsAt.Add(-d)
		s.silences[i].EndsAt = s.silences[i].EndsAt.Add(-d)
	}
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	body := new(strings.Builder)
	if r.Body != nil {
		buf := make([]byte, 1<<20)
		for {
			n, err := r.Body.Read(buf)
			body.Write(buf[:n])
			if err != nil {
				break
			}
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, Call{r.Method, r.URL.Path, r.URL.RawQuery, body.String(), r.Header.Get("Authorization")})
	if s.answer != nil && s.answer(w, r) {
		return
	}
	status, out := s.route(r, body.String())
	if s.after != nil && s.after(r) {
		if c, _, err := http.NewResponseController(w).Hijack(); err == nil {
			c.Close()
		}
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(out)
}

func (s *Server) route(r *http.Request, body string) (int, any) {
	path := strings.TrimPrefix(r.URL.Path, "/api/v2")
	id, isOne := strings.CutPrefix(path, "/silence/")
	switch {
	case r.Method == "GET" && path == "/status":
		return 200, map[string]any{"uptime": s.started, "cluster": map[string]any{"status": "disabled"}, "config": map[string]any{"original": ""},
			"versionInfo": map[string]any{"version": "0.34.2"}}
	case r.Method == "GET" && path == "/alerts":
		return 200, s.list(r.URL.Query()["filter"])
	case r.Method == "GET" && path == "/silences":
		out := []Silence{}
		for _, v := range s.silences {
			s.stamp(&v)
			out = append(out, v)
		}
		return 200, out
	case r.Method == "POST" && path == "/silences":
		var v Silence
		if err := json.Unmarshal([]byte(body), &v); err != nil {
			return 422, err.Error()
		}
		id, status, why := s.put(v)
		if why != "" {
			return status, why
		}
		return 200, map[string]string{"silenceID": id}
	case r.Method == "DELETE" && isOne:
		if !s.expire(id) {
			return 404, "silence not found"
		}
		return 200, nil
	}
	return 404, "no such path"
}

func (s *Server) list(filters []string) []any {
	out := []any{}
	for _, a := range s.alerts {
		if !matchesFilters(a.Labels, filters) {
			continue
		}
		by := []string{}
		for _, v := range s.silences {
			if s.stamp(&v); v.Status.State == "active" && matches(a.Labels, v.Matchers) {
				by = append(by, v.ID)
			}
		}
		state := "active"
		if len(by) > 0 {
			state = "suppressed"
		}
		out = append(out, map[string]any{"labels": a.Labels, "annotations": map[string]string{}, "fingerprint": source.Fingerprint(itsm.LabelsOf(a.Labels)),
			"startsAt": a.StartsAt, "updatedAt": s.now(), "endsAt": s.now().Add(4 * time.Minute), "receivers": []any{map[string]string{"name": "signalbox"}},
			"status": map[string]any{"state": state, "silencedBy": by, "inhibitedBy": []string{}, "mutedBy": []string{}}})
	}
	return out
}

var filter = regexp.MustCompile(`^([a-zA-Z_]+)="((?:[^"\\]|\\.)*)"$`)

func matchesFilters(labels map[string]string, filters []string) bool {
	for _, f := range filters {
		m := filter.FindStringSubmatch(f)
		if m == nil {
			return false
		}
		if labels[m[1]] != strings.NewReplacer(`\\`, `\`, `\"`, `"`, `\n`, "\n").Replace(m[2]) {
			return false
		}
	}
	return true
}

func matches(labels map[string]string, ms []Matcher) bool {
	for _, m := range ms {
		ok := labels[m.Name] == m.Value
		if m.IsRegex {
			re, err := regexp.Compile("^(?:" + m.Value + ")$")
			ok = err == nil && re.MatchString(labels[m.Name])
		}
		if ok == (m.IsEqual != nil && !*m.IsEqual) {
			return false
		}
	}
	return true
}

// stamp says how a silence stands now.
func (s *Server) stamp(v *Silence) {
	switch now := s.now(); {
	case !v.EndsAt.After(now):
		v.Status.State = "expired"
	case v.StartsAt.After(now):
		v.Status.State = "pending"
	default:
		v.Status.State = "active"
	}
	if v.Annotations == nil {
		v.Annotations = map[string]string{}
	}
}

func (s *Server) put(v Silence) (id string, status int, why string) {
	now := s.now()
	switch {
	case len(v.Matchers) == 0 || matches(nil, v.Matchers):
		return "", 400, "bad silence: at least one matcher must not match the empty string"
	case !v.EndsAt.After(v.StartsAt):
		return "", 400, "bad silence: end time must be after the start time"
	case !v.EndsAt.After(now):
		return "", 400, "bad silence: end time can't be in the past"
	}
	if v.ID != "" {
		i := slices.IndexFunc(s.silences, func(o Silence) bool { return o.ID == v.ID })
		if i < 0 {
			return "", 404, "silence not found"
		}
		old := s.silences[i]
		s.stamp(&old)
		if old.Status.State == "active" && old.StartsAt.Unix() == v.StartsAt.Unix() && slices.EqualFunc(old.Matchers, v.Matchers, sameMatcher) {
			v.UpdatedAt = now
			s.silences[i] = v
			return v.ID, 200, ""
		}
		if old.Status.State != "expired" {
			s.expire(old.ID)
		}
	}
	if v.StartsAt.Before(now) {
		v.StartsAt = now
	}
	s.next++
	v.ID, v.UpdatedAt = fmt.Sprintf("00000000-0000-4000-8000-%012d", s.next), now
	s.silences = append(s.silences, v)
	return v.ID, 200, ""
}

func sameMatcher(a, b Matcher) bool {
	return a.Name == b.Name && a.Value == b.Value && a.IsRegex == b.IsRegex && (a.IsEqual == nil || *a.IsEqual) == (b.IsEqual == nil || *b.IsEqual)
}

func (s *Server) expire(id string) bool {
	for i := range s.silences {
		if v := &s.silences[i]; v.ID == id {
			if now := s.now(); v.EndsAt.After(now) {
				v.EndsAt, v.UpdatedAt = now, now
			}
			return true
		}
	}
	return false
}
