package console

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"signalbox/itsm"
	"signalbox/itsm/partners"
)

// cannedPartners is a pager that is well, a ticket tool that refuses and differs,
// and a chat that somebody paused.
type cannedPartners struct {
	clock func() time.Time

	mu     sync.Mutex
	paused map[string]itsm.ConnectorState // guarded by mu
}

func newCannedPartners(clock func() time.Time) *cannedPartners {
	return &cannedPartners{clock: clock, paused: map[string]itsm.ConnectorState{
		"chat": {Name: "chat", Paused: true, By: "console:mira", At: itsm.TimeOf(clock().Add(-3 * time.Hour)), Reason: "the channel moves to another workspace"}}}
}

// Connectors implements partners.Board.
func (c *cannedPartners) Connectors() []partners.Connector {
	ago := func(d time.Duration) itsm.Time { return itsm.TimeOf(c.clock().Add(-d)) }
	list := []partners.Connector{
		{Name: "chat", Kind: "slack", State: partners.Ok, SentAt: ago(3 * time.Hour), PerMinute: 50},
		{Name: "jira", Kind: "jira", State: partners.Retrying, SentAt: ago(41 * time.Minute), FailedAt: ago(40 * time.Second), LastError: "partner answered 503: Service Temporarily Unavailable",
			Failures: 7, OpenUntil: itsm.TimeOf(c.clock().Add(80 * time.Second)), PerMinute: 60, Checks: true,
			Limit: partners.Limit{Limit: 350, Remaining: 12, ResetAt: itsm.TimeOf(c.clock().Add(time.Minute)), At: ago(40 * time.Second)},
			Sweep: partners.Sweep{Possible: true, Every: 5 * time.Minute, BeganAt: ago(6 * time.Minute), EndedAt: ago(5 * time.Minute), Compared: 118, Differed: 2, Differs: 1},
			Drift: partners.Drift{Found: 31, Adopted: 9, Repaired: 22}},
		{Name: "pagerduty", Kind: "pagerduty", State: partners.Ok, SentAt: ago(20 * time.Second), PerMinute: 100, Checks: true, Held: 3,
			Sweep: partners.Sweep{Possible: true, Every: 5 * time.Minute, BeganAt: ago(3 * time.Minute), EndedAt: ago(2 * time.Minute), Compared: 96}},
		{Name: "servicenow", Kind: "servicenow", State: partners.Ok, SentAt: ago(2 * time.Hour), PerMinute: 60, Checks: true,
			Sweep: partners.Sweep{Possible: true, Every: 5 * time.Minute, BeganAt: ago(5 * time.Minute), EndedAt: ago(4 * time.Minute), Compared: 3, Differed: 1, Differs: 1}},
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for n := range list {
		if p := c.paused[list[n].Name]; p.Paused {
			list[n].State, list[n].Pause = partners.Paused, p
		}
	}
	return list
}

// Sync implements partners.Board.
func (c *cannedPartners) Sync(n itsm.IncidentNumber) ([]partners.Row, bool) {
	ago := func(d time.Duration) itsm.Time { return itsm.TimeOf(c.clock().Add(-d)) }
	if n != 4 {
		return nil, true
	}
	want := itsm.PartnerRecord{Status: itsm.RecordOpen, Priority: itsm.P1, Group: "Databases"}
	theirs := itsm.PartnerRecord{Status: itsm.RecordOpen, Knows: itsm.SyncAssignee | itsm.SyncPriority, Priority: itsm.P3, By: "Automation for Jira", Automatic: true}
	pager := itsm.PartnerRecord{Status: itsm.RecordOpen}
	return []partners.Row{
		{Connector: "chat", Kind: "slack", Told: true, Want: want, At: ago(3 * time.Hour), ToldAt: ago(3 * time.Hour), Waiting: 2},
		{Connector: "jira", Kind: "jira", Told: true, Want: want, Has: &theirs, SeenAt: ago(5 * time.Minute), At: ago(41 * time.Minute), ToldAt: ago(41 * time.Minute),
			Link:    itsm.ExternalRef{Connector: "jira", ID: "OPS-431", URL: "https://jira.example.org/browse/OPS-431"},
			Differs: []itsm.Difference{{Field: itsm.AuthorityPriority, Has: "P3", Want: "P1"}}, Repairs: 2, RepairAt: itsm.TimeOf(c.clock().Add(3 * time.Minute))},
		{Connector: "pagerduty", Kind: "pagerduty", Told: true, Want: want, Has: &pager, SeenAt: ago(2 * time.Minute), At: ago(20 * time.Second), ToldAt: ago(9 * time.Minute),
			Link: itsm.ExternalRef{Connector: "pagerduty", ID: "Q2X7KD", URL: "https://example.pagerduty.com/incidents/Q2X7KD"}},
	}, true
}

// SyncObject implements partners.Board.
func (c *cannedPartners) SyncObject(id string) []partners.Row {
	ago := func(d time.Duration) itsm.Time { return itsm.TimeOf(c.clock().Add(-d)) }
	switch id {
	case "PRB0000003":
		has := itsm.PartnerRecord{Status: itsm.RecordOpen, By: "jo.field"}
		return []partners.Row{{Connector: "servicenow", Kind: "servicenow", Told: true, Has: &has, SeenAt: ago(4 * time.Minute), At: ago(2 * time.Hour), ToldAt: ago(2 * time.Hour),
			Link:    itsm.ExternalRef{Connector: "servicenow", ID: "PRB0040117", URL: "https://example.service-now.com/problem.do?sys_id=1"},
			Differs: []itsm.Difference{{Field: itsm.AuthorityRecordText, Has: `short_description "disk trouble"`, Want: `short_description "Disks of db-orders-1 fill up"`}}, Repairs: 1, RepairAt: itsm.TimeOf(c.clock().Add(9 * time.Minute))}}
	case "CHG0000001":
		has := itsm.PartnerRecord{Status: itsm.RecordResolved}
		return []partners.Row{{Connector: "servicenow", Kind: "servicenow", Told: true, Has: &has, SeenAt: ago(4 * time.Minute), At: ago(40 * time.Minute),
			Link: itsm.ExternalRef{Connector: "servicenow", ID: "CHG0030201", URL: "https://example.service-now.com/change_request.do?sys_id=2"}}}
	}
	return nil
}

// Pause implements partners.Board.
func (c *cannedPartners) Pause(_ context.Context, name, reason, actor string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.paused[name] = itsm.ConnectorState{Name: name, Paused: true, By: actor, At: itsm.TimeOf(c.clock()), Reason: reason}
	return nil
}

// Resume implements partners.Board.
func (c *cannedPartners) Resume(_ context.Context, name, _ string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.paused, name)
	return nil
}

// Test implements partners.Board.
func (c *cannedPartners) Test(_ context.Context, name string, checkOnly bool, _ string) ([]partners.Step, error) {
	steps := []partners.Step{{Name: "check", Ok: true, Detail: "as signalbox@example.org, 12 services", Took: 310 * time.Millisecond}}
	if checkOnly {
		return steps, nil
	}
	if name == "jira" {
		return append(steps, partners.Step{Name: "open", Detail: "partner answered 503: Service Temporarily Unavailable", Took: 2 * time.Second}), nil
	}
	return append(steps, partners.Step{Name: "open", Ok: true, Detail: "taken as Q9T3ST", Took: 420 * time.Millisecond}, partners.Step{Name: "look", Ok: true, Detail: "it is open there", Took: time.Second},
		partners.Step{Name: "resolve", Ok: true, Detail: "taken", Took: 250 * time.Millisecond}), nil
}

// RetryDeadLetter implements partners.Board.
func (c *cannedPartners) RetryDeadLetter(context.Context, string, string, string) error { return nil }

// outboxes are what waits and what was given up.
func (s *script) outboxes() {
	intent := func(key, connector string, n itsm.IncidentNumber, tr itsm.Transition, ago time.Duration, text string) {
		s.off++
		s.out = append(s.out, itsm.Decision{Kind: itsm.PutIntent, Intent: &itsm.Intent{Key: key, Connector: connector, Incident: n, Epoch: 1, Transition: tr, At: s.ago(ago), Offset: s.off,
			Serial: uint32(s.off), Actor: "signalbox", Text: text}})
	}
	intent("0f3a9c", "pagerduty", 2, itsm.Note, 27*time.Hour, "certificate renewed by hand")
	intent("1b77d0", "jira", 4, itsm.Update, 41*time.Minute, "priority P1, was P2: a tier-1 service is affected")
	intent("2c40aa", "jira", 7, itsm.Trigger, 12*time.Minute, "one CI of unknown tier")
	intent("3d91be", "chat", 4, itsm.Trigger, 9*time.Minute, "")
	s.out = append(s.out, itsm.Decision{Kind: itsm.SettleIntent, Settled: &itsm.Settlement{Connector: "pagerduty", Key: "0f3a9c", At: s.ago(27 * time.Hour),
		Failure: "partner refused with 400: {\"error\":{\"message\":\"Invalid Input Provided\",\"code\":2001,\"errors\":[\"Requester User Not Found\"]}}"}})
}

// cannedKeeper keeps a document and secrets in memory.
type cannedKeeper struct {
	mu      sync.Mutex
	text    string
	secrets map[string]bool
}

func newCannedKeeper() *cannedKeeper {
	return &cannedKeeper{text: "connectors:\n  chat:\n    kind: slack\n    api_token: stored:slack_bot\n    channel: C0123456789\n", secrets: map[string]bool{"slack_bot": true, "old_pager": false}}
}

func (k *cannedKeeper) Kept() (partners.Kept, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	out := partners.Kept{Text: k.text, Version: strconv.Itoa(len(k.text)), InFile: []string{"jira", "pagerduty"}, MayCall: []string{"10.20.0.0/16", ".corp.example"}, Pending: true}
	for _, n := range slices.Sorted(maps.Keys(k.secrets)) {
		out.Secrets = append(out.Secrets, partners.Secret{Name: n, Used: k.secrets[n]})
	}
	return out, nil
}

func (k *cannedKeeper) CheckKept(text string) []string {
	if strings.Contains(text, "kind: slakc") {
		return []string{`line 3: connectors.chat.kind: "slakc": expected one of alertmanager, datadog, email, jira, slack, webhook`}
	}
	return nil
}

func (k *cannedKeeper) SaveKept(_ context.Context, text, version string, _ partners.Admin) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if version != strconv.Itoa(len(k.text)) {
		return itsm.Errorf(itsm.Stale, "somebody saved connectors since this page was opened; open it again and repeat your change")
	}
	if p := k.CheckKept(text); p != nil {
		return itsm.Errorf(itsm.Invalid, "%s", strings.Join(p, "\n"))
	}
	k.text = text
	return nil
}

func (k *cannedKeeper) SaveSecret(_ context.Context, name, value string, _ partners.Admin) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	used := k.secrets[name]
	switch {
	case value != "":
		k.secrets[name] = used
	case used:
		return itsm.Errorf(itsm.Conflict, "secret %q is used by a connector; take stored:%s out of it first", name, name)
	default:
		delete(k.secrets, name)
	}
	return nil
}

func (*cannedKeeper) Restart(context.Context, partners.Admin) error { return nil }

func (*cannedKeeper) Examples() []partners.Example {
	return []partners.Example{{Kind: "email", Text: "  mail:\n    kind: email\n    smtp: smtp.example.com:587\n    basic: stored:smtp\n    from: signalbox@example.com\n    to: [noc@example.com]\n"}, {Kind: "slack", Text: "  chat:\n    kind: slack\n"}}
}
