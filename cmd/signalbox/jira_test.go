package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"signalbox/connectors/connectortest"
	"signalbox/connectors/jira/jiratest"
	"signalbox/connectors/opsgenie/opsgenietest"
)

// partnerSays lets reports of a partner's changes go to our webhook.
func partnerSays(t *testing.T, p *connectortest.Partner, url string, body func(connectortest.Change) []byte, sign func(*http.Request, []byte)) {
	p.Reports(func(c connectortest.Change) {
		b := body(c)
		if b == nil {
			return
		}
		go func() { // the partner's people do not wait for us
			r, err := http.NewRequest(http.MethodPost, url, bytes.NewReader(b))
			if err != nil {
				return
			}
			sign(r, b)
			if resp, err := http.DefaultClient.Do(r); err == nil {
				resp.Body.Close()
			}
		}()
	})
}

// TestTicketsBothWays: an incident is a record there; a person there acknowledges
// it, and it is so here, in their name; what clears here is over there; and nothing
// of it comes back as news.
func TestTicketsBothWays(t *testing.T) {
	t.Setenv("P_BASIC", jiratest.User+":"+jiratest.Password)
	t.Setenv("P_KEY", opsgenietest.Key)
	t.Setenv("P_SECRET", "s3cret")
	for name, c := range map[string]struct {
		site   func(p *connectortest.Partner) http.Handler
		config string
		report func(connectortest.Change) []byte
		sign   func(*http.Request, []byte)
		by     string
	}{
		"jira": {jiratest.Front, "kind: jira, basic: env:P_BASIC, project: OPS, own_users: ['" + jiratest.AccountID + "']", jiratest.Report, func(r *http.Request, b []byte) {
			mac := hmac.New(sha256.New, []byte("s3cret"))
			mac.Write(b)
			r.Header.Set("X-Hub-Signature", "sha256="+hex.EncodeToString(mac.Sum(nil)))
		}, "jira:Jane"},
		"jsm_ops": {opsgenietest.Front, "kind: jsm_ops, api_token: env:P_KEY", opsgenietest.Report, func(r *http.Request, _ []byte) { r.Header.Set("Authorization", "Bearer s3cret") }, "opsgenie:Jane"},
	} {
		t.Run(name, func(t *testing.T) {
			p := connectortest.NewPartner()
			h := httptest.NewServer(c.site(p))
			t.Cleanup(h.Close)
			s := start(t, t.TempDir(), quick+fmt.Sprintf("\nconnectors:\n  tickets: {%s, api_url: '%s', webhook_secrets: [env:P_SECRET]}\n", c.config, h.URL))
			partnerSays(t, p, s.url+"/webhooks/tickets", c.report, c.sign)
			s.do(http.MethodPost, "/webhooks/generic", event("firing", "checkout"), nil)
			record := func() connectortest.Object {
				if all := p.Titled("checkout"); len(all) == 1 {
					return all[0]
				}
				return connectortest.Object{}
			}
			eventually(t, "the record is there, and its link known here", func() bool {
				is := s.incidents()
				return record().ID != "" && len(is) == 1 && len(is[0].Links) == 1
			})
			p.Edit("Jane", record().ID, func(o *connectortest.Object) { o.Status = connectortest.Acknowledged })
			var in incident
			eventually(t, "the acknowledgement is here", func() bool {
				s.do(http.MethodGet, "/api/v1/incidents/INC0000001", nil, &in)
				return in.AcknowledgedBy != nil
			})
			if *in.AcknowledgedBy != c.by {
				t.Errorf("acknowledged by %q, want %q", *in.AcknowledgedBy, c.by)
			}
			s.do(http.MethodPost, "/webhooks/generic", event("resolved", "checkout"), nil)
			eventually(t, "it is over there", func() bool { return record().Status == connectortest.Resolved })
			time.Sleep(500 * time.Millisecond) // an echo would come now
			s.do(http.MethodGet, "/api/v1/incidents/INC0000001", nil, &in)
			if in.State != "resolved" || len(p.Titled("checkout")) != 1 {
				t.Errorf("it is %s here, with %d records there", in.State, len(p.Titled("checkout")))
			}
		})
	}
}
