package engine_test

import (
	"slices"
	"testing"

	"signalbox/correlate"
	"signalbox/correlate/engine"
	"signalbox/itsm"
	"signalbox/rules"
	"signalbox/rules/explain"
)

const explainRules = `id: team
about: Name the team by the service
when: labels.service == "shop"
normalise: {set: {labels.team: web}}
---
id: quiet
about: Nobody needs to hear of the lab
when: labels.service == "lab" && severity == "info"
suppress: mute
---
id: mail
about: The team hears of it
when: labels.team == "web"
incident: {group: web}
`

func (r *rig) explain(q engine.Question) engine.Explanation {
	r.t.Helper()
	x, err := r.e.Explain(r.t.Context(), q)
	if err != nil {
		r.t.Fatal(err)
	}
	return x
}

func stepOf(x engine.Explanation, st rules.Stage) explain.Step {
	i := slices.IndexFunc(x.Answer.Steps, func(s explain.Step) bool { return s.Stage == st })
	if i < 0 {
		return explain.Step{}
	}
	return x.Answer.Steps[i]
}

// An alert is explained from what its sender sent, and beside what was decided
// then; other rules are tried without being activated.
func TestExplainAlert(t *testing.T) {
	r := newRig(t)
	r.run()
	r.save([]rules.File{{Name: "a.yaml", Body: explainRules}})
	r.activate(1)
	r.wait(r.append(delivery(fire("shop", 1, 1000))))
	x := r.explain(engine.Question{Alert: 1})
	if x.Decided == nil || x.Decided.Incident != 1 || x.Incident != 1 || x.Received == 0 || x.Rules.Revision != 1 {
		t.Fatalf("got %+v, want the evidence of INC0000001, its entry and revision 1", x)
	}
	if len(x.Answer.Changed) != 1 || x.Answer.Changed[0].After.Labels.Get("team") != "web" || x.Answer.Changed[0].Before.Labels.Get("team") != "" {
		t.Errorf("changed %+v, want rule team to set the team", x.Answer.Changed)
	}
	quiet := stepOf(x, rules.Suppress).Tried
	if len(quiet) != 1 || quiet[0].Matched || quiet[0].Failed == "" || len(quiet[0].Values) == 0 {
		t.Errorf("suppress %+v, want rule quiet with its first failed part and values", quiet)
	}
	if mail := stepOf(x, rules.Incident).Tried; len(mail) != 1 || !mail[0].Matched {
		t.Errorf("incident %+v, want rule mail to match", mail)
	}
	set, _ := rules.Compile([]rules.File{{Name: "a.yaml", Body: "id: none\nabout: Nothing at all\nsuppress: mute\n"}})
	if x := r.explain(engine.Question{Alert: 1, Rules: set, Brief: true}); x.Outcome.What != correlate.OutcomeMuted || len(x.Answer.Steps) != 0 {
		t.Errorf("by other rules: %+v, want muted and no steps", x.Outcome)
	}
	if r.e.Rules().Revision != 1 {
		t.Error("explaining activated other rules")
	}
}

func TestExplainEvent(t *testing.T) {
	r := newRig(t)
	r.run()
	e := fire("shop", 1, 1000)
	if x := r.explain(engine.Question{Event: &e}); x.Outcome.What != correlate.OutcomeOpens || x.Decided != nil || x.Answer.CI.ID == "" || len(x.Answer.Trail) == 0 {
		t.Errorf("without rules: %+v, want that it opens one, and how it is bound", x)
	}
	if _, err := r.e.Explain(t.Context(), engine.Question{Alert: 7}); itsm.CodeOf(err) != itsm.NotFound {
		t.Errorf("an alert that there is not: %v", err)
	}
}

// BenchmarkExplainMembers explains fifty members of one incident, a page of the API:
// they came long before what came last.
func BenchmarkExplainMembers(b *testing.B) {
	r := newRig(b)
	r.run()
	const members, after = 50, 400
	for n := 1; n <= members; n++ {
		r.append(delivery(fire("shop", n, 1000)))
	}
	for n := range after {
		r.append(delivery(fire("other", members+n, 5000)))
	}
	r.wait(r.append(delivery(fire("last", 1, 9000))))
	for b.Loop() {
		for n := range members {
			if x := r.explain(engine.Question{Alert: itsm.AlertNumber(n + 1), Brief: true}); x.Received == 0 {
				b.Fatalf("of %s nothing is kept", x.Alert)
			}
		}
	}
}
