package rules

import (
	"fmt"
	"strings"
	"testing"

	"signalbox/itsm"
)

// typicalSet is a set of n rules as teams write them: five for each team, about
// a namespace, services and alert names of its own.
func typicalSet(n int) []File {
	var b strings.Builder
	for i := range n {
		t := i / 5 // team
		switch i % 5 {
		case 0:
			fmt.Fprintf(&b, "id: n%d\nabout: team\nwhen: labels.namespace == \"ns-%d\"\nnormalise: {set: {labels.team: t%d}}\n---\n", t, t, t)
		case 1:
			fmt.Fprintf(&b, "id: s%d\nabout: noise\nwhen: labels.alertname == \"Noise%d\" && !at_least(severity, \"major\")\nsuppress: {hold: 2m}\n---\n", t, t)
		case 2:
			fmt.Fprintf(&b, "id: c%d\nabout: group\nwhen: labels.service in [\"svc-%d\", \"api-%d\"] && labels.cluster != \"\"\ncorrelate: {group_by: [labels.cluster], count: 3, window: 10m}\n---\n", t, t, t)
		case 3:
			fmt.Fprintf(&b, "id: i%d\nabout: title\nwhen: labels.alertname.startsWith(\"Noise\") && labels.namespace == \"ns-%d\"\nincident: {title: \"${labels.alertname} in ${labels.namespace}\"}\n---\n", t, t)
		case 4:
			fmt.Fprintf(&b, "id: r%d\nabout: route\nwhen: labels.team == \"t%d\" && incident.priority <= \"P2\"\nroute: {to: [pagerduty]}\n---\n", t, t)
		}
	}
	return []File{{"set.yaml", b.String()}}
}

// benchEvents are of the first teams, so that each meets the same five rules in a
// set of ten and in one of thousands.
func benchEvents() []*itsm.Event {
	var es []*itsm.Event
	for i := range 64 {
		t := i % 2
		es = append(es, event("alertname", fmt.Sprintf("Noise%d", t), "namespace", fmt.Sprintf("ns-%d", t), "service", fmt.Sprintf("svc-%d", t),
			"cluster", "c1", "instance", fmt.Sprintf("10.0.0.%d:9100", i), "job", "node", "pod", fmt.Sprintf("web-%d", i), "severity", "warning"))
	}
	return es
}

// all runs every stage of one alert, as the fold does.
func all(r *Run, f *Facts) {
	r.Begin(f)
	r.Normalise()
	r.Bind()
	f.CI = CI{ID: "x", Class: "Host", Bound: true, Services: []string{"svc"}}
	r.Suppress(func(*Rule) bool { return false })
	r.Correlate()
	f.Incident = &IncidentFacts{Priority: itsm.P2}
	r.Policy()
	r.Route()
}

func BenchmarkRules(b *testing.B) {
	for _, n := range []int{0, 10, 1000, 10000} {
		b.Run(fmt.Sprintf("rules=%d", n), func(b *testing.B) {
			s := compileText(b, typicalSet(n)...)
			r, es := s.NewRun(), benchEvents()
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				f := Facts{Event: es[i%len(es)]}
				all(r, &f)
			}
		})
	}
}

func BenchmarkCompile(b *testing.B) {
	files := typicalSet(1000)
	for b.Loop() {
		compileText(b, files...)
	}
}
