package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

func (s *server) explained(args ...string) (string, error) {
	s.t.Helper()
	return cli(s.t, append([]string{"explain", "--server", s.url, "--token", adminToken}, args...)...)
}

func wantWords(t *testing.T, out string, words ...string) {
	t.Helper()
	rest := out
	for _, w := range words {
		_, after, ok := strings.Cut(rest, w)
		if !ok {
			t.Errorf("lacks %q in its place:\n%s", w, out)
			return
		}
		rest = after
	}
}

// A person asks of an alert and of an incident why they are as they are.
func TestExplain(t *testing.T) {
	s := start(t, t.TempDir(), "")
	dir := ruleDir(t, map[string]string{"shop.yaml": "id: team\nabout: Name the team\nwhen: labels.service == \"shop\"\nnormalise: {set: {labels.team: web}}\n---\nid: lab\nabout: Nobody hears of the lab\nwhen: labels.service == \"lab\" && severity == \"info\"\nsuppress: mute\n"})
	if out, err := cli(t, "rules", "apply", "--server", s.url, "--token", adminToken, "--yes", dir); err != nil {
		t.Fatal(err, out)
	}
	for _, host := range []string{"db1", "web9"} {
		s.folded(s.webhook(map[string]any{"status": "firing", "title": "disk full on " + host, "severity": "critical", "ci": host, "labels": map[string]string{"service": "shop", "host": host}}))
	}
	out, err := s.explained("alr0000002", "--beside", "inc0000001", "--all")
	if err != nil {
		t.Fatal(err, out)
	}
	wantWords(t, out, "ALR0000002: disk full on web9", "is in       INC0000002 since", "opened, no open incident explains", "now         no other incident fits it better",
		"revision 1", "Rules: 2 tried, 1 matched", "+ team  Name the team [labels.service=\"shop\"]", "team: labels.team from \"\" to \"web\"",
		"- lab  labels.service == \"lab\" does not hold [labels.service=\"shop\"]", "Incidents near it:", "INC0000001", "not joined: ")
	if out, err = s.explained("INC0000002"); err != nil {
		t.Fatal(err, out)
	}
	wantWords(t, out, "INC0000002 is led by ALR0000002", "Its alerts, newest first:", "ALR0000002  opened", "rules: normalise:team")
	hush := ruleDir(t, map[string]string{"shop.yaml": "id: hush\nabout: Nobody hears of anything\nsuppress: mute\n"})
	if out, err = s.explained("ALR0000001", "--rules", hush, "--json"); err != nil {
		t.Fatal(err, out)
	}
	var x toldWhy
	if err := json.Unmarshal([]byte(out), &x); err != nil || x.Now.What != "muted" || x.Now.Rule != "hush" {
		t.Errorf("by other rules: %v\n%s", err, out)
	}
	for _, bad := range [][]string{{"17"}, {"ALR0000077"}, {"INC0000001", "--rules", dir}, {"ALR0000001", "--rules", dir + "/none"}} {
		if out, err := s.explained(bad...); err == nil {
			t.Errorf("explain %v succeeded:\n%s", bad, out)
		}
	}
	var rules struct {
		Counts []struct {
			Rule string
			Hits int
		}
	}
	if s.do(http.MethodGet, "/api/v1/rules", nil, &rules); len(rules.Counts) != 2 || rules.Counts[0].Rule != "team" || rules.Counts[0].Hits == 0 {
		t.Errorf("counts %+v, want rule team with its hits", rules.Counts)
	}
}
