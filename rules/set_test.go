package rules

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"signalbox/itsm"
)

func compileText(t testing.TB, files ...File) *Set {
	t.Helper()
	s, ps := Compile(files)
	if Blocking(ps) {
		t.Fatalf("problems: %v", ps)
	}
	return s
}

func event(labels ...string) *itsm.Event {
	e := &itsm.Event{Source: "am", Identity: "f1", Status: itsm.Firing, Severity: itsm.Warning, SeverityWord: "warning", Title: "web-7 is down"}
	for i := 0; i+1 < len(labels); i += 2 {
		e.Labels = append(e.Labels, itsm.Label{Name: labels[i], Value: labels[i+1]})
	}
	e.Labels = itsm.NewLabels(e.Labels)
	return e
}

func TestNormalise(t *testing.T) {
	s := compileText(t, File{"n.yaml", `
id: words
about: Tell the team and the host
when: labels.alertname == "Down"
normalise:
  rename: {svc: service}
  extract: [{from: title, pattern: '^(?P<host>[a-z]+-\d+) is'}]
  lookup: [{table: teams, match: {service: "${labels.service}"}, set: {labels.team: team, severity: severity}}]
  set: {title: "${labels.host}: ${labels.alertname}", annotations.by: rules}
  drop: [pod_*]
  key: [alertname, service]
---
id: after
about: Sees what the rule before it set
when: labels.team == "shop"
normalise: {set: {labels.seen: "yes"}}
`}, File{"teams.csv", "service,team,severity\ncart,shop,critical\n"})
	e := event("alertname", "Down", "svc", "cart", "pod_hash", "x")
	f := Facts{Event: e}
	r := s.NewRun()
	r.Begin(&f)
	if !r.Normalise() {
		t.Fatal("nothing changed")
	}
	want := *event("alertname", "Down", "service", "cart", "host", "web-7", "team", "shop", "seen", "yes")
	want.Title, want.Severity, want.Identity = "web-7: Down", itsm.Critical, "alertname=Down\x1fservice=cart"
	want.Annotations = itsm.Labels{{Name: "by", Value: "rules"}}
	if d := cmp.Diff(want, *f.Event); d != "" {
		t.Error(d)
	}
	if e.Labels.Get("svc") != "cart" || len(r.Hits) != 2 || len(r.Failed) != 0 {
		t.Errorf("the event itself was changed, or hits %v, failed %v", r.Hits, r.Failed)
	}
}
