package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"signalbox/itsm"
)

// tool runs a command of the program against a server.
func tool(t *testing.T, s *server, stdin string, args ...string) (string, error) {
	t.Helper()
	var out, errs bytes.Buffer
	err := run(t.Context(), append(args, "--server", s.url, "--token", adminToken, "--data-dir", s.dir), strings.NewReader(stdin), &out, &errs)
	return out.String(), err
}

func mustTool(t *testing.T, s *server, stdin string, args ...string) string {
	t.Helper()
	out, err := tool(t, s, stdin, args...)
	if err != nil {
		t.Fatalf("signalbox %s: %v", strings.Join(args, " "), err)
	}
	return out
}

// statusWith calls an address with a token.
func statusWith(t *testing.T, s *server, token, path string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}

// TestPeopleByCommand is the administrator's day: users, a token, a team, the audit;
// what survives a restart and a rebuilt view; and the way back in when locked out.
func TestPeopleByCommand(t *testing.T) {
	t.Parallel()
	heads := filepath.Join(t.TempDir(), "heads.jsonl")
	s := start(t, t.TempDir(), "audit: {head_file: "+heads+", head_every: 1s}\n")
	if out := mustTool(t, s, "correct horse battery\n", "users", "add", "ada", "--role", "admin", "--password-stdin"); out != "" {
		t.Errorf("users add printed %q, want nothing: the password was given", out)
	}
	if out := mustTool(t, s, "", "users", "add", "bob", "--role", "responder", "--title", "=Bob"); len(strings.TrimSpace(out)) != 24 {
		t.Errorf("users add printed %q, want a password", out)
	}
	if _, err := tool(t, s, "", "users", "disable", "ada"); err == nil || !strings.Contains(err.Error(), "last administrator") {
		t.Errorf("disable the last administrator: %v", err)
	}
	mustTool(t, s, "", "teams", "set", "payments", "--members", "bob", "--services", "svc-pay")
	secret := strings.TrimSpace(mustTool(t, s, "", "token", "create", "laptop", "--owner", "bob", "--role", "viewer", "--days", "3"))
	if out := mustTool(t, s, "", "users", "list"); !strings.Contains(out, "ada") || !strings.Contains(out, "responder") {
		t.Errorf("users list:\n%s", out)
	}
	list := mustTool(t, s, "", "token", "list")
	if !strings.Contains(list, "laptop") || strings.Contains(list, secret) {
		t.Errorf("token list:\n%s", list)
	}
	if got := statusWith(t, s, secret, "/api/v1/incidents?team=mine"); got != http.StatusOK {
		t.Errorf("with the token: %d", got)
	}
	var page struct{ Items []itsm.AuditLine }
	s.do("GET", "/api/v1/audit?object=user/ada", nil, &page)
	if len(page.Items) != 2 || page.Items[0].Result != itsm.AuditRefused || page.Items[1].Actor != "api:admin" {
		t.Errorf("audit of ada: %+v", page.Items)
	}
	rows, err := csv.NewReader(strings.NewReader(mustTool(t, s, "", "audit", "--format", "csv", "--actor", "api:admin"))).ReadAll()
	if err != nil || len(rows) < 5 || rows[0][0] != "offset" {
		t.Errorf("audit as CSV: %d rows, %v", len(rows), err)
	}
	if out := mustTool(t, s, "", "audit", "--object", "user/bob", "--limit", "1", "--format", "json"); json.Unmarshal([]byte(out), new(itsm.AuditLine)) != nil {
		t.Errorf("audit as JSON: %q", out)
	}
	s.stop()

	// Nothing of it depends on the view.
	if err := run(t.Context(), []string{"rebuild", "--data-dir", s.dir}, nil, &bytes.Buffer{}, &bytes.Buffer{}); err != nil {
		t.Fatal(err)
	}
	// Locked out: the host's own command gives ada another password.
	if _, err := tool(t, s, "battery staple horse\n", "users", "password", "ada", "--password-stdin", "--offline"); err != nil {
		t.Fatal(err)
	}
	if _, err := tool(t, s, "", "users", "disable", "ada", "--offline"); err != nil {
		t.Fatal(err) // it is written; the fold refuses it
	}
	s.run()
	if got := statusWith(t, s, secret, "/api/v1/me"); got != http.StatusOK {
		t.Errorf("the token after a rebuilt view: %d", got)
	}
	s.do("GET", "/api/v1/audit?object=user/ada&limit=2", nil, &page)
	if len(page.Items) != 2 || page.Items[0].Result != itsm.AuditRefused || page.Items[1].Actor != "cli:host" || page.Items[1].Result != itsm.AuditDone {
		t.Errorf("audit of the way back in: %+v", page.Items)
	}
	list = strings.Fields(list[strings.Index(list, "\n"):])[0]
	mustTool(t, s, "", "token", "revoke", list)
	if got := statusWith(t, s, secret, "/api/v1/me"); got != http.StatusUnauthorized {
		t.Errorf("the token, revoked: %d", got)
	}
	s.stop()
	var out bytes.Buffer
	if err := run(t.Context(), []string{"journal", "verify", "--data-dir", s.dir, "--heads", heads}, nil, &out, &out); err != nil || !strings.Contains(out.String(), "hold") {
		t.Errorf("journal verify --heads: %v\n%s", err, out.String())
	}
}

func TestHeadsOfAnotherJournal(t *testing.T) {
	t.Parallel()
	heads := filepath.Join(t.TempDir(), "heads.jsonl")
	a := start(t, t.TempDir(), "audit: {head_file: "+heads+"}\n")
	mustTool(t, a, "", "users", "add", "ada", "--role", "viewer")
	a.stop()
	b := start(t, t.TempDir(), "")
	mustTool(t, b, "", "users", "add", "eve", "--role", "viewer")
	b.stop()
	var out bytes.Buffer
	if err := run(t.Context(), []string{"journal", "verify", "--data-dir", b.dir, "--heads", heads}, nil, &out, &out); err == nil || !strings.Contains(out.String(), "forged") {
		t.Errorf("heads of another journal: %v\n%s", err, out.String())
	}
}
