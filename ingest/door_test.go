package ingest_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/go-cmp/cmp"

	"signalbox/ingest"
	"signalbox/ingest/source/pagerduty"
	"signalbox/itsm"
	"signalbox/itsm/entry"
)

// journal is an Appender in memory.
type journal struct {
	mu      sync.Mutex
	entries [][]byte
	fail    error
	discard bool // for benchmarks: count only
	slow    bool // looks at what it is given only after a moment, as a busy disk does
	n       itsm.Offset
}

func (j *journal) Append(_ context.Context, bodies ...[]byte) (itsm.Offset, itsm.Time, error) {
	if j.slow {
		time.Sleep(300 * time.Microsecond)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.fail != nil {
		return 0, 0, j.fail
	}
	first := j.n + 1
	j.n += itsm.Offset(len(bodies))
	if !j.discard {
		for _, b := range bodies {
			j.entries = append(j.entries, bytes.Clone(b))
		}
	}
	return first, now, nil
}

// now is when everything arrives.
const now itsm.Time = 1795262400000

// all returns the decoded entries so far.
func (j *journal) all(t testing.TB) []any {
	t.Helper()
	j.mu.Lock()
	defer j.mu.Unlock()
	var out []any
	for _, b := range j.entries {
		v, err := entry.Decode(b)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, v)
	}
	return out
}

func (j *journal) len() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.entries)
}

// rig is a door on a real socket.
type rig struct {
	*journal
	door *ingest.Door
	addr string
	app  *fiber.App
	logs *syncBuffer
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// patience is for what comes at once unless the machine is busy: a limit on it costs
// time only in a test that fails.
const patience = time.Minute

// start opens a door that is patient with its senders, or as hasty as the given
// options say.
func start(t testing.TB, change func(*ingest.Options), hasty ...ingest.AppOptions) *rig {
	t.Helper()
	r := &rig{journal: &journal{}, logs: &syncBuffer{}}
	log := slog.New(slog.NewTextHandler(r.logs, nil))
	o := ingest.Options{Sources: append(ingest.BuiltinSources(), ingest.Source{Name: "pagerduty", Kind: "pagerduty"}), Open: true,
		Journal: r.journal, Log: log, Clock: func() time.Time { return now.Std() }, Version: "test"}
	if change != nil {
		change(&o)
	}
	var err error
	if r.door, err = ingest.New(o); err != nil {
		t.Fatal(err)
	}
	const longer = 2 * patience // or who is answered only because the server gave up would seem in time
	app := ingest.AppOptions{}.Patient(longer, longer, longer)
	if len(hasty) > 0 {
		app = hasty[0]
	}
	app.Log, app.Long = log, []ingest.LongRoute{
		{Prefix: "/long", Read: patience, Write: patience}, {Prefix: "/webhooks/slow", Read: 200 * time.Millisecond, Write: patience}}
	r.app = ingest.NewApp(app)
	r.door.Routes(r.app)
	r.app.Post("/api/echo", func(c *fiber.Ctx) error { return c.Send(c.BodyRaw()) })
	r.app.Post("/long", func(c *fiber.Ctx) error {
		n, err := io.Copy(io.Discard, c.Context().RequestBodyStream())
		if err != nil {
			return err
		}
		return c.SendString(fmt.Sprint(n))
	})
	r.app.Get("/panic", func(*fiber.Ctx) error { panic("boom") })
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r.addr = ln.Addr().String()
	done := make(chan struct{})
	go func() { defer close(done); _ = r.app.Listener(ln) }()
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		_ = r.app.ShutdownWithTimeout(time.Second)
		ln.Close() // a shutdown before Serve has begun does not know the listener
		<-done
	})
	return r
}

// answer is a response as tests compare it.
type answer struct {
	status int
	header http.Header
	body   string
}

func (r *rig) do(t testing.TB, method, path, body string, header ...string) answer {
	t.Helper()
	req, err := http.NewRequest(method, "http://"+r.addr+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Add(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{res.StatusCode, res.Header, string(b)}
}

func (r *rig) post(t testing.TB, path, body string, header ...string) answer {
	t.Helper()
	return r.do(t, "POST", path, body, header...)
}

func alert(name string) string {
	return `{"status":"firing","labels":{"alertname":"` + name + `"},"startsAt":"2026-11-21T11:50:00Z","fingerprint":"` + name + `"}`
}

func hook(alerts ...string) string {
	return `{"version":"4","groupKey":"k","alerts":[` + strings.Join(alerts, ",") + `]}`
}

func gzipped(s string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	io.WriteString(z, s)
	z.Close()
	return b.String()
}

func pdEvent(key string) string {
	return `{"event":{"id":"E1","event_type":"incident.acknowledged","occurred_at":"2026-11-21T11:59:58Z","agent":{"summary":"Jane"},"data":{"id":"PD1","incident_key":` + key + `}}}`
}

// TestAnswers is the table of interface.md: what is answered and how many entries
// it leaves in the journal.
func TestAnswers(t *testing.T) {
	two := ingest.QuarantineID("alertmanager", []byte(`{"version":"4","groupKey":"k","truncatedAlerts":0,"alerts":[{}]}`))
	whole := ingest.QuarantineID("generic", []byte(`{"state":"firing"}`))
	for _, c := range []struct {
		name, path, body string
		header           []string
		status           int
		want             string // the body, or a part of it after ~
		entries          int
	}{
		{"accepted", "/webhooks/alertmanager", hook(alert("a"), alert("b")), nil, 202, `{"accepted":2,"offset":1}`, 1},
		{"no alerts", "/webhooks/alertmanager", hook(), nil, 202, `{"accepted":0,"offset":0}`, 0},
		{"one bad", "/webhooks/alertmanager", hook(alert("a"), `{}`), nil, 202, `{"accepted":1,"offset":1,"quarantined":["` + two + `"]}`, 1},
		{"all bad", "/webhooks/alertmanager", hook(`{}`), nil, 422, `~"quarantine":"` + two + `"`, 1},
		{"undecodable", "/webhooks/generic", `{"state":"firing"}`, nil, 422, `~"quarantine":"` + whole + `"`, 1},
		{"says why", "/webhooks/generic", `{"state":"firing"}`, nil, 422, `~did you mean status`, 1},
		{"empty body", "/webhooks/generic", ``, nil, 422, `~the body is empty`, 1},
		{"gzip", "/webhooks/alertmanager", gzipped(hook(alert("a"))), []string{"Content-Encoding", "gzip"}, 202, `{"accepted":1,"offset":1}`, 1},
		{"gzip in name only", "/webhooks/alertmanager", hook(alert("a")), []string{"Content-Encoding", "gzip"}, 422, `~not gzip, although`, 1},
		{"unknown encoding", "/webhooks/alertmanager", hook(), []string{"Content-Encoding", "gzip, gzip"}, 400, `~expected gzip, deflate, zstd or br, once`, 0},
		{"unknown source", "/webhooks/nobody", hook(), nil, 404, `~"code":"not_found"`, 0},
		{"too large", "/webhooks/alertmanager", strings.Repeat(" ", ingest.BodyBytesMax+1), nil, 413, `~"code":"too_large"`, 0},
		{"wrong content type", "/webhooks/alertmanager", hook(alert("a")), []string{"Content-Type", "text/plain"}, 202, `{"accepted":1,"offset":1}`, 1},
		{"prometheus", "/prometheus/main/api/v2/alerts", `[{"labels":{"alertname":"x"}}]`, nil, 200, ``, 1},
		{"prometheus, none", "/prometheus/main/api/v2/alerts", `[]`, nil, 200, ``, 0},
		{"prometheus, one bad", "/prometheus/main/api/v2/alerts", `[{"labels":{"alertname":"x"}},{"labels":{}}]`, nil, 400, `"alerts[1].labels: an alert needs at least one label with a value"`, 1},
		{"prometheus, not JSON", "/prometheus/main/api/v2/alerts", `[`, nil, 400, `~"not JSON: line 1, column 2`, 1},
		{"prometheus, other kind", "/prometheus/generic/api/v2/alerts", `[]`, nil, 404, `~source generic exists, but is of kind generic and takes deliveries at /webhooks/generic; this address is for sources of kind prometheus (there are: main)`, 0},
		{"not JSON", "/webhooks/generic", `not json`, nil, 422, `~not JSON: line 1, column 1: expected true, false, null or a text in double quotes, found 'n'`, 1},
		{"unknown source, which there are", "/webhooks/pagrduty", hook(), nil, 404, `~no source \"pagrduty\" is configured (there are: alertmanager, datadog, generic, main`, 0},
		{"unknown source, what to do", "/webhooks/pagrduty", hook(), nil, 404, `~add it to sources in the configuration`, 0},
		{"pagerduty", "/webhooks/pagerduty", pdEvent(`"signalbox/INC0000007/2"`), nil, 202, `{"accepted":1,"offset":1}`, 1},
		{"pagerduty, not ours", "/webhooks/pagerduty", pdEvent(`"other"`), nil, 202, `{"accepted":0,"offset":0}`, 0},
		{"pagerduty, no key and no connector", "/webhooks/pagerduty", pdEvent(`null`), nil, 202, `{"accepted":0,"offset":0}`, 0},
		{"pagerduty, undecodable", "/webhooks/pagerduty", `{"messages":[]}`, nil, 202, `~"quarantined":[`, 1},
		{"too many alerts", "/webhooks/alertmanager", hook(strings.Repeat(`{},`, 10_000) + `{}`), nil, 413, `~more than 10000 alerts`, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := start(t, nil)
			got := r.post(t, c.path, c.body, c.header...)
			part, isPart := strings.CutPrefix(c.want, "~")
			if got.status != c.status || (isPart && !strings.Contains(got.body, part)) || (!isPart && got.body != c.want) {
				t.Errorf("got %d %s\nwant %d %s", got.status, got.body, c.status, c.want)
			}
			if got.status >= 400 && strings.HasPrefix(got.body, "{") && got.header.Get("Content-Type") != "application/problem+json" {
				t.Errorf("content type %q of a problem document", got.header.Get("Content-Type"))
			}
			if n := r.len(); n != c.entries {
				t.Errorf("%d entries in the journal, want %d", n, c.entries)
			}
		})
	}
}

func TestDeliveryIsWhole(t *testing.T) {
	r := start(t, nil)
	body := hook(alert("a"), `{"status":"on"}`)
	r.post(t, "/webhooks/alertmanager", body)
	got := r.all(t)[0].(*entry.Delivery)
	part := `{"version":"4","groupKey":"k","truncatedAlerts":0,"alerts":[{"status":"on"}]}`
	want := &entry.Delivery{Source: "alertmanager", Remote: got.Remote, Raw: []byte(body),
		Events: []itsm.Event{{Source: "alertmanager", Identity: "a", Group: "k", Status: itsm.Firing, Severity: itsm.Warning, Title: "a",
			StartsAt: 1795261800000, Labels: itsm.Labels{{Name: "alertname", Value: "a"}}}},
		Bad: []entry.Bad{{ID: ingest.QuarantineID("alertmanager", []byte(part)), Error: `alerts[1].status: "on": expected "firing" or "resolved"`, Body: []byte(part)}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if !strings.HasPrefix(got.Remote, "127.0.0.1:") {
		t.Errorf("remote %q", got.Remote)
	}
}

type knownAll struct{}

func (knownAll) Known(string) bool { return true }

func TestIdenticalBadBodiesAreCountedOnly(t *testing.T) {
	r := start(t, nil)
	for range 3 {
		r.post(t, "/webhooks/generic", `{"state":1}`)
	}
	for i, e := range r.all(t) {
		bad := e.(*entry.Delivery).Bad[0]
		if (i == 0) != (string(bad.Body) == `{"state":1}`) || bad.ID == "" {
			t.Errorf("occurrence %d: id %s, body %q", i+1, bad.ID, bad.Body)
		}
	}
	r = start(t, func(o *ingest.Options) { o.Quarantine = knownAll{} })
	r.post(t, "/webhooks/generic", `{"state":1}`)
	if bad := r.all(t)[0].(*entry.Delivery).Bad[0]; bad.Body != nil {
		t.Errorf("known to the desk, yet stored again: %q", bad.Body)
	}
}

func TestUnavailable(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*ingest.Options)
		fail   error
		want   string
	}{
		{"gate", func(o *ingest.Options) {
			o.Gate = func() error { return itsm.Errorf(itsm.Unavailable, "5 MiB free, 64 MiB needed") }
		}, nil, "5 MiB free"},
		{"journal", nil, itsm.Errorf(itsm.Unavailable, "write: no space"), "nothing was stored"},
		{"journal, odd error", nil, io.ErrClosedPipe, "nothing was stored"},
	} {
		for _, path := range []string{"/webhooks/generic", "/prometheus/main/api/v2/alerts", "/webhooks/pagerduty"} {
			r := start(t, c.change)
			r.fail = c.fail
			got := r.post(t, path, map[bool]string{true: `[{"labels":{"a":"b"}}]`, false: pdEvent(`"signalbox/INC0000001/1"`)}[strings.Contains(path, "prom")])
			if got.status != 503 || got.header.Get("Retry-After") == "" || !strings.Contains(got.body, c.want) && path != "/webhooks/generic" {
				t.Errorf("%s %s: got %d, Retry-After %q, %s", c.name, path, got.status, got.header.Get("Retry-After"), got.body)
			}
			if r.len() != 0 {
				t.Errorf("%s %s: %d entries", c.name, path, r.len())
			}
		}
	}
}

func TestTooLargeForTheJournal(t *testing.T) {
	r := start(t, nil)
	r.fail = itsm.Errorf(itsm.TooLarge, "journal append: 40 bytes, at most 32 are possible")
	if got := r.post(t, "/webhooks/generic", `{"status":"firing","title":"x"}`); got.status != 413 || got.header.Get("Retry-After") != "" {
		t.Errorf("got %d %s, want 413: no retry can succeed", got.status, got.body)
	}
}

func TestNewKeysAreBounded(t *testing.T) {
	at := now.Std()
	r := start(t, func(o *ingest.Options) {
		o.Sources = []ingest.Source{{Name: "am", Kind: "alertmanager", Limits: ingest.Limits{NewKeysPerMinute: 3}}}
		o.Clock = func() time.Time { return at }
	})
	status := func(names ...string) int {
		t.Helper()
		var alerts []string
		for _, n := range names {
			alerts = append(alerts, alert(n))
		}
		began := time.Now()
		status := r.post(t, "/webhooks/am", hook(alerts...)).status
		if took := time.Since(began); status != 202 && took < ingest.GreedyPause {
			t.Errorf("%v: refused after %v, want it to take %v at least: who sends as fast as it is answered must not take the processor", names, took, ingest.GreedyPause)
		}
		return status
	}
	var got []int
	got = append(got, status("a", "b", "b"), status("c"), status("d"), status("a", "b", "c"), status("a", "d"))
	at = at.Add(time.Minute)
	got = append(got, status("a", "d"), status("e", "f", "g", "h", "a"))
	if want := []int{202, 202, 503, 202, 503, 202, 413}; !cmp.Equal(want, got) {
		t.Errorf("got %v, want %v", got, want)
	}
	if r.len() != 4 {
		t.Errorf("%d entries, want 4: a refused delivery leaves nothing", r.len())
	}
}

func TestStrangersLearnNoNames(t *testing.T) {
	r := start(t, func(o *ingest.Options) {
		o.Open = false
		o.Sources = []ingest.Source{{Name: "payments", Kind: "generic", Auth: ingest.Auth{Bearer: []string{"0123456789abcdef"}}}}
	})
	if got := r.post(t, "/webhooks/payment", "{}"); got.status != 404 || strings.Contains(got.body, "payments") || !strings.Contains(got.body, "add it to sources") {
		t.Errorf("%d %s, want a refusal that does not list the sources", got.status, got.body)
	}
}

type partners struct{ err error }

func (p partners) IncidentOf(_ context.Context, ref itsm.ExternalRef) (itsm.IncidentNumber, uint32, error) {
	if p.err == nil && (ref.ID != "PD1" || ref.Connector != "pd-main") {
		return 0, 0, fmt.Errorf("asked for %v", ref)
	}
	return 9, 3, p.err
}

func TestPartnerLookup(t *testing.T) {
	with := func(p partners) *rig {
		return start(t, func(o *ingest.Options) {
			o.Partners = p
			o.Sources = []ingest.Source{{Name: "pagerduty", Kind: "pagerduty", Connector: "pd-main"}}
		})
	}
	r := with(partners{})
	r.post(t, "/webhooks/pagerduty", pdEvent("null"))
	want := &itsm.Act{Kind: itsm.ActAcknowledge, Incident: 9, Epoch: 3, Actor: "pagerduty:Jane", Origin: "pd-main", DeliveryID: "E1", PartnerVersion: 1795262398000,
		Link: &itsm.ExternalRef{Connector: "pd-main", ID: "PD1"}}
	if diff := cmp.Diff([]any{want}, r.all(t)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	r = with(partners{itsm.Errorf(itsm.NotFound, "not ours")})
	if got := r.post(t, "/webhooks/pagerduty", pdEvent("null")); got.status != 202 || r.len() != 0 {
		t.Errorf("not ours: %d, %d entries", got.status, r.len())
	}
	r = with(partners{itsm.Errorf(itsm.Unavailable, "PagerDuty does not answer")})
	got := r.post(t, "/webhooks/pagerduty", pdEvent("null"))
	bad := r.all(t)[0].(*entry.Delivery).Bad
	if got.status != 202 || len(bad) != 1 || !strings.Contains(bad[0].Error, "PagerDuty does not answer") || string(bad[0].Body) != pdEvent("null") {
		t.Errorf("lookup failed: %d %s, quarantine %v", got.status, got.body, bad)
	}
}

func TestRetry(t *testing.T) {
	r := start(t, nil)
	q := itsm.Quarantined{ID: "q1", Source: "generic", Body: []byte(`{"status":"firing","title":"x"}`), LastAt: now}
	n, off, err := r.door.Retry(t.Context(), q)
	if err != nil || n != 1 || off != 1 {
		t.Fatalf("got %d, %d, %v", n, off, err)
	}
	if d := r.all(t)[0].(*entry.Delivery); d.RetryOf != "q1" || len(d.Events) != 1 {
		t.Errorf("journaled %+v", d)
	}
	q.Body = []byte(`[7]`)
	if _, _, err := r.door.Retry(t.Context(), q); itsm.CodeOf(err) != itsm.Invalid || r.len() != 1 {
		t.Errorf("still bad: got %v, %d entries", err, r.len())
	}
	q.Source = "gone"
	if _, _, err := r.door.Retry(t.Context(), q); itsm.CodeOf(err) != itsm.NotFound {
		t.Errorf("unknown source: got %v", err)
	}
	q.Source, q.Body = "pagerduty", []byte(pdEvent(`"`+pagerduty.DedupKey(7, 1)+`"`))
	if n, _, err := r.door.Retry(t.Context(), q); err != nil || n != 1 {
		t.Errorf("act: got %d, %v", n, err)
	}
}

func TestNewReportsEveryProblem(t *testing.T) {
	_, err := ingest.New(ingest.Options{Log: slog.New(slog.DiscardHandler), Sources: []ingest.Source{
		{Name: "a/b", Kind: "generic"}, {Name: "x", Kind: "nagios", Auth: ingest.Auth{Bearer: []string{"s"}}}, {Name: "open", Kind: "generic"},
		{Name: "empty", Kind: "generic", Auth: ingest.Auth{Bearer: []string{"s", ""}}},
		{Name: "h", Kind: "generic", Auth: ingest.Auth{HMAC: &ingest.HMAC{Header: "X"}}},
		{Name: "p", Kind: "generic", Auth: ingest.Auth{Basic: []ingest.BasicAuth{{User: "u"}}}},
	}})
	for _, want := range []string{"sources.a/b: a source name", "sources.x.kind", "sources.open.auth: no credentials", "sources.empty.auth.bearer[1]", "sources.h.auth.hmac.secrets", "sources.p.auth.basic[0]"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: does not mention %s", err, want)
		}
	}
}

func TestOpenSourcesAreSaidOnce(t *testing.T) {
	r := start(t, nil)
	for range 3 {
		r.post(t, "/webhooks/alertmanager", hook(alert("a")))
	}
	if n := strings.Count(r.logs.String(), "without credentials"); n != 1 {
		t.Errorf("said %d times:\n%s", n, r.logs)
	}
}

func TestRefusalsAreLoggedRarely(t *testing.T) {
	r := start(t, nil)
	for range 50 {
		r.post(t, "/webhooks/nobody\"x", "{}")
	}
	if n := strings.Count(r.logs.String(), "request refused"); n != 1 {
		t.Errorf("%d lines for 50 refusals:\n%s", n, r.logs)
	}
}

func TestOrdinaryBodies(t *testing.T) {
	r := start(t, nil)
	big := strings.Repeat("x", ingest.OrdinaryBodyMax)
	if got := r.post(t, "/api/echo", big); got.status != 200 || got.body != big {
		t.Errorf("at the bound: %d, %d bytes back", got.status, len(got.body))
	}
	if got := r.post(t, "/api/echo", big+"y"); got.status != 413 {
		t.Errorf("over the bound: %d", got.status)
	}
	if got := r.post(t, "/long", strings.Repeat("x", 9<<20)); got.body != fmt.Sprint(9<<20) {
		t.Errorf("long route: %d %s", got.status, got.body)
	}
	if got := r.do(t, "GET", "/panic", ""); got.status != 500 || strings.Contains(got.body, "boom") || !strings.Contains(r.logs.String(), "boom") {
		t.Errorf("panic: %d %s", got.status, got.body)
	}
	if got := r.do(t, "GET", "/nothing/<script>", ""); got.status != 404 || strings.Contains(got.body, "script") {
		t.Errorf("unknown path: %d %s", got.status, got.body)
	}
	if got := r.do(t, "GET", "/webhooks/alertmanager", ""); got.status != 405 || got.header.Get("Allow") != "POST" {
		t.Errorf("GET of a webhook: %d, Allow %q", got.status, got.header.Get("Allow"))
	}
}

// TestBodiesAreNotShared sends distinct deliveries over many connections that are
// kept alive: what is stored must be each request's own.
func TestBodiesAreNotShared(t *testing.T) {
	r := start(t, nil)
	r.slow = true
	const connections, each = 64, 20
	tr := &http.Transport{MaxIdleConnsPerHost: connections}
	defer tr.CloseIdleConnections()
	client := &http.Client{Transport: tr}
	var wg sync.WaitGroup
	for i := range connections {
		wg.Go(func() {
			for k := range each {
				name := fmt.Sprintf("c%dr%d", i, k)
				body := hook(alert(name+strings.Repeat("p", k*10)), `{"status":"`+name+`"}`)
				enc := ""
				if k%2 == 1 {
					body, enc = gzipped(body), "gzip"
				}
				req, _ := http.NewRequest("POST", "http://"+r.addr+"/webhooks/alertmanager", strings.NewReader(body))
				if enc != "" {
					req.Header.Set("Content-Encoding", enc)
				}
				res, err := client.Do(req)
				if err != nil {
					t.Error(err)
					return
				}
				io.Copy(io.Discard, res.Body)
				res.Body.Close()
			}
		})
	}
	wg.Wait()
	seen := map[string]bool{}
	for _, e := range r.all(t) {
		d := e.(*entry.Delivery)
		name, _, _ := strings.Cut(strings.TrimRight(d.Events[0].Identity, "p"), "p")
		seen[name] = true
		var raw struct {
			Alerts []struct{ Fingerprint, Status string }
		}
		if err := json.Unmarshal(d.Raw, &raw); err != nil || raw.Alerts[0].Fingerprint != d.Events[0].Identity || raw.Alerts[1].Status != name ||
			!strings.Contains(string(d.Bad[0].Body), `{"status":"`+name+`"}`) || d.Events[0].Title != d.Events[0].Identity {
			t.Fatalf("%s: raw %q, bad %q: %v", name, d.Raw, d.Bad[0].Body, err)
		}
	}
	if len(seen) != connections*each {
		t.Errorf("%d deliveries, want %d", len(seen), connections*each)
	}
}

// paced is a Pacer that notes what it is told.
type paced struct {
	mu    sync.Mutex
	asked []string
	told  map[string]int
}

func (p *paced) Wait(source string, waited time.Duration) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked = append(p.asked, fmt.Sprint(source, " ", waited))
	if waited < 2*time.Millisecond {
		return time.Millisecond
	}
	return 0
}

func (p *paced) Brought(source string, events int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.told[source] += events
}

func TestPacerHearsOfWhatIsStored(t *testing.T) {
	p := &paced{told: map[string]int{}}
	r := start(t, func(o *ingest.Options) {
		o.Pace = p
		o.Sources = append(o.Sources, ingest.Source{Name: "closed", Kind: "generic", Auth: ingest.Auth{Bearer: []string{live}}})
	})
	r.post(t, "/webhooks/alertmanager", hook(alert("a"), alert("b"), `{}`))
	r.post(t, "/webhooks/generic", event, "Content-Encoding", "nonsense")
	r.post(t, "/webhooks/closed", event)
	if diff := cmp.Diff(map[string]int{"alertmanager": 3}, p.told); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"alertmanager 0s", "alertmanager 1ms", "alertmanager 2ms", "generic 0s", "generic 1ms", "generic 2ms"}, p.asked); diff != "" {
		t.Errorf("who does not authenticate does not wait (-want +got):\n%s", diff)
	}
}
