package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// TestTeamsHears: a channel gets a card when an incident opens and one when it is
// over, whose buttons lead here.
func TestTeamsHears(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var cards []string
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		if json.Valid(b) && r.URL.Query().Get("sig") == "S3CRET" {
			cards = append(cards, string(b))
		}
		w.WriteHeader(http.StatusAccepted)
	}))
	defer h.Close()
	s := prepare(t, t.TempDir(), quick+"\nconnectors:\n  channel: {kind: teams, url: env:TEAMS_URL}\n")
	s.env = append(s.env, "TEAMS_URL="+h.URL+"/invoke?sig=S3CRET")
	s.run()
	s.do(http.MethodPost, "/webhooks/generic", event("firing", "checkout"), nil)
	eventually(t, "the card is there", func() bool { mu.Lock(); defer mu.Unlock(); return len(cards) == 1 })
	s.do(http.MethodPost, "/api/v1/incidents/INC0000001/resolve", map[string]string{}, nil)
	eventually(t, "the card that it is over", func() bool { mu.Lock(); defer mu.Unlock(); return len(cards) == 2 })
	if !strings.Contains(cards[0], s.url+"/incidents/INC0000001/ask/acknowledge") || !strings.Contains(cards[1], "is resolved") {
		t.Errorf("cards %s", cards)
	}
	if strings.Contains(s.log.String(), "S3CRET") {
		t.Error("the log shows the address")
	}
}

func TestMessageConfiguration(t *testing.T) {
	t.Setenv("SMTP_BASIC", "signalbox:pw")
	t.Setenv("TEAMS_URL", "https://prod-1.westeurope.logic.azure.com/workflows/x/triggers/manual/paths/invoke?sig=S3CRET")
	for name, c := range map[string]struct{ connector, want string }{
		"mail":              {"{kind: email, smtp: 'smtp.example.com:587', basic: env:SMTP_BASIC, from: a@example.com, to: [b@example.com]}", ""},
		"mail by 465":       {"{kind: email, smtp: 'smtp.example.com:465', from: 'A <a@example.com>', to: [b@example.com]}", ""},
		"a relay":           {"{kind: email, smtp: '127.0.0.1:25', smtp_tls: none, from: a@example.com, to: [b@example.com]}", ""},
		"no server":         {"{kind: email, from: a@example.com, to: [b@example.com]}", "connectors.c.smtp: \"\": expected host:port"},
		"no port":           {"{kind: email, smtp: smtp.example.com, from: a@example.com, to: [b@example.com]}", "connectors.c.smtp: \"smtp.example.com\": expected host:port"},
		"metadata":          {"{kind: email, smtp: '169.254.169.254:25', from: a@example.com, to: [b@example.com]}", "connectors.c.smtp: "},
		"no from":           {"{kind: email, smtp: 'smtp.example.com:587', to: [b@example.com]}", "connectors.c.from: "},
		"nobody":            {"{kind: email, smtp: 'smtp.example.com:587', from: a@example.com}", "connectors.c.to: 0 addresses"},
		"TLS":               {"{kind: email, smtp: 'smtp.example.com:587', smtp_tls: maybe, from: a@example.com, to: [b@example.com]}", "connectors.c.smtp_tls: \"maybe\""},
		"password in clear": {"{kind: email, smtp: 'smtp.example.com:25', smtp_tls: none, basic: env:SMTP_BASIC, from: a@example.com, to: [b@example.com]}", "connectors.c.smtp_tls: none, with a password"},
		"teams":             {"{kind: teams, url: env:TEAMS_URL}", ""},
		"teams without url": {"{kind: teams}", "connectors.c.url: missing"},
		"a key of another":  {"{kind: teams, url: env:TEAMS_URL, smtp: 'x:1'}", "connectors.c.smtp: not a key of kind teams"},
	} {
		s := prepare(t, t.TempDir(), "connectors:\n  c: "+c.connector+"\n", "--check")
		out, err := cli(t, s.args...)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v\n%s\nwant %q", name, err, out, c.want)
		}
	}
}
