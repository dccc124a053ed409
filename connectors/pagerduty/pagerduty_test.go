package pagerduty_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode/utf8"

	"signalbox/connectors"
	"signalbox/connectors/pagerduty"
	"signalbox/connectors/pagerduty/pagerdutytest"
	source "signalbox/ingest/source/pagerduty"
	"signalbox/itsm"
)

func connector(s *pagerdutytest.Server, url string, o pagerduty.Options) *pagerduty.Connector {
	o.Name, o.EventsURL, o.APIURL = "pd", url, url
	if o.RoutingKey == "" {
		o.RoutingKey = s.Key
	}
	o.ExternalURL = "https://signalbox.example.com/"
	o.HTTP = connectors.NewClient(slog.New(slog.DiscardHandler))
	return pagerduty.New(o)
}

func intent(tr itsm.Transition) itsm.Intent {
	return itsm.Intent{Key: "k-" + string(tr), Connector: "pd", Incident: 7, Epoch: 2, Transition: tr, At: 1_700_000_000_000, Actor: "console:admin", Text: "because",
		Snapshot: itsm.IncidentSnapshot{Title: "orders is failing", Priority: itsm.P1, Severity: itsm.Critical, CIs: []string{"db-1"}, Services: []string{"orders"}, Cause: "db-1", Because: "3 of 3 alerting CIs depend on db-1", Alerts: 3, Firing: 3, Group: "dba"}}
}

var key = source.DedupKey(7, 2)

func push(t *testing.T, c *pagerduty.Connector, tr itsm.Transition) {
	t.Helper()
	if _, err := c.Push(t.Context(), intent(tr)); err != nil {
		t.Fatalf("%s: %v", tr, err)
	}
}

func TestLifecycle(t *testing.T) {
	s := pagerdutytest.New(t)
	c := connector(s, s.URL, pagerduty.Options{})
	for _, step := range []struct {
		tr   itsm.Transition
		want string
	}{{itsm.Trigger, "triggered"}, {itsm.Trigger, "triggered"}, {itsm.Acknowledge, "acknowledged"}, {itsm.Update, "acknowledged"}, {itsm.Resolve, "resolved"}, {itsm.Resolve, "resolved"}} {
		push(t, c, step.tr)
		if got := s.Incident(key); got == nil || got.Status != step.want {
			t.Fatalf("after %s: %+v, want %s", step.tr, got, step.want)
		}
	}
	if got, want := s.Incident(key).Title, "[P1] orders is failing"; got != want {
		t.Errorf("title %q, want %q", got, want)
	}
	first := s.Calls()[0].Body
	details := first["payload"].(map[string]any)["custom_details"].(map[string]any)
	for k, want := range map[string]any{"why_together": "3 of 3 alerting CIs depend on db-1", "probable_cause": "db-1", "incident": "INC0000007"} {
		if details[k] != want {
			t.Errorf("custom_details.%s = %v, want %v", k, details[k], want)
		}
	}
	if got := first["client_url"]; got != "https://signalbox.example.com/incidents/INC0000007" {
		t.Errorf("client_url %v", got)
	}
}

func TestTriggerLearnsTheLink(t *testing.T) {
	s := pagerdutytest.New(t)
	r, err := connector(s, s.URL, pagerduty.Options{APIToken: "t"}).Push(t.Context(), intent(itsm.Trigger))
	if err != nil {
		t.Fatal(err)
	}
	if r.Link == nil || r.Link.ID != s.Incident(key).ID || r.Link.Connector != "pd" {
		t.Errorf("link %+v, want PagerDuty's id %s", r.Link, s.Incident(key).ID)
	}
}

func TestNotes(t *testing.T) {
	s := pagerdutytest.New(t)
	c := connector(s, s.URL, pagerduty.Options{APIToken: "t", From: "a@example.com"})
	if _, err := c.Push(t.Context(), intent(itsm.Note)); !passing(err) {
		t.Errorf("a note before its incident exists: %v, want a failure that passes", err)
	}
	push(t, c, itsm.Trigger)
	push(t, c, itsm.Note)
	if got := s.Incident(key).Notes; len(got) != 1 || got[0] != source.NoteMark+"console:admin: because" {
		t.Errorf("notes %q", got)
	}
	push(t, connector(s, s.URL, pagerduty.Options{}), itsm.Note) // without a token: nothing to do
	if got := s.Incident(key).Notes; len(got) != 1 {
		t.Errorf("notes %q", got)
	}
}

func passing(err error) bool { return connectors.IsPassing(err) }

func TestMisbehaviour(t *testing.T) {
	status := func(code int, h map[string]string, body string) func(http.ResponseWriter, *http.Request) {
		return func(w http.ResponseWriter, _ *http.Request) {
			for k, v := range h {
				w.Header().Set(k, v)
			}
			w.WriteHeader(code)
			io.WriteString(w, body)
		}
	}
	json := map[string]string{"Content-Type": "application/json"}
	for name, c := range map[string]struct {
		handle  func(http.ResponseWriter, *http.Request)
		passing bool
		say     string
	}{
		"400 with errors":       {status(400, json, `{"status":"invalid event","message":"bad","errors":["'routing_key' is wrong"]}`), false, "routing_key"},
		"403":                   {status(403, json, `{}`), false, "403"},
		"413":                   {status(413, nil, ""), false, "413"},
		"429 with Retry-After":  {status(429, map[string]string{"Retry-After": "30"}, ""), true, "429"},
		"429 without":           {status(429, nil, ""), true, "429"},
		"500 as HTML":           {status(500, map[string]string{"Content-Type": "text/html"}, "<h1>oops</h1>"), true, "500"},
		"200 with a login page": {status(200, map[string]string{"Content-Type": "text/html"}, "<form>sign in</form>"), true, "unexpected"},
		"202 truncated JSON":    {status(202, json, `{"status":"succ`), true, "unexpected"},
		"redirect":              {status(302, map[string]string{"Location": "/elsewhere"}, ""), false, "302"},
		"cut connection":        {func(w http.ResponseWriter, _ *http.Request) { panic(http.ErrAbortHandler) }, true, "not reached"},
	} {
		t.Run(name, func(t *testing.T) {
			h := httptest.NewServer(http.HandlerFunc(c.handle))
			defer h.Close()
			h.Config.ErrorLog = nil
			_, err := connector(pagerdutytest.New(t), h.URL, pagerduty.Options{RoutingKey: "r"}).Push(t.Context(), intent(itsm.Trigger))
			if err == nil || passing(err) != c.passing || !strings.Contains(err.Error(), c.say) {
				t.Errorf("got %v (passing %v), want passing %v and %q in it", err, passing(err), c.passing, c.say)
			}
		})
	}
}

// TestWhoseIncidentIsUnknown: only PagerDuty's word makes an incident not ours;
// whatever else goes wrong, the act must be kept.
func TestWhoseIncidentIsUnknown(t *testing.T) {
	for name, c := range map[string]struct {
		token  string
		status int
		want   itsm.Code
		say    string
	}{
		"no token":    {"", 200, itsm.Unavailable, "api_token"},
		"wrong token": {"t", 401, itsm.Unavailable, "api_token"},
		"forbidden":   {"t", 403, itsm.Unavailable, "api_token"},
		"overload":    {"t", 429, itsm.Unavailable, "room"},
		"down":        {"t", 503, itsm.Unavailable, "reached"},
		"gone":        {"t", 404, itsm.NotFound, "no incident"},
		"not ours":    {"t", 200, itsm.NotFound, "no alert of ours"},
	} {
		t.Run(name, func(t *testing.T) {
			h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(c.status)
				fmt.Fprint(w, `{"alerts": [{"alert_key": "somebody-else"}]}`)
			}))
			defer h.Close()
			_, _, err := connector(pagerdutytest.New(t), h.URL, pagerduty.Options{RoutingKey: "r", APIToken: c.token}).IncidentOf(t.Context(), "PD1")
			if itsm.CodeOf(err) != c.want || !strings.Contains(itsm.MessageOf(err), c.say) {
				t.Errorf("got %s %q, want %s and %q in it", itsm.CodeOf(err), itsm.MessageOf(err), c.want, c.say)
			}
		})
	}
}

func TestUnreachable(t *testing.T) {
	h := httptest.NewServer(http.NotFoundHandler())
	h.Close()
	_, err := connector(pagerdutytest.New(t), h.URL, pagerduty.Options{RoutingKey: "r"}).Push(t.Context(), intent(itsm.Trigger))
	if !passing(err) {
		t.Errorf("got %v, want a failure that passes", err)
	}
}

func TestHang(t *testing.T) {
	release := make(chan struct{})
	h := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer h.Close()
	defer close(release)
	ctx, cancel := context.WithTimeout(t.Context(), 50_000_000)
	defer cancel()
	if _, err := connector(pagerdutytest.New(t), h.URL, pagerduty.Options{RoutingKey: "r"}).Push(ctx, intent(itsm.Trigger)); !passing(err) {
		t.Errorf("got %v, want a failure that passes", err)
	}
}

func TestLongTextFits(t *testing.T) {
	s := pagerdutytest.New(t)
	in := intent(itsm.Trigger)
	in.Snapshot.Title = strings.Repeat("データベース停止 ", 500)
	if _, err := connector(s, s.URL, pagerduty.Options{}).Push(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	got := s.Incident(key).Title
	if len(got) > 1024 || !utf8.ValidString(got) || !strings.HasSuffix(got, "…") {
		t.Errorf("%d bytes, valid %v, ends %q", len(got), utf8.ValidString(got), got[len(got)-6:])
	}
}
