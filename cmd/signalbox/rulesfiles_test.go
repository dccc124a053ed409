package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRulesFmt(t *testing.T) {
	const ugly, pretty = "route: none\n# why\nabout: 'x'\nid: a\n", "id: a\n# why\nabout: 'x'\nroute: none\n"
	dir := ruleDir(t, map[string]string{"a.yaml": ugly, "sub/b.yaml": pretty, "a_test.yaml": "b: 1\na: 2\n", "t.csv": "a\n"})
	file := filepath.Join(dir, "a.yaml")
	if out, err := cli(t, "rules", "fmt", file); err != nil || out != pretty {
		t.Errorf("to see: %v\n%s", err, out)
	}
	if out, err := cli(t, "rules", "fmt", "--check", dir); err == nil || strings.Contains(out, "b.yaml") || !strings.Contains(out, file) {
		t.Errorf("check: %v\n%s", err, out)
	}
	if out, err := cli(t, "rules", "fmt", "-w", dir); err != nil || out != file+"\n" {
		t.Errorf("write: %v\n%s", err, out)
	}
	if b, err := os.ReadFile(file); err != nil || string(b) != pretty {
		t.Errorf("written: %v\n%s", err, b)
	}
	if out, err := cli(t, "rules", "fmt", "--check", dir); err != nil || out != "" {
		t.Errorf("check again: %v\n%s", err, out)
	}
	if out, err := cli(t, "rules", "fmt", "-w", ruleDir(t, map[string]string{"x.yaml": "id: ["})); err == nil || !strings.Contains(out, "x.yaml: line 1: not YAML") {
		t.Errorf("broken: %v\n%s", err, out)
	}
}

func TestRulesExplain(t *testing.T) {
	dir := ruleDir(t, map[string]string{
		"rules/a.yaml": `id: env
about: sets the environment
when: labels.env == "prod"
normalise: {set: {labels.environment: production}}
---
id: quiet
about: holds what is of no tier
when: labels.environment == "production" && ci.tier > 1
suppress: {hold: 5m}
`,
		"generic.json": `{"status": "firing", "severity": "critical", "title": "Orders fail", "ci": "orders", "labels": {"env": "prod"}}`,
		"am.json":      `{"version": "4", "groupKey": "g", "status": "firing", "alerts": [{"status": "firing", "labels": {"alertname": "Down", "severity": "warning", "env": "dev"}, "annotations": {}, "startsAt": "2026-11-27T08:00:00Z", "endsAt": "0001-01-01T00:00:00Z", "fingerprint": "f1"}]}`,
		"cmdb.yaml":    "cis:\n  - {id: orders, name: orders, class: Service, tier: 1}\n",
		"bad.json":     `{"status": "on fire"}`,
	})
	in := func(name string) string { return filepath.Join(dir, name) }
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--alert", in("generic.json"), "--cmdb", in("cmdb.yaml")}, "Orders fail\n  on orders (ci)\nnormalise\n  + env\n      labels.env = \"prod\"\nsuppress\n  - quiet\n      ci.tier > 1 does not hold\n      ci.tier = \"1\"\n"},
		{[]string{"--alert", in("am.json")}, "  - env\n      labels.env == \"prod\" does not hold\n      labels.env = \"dev\"\n"},
		{[]string{"--alert", in("am.json"), "--json"}, `"failed":"labels.environment == \"production\""`},
	} {
		out, err := cli(t, append([]string{"rules", "explain", "--rules", in("rules")}, c.args...)...)
		if err != nil || !strings.Contains(out, c.want) {
			t.Errorf("%v: %v\n%s", c.args, err, out)
		}
	}
	if out, err := cli(t, "rules", "explain", "--rules", in("rules"), "--alert", in("bad.json")); err == nil || !strings.Contains(out+err.Error(), "as a body of generic") {
		t.Errorf("bad: %v\n%s", err, out)
	}
}
