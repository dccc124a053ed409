package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// The command sends what its words say, tells of each incident, and fails when one
// was refused.
func TestIncidentsBulk(t *testing.T) {
	t.Parallel()
	var got string
	answer := `{"action":"x","done":1,"unchanged":0,"refused":0,"results":[{"incident":"INC0000001","result":"done","code":null,"detail":null}]}`
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		got = r.Method + " " + r.URL.RequestURI() + " " + string(b)
		io.WriteString(w, answer)
	}))
	defer srv.Close()
	run := func(line string) (string, error) {
		cmd := incidentsCommand()
		var out strings.Builder
		cmd.SetOut(&out)
		cmd.SetErr(io.Discard)
		cmd.SetArgs(append(strings.Fields(line), "--server", srv.URL, "--token", "x"))
		err := cmd.Execute()
		return out.String(), err
	}
	for _, tc := range []struct{ line, body string }{
		{"bulk resolve INC0000001 INC0000002 --close-code fixed --note done", `{"action":"resolve","body":{"close_code":"fixed","note":"done"},"incidents":["INC0000001","INC0000002"]}`},
		{"bulk acknowledge INC0000001", `{"action":"acknowledge","body":{},"incidents":["INC0000001"]}`},
		{"bulk parent INC0000001 --parent none", `{"action":"parent","body":{"parent":null},"incidents":["INC0000001"]}`},
		{"bulk assign INC0000001 --group dba", `{"action":"assign","body":{"group":"dba"},"incidents":["INC0000001"]}`},
	} {
		out, err := run(tc.line)
		if err != nil || got != "POST /api/v1/incidents/bulk "+tc.body || !strings.Contains(out, "INC0000001  done") {
			t.Errorf("%s: %v, sent %s, told %q", tc.line, err, got, out)
		}
	}
	answer = `{"action":"x","done":0,"unchanged":0,"refused":1,"results":[{"incident":"INC0000001","result":"refused","code":"conflict","detail":"it is closed"}]}`
	if out, err := run("bulk resolve INC0000001"); err == nil || !strings.Contains(out, "it is closed") {
		t.Errorf("a refusal: %v, told %q", err, out)
	}
}

// The commands about views send what their words say.
func TestIncidentsViews(t *testing.T) {
	t.Parallel()
	var got string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		got = r.Method + " " + r.URL.RequestURI() + " " + string(b)
		one := `{"id":"VIW0000001","name":"Night","owner":"ann","team":null,"default":true,"filter":{"state":["new"],"priority":["P1"],"q":"db 1"}}`
		if r.Method == http.MethodGet {
			one = `{"items":[` + one + `]}`
		}
		io.WriteString(w, one)
	}))
	defer srv.Close()
	for _, tc := range []struct {
		args []string
		want string
	}{
		{[]string{"list"}, "GET /api/v1/views "},
		{[]string{"save", "Night shift", "--priority", "P1,P2", "--team-of", "mine", "--share", "dba"}, `POST /api/v1/views {"filter":{"priority":["P1","P2"],"team":["mine"]},"name":"Night shift","team":"dba"}`},
		{[]string{"change", "VIW0000001", "--name", "Day"}, `PATCH /api/v1/views/VIW0000001 {"name":"Day"}`},
		{[]string{"default", "VIW0000001"}, `POST /api/v1/views/VIW0000001/default {"default":true}`},
		{[]string{"remove", "VIW0000001"}, `DELETE /api/v1/views/VIW0000001 `},
	} {
		cmd := incidentsCommand()
		var out strings.Builder
		cmd.SetOut(&out)
		cmd.SetArgs(append(append([]string{"views"}, tc.args...), "--server", srv.URL, "--token", "x"))
		if err := cmd.Execute(); err != nil || got != tc.want || !strings.Contains(out.String(), "Night") || !strings.Contains(out.String(), "priority=P1&q=db 1&state=new") {
			t.Errorf("%v: %v, sent %s, want %s, told %q", tc.args, err, got, tc.want, out.String())
		}
	}
}
