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
	if out, err := cli(t, "rules", "check", good); err != nil || !strings.Contains(out, "1 rule in 2 files: good") {
		t.Errorf("good: %v\n%s", err, out)
	}
	bad := ruleDir(t, map[string]string{"a.yaml": teamRule, "b.yaml": "\n\nid: b\nabout: x\nwhen: lables.x == ''\nroute: none\n"})
	out, err := cli(t, "rules", "check", bad)
	if err == nil || !strings.Contains(out, "b.yaml:5: rule b: when: column 1: there is no lables; did you mean labels?") {
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
	ahead := ruleDir(t, map[string]string{"chat.yaml": "id: chat\nabout: tells a connector that is not there yet\nroute: {to: [chat]}\n"})
	want("", "chat.yaml:3: rule chat: route.to", "apply", "--dry-run", ahead)
	if out, err := cmd("no\n", "apply", one); err == nil || !strings.Contains(out, "Activate this in place of no rules?") {
		t.Errorf("without a yes: %v\n%s", err, out)
	}
	if out, err := cmd("", "rollback"); err == nil || !strings.Contains(err.Error(), "no rules were ever active") {
		t.Errorf("rollback of nothing: %v\n%s", err, out)
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
	want("", "is active: 0 rules", "apply", "--yes", t.TempDir())
}

// TestRulesRollbackOfTheFirst: going back from the first revision leaves no rules,
// and going back once more brings them again.
func TestRulesRollbackOfTheFirst(t *testing.T) {
	s := start(t, t.TempDir(), "")
	dir := ruleDir(t, map[string]string{"team.yaml": teamRule})
	for _, step := range []struct{ args, want string }{
		{"apply --yes " + dir, "revision 1 is active: 1 rules"},
		{"rollback", "revision 2 is active: 0 rules"},
		{"rollback", "revision 1 is active: 1 rules"},
	} {
		out, err := cli(t, append([]string{"rules", "--server", s.url, "--token", adminToken}, strings.Fields(step.args)...)...)
		if err != nil || !strings.Contains(out, step.want) {
			t.Fatalf("%s: %v\n%s\nwant %q", step.args, err, out, step.want)
		}
	}
}

// TestRulesTest: what CI sees of rule tests that pass, fail and cannot be read.
func TestRulesTest(t *testing.T) {
	const story = "tests:\n- name: names the team\n  steps:\n  - at: 0s\n    fire: [{alertname: Down}]\n    want: {incidents: [{labels: {team: %s}}]}\n"
	for _, c := range []struct {
		team, said string
		code       int
	}{
		{"shop", "ok    ", 0},
		{"store", "+ - labels: {team: shop}", 1},
		{"[", "not a test file", 2},
	} {
		dir := ruleDir(t, map[string]string{"team.yaml": teamRule, "a/team_test.yaml": "rules: [..]\n" + strings.Replace(story, "%s", c.team, 1)})
		report := filepath.Join(dir, "report.xml")
		out, err := cli(t, "rules", "test", "--coverage", "--junit", report, dir)
		code := 0
		if err != nil {
			code = exitCode(err)
		}
		if code != c.code || !strings.Contains(out, c.said) {
			t.Errorf("team %s: exits with %d, want %d: %v\n%s", c.team, code, c.code, err, out)
		}
		if b, err := os.ReadFile(report); err != nil || !strings.Contains(string(b), "<testsuite ") {
			t.Errorf("team %s: report %q, %v", c.team, b, err)
		}
	}
	dir := ruleDir(t, map[string]string{"team.yaml": teamRule})
	for _, args := range [][]string{{dir}, {"--run", "(", dir}, {filepath.Join(dir, "missing")}, {"--junit", filepath.Join(dir, "no", "x"), "../internal/ruletest/testdata/broken"}} {
		if out, err := cli(t, append([]string{"rules", "test"}, args...)...); err == nil || exitCode(err) != 2 {
			t.Errorf("%v: %v\n%s", args, err, out)
		}
	}
	out, err := cli(t, "rules", "test", "--json", "../internal/ruletest/testdata/pass_test.yaml")
	if err != nil || !strings.Contains(out, `"passed": 3`) {
		t.Errorf("with the program's own loaders: %v\n%s", err, out)
	}
}

// TestRuleExamples: every rule that is shown does what its test says.
func TestRuleExamples(t *testing.T) {
	out, err := cli(t, "rules", "test", "--coverage", "../../rules/examples")
	if err != nil || strings.Contains(out, "never hit") {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestReadmeProcess: the test of the README that is about people and time passes.
func TestReadmeProcess(t *testing.T) {
	dir := ruleDir(t, map[string]string{"process_test.yaml": readmeBlock(t, "# team-rules/process_test.yaml")})
	if out, err := cli(t, "rules", "test", dir); err != nil || !strings.Contains(out, "1 test") {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestReadmeRules: the rules of the README pass the test of the README, and are
// those of the examples.
func TestReadmeRules(t *testing.T) {
	set, test := readmeBlock(t, "# team-rules/kubernetes.yaml"), readmeBlock(t, "# team-rules/kubernetes_test.yaml")
	b, err := os.ReadFile("../../rules/examples/namespace/kubernetes.yaml")
	if err != nil || set != "# team-rules/kubernetes.yaml\n"+string(b) {
		t.Errorf("README shows another rule set than rules/examples/namespace: %v", err)
	}
	dir := ruleDir(t, map[string]string{"kubernetes.yaml": set, "kubernetes_test.yaml": test})
	if out, err := cli(t, "rules", "test", "--coverage", dir); err != nil || !strings.Contains(out, "2 tests") || strings.Contains(out, "never hit") {
		t.Errorf("%v\n%s", err, out)
	}
}
