package main

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// cli runs a command as a person would and returns what it printed.
func cli(t testing.TB, args ...string) (string, error) {
	t.Helper()
	return cliFrom(t, "", args...)
}

// cliFrom is cli with standard input.
func cliFrom(t testing.TB, stdin string, args ...string) (string, error) {
	t.Helper()
	var out lockedBuffer
	err := run(t.Context(), args, strings.NewReader(stdin), &out, &out)
	return out.String(), err
}

func TestCMDBByCommandLine(t *testing.T) {
	s := start(t, t.TempDir(), "")
	dir := t.TempDir()
	file := func(name, text string) string {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return p
	}
	cmdb := func(args ...string) (string, error) {
		return cli(t, append([]string{"cmdb", "--server", s.url, "--token", adminToken}, args...)...)
	}
	good := file("good.yaml", "cis:\n  - {id: a, name: a, class: Service}\n  - {id: b, name: b, class: Database}\nrelations:\n  - {from: a, type: depends_on, to: b}\n")
	out, err := cmdb("import", "--dry-run", good)
	if err != nil || !strings.Contains(out, "+ a\n") || !strings.Contains(out, "+ a depends_on b") || !strings.Contains(out, "nothing was changed") {
		t.Errorf("dry run: %v\n%s", err, out)
	}
	if out, err = cmdb("export"); err != nil || strings.Contains(out, "depends_on") {
		t.Errorf("a dry run changed something: %v\n%s", err, out)
	}
	if out, err = cmdb("import", good); err != nil || !strings.Contains(out, "CIs: 2 added") {
		t.Errorf("import: %v\n%s", err, out)
	}
	bad := file("bad.yaml", "cis:\n  - {id: c, name: c, class: Service}\n  - {id: d, class: Service, tier: 9}\nrelations:\n  - {from: c, type: depends_on, to: nowhere}\n")
	out, err = cmdb("import", bad)
	if err == nil || !strings.Contains(out, "line 3") || !strings.Contains(out, "tier") || !strings.Contains(out, "expected a number") {
		t.Errorf("bad file: %v\n%s", err, out)
	}
	dangling := file("dangling.yaml", "relations:\n  - {from: a, type: depends_on, to: nowhere}\n")
	if out, err = cmdb("import", dangling); err == nil || !strings.Contains(out, "line 2") || !strings.Contains(out, "nowhere") {
		t.Errorf("relation to an unknown CI: %v\n%s", err, out)
	}
	if out, err = cmdb("export", "--format", "json"); err != nil || strings.Contains(out, `"c"`) || !strings.Contains(out, `"a"`) {
		t.Errorf("half of a bad file was applied: %v\n%s", err, out)
	}
	cis := file("cis.csv", "id,name,class,tier,aliases\nx,x,Server,2,x.example.com|10.0.0.7\n")
	relations := file("relations.csv", "from,type,to\na,runs_on,x\n")
	if out, err = cmdb("import", relations, cis); err != nil || !strings.Contains(out, "+ x\n") || !strings.Contains(out, "+ a runs_on x") {
		t.Errorf("pair of CSV files: %v\n%s", err, out)
	}
	// The pair is sent as one; what the server finds is told by the files' own lines.
	more := file("more-cis.csv", "id,colour,name,class\n\"y\",red,y,Server\nab,,ab,Server\n")
	for relations, wants := range map[string][]string{
		"to,note,from,type\ny,,ab,runs_on\nnowhere,,ab,runs_on\n": {"more-cis.csv: line 1: ", "(warning)", `relations.csv: line 3: to "nowhere"`},
		"to,from,type\ny,ab,runs_on\ny,ab,befriends\n":            {"more-cis.csv: line 1: ", `relations.csv: line 3: type "befriends"`, "+ ab befriends y"},
	} {
		out, err = cmdb("import", "--dry-run", more, file("odd-relations.csv", relations))
		for _, want := range wants {
			if (err != nil) != strings.Contains(relations, "nowhere") || !strings.Contains(out, want) {
				t.Errorf("odd pair: %v, want %q in\n%s", err, want, out)
			}
		}
	}
	if out, err = cmdb("import", "--format", "xml", "-"); err == nil || !strings.Contains(err.Error(), "expected yaml, json") {
		t.Errorf("format: %v\n%s", err, out)
	}
	if out, err = cliFrom(t, "cis: [{id: piped, name: piped, class: Server}]\n", "cmdb", "--server", s.url, "--token", adminToken, "import", "--format", "yaml", "-"); err != nil || !strings.Contains(out, "+ piped") {
		t.Errorf("YAML by standard input: %v\n%s", err, out)
	}
	var ci struct{ Aliases []string }
	if status := s.do(http.MethodGet, "/api/v1/cmdb/cis/x", nil, &ci); status != http.StatusOK || len(ci.Aliases) != 2 {
		t.Errorf("CI from CSV: %d %+v", status, ci)
	}
	exported, err := cmdb("export")
	if err != nil {
		t.Fatal(err)
	}
	if out, err = cmdb("import", "--dry-run", file("again.yaml", exported)); err != nil || strings.Contains(out, "+ ") || strings.Contains(out, "~ ") {
		t.Errorf("export and import differ: %v\n%s", err, out)
	}
}

// eachCommand calls fn for a command and all below it that are ours.
func eachCommand(c *cobra.Command, fn func(*cobra.Command)) {
	fn(c)
	for _, sub := range c.Commands() {
		eachCommand(sub, fn)
	}
}

func TestMistypedCommandsAreErrors(t *testing.T) {
	groups := 0
	eachCommand(rootCommand(), func(c *cobra.Command) {
		if !c.HasSubCommands() || c.Args != nil { // backup takes a file
			return
		}
		groups++
		sub := c.Commands()[0].Name()
		wrong := sub[:1] + sub[2:]
		out, err := cli(t, append(strings.Fields(c.CommandPath())[1:], wrong)...)
		if err == nil || !strings.Contains(err.Error(), "unknown command") || !strings.Contains(err.Error(), sub) {
			t.Errorf("%s %s: %v, want an error that names %s\n%s", c.CommandPath(), wrong, err, sub, out)
		}
	})
	if groups < 3 {
		t.Errorf("%d commands with subcommands were tried, want signalbox, journal and cmdb", groups)
	}
}

func TestCheckAndHelp(t *testing.T) {
	eachCommand(rootCommand(), func(c *cobra.Command) {
		words := strings.Fields(c.CommandPath())[1:]
		out, err := cli(t, append(words, "--help")...)
		if err != nil || !strings.Contains(out, "Usage:") || c.Short == "" {
			t.Errorf("%v --help: %v\n%s", words, err, out)
		}
	})
	file := filepath.Join(t.TempDir(), "s.yml")
	check := func(text string) (string, error) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return cli(t, "serve", "--check", "--config", file)
	}
	if out, err := check("listen: 127.0.0.1:1\n"); err != nil || !strings.Contains(out, "good") {
		t.Errorf("good configuration: %v %s", err, out)
	}
	t.Setenv("CHECK_KEY", "k")
	t.Setenv("SIGNALBOX_ADMIN_TOKEN", "")
	const deaf = "connectors:\n  pd: {kind: pagerduty, routing_key: 'env:CHECK_KEY', webhook_secrets: ['env:CHECK_KEY']}\n"
	if out, err := check(deaf); err != nil || !strings.Contains(out, "warning: connectors.pd.api_token is not set") || !strings.Contains(out, "good") {
		t.Errorf("webhooks without a token to ask with: %v %s", err, out)
	}
	for text, want := range map[string]string{
		"lsten: x\n": "unknown key",
		"listen: 0.0.0.0:8080\nsources:\n  am: {kind: alertmanager}\n":                     "no credentials",
		"auth: {admin_token: 'env:NOT_SET_ANYWHERE'}\n":                                    "auth.admin_token: secret env:NOT_SET_ANYWHERE",
		"tls: {cert_file: /nowhere/c.pem, key_file: /nowhere/k.pem}\n":                     "tls: cert_file /nowhere/c.pem",
		"log: {level: info}\nlisten: 127.0.0.1:99999\n":                                    `s.yml:2: listen: "127.0.0.1:99999": expected a port`,
		"listen: 0.0.0.0:8080\n":                                                           "no source has credentials",
		"sources:\n  am: {kind: alertmanager, auth: {bearer: ['env:NOT_SET_ANYWHERE']}}\n": "NOT_SET_ANYWHERE",
		"connectors:\n  pd: {kind: pagerduty, routing_key: 'file:/nowhere/at/all'}\n":      "connectors.pd.routing_key",
		"connectors:\n  pd: {kind: pagerduty}\n":                                           "connectors.pd.routing_key",
	} {
		if _, err := check(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
	if _, err := cli(t, "serve", "--check", "--listen", "127.0.0.1:99999"); err == nil || !strings.Contains(err.Error(), "expected a port") {
		t.Errorf("a port beyond all ports: %v", err)
	}
}

func TestReplayIsTheSameEveryTime(t *testing.T) {
	dir := t.TempDir()
	events := filepath.Join(dir, "events.jsonl")
	lines := `{"id":"e1","status":"firing","severity":"critical","title":"db down","startsAt":"2026-01-01T00:00:00Z","labels":{"service":"db"}}
{"id":"e2","status":"firing","severity":"critical","title":"shop down","startsAt":"2026-01-01T00:00:20Z","labels":{"service":"shop"}}
{"id":"e3","status":"firing","severity":"critical","title":"db down","startsAt":"2026-01-01T00:00:00Z","labels":{"service":"db"}}
{"at":"2026-01-01T00:01:00Z","source":"alertmanager","body":{"version":"4","groupKey":"g","status":"firing","alerts":[{"status":"firing","labels":{"alertname":"X","service":"mail"},"annotations":{"alert_id":"e4"},"startsAt":"2026-01-01T00:00:30Z","endsAt":"0001-01-01T00:00:00Z","fingerprint":"f1"}]}}
{"id":"e5","status":"resolved","title":"db down","startsAt":"2026-01-01T00:00:00Z","endsAt":"2026-01-01T00:02:00Z","labels":{"service":"db"}}
not json at all
`
	cmdb := filepath.Join(dir, "cmdb.yaml")
	for p, text := range map[string]string{events: lines, cmdb: "cis:\n  - {id: db, name: db, class: Service}\n  - {id: shop, name: shop, class: Service}\nrelations:\n  - {from: shop, type: depends_on, to: db}\n"} {
		if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var first map[string]string
	for _, batch := range []string{"1", "7", "1000"} {
		out := filepath.Join(dir, "out-"+batch)
		if msg, err := cli(t, "replay", "--events", events, "--cmdb", cmdb, "--out", out, "--batch", batch); err != nil {
			t.Fatalf("%v\n%s", err, msg)
		}
		got := map[string]string{}
		for _, f := range []string{"members.jsonl", "incidents.jsonl", "problems.jsonl", "summary.json"} {
			b, err := os.ReadFile(filepath.Join(out, f))
			if err != nil {
				t.Fatal(err)
			}
			got[f] = string(b)
		}
		if first == nil {
			first = got
		}
		for f := range got {
			if got[f] != first[f] {
				t.Errorf("batch %s: %s differs:\n%s\n%s", batch, f, got[f], first[f])
			}
		}
	}
	var sum map[string]any
	if err := json.Unmarshal([]byte(first["summary.json"]), &sum); err != nil {
		t.Fatal(err)
	}
	eachKey(sum, func(k string) {
		if k != strings.ToLower(k) {
			t.Errorf("field %q of the summary is not snake_case", k)
		}
	})
	if totals, ok := sum["totals"].(map[string]any); !ok || totals["accepted"] != 6.0 || totals["open_incidents"] == nil || totals["sources"] == nil {
		t.Errorf("totals of the summary: %v", sum["totals"])
	}
	want := `{"alert_id":"e1","incident_id":"INC0000001","ci":"db"}
{"alert_id":"e2","incident_id":"INC0000001","ci":"shop"}
{"alert_id":"e3","incident_id":"INC0000001","ci":"db"}
{"alert_id":"e4","incident_id":"INC0000002","ci":"service:mail"}
{"alert_id":"e5","incident_id":"INC0000001","ci":"db"}
`
	if first["members.jsonl"] != want {
		t.Errorf("members:\n%s", first["members.jsonl"])
	}
	if !strings.Contains(first["incidents.jsonl"], `"root_causes":["db"`) || !strings.Contains(first["summary.json"], `"undecodable_lines": 1`) {
		t.Errorf("incidents:\n%s\nsummary:\n%s", first["incidents.jsonl"], first["summary.json"])
	}
}

// TestReplayTakesCSV: a pair of CSV files is the same CMDB as one YAML file, and
// what is odd in it is told.
func TestReplayTakesCSV(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	for name, text := range map[string]string{
		"events.jsonl": `{"id":"e1","status":"firing","startsAt":"2026-01-01T00:00:00Z","labels":{"service":"db"}}` + "\n" +
			`{"id":"e2","status":"firing","startsAt":"2026-01-01T00:00:20Z","labels":{"service":"shop"}}` + "\n",
		"cmdb.yaml":     "cis:\n  - {id: db, name: db, class: Service}\n  - {id: shop, name: shop, class: Service}\nrelations:\n  - {from: shop, type: needs, to: db}\n",
		"cis.csv":       "id,name,class\nshop,shop,Service\ndb,db,Service\n",
		"relations.csv": "from,type,to\nshop,needs,db\n",
		"bad.csv":       "id,name,class,tier\nshop,shop,Service,9\n",
	} {
		if err := os.WriteFile(path(name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	result := func(want string, cmdb ...string) string {
		args := []string{"replay", "--events", path("events.jsonl"), "--out", path("out")}
		for _, f := range cmdb {
			args = append(args, "--cmdb", path(f))
		}
		out, err := cli(t, args...)
		if err != nil || !strings.Contains(out, want) {
			t.Fatalf("%v: %v\n%s\nwant %q", cmdb, err, out, want)
		}
		b, err := os.ReadFile(path("out/incidents.jsonl"))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	yaml := result(`cmdb.yaml: line 5: type "needs"`, "cmdb.yaml")
	if csv := result(`relations.csv: line 2: type "needs"`, "cis.csv", "relations.csv"); csv != yaml {
		t.Errorf("the pair gives\n%s\nwhat YAML gives is\n%s", csv, yaml)
	}
	if _, err := cli(t, "replay", "--events", path("events.jsonl"), "--out", path("out"), "--cmdb", path("bad.csv")); err == nil || !strings.Contains(err.Error(), "bad.csv: line 2: tier") {
		t.Errorf("bad file: %v", err)
	}
}
