// Package explain tries a rule set on one alert and says, stage by stage, which
// rules matched and what stood against the others. The command line, the API and
// the console tell it from here, so that they cannot disagree.
//
// It goes the way the fold goes: the event is normalised, then bound to a CI,
// then every stage is asked with what is known from there on. It changes nothing,
// keeps nothing and costs much more than an evaluation: it is for people.
package explain

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"signalbox/itsm"
	"signalbox/itsm/cmdb"
	"signalbox/rules"
)

// Bounds of what a condition may ask of a CI; they are those of the fold.
const (
	serviceHops = 5
	servicesMax = 50
)

// Case is an alert that rules are tried on.
type Case struct {
	Event    *itsm.Event
	Now      itsm.Time
	Incident *rules.IncidentFacts // nil: it is in none, and the stages from incident on are not tried

	// Normalised says that Event is as rules left it: its sender's own words are not
	// kept any more, and the stage normalise is not tried.
	Normalised bool
}

// Step is what the rules of one stage said.
type Step struct {
	Stage   rules.Stage
	Tried   []rules.Tried
	Skipped string // why the stage was not tried
}

// Answer is what a rule set says about a case.
type Answer struct {
	Event   *itsm.Event     // after normalise
	Changed []rules.Changed // what each rule of normalise made of it
	CI      rules.CI
	Bound   string   // what bound it: "rule:ID" or the step of the ordinary order
	Trail   []string // what was tried to find the CI
	Steps   []Step
}

// Alert tries a set on a case. A nil graph knows no CI.
func Alert(set *rules.Set, g *cmdb.Graph, c Case) Answer {
	run := set.NewRun()
	f := rules.Facts{Now: c.Now, Event: c.Event}
	a := Answer{Steps: []Step{{Stage: rules.Normalise}}}
	if c.Normalised {
		a.Steps[0].Skipped = "what its sender said is not kept any more, only what rules made of it"
	} else {
		a.Steps[0].Tried, a.Changed = set.ExplainNormalise(&f)
	}
	run.Begin(&f)
	a.Event = f.Event
	a.Steps = append(a.Steps, Step{Stage: rules.Bind, Tried: set.Explain(rules.Bind, &f)})
	a.bind(run, g)
	f.CI, f.Incident = a.CI, c.Incident
	for stage := rules.Suppress; stage <= rules.Route; stage++ {
		step := Step{Stage: stage}
		if stage >= rules.Incident && c.Incident == nil {
			step.Skipped = "the alert is in no incident"
		} else {
			step.Tried = set.Explain(stage, &f)
		}
		a.Steps = append(a.Steps, step)
	}
	return a
}

// bind finds the CI: by the names that rules give, then in the ordinary order.
func (a *Answer) bind(run *rules.Run, g *cmdb.Graph) {
	if g == nil {
		g = cmdb.Empty(cmdb.DefaultRelationTypes())
	}
	sight := cmdb.Sighting{Source: a.Event.Source, CIName: a.Event.CIName, AlertName: a.Event.Title, Labels: a.Event.Labels}
	names, by := run.Bind()
	for n, name := range names {
		b := g.Identify(cmdb.Sighting{Source: a.Event.Source, CIName: name})
		for _, l := range b.Trail {
			a.Trail = append(a.Trail, "rule "+by[n].ID+": "+l)
		}
		if b.Ref != cmdb.NoRef {
			a.CI, a.Bound = CI(g, b), "rule:"+by[n].ID
			return
		}
	}
	b := g.Identify(sight)
	if b.Ref == cmdb.NoRef && sight.CIName == "" && len(names) > 0 {
		sight.CIName = names[0]
		b = g.Identify(sight)
	}
	a.CI, a.Bound, a.Trail = CI(g, b), b.By, append(a.Trail, b.Trail...)
}

// CI is what conditions may ask of the CI that a binding found.
func CI(g *cmdb.Graph, b cmdb.Binding) rules.CI {
	if b.Ref == cmdb.NoRef {
		return rules.CI{ID: b.Provisional}
	}
	ci := g.CI(b.Ref)
	f := rules.CI{ID: ci.ID, Bound: true, Name: ci.Name, Class: ci.Class, Env: ci.Env, Tier: ci.Tier, Owner: ci.Owner, Group: ci.SupportGroup}
	services := g.Services(b.Ref, serviceHops)
	for _, r := range services[:min(len(services), servicesMax)] {
		f.Services = append(f.Services, g.ID(r))
	}
	slices.Sort(f.Services)
	var ls []itsm.Label
	for _, k := range slices.Sorted(maps.Keys(ci.Attributes)) {
		ls = append(ls, itsm.Label{Name: k, Value: attribute(ci.Attributes[k])})
	}
	f.Attributes = itsm.NewLabels(ls)
	return f
}

// attribute writes an attribute of a CI as the text that conditions compare.
func attribute(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(b)
}
