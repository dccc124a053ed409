package conf

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestStored(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	f, err := Parse("signalbox.yml", []byte("connectors:\n  pager: {kind: pagerduty, routing_key: env:KEY}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if err := f.AddStored(dir); err != nil || len(f.Connectors) != 1 {
		t.Fatalf("without a document: %v, %d connectors", err, len(f.Connectors))
	}
	text := `connectors:
  chat: {kind: slack, api_token: stored:bot, channel: C0123456789, webhook_secrets: [stored:sign, stored:next]}
  notes:
    kind: webhook
    url: stored:address
    headers: {Authorization: stored:header}
    auth: {bearer: [stored:theirs]}
`
	if err := os.WriteFile(filepath.Join(dir, StoredFile), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, SecretsDir), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{"bot": "xoxb-1", "sign": "s1", "next": "s2", "address": "https://example.com/hook", "header": "Bearer x", "theirs": "t"} {
		if err := os.WriteFile(filepath.Join(dir, SecretsDir, name), []byte(value), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.AddStored(dir); err != nil {
		t.Fatal(err)
	}
	read := func(s Secret) string {
		v, err := s.Read()
		if err != nil {
			t.Error(err)
		}
		return v
	}
	chat, notes := f.Connectors["chat"], f.Connectors["notes"]
	got := []string{read(chat.APIToken), read(chat.WebhookSecrets[1]), read(notes.Headers["Authorization"]), read(notes.Auth.Bearer[0])}
	if u, err := notes.URL.Read(); err != nil || u != "https://example.com/hook" || strings.Join(got, " ") != "xoxb-1 s2 Bearer x t" || len(f.Connectors) != 3 {
		t.Errorf("secrets %q, address %q (%v), %d connectors", got, u, err, len(f.Connectors))
	}
}

// What may be called is for the configuration file to say, and binds the console's alone.
func TestReach(t *testing.T) {
	t.Parallel()
	f, err := Parse("signalbox.yml", []byte("connectors: {pager: {kind: webhook, url: 'http://10.0.0.1'}}\nconsole: {may_call: [10.20.0.0/16]}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if err := f.AddStoredText("c.yml", []byte("connectors: {ours: {kind: webhook, url: 'http://10.0.0.1'}}"), t.TempDir()); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, url string
		may       bool
	}{{"pager", "http://10.0.0.1", true}, {"ours", "http://10.0.0.1", false}, {"ours", "http://10.20.0.1", true}, {"ours", "https://8.8.8.8", true}} {
		if err := f.ReachOf(c.name).CheckURL(c.url); (err == nil) != c.may {
			t.Errorf("%s at %s: %v; want called: %v", c.name, c.url, err, c.may)
		}
	}
	if err := f.AddStoredText("c.yml", []byte("console: {may_call: ['0.0.0.0/0']}"), t.TempDir()); err == nil || !strings.Contains(err.Error(), `unknown key "console"`) {
		t.Errorf("the console names its own places: %v", err)
	}
}

// Whoever writes the console's document has less than the host: it reads no file of
// the server's and no variable, whatever it names.
func TestStoredIsConfined(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"connectors: {pager: {kind: slack, api_token: stored:x, channel: C1}}":                                              `c.yml:1: connectors.pager: a connector of the configuration file: expected another name`,
		"connectors:\n  chat:\n    kind: slack\n    channel: C1\n    api_token: env:HOME":                                   `c.yml:5: connectors.chat.api_token: env:HOME: expected stored:NAME`,
		"connectors:\n  chat:\n    kind: slack\n    channel: C1\n    api_token: file:/etc/passwd":                           `c.yml:5: connectors.chat.api_token: file:/etc/passwd: expected stored:NAME`,
		"connectors:\n  chat:\n    kind: slack\n    channel: C1\n    api_token: stored:../admin.token":                      `c.yml:5: connectors.chat.api_token: stored:../admin.token: expected stored:NAME`,
		"connectors:\n  chat:\n    kind: slack\n    channel: C1\n    api_token: stored:bot\n    webhook_secrets: [file:/x]": `c.yml:6: connectors.chat.webhook_secrets[0]: file:/x: expected stored:NAME`,
		"connectors:\n  it:\n    kind: webhook\n    url: env:TARGET":                                                        `c.yml:4: connectors.it.url: env:TARGET: expected stored:NAME`,
		"connectors:\n  it:\n    kind: webhook\n    url: https://example.com\n    headers: {A: env:HOME}":                   `c.yml:5: connectors.it.headers.A: env:HOME: expected stored:NAME`,
		"connectors:\n  it:\n    kind: webhook\n    url: https://example.com\n    auth: {hmac: [file:/x]}":                  `c.yml:5: connectors.it.auth.hmac`,
		"connectors:\n  it:\n    kind: webhook\n    url: https://example.com\n    mapping: /etc/mapping.yml":                `c.yml:5: connectors.it.mapping: "/etc/mapping.yml": expected the name of a built-in mapping`,
		"listen: 0.0.0.0:80":                 `c.yml:1: unknown key "listen"`,
		"connectors:\n  chat: {kind: slakc}": `c.yml:2: connectors.chat.kind: "slakc"`,
		"connectors:\n  chat: {kind: slack, channel: C1, min_priority: urgent}": `c.yml:2: connectors.chat.min_priority: "urgent"`,
		"connectors: [":                       `not YAML`,
		strings.Repeat("#", storedBytesMax+1): `expected at most 262144`,
	} {
		f, err := Parse("signalbox.yml", []byte("connectors:\n  pager: {kind: pagerduty, routing_key: env:KEY}\n"))
		if err != nil {
			t.Fatal(err)
		}
		err = f.AddStoredText("c.yml", []byte(text), t.TempDir())
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.80s\n got %v\nwant %s", text, err, want)
		}
		if len(f.Connectors) != 1 {
			t.Errorf("%.80s: %d connectors after a mistake, want the one of the file", text, len(f.Connectors))
		}
	}
	f, err := Parse("signalbox.yml", []byte("connectors:\n  pager: {kind: pagerduty, routing_key: stored:key}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Connectors["pager"].RoutingKey.Read(); err == nil || !strings.Contains(err.Error(), "only connectors that are configured in the console") {
		t.Errorf("a stored secret in the configuration file: %v", err)
	}
}
