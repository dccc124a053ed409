package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"signalbox/connectors/slack/slacktest"
	source "signalbox/ingest/source/slack"
)

// TestSlackBothWays: an incident is one message in the channel; people press its
// buttons and write in its thread, and it shows what came of that.
func TestSlackBothWays(t *testing.T) {
	t.Parallel()
	chat := slacktest.New(t)
	s := prepare(t, t.TempDir(), quick+fmt.Sprintf(`
connectors:
  incidents: {kind: slack, api_token: env:SLACK_TOKEN, channel: %s, api_url: '%s', webhook_secrets: [env:SLACK_SECRET]}
`, chat.Channel, chat.URL))
	s.env = append(s.env, "SLACK_TOKEN="+chat.Token, "SLACK_SECRET="+chat.Secret)
	s.run()
	chat.WebhooksTo(s.url + "/webhooks/slack")
	s.do(http.MethodPost, "/webhooks/generic", event("firing", "checkout"), nil)
	var first slacktest.Message
	shows := func(what, mark string) {
		t.Helper()
		eventually(t, what, func() bool {
			ms := chat.Messages()
			if len(ms) == 1 {
				first = ms[0]
			}
			return len(ms) == 1 && strings.Contains(fmt.Sprint(first.Blocks), mark)
		})
	}
	shows("the incident is in the channel", "🔴")
	eventually(t, "its link is known here", func() bool {
		is := s.incidents()
		return len(is) == 1 && len(is[0].Links) == 1 && strings.HasPrefix(is[0].Links[0].URL, "https://acme.slack.com/archives/")
	})
	press := func(action string) {
		t.Helper()
		if status, said := chat.Press(t, "ada", first.TS, action); status != http.StatusOK || said != "" {
			t.Fatalf("%s was answered %d %q", action, status, said)
		}
	}
	press(source.ActionAcknowledge)
	shows("the message shows the acknowledgement", "acknowledged by slack:ada")
	press(source.ActionAssign)
	var in incident
	eventually(t, "it is assigned", func() bool {
		s.do(http.MethodGet, "/api/v1/incidents/INC0000001", nil, &in)
		return in.Assignee != nil && *in.Assignee == "ada"
	})
	if status := s.do(http.MethodPost, "/api/v1/incidents/INC0000001/notes", map[string]string{"text": "looking <!channel>"}, nil); status != http.StatusOK {
		t.Fatalf("note: %d", status)
	}
	eventually(t, "the note is in the thread", func() bool { return len(chat.Replies(first.TS)) == 1 })
	if status, _ := chat.Write(t, "U0GRACE", first.TS, "me too &amp; Bob"); status != http.StatusOK {
		t.Fatalf("a reply was answered %d", status)
	}
	eventually(t, "the reply is in the timeline", func() bool {
		var tl struct {
			Items []struct{ Kind, Actor, Text string }
		}
		s.do(http.MethodGet, "/api/v1/incidents/INC0000001/timeline", nil, &tl)
		return strings.Contains(fmt.Sprint(tl.Items), "slack:U0GRACE me too & Bob")
	})
	press(source.ActionResolve)
	shows("the message shows that it is over", "🟢")
	if n := len(chat.Replies(first.TS)); n != 2 {
		t.Errorf("%d replies in the thread, want the note and what was written there", n)
	}
}

// TestSlackManifest: what is pasted at Slack is YAML and leads here.
func TestSlackManifest(t *testing.T) {
	t.Parallel()
	out, err := cli(t, "snippets", "slack", "--external-url", "https://signalbox.example.com/")
	if err != nil {
		t.Fatal(err)
	}
	var m struct {
		OAuth struct {
			Scopes struct{ Bot []string } `yaml:"scopes"`
		} `yaml:"oauth_config"`
		Settings struct {
			Events struct {
				URL string `yaml:"request_url"`
			} `yaml:"event_subscriptions"`
			Interactivity struct {
				Enabled bool   `yaml:"is_enabled"`
				URL     string `yaml:"request_url"`
			} `yaml:"interactivity"`
		} `yaml:"settings"`
	}
	if err := yaml.Unmarshal([]byte(out), &m); err != nil {
		t.Fatal(err)
	}
	const want = "https://signalbox.example.com/webhooks/slack"
	if s := m.Settings; s.Events.URL != want || s.Interactivity.URL != want || !s.Interactivity.Enabled || len(m.OAuth.Scopes.Bot) != 3 {
		t.Errorf("manifest %+v", m)
	}
}
