package slack_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"signalbox/connectors"
	"signalbox/connectors/goldentest"
	"signalbox/connectors/slack"
	"signalbox/connectors/slack/slacktest"
	source "signalbox/ingest/source/slack"
	"signalbox/itsm"
)

// connector speaks to the fake without a network, so that time is virtual.
func connector(s *slacktest.Server, o slack.Options) *slack.Connector {
	o.Name, o.Token, o.Channel, o.APIURL = "chat", s.Token, s.Channel, "https://slack.example.com/api"
	o.ExternalURL, o.HTTP = "https://signalbox.example.com/", &http.Client{Transport: s}
	return slack.New(o)
}

func intent(tr itsm.Transition, serial int) itsm.Intent {
	state := map[itsm.Transition]itsm.State{itsm.Acknowledge: itsm.InProgress, itsm.Resolve: itsm.IncidentResolved}[tr]
	if state == 0 {
		state = itsm.New
	}
	return itsm.Intent{Key: fmt.Sprintf("k-%s-%d", tr, serial), Connector: "chat", Incident: 7, Epoch: 1, Transition: tr, At: itsm.TimeOf(time.Now()), Actor: "console:admin", Text: "because",
		Snapshot: itsm.IncidentSnapshot{Title: "orders is failing", Priority: itsm.P1, Severity: itsm.Critical, State: state, CIs: []string{"db-1"}, Services: []string{"orders"}, Cause: "db-1",
			Because: "3 of 3 alerting CIs depend on db-1", Alerts: 3, Firing: 3, Group: "dba", OpenedAt: itsm.TimeOf(time.Now())}}
}

func push(t *testing.T, c *slack.Connector, in itsm.Intent) connectors.Receipt {
	t.Helper()
	time.Sleep(time.Millisecond) // an intent is never made in the moment the process begins
	in.At = itsm.TimeOf(time.Now())
	r, err := c.Push(t.Context(), in)
	if err != nil {
		t.Fatalf("%s: %v", in.Transition, err)
	}
	return r
}

func TestOneMessageAnIncident(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := slacktest.Unstarted(t)
		c := connector(s, slack.Options{Interactive: true})
		r := push(t, c, intent(itsm.Trigger, 1))
		first := s.Messages()[0]
		if want := source.Place(s.Channel, first.TS); r.Link == nil || r.Link.ID != want || r.Link.URL != "https://acme.slack.com/archives/C0INCIDENTS/p"+strings.Replace(first.TS, ".", "", 1) {
			t.Fatalf("link %+v, want %s", r.Link, want)
		}
		for n, tr := range []itsm.Transition{itsm.Trigger, itsm.Update, itsm.Acknowledge, itsm.Note, itsm.Resolve, itsm.Resolve} {
			push(t, c, intent(tr, n))
		}
		again := intent(itsm.Trigger, 9)
		again.Epoch = 2
		push(t, c, again)
		ms := s.Messages()
		if len(ms) != 1 || ms[0].TS != first.TS || ms[0].Edits != 6 {
			t.Fatalf("%d messages, the first edited %d times; want 1 and 6", len(ms), ms[0].Edits)
		}
		replies := s.Replies(first.TS)
		if len(replies) != 2 || replies[0].Text != "console:admin: because" || replies[1].Text != "Open again: because" {
			t.Errorf("replies %+v", replies)
		}
	})
}

// TestGolden holds the bodies that Slack gets, one file a transition.
func TestGolden(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := slacktest.Unstarted(t)
		c := connector(s, slack.Options{Interactive: true})
		for n, tr := range []itsm.Transition{itsm.Trigger, itsm.Acknowledge, itsm.Note, itsm.Resolve} {
			push(t, c, intent(tr, n))
			calls := s.Calls("")
			for calls[len(calls)-1].Body == nil {
				calls = calls[:len(calls)-1]
			}
			goldentest.Same(t, string(tr)+".json", goldentest.JSON(t, calls[len(calls)-1].Body))
		}
	})
}

// TestLostAnswer: a post whose answer was lost is found again, not repeated, even
// when Slack shows it late.
func TestLostAnswer(t *testing.T) {
	for _, arrived := range []bool{true, false} {
		t.Run(fmt.Sprintf("arrived %v", arrived), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := slacktest.Unstarted(t)
				s.Lag = 30 * time.Second
				c := connector(s, slack.Options{})
				posts := 0
				s.Before = func(w http.ResponseWriter, c slacktest.Call) (answered, reached bool) {
					if c.Method != "chat.postMessage" {
						return false, true
					}
					if posts++; posts > 1 {
						return false, true
					}
					w.WriteHeader(http.StatusBadGateway)
					return true, arrived
				}
				time.Sleep(time.Second)
				in := intent(itsm.Trigger, 1)
				for tries := 0; ; tries++ {
					r, err := c.Push(t.Context(), in)
					if err == nil {
						if r.Link == nil {
							t.Error("no link")
						}
						break
					}
					if !connectors.IsPassing(err) || tries > 100 {
						t.Fatalf("try %d: %v", tries, err)
					}
					time.Sleep(5 * time.Second)
				}
				if n := len(s.Messages()); n != 1 {
					t.Errorf("%d messages, want 1", n)
				}
			})
		})
	}
}

// TestCrash: a process that died between a post and its receipt is followed by one
// that finds the message, and the reply.
func TestCrash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := slacktest.Unstarted(t)
		in, note := intent(itsm.Trigger, 1), intent(itsm.Note, 2)
		time.Sleep(time.Second)
		first := connector(s, slack.Options{IndexLag: time.Millisecond})
		time.Sleep(time.Second)
		in.At, note.At = itsm.TimeOf(time.Now()), itsm.TimeOf(time.Now())
		for _, x := range []itsm.Intent{in, note} {
			if _, err := first.Push(t.Context(), x); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Minute)
		next := connector(s, slack.Options{IndexLag: time.Millisecond})
		for _, x := range []itsm.Intent{in, note} {
			if _, err := next.Push(t.Context(), x); err != nil {
				t.Fatal(err)
			}
		}
		ms := s.Messages()
		if len(ms) != 1 || len(s.Replies(ms[0].TS)) != 1 {
			t.Errorf("%d messages, replies %v; want one each", len(ms), s.Replies(ms[0].TS))
		}
	})
}

// TestLinksAreUsed: after a restart the recorded link says where the message is.
func TestLinksAreUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := slacktest.Unstarted(t)
		r := push(t, connector(s, slack.Options{}), intent(itsm.Trigger, 1))
		in := intent(itsm.Resolve, 2)
		in.Snapshot.Links = []itsm.ExternalRef{{Connector: "pd", ID: "Q1"}, {Connector: "chat", ID: "C0OTHER:1.0"}, *r.Link}
		push(t, connector(s, slack.Options{}), in)
		if ms := s.Messages(); len(ms) != 1 || ms[0].Edits != 1 || len(s.Calls("conversations.history")) != 0 {
			t.Errorf("%d messages, %d looks; want the linked one changed without a look", len(ms), len(s.Calls("conversations.history")))
		}
	})
}

func TestDeletedMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := slacktest.Unstarted(t)
		c := connector(s, slack.Options{})
		push(t, c, intent(itsm.Trigger, 1))
		s.Delete(s.Messages()[0].TS)
		push(t, c, intent(itsm.Acknowledge, 2)) // is shown anew
		if n := len(s.Messages()); n != 1 {
			t.Fatalf("%d messages, want a new one", n)
		}
		s.Delete(s.Messages()[0].TS)
		push(t, c, intent(itsm.Resolve, 3)) // nobody misses it
		if n := len(s.Messages()); n != 0 {
			t.Errorf("%d messages about something resolved", n)
		}
		if _, err := c.Push(t.Context(), intent(itsm.Note, 4)); err == nil || connectors.IsPassing(err) {
			t.Errorf("a note without a message: %v, want a dead letter", err)
		}
	})
}

func TestRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		status  int
		header  map[string]string
		body    string
		passing bool
		after   time.Duration
		say     string
	}{
		"ratelimited":          {429, map[string]string{"Retry-After": "30"}, `{"ok":false,"error":"ratelimited"}`, true, 30 * time.Second, "429"},
		"ratelimited with 200": {200, map[string]string{"Retry-After": "7"}, `{"ok":false,"error":"ratelimited"}`, true, 7 * time.Second, "ratelimited"},
		"internal_error":       {200, nil, `{"ok":false,"error":"internal_error"}`, true, 0, "internal_error"},
		"channel_not_found":    {200, nil, `{"ok":false,"error":"channel_not_found"}`, false, 0, "channel"},
		"not_in_channel":       {200, nil, `{"ok":false,"error":"not_in_channel"}`, false, 0, "invite the app"},
		"is_archived":          {200, nil, `{"ok":false,"error":"is_archived"}`, false, 0, "archived"},
		"invalid_auth":         {200, nil, `{"ok":false,"error":"invalid_auth"}`, false, 0, "api_token"},
		"missing_scope":        {200, nil, `{"ok":false,"error":"missing_scope","needed":"chat:write"}`, false, 0, "chat:write"},
		"invalid_blocks":       {200, nil, `{"ok":false,"error":"invalid_blocks","response_metadata":{"messages":["[ERROR] no more than 50 items allowed"]}}`, false, 0, "no more than 50"},
		"a proxy's page":       {200, nil, `<form>sign in</form>`, true, 0, "unexpected"},
		"nothing":              {200, nil, ``, true, 0, "unexpected"},
		"500":                  {500, nil, `oops`, true, 0, "500"},
		"404":                  {404, nil, `no`, false, 0, "404"},
		"redirect":             {302, map[string]string{"Location": "/x"}, ``, false, 0, "302"},
	} {
		t.Run(name, func(t *testing.T) {
			s := slacktest.Unstarted(t)
			s.Before = func(w http.ResponseWriter, _ slacktest.Call) (answered, reached bool) {
				for k, v := range c.header {
					w.Header().Set(k, v)
				}
				w.WriteHeader(c.status)
				fmt.Fprint(w, c.body)
				return true, false
			}
			o := slack.Options{Name: "chat", Token: s.Token, Channel: s.Channel, HTTP: &http.Client{Transport: s, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
			conn := slack.New(o)
			in := intent(itsm.Trigger, 1)
			in.At = itsm.TimeOf(time.Now().Add(time.Second))
			_, err := conn.Push(t.Context(), in)
			if err == nil || connectors.IsPassing(err) != c.passing || !strings.Contains(err.Error(), c.say) {
				t.Fatalf("got %v (passing %v), want passing %v and %q in it", err, connectors.IsPassing(err), c.passing, c.say)
			}
			if got := connectors.AskedWait(err); got != c.after {
				t.Errorf("asked to wait %v, want %v", got, c.after)
			}
		})
	}
}

// TestChannelPace: no more than a message a second, whatever waits.
func TestChannelPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := slacktest.Unstarted(t)
		c := connector(s, slack.Options{})
		time.Sleep(time.Second)
		done := make(chan error)
		for n := range 10 {
			in := intent(itsm.Trigger, n)
			in.Incident = itsm.IncidentNumber(100 + n)
			go func() { _, err := c.Push(t.Context(), in); done <- err }()
		}
		for range 10 {
			if err := <-done; err != nil {
				t.Fatal(err)
			}
		}
		var last time.Time
		for _, c := range s.Calls("chat.postMessage") {
			if gap := c.At.Sub(last); gap < time.Second {
				t.Errorf("two posts %v apart", gap)
			}
			last = c.At
		}
	})
}

// TestLargeAndLoud: an incident of 50,000 alerts with hostile names fits, and its
// text notifies nobody; the fake holds both against every message.
func TestLargeAndLoud(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := slacktest.Unstarted(t)
		c := connector(s, slack.Options{Interactive: true})
		in := intent(itsm.Trigger, 1)
		loud := "<!channel> <!here|@here> @channel @everyone <@U123> <https://evil.example|click> *b* `c` ${x} \x00\x1b[31m & "
		in.Snapshot.Title = strings.Repeat(loud+"データベース停止 ", 200)
		in.Snapshot.Because, in.Text, in.Snapshot.Cause, in.Snapshot.Group = strings.Repeat(loud, 1000), strings.Repeat(loud, 2000), strings.Repeat(loud, 500), loud
		in.Snapshot.Alerts, in.Snapshot.Firing = 50_000, 49_999
		in.Snapshot.CIs, in.Snapshot.Services = nil, nil
		for n := range itsm.IntentCIsMax {
			in.Snapshot.CIs = append(in.Snapshot.CIs, strings.Repeat(loud, 10)+fmt.Sprint(n))
			in.Snapshot.Services = append(in.Snapshot.Services, strings.Repeat(loud, 10)+fmt.Sprint(n))
		}
		for n, tr := range []itsm.Transition{itsm.Trigger, itsm.Update, itsm.Acknowledge, itsm.Note, itsm.Resolve} {
			in.Transition, in.Key = tr, fmt.Sprint("k", n)
			push(t, c, in)
		}
		in.Snapshot = itsm.IncidentSnapshot{}
		in.Transition, in.Text, in.Actor = itsm.Update, "", ""
		push(t, c, in) // and one that says nothing
		if ms := s.Messages(); len(ms) != 1 {
			t.Errorf("%d messages", len(ms))
		}
	})
}

func TestCheck(t *testing.T) {
	s := slacktest.Unstarted(t)
	said, err := connector(s, slack.Options{}).Check(t.Context())
	if want := "signed in to Acme as signalbox; reads channel C0INCIDENTS"; err != nil || said != want {
		t.Errorf("%q, %v; want %q", said, err, want)
	}
	s.Token = "another"
	if said, err := slack.New(slack.Options{Name: "chat", Token: "wrong", Channel: s.Channel, HTTP: &http.Client{Transport: s}}).Check(t.Context()); err == nil || !strings.Contains(err.Error(), "api_token") {
		t.Errorf("with a wrong token: %q, %v", said, err)
	}
}

func TestLookAndIncidentOf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := slacktest.Unstarted(t)
		c := connector(s, slack.Options{})
		if r, err := c.Look(t.Context(), 7, 1); err != nil || r.Status != connectors.RecordNone {
			t.Errorf("before: %+v, %v", r, err)
		}
		r := push(t, c, intent(itsm.Trigger, 1))
		for n, step := range []struct {
			tr   itsm.Transition
			want connectors.RecordStatus
		}{{itsm.Update, connectors.RecordOpen}, {itsm.Acknowledge, connectors.RecordAcknowledged}, {itsm.Resolve, connectors.RecordResolved}} {
			push(t, c, intent(step.tr, n))
			if got, err := c.Look(t.Context(), 7, 1); err != nil || got.Status != step.want || got.Link.ID != r.Link.ID {
				t.Errorf("after %s: %+v, %v, want %d", step.tr, got, err, step.want)
			}
		}
		if got, err := c.Look(t.Context(), 7, 2); err != nil || got.Status != connectors.RecordNone {
			t.Errorf("another epoch: %+v, %v", got, err)
		}
		if n, epoch, err := c.IncidentOf(t.Context(), r.Link.ID); err != nil || n != 7 || epoch != 1 {
			t.Errorf("incident of %s: %s/%d, %v", r.Link.ID, n, epoch, err)
		}
		for _, id := range []string{"", "x", "C0OTHER:1.0", s.Channel + ":1.000000"} {
			if _, _, err := c.IncidentOf(t.Context(), id); itsm.CodeOf(err) != itsm.NotFound {
				t.Errorf("incident of %q: %v", id, err)
			}
		}
	})
}
