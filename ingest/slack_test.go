package ingest_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"signalbox/ingest"
	"signalbox/ingest/source/kind"
)

const slackSecret = "8f742231b10e8888abcd99yyyzzz85a5"

// slackDoor is a door for Slack at a time that moves with at.
func slackDoor(t *testing.T, at *time.Time) *rig {
	return start(t, func(o *ingest.Options) {
		o.Sources = []ingest.Source{{Name: "in", Kind: kind.Slack, Auth: ingest.Auth{HMAC: ingest.Slack(slackSecret, "next-signing-secret")}}}
		o.Clock = func() time.Time { return *at }
	})
}

// TestSlackSignature goes through the example of
// https://docs.slack.dev/authentication/verifying-requests-from-slack, which is a
// command of an app, and what is nearly it.
func TestSlackSignature(t *testing.T) {
	const (
		body      = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
		stamp     = "1531420618"
		signature = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
	)
	at := time.Unix(1531420618, 0)
	r := slackDoor(t, &at)
	for _, c := range []struct {
		name, stamp, signature, body string
		later                        time.Duration
		status                       int
	}{
		{"example", stamp, signature, body, 0, 200},
		{"five minutes old", stamp, signature, body, 5 * time.Minute, 200},
		{"older", stamp, signature, body, 5*time.Minute + time.Second, 401},
		{"from the future", stamp, signature, body, -5*time.Minute - time.Second, 401},
		{"another stamp", "1531420619", signature, body, 0, 401},
		{"another body", stamp, signature, body + "&x=1", 0, 401},
		{"another version", stamp, "v1" + signature[2:], body, 0, 401},
		{"no version", stamp, signature[3:], body, 0, 401},
		{"capitals", stamp, "v0=" + strings.ToUpper(signature[3:]), body, 0, 401},
		{"nothing", "", "", body, 0, 401},
	} {
		at = time.Unix(1531420618, 0).Add(c.later)
		if got := r.post(t, "/webhooks/in", c.body, "X-Slack-Request-Timestamp", c.stamp, "X-Slack-Signature", c.signature); got.status != c.status {
			t.Errorf("%s: %d %s, want %d", c.name, got.status, got.body, c.status)
		}
	}
}

// TestSlackIsAnswered: 200 and nothing to show, whatever became of it; a challenge
// comes back; a repeat is stored once.
func TestSlackIsAnswered(t *testing.T) {
	at := now.Std()
	r := slackDoor(t, &at)
	press := "payload=" + url.QueryEscape(`{"type":"block_actions","trigger_id":"1.2.3","user":{"username":"ada"},"actions":[{"action_id":"signalbox_resolve","value":"INC0000007/2","action_ts":"1795262400.000100"}]}`)
	for _, c := range []struct {
		name, body, want string
		entries          int
	}{
		{"a press", press, "", 1},
		{"a repeat", press, "", 0},
		{"a link button", "payload=" + url.QueryEscape(`{"type":"block_actions","trigger_id":"1","actions":[{"action_id":"signalbox_open"}]}`), "", 0},
		{"a challenge", `{"type":"url_verification","challenge":"3eZbrw1a"}`, "3eZbrw1a", 0},
		{"undecodable", "payload=hello", "", 1},
	} {
		before := r.len()
		stamp := "1795262400"
		got := r.post(t, "/webhooks/in", c.body, "X-Slack-Request-Timestamp", stamp, "X-Slack-Signature", "v0="+hexMAC(slackSecret, "v0:"+stamp+":"+c.body))
		if got.status != 200 || got.body != c.want || r.len()-before != c.entries {
			t.Errorf("%s: %d %q and %d entries, want 200 %q and %d", c.name, got.status, got.body, r.len()-before, c.want, c.entries)
		}
	}
}
