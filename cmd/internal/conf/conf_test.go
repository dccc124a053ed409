package conf_test

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
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

// TestMistakesAreNamed: every error is file:line: key: value: what was expected,
// and there is one for each mistake.
func TestMistakesAreNamed(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"unknown top key", "listne: x", `:1: unknown key "listne"; here are allowed: audit, auth, cmdb, connectors, console, correlation, data_dir, external_url, heartbeat, journal, listen, log, self_alerts, sla, sources, tls, watchdogs`},
		{"unknown nested key", "sources:\n  am:\n    kind: alertmanager\n    auht: {}\n", `:4: unknown key "sources.am.auht"; here are allowed: auth, episode_gap, ignore_labels, kind, limits, stale_after`},
		{"unknown correlation", "correlation:\n  tau: 5m\n  hopps: 3\n", `:3: unknown key "correlation.hopps"; here are allowed: app_max, `},
		{"unknown key in a list", "watchdogs:\n  - source: main\n    lables: {}\n", `:3: unknown key "watchdogs[0].lables"; here are allowed: labels, missing_after, source`},
		{"unknown heartbeat key", "heartbeat: {uri: x}\n", `:1: unknown key "heartbeat.uri"; here are allowed: every, method, url`},
		{"key twice", "log:\n  level: info\n  level: warn\n", `:3: log.level: given twice: expected it once; the first is in line 2`},
		{"section elsewhere", "correlation:\n  sources:\n    x: {stale_afterr: 5m}\n", `:2: correlation.sources: not a key of this section: expected it under sources, beside this section`},
		{"connectors elsewhere", "correlation: {connectors: [{name: pd}]}\n", `:1: correlation.connectors: not a key of this section: expected it under connectors, beside this section`},
		{"jira without a project", "connectors:\n  j: {kind: jira, api_url: 'https://a.example', basic: env:X}\n", `:2: connectors.j.project: missing: expected the key of the project`},
		{"jira without an account", "connectors:\n  j: {kind: jira, api_url: 'https://a.example', project: OPS}\n", `:2: connectors.j.basic: missing: expected a secret that holds e-mail:API-token`},
		{"jira with two accounts", "connectors:\n  j: {kind: jira, api_url: 'https://a.example', project: OPS, basic: env:X, bearer: env:Y}\n", `:2: connectors.j.bearer: given beside basic: expected one of the two`},
		{"half a service desk", "connectors:\n  j: {kind: jira, api_url: 'https://a.example', project: OPS, basic: env:X, service_desk: \"1\"}\n", `:2: connectors.j.request_type: not beside service_desk: expected both`},
		{"version of the API", "connectors:\n  j: {kind: jira, api_url: 'https://a.example', project: OPS, basic: env:X, rest_version: 4}\n", `:2: connectors.j.rest_version: 4: expected 2 or 3`},
		{"priority there", "connectors:\n  j: {kind: jira, api_url: 'https://a.example', project: OPS, basic: env:X, priorities: {high: x}}\n", `:2: connectors.j.priorities.high: not a priority: expected P1, P2`},
		{"opsgenie without a key", "connectors:\n  o: {kind: opsgenie}\n", `:2: connectors.o.api_token: missing: expected the key of an API integration`},
		{"servicenow without an account", "connectors:\n  sn:\n    kind: servicenow\n    api_url: https://acme.service-now.com\n", `:2: connectors.sn.basic: missing: expected a secret that holds user:password`},
		{"servicenow without an address", "connectors:\n  sn: {kind: servicenow, basic: env:X}\n", `:2: connectors.sn.api_url: missing: expected the instance`},
		{"servicenow with two accounts", "connectors:\n  sn: {kind: servicenow, api_url: 'https://a.example', basic: env:X, oauth: {client_id: a}}\n", `:2: connectors.sn.oauth: given beside basic: expected one of the two`},
		{"state", "connectors:\n  sn: {kind: servicenow, api_url: 'https://a.example', basic: env:X, states: {done: [\"6\"]}}\n", `:2: connectors.sn.states.done: not a state: expected new, in_progress`},
		{"choices of a state", "connectors:\n  sn: {kind: servicenow, api_url: 'https://a.example', basic: env:X, states: {resolved: []}}\n", `:2: connectors.sn.states.resolved: empty: expected a list`},
		{"state of a change", "connectors:\n  sn: {kind: servicenow, api_url: 'https://a.example', basic: env:X, change_states: {done: [\"3\"]}}\n", `:2: connectors.sn.change_states.done: not a state of a change: expected planned`},
		{"problem query without a poll", "connectors:\n  sn: {kind: servicenow, api_url: 'https://a.example', basic: env:X, problems: true, problem_query: active=true}\n", `connectors.sn.problem_query: active=true: expected problems: true and poll_every`},
		{"problem query that begins another", "connectors:\n  sn: {kind: servicenow, api_url: 'https://a.example', basic: env:X, problems: true, poll_every: 30s, problem_query: 'active=true^NQpriority=1'}\n", `connectors.sn.problem_query: active=true^NQpriority=1: expected terms`},
		{"close code", "connectors:\n  sn: {kind: servicenow, api_url: 'https://a.example', basic: env:X, close_codes: {solved: x}}\n", `:2: connectors.sn.close_codes.solved: not a close code: expected fixed, workaround`},
		{"poll", "connectors:\n  sn: {kind: servicenow, api_url: 'https://a.example', basic: env:X, poll_every: 1s}\n", `:2: connectors.sn.poll_every: 1s: expected at least 5s`},
		{"target", "connectors:\n  sn: {kind: servicenow, api_url: 'https://a.example', basic: env:X, target: task}\n", `:2: connectors.sn.target: "task": expected one of incident, em_event`},
		{"correlation duration", "correlation:\n  hops: 2\n  resolve_after: soon\n", `:3: correlation.resolve_after: "soon": expected a number and a unit such as 90s, 5m, 24h or 30d`},
		{"correlation number", "correlation:\n  hops: many\n", `:2: correlation.hops: "many": expected a whole number`},
		{"correlation bound", "correlation:\n  hops: 2\n  gamma_milli: 5000\n", `:3: correlation.gamma_milli: 5000: expected 1 to 1000`},
		{"correlation pair", "correlation:\n  quiet_gap: 40m\n  follow_on: 1h\n", ":1: correlation.lifetime: 30m0s: expected at least quiet_gap, 40m0s"},
		{"correlation negative", "correlation:\n  hot_window: -5m\n", ":2: correlation.hot_window: -5m0s: expected 0s to 87600h0m0s"},
		{"correlation priority", "correlation: {storm_pages_from: P9}\n", `:1: correlation.storm_pages_from: "P9": expected P1, P2, P3, P4 or P5`},
		{"correlation change", "correlation:\n  change_window: 40d\n", ":2: correlation.change_window: 960h0m0s: expected 1m0s to 720h0m0s, for as long changes are kept"},
		{"correlation together", "correlation:\n  change_together: 2d\n", ":2: correlation.change_together: 48h0m0s: expected 0s to change_window, 24h0m0s"},
		{"correlation change hops", "correlation: {change_hops: 9}\n", ":1: correlation.change_hops: 9: expected 0 to 8"},
		{"correlation list", "correlation:\n  hops: [1, 2]\n", `:2: correlation.hops: a list: expected a whole number`},
		{"correlation word", "correlation: fast\n", `:1: correlation: "fast": expected the keys app_max, `},
		{"duration", "journal:\n  retention: soon\n", `:2: journal.retention: "soon": expected a number and a unit such as 90s, 5m, 24h or 30d`},
		{"negative retention", "journal:\n  retention: -5m\n", `:2: journal.retention: -5m0s: expected 0, which is for ever, or more`},
		{"size", "journal:\n  max_bytes: 3 potatoes\n", `:2: journal.max_bytes: "3 potatoes": expected bytes or a number with KiB, MiB, GiB or TiB`},
		{"negative size", "sources:\n  x:\n    kind: generic\n    limits:\n      body_bytes: -1\n", `:5: sources.x.limits.body_bytes: "-1": expected bytes or`},
		{"negative limit", "sources:\n  x:\n    kind: generic\n    limits: {alerts_per_request: -1}\n", `:4: sources.x.limits.alerts_per_request: -1: expected 0, which takes the default, or more`},
		{"negative stale_after", "sources:\n  x:\n    kind: generic\n    stale_after: -1h\n", `:4: sources.x.stale_after: -1h0m0s: expected 0 to 87600h0m0s`},
		{"word for true", "self_alerts: 3\n", `:1: self_alerts: "3": expected true or false`},
		{"word for a section", "sources: hunter2\n", `:1: sources: "hunter2": expected names, each with the keys auth, `},
		{"list for a section", "log:\n  - info\n", `:2: log: a list: expected the keys format, level`},
		{"secret in the file", "auth:\n  admin_token: hunter2\n", `:2: auth.admin_token: a value not shown: expected env:NAME or file:PATH, where the secret is, and not the secret itself`},
		{"provider session", "auth:\n  oidc: {issuer: 'https://id.example', client_id: a, default_role: viewer, session_lifetime: 2d}\n", `:2: auth.oidc.session_lifetime: 48h0m0s: expected 5m0s to 24h0m0s`},
		{"secret without a name", "auth: {admin_token: 'env:'}\n", `:1: auth.admin_token: a value not shown: expected env:NAME`},
		{"one secret for a list", "sources:\n  x:\n    kind: generic\n    auth: {bearer: 'env:X'}\n", `:4: sources.x.auth.bearer: a value not shown: expected a list, of env:NAME or file:PATH, where`},
		{"secret in a list", "sources:\n  x:\n    kind: generic\n    auth:\n      bearer:\n        - env:A\n        - hunter2\n", `:7: sources.x.auth.bearer[1]: a value not shown: expected env:NAME`},
		{"hmac word", "sources:\n  x: {kind: generic, auth: {hmac: hunter2}}\n", `:2: sources.x.auth.hmac: a value not shown: expected a list of secrets, or the keys encoding, `},
		{"hmac without secrets", "sources:\n  x:\n    kind: generic\n    auth:\n      hmac: {header: X-Sig}\n", `:5: sources.x.auth.hmac.secrets: missing: expected a list, of env:NAME`},
		{"hmac encoding", "sources:\n  x:\n    kind: generic\n    auth:\n      hmac: {secrets: ['env:A'], encoding: rot13}\n", `:5: sources.x.auth.hmac.encoding: "rot13": expected one of hex, base64`},
		{"hmac id alone", "sources:\n  x:\n    kind: generic\n    auth:\n      hmac: {secrets: ['env:A'], id_header: X-Id}\n", `:5: sources.x.auth.hmac.id_header: "X-Id": expected timestamp_header beside it`},
		{"kind", "sources:\n  x: {kind: nagios}\n", `:2: sources.x.kind: "nagios": expected one of alertmanager, argocd, `},
		{"ignored labels", "sources:\n  am:\n    kind: alertmanager\n    ignore_labels: [replica]\n", `:4: sources.am.ignore_labels: "replica": expected it at sources of kind prometheus only`},
		{"no kind", "sources:\n  x:\n    stale_after: 1h\n", `:2: sources.x.kind: missing: expected one of`},
		{"source name", "sources:\n  Bad Name: {kind: generic}\n", `:2: sources.Bad Name: "Bad Name": expected a name of 1 to 64 of a-z, 0-9, - and _`},
		{"own source", "sources:\n  signalbox: {kind: generic}\n", `:2: sources.signalbox: "signalbox": expected another name`},
		{"connector kind", "connectors:\n  pd: {kind: pigeon}\n", `:2: connectors.pd.kind: "pigeon": expected one of alertmanager, `},
		{"urls missing", "connectors:\n  am: {kind: alertmanager, sources: [alertmanager]}\n", `:2: connectors.am.urls: 0 addresses: expected the address of each replica of one Alertmanager, 1 to 16`},
		{"url of a replica", "connectors:\n  am: {kind: alertmanager, urls: [am-1], sources: [alertmanager]}\n", `:2: connectors.am.urls[0]: "am-1": expected a URL`},
		{"sources missing", "connectors:\n  am: {kind: alertmanager, urls: ['http://am-1:9093']}\n", `:2: connectors.am.sources: missing: expected the sources whose alerts all come from this Alertmanager`},
		{"no such source", "connectors:\n  am: {kind: alertmanager, urls: ['http://am-1:9093'], sources: [shop]}\n", `:2: connectors.am.sources: "shop": expected names of sources`},
		{"source of another kind", "connectors:\n  am: {kind: alertmanager, urls: ['http://am-1:9093'], sources: [generic]}\n", `:2: connectors.am.sources: "generic": expected sources of kind alertmanager; it is of kind generic`},
		{"source watched twice", "connectors:\n  am: {kind: alertmanager, urls: ['http://am-1:9093'], sources: [alertmanager]}\n  am-2: {kind: alertmanager, urls: ['http://am-2:9093'], sources: [main, alertmanager]}\n", `:3: connectors.am-2.sources: "alertmanager": expected sources that connectors.am does not name`},
		{"silence too short", "connectors:\n  am: {kind: alertmanager, urls: ['http://am-1:9093'], sources: [alertmanager], silence_for: 1m}\n", `:2: connectors.am.silence_for: 1m0s: expected 5m to 30d`},
		{"datadog site", "connectors:\n  dd: {kind: datadog, api_key: 'env:K', site: datadoghq.de}\n", `:2: connectors.dd.site: "datadoghq.de": expected one of datadoghq.com, us3.datadoghq.com`},
		{"datadog key", "connectors:\n  dd: {kind: datadog}\n", `:2: connectors.dd.api_key: missing`},
		{"datadog application key", "connectors:\n  dd: {kind: datadog, api_key: 'env:K', keep: incidents}\n", `:2: connectors.dd.app_key: missing`},
		{"datadog keep", "connectors:\n  dd: {kind: datadog, api_key: 'env:K', app_key: 'env:A', keep: tickets}\n", `:2: connectors.dd.keep: "tickets": expected one of incidents, cases`},
		{"datadog downtime without sources", "connectors:\n  dd: {kind: datadog, api_key: 'env:K', app_key: 'env:A', downtime_on_acknowledge: true}\n", `:2: connectors.dd.sources: missing`},
		{"datadog sources", "connectors:\n  dd: {kind: datadog, api_key: 'env:K', app_key: 'env:A', sources: [main]}\n", `:2: connectors.dd.sources: "main": expected sources of kind datadog; it is of kind prometheus`},
		{"key of another kind", "connectors:\n  pd: {kind: pagerduty, silence_for: 1h}\n", `:2: connectors.pd.silence_for: not a key of kind pagerduty: expected it at connectors of kind alertmanager`},
		{"priority", "connectors:\n  pd: {kind: pagerduty, min_priority: P9}\n", `:2: connectors.pd.min_priority: "P9": expected one of P1, P2, P3, P4, P5`},
		{"page budget", "connectors:\n  pd: {kind: pagerduty, page_budget: -1}\n", `:2: connectors.pd.page_budget: -1: expected 0, which is the default, or more`},
		{"per minute", "connectors:\n  pd: {kind: pagerduty, per_minute: -1}\n", `:2: connectors.pd.per_minute: -1: expected 0, which is the default of its kind, to 10000`},
		{"sweep every", "connectors:\n  pd: {kind: pagerduty, sweep_every: 500ms}\n", `:2: connectors.pd.sweep_every: 500ms: expected at least 1s, or 0, which is never`},
		{"connector url", "connectors:\n  pd:\n    kind: pagerduty\n    api_url: api.example.com\n", `:4: connectors.pd.api_url: "api.example.com": expected a URL`},
		{"listen", "listen: 8080", `:1: listen: "8080": expected host:port such as 127.0.0.1:8080`},
		{"port", "log: {level: info}\nlisten: 127.0.0.1:99999\n", `:2: listen: "127.0.0.1:99999": expected a port from 0 to 65535, such as in 127.0.0.1:8080`},
		{"url", "external_url: signalbox.example.com", `:1: external_url: "signalbox.example.com": expected a URL such as https://signalbox.example.com`},
		{"tls half", "tls: {cert_file: a}", `:1: tls.key_file: missing: expected both cert_file and key_file, or neither`},
		{"log level", "log: {level: loud}", `:1: log.level: "loud": expected one of debug, info, warn, error`},
		{"log format", "log:\n  format: xml\n", `:2: log.format: "xml": expected one of text, json`},
		{"place with more than its network", "console:\n  may_call: [10.20.0.0/16, 10.1.2.3/8]\n", `:2: console.may_call[1]: "10.1.2.3/8": expected an address such as 10.0.0.5, a network such as`},
		{"place that is a URL", "console: {may_call: ['http://jira']}\n", `:1: console.may_call[0]: "http://jira": expected`},
		{"heartbeat url", "heartbeat: {url: hunter2}\n", `:1: heartbeat.url: a value not shown: expected a URL such as`},
		{"heartbeat every", "heartbeat: {url: 'https://x.example/1', every: 1ms}\n", `:1: heartbeat.every: 1ms: expected at least 1s`},
		{"heartbeat method", "heartbeat: {url: 'https://x.example/1', method: PUT}\n", `:1: heartbeat.method: "PUT": expected one of GET, POST`},
		{"watchdog bare", "watchdogs:\n  - {source: main}\n", `:2: watchdogs[0].labels: missing: expected what tells the alert from others`},
		{"watchdog source", "watchdogs:\n  - {labels: {a: b}}\n", `:2: watchdogs[0].source: missing: expected the name of the source`},
		{"watchdog soon", "watchdogs: [{source: main, labels: {a: b}, missing_after: 10ms}]\n", `:1: watchdogs[0].missing_after: 10ms: expected at least 1s`},
		{"direction", "cmdb:\n  relation_types:\n    feeds: sideways\n", `:3: cmdb.relation_types.feeds: "sideways": expected from_affects_to (to is affected when from fails) or to_affects_from (the reverse)`},
		{"type twice", "cmdb:\n  relation_types:\n    part_of: from_affects_to\n    partOf: to_affects_from\n", `:3: cmdb.relation_types.part_of: part_of: expected one line for each type; "partOf" and this are one, part_of`},
		{"mapping", "cmdb:\n  mappings:\n    - {label: box, names: hosts}\n", `:3: cmdb.mappings[0].names: hosts: expected what the label's value is: ci, host, ip, pod, workload, service or namespace`},
		{"mapping label", "cmdb:\n  mappings:\n    - names: host\n", `:3: cmdb.mappings[0].label: missing: expected the name of the label`},
		{"mapping key", "cmdb:\n  mappings:\n    - {label: box, names: host, sorce: x}\n", `:3: unknown key "cmdb.mappings[0].sorce"; here are allowed: label, names, source`},
		{"sla zone", "sla:\n  calendars:\n    office:\n      zone: Mars/Olympus\n", `:4: sla.calendars.office.zone: "Mars/Olympus": expected the IANA name of a time zone such as Europe/Berlin`},
		{"sla target", "sla:\n  targets:\n    - {priorities: [P1], calendar: night, response: 5m, resolution: 4h}\n", `:3: sla.targets[0].calendar: "night": expected the name of one of sla.calendars`},
		{"sla pause", "sla:\n  pause_on: [lunch]\n", `:2: sla.pause_on: "lunch": expected caller, change, problem or vendor`},
		{"root", "- listen\n", `:1: a list: expected the keys audit, auth, cmdb, `},
		{"two documents", "listen: 127.0.0.1:1\n---\nlisten: 127.0.0.1:2\n", `:2: a second document: expected one`},
		{"not YAML", "listen: x\na: [", `signalbox.yml:2: not YAML: `},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := conf.Parse("signalbox.yml", []byte(c.in))
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "signalbox.yml:") || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %v, want one error with %q", err, c.want)
			}
			if err != nil && !strings.HasPrefix(c.in, "sources: h") && strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error shows the secret: %v", err)
			}
		})
	}
}

// TestAliasesAreBounded: a small file must not become an enormous one.
func TestAliasesAreBounded(t *testing.T) {
	labels := make([]string, 1000)
	for i := range labels {
		labels[i] = fmt.Sprintf("k%d: v", i)
	}
	in := "watchdogs:\n  - &w {source: main, labels: {" + strings.Join(labels, ", ") + "}}\n" + strings.Repeat("  - *w\n", 1000)
	if _, err := conf.Parse("f", []byte(in)); err == nil || !strings.Contains(err.Error(), "values in all") {
		t.Errorf("got %.200v, want the bound", err)
	}
}

func TestHMACAsAList(t *testing.T) {
	f, err := conf.Parse("f", []byte("sources:\n  a: {kind: generic, auth: {hmac: ['env:A', 'file:/b']}}\n  b: {kind: generic, auth: {hmac: {secrets: ['env:C'], header: X-Own}}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if h := f.Sources["a"].Auth.HMAC; len(h.Secrets) != 2 || h.Secrets[1].String() != "file:/b" || h.Header != "X-Signature" {
		t.Errorf("a bare list: %+v", h)
	}
	if h := f.Sources["b"].Auth.HMAC; len(h.Secrets) != 1 || h.Header != "X-Own" {
		t.Errorf("keys: %+v", h)
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
	f, err := conf.Parse("f", []byte("sources:\n  generic: {kind: generic, stale_after: 2h}\n  shell: {kind: generic}\n  am: {kind: alertmanager}\ncorrelation: {resolve_after: 1m}\nconnectors:\n  pd: {kind: pagerduty, min_priority: P2, page_budget: 7, routing_keys: {search: env:B, checkout: env:A}}\n"))
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
	if len(c.Connectors) != 1 || c.Connectors[0].Name != "pd" || c.Connectors[0].MinPriority.String() != "P2" || c.Connectors[0].PageBudget != 7 || !slices.Equal(c.Connectors[0].Routes, []string{"checkout", "search"}) {
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

// TestEveryScalarHasAVariable sets each top-level scalar by its variable, over a
// file that says otherwise. A key that is new must be given a row.
func TestEveryScalarHasAVariable(t *testing.T) {
	rows := map[string]struct {
		in, want, bad string
	}{
		"listen":       {"127.0.0.1:7", "127.0.0.1:7", "7"},
		"external_url": {"https://env.example", "https://env.example", "env.example"},
		"data_dir":     {"/env", "/env", ""},
		"self_alerts":  {"false", "false", "perhaps"},
	}
	file := filepath.Join(t.TempDir(), "s.yml")
	if err := os.WriteFile(file, []byte("listen: 127.0.0.1:1\nexternal_url: http://file.example\ndata_dir: /file\nself_alerts: true\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for field := range reflect.TypeFor[conf.File]().Fields() {
		key := field.Tag.Get("yaml")
		if k := field.Type.Kind(); key == "" || k == reflect.Struct || k == reflect.Map || k == reflect.Slice {
			continue
		}
		t.Run(key, func(t *testing.T) {
			row, ok := rows[key]
			if !ok {
				t.Fatalf("no row for the key %s", key)
			}
			t.Setenv(conf.EnvName(key), row.in)
			f, err := conf.Load(file, true)
			if err != nil {
				t.Fatal(err)
			}
			if got := fmt.Sprint(reflect.Indirect(reflect.ValueOf(f).Elem().FieldByIndex(field.Index))); got != row.want {
				t.Errorf("%s=%s gives %s", conf.EnvName(key), row.in, got)
			}
			if row.bad == "" {
				return
			}
			t.Setenv(conf.EnvName(key), row.bad)
			if _, err := conf.Load(file, true); err == nil || !strings.Contains(err.Error(), conf.EnvName(key)) || !strings.Contains(err.Error(), "expected") {
				t.Errorf("%s=%s: %v", conf.EnvName(key), row.bad, err)
			}
		})
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
