package explain

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"signalbox/itsm"
	"signalbox/itsm/cmdb"
	"signalbox/rules"
)

func graph(t *testing.T) *cmdb.Graph {
	t.Helper()
	doc, ps := cmdb.NewDoc([]itsm.CI{
		{ID: "shop", Name: "Shop", Class: "Service", Tier: 1},
		{ID: "db-1", Name: "db-1", Class: "Database", Env: "prod", Tier: 2, Attributes: map[string]any{"engine": "postgres", "port": 5432}},
	}, []itsm.Relation{{From: "shop", Type: "depends_on", To: "db-1"}})
	if len(ps) > 0 {
		t.Fatal(ps)
	}
	g := cmdb.Empty(cmdb.DefaultRelationTypes())
	changes, _, ps := g.Plan(doc, "test", false)
	if len(ps) > 0 {
		t.Fatal(ps)
	}
	return g.Apply(changes)
}

const set = `id: words
about: x
normalise: {set: {labels.db: "db-${labels.n}"}}
---
id: by-db
about: x
bind: {ci: "${labels.db}"}
---
id: tier-two
about: x
when: ci.tier == 2 && "shop" in ci.services && ci.attributes.port == "5432"
suppress: mute
---
id: other-env
about: x
when: ci.env == "test"
correlate: {scope: same_ci}
---
id: urgent
about: x
when: incident.priority == "P1"
route: none
`

// The trial goes the way the fold goes: what normalise sets is what bind reads, and
// what bind finds is what later stages ask of.
func TestAlert(t *testing.T) {
	s, ps := rules.Compile([]rules.File{{Name: "a.yaml", Body: set}})
	if s == nil {
		t.Fatal(ps)
	}
	e := &itsm.Event{Source: "generic", Status: itsm.Firing, Title: "slow", Labels: itsm.LabelsOf(map[string]string{"n": "1"})}
	said := func(c Case, g *cmdb.Graph) (string, map[string]string) {
		a := Alert(s, g, c)
		out := map[string]string{}
		for _, step := range a.Steps {
			if step.Skipped != "" {
				out[step.Stage.String()] = step.Skipped
			}
			for _, tr := range step.Tried {
				out[tr.Rule.ID] = tr.Failed + tr.Why
				if tr.Matched {
					out[tr.Rule.ID] = "matched"
				}
			}
		}
		return a.CI.ID + " by " + a.Bound, out
	}
	g := graph(t)
	where, got := said(Case{Event: e}, g)
	want := map[string]string{"words": "matched", "by-db": "matched", "tier-two": "matched", "other-env": `ci.env == "test"does not hold`,
		"incident": "the alert is in no incident", "problem": "the alert is in no incident", "route": "the alert is in no incident"}
	if where != "db-1 by rule:by-db" || !cmp.Equal(want, got) {
		t.Errorf("bound to %s; (-want +got):\n%s", where, cmp.Diff(want, got))
	}
	if e.Labels.Get("db") != "" {
		t.Error("the event that was given has changed")
	}
	if _, got := said(Case{Event: e, Incident: &rules.IncidentFacts{Priority: itsm.P1}}, g); got["urgent"] != "matched" {
		t.Errorf("in an incident of P1 the rule urgent says %q", got["urgent"])
	}
	if where, got := said(Case{Event: e}, nil); where == "db-1 by rule:by-db" || got["tier-two"] == "matched" {
		t.Errorf("without a CMDB it is bound to %s, and tier-two says %q", where, got["tier-two"])
	}
}
