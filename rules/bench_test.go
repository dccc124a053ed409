package rules

import (
	"fmt"
	"strings"
	"testing"

	"signalbox/itsm"
)

// typicalSet is a set of n rules as teams write them: most are about one
// namespace, service or alert name of their own.
func typicalSet(n int) []File {
	var b strings.Builder
	for i := range n {
		switch i % 5 {
		case 0:
			fmt.Fprintf(&b, "id: n%d\nabout: team\nwhen: labels.namespace == \"ns-%d\"\nnormalise: {set: {labels.team: t%d}}\n---\n", i, i, i)
		case 1:
			fmt.Fprintf(&b, "id: s%d\nabout: noise\nwhen: labels.alertname == \"Noise%d\" && !at_least(severity, \"major\")\nsuppress: {hold: 2m}\n---\n", i, i)
		case 2:
			fmt.Fprintf(&b, "id: c%d\nabout: group\nwhen: labels.service in [\"svc-%d\", \"svc-%d\"] && labels.cluster != \"\"\ncorrelate: {group_by: [labels.cluster], count: 3, window: 10m}\n---\n", i, i, i+1)
		case 3:
			fmt.Fprintf(&b, "id: i%d\nabout: title\nwhen: labels.alertname.startsWith(\"Disk\") && labels.namespace == \"ns-%d\"\nincident: {title: \"${labels.alertname} in ${labels.namespace}\"}\n---\n", i, i)
		case 4:
			fmt.Fprintf(&b, "id: r%d\nabout: route\nwhen: labels.team == \"t%d\" && incident.priority <= \"P2\"\nroute: {to: [pagerduty]}\n---\n", i, i)
		}
	}
	return []File{{"set.yaml", b.String()}}
}

func benchEvents() []*itsm.Event {
	var es []*itsm.Event
	for i := range 64 {
		es = append(es, event("alertname", fmt.Sprintf("Noise%d", i), "namespace", fmt.Sprintf("ns-%d", i), "service", fmt.Sprintf("svc-%d", i),
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
