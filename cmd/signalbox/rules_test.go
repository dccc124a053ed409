package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// ruleDir writes a rule set into a directory of its own.
func ruleDir(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, body := range files {
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const teamRule = "id: team\nabout: names the team\nincident: {labels: {team: shop}}\n"

func TestRulesCheck(t *testing.T) {
	good := ruleDir(t, map[string]string{"a/team.yaml": teamRule, "teams.csv": "service,team\ncart,shop\n", "team_test.yaml": "not: a rule", ".git/x.yaml": "{"})
	if out, err := cli(t, "rules", "check", good); err != nil || !strings.Contains(out, "1 rules in 2 files are good") {
		t.Errorf("good: %v\n%s", err, out)
	}
	bad := ruleDir(t, map[string]string{"a.yaml": teamRule, "b.yaml": "\n\nid: b\nabout: x\nwhen: lables.x == ''\nroute: none\n"})
	out, err := cli(t, "rules", "check", bad)
	if err == nil || !strings.Contains(out, "b.yaml:3: rule b: when: column 1: there is no lables; did you mean labels?") {
		t.Errorf("bad: %v\n%s", err, out)
	}
	if out, err := cli(t, "rules", "vars"); err != nil || !strings.Contains(out, "ci.tier") || !strings.Contains(out, "suppress") {
		t.Errorf("vars: %v\n%s", err, out)
	}
}

func TestRulesByCommandLine(t *testing.T) {
	s := start(t, t.TempDir(), "")
	cmd := func(stdin string, args ...string) (string, error) {
		return cliFrom(t, stdin, append([]string{"rules", "--server", s.url, "--token", adminToken}, args...)...)
	}
	want := func(stdin, text string, args ...string) {
		t.Helper()
		if out, err := cmd(stdin, args...); err != nil || !strings.Contains(out, text) {
			t.Fatalf("%v: %v\n%s\nwant %q", args, err, out, text)
		}
	}
	one := ruleDir(t, map[string]string{"team.yaml": teamRule})
	two := ruleDir(t, map[string]string{"team.yaml": strings.Replace(teamRule, "shop", "store", 1) + "---\nid: quiet\nabout: tells nobody\nroute: none\n"})
	want("", "nothing was changed", "apply", "--dry-run", one)
	if out, err := cmd("no\n", "apply", one); err == nil || !strings.Contains(out, "Activate this in place of no rules?") {
		t.Errorf("without a yes: %v\n%s", err, out)
	}
	want("yes\n", "revision 1 is active: 1 rules", "apply", "--note", "first", one)
	want("", "already", "apply", "--yes", one)
	want("", "    - incident: {labels: {team: shop}}\n    + incident: {labels: {team: store}}", "diff", "active", two)
	want("", "revision 2 is active: 2 rules", "apply", "--yes", two)
	want("", "revision 1 is active", "rollback", "--note", "worse")
	out, err := cmd("", "history")
	if err != nil || !strings.Contains(out, "retired") || !strings.Contains(out, "worse") || strings.Count(out, "\n") != 8 {
		t.Errorf("history: %v\n%s", err, out)
	}
	dir := filepath.Join(t.TempDir(), "out")
	want("", "1 files written", "export", "--out", dir)
	if b, err := os.ReadFile(filepath.Join(dir, "team.yaml")); err != nil || string(b) != teamRule {
		t.Errorf("exported %q, %v", b, err)
	}
	want("", "no difference", "diff", "1", dir)
	broken := ruleDir(t, map[string]string{"x.yaml": "id: x\n"})
	if out, err := cmd("", "apply", "--yes", broken); err == nil || !strings.Contains(out, "does nothing") {
		t.Errorf("broken: %v\n%s", err, out)
	}
	s.kill()
	s.run()
	want("", "no difference", "diff", "active", one)
}
