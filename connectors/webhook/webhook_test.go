package webhook_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"signalbox/connectors"
	"signalbox/connectors/webhook"
	source "signalbox/ingest/source/webhook"
	"signalbox/itsm"
)

// desk is a partner with tickets, which has no keys of its own: two equal requests
// make two tickets.
type desk struct {
	mu      sync.Mutex
	tickets []map[string]any
	calls   []*http.Request
	bodies  []string
	before  func(w http.ResponseWriter, r *http.Request) (answered, reached bool)
	lag     time.Time // tickets are not found before then
	session bool      // asks for a login
}

func (d *desk) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b, _ := io.ReadAll(r.Body)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.calls, d.bodies = append(d.calls, r), append(d.bodies, string(b))
	if d.before != nil {
		answered, reached := d.before(w, r)
		if answered {
			w = httptest.NewRecorder()
		}
		if !reached {
			return
		}
	}
	if d.session {
		if r.URL.Path == "/login" {
			http.SetCookie(w, &http.Cookie{Name: "sid", Value: "s1"})
			fmt.Fprint(w, "{}")
			return
		}
		if c, err := r.Cookie("sid"); err != nil || c.Value != "s1" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
	}
	id := strings.TrimPrefix(r.URL.Path, "/api/tickets/")
	switch {
	case r.Method == http.MethodGet:
		out := []map[string]any{}
		for _, t := range d.tickets {
			if (t["key"] == r.URL.Query().Get("key") || t["id"] == id) && time.Now().After(d.lag) {
				out = append(out, t)
			}
		}
		json.NewEncoder(w).Encode(map[string]any{"tickets": out})
	case r.Method == http.MethodPost && r.URL.Path == "/api/tickets":
		var t map[string]any
		json.Unmarshal(b, &t)
		t["id"] = fmt.Sprint("T", len(d.tickets)+1)
		d.tickets = append(d.tickets, t)
		w.WriteHeader(http.StatusCreated)
		json.NewEncoder(w).Encode(t)
	default:
		for _, t := range d.tickets {
			if t["id"] == id {
				json.Unmarshal(b, &t)
				return
			}
		}
		w.WriteHeader(http.StatusNotFound)
	}
}

const tickets = `
out:
  record: answer.id
  url: '"https://desk.example.com/" + answer.id'
  find: {method: GET, path: '"/api/tickets?key=" + escape(incident.key)', record: 'answer.tickets.size() > 0 ? answer.tickets[0].id : ""'}
  whose: {method: GET, path: '"/api/tickets/" + escape(record)', incident: 'answer.tickets.size() > 0 ? answer.tickets[0].key : ""'}
  trigger: {path: '"/api/tickets"', body: '{"key": incident.key, "title": incident.title, "state": "open"}'}
  resolve: {method: PUT, path: '"/api/tickets/" + escape(record)', body: '{"state": "closed"}'}
  note: {method: PUT, path: '"/api/tickets/" + escape(record)', body: '{"note": text}'}
`

func connector(t *testing.T, mapping, url string, change func(*webhook.Options)) *webhook.Connector {
	t.Helper()
	m, err := source.Parse("m.yml", []byte(mapping))
	if err != nil {
		t.Fatal(err)
	}
	o := webhook.Options{Name: "desk", URL: url, Mapping: m, HTTP: connectors.NewClient(slog.New(slog.DiscardHandler)), IndexLag: 50 * time.Millisecond}
	if change != nil {
		change(&o)
	}
	c, err := webhook.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func start(t *testing.T, d *desk) string {
	h := httptest.NewServer(d)
	t.Cleanup(h.Close)
	return h.URL
}

func intent(tr itsm.Transition) itsm.Intent {
	return itsm.Intent{Key: "k-" + string(tr), Connector: "desk", Incident: 7, Epoch: 1, Transition: tr, At: itsm.TimeOf(time.Now().Add(time.Second)), Actor: "console:admin", Text: "because",
		Snapshot: itsm.IncidentSnapshot{Title: "orders is failing", Priority: itsm.P1, OpenedAt: 1_795_262_000_000}}
}

func push(t *testing.T, c *webhook.Connector, in itsm.Intent) connectors.Receipt {
	t.Helper()
	r, err := c.Push(t.Context(), in)
	if err != nil {
		t.Fatalf("%s: %v", in.Transition, err)
	}
	return r
}

func TestLifecycle(t *testing.T) {
	d := &desk{}
	c := connector(t, tickets, start(t, d), nil)
	r := push(t, c, intent(itsm.Trigger))
	if r.Link == nil || r.Link.ID != "T1" || r.Link.URL != "https://desk.example.com/T1" || r.Link.Connector != "desk" {
		t.Fatalf("link %+v", r.Link)
	}
	push(t, c, intent(itsm.Note))
	push(t, c, intent(itsm.Update)) // of which the mapping says nothing
	push(t, c, intent(itsm.Resolve))
	if got := fmt.Sprint(d.tickets); got != "[map[id:T1 key:signalbox/INC0000007/1 note:because state:closed title:orders is failing]]" {
		t.Errorf("tickets %s", got)
	}
	if n, epoch, err := c.IncidentOf(t.Context(), "T1"); err != nil || n != 7 || epoch != 1 {
		t.Errorf("T1 is about %s/%d, %v", n, epoch, err)
	}
	if _, _, err := c.IncidentOf(t.Context(), "T2"); itsm.CodeOf(err) != itsm.NotFound {
		t.Errorf("T2: %v", err)
	}
}

// TestRecordComesFromLinks: after a restart the incident's links name the record;
// without one a resolve has nothing to do, and a note is not lost silently.
func TestRecordComesFromLinks(t *testing.T) {
	d := &desk{}
	url := start(t, d)
	push(t, connector(t, tickets, url, nil), intent(itsm.Trigger))
	next := connector(t, tickets, url, nil)
	in := intent(itsm.Resolve)
	in.Snapshot.Links = []itsm.ExternalRef{{Connector: "pd", ID: "Q"}, {Connector: "desk", ID: "T1"}}
	push(t, next, in)
	if d.tickets[0]["state"] != "closed" {
		t.Errorf("ticket %v", d.tickets[0])
	}
	other := intent(itsm.Resolve)
	other.Incident = 8
	push(t, next, other)
	other.Transition = itsm.Note
	if _, err := next.Push(t.Context(), other); err == nil || connectors.IsPassing(err) || !strings.Contains(err.Error(), "no record of INC0000008") {
		t.Errorf("a note without a record: %v", err)
	}
}

// TestLostAnswer: a request that was done and not answered is not done twice.
func TestLostAnswer(t *testing.T) {
	for _, arrived := range []bool{true, false} {
		d := &desk{lag: time.Now().Add(20 * time.Millisecond)}
		posts := 0
		d.before = func(w http.ResponseWriter, r *http.Request) (answered, reached bool) {
			if r.Method != http.MethodPost {
				return false, true
			}
			if posts++; posts > 1 {
				return false, true
			}
			w.WriteHeader(http.StatusGatewayTimeout)
			return true, arrived
		}
		c := connector(t, tickets, start(t, d), nil)
		in := intent(itsm.Trigger)
		for {
			r, err := c.Push(t.Context(), in)
			if err == nil {
				if r.Link == nil || r.Link.ID != "T1" {
					t.Errorf("link %+v", r.Link)
				}
				break
			}
			if !connectors.IsPassing(err) {
				t.Fatal(err)
			}
			time.Sleep(10 * time.Millisecond)
		}
		if len(d.tickets) != 1 {
			t.Errorf("arrived %v: %d tickets", arrived, len(d.tickets))
		}
	}
}

// TestSignature holds the vector of the Standard Webhooks libraries, and what a
// receiver finds in a request.
func TestSignature(t *testing.T) {
	key, err := base64.StdEncoding.DecodeString("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if err != nil {
		t.Fatal(err)
	}
	if got := webhook.Sign([][]byte{key}, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", []byte(`{"test": 2432232314}`)); got != "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=" {
		t.Errorf("signature %s", got)
	}
	d := &desk{}
	next := []byte("0123456789abcdef01234567")
	c := connector(t, tickets, start(t, d), func(o *webhook.Options) {
		o.SigningSecrets = []string{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_" + base64.StdEncoding.EncodeToString(next)}
		o.Headers = map[string]string{"Authorization": "Bearer secret"}
	})
	push(t, c, intent(itsm.Trigger))
	h := d.calls[0].Header
	if want := webhook.Sign([][]byte{key, next}, "k-trigger", h.Get("Webhook-Timestamp"), []byte(d.bodies[0])); h.Get("Webhook-Id") != "k-trigger" || h.Get("Webhook-Signature") != want || strings.Count(want, "v1,") != 2 {
		t.Errorf("headers %v, want the signature %s", h, want)
	}
	if h.Get("Authorization") != "Bearer secret" || h.Get("Content-Type") != "application/json" {
		t.Errorf("headers %v", h)
	}
	for _, s := range []string{"whsec_!", "whsec_c2hvcnQ=", ""} {
		if _, err := webhook.New(webhook.Options{URL: "https://x.example", SigningSecrets: []string{s}}); err == nil {
			t.Errorf("the secret %q was taken", s)
		}
	}
}

func TestRefusals(t *testing.T) {
	const graph = `{out: {refused: 'has(answer.errors) ? string(answer.errors[0].message) : ""', passing: 'answer.errors[0].?code.orValue("") == "BUSY"', trigger: {path: '"/v2"', body: '{"q": 1}'}}}`
	for name, c := range map[string]struct {
		status  int
		header  map[string]string
		body    string
		passing bool
		say     string
	}{
		"400":               {400, nil, `{"error":"no such field"}`, false, "no such field"},
		"401":               {401, nil, ``, false, "401"},
		"404":               {404, nil, ``, false, "404"},
		"410":               {410, nil, ``, false, "410"},
		"413":               {413, nil, ``, false, "413"},
		"429":               {429, map[string]string{"Retry-After": "9"}, ``, true, "429"},
		"500":               {500, nil, `<h1>`, true, "500"},
		"redirect":          {302, map[string]string{"Location": "https://elsewhere.example/"}, ``, false, "302"},
		"200 with an error": {200, nil, `{"errors":[{"message":"no board"}]}`, false, "no board"},
		"200 and busy":      {200, nil, `{"errors":[{"message":"budget","code":"BUSY"}]}`, true, "budget"},
	} {
		t.Run(name, func(t *testing.T) {
			h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				for k, v := range c.header {
					w.Header().Set(k, v)
				}
				w.WriteHeader(c.status)
				io.WriteString(w, c.body)
			}))
			defer h.Close()
			_, err := connector(t, graph, h.URL, nil).Push(t.Context(), intent(itsm.Trigger))
			if err == nil || connectors.IsPassing(err) != c.passing || !strings.Contains(err.Error(), c.say) {
				t.Errorf("got %v (passing %v), want passing %v and %q", err, connectors.IsPassing(err), c.passing, c.say)
			}
		})
	}
}

// TestSecretAddressIsNotTold: the address of a chat's webhook is its credential.
func TestSecretAddressIsNotTold(t *testing.T) {
	h := httptest.NewServer(http.NotFoundHandler())
	h.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := connector(t, tickets, h.URL+"/hooks/S3CRET", nil).Push(ctx, intent(itsm.Trigger))
	if err == nil || strings.Contains(err.Error(), "S3CRET") {
		t.Errorf("the error shows the address: %v", err)
	}
}

// TestAddress: what stands in the configuration stays in front, its query too.
func TestAddress(t *testing.T) {
	d := &desk{before: func(http.ResponseWriter, *http.Request) (answered, reached bool) { return false, false }}
	c := connector(t, `out: {trigger: {path: '"/x/" + escape("a/b c") + "?q=1"'}, resolve: {path: '"?wait=true"'}}`, start(t, d)+"/hooks/one?token=T", nil)
	push(t, c, intent(itsm.Trigger))
	push(t, c, intent(itsm.Resolve))
	for i, want := range []string{"/hooks/one/x/a%2Fb%20c?token=T&q=1", "/hooks/one?token=T&wait=true"} {
		if got := d.calls[i].RequestURI; got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func TestLogin(t *testing.T) {
	d := &desk{session: true}
	c := connector(t, tickets+"  login: {path: '\"/login\"', body: '{\"user\": login.user, \"password\": login.password}'}\n", start(t, d), func(o *webhook.Options) { o.User, o.Password = "admin", "pw" })
	push(t, c, intent(itsm.Trigger))
	push(t, c, intent(itsm.Note))
	if len(d.calls) != 3 || d.bodies[0] != `{"password":"pw","user":"admin"}` || d.calls[1].Header.Get("Authorization") != "" {
		t.Errorf("%d calls, first %s", len(d.calls), d.bodies[0])
	}
	ended := false
	d.before = func(w http.ResponseWriter, r *http.Request) (answered, reached bool) {
		if ended || r.URL.Path == "/login" {
			return false, true
		}
		ended = true
		w.WriteHeader(http.StatusUnauthorized)
		return true, false
	}
	push(t, c, intent(itsm.Resolve))
	if d.tickets[0]["state"] != "closed" || len(d.calls) != 6 {
		t.Errorf("after the session ended: %v, %d calls", d.tickets[0], len(d.calls))
	}
}
