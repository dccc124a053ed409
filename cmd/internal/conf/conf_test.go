package conf_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"signalbox/cmd/internal/conf"
	"signalbox/correlate"
)

func TestEmptyIsComplete(t *testing.T) {
	f, err := conf.Parse("signalbox.yml", nil)
	if err != nil {
		t.Fatal(err)
	}
	if f.Listen != conf.DefaultListen || f.DataDir != conf.DefaultDataDir {
		t.Errorf("listen %q data %q", f.Listen, f.DataDir)
	}
}

func TestMistakesAreNamed(t *testing.T) {
	for name, c := range map[string]struct{ in, want string }{
		"unknown top key":     {"listne: x", `signalbox.yml:1: unknown key "listne"; here are allowed: auth`},
		"unknown nested key":  {"sources:\n  am:\n    kind: alertmanager\n    auht: {}\n", `signalbox.yml:4: unknown key "sources.am.auht"`},
		"unknown correlation": {"correlation:\n  hopps: 3\n", `signalbox.yml:2: unknown key "correlation.hopps"`},
		"correlation value":   {"correlation:\n  resolve_after: soon\n", `expected a number and a unit`},
		"duration":            {"journal:\n  retention: soon\n", `line 2: duration "soon"`},
		"size":                {"journal:\n  max_bytes: 3 potatoes\n", `size "3 potatoes"`},
		"secret in the file":  {"auth:\n  admin_token: hunter2\n", "env:NAME or file:PATH"},
		"kind":                {"sources:\n  x: {kind: nagios}\n", `sources.x.kind: "nagios" is not one of alertmanager`},
		"source name":         {"sources:\n  Bad Name: {kind: generic}\n", "a name has 1 to"},
		"listen":              {"listen: 8080", "expected host:port"},
		"url":                 {"external_url: signalbox.example.com", "expected a URL"},
		"tls half":            {"tls: {cert_file: a}", "give both cert_file and key_file"},
		"log level":           {"log: {level: loud}", `log.level: "loud" is not one of debug`},
		"priority":            {"connectors:\n  pd: {kind: pagerduty, min_priority: P9}\n", `min_priority: "P9"`},
		"own source":          {"sources:\n  signalbox: {kind: generic}\n", "the server speaks of itself"},
		"heartbeat url":       {"heartbeat: {url: hunter2}\n", "expected a URL"},
		"heartbeat every":     {"heartbeat: {url: 'https://x.example/1', every: 1ms}\n", "heartbeat.every: 1ms"},
		"heartbeat method":    {"heartbeat: {url: 'https://x.example/1', method: PUT}\n", `heartbeat.method: "PUT"`},
		"heartbeat key":       {"heartbeat: {uri: x}\n", `unknown key "heartbeat.uri"`},
		"watchdog bare":       {"watchdogs: [{}]\n", "watchdogs[0].labels: missing"},
		"watchdog soon":       {"watchdogs: [{source: main, labels: {a: b}, missing_after: 10ms}]\n", "watchdogs[0].missing_after: 10ms"},
		"watchdog key":        {"watchdogs:\n  - source: main\n    lables: {}\n", `:3: unknown key "watchdogs[0].lables"`},
		"not YAML":            {"a: [", "signalbox.yml"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := conf.Parse("signalbox.yml", []byte(c.in))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want it to contain %q", err, c.want)
			}
			if err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error shows the secret: %v", err)
			}
		})
	}
}

func TestEveryMistakeAtOnce(t *testing.T) {
	_, err := conf.Parse("f", []byte("listen: x\nlog: {level: loud}\n"))
	if err == nil || !strings.Contains(err.Error(), "listen") || !strings.Contains(err.Error(), "log.level") {
		t.Errorf("got %v", err)
	}
}

func TestExplicitFileMustExist(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "none.yml")
	if _, err := conf.Load(missing, false); err != nil {
		t.Errorf("implicit: %v", err)
	}
	if _, err := conf.Load(missing, true); err == nil {
		t.Error("explicit: no error")
	}
}

func TestSecrets(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	if err := os.WriteFile(path, []byte("from-file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("CONF_TEST_SECRET", "from-env")
	t.Setenv("CONF_TEST_EMPTY", " ")
	f, err := conf.Parse("f", []byte("auth: {admin_token: 'env:CONF_TEST_SECRET'}\nsources:\n  am:\n    kind: alertmanager\n    auth: {bearer: ['file:"+path+"', 'env:CONF_TEST_EMPTY', 'env:CONF_TEST_UNSET']}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if v, err := f.Auth.AdminToken.Read(); err != nil || v != "from-env" {
		t.Errorf("env: %q, %v", v, err)
	}
	b := f.Sources["am"].Auth.Bearer
	if v, err := b[0].Read(); err != nil || v != "from-file" {
		t.Errorf("file: %q, %v", v, err)
	}
	for _, s := range b[1:] {
		if _, err := s.Read(); err == nil {
			t.Errorf("%s: an empty secret was accepted", s)
		}
	}
}

func TestCoreCarriesSourcesAndConnectors(t *testing.T) {
	f, err := conf.Parse("f", []byte("sources:\n  generic: {kind: generic, stale_after: 2h}\n  shell: {kind: generic}\n  am: {kind: alertmanager}\ncorrelation: {resolve_after: 1m}\nconnectors:\n  pd: {kind: pagerduty, min_priority: P2}\n"))
	if err != nil {
		t.Fatal(err)
	}
	c := f.Core()
	if got := time.Duration(c.Sources["generic"].StaleAfter); got != 2*time.Hour {
		t.Errorf("stale_after %v", got)
	}
	if got := c.Sources["am"]; got != (correlate.Source{}) {
		t.Errorf("a source that resolves its alerts goes stale: %+v", got)
	}
	if got := time.Duration(c.Sources["shell"].StaleAfter); got != 24*time.Hour {
		t.Errorf("stale_after of another generic source: %v, want the default 24h", got)
	}
	if got := time.Duration(c.ResolveAfter); got != time.Minute {
		t.Errorf("resolve_after %v", got)
	}
	if len(c.Connectors) != 1 || c.Connectors[0].Name != "pd" || c.Connectors[0].MinPriority.String() != "P2" {
		t.Errorf("connectors %+v", c.Connectors)
	}
}

func TestWatchingHasDefaults(t *testing.T) {
	t.Setenv("CONF_TEST_BEAT", "https://hc-ping.example/uuid")
	t.Setenv("CONF_TEST_NO_BEAT", "hunter2")
	f, err := conf.Parse("f", []byte("heartbeat: {url: 'env:CONF_TEST_BEAT'}\nwatchdogs: [{source: main, labels: {alertname: Watchdog}}]\n"))
	if err != nil {
		t.Fatal(err)
	}
	if u, err := f.Heartbeat.URL.Read(); err != nil || u != "https://hc-ping.example/uuid" || time.Duration(f.Heartbeat.Every) != time.Minute || f.Heartbeat.Method != "GET" {
		t.Errorf("heartbeat %q %v %+v", u, err, f.Heartbeat)
	}
	if d := time.Duration(f.Watchdogs[0].MissingAfter); d != 5*time.Minute {
		t.Errorf("missing_after %v", d)
	}
	f, err = conf.Parse("f", []byte("heartbeat: {url: 'env:CONF_TEST_NO_BEAT'}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if u, err := f.Heartbeat.URL.Read(); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("read %q, %v: want an error without the value", u, err)
	}
}

func TestParseDurationAndSize(t *testing.T) {
	for in, want := range map[string]time.Duration{"90s": 90 * time.Second, "30d": 720 * time.Hour, "0s": 0} {
		if got, err := conf.ParseDuration(in); err != nil || got != want {
			t.Errorf("%q: %v, %v", in, got, err)
		}
	}
	for in, want := range map[string]conf.Size{"512": 512, "64KiB": 65536, "2GiB": 2 << 30} {
		if got, err := conf.ParseSize(in); err != nil || got != want {
			t.Errorf("%q: %v, %v", in, got, err)
		}
	}
	for _, in := range []string{"", "-1", "9999999999TiB", "1.5GiB"} {
		if _, err := conf.ParseSize(in); err == nil {
			t.Errorf("size %q: no error", in)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("listen: 127.0.0.1:1\nsources: {a: {kind: generic}}\n")
	f.Add("correlation: {hops: 2}\n")
	f.Add("a: &a [*a]\n")
	f.Fuzz(func(t *testing.T, in string) {
		if c, err := conf.Parse("f", []byte(in)); err == nil {
			c.Core()
		}
	})
}
