// Package jiratest is a Jira for tests: the REST API and the webhooks over the
// records of a connectortest.Partner.
package jiratest

import (
	"cmp"
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"signalbox/connectors/connectortest"
)

// The account that is let in, and the project there is.
const (
	User, Password = "signalbox@example.com", "token"
	AccountID      = "557058:signalbox"
	Project        = "OPS"
)

// Call is one request as the site saw it.
type Call struct {
	Method, Path, JQL string
	Body              map[string]any
}

// Site is one Jira.
type Site struct {
	P *connectortest.Partner
	// Strict is a workflow that leads from To Do to Done by In Progress only.
	Strict bool
	// Stuck is one without transitions.
	Stuck bool
	// NoPriority refuses the field priority, as a screen without it does.
	NoPriority bool
	// People are who can be assigned: e-mails by account.
	People map[string]string
	// Blind makes searches find nothing, as of what is not in the index yet.
	Blind bool

	mu    sync.Mutex
	calls []Call
	mux   *http.ServeMux
}

// New makes a site over the records of p.
func New(p *connectortest.Partner) *Site {
	s := &Site{P: p, mux: http.NewServeMux()}
	for _, v := range []string{"/rest/api/2", "/rest/api/3"} {
		s.mux.HandleFunc("POST "+v+"/issue", s.create)
		s.mux.HandleFunc("GET "+v+"/issue/{key}", s.found(s.get))
		s.mux.HandleFunc("PUT "+v+"/issue/{key}", s.found(s.put))
		s.mux.HandleFunc("GET "+v+"/issue/{key}/transitions", s.found(s.transitions))
		s.mux.HandleFunc("POST "+v+"/issue/{key}/transitions", s.found(s.transit))
		s.mux.HandleFunc("GET "+v+"/issue/{key}/comment", s.found(s.comments))
		s.mux.HandleFunc("POST "+v+"/issue/{key}/comment", s.found(s.comment))
		s.mux.HandleFunc("GET "+v+"/myself", func(w http.ResponseWriter, _ *http.Request) {
			answer(w, http.StatusOK, map[string]string{"accountId": AccountID, "displayName": "Signalbox"})
		})
		s.mux.HandleFunc("GET "+v+"/project/"+Project, func(w http.ResponseWriter, _ *http.Request) {
			answer(w, http.StatusOK, map[string]string{"key": Project, "name": "Operations"})
		})
	}
	for _, v := range []string{"/rest/api/2", "/rest/api/3"} {
		s.mux.HandleFunc("GET "+v+"/user/assignable/search", s.assignable)
	}
	s.mux.HandleFunc("GET /rest/api/2/search", s.search)
	s.mux.HandleFunc("GET /rest/api/3/search/jql", s.search)
	s.mux.HandleFunc("POST /rest/servicedeskapi/request", s.request)
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

type call struct {
	http.ResponseWriter
	r    *http.Request
	o    connectortest.Object
	body map[string]any
}

// ServeHTTP implements http.Handler.
func (s *Site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if user, password, _ := r.BasicAuth(); user != User || password != Password {
		refuse(w, http.StatusUnauthorized, "", "Client must be authenticated to access this resource.")
		return
	}
	b, err := io.ReadAll(r.Body)
	c := Call{Method: r.Method, Path: r.URL.Path, JQL: r.URL.Query().Get("jql")}
	if err != nil || len(b) > 0 && json.Unmarshal(b, &c.Body) != nil {
		refuse(w, http.StatusBadRequest, "", "There was an error parsing JSON.")
		return
	}
	s.mu.Lock()
	if r.Method != http.MethodGet || c.JQL != "" {
		s.calls = append(s.calls, c)
	}
	s.mu.Unlock()
	s.mux.ServeHTTP(&call{ResponseWriter: w, r: r, body: c.Body}, r)
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if v != nil {
		json.NewEncoder(w).Encode(v)
	}
}

func refuse(w http.ResponseWriter, status int, field, why string) {
	out := map[string]any{"errorMessages": []string{why}, "errors": map[string]string{}}
	if field != "" {
		out = map[string]any{"errorMessages": []string{}, "errors": map[string]string{field: why}}
	}
	answer(w, status, out)
}

// found answers 404 when there is no such issue.
func (s *Site) found(h func(*call)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c := w.(*call)
		var ok bool
		if c.o, ok = s.P.Get(r.PathValue("key")); !ok {
			refuse(w, http.StatusNotFound, "", "Issue does not exist or you do not have permission to see it.")
			return
		}
		h(c)
	}
}

var statuses = map[connectortest.Status][2]string{connectortest.Open: {"To Do", "new"}, connectortest.Acknowledged: {"In Progress", "indeterminate"}, connectortest.Resolved: {"Done", "done"}}

// shown is an issue as the API and the webhooks show it.
func shown(o *connectortest.Object) map[string]any {
	labels := strings.Fields(o.Fields["labels"])
	if labels == nil {
		labels = []string{}
	}
	st := statuses[o.Status]
	fields := map[string]any{"summary": o.Title, "description": json.RawMessage(orNull(o.Fields["description"])), "labels": labels,
		"updated": time.UnixMilli(o.Version).UTC().Format("2006-01-02T15:04:05.000-0700"), "status": map[string]any{"name": st[0], "statusCategory": map[string]string{"key": st[1]}}}
	if o.Assignee != "" {
		fields["assignee"] = map[string]string{"accountId": o.Assignee}
	}
	if o.Priority != "" {
		fields["priority"] = map[string]string{"name": o.Priority}
	}
	return map[string]any{"id": o.ID, "key": o.ID, "self": "https://acme.atlassian.net/rest/api/2/issue/" + o.ID, "fields": fields}
}

func orNull(s string) string {
	if s == "" {
		return "null"
	}
	return s
}

// asked are the labels and the texts that a search asks for.
var asked = regexp.MustCompile(`labels = "([^"\\]*)"|description ~ "\\"([^"\\]*)\\""`)

// listed are the labels of which a search asks for any, and each of them.
var (
	listed   = regexp.MustCompile(`labels IN \(([^)]*)\)`)
	eachWord = regexp.MustCompile(`("[^"\\]*")`)
)

func (s *Site) search(w http.ResponseWriter, r *http.Request) {
	jql := r.URL.Query().Get("jql")
	terms := asked.FindAllStringSubmatch(jql, -1)
	if many := listed.FindStringSubmatch(jql); many != nil {
		for _, word := range eachWord.FindAllString(many[1], -1) {
			terms = append(terms, []string{"", strings.Trim(word, `"`), ""})
		}
	}
	if !strings.HasPrefix(jql, `project = "`+Project+`" AND `) || len(terms) == 0 {
		refuse(w, http.StatusBadRequest, "", "Error in the JQL Query.")
		return
	}
	out := []any{}
	found := s.P.Find(func(o *connectortest.Object) bool {
		return slices.ContainsFunc(terms, func(t []string) bool {
			return t[1] != "" && slices.Contains(strings.Fields(o.Fields["labels"]), t[1]) || t[2] != "" && strings.Contains(o.Fields["description"], t[2])
		})
	})
	if s.Blind {
		found = nil
	}
	slices.Reverse(found) // oldest first
	cloud := strings.HasSuffix(r.URL.Path, "/jql")
	place := "startAt"
	if cloud {
		place = "nextPageToken"
	}
	from, _ := strconv.Atoi(r.URL.Query().Get(place))
	limit, _ := strconv.Atoi(r.URL.Query().Get("maxResults"))
	to := min(len(found), from+max(limit, 1))
	for i := from; i < to; i++ {
		out = append(out, shown(&found[i]))
	}
	body := map[string]any{"issues": out}
	switch {
	case !cloud:
		body["startAt"], body["maxResults"], body["total"] = from, limit, len(found)
	case to < len(found):
		body["nextPageToken"] = strconv.Itoa(to)
	default:
		body["isLast"] = true
	}
	answer(w, http.StatusOK, body)
}

// assignable finds people by e-mail, which Cloud does not show.
func (s *Site) assignable(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	out := []map[string]string{}
	for id, email := range s.People {
		switch {
		case q.Get("project") != Project:
		case strings.Contains(r.URL.Path, "/3/") && strings.EqualFold(q.Get("query"), email):
			out = append(out, map[string]string{"accountId": id})
		case strings.Contains(r.URL.Path, "/2/") && strings.EqualFold(q.Get("username"), email):
			out = append(out, map[string]string{"name": id, "emailAddress": email})
		}
	}
	answer(w, http.StatusOK, out)
}

// assigns takes the assignee of a body; false when there is none.
func assigns(f any) (string, bool) {
	a := in(f, "assignee")
	return cmp.Or(text(in(a, "accountId")), text(in(a, "name"))), a != nil
}

func text(v any) string { s, _ := v.(string); return s }

func in(v any, path ...string) any {
	for _, p := range path {
		m, _ := v.(map[string]any)
		v = m[p]
	}
	return v
}

func raw(v any) string { b, _ := json.Marshal(v); return string(b) }

func (s *Site) create(w http.ResponseWriter, r *http.Request) {
	f := in(w.(*call).body, "fields")
	summary := text(in(f, "summary"))
	_, isDocument := in(f, "description").(map[string]any)
	switch {
	case summary == "" || len([]rune(summary)) > 255 || strings.Contains(summary, "\n"):
		refuse(w, http.StatusBadRequest, "summary", "The summary is invalid because it contains newline characters, is empty or has over 255 characters.")
		return
	case text(in(f, "project", "key")) != Project || text(in(f, "issuetype", "name")) == "":
		refuse(w, http.StatusBadRequest, "project", "valid project is required")
		return
	case isDocument != strings.HasPrefix(r.URL.Path, "/rest/api/3/"):
		refuse(w, http.StatusBadRequest, "description", "Operation value must be a string, or an Atlassian Document")
		return
	case s.NoPriority && in(f, "priority") != nil:
		refuse(w, http.StatusBadRequest, "priority", "Field 'priority' cannot be set. It is not on the appropriate screen, or unknown.")
		return
	}
	who, _ := assigns(f)
	var labels []string
	list, _ := in(f, "labels").([]any)
	for _, l := range list {
		labels = append(labels, text(l))
	}
	o := s.P.Create(connectortest.Object{Title: summary, Assignee: who, Priority: text(in(f, "priority", "name")), Fields: map[string]string{"labels": strings.Join(labels, " "), "description": raw(in(f, "description"))}})
	answer(w, http.StatusCreated, map[string]string{"id": o.ID, "key": o.ID})
}

func (s *Site) request(w http.ResponseWriter, _ *http.Request) {
	body := w.(*call).body
	f := in(body, "requestFieldValues")
	if text(in(body, "serviceDeskId")) == "" || text(in(body, "requestTypeId")) == "" || text(in(f, "summary")) == "" {
		refuse(w, http.StatusBadRequest, "", "Your request could not be created. Please check the fields have been correctly filled in.")
		return
	}
	o := s.P.Create(connectortest.Object{Title: text(in(f, "summary")), Fields: map[string]string{"description": raw(in(f, "description"))}})
	answer(w, http.StatusCreated, map[string]string{"issueId": o.ID, "issueKey": o.ID})
}

func (s *Site) get(c *call) { answer(c, http.StatusOK, shown(&c.o)) }

func (s *Site) put(c *call) {
	if s.NoPriority && in(c.body, "fields", "priority") != nil {
		refuse(c, http.StatusBadRequest, "priority", "Field 'priority' cannot be set. It is not on the appropriate screen, or unknown.")
		return
	}
	add, _ := in(c.body, "update", "labels").([]any)
	s.P.Change(c.o.ID, func(o *connectortest.Object) {
		for _, l := range add {
			o.Fields["labels"] += " " + text(in(l, "add"))
		}
		if v := text(in(c.body, "fields", "summary")); v != "" {
			o.Title = v
		}
		if who, ok := assigns(in(c.body, "fields")); ok {
			o.Assignee = who
		}
		if v := text(in(c.body, "fields", "priority", "name")); v != "" {
			o.Priority = v
		}
	})
	answer(c, http.StatusNoContent, nil)
}

// ways are the statuses that the workflow leads to.
func (s *Site) ways(from connectortest.Status) []connectortest.Status {
	switch {
	case s.Stuck:
		return nil
	case s.Strict && from == connectortest.Open:
		return []connectortest.Status{connectortest.Acknowledged}
	}
	return slices.DeleteFunc([]connectortest.Status{connectortest.Open, connectortest.Acknowledged, connectortest.Resolved}, func(st connectortest.Status) bool { return st == from })
}

var transitionIDs = map[connectortest.Status]string{connectortest.Open: "11", connectortest.Acknowledged: "21", connectortest.Resolved: "31"}

func (s *Site) transitions(c *call) {
	out := []any{}
	for _, st := range s.ways(c.o.Status) {
		t := map[string]any{"id": transitionIDs[st], "name": "to " + statuses[st][0], "to": map[string]any{"name": statuses[st][0], "statusCategory": map[string]string{"key": statuses[st][1]}}}
		if st == connectortest.Resolved {
			t["fields"] = map[string]any{"resolution": map[string]any{"required": true, "allowedValues": []map[string]string{{"name": "Fixed"}, {"name": "Duplicate"}}}}
		}
		out = append(out, t)
	}
	answer(c, http.StatusOK, map[string]any{"transitions": out})
}

func (s *Site) transit(c *call) {
	for _, st := range s.ways(c.o.Status) {
		if transitionIDs[st] != text(in(c.body, "transition", "id")) {
			continue
		}
		if st == connectortest.Resolved && text(in(c.body, "fields", "resolution", "name")) == "" {
			refuse(c, http.StatusBadRequest, "resolution", "Resolution is required.")
			return
		}
		s.P.Change(c.o.ID, func(o *connectortest.Object) { o.Status = st })
		answer(c, http.StatusNoContent, nil)
		return
	}
	refuse(c, http.StatusBadRequest, "", "It seems that you have tried to perform an illegal workflow operation.")
}

func (s *Site) comments(c *call) {
	out := []any{}
	for _, n := range slices.Backward(c.o.Notes) {
		out = append(out, map[string]any{"id": n.ID, "body": n.Text})
	}
	answer(c, http.StatusOK, map[string]any{"comments": out})
}

func (s *Site) comment(c *call) {
	_, isDocument := c.body["body"].(map[string]any)
	if c.body["body"] == nil || isDocument != strings.HasPrefix(c.r.URL.Path, "/rest/api/3/") {
		refuse(c, http.StatusBadRequest, "comment", "Comment body can not be empty!")
		return
	}
	body := text(c.body["body"])
	if isDocument {
		body = plain(c.body["body"])
	}
	n, _ := s.P.Note(c.o.ID, User, body)
	answer(c, http.StatusCreated, map[string]any{"id": n.ID})
}

// plain is the text of a document.
func plain(v any) string {
	out := text(in(v, "text"))
	list, _ := in(v, "content").([]any)
	for _, x := range list {
		out += plain(x)
	}
	return out
}

// items are what the changelog says of what happens to an issue.
var items = map[connectortest.What][2]string{
	connectortest.WasAcknowledged: {"To Do", "In Progress"}, connectortest.WasUnacknowledged: {"In Progress", "To Do"}, connectortest.WasResolved: {"In Progress", "Done"}, connectortest.WasReopened: {"Done", "To Do"},
}

// Report is the body of the webhook that tells of a change.
func Report(c connectortest.Change) []byte {
	by := map[string]string{"accountId": "acc-" + c.By, "displayName": c.By}
	if c.By == connectortest.API {
		by = map[string]string{"accountId": AccountID, "displayName": "Signalbox"}
	}
	issue := shown(&c.Object)
	body := map[string]any{"timestamp": c.At.UnixMilli(), "webhookEvent": "jira:issue_updated", "user": by, "issue": issue}
	switch c.What {
	case connectortest.Created:
		body["webhookEvent"] = "jira:issue_created"
	case connectortest.Noted: // which leaves most of the issue out
		delete(issue["fields"].(map[string]any), "labels")
		delete(body, "user")
		body["webhookEvent"], body["comment"] = "comment_created", map[string]any{"id": c.Note.ID, "author": by, "body": c.Note.Text}
	case connectortest.WasAssigned:
		body["changelog"] = map[string]any{"id": c.ID, "items": []map[string]string{{"field": "assignee", "toString": c.Object.Assignee}}}
	default:
		m, ok := items[c.What]
		if !ok {
			return nil
		}
		body["changelog"] = map[string]any{"id": c.ID, "items": []map[string]string{{"field": "status", "fromString": m[0], "toString": m[1]}}}
	}
	b, err := json.Marshal(body)
	if err != nil {
		panic(err)
	}
	return b
}
