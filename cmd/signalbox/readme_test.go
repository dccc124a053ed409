package main

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"signalbox/cmd/internal/conf"
	"signalbox/ingest/source/datadog"
)

// readmeBlock returns the fenced block of the README that contains marker.
func readmeBlock(t testing.TB, marker string) string {
	t.Helper()
	b, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for i, part := range strings.Split(string(b), "```") {
		if i%2 == 1 && strings.Contains(part, marker) {
			_, body, _ := strings.Cut(part, "\n")
			return body
		}
	}
	t.Fatalf("README has no block with %q", marker)
	return ""
}

// TestWelcome: the start prints what the README promises, ready to paste.
func TestWelcome(t *testing.T) {
	s := start(t, t.TempDir(), "")
	said := s.log.String()
	for _, part := range snippets(s.url) {
		if !strings.Contains(said, part.text) {
			t.Errorf("the %s snippet is not printed at the start:\n%s", part.name, said)
		}
	}
	if !strings.Contains(said, "console      "+s.url+"/") {
		t.Errorf("the console's address is not printed:\n%s", said)
	}
	t.Setenv("SIGNALBOX_ADMIN_TOKEN", "")
	dir := t.TempDir()
	set := &settings{file: &conf.File{DataDir: dir}, base: s.url}
	_, hint, err := set.adminToken()
	if want := filepath.Join(dir, tokenFile); err != nil || hint != want || !strings.Contains(welcome(set, hint), "admin token  "+want) {
		t.Errorf("the token is said to be in %q (%v), want %s", hint, err, want)
	}
}

// TestSnippetsHaveTheServersAddress: from the configuration, as the server has it.
func TestSnippetsHaveTheServersAddress(t *testing.T) {
	file := filepath.Join(t.TempDir(), "s.yml")
	for text, want := range map[string]string{
		"listen: 127.0.0.1:7\n":                                  "http://127.0.0.1:7/webhooks/datadog",
		"listen: 127.0.0.1:7\nexternal_url: https://x.example\n": "https://x.example/webhooks/datadog",
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := cli(t, "snippets", "datadog", "--config", file); err != nil || !strings.Contains(out, want) {
			t.Errorf("%q: %v, want %s in\n%s", text, err, want, out)
		}
	}
	t.Setenv("SIGNALBOX_EXTERNAL_URL", "https://env.example")
	if out, err := cli(t, "snippets", "datadog", "--config", file); err != nil || !strings.Contains(out, "https://env.example/webhooks/datadog") {
		t.Errorf("by environment: %v\n%s", err, out)
	}
}

func TestReadmeSnippetsAreThePrintedOnes(t *testing.T) {
	const base = "http://127.0.0.1:8080"
	for _, s := range snippets(base) {
		for line := range strings.Lines(s.text) {
			line = strings.TrimSpace(line)
			if s.name == "datadog" || strings.HasPrefix(line, "scheme:") || line == "" {
				continue
			}
			if !strings.Contains(readmeBlock(t, strings.TrimSpace(strings.SplitN(s.text, "\n", 2)[0])), line) {
				t.Errorf("README does not show this line of the %s snippet: %s", s.name, line)
			}
		}
	}
	if got := strings.TrimSpace(readmeBlock(t, "$ALERT_CYCLE_KEY")); got != strings.TrimSpace(datadog.Template) {
		t.Errorf("README's Datadog payload differs from the decoder's template")
	}
}

// TestReadmeHasEveryConnectorField: whatever a connector may be told in the
// configuration stands in the README, as a key of its examples or by name.
func TestReadmeHasEveryConnectorField(t *testing.T) {
	b, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for f := range reflect.TypeFor[conf.Connector]().Fields() {
		key, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if !regexp.MustCompile("(?m)(^|[\\s{,#(])" + key + ":|`" + key + "`").Match(b) {
			t.Errorf("the README does not say what %s is, of connectors of kind %s", key, orElse(f.Tag.Get("for"), "any"))
		}
	}
}
