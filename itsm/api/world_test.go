package api

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"
	"github.com/gofiber/fiber/v2"

	"signalbox/correlate"
	"signalbox/ingest"
	"signalbox/itsm"
	"signalbox/itsm/access"
	"signalbox/itsm/cmdb"
	"signalbox/itsm/desk"
	"signalbox/itsm/kv"
	"signalbox/itsm/partners"
)

// Tokens of the test server.
const (
	adminToken     = "sbx_admin"
	responderToken = "sbx_responder"
	viewerToken    = "sbx_viewer"
)

// start is the time of the first entry in a world.
var start = itsm.TimeOf(time.Date(2026, 11, 3, 9, 0, 0, 0, time.UTC))

// world is a server whose engine applies acts to a real desk in memory, one
// entry at a time. It knows as much of the lifecycle as the answers need.
type world struct {
	t    testing.TB
	desk *desk.Desk
	api  *API
	gate *access.Gate
	base string // http://127.0.0.1:port
	doc  *documented

	mu         sync.Mutex
	fold       *correlate.State
	offset     itsm.Offset
	graph      *cmdb.Graph
	done       map[string]itsm.Outcome // by idempotency key
	acts       []itsm.Act              // journaled, in order
	failWith   error                   // what Do answers instead
	incidents  itsm.IncidentNumber
	moved      chan struct{}
	retry      func(id string) error
	connectors []Connector
	rows       []partners.Row
	objectRows []partners.Row
	retried    []string // dead letters
	feeds      chan Change
	status     Status
}

func newWorld(t testing.TB, change ...func(*Options)) *world {
	t.Helper()
	d, err := desk.Open(kv.Mem())
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, desk: d, graph: cmdb.Empty(cmdb.DefaultRelationTypes()), done: map[string]itsm.Outcome{},
		fold: correlate.New(correlate.DefaultConfig(), cmdb.Empty(cmdb.DefaultRelationTypes())), moved: make(chan struct{}), feeds: make(chan Change), status: Status{Ready: true}, doc: document31(t)}
	w.gate, err = access.New(access.Options{Tokens: []access.Token{
		{Secret: adminToken, Name: "admin", Role: access.Admin},
		{Secret: responderToken, Name: "rita", Role: access.Responder},
		{Secret: viewerToken, Name: "wall", Role: access.Viewer},
	}, Records: d, Do: w.Do})
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Records: d, Engine: w, Gate: w.gate, Connectors: w, Open: true,
		Retry:     w.retryQuarantined,
		Subscribe: func() (Feed, error) { return feed{w.feeds}, nil },
		Status:    func() Status { return w.status },
		Metrics:   func(c *fiber.Ctx) error { return c.SendString("signalbox_up 1\n") },
	}
	for _, c := range change {
		c(&o)
	}
	if w.api, err = New(o); err != nil {
		t.Fatal(err)
	}
	w.serve()
	return w
}

func (w *world) serve() {
	app := ingest.NewApp(ingest.AppOptions{Long: []ingest.LongRoute{{Prefix: Prefix + "/cmdb/import", Read: time.Minute, Write: time.Minute}}})
	w.api.Routes(app)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	stopped := make(chan error, 1)
	go func() { stopped <- app.Listener(l) }()
	w.base = "http://" + l.Addr().String()
	w.t.Cleanup(func() {
		w.api.Close()
		client.CloseIdleConnections()
		l.Close() // Shutdown looks whether it is done only every 100 ms
		<-stopped
	})
}

// apply stores decisions as the next entry.
func (w *world) apply(decisions ...itsm.Decision) itsm.Offset {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.applyLocked(decisions...)
}

func (w *world) applyLocked(decisions ...itsm.Decision) itsm.Offset {
	w.offset++
	if err := w.desk.Apply(desk.Batch{Cursor: w.offset, At: start.Add(time.Duration(w.offset) * time.Second), Decisions: decisions}); err != nil {
		w.t.Fatal(err)
	}
	close(w.moved)
	w.moved = make(chan struct{})
	return w.offset
}

// open stores a new incident and returns its number.
func (w *world) open(in itsm.Incident) itsm.IncidentNumber {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.incidents++
	in.Number = w.incidents
	if in.State == 0 {
		in.State = itsm.New
	}
	if in.Version == 0 {
		in.Version = 1
	}
	in.Epoch, in.OpenedAt, in.ChangedAt = 1, start, w.offset+1
	if in.Title == "" {
		in.Title = "disk full on db-1"
	}
	w.applyLocked(itsm.Decision{Kind: itsm.PutIncident, Incident: &in},
		itsm.Decision{Kind: itsm.AddTimeline, Timeline: &itsm.TimelineEntry{Incident: in.Number, At: start, Offset: w.offset + 1, Kind: "opened", Actor: "signalbox", Text: "opened"}})
	return in.Number
}

// raise stores alerts with evidence of their membership.
func (w *world) raise(alerts ...itsm.Alert) {
	w.t.Helper()
	for i := range alerts {
		a := &alerts[i]
		ds := []itsm.Decision{{Kind: itsm.PutAlert, Alert: a}}
		if a.Incident != 0 {
			ds = append(ds, itsm.Decision{Kind: itsm.PutEvidence, Evidence: &itsm.Evidence{Incident: a.Incident, Alert: a.Number, Episode: 1,
				At: start, Decision: itsm.DecidedJoined, By: "same_ci", Because: "same CI"}})
		}
		w.apply(ds...)
	}
}

// Do implements Engine: one act, one entry.
func (w *world) Do(_ context.Context, act itsm.Act) (itsm.Outcome, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.failWith != nil {
		return itsm.Outcome{}, w.failWith
	}
	w.acts = append(w.acts, act)
	if o, ok := w.done[act.IdempotencyKey]; ok && act.IdempotencyKey != "" {
		return o, o.Err()
	}
	if act.Body != nil || act.Object != "" {
		return w.doObject(act)
	}
	in, err := w.desk.Incident(act.Incident)
	if err != nil {
		return itsm.Outcome{}, err
	}
	o := itsm.Outcome{Offset: w.offset + 1, Incident: act.Incident}
	if act.IfVersion != 0 && act.IfVersion != in.Version {
		o.Code, o.Detail = itsm.Stale, fmt.Sprintf("%s has version %d", in.Number, in.Version)
		return o, o.Err()
	}
	ds := w.move(&in, act, &o)
	if o.Code == "" {
		w.applyLocked(ds...)
	}
	w.done[act.IdempotencyKey] = o
	return o, o.Err()
}

// doObject lets the real fold decide about what is no incident.
func (w *world) doObject(act itsm.Act) (itsm.Outcome, error) {
	var o itsm.Outcome
	ds := slices.Clone(w.fold.Step(correlate.Input{Offset: w.offset + 1, At: start.Add(time.Duration(w.offset+1) * time.Second), Act: &act}))
	for _, d := range ds {
		if d.Kind == itsm.SettleOutcome {
			o = *d.Outcome
		}
	}
	w.applyLocked(append(ds, w.fold.Flush()...)...)
	return o, o.Err()
}

// move does what the act says to the incident.
func (w *world) move(in *itsm.Incident, act itsm.Act, o *itsm.Outcome) []itsm.Decision {
	at := start.Add(time.Duration(w.offset+1) * time.Second)
	to := in.State
	switch act.Kind {
	case itsm.ActAcknowledge:
		in.AcknowledgedAt, in.AcknowledgedBy, to = at, act.Actor, itsm.InProgress
	case itsm.ActResolve:
		in.ResolvedAt, in.ResolvedBy, in.CloseCode, to = at, act.Actor, act.CloseCode, itsm.IncidentResolved
	case itsm.ActReopen:
		in.Epoch, to = in.Epoch+1, itsm.New
	case itsm.ActHold:
		in.HoldReason, to = act.Reason, itsm.OnHold
	case itsm.ActResume:
		in.HoldReason, to = "", itsm.InProgress
	case itsm.ActAssign:
		in.Assignee, in.Group = act.Assignee, act.Group
	case itsm.ActPriority:
		in.Priority, in.PriorityBy = act.Priority, act.Actor
	case itsm.ActMerge:
		in.MergedInto, o.Incident, to = act.Into, act.Into, itsm.Cancelled
	case itsm.ActCancel:
		to = itsm.Cancelled
	case itsm.ActSplit:
		w.incidents++
		o.Incident = w.incidents
		return []itsm.Decision{{Kind: itsm.PutIncident, Incident: &itsm.Incident{Number: w.incidents, Title: "split", State: itsm.New, Epoch: 1, Version: 1, OpenedAt: at}}}
	}
	if to != in.State && !itsm.CanMove(in.State, to) || to == in.State && (act.Kind == itsm.ActResume || act.Kind == itsm.ActReopen) {
		o.Code, o.Detail = itsm.Conflict, fmt.Sprintf("%s is %s", in.Number, in.State)
		return nil
	}
	in.State = to
	in.Version++
	in.ChangedAt = w.offset + 1
	return []itsm.Decision{{Kind: itsm.PutIncident, Incident: in},
		{Kind: itsm.AddTimeline, Timeline: &itsm.TimelineEntry{Incident: in.Number, At: at, Offset: w.offset + 1, Kind: string(act.Kind), Actor: act.Actor, Text: act.Text}}}
}

// WaitFolded implements Engine.
func (w *world) WaitFolded(ctx context.Context, off itsm.Offset) error {
	for {
		w.mu.Lock()
		at, moved := w.offset, w.moved
		w.mu.Unlock()
		if at >= off {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return itsm.Errorf(itsm.Unavailable, "entry %d is not folded yet: the fold is at %d", off, at)
		}
	}
}

// Graph implements Engine.
func (w *world) Graph() *cmdb.Graph {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.graph
}

// ImportCMDB implements Engine.
func (w *world) ImportCMDB(_ context.Context, doc cmdb.Doc, source string, prune, dryRun bool, _ string) (cmdb.Diff, []cmdb.Problem, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	changes, diff, problems := w.graph.Plan(doc, source, prune)
	if !dryRun && !cmdb.Blocking(problems) && !changes.Empty() {
		w.graph = w.graph.Apply(changes)
	}
	return diff, problems, w.failWith
}

func (w *world) retryQuarantined(_ context.Context, id, _ string) (itsm.Offset, error) {
	if err := w.retry(id); err != nil {
		return 0, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.applyLocked(itsm.Decision{Kind: itsm.PutQuarantine, Quarantine: &itsm.Quarantined{ID: id, RetriedAt: start.Add(time.Hour)}}), nil
}

// Connectors implements partners.Board.
func (w *world) Connectors() []Connector { return w.connectors }

// Sync implements partners.Board.
func (w *world) Sync(itsm.IncidentNumber) ([]partners.Row, bool) { return w.rows, true }

// SyncObject implements partners.Board.
func (w *world) SyncObject(string) []partners.Row { return w.objectRows }

// Pause implements partners.Board.
func (w *world) Pause(_ context.Context, name, reason, actor string) error {
	w.connectors[0].State, w.connectors[0].Pause = partners.Paused, itsm.ConnectorState{Name: name, Paused: true, By: actor, At: start, Reason: reason}
	return nil
}

// Resume implements partners.Board.
func (w *world) Resume(context.Context, string, string) error {
	w.connectors[0].State, w.connectors[0].Pause = partners.Ok, itsm.ConnectorState{}
	return nil
}

// Test implements partners.Board.
func (w *world) Test(_ context.Context, name string, checkOnly bool, actor string) ([]partners.Step, error) {
	steps := []partners.Step{{Name: "check", Ok: true, Detail: "as " + actor}}
	if !checkOnly {
		steps = append(steps, partners.Step{Name: "open", Detail: name + ": 403", Took: time.Second})
	}
	return steps, nil
}

// RetryDeadLetter implements partners.Board.
func (w *world) RetryDeadLetter(_ context.Context, connector, key, actor string) error {
	w.retried = append(w.retried, connector+" "+key+" "+actor)
	return nil
}

// feed yields what a test sends.
type feed struct{ ch chan Change }

// Next implements Feed.
func (f feed) Next(ctx context.Context) (Change, error) {
	select {
	case c := <-f.ch:
		return c, nil
	case <-ctx.Done():
		return Change{}, ctx.Err()
	}
}

// Close implements Feed.
func (feed) Close() {}

// documented is the OpenAPI document in its strictest reading: answers may hold
// nothing that is not in it.
type documented struct {
	t      testing.TB
	doc    *openapi3.T
	router routers.Router
}

var parsedDocument = sync.OnceValues(func() (*openapi3.T, error) {
	b, err := openAPIDocument()
	if err != nil {
		return nil, err
	}
	doc, err := openapi3.NewLoader().LoadFromData(b)
	if err != nil {
		return nil, err
	}
	no := false
	for _, s := range doc.Components.Schemas {
		closeSchema(s.Value, &no)
	}
	return doc, nil
})

// closeSchema forbids what an object does not list.
func closeSchema(s *openapi3.Schema, no *bool) {
	if s == nil {
		return
	}
	if len(s.Properties) > 0 && s.AdditionalProperties.Schema == nil {
		s.AdditionalProperties.Has = no
	}
	for _, p := range s.Properties {
		if p.Ref == "" {
			closeSchema(p.Value, no)
		}
	}
	if s.Items != nil && s.Items.Ref == "" {
		closeSchema(s.Items.Value, no)
	}
}

func document31(t testing.TB) *documented {
	t.Helper()
	doc, err := parsedDocument()
	if err != nil {
		t.Fatal(err)
	}
	router, err := legacy.NewRouter(doc)
	if err != nil {
		t.Fatal(err)
	}
	return &documented{t, doc, router}
}

// check validates an answer against the document.
func (d *documented) check(req *http.Request, resp *http.Response, body []byte) {
	d.t.Helper()
	plain := *req
	plain.URL = &url.URL{Path: req.URL.EscapedPath()} // without the host; an id may hold a slash
	if req.Method == http.MethodHead {
		plain.Method = http.MethodGet
	}
	route, params, err := d.router.FindRoute(&plain)
	if err != nil {
		if resp.StatusCode == http.StatusNotFound || resp.StatusCode == http.StatusMethodNotAllowed {
			return // an address that is not documented answers that it is not there
		}
		d.t.Errorf("%s %s: answers %d but is not documented: %v", req.Method, req.URL, resp.StatusCode, err)
		return
	}
	in := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: req, PathParams: params, Route: route},
		Status:                 resp.StatusCode, Header: resp.Header,
		Options: &openapi3filter.Options{IncludeResponseStatus: true, MultiError: true},
	}
	in.SetBodyBytes(body)
	if err := openapi3filter.ValidateResponse(context.Background(), in); err != nil {
		d.t.Errorf("%s %s → %d does not match the document: %v\n%s", req.Method, req.URL, resp.StatusCode, err, body)
	}
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

// object is the body as JSON.
func (a answer) object(t testing.TB) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(a.body), &m); err != nil {
		t.Fatalf("answer %d is not a JSON object: %v\n%s", a.status, err, a.body)
	}
	return m
}

// items are the items of a page; each as an object.
func (a answer) items(t testing.TB) (items []map[string]any, next string) {
	t.Helper()
	m := a.object(t)
	for _, i := range m["items"].([]any) {
		items = append(items, i.(map[string]any))
	}
	return items, m["next_cursor"].(string)
}

var client = &http.Client{Timeout: time.Minute}

// call makes a request as admin unless a header says otherwise ("name: value";
// an empty Authorization sends none) and holds the answer against the document.
func (w *world) call(method, path, body string, headers ...string) answer {
	w.t.Helper()
	var r io.Reader
	if body != "" {
		r = strings.NewReader(body)
	}
	return w.send(method, path, r, headers...)
}

func (w *world) send(method, path string, body io.Reader, headers ...string) answer {
	w.t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), method, w.base+path, body)
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+adminToken)
	for _, h := range headers {
		k, v, _ := strings.Cut(h, ": ")
		req.Header.Set(k, v)
		if v == "" {
			req.Header.Del(k)
		}
	}
	resp, err := client.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	if method != http.MethodHead {
		w.doc.check(req, resp, bytes.Clone(b))
	}
	return answer{resp.StatusCode, resp.Header, string(b)}
}

// raw sends a path as it is, which net/http would clean.
func (w *world) raw(method, path string) answer {
	w.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(w.base, "http://"))
	if err != nil {
		w.t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: sb\r\nAuthorization: Bearer %s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", method, path, adminToken)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		w.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer resp.Body.Close()
	b, _ := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, string(b)}
}

// want fails unless the answer has the status and its body holds every word.
func (w *world) want(a answer, status int, words ...string) answer {
	w.t.Helper()
	if a.status != status {
		w.t.Errorf("status %d, want %d\n%s", a.status, status, a.body)
	}
	for _, word := range words {
		if !strings.Contains(a.body, word) {
			w.t.Errorf("body lacks %q\n%s", word, a.body)
		}
	}
	if status >= 400 && a.header.Get("Content-Type") != problemJSON {
		w.t.Errorf("Content-Type %q, want %s", a.header.Get("Content-Type"), problemJSON)
	}
	return a
}

func numbersOf(items []map[string]any, field string) []string {
	out := []string{}
	for _, i := range items {
		out = append(out, i[field].(string))
	}
	return slices.Clip(out)
}
