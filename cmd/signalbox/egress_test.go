package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"signalbox/cmd/internal/conf"
)

// TestConfiguredAddressNeverCalled: an address no partner lives at is named before
// the start, not at the first page.
func TestConfiguredAddressNeverCalled(t *testing.T) {
	t.Setenv("PD_KEY", "0123456789abcdef0123456789abcdef")
	file := filepath.Join(t.TempDir(), "signalbox.yml")
	for config, want := range map[string]string{
		"connectors: {pager: {kind: pagerduty, routing_key: env:PD_KEY, events_url: 'http://169.254.169.254'}}\n":                         "connectors.pager.events_url: 169.254.169.254 is never called",
		"connectors: {pager: {kind: pagerduty, routing_key: env:PD_KEY, api_url: 'https://[::ffff:169.254.169.254]/'}}\n":                 "connectors.pager.api_url: ::ffff:169.254.169.254 is never called",
		"heartbeat: {url: 'http://0.0.0.0:9/secret'}\n":                                                                                   "heartbeat.url: 0.0.0.0 is never called",
		"connectors: {pager: {kind: pagerduty, routing_key: env:PD_KEY, events_url: 'http://127.0.0.1:9', api_url: 'http://10.0.0.1'}}\n": "",
	} {
		if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := cli(t, "serve", "--check", "--config", file)
		switch {
		case want == "" && err != nil:
			t.Errorf("%s: %v; want no fault", config, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret")):
			t.Errorf("%s: %v; want %s, and not the whole URL", config, err, want)
		}
	}
}

// TestConnectorOfTheConsoleIsConfined: one that was configured in the console before
// anything had to be named calls nothing inside; the server starts all the same,
// everything that looks at it says what to name, and with that named what waited goes out.
func TestConnectorOfTheConsoleIsConfined(t *testing.T) {
	var told atomic.Int32
	inner := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		told.Add(1)
		w.WriteHeader(http.StatusNoContent)
	}))
	defer inner.Close()
	dir := t.TempDir()
	s := prepare(t, dir, quick)
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, address := range []string{inner.URL, strings.Replace(inner.URL, "127.0.0.1", "localhost", 1)} {
		doc := "connectors: {ours: {kind: webhook, url: '" + address + "', sweep_every: 0}}\n"
		if err := os.WriteFile(filepath.Join(s.dir, conf.StoredFile), []byte(doc), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := cli(t, "serve", "--check", "--config", s.args[2], "--data-dir", s.dir)
		if err != nil || !strings.Contains(out, "warning: connectors.ours: 127.0.0.1") || !strings.Contains(out, "console.may_call") {
			t.Errorf("serve --check with %s: %v %s", address, err, out)
		}
		out, err = cli(t, "doctor", "--config", s.args[2], "--data-dir", s.dir, "--quick")
		if err == nil || !strings.Contains(out, "FAIL  connectors     ours:") || !strings.Contains(out, "console.may_call") {
			t.Errorf("doctor with %s: %v %s", address, err, out)
		}
	}
	s.run()
	s.webhook(event("firing", "checkout"))
	var c struct {
		State     string `json:"state"`
		LastError string `json:"last_error"`
	}
	eventually(t, "the connector says what to name", func() bool {
		return s.do(http.MethodGet, "/api/v1/connectors/ours", nil, &c) == http.StatusOK && c.State == "retrying" &&
			strings.Contains(c.LastError, "the connector ours is configured in the console; if it may call there, name localhost or its network under console.may_call")
	})
	if !strings.Contains(s.log.String(), "console.may_call") {
		t.Error("the log does not say so at the start")
	}
	s.stop()
	if told.Load() > 0 {
		t.Fatalf("the inner address was called %d times", told.Load())
	}
	f, err := os.OpenFile(s.args[2], os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("console: {may_call: [localhost]}\n"); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	s.run()
	eventually(t, "what waited is told", func() bool { return told.Load() > 0 })
	s.stop()
}
