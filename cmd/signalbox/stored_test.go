package main

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"signalbox/cmd/internal/conf"
	"signalbox/itsm"
	"signalbox/itsm/partners"
)

type configured struct {
	Text    string   `json:"text"`
	Version string   `json:"version"`
	InFile  []string `json:"in_file"`
	MayCall []string `json:"may_call"`
	Pending bool     `json:"pending"`
	Secrets []struct {
		Name string `json:"name"`
		Used bool   `json:"used"`
	} `json:"secrets"`
}

// An administrator without a shell on the host connects a partner: the secret and the
// connector by the API, then a restart; it is told of the next incident, and the audit
// says who did it.
func TestConnectorOfTheConsole(t *testing.T) {
	var told atomic.Int32
	partner := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err == nil && r.Header.Get("X-Key") == "s3cret" && strings.Contains(string(b), "INC0000001") {
			told.Add(1)
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	defer partner.Close()
	dir := t.TempDir()
	s := start(t, dir, quick+"console: {may_call: [127.0.0.1]}\n")
	const at = "/api/v1/configuration/connectors"
	var c configured
	if status := s.do(http.MethodGet, at, nil, &c); status != http.StatusOK || c.Text != "" || c.Pending {
		t.Fatalf("at first: %d %+v", status, c)
	}
	doc := "connectors:\n  ours:\n    kind: webhook\n    url: " + partner.URL + "\n    headers: {X-Key: stored:our_key}\n    signing_secrets: [stored:sign]\n    sweep_every: 0\n"
	put := func(text string) (int, string) {
		t.Helper()
		status, b, err := s.try(http.MethodPut, at, map[string]string{"text": text, "version": c.Version})
		if err != nil {
			t.Fatal(err)
		}
		return status, string(b)
	}
	if status, b := put(doc); status != http.StatusBadRequest || !strings.Contains(b, "our_key") {
		t.Errorf("before its secret is stored: %d %s", status, b)
	}
	if status, b := put(strings.Replace(doc, "webhook", "webhok", 1)); status != http.StatusBadRequest || !strings.Contains(b, `line 3: connectors.ours.kind: \"webhok\": expected`) {
		t.Errorf("with a mistake: %d %s", status, b)
	}
	for name, value := range map[string]string{"our_key": "s3cret", "sign": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "spare": "x"} {
		if status := s.do(http.MethodPut, "/api/v1/configuration/secrets/"+name, map[string]string{"value": value}, nil); status != http.StatusOK {
			t.Fatalf("secret %s: %d", name, status)
		}
	}
	if status, b := put(strings.Replace(doc, partner.URL, "http://[::1]:9200", 1)); status != http.StatusBadRequest || !strings.Contains(b, "connectors.ours: ::1 is not a public address") || !strings.Contains(b, "console.may_call") {
		t.Errorf("at an address that it may not call: %d %s", status, b)
	}
	if status, b := put(doc); status != http.StatusOK {
		t.Fatalf("saved: %d %s", status, b)
	}
	if status, b := put(doc + "# mine\n"); status != http.StatusPreconditionFailed {
		t.Errorf("over somebody else's: %d %s", status, b)
	}
	s.do(http.MethodGet, at, nil, &c)
	if !c.Pending || c.Text != doc || strings.Join(c.MayCall, " ") != "127.0.0.1" || len(c.Secrets) != 3 || !c.Secrets[0].Used || c.Secrets[2].Used {
		t.Errorf("kept: %+v", c)
	}
	if status, b, err := s.try(http.MethodPut, "/api/v1/configuration/secrets/sign", map[string]string{"value": "whsec_junk"}); err != nil || status != http.StatusBadRequest || !strings.Contains(string(b), "signing_secrets") {
		t.Errorf("a secret that its connector cannot be made with: %d %s %v", status, b, err)
	}
	if b, err := os.ReadFile(filepath.Join(dir, conf.SecretsDir, "sign")); err != nil || string(b) != "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" {
		t.Errorf("after that it is %q, %v", b, err)
	}
	if status := s.do(http.MethodDelete, "/api/v1/configuration/secrets/sign", nil, nil); status != http.StatusConflict {
		t.Errorf("a used secret is removed: %d", status)
	}
	if status := s.do(http.MethodDelete, "/api/v1/configuration/secrets/spare", nil, nil); status != http.StatusOK {
		t.Errorf("a spare secret is removed: %d", status)
	}
	if info, err := os.Stat(filepath.Join(dir, conf.SecretsDir, "our_key")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the secret's file: %v %v", info, err)
	}
	pid := s.cmd.Process.Pid
	if status := s.do(http.MethodPost, "/api/v1/configuration/restart", nil, nil); status != http.StatusOK {
		t.Fatalf("restart: %d", status)
	}
	eventually(t, "the connector is there", func() bool {
		status, _, err := s.try(http.MethodGet, "/api/v1/connectors/ours", nil)
		return err == nil && status == http.StatusOK
	})
	if s.cmd.Process.Pid != pid || len(s.done) > 0 {
		t.Error("it is another process now")
	}
	s.webhook(event("firing", "checkout"))
	eventually(t, "the partner is told", func() bool { return told.Load() > 0 })
	if s.do(http.MethodGet, at, nil, &c); c.Pending {
		t.Error("still pending after the restart")
	}
	s.do(http.MethodPut, "/api/v1/configuration/secrets/our_key", map[string]string{"value": "n3w"}, nil)
	if s.do(http.MethodGet, at, nil, &c); !c.Pending {
		t.Error("a secret was replaced, and nothing is pending")
	}
	out, err := cli(t, "audit", "--server", s.url, "--token", adminToken, "--object", "configuration/connectors")
	if err != nil || !strings.Contains(out, "configure") || !strings.Contains(out, "ours") || strings.Contains(out, "s3cret") {
		t.Errorf("the audit: %v\n%s", err, out)
	}

	// A mistake that came another way keeps the server from ending itself.
	if err := os.WriteFile(filepath.Join(dir, conf.StoredFile), []byte("connectors: [\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if status := s.do(http.MethodPost, "/api/v1/configuration/restart", nil, nil); status != http.StatusConflict {
		t.Errorf("restart into a mistake: %d", status)
	}

	// Who ends the server while it is about to start again ends it.
	if err := os.Remove(filepath.Join(dir, conf.StoredFile)); err != nil {
		t.Fatal(err)
	}
	if status := s.do(http.MethodPost, "/api/v1/configuration/restart", nil, nil); status != http.StatusOK {
		t.Errorf("another restart: %d", status)
	}
	s.stop()
}

// Every example that the console offers is right as soon as its secrets are stored.
func TestConnectorExamples(t *testing.T) {
	dir := t.TempDir()
	k := &keeper{o: serveOptions{config: filepath.Join(dir, "none.yml"), dataDir: dir}, do: func(context.Context, itsm.Act) (itsm.Outcome, error) { return itsm.Outcome{}, nil }}
	ctx, by := context.Background(), partners.Admin{Actor: "console:ada"}
	values := map[string]string{"teams_url": "https://example.com/workflows/1"}
	all := "connectors:\n"
	for _, e := range k.Examples() {
		if e.Text == "" {
			t.Errorf("kind %s has no example", e.Kind)
		}
		all += e.Text
	}
	for _, part := range strings.Split(all, "stored:")[1:] {
		name := part[:strings.IndexFunc(part, func(r rune) bool { return !conf.IsSecretName(string(r)) })]
		value := values[name]
		if value == "" {
			value = "user:password"
		}
		if err := k.SaveSecret(ctx, name, value, by); err != nil {
			t.Fatal(err)
		}
	}
	if ps := k.CheckKept(all); ps != nil {
		t.Errorf("all examples: %q", ps)
	}
	if err := k.SaveKept(ctx, all, versionOf(""), by); err != nil {
		t.Error(err)
	}
	if kept, err := k.Kept(); err != nil || kept.Text != all {
		t.Errorf("kept: %v", err)
	}
}
