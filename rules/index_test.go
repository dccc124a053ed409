package rules

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"signalbox/itsm"
)

var (
	someNames  = []string{"namespace", "service", "team", "app-name"}
	someValues = []string{"", "a", "b", "ab", "api", "warning"}
)

// drawAtom draws a comparison as people write them, and some that nobody writes.
func drawAtom(t *rapid.T, s Stage) string {
	label := func() string {
		n := rapid.SampledFrom(someNames).Draw(t, "name")
		if strings.Contains(n, "-") || rapid.Bool().Draw(t, "index") {
			return fmt.Sprintf("labels[%q]", n)
		}
		return "labels." + n
	}
	value := func() string { return fmt.Sprintf("%q", rapid.SampledFrom(someValues).Draw(t, "value")) }
	severity := func() string {
		return rapid.SampledFrom([]string{`"critical"`, `"warning"`, `"info"`}).Draw(t, "severity")
	}
	forms := []func() string{
		func() string { return label() + " == " + value() },
		func() string { return value() + " == " + label() },
		func() string { return label() + " != " + value() },
		func() string { return label() + " < " + value() },
		func() string { return label() + " == " + label() },
		func() string { return label() + " in [" + value() + ", " + value() + "]" },
		func() string { return label() + " in []" },
		func() string { return `"team" in labels` },
		func() string { return "has(labels.team)" },
		func() string { return label() + ".startsWith(" + value() + ")" },
		func() string { return label() + ".endsWith(" + value() + ")" },
		func() string { return label() + ".contains(" + value() + ")" },
		func() string { return label() + ".matches(" + value() + ")" },
		func() string { return "glob(" + label() + `, "a*")` },
		func() string { return "glob(title, " + value() + ")" },
		func() string { return "at_least(severity, " + severity() + ")" },
		func() string { return "at_least(severity_word, " + severity() + ")" },
		func() string { return "severity == " + severity() },
		func() string { return "source in [\"am\", \"dd\"]" },
		func() string { return "title == " + value() },
		func() string { return "size(title) > 3" },
		func() string { return "labels.exists(n, labels[n] == " + value() + ")" },
		func() string { return "int(" + label() + ") > 1" },
		func() string { return "no_data" },
		func() string { return "annotations.note == " + value() },
	}
	if s >= Suppress {
		forms = append(forms,
			func() string { return "ci.class == " + value() },
			func() string { return "ci.bound" },
			func() string { return "ci.tier <= 2" },
			func() string { return `"svc" in ci.services` },
			func() string { return "ci.id != " + value() })
	}
	if s >= Incident {
		forms = append(forms, func() string { return `incident.priority <= "P2"` })
	}
	return rapid.SampledFrom(forms).Draw(t, "form")()
}

func drawCondition(t *rapid.T, s Stage, depth int) string {
	if depth == 0 {
		return drawAtom(t, s)
	}
	a, b := drawCondition(t, s, depth-1), drawCondition(t, s, depth-1)
	switch rapid.IntRange(0, 5).Draw(t, "join") {
	case 0, 1, 2:
		return "(" + a + " && " + b + ")"
	case 3:
		return "(" + a + " || " + b + ")"
	case 4:
		return "!" + "(" + a + ")"
	}
	return a
}

func drawRule(t *rapid.T, n int) string {
	s := rapid.SampledFrom([]Stage{Normalise, Bind, Suppress, Correlate, Incident, ProblemStage, Route}).Draw(t, "stage")
	var b strings.Builder
	fmt.Fprintf(&b, "id: r%d\nabout: x\n", n)
	if rapid.IntRange(0, 5).Draw(t, "sources") == 0 {
		b.WriteString("sources: [am]\n")
	}
	if rapid.IntRange(0, 9).Draw(t, "shadow") == 0 {
		b.WriteString("mode: shadow\n")
	}
	condition := func(key string) {
		fmt.Fprintf(&b, "%s: '%s'\n", key, drawCondition(t, s, rapid.IntRange(0, 2).Draw(t, "depth")))
	}
	if rapid.IntRange(0, 9).Draw(t, "always") > 0 {
		condition("when")
	}
	switch s {
	case Normalise:
		fmt.Fprintf(&b, "normalise: {set: {labels.team: '${labels.namespace}', labels.n%d: 'x'}}\n", n)
	case Bind:
		b.WriteString("bind: {ci: ['${labels.service}', 'x-${title}']}\n")
	case Suppress:
		b.WriteString("suppress:\n  inhibited_by:\n    equal: [team]\n")
		condition("    when")
	case Correlate:
		b.WriteString("correlate:\n  group_by: [labels.service, size(title)]\n  within: 5m\n")
		condition("  " + rapid.SampledFrom([]string{"then", "absent"}).Draw(t, "second"))
	case Incident:
		b.WriteString("incident: {title: '${incident.priority} ${labels.team}'}\n")
	case ProblemStage:
		b.WriteString("problem: {signature: '${labels.service}/${ci.class}'}\n")
	case Route:
		b.WriteString("route: {to: [pagerduty], priority: P3}\n")
	}
	return b.String()
}

func drawFacts(t *rapid.T) Facts {
	value := rapid.SampledFrom(someValues)
	e := &itsm.Event{Source: rapid.SampledFrom([]string{"am", "dd", "x"}).Draw(t, "source"), Status: itsm.Firing,
		Severity: itsm.Severity(rapid.IntRange(int(itsm.Critical), int(itsm.Info)).Draw(t, "severity")), SeverityWord: value.Draw(t, "word"),
		Title: value.Draw(t, "title"), NoData: rapid.Bool().Draw(t, "no data")}
	var ls []itsm.Label
	for _, n := range someNames {
		if rapid.Bool().Draw(t, n) {
			ls = append(ls, itsm.Label{Name: n, Value: value.Draw(t, "value")})
		}
	}
	e.Labels, e.Annotations = itsm.NewLabels(ls), itsm.Labels{{Name: "note", Value: value.Draw(t, "note")}}
	return Facts{Event: e, CI: CI{ID: value.Draw(t, "ci"), Class: value.Draw(t, "class"), Tier: rapid.IntRange(0, 4).Draw(t, "tier"), Bound: rapid.Bool().Draw(t, "bound"), Services: []string{"svc"}}}
}

// answers is all that a set says about an alert.
type answers struct {
	Event    itsm.Event
	Names    []string
	Suppress string
	Inhibits []string
	Group    Correlated
	Title    string
	Sign     string
	Route    string
	Hits     []string
	Failed   []string
}

func idOf(r *Rule) string {
	if r == nil {
		return ""
	}
	return r.ID
}

func ask(s *Set, f Facts) answers {
	var a answers
	r := s.NewRun()
	r.Begin(&f)
	r.Normalise()
	a.Event = *f.Event
	a.Names, _ = r.Bind()
	a.Suppress = idOf(r.Suppress(func(r *Rule) bool { return r.ID < "r5" }))
	for _, in := range r.Inhibits() {
		a.Inhibits = append(a.Inhibits, in.ID)
	}
	a.Group = r.Correlate()
	a.Group.Rule = nil
	f.Incident = &IncidentFacts{Priority: itsm.P3}
	a.Title = r.Policy().Title
	a.Sign, _ = r.Signature()
	f.Incident.Priority = itsm.P2
	a.Route = idOf(r.Route())
	for _, h := range r.Hits {
		a.Hits = append(a.Hits, idOf(h.Rule))
	}
	for _, x := range r.Failed {
		a.Failed = append(a.Failed, x.ID)
	}
	return a
}

// naive makes a set look at every rule for every alert, with nothing but CEL.
func naive(s *Set) {
	s.places = places{}
	for _, c := range s.rules {
		s.places.always = append(s.places.always, c.at)
		for _, x := range append([]*condition{c.when, c.by, c.second, c.count}, c.groupBy...) {
			if x != nil {
				x.plain, x.first, x.field = nil, nil, nil
			}
		}
	}
}

// TestIndex compares what a set answers with an evaluation of all its rules.
func TestIndex(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var text strings.Builder
		for n := range rapid.IntRange(1, 12).Draw(t, "rules") {
			text.WriteString("---\n" + drawRule(t, n))
		}
		files := []File{{"x.yaml", text.String()}}
		s, ps := Compile(files)
		if s == nil {
			t.Fatalf("%v\n%s", ps, text.String())
		}
		plain, _ := Compile(files)
		naive(plain)
		for range 5 {
			f := drawFacts(t)
			want, got := ask(plain, f), ask(s, f)
			// A rule that the index or a shortcut sees to be false is not run, and so
			// cannot fail; nothing else may differ.
			want.Failed, got.Failed = nil, nil
			if d := cmp.Diff(want, got); d != "" {
				t.Fatalf("%s\n%s", d, text.String())
			}
		}
	})
}
