package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
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
