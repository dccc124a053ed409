package jira_test

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"signalbox/connectors"
	"signalbox/connectors/connectortest"
	"signalbox/connectors/goldentest"
	"signalbox/connectors/jira"
	"signalbox/connectors/jira/jiratest"
	source "signalbox/ingest/source/jira"
	"signalbox/itsm"
)

var config = source.Config{Own: []string{jiratest.AccountID}}

func TestConformance(t *testing.T) {
	for name, edit := range map[string]func(*jira.Options){"issues of Cloud": func(o *jira.Options) { o.Version = 3 }, "requests": func(o *jira.Options) { o.ServiceDesk, o.RequestType = "1", "10" }} {
		t.Run(name, func(t *testing.T) {
			connectortest.Run(t, connectortest.Subject{
				Connector: func(_ testing.TB, url string, client *http.Client) connectors.Connector {
					o := jira.Options{Name: connectortest.Name, URL: url, User: jiratest.User, Password: jiratest.Password, Project: jiratest.Project, ExternalURL: "https://signalbox.example.com", HTTP: client}
					edit(&o)
					return jira.New(o)
				},
				Front:  jiratest.Front,
				Report: jiratest.Report,
				Decode: config.Decode,
			})
		})
	}
}

// site starts a Jira with issues of others.
func site(t testing.TB) (*jiratest.Site, string) {
	p := connectortest.NewPartner()
	p.Create(connectortest.Object{Title: "printer jams", Foreign: true, Fields: map[string]string{"labels": "printer"}})
	s := jiratest.New(p)
	h := httptest.NewServer(s)
	t.Cleanup(h.Close)
	return s, h.URL
}

func connector(url string, edit func(*jira.Options)) *jira.Connector {
	o := jira.Options{Name: "jira", URL: url + "/", User: jiratest.User, Password: jiratest.Password, Project: jiratest.Project, Labels: []string{"ops"}, Fields: map[string]string{"customfield_1": "x", "project": "no"},
		IndexLag: time.Millisecond, ExternalURL: "https://signalbox.example.com/", HTTP: connectors.NewClient(slog.New(slog.DiscardHandler))}
	if edit != nil {
		edit(&o)
	}
	return jira.New(o)
}

func intent(tr itsm.Transition) itsm.Intent {
	return itsm.Intent{Key: "0123456789abcdef" + string(tr), Connector: "jira", Incident: 7, Epoch: 2, Transition: tr, At: itsm.TimeOf(time.Now().Add(time.Minute)), Actor: "console:admin", Text: "because",
		Snapshot: itsm.IncidentSnapshot{Title: "orders is\nfailing", Priority: itsm.P2, Severity: itsm.Critical, CIs: []string{"db-1", "db-2"}, Services: []string{"orders"}, Cause: "db-1",
			Because: "3 of 3 alerting CIs depend on db-1", Alerts: 3, Firing: 3, OpenedAt: 1795262398000}}
}

var key = source.RecordKey(7, 2)

func push(t *testing.T, c *jira.Connector, in itsm.Intent) connectors.Receipt {
	t.Helper()
	r, err := c.Push(t.Context(), in)
	if err != nil {
		t.Fatalf("%s: %v", in.Transition, err)
	}
	return r
}

// ours returns the issue of the epoch, and fails when there is not exactly one.
func ours(t *testing.T, s *jiratest.Site) connectortest.Object {
	t.Helper()
	found := s.P.Find(func(o *connectortest.Object) bool { return strings.Contains(o.Fields["labels"], key) })
	if len(found) != 1 {
		t.Fatalf("%d issues of %s, want one", len(found), key)
	}
	return found[0]
}

func TestLifecycle(t *testing.T) {
	t.Parallel()
	for name, edit := range map[string]func(*jira.Options){"v2": nil, "v3": func(o *jira.Options) { o.Version = 3 }, "request": func(o *jira.Options) { o.ServiceDesk, o.RequestType = "1", "10" }} {
		for _, strict := range []bool{false, true} {
			s, url := site(t)
			s.Strict = strict
			c := connector(url, edit)
			for _, step := range []struct {
				tr   itsm.Transition
				want connectors.RecordStatus
			}{{itsm.Trigger, connectors.RecordOpen}, {itsm.Trigger, connectors.RecordOpen}, {itsm.Acknowledge, connectors.RecordAcknowledged}, {itsm.Update, connectors.RecordAcknowledged},
				{itsm.Resolve, connectors.RecordResolved}, {itsm.Resolve, connectors.RecordResolved}, {itsm.Acknowledge, connectors.RecordResolved}} {
				r := push(t, c, intent(step.tr))
				rec, err := c.Look(t.Context(), 7, 2)
				if err != nil || rec.Status != step.want || rec.Version == 0 || r.Link == nil || rec.Link != *r.Link {
					t.Fatalf("%s, strict %v: after %s %+v, %v; want %s and link %+v", name, strict, step.tr, rec, err, step.want, r.Link)
				}
			}
			o := ours(t, s)
			if n, epoch, err := c.IncidentOf(t.Context(), o.ID); n != 7 || epoch != 2 || err != nil {
				t.Errorf("the incident of %s is %v/%d, %v", o.ID, n, epoch, err)
			}
		}
	}
}

// TestStraightToDone: an incident that nobody acknowledged is over, in a workflow
// that leads there by In Progress only.
func TestStraightToDone(t *testing.T) {
	t.Parallel()
	s, url := site(t)
	s.Strict = true
	c := connector(url, nil)
	push(t, c, intent(itsm.Trigger))
	push(t, c, intent(itsm.Resolve))
	if got := ours(t, s).Status; got != connectortest.Resolved {
		t.Errorf("it is %s", got)
	}
}

func TestWithoutAWay(t *testing.T) {
	t.Parallel()
	s, url := site(t)
	s.Stuck = true
	c := connector(url, nil)
	push(t, c, intent(itsm.Trigger))
	push(t, c, intent(itsm.Acknowledge)) // is said instead
	if notes := ours(t, s).Notes; len(notes) != 1 || !strings.Contains(notes[0].Text, "because") {
		t.Errorf("notes %v", notes)
	}
	if _, err := c.Push(t.Context(), intent(itsm.Resolve)); err == nil || connectors.IsPassing(err) || !strings.Contains(err.Error(), "transition") {
		t.Errorf("got %v", err)
	}
}

func TestWithoutPriority(t *testing.T) {
	t.Parallel()
	s, url := site(t)
	s.NoPriority = true
	c := connector(url, nil)
	push(t, c, intent(itsm.Trigger))
	in := intent(itsm.Update)
	in.Snapshot.Priority, in.Snapshot.Title = itsm.P1, "orders is down"
	push(t, c, in)
	if o := ours(t, s); o.Title != "orders is down" || o.Priority != "" {
		t.Errorf("title %q, priority %q", o.Title, o.Priority)
	}
}

// TestRequestThatNobodyLabelled: the process ended between making a request and
// labelling it. It is found by its description, and labelled.
func TestRequestThatNobodyLabelled(t *testing.T) {
	t.Parallel()
	s, url := site(t)
	edit := func(o *jira.Options) { o.ServiceDesk, o.RequestType = "1", "10" }
	push(t, connector(url, edit), intent(itsm.Trigger))
	s.P.Change(ours(t, s).ID, func(o *connectortest.Object) { o.Fields["labels"] = "" })
	push(t, connector(url, edit), intent(itsm.Acknowledge))
	if got := ours(t, s); got.Status != connectortest.Acknowledged {
		t.Errorf("it is %s", got.Status)
	}
}

// TestGolden holds the requests that are sent.
func TestGolden(t *testing.T) {
	t.Parallel()
	for name, edit := range map[string]func(*jira.Options){"v2": nil, "v3": func(o *jira.Options) { o.Version = 3 }, "request": func(o *jira.Options) { o.ServiceDesk, o.RequestType = "1", "10" }} {
		s, url := site(t)
		c := connector(url, edit)
		for _, tr := range []itsm.Transition{itsm.Trigger, itsm.Acknowledge, itsm.Note, itsm.Update, itsm.Resolve} {
			in := intent(tr)
			in.Snapshot.Because = `it [~ada] {html}<b>x</b>{html} !http://evil.example/x.png! |a|b| \`
			switch tr {
			case itsm.Note:
				in.Text = "ask [~bob]\n{code}x{code}"
			case itsm.Update:
				in.Snapshot.Priority = itsm.P1
			case itsm.Resolve:
				in.Snapshot.CloseCode, in.Snapshot.CloseNote, in.Snapshot.ResolvedBy = "known_error", "restarted {code}it{code}", "console:ann"
			}
			push(t, c, in)
		}
		var b strings.Builder
		for _, w := range s.Calls() {
			fmt.Fprintf(&b, "%s %s %s\n%s", w.Method, w.Path, w.JQL, goldentest.JSON(t, w.Body))
		}
		goldentest.Same(t, name+".golden", b.String())
	}
}

func TestMisbehaviour(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status  int
		body    string
		passing bool
		say     string
	}{
		"400":         {400, `{"errors":{"issuetype":"Specify a valid issue type"}}`, false, "issue type"},
		"401":         {401, ``, false, "401"},
		"429":         {429, ``, true, "429"},
		"503 as HTML": {503, `<h1>down</h1>`, true, "503"},
		"login page":  {200, `<html>sign in`, true, "unexpected"},
		"truncated":   {200, `{"issues":[`, true, "unexpected"},
	} {
		t.Run(name, func(t *testing.T) {
			h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(c.status)
				io.WriteString(w, c.body)
			}))
			defer h.Close()
			_, err := connector(h.URL, nil).Push(t.Context(), intent(itsm.Trigger))
			if err == nil || connectors.IsPassing(err) != c.passing || !strings.Contains(err.Error(), c.say) {
				t.Errorf("got %v (passing %v), want passing %v and %q in it", err, connectors.IsPassing(err), c.passing, c.say)
			}
		})
	}
}

func TestLongTextFits(t *testing.T) {
	t.Parallel()
	s, url := site(t)
	c := connector(url, nil)
	in := intent(itsm.Trigger)
	in.Snapshot.Title, in.Snapshot.Because = strings.Repeat("データベース停止 ", 500), strings.Repeat("{", 40_000)
	push(t, c, in)
	n := intent(itsm.Note)
	n.Text = strings.Repeat("é", 40_000)
	push(t, c, n)
	if o := ours(t, s); len(o.Fields["description"]) > 32_767 || len([]rune(o.Notes[0].Text)) > 32_767 {
		t.Errorf("a description of %d bytes, a note of %d", len(o.Fields["description"]), len(o.Notes[0].Text))
	}
}

func TestVersionOfTheAPI(t *testing.T) {
	for url, want := range map[string]string{"https://acme.atlassian.net": "/rest/api/3/", "https://jira.example.com": "/rest/api/2/", "https://api.atlassian.com/ex/jira/1": "/rest/api/3/", "https://notatlassian.net": "/rest/api/2/"} {
		got := ""
		client := &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			got = r.URL.Path
			return nil, io.EOF
		})}
		c := jira.New(jira.Options{URL: url, HTTP: client})
		c.Look(t.Context(), 1, 1)
		if !strings.Contains(got, want) {
			t.Errorf("%s is called at %s, want %s", url, got, want)
		}
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
