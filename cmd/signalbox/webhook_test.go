package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"signalbox/connectors/webhook"
	mapping "signalbox/ingest/source/webhook"
)

// TestWebhookBothWays: what you wrote yourself hears of incidents, signed, and acts
// on them by signed webhooks of its own.
func TestWebhookBothWays(t *testing.T) {
	t.Parallel()
	const out, in = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "c2lnbmFsYm94LXRlc3Qtc2VjcmV0LTAxMjM0NTY3ODk="
	key := func(s string) []byte {
		k, err := base64.StdEncoding.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	var mu sync.Mutex
	var heard []string
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		if r.Header.Get("Webhook-Signature") != webhook.Sign([][]byte{key(out)}, r.Header.Get("Webhook-Id"), r.Header.Get("Webhook-Timestamp"), b) {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		var e struct {
			Type string
			Data struct {
				Incident struct{ Number, Title string }
			}
		}
		json.Unmarshal(b, &e)
		mu.Lock()
		defer mu.Unlock()
		heard = append(heard, e.Type+" "+e.Data.Incident.Number)
		fmt.Fprint(w, `{"id":"T-1","url":"https://desk.example.com/T-1"}`)
	}))
	defer h.Close()
	s := prepare(t, t.TempDir(), quick+fmt.Sprintf(`
connectors:
  desk: {kind: webhook, url: '%s/in', signing_secrets: [env:DESK_OUT], webhook_secrets: [env:DESK_IN]}
`, h.URL))
	s.env = append(s.env, "DESK_OUT=whsec_"+out, "DESK_IN=whsec_"+in)
	s.run()
	s.do(http.MethodPost, "/webhooks/generic", event("firing", "checkout"), nil)
	eventually(t, "the record is known", func() bool {
		is := s.incidents()
		return len(is) == 1 && len(is[0].Links) == 1 && is[0].Links[0].URL == "https://desk.example.com/T-1"
	})
	send := func(id, body string) int {
		stamp := fmt.Sprint(time.Now().Unix())
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/webhooks/desk", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("webhook-id", id)
		req.Header.Set("webhook-timestamp", stamp)
		req.Header.Set("webhook-signature", webhook.Sign([][]byte{key(in)}, id, stamp, []byte(body)))
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.StatusCode
	}
	if status := send("m1", `{"type":"incident.acknowledge","data":{"incident":"signalbox/INC0000001/1","actor":"ada"}}`); status != http.StatusAccepted {
		t.Fatalf("answered %d", status)
	}
	var got incident
	eventually(t, "it is acknowledged", func() bool {
		s.do(http.MethodGet, "/api/v1/incidents/INC0000001", nil, &got)
		return got.AcknowledgedBy != nil && *got.AcknowledgedBy == "webhook:ada"
	})
	s.do(http.MethodPost, "/api/v1/incidents/INC0000001/resolve", map[string]string{}, nil)
	eventually(t, "the partner hears that it is over", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return strings.Join(heard, ", ") == "incident.trigger INC0000001, incident.resolve INC0000001"
	})
}

func TestWebhookConfiguration(t *testing.T) {
	t.Setenv("WH", "whsec_"+base64.StdEncoding.EncodeToString([]byte(strings.Repeat("k", 32))))
	for name, c := range map[string]struct{ connector, want string }{
		"no url":         {"{kind: webhook}", "connectors.desk.url: missing"},
		"no such":        {"{kind: webhook, url: 'https://x.example', mapping: zendsk}", `connectors.desk.mapping: "zendsk": expected a file, or one of clickup, discord`},
		"no file":        {"{kind: webhook, url: 'https://x.example', mapping: ./nowhere.yml}", "connectors.desk.mapping: open ./nowhere.yml"},
		"metadata":       {"{kind: webhook, url: 'http://169.254.169.254/x'}", "connectors.desk.url: "},
		"two signatures": {"{kind: webhook, url: 'https://x.example', webhook_secrets: [env:WH], auth: {hmac: [env:WH]}}", "connectors.desk.webhook_secrets: auth.hmac beside them"},
		"three":          {"{kind: webhook, url: 'https://x.example', webhook_secrets: [env:WH], auth: {zendesk: [env:WH]}}", "connectors.desk.webhook_secrets: auth.zendesk beside them"},
		"zendesk's, too": {"{kind: webhook, url: 'https://x.example', auth: {hmac: [env:WH], zendesk: [env:WH]}}", "zendesk: hmac beside it"},
		"signed":         {"{kind: webhook, url: 'https://x.example', mapping: zendesk, auth: {zendesk: [env:WH]}}", ""},
		"good":           {"{kind: webhook, url: 'https://x.example', mapping: zendesk, headers: {Authorization: env:WH}, vars: {agent: '1'}, auth: {bearer: [env:WH]}}", ""},
	} {
		s := prepare(t, t.TempDir(), "connectors:\n  desk: "+c.connector+"\n", "--check")
		out, err := cli(t, s.args...)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v\n%s\nwant %q", name, err, out, c.want)
		}
	}
}

func TestConnectorsExample(t *testing.T) {
	out, err := cli(t, "connectors", "example")
	if want := strings.Join(mapping.Examples(), "\n") + "\n"; err != nil || out != want {
		t.Errorf("%v, %q, want %q", err, out, want)
	}
	for _, name := range mapping.Examples() {
		if out, err := cli(t, "connectors", "example", name); err != nil || !strings.HasPrefix(out, "about: |\n") {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
	if _, err := cli(t, "connectors", "example", "nagios"); err == nil || !strings.Contains(err.Error(), "expected one of clickup") {
		t.Errorf("an unknown one: %v", err)
	}
}
