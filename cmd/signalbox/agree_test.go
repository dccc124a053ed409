package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"signalbox/connectors/connectortest"
	"signalbox/connectors/jira/jiratest"
	"signalbox/connectors/pagerduty/pagerdutytest"
	"signalbox/connectors/slack/slacktest"
	"signalbox/connectors/webhook"
	source "signalbox/ingest/source/slack"
)

// tools are the fakes of a team that works with four of them: a pager, a ticket
// system, a chat, and one that speaks by webhooks only.
type tools struct {
	t     *testing.T
	s     *server
	pager *connectortest.Partner
	desk  *connectortest.Partner
	chat  *slacktest.Server
	own   *ownTool

	mu     sync.Mutex
	writes map[string][]string // calls that change something, by tool
}

const toolSecret = "s3cret"

// sign is a signature in the form of both PagerDuty and Jira.
func sign(prefix string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(toolSecret))
	mac.Write(body)
	return prefix + "=" + hex.EncodeToString(mac.Sum(nil))
}

// withTools starts a server with all of them. Webhooks of the pager and the ticket
// system arrive only when they are heard.
func withTools(t *testing.T, heard bool) *tools {
	t.Helper()
	c := &tools{t: t, pager: connectortest.NewPartner(), desk: connectortest.NewPartner(), chat: slacktest.New(t), own: &ownTool{standing: map[string]string{}}, writes: map[string][]string{}}
	serves := func(name string, h http.Handler) string {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodGet {
				c.mu.Lock()
				c.writes[name] = append(c.writes[name], r.Method+" "+r.URL.Path)
				c.mu.Unlock()
			}
			h.ServeHTTP(w, r)
		}))
		t.Cleanup(s.Close)
		return s.URL
	}
	pager, desk, own := serves("pager", pagerdutytest.Front(c.pager)), serves("desk", jiratest.Front(c.desk)), serves("own", c.own)
	c.s = prepare(t, t.TempDir(), quick+fmt.Sprintf(`
connectors:
  pager: {kind: pagerduty, routing_key: env:T_KEY, api_token: env:T_TOKEN, from: %s, events_url: '%s', api_url: '%s', webhook_secrets: [env:T_SECRET], sweep_every: 1s, per_minute: 6000}
  desk: {kind: jira, basic: env:T_BASIC, project: OPS, own_users: ['%s'], api_url: '%s', webhook_secrets: [env:T_SECRET], sweep_every: 1s, per_minute: 6000}
  chat: {kind: slack, api_token: env:T_CHAT, channel: %s, api_url: '%s', webhook_secrets: [env:T_CHAT_SECRET], sweep_every: 1s, per_minute: 6000}
  own: {kind: webhook, url: '%s/in', webhook_secrets: [env:T_OWN], per_minute: 6000}
`, pagerdutytest.FrontFrom, pager, pager, jiratest.AccountID, desk, c.chat.Channel, c.chat.URL, own))
	c.s.env = append(c.s.env, "T_KEY="+pagerdutytest.FrontKey, "T_TOKEN="+pagerdutytest.FrontToken, "T_SECRET="+toolSecret, "T_BASIC="+jiratest.User+":"+jiratest.Password,
		"T_CHAT="+c.chat.Token, "T_CHAT_SECRET="+c.chat.Secret, "T_OWN=whsec_"+base64.StdEncoding.EncodeToString([]byte(ownKey)))
	c.s.run()
	c.chat.WebhooksTo(c.s.url + "/webhooks/chat")
	if heard {
		partnerSays(t, c.pager, c.s.url+"/webhooks/pager", pagerdutytest.Report, func(r *http.Request, b []byte) { r.Header.Set("X-PagerDuty-Signature", sign("v1", b)) })
		partnerSays(t, c.desk, c.s.url+"/webhooks/desk", jiratest.Report, func(r *http.Request, b []byte) { r.Header.Set("X-Hub-Signature", sign("sha256", b)) })
	}
	return c
}

// ownTool is what somebody wrote who takes our webhooks and sends some.
type ownTool struct {
	mu       sync.Mutex
	standing map[string]string // last transition but updates, by service

}

const ownKey = "what-an-own-tool-signs-with-0123456789"

func (o *ownTool) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b, err := io.ReadAll(r.Body)
	var e struct {
		Type string
		Data struct {
			Key      string
			Incident struct{ Number, Title string }
		}
	}
	if err != nil || json.Unmarshal(b, &e) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if e.Type != "incident.update" {
		service, _, _ := strings.Cut(e.Data.Incident.Title, " ")
		o.standing[service] = strings.TrimPrefix(e.Type, "incident.")
	}
	fmt.Fprintf(w, `{"id":"%s"}`, e.Data.Incident.Number)
}

func (o *ownTool) stands(service string) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.standing[service]
}

// record is a tool's record of a service; empty without exactly one.
func record(p *connectortest.Partner, service string) connectortest.Object {
	if all := p.Titled(service); len(all) == 1 {
		return all[0]
	}
	return connectortest.Object{}
}

func (c *tools) message(service string) (found slacktest.Message) {
	for _, m := range c.chat.Messages() {
		if strings.Contains(fmt.Sprint(m.Blocks), service+" is failing") {
			found = m
		}
	}
	return found
}

func (c *tools) chatShows(service, text string) bool {
	return strings.Contains(fmt.Sprint(c.message(service).Blocks), text)
}

// fires lets services fail, and waits until every tool has each.
func (c *tools) fires(services ...string) {
	c.t.Helper()
	for _, service := range services {
		c.s.do(http.MethodPost, "/webhooks/generic", event("firing", service), nil)
	}
	eventually(c.t, "every tool has every incident", func() bool {
		for _, service := range services {
			if record(c.pager, service).ID == "" || record(c.desk, service).ID == "" || c.message(service).TS == "" || c.own.stands(service) != "trigger" || len(c.incident(service).Links) != 4 {
				return false
			}
		}
		return true
	})
}

// incident is ours of a service.
func (c *tools) incident(service string) incident {
	c.t.Helper()
	for _, in := range c.s.incidents() {
		if strings.HasPrefix(in.Title, service+" ") {
			return in
		}
	}
	return incident{}
}

// counts is how often each tool was written to.
func (c *tools) counts() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := map[string]int{"chat": len(c.chat.Calls("chat.postMessage")) + len(c.chat.Calls("chat.update"))}
	for k, calls := range c.writes {
		out[k] = len(calls)
	}
	return out
}

// TestSweepHealsLostWebhooks: what people do at a tool whose webhooks are lost is
// here by the next sweep, in their name, and in every other tool.
func TestSweepHealsLostWebhooks(t *testing.T) {
	t.Parallel()
	c := withTools(t, false)
	c.fires("checkout", "billing")
	triggers := c.counts()
	c.pager.Edit("Jane", record(c.pager, "checkout").ID, func(o *connectortest.Object) { o.Status = connectortest.Acknowledged })
	c.desk.Edit("Ada", record(c.desk, "billing").ID, func(o *connectortest.Object) { o.Status = connectortest.Acknowledged })
	eventually(t, "the acknowledgements are everywhere", func() bool {
		return record(c.desk, "checkout").Status == connectortest.Acknowledged && c.chatShows("checkout", "acknowledged by") && c.own.stands("checkout") == "acknowledge" &&
			record(c.pager, "billing").Status == connectortest.Acknowledged && c.chatShows("billing", "acknowledged by") && c.own.stands("billing") == "acknowledge"
	})
	c.pager.Edit("Jane", record(c.pager, "billing").ID, func(o *connectortest.Object) { o.Status = connectortest.Resolved })
	c.desk.Edit("Ada", record(c.desk, "checkout").ID, func(o *connectortest.Object) { o.Status = connectortest.Resolved })
	eventually(t, "the ends are everywhere", func() bool {
		return record(c.desk, "billing").Status == connectortest.Resolved && c.own.stands("billing") == "resolve" &&
			record(c.pager, "checkout").Status == connectortest.Resolved && c.own.stands("checkout") == "resolve"
	})
	for service, by := range map[string]string{"checkout": "pager", "billing": "desk"} {
		in := c.incident(service)
		if in.State != "resolved" || in.AcknowledgedBy == nil || !strings.HasPrefix(*in.AcknowledgedBy, by) || in.ResolvedBy == nil || strings.HasPrefix(*in.ResolvedBy, by) {
			t.Errorf("%s is %s, acknowledged by %s, expected of %s, and resolved by %s, expected of the other", service, in.State, word(in.AcknowledgedBy), by, word(in.ResolvedBy))
		}
	}
	c.quiet()
	c.bounded(triggers, map[string]int{"pager": 2, "own": 4, "desk": 3, "chat": 4}) // the end there has a comment
}

func word(s *string) string {
	if s == nil {
		return "nobody"
	}
	return *s
}

// quiet waits until nothing was written for two sweeps, which a loop never comes to.
func (c *tools) quiet() {
	c.t.Helper()
	eventually(c.t, "nothing is written any more", func() bool {
		before := c.counts()
		time.Sleep(2200 * time.Millisecond)
		return fmt.Sprint(c.counts()) == fmt.Sprint(before)
	})
}

// bounded holds that no tool was written to more often than most.
func (c *tools) bounded(since, most map[string]int) {
	c.t.Helper()
	for tool, n := range c.counts() {
		if n -= since[tool]; n > most[tool] {
			c.t.Errorf("%s was written to %d times, expected at most %d: %v", tool, n, most[tool], c.writes[tool])
		}
	}
}

// TestAcknowledgedOnceIsSoEverywhere: an acknowledgement in any one tool is in all
// the others, told to each of them once, and not to where it came from.
func TestAcknowledgedOnceIsSoEverywhere(t *testing.T) {
	t.Parallel()
	c := withTools(t, true)
	services := []string{"checkout", "billing", "search", "mail"}
	c.fires(services...)
	triggers := c.counts()
	c.pager.Edit("Jane", record(c.pager, "checkout").ID, func(o *connectortest.Object) { o.Status = connectortest.Acknowledged })
	c.desk.Edit("Ada", record(c.desk, "billing").ID, func(o *connectortest.Object) { o.Status = connectortest.Acknowledged })
	if status, said := c.chat.Press(t, "bob", c.message("search").TS, source.ActionAcknowledge); status != http.StatusOK || said != "" {
		t.Fatalf("the button was answered %d %q", status, said)
	}
	c.ownSays(c.incident("mail").Number, "eve")
	eventually(t, "all four are everywhere", func() bool {
		for _, service := range services {
			if record(c.pager, service).Status != connectortest.Acknowledged || record(c.desk, service).Status != connectortest.Acknowledged ||
				!c.chatShows(service, "acknowledged by") || service != "mail" && c.own.stands(service) != "acknowledge" {
				return false
			}
		}
		return true
	})
	c.quiet()
	for service, by := range map[string]string{"checkout": "pagerduty:Jane", "billing": "jira:Ada", "search": "slack:bob", "mail": "webhook:eve"} {
		if in := c.incident(service); word(in.AcknowledgedBy) != by {
			t.Errorf("%s was acknowledged by %s, expected %s", service, word(in.AcknowledgedBy), by)
		}
	}
	if c.own.stands("mail") != "trigger" {
		t.Errorf("the tool that acknowledged was told %s", c.own.stands("mail"))
	}
	c.bounded(triggers, map[string]int{"pager": 3, "own": 3, "desk": 3, "chat": 4}) // the chat draws its own message again, too
}

// ownSays acknowledges an incident by a signed webhook.
func (c *tools) ownSays(number, who string) {
	c.t.Helper()
	body, stamp := fmt.Sprintf(`{"type":"incident.acknowledge","data":{"incident":"signalbox/%s/1","actor":%q}}`, number, who), fmt.Sprint(time.Now().Unix())
	req, err := http.NewRequestWithContext(c.t.Context(), http.MethodPost, c.s.url+"/webhooks/own", strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("webhook-id", "m1")
	req.Header.Set("webhook-timestamp", stamp)
	req.Header.Set("webhook-signature", webhook.Sign([][]byte{[]byte(ownKey)}, "m1", stamp, []byte(body)))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusAccepted {
		c.t.Fatalf("the webhook was answered %d", resp.StatusCode)
	}
}
