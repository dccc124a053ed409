package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// Each verb of the command says to the API what its words say.
func TestIncidentsCommand(t *testing.T) {
	t.Parallel()
	var path, body string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		path, body = r.Method+" "+r.URL.RequestURI(), string(b)
		io.WriteString(w, `{"number":"INC0000001","title":"db down","state":"new","priority":"P1","alert_count":3,"parent":null,"major":{"state":"accepted","by":"mira","because":"yes"},"items":[]}`)
	}))
	defer srv.Close()
	for _, tc := range []struct{ line, path, body string }{
		{"acknowledge INC0000001", "acknowledge", `{}`},
		{"resolve INC0000001 --close-code fixed --note done", "resolve", `{"close_code":"fixed","note":"done"}`},
		{"hold INC0000001 vendor", "hold", `{"reason":"vendor"}`},
		{"priority INC0000001 computed", "priority", `{"priority":null}`},
		{"priority INC0000001 P2", "priority", `{"priority":"P2"}`},
		{"note INC0000001 hello", "notes", `{"text":"hello"}`},
		{"split INC0000001 ALR0000001 ALR0000002", "split", `{"alerts":["ALR0000001","ALR0000002"]}`},
		{"undo INC0000001", "undo", `{}`},
		{"parent INC0000001 INC0000002", "parent", `{"parent":"INC0000002"}`},
		{"parent INC0000001 none", "parent", `{"parent":null}`},
		{"attach INC0000001 https://g.example/ --title Graph", "attach", `{"title":"Graph","url":"https://g.example/"}`},
		{"watch INC0000001", "watch", `{}`},
		{"major accept INC0000001 --reason yes", "major/accept", `{"reason":"yes"}`},
	} {
		cmd := incidentsCommand()
		var out strings.Builder
		cmd.SetOut(&out)
		cmd.SetArgs(append(strings.Fields(tc.line), "--server", srv.URL, "--token", "x"))
		if err := cmd.Execute(); err != nil {
			t.Errorf("%s: %v", tc.line, err)
		}
		if path != "POST /api/v1/incidents/INC0000001/"+tc.path || body != tc.body {
			t.Errorf("%s: sent %s %s, want %s %s", tc.line, path, body, tc.path, tc.body)
		}
		if !strings.Contains(out.String(), "INC0000001  P1  new  db down") || !strings.Contains(out.String(), "accepted by mira") {
			t.Errorf("%s: told %q", tc.line, out.String())
		}
	}
	cmd := incidentsCommand()
	var out strings.Builder
	cmd.SetOut(&out)
	cmd.SetArgs([]string{"show", "INC0000001", "--json", "--server", srv.URL, "--token", "x"})
	if err := cmd.Execute(); err != nil || !json.Valid([]byte(out.String())) {
		t.Errorf("show --json: %v %q", err, out.String())
	}
}
