package ingest_test

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"signalbox/ingest"
	"signalbox/ingest/source/kind"
)

// delivery is a good body of a kind, where it goes and what it is answered.
type delivery struct {
	path, body string
	status     int
}

var deliveries = map[string]delivery{
	kind.Alertmanager:    {"/webhooks/", `{"version":"4","groupKey":"k","status":"firing","alerts":[{"status":"firing","fingerprint":"f","labels":{"alertname":"x"},"startsAt":"2026-11-21T11:59:58Z"}]}`, 202},
	kind.Datadog:         {"/webhooks/", `{"alert_cycle_key":"c1","alert_transition":"Triggered","title":"x"}`, 202},
	kind.Generic:         {"/webhooks/", event, 202},
	kind.PagerDuty:       {"/webhooks/", pdEvent(`"signalbox/INC0000007/2"`), 202},
	kind.Jira:            {"/webhooks/", `{"timestamp":1795262398111,"webhookEvent":"jira:issue_deleted","issue":{"key":"OPS-1","fields":{"labels":["signalbox-INC0000007-2"]}}}`, 202},
	kind.Opsgenie:        {"/webhooks/", `{"action":"Close","alert":{"alertId":"1","alias":"signalbox-INC0000007-2","updatedAt":1795262398111}}`, 202},
	kind.ServiceNow:      {"/webhooks/", `{"table":"incident","operation":"delete","record":{"sys_id":"1","correlation_id":"signalbox/INC0000007/2","state":"1","sys_updated_on":"2026-11-21 11:59:58"}}`, 202},
	kind.Webhook:         {"/webhooks/", `{"type":"incident.resolve","data":{"incident":"INC0000007"}}`, 202},
	kind.Slack:           {"/webhooks/", "payload=" + url.QueryEscape(`{"type":"block_actions","trigger_id":"1.2.3","user":{"username":"ada"},"actions":[{"action_id":"signalbox_resolve","value":"INC0000007/2","action_ts":"1795262400.000100"}]}`), 200},
	kind.ArgoCD:          {"/webhooks/", `{"app":"shop","phase":"Running","started_at":"2026-11-21T11:59:58Z"}`, 202},
	kind.GitHub:          {"/webhooks/", `{"deployment":{"id":1,"environment":"production","created_at":"2026-11-21T11:59:58Z"},"repository":{"full_name":"acme/shop"}}`, 202},
	kind.GitLab:          {"/webhooks/", `{"object_kind":"deployment","status":"running","deployment_id":1,"status_changed_at":"2026-11-21 12:59:58 +0100","project":{"path_with_namespace":"acme/shop"}}`, 202},
	kind.PagerDutyChange: {"/webhooks/", `{"payload":{"summary":"flag on"}}`, 202},
	kind.Prometheus:      {"/prometheus/", `[{"labels":{"alertname":"x"}}]`, 200},
}

// path is the door of the source with that name.
func (d delivery) to(source, query string) string {
	if d.path == "/prometheus/" {
		return d.path + source + "/api/v2/alerts" + query
	}
	return d.path + source + query
}

// scheme is one way to say who one is.
type scheme struct {
	name string
	auth func(secrets ...string) ingest.Auth
	show func(secret, body string) (query string, header []string)
	bad  func(body string) []try // beside the spellings of a secret that every scheme refuses
}

const signatureHeader = "X-Signature-256"

func header(pairs ...string) func(string, string) (string, []string) {
	return func(secret, _ string) (string, []string) {
		out := make([]string, len(pairs))
		for i, p := range pairs {
			out[i] = strings.ReplaceAll(p, "SECRET", secret)
		}
		return "", out
	}
}

func basicOf(user, password string) []string {
	return []string{"Authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))}
}

var schemes = []scheme{
	{"bearer", func(ss ...string) ingest.Auth { return ingest.Auth{Bearer: ss} }, header("Authorization", "Bearer SECRET"),
		func(body string) []try {
			return []try{{"nothing", "", nil, body}, {"in the query", "?token=" + live, nil, body}, {"as basic", "", basicOf("in", live), body}, {"without scheme", "", []string{"Authorization", live}, body}}
		}},
	{"basic", func(ss ...string) (a ingest.Auth) {
		for _, s := range ss {
			a.Basic = append(a.Basic, ingest.BasicAuth{User: "in", Password: s})
		}
		return a
	}, func(secret, _ string) (string, []string) { return "", basicOf("in", secret) },
		func(body string) []try {
			return []try{{"nothing", "", nil, body}, {"as bearer", "", []string{"Authorization", "Bearer " + live}, body}, {"other user", "", basicOf("root", live), body}, {"user twice", "", basicOf("in:in", live), body}}
		}},
	{"query token", func(ss ...string) ingest.Auth { return ingest.Auth{QueryToken: ss} }, func(secret, _ string) (string, []string) {
		q := "?token="
		for _, b := range []byte(secret) {
			q += fmt.Sprintf("%%%02x", b)
		}
		return q, nil
	},
		func(body string) []try {
			return []try{{"nothing", "", nil, body}, {"as bearer", "", []string{"Authorization", "Bearer " + live}, body}, {"other name", "?key=" + live, nil, body}, {"after a wrong one", "?token=x&token=" + live, nil, body}}
		}},
	{"signature", func(ss ...string) ingest.Auth {
		return ingest.Auth{HMAC: &ingest.HMAC{Secrets: ss, Header: signatureHeader, Prefix: "sha256="}}
	}, func(secret, body string) (string, []string) {
		return "", []string{signatureHeader, "sha256=" + hexMAC(secret, body)}
	},
		func(body string) []try { return signatures(body, signatureHeader, "sha256=") }},
	{"GitLab's token", func(ss ...string) ingest.Auth { return ingest.Auth{GitLab: ss} }, header("X-Gitlab-Token", "SECRET"),
		func(body string) []try {
			return []try{{"nothing", "", nil, body}, {"in the query", "?token=" + live, nil, body}, {"as bearer", "", []string{"Authorization", "Bearer " + live}, body}, {"with scheme", "", []string{"X-Gitlab-Token", "Bearer " + live}, body}}
		}},
	{"PagerDuty's signature", func(ss ...string) ingest.Auth { return ingest.Auth{PagerDuty: ss} }, func(secret, body string) (string, []string) {
		return "", []string{"X-PagerDuty-Signature", "v1=" + hexMAC(secret, body)}
	},
		func(body string) []try { return signatures(body, "X-PagerDuty-Signature", "v1=") }},
}

// signatures are wrong signatures of a body.
func signatures(body, name, prefix string) []try {
	right := hexMAC(live, body)
	is := func(v string) []string { return []string{name, v} }
	return []try{{"nothing", "", nil, body}, {"no prefix", "", is(right), body}, {"other prefix", "", is("md5=" + right), body}, {"cut", "", is(prefix + right[:62]), body},
		{"longer", "", is(prefix + right + "00"), body}, {"capitals", "", is(prefix + strings.ToUpper(right)), body}, {"one digit", "", is(prefix + flip(right, 5)), body},
		{"of another body", "", is(prefix + hexMAC(live, body+" ")), body}, {"body and a byte", "", is(prefix + right), body + " "}, {"secret itself", "", is(prefix + live), body},
		{"twice", "", append(is(prefix+right), is(prefix+right)...), body}, {"other header", "", []string{"X-Other", prefix + right}, body}, {"compressed since", "", append(is(prefix+right), "Content-Encoding", "gzip"), gzipped(body)}}
}

// allows reports whether the configuration can ask a scheme of a kind: PagerDuty
// signs in its own way, and only PagerDuty.
func allows(k, scheme string) bool {
	return (scheme != "signature" || k != kind.PagerDuty) && (scheme != "PagerDuty's signature" || k == kind.PagerDuty) && (scheme != "GitLab's token" || k == kind.GitLab)
}

// TestCredentialsOfEveryKind goes through the door of every kind of source with
// every scheme that its configuration may ask for: both live secrets open it; more
// than thirty wrong ones each do not, and leave nothing in the journal.
func TestCredentialsOfEveryKind(t *testing.T) {
	for _, k := range kind.Names() {
		d, ok := deliveries[k]
		if !ok {
			t.Fatalf("kind %s has no delivery here", k)
		}
		for _, s := range schemes {
			if !allows(k, s.name) {
				continue
			}
			t.Run(k+"/"+s.name, func(t *testing.T) {
				r := guarded(t, k, s.auth(live, next), s.auth(other))
				for _, secret := range []string{live, next} {
					query, header := s.show(secret, d.body)
					before := r.len()
					if got := r.post(t, d.to("in", query), d.body, header...); got.status != d.status || r.len() != before+1 {
						t.Errorf("%s: got %d %s and %d entries, want %d and one", secret, got.status, got.body, r.len()-before, d.status)
					}
				}
				bad := s.bad(d.body)
				for name, secret := range spoiled(live) {
					query, header := s.show(secret, d.body)
					bad = append(bad, try{name, query, header, d.body})
				}
				if len(bad) < 30 {
					t.Errorf("%d negative cases, want at least 30", len(bad))
				}
				before := r.len()
				for _, c := range bad {
					if got := r.post(t, d.to("in", c.query), c.body, c.header...); got.status != 401 {
						t.Errorf("%s: got %d %s, want 401", c.name, got.status, got.body)
					}
				}
				query, header := s.show(live, d.body)
				if got := r.post(t, d.to("other", query), d.body, header...); got.status != 401 {
					t.Errorf("at another source: %d", got.status)
				}
				if r.len() != before {
					t.Errorf("the refused requests left %d entries", r.len()-before)
				}
			})
		}
	}
}
