package rules

import (
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"signalbox/itsm"
)

func TestExplain(t *testing.T) {
	s := compileText(t, File{"x.yaml", `
id: hit
about: x
when: labels.namespace == "shop" && at_least(severity, "warning")
suppress: mute
---
id: part
about: x
when: labels.namespace == "shop" && ci.tier == 1 && labels.pod.startsWith("api-")
suppress: mute
---
id: off
about: x
enabled: false
suppress: mute
---
id: later
about: x
from: 2027-01-01T00:00:00Z
suppress: mute
---
id: elsewhere
about: x
sources: [datadog]
suppress: mute
---
id: fails
about: x
when: at_least(severity_word, "major")
suppress: mute
---
id: other-stage
about: x
route: none
`})
	f := Facts{Event: event("namespace", "shop", "pod", "web-1"), CI: CI{ID: "web", Tier: 1}, Now: itsm.Time(1_790_000_000_000)}
	f.Event.SeverityWord = "page"
	type short struct {
		ID, Why, Failed string
		Matched         bool
		Values          []Value
	}
	var got []short
	for _, tr := range s.Explain(Suppress, &f) {
		got = append(got, short{tr.Rule.ID, tr.Why, tr.Failed, tr.Matched, tr.Values})
	}
	want := []short{
		{ID: "hit", Matched: true, Values: []Value{{"labels.namespace", "shop"}, {"severity", "warning"}}},
		{ID: "part", Why: "does not hold", Failed: `labels.pod.startsWith("api-")`, Values: []Value{{"labels.pod", "web-1"}}},
		{ID: "off", Why: "it is disabled"},
		{ID: "later", Why: "it is in force from 2027-01-01T00:00:00.000Z on"},
		{ID: "elsewhere", Why: "it is for alerts of datadog, this is of am"},
		{ID: "fails", Why: `failed: at_least("page", "major"): expected critical, major, minor, warning or info`, Failed: `at_least(severity_word, "major")`, Values: []Value{{"severity_word", "page"}}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// A set is shared: several people ask about it at the same time.
func TestExplainAtTheSameTime(t *testing.T) {
	s := compileText(t, File{"x.yaml", "id: a\nabout: x\nwhen: labels.namespace == 'shop' && ci.tier == 1 && labels.pod.startsWith('api-')\nsuppress: mute\n"})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			f := Facts{Event: event("namespace", "shop", "pod", "web-1"), CI: CI{ID: "web", Tier: 1}}
			for range 20 {
				if got := s.Explain(Suppress, &f); len(got) != 1 || got[0].Failed == "" {
					t.Errorf("tried %+v", got)
				}
			}
		})
	}
	wg.Wait()
}

// A rule that inhibits says what has to fire for it to hide anything.
func TestExplainSaysWhatInhibits(t *testing.T) {
	s, ps := Compile([]File{{Name: "a.yaml", Body: "id: x\nabout: x\nsuppress: {inhibited_by: {when: severity == 'critical', equal: [node], upstream: 1}}\n"}})
	if s == nil {
		t.Fatal(ps)
	}
	got := s.Explain(Suppress, &Facts{Event: &itsm.Event{Status: itsm.Firing}})
	if want := "it hides it only while an alert fires that meets severity == 'critical' with the same node, at most 1 hop upstream of it"; len(got) != 1 || !got[0].Matched || got[0].Why != want {
		t.Errorf("%+v", got)
	}
}
