package servicenow_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"signalbox/connectors"
	"signalbox/connectors/goldentest"
	"signalbox/connectors/servicenow"
	fake "signalbox/connectors/servicenow/servicenowtest"
	source "signalbox/ingest/source/servicenow"
	"signalbox/itsm"
)

func connector(s *fake.Server, edit func(*servicenow.Options)) *servicenow.Connector {
	o := servicenow.Options{Name: "sn", URL: s.URL + "/", User: fake.User, Password: fake.Password, AssignmentGroup: "Service Desk", Caller: "signalbox.caller",
		ExternalURL: "https://signalbox.example.com/", HTTP: connectors.NewClient(slog.New(slog.DiscardHandler)), Extra: map[string]string{"category": "software", "correlation_id": "overridden"}}
	if edit != nil {
		edit(&o)
	}
	return servicenow.New(o)
}

// started has what an instance has before us: somebody else's incidents, a group,
// a CI and a caller.
func started(t testing.TB) *fake.Server {
	s := fake.New(t)
	for i := range 12 {
		s.Put("incident", fake.Record{"short_description": "printer", "correlation_id": fmt.Sprintf("other-%d", i)})
	}
	s.Put("sys_user_group", fake.Record{"name": "Service Desk", "sys_id": strings.Repeat("a", 32)})
	s.Put("sys_user_group", fake.Record{"name": "dba", "sys_id": strings.Repeat("b", 32)})
	s.Put("cmdb_ci", fake.Record{"name": "DB-1", "sys_id": strings.Repeat("c", 32)})
	s.Put("sys_user", fake.Record{"user_name": "signalbox.caller", "sys_id": strings.Repeat("d", 32)})
	return s
}

func intent(tr itsm.Transition) itsm.Intent {
	return itsm.Intent{Key: "0123456789abcdef" + string(tr), Connector: "sn", Incident: 7, Epoch: 2, Transition: tr, At: itsm.TimeOf(time.Now().Add(time.Minute)), Actor: "console:admin", Text: "because",
		Snapshot: itsm.IncidentSnapshot{Title: "orders is\nfailing", Priority: itsm.P2, Severity: itsm.Critical, Impact: itsm.Medium, Urgency: itsm.High, CIs: []string{"db-1", "db-2"}, Services: []string{"orders"}, Cause: "db-1",
			Because: "3 of 3 alerting CIs depend on db-1", Alerts: 3, Firing: 3, Group: "dba", OpenedAt: 1795262398000, Runbook: "https://runbooks.example.com/orders"}}
}

// config reads what the fake reports.
var config = source.Config{Own: []string{fake.User}}

var key = source.RecordKey(7, 2)

func push(t *testing.T, c *servicenow.Connector, in itsm.Intent) connectors.Receipt {
	t.Helper()
	r, err := c.Push(t.Context(), in)
	if err != nil {
		t.Fatalf("%s: %v", in.Transition, err)
	}
	return r
}

// ours returns the record of the epoch, and fails when there is not exactly one.
func ours(t *testing.T, s *fake.Server) fake.Record {
	t.Helper()
	rows := s.Rows("incident", "correlation_id", key)
	if len(rows) != 1 {
		t.Fatalf("%d records of %s, want one", len(rows), key)
	}
	return rows[0]
}

func TestLifecycle(t *testing.T) {
	t.Parallel()
	s := started(t)
	c := connector(s, nil)
	for _, step := range []struct {
		tr            itsm.Transition
		state, record string
	}{{itsm.Trigger, "1", "open"}, {itsm.Trigger, "1", "open"}, {itsm.Acknowledge, "2", "acknowledged"}, {itsm.Acknowledge, "2", "acknowledged"}, {itsm.Update, "2", "acknowledged"},
		{itsm.Resolve, "6", "resolved"}, {itsm.Resolve, "6", "resolved"}, {itsm.Acknowledge, "6", "resolved"}, {itsm.Update, "6", "resolved"}} {
		r := push(t, c, intent(step.tr))
		got := ours(t, s)
		if got["state"] != step.state {
			t.Fatalf("after %s: state %s, want %s", step.tr, got["state"], step.state)
		}
		rec, err := c.Look(t.Context(), 7, 2)
		if err != nil || rec.Status.String() != step.record || !rec.Ours || rec.Version == 0 {
			t.Errorf("after %s it looks %+v, %v; want %s", step.tr, rec, err, step.record)
		}
		if r.Link == nil || r.Link.ID != got["sys_id"] || rec.Link != *r.Link {
			t.Errorf("after %s: link %+v, look %+v", step.tr, r.Link, rec.Link)
		}
	}
	got := ours(t, s)
	for field, want := range map[string]string{"short_description": "orders is failing", "impact": "2", "urgency": "1", "priority": "2", "assignment_group": strings.Repeat("b", 32),
		"cmdb_ci": strings.Repeat("c", 32), "caller_id": strings.Repeat("d", 32), "category": "software", "close_code": "Solution provided"} {
		if got[field] != want {
			t.Errorf("%s is %q, want %q", field, got[field], want)
		}
	}
	if n, epoch, err := c.IncidentOf(t.Context(), got["sys_id"]); n != 7 || epoch != 2 || err != nil {
		t.Errorf("the incident of %s is %v/%d, %v", got["sys_id"], n, epoch, err)
	}
	if line, err := c.Check(t.Context()); err != nil || !strings.Contains(line, fake.User) {
		t.Errorf("check: %q, %v", line, err)
	}
}

// TestGolden holds the bodies that are sent.
func TestGolden(t *testing.T) {
	t.Parallel()
	for name, target := range map[string]string{"incident": servicenow.TargetIncident, "em_event": servicenow.TargetEvent} {
		s := started(t)
		c := connector(s, func(o *servicenow.Options) { o.Target = target })
		for _, tr := range []itsm.Transition{itsm.Trigger, itsm.Acknowledge, itsm.Note, itsm.Update, itsm.Resolve} {
			in := intent(tr)
			in.At = itsm.TimeOf(time.Date(2036, 1, 2, 3, 4, 5, 0, time.UTC))
			if tr == itsm.Update {
				in.Snapshot.Priority, in.Snapshot.Title = itsm.P1, "orders [code]<script>[/CODE] is failing"
			}
			if tr == itsm.Resolve {
				in.Snapshot.CloseCode, in.Snapshot.CloseNote, in.Snapshot.ResolvedBy = "workaround", "restarted [code]<b>it</b>[/code]", "console:ann"
			}
			push(t, c, in)
		}
		writesAre(t, s, name)
	}
}

// writesAre holds what was written against a golden file.
func writesAre(t *testing.T, s *fake.Server, name string) {
	t.Helper()
	var b strings.Builder
	for _, w := range s.Writes() {
		fmt.Fprintf(&b, "%s %s\n%s", w.Method, w.Path, goldentest.JSON(t, w.Body))
	}
	goldentest.Same(t, name+".golden", b.String())
}

// TestIgnoredSearch: ServiceNow answers a search it does not understand with every
// record. Nothing of others is touched, and nothing is made twice.
func TestIgnoredSearch(t *testing.T) {
	t.Parallel()
	s := started(t)
	s.IgnoreQueries = true
	for range 100 {
		s.Put("incident", fake.Record{"short_description": "printer"})
	}
	c := connector(s, nil)
	for _, tr := range []itsm.Transition{itsm.Trigger, itsm.Acknowledge, itsm.Update, itsm.Note, itsm.Resolve} {
		if _, err := c.Push(t.Context(), intent(tr)); err == nil || connectors.IsPassing(err) || !strings.Contains(err.Error(), "correlation_id") {
			t.Errorf("%s: %v, want to hear that the search was ignored", tr, err)
		}
	}
	if w := s.Writes(); len(w) != 0 {
		t.Errorf("written: %v", w)
	}
	if _, err := c.Look(t.Context(), 7, 2); err == nil {
		t.Error("it looks as if there were no record")
	}
	if _, _, err := c.Pull(t.Context(), ""); err == nil {
		t.Error("a poll takes everybody's records")
	}
	s.Put("cmdb_ci", fake.Record{"name": "other"})
	if _, err := c.Inventory(t.Context()); err != nil {
		t.Errorf("one page of everything is everything: %v", err)
	}
}

// lostCreate is a ServiceNow that carries the first create out, loses its answer, and
// shows in no search yet what was made; and a connector that knows of such a lag.
func lostCreate(t *testing.T) (*fake.Server, *servicenow.Connector) {
	t.Helper()
	s := started(t)
	s.Lag = time.Hour
	cuts := 1
	s.Before = func(w http.ResponseWriter, c fake.Call) (answered, reached bool) {
		if c.Method == http.MethodPost && cuts > 0 {
			cuts--
			w.WriteHeader(http.StatusBadGateway)
			return true, true
		}
		return false, true
	}
	return s, connector(s, func(o *servicenow.Options) { o.IndexLag = time.Hour })
}

// TestMadeAndNotHeard: the create was carried out, its answer was lost, and the
// search shows the record later. It is not made again.
func TestMadeAndNotHeard(t *testing.T) {
	t.Parallel()
	s, c := lostCreate(t)
	for range 3 {
		if _, err := c.Push(t.Context(), intent(itsm.Trigger)); !connectors.IsPassing(err) {
			t.Fatalf("got %v, want to wait", err)
		}
	}
	s.Reveal()
	push(t, c, intent(itsm.Trigger))
	push(t, c, intent(itsm.Resolve))
	if got := ours(t, s); got["state"] != "6" {
		t.Errorf("state %s", got["state"])
	}
}

// TestAfterAStart: what an earlier process may have sent is not sent again before
// the search must show it.
func TestAfterAStart(t *testing.T) {
	t.Parallel()
	s := started(t)
	in := intent(itsm.Trigger)
	in.At = itsm.TimeOf(time.Now().Add(-time.Hour))
	if _, err := connector(s, func(o *servicenow.Options) { o.IndexLag = time.Hour }).Push(t.Context(), in); !connectors.IsPassing(err) {
		t.Fatalf("got %v, want to wait", err)
	}
	if rows := s.Rows("incident", "correlation_id", key); len(rows) > 0 {
		t.Fatalf("made %v", rows)
	}
	c := connector(s, func(o *servicenow.Options) { o.IndexLag = 10 * time.Millisecond })
	_, err := c.Push(t.Context(), in)
	for deadline := time.Now().Add(time.Minute); connectors.IsPassing(err) && time.Now().Before(deadline); _, err = c.Push(t.Context(), in) {
		time.Sleep(time.Millisecond)
	}
	if err != nil {
		t.Fatal(err)
	}
	ours(t, s)
}

// TestFoundAtOnce: what was just made is found although the search does not show it.
func TestFoundAtOnce(t *testing.T) {
	t.Parallel()
	s := started(t)
	s.Lag = time.Hour
	c := connector(s, nil)
	push(t, c, intent(itsm.Trigger))
	push(t, c, intent(itsm.Acknowledge))
	if got := ours(t, s); got["state"] != "2" {
		t.Errorf("state %s", got["state"])
	}
}

func TestNoteOnce(t *testing.T) {
	t.Parallel()
	s := started(t)
	c := connector(s, nil)
	push(t, c, intent(itsm.Trigger))
	for range 3 {
		push(t, c, intent(itsm.Note))
	}
	other := intent(itsm.Note)
	other.Key = "fedcba9876543210"
	push(t, c, other)
	if got := strings.Count(ours(t, s)["work_notes"], "[Signalbox] console:admin: because"); got != 2 {
		t.Errorf("%d notes, want 2:\n%s", got, ours(t, s)["work_notes"])
	}
}

// TestOver: people closed or deleted the record.
func TestOver(t *testing.T) {
	t.Parallel()
	for _, state := range []string{"6", "7", "8"} {
		s := started(t)
		c := connector(s, nil)
		push(t, c, intent(itsm.Trigger))
		s.Person(t, "jane", ours(t, s)["sys_id"], fake.Record{"state": state})
		for _, tr := range []itsm.Transition{itsm.Trigger, itsm.Update, itsm.Acknowledge, itsm.Resolve, itsm.Note} {
			push(t, c, intent(tr))
		}
		if got := ours(t, s); got["state"] != state {
			t.Errorf("state %s became %s", state, got["state"])
		}
	}
	s := started(t)
	c := connector(s, func(o *servicenow.Options) { o.IndexLag = time.Millisecond })
	push(t, c, intent(itsm.Trigger))
	time.Sleep(2 * time.Millisecond)
	s.Delete("incident", ours(t, s)["sys_id"])
	for _, tr := range []itsm.Transition{itsm.Acknowledge, itsm.Note, itsm.Resolve} {
		push(t, c, intent(tr))
	}
	if n := len(s.Rows("incident", "", "")); n != 12 {
		t.Errorf("%d records", n)
	}
}

func TestConfigured(t *testing.T) {
	t.Parallel()
	s := started(t)
	c := connector(s, func(o *servicenow.Options) {
		o.Fields = source.Config{States: map[itsm.State][]string{itsm.New: {"10"}, itsm.InProgress: {"20", "21"}, itsm.IncidentResolved: {"60"}}, CloseCodes: map[string]string{"fixed": "Done"}}
	})
	push(t, c, intent(itsm.Trigger))
	push(t, c, intent(itsm.Acknowledge))
	if got := ours(t, s)["state"]; got != "20" {
		t.Errorf("state %s", got)
	}
	in := intent(itsm.Resolve)
	in.Snapshot.CloseCode = "duplicate" // which has no code there
	push(t, c, in)
	if got := ours(t, s); got["state"] != "60" || got["close_code"] != "Done" {
		t.Errorf("state %s, close code %s", got["state"], got["close_code"])
	}
	s.Person(t, "jane", ours(t, s)["sys_id"], fake.Record{"state": "99"})
	if _, err := c.Look(t.Context(), 7, 2); err == nil || !strings.Contains(err.Error(), "states") {
		t.Errorf("an unknown state: %v", err)
	}
}

func TestOAuth(t *testing.T) {
	t.Parallel()
	s := started(t)
	client := connectors.NewClient(slog.New(slog.DiscardHandler))
	c := connector(s, func(o *servicenow.Options) {
		o.User, o.Password = "", ""
		o.OAuth = &connectors.OAuth{TokenURL: s.URL + "/oauth_token.do", ClientID: fake.ClientID, ClientSecret: fake.ClientSecret, HTTP: client}
	})
	push(t, c, intent(itsm.Trigger))
	s.Expire()
	if _, err := c.Push(t.Context(), intent(itsm.Resolve)); err == nil {
		t.Fatal("a token that ended was accepted")
	}
	push(t, c, intent(itsm.Resolve))
	ours(t, s)
}

func TestMisbehaviour(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status  int
		header  string
		body    string
		passing bool
		say     string
	}{
		"400":                 {400, "", `{"error":{"message":"bad field","detail":""},"status":"failure"}`, false, "bad field"},
		"401":                 {401, "", `{"error":{"message":"User Not Authenticated"}}`, false, "401"},
		"403 policy":          {403, "", `{"error":{"message":"Data Policy Exception"}}`, false, "Data Policy"},
		"429 with a wait":     {429, "30", ``, true, "429"},
		"429 without":         {429, "", ``, true, "429"},
		"500 as HTML":         {500, "", `<h1>oops</h1>`, true, "500"},
		"hibernating":         {200, "", `<html>Your instance is hibernating</html>`, true, "unexpected"},
		"truncated":           {200, "", `{"result":[`, true, "unexpected"},
		"moved to a login":    {302, "", ``, false, "302"},
		"created and strange": {201, "", `{"result":{}}`, true, "unexpected"},
	} {
		t.Run(name, func(t *testing.T) {
			s := started(t)
			s.Before = func(w http.ResponseWriter, _ fake.Call) (bool, bool) {
				w.Header().Set("Retry-After", c.header)
				w.WriteHeader(c.status)
				io.WriteString(w, c.body)
				return true, false
			}
			_, err := connector(s, nil).Push(t.Context(), intent(itsm.Trigger))
			if err == nil || connectors.IsPassing(err) != c.passing || !strings.Contains(err.Error(), c.say) {
				t.Errorf("got %v (passing %v), want passing %v and %q in it", err, connectors.IsPassing(err), c.passing, c.say)
			}
		})
	}
	s := started(t)
	s.Before = func(http.ResponseWriter, fake.Call) (bool, bool) { panic(http.ErrAbortHandler) }
	if _, err := connector(s, nil).Push(t.Context(), intent(itsm.Trigger)); !connectors.IsPassing(err) {
		t.Errorf("a cut connection: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := connector(started(t), nil).Push(ctx, intent(itsm.Trigger)); !connectors.IsPassing(err) {
		t.Errorf("a call that is stopped: %v", err)
	}
}

func TestLongTextFits(t *testing.T) {
	t.Parallel()
	s := started(t)
	c := connector(s, nil)
	in := intent(itsm.Trigger)
	in.Snapshot.Title = strings.Repeat("データベース停止 ", 500)
	in.Snapshot.Because = strings.Repeat("[code]", 2000)
	push(t, c, in)
	n := intent(itsm.Note)
	n.Text = strings.Repeat("é", 9000)
	push(t, c, n)
	push(t, c, n)
	got := ours(t, s)
	for field, most := range map[string]int{"short_description": 160, "description": 4000, "work_notes": 4100} {
		if n := utf8.RuneCountInString(got[field]); n > most || n < most/2 || !utf8.ValidString(got[field]) {
			t.Errorf("%s has %d characters, at most %d", field, n, most)
		}
	}
	if strings.Contains(got["description"], "[code]") {
		t.Error("the description has markup")
	}
}
