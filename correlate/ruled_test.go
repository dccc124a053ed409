package correlate

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"

	"signalbox/itsm"
	"signalbox/itsm/entry"
	"signalbox/rules"
)

func compiled(tb testing.TB, text string) *rules.Set {
	tb.Helper()
	set, ps := rules.Compile([]rules.File{{Name: "test.yaml", Body: text}})
	if rules.Blocking(ps) {
		tb.Fatal(ps)
	}
	return set
}

// A gathering that is full groups by default: the alert still becomes an incident.
func TestGatheringIsBounded(t *testing.T) {
	w := newWorld(t, DefaultConfig())
	w.do(Input{Rules: &Rules{Revision: 1, Set: compiled(t, "id: many\nabout: x\ncorrelate: {group_by: [labels.ns], count: 10000, distinct: labels.none, window: 1h}\n")}})
	fire := func(n int) {
		d := &entry.Delivery{Source: "am"}
		for k := range 100 {
			d.Events = append(d.Events, itsm.Event{Source: "am", Identity: fmt.Sprint(n, "/", k), Status: itsm.Firing, Title: "x",
				Labels: itsm.NewLabels([]itsm.Label{{Name: "ns", Value: "a"}, {Name: "service", Value: fmt.Sprint("s", n)}})})
		}
		w.do(Input{Delivery: d})
	}
	for n := range waitersMax / 100 {
		fire(n)
	}
	if len(w.incidents) != 0 {
		t.Fatalf("%d incidents opened below the threshold", len(w.incidents))
	}
	fire(waitersMax)
	if len(w.incidents) != 1 || w.incidents[1].AlertCount != 100 {
		t.Errorf("what does not fit: got %d incidents, the first with %d alerts; want one with 100", len(w.incidents), w.incidents[1].AlertCount)
	}
	checkInvariants(t, w)
}

// What waited and cleared leaves nothing behind.
func TestGatheringsAreForgotten(t *testing.T) {
	for _, rule := range []string{
		"{group_by: [labels.ns], count: 3, window: 5m}",
		"{group_by: [labels.ns], hold: 1m}",
		"{group_by: [labels.ns], absent: 'title == \"y\"', within: 5m}",
		"{group_by: [labels.ns], then: 'title == \"y\"', within: 5m}",
		"{heartbeat: 5m}",
	} {
		for _, after := range []itsm.Time{30_000, 3600_000} {
			w := newWorld(t, DefaultConfig())
			w.do(Input{Rules: &Rules{Revision: 1, Set: compiled(t, "id: w\nabout: x\nwhen: title == \"x\"\ncorrelate: "+rule+"\n")}})
			e := itsm.Event{Source: "am", Identity: "x", Status: itsm.Firing, Title: "x", Labels: itsm.NewLabels([]itsm.Label{{Name: "ns", Value: "a"}})}
			w.do(Input{Delivery: &entry.Delivery{Source: "am", Events: []itsm.Event{e}}})
			w.until(w.at + after)
			e.Status = itsm.Resolved
			w.do(Input{Delivery: &entry.Delivery{Source: "am", Events: []itsm.Event{e}}})
			w.until(w.at + 30*24*3600_000)
			w.do(Input{Tick: true})
			if n := len(w.s.gatheringIDs); n != 0 || len(w.s.gatherings)+len(w.s.gatheringsOf) != 0 {
				t.Errorf("%s, cleared after %d s: %d gatherings are left", rule, after/1000, n)
			}
		}
	}
}

// What each rule counted, and the revision, outlive a snapshot.
func TestRuleCountsAreKept(t *testing.T) {
	w := newWorld(t, DefaultConfig())
	w.do(Input{Rules: &Rules{Revision: 3, Set: compiled(t, "id: m\nabout: x\nwhen: title == \"m\"\nsuppress: mute\n")}})
	w.do(Input{Delivery: &entry.Delivery{Source: "am", Events: []itsm.Event{{Source: "am", Identity: "m", Status: itsm.Firing, Title: "m"}}}})
	s, err := Decode(bytes.NewReader(w.encode()), w.s.graph)
	if err != nil {
		t.Fatal(err)
	}
	if c := s.RuleCounts(); len(c) != 1 || c[0].Hits != 1 || c[0].LastAt != epoch || s.Rules().Revision != 3 {
		t.Errorf("after decoding: counts %+v of revision %d", c, s.Rules().Revision)
	}
}

// benchRules is a set as teams write it, n rules of four stages.
func benchRules(tb testing.TB, n int) *rules.Set {
	var b strings.Builder
	for i := range n {
		switch i % 4 {
		case 0:
			fmt.Fprintf(&b, "id: n%d\nabout: x\nwhen: labels.namespace == \"ns-%d\"\nnormalise: {set: {labels.team: t%d}}\n---\n", i, i, i)
		case 1:
			fmt.Fprintf(&b, "id: s%d\nabout: x\nwhen: labels.alertname == \"Noise%d\"\nsuppress: {hold: 2m}\n---\n", i, i)
		case 2:
			fmt.Fprintf(&b, "id: c%d\nabout: x\nwhen: labels.service == \"svc-%d\"\ncorrelate: {group_by: [labels.cluster], count: 3, window: 10m}\n---\n", i, i)
		case 3:
			fmt.Fprintf(&b, "id: i%d\nabout: x\nwhen: labels.namespace == \"ns-%d\"\nincident: {title: \"${labels.alertname}\"}\n---\n", i, i)
		}
	}
	return compiled(tb, b.String())
}

// Repeats and new alerts with no rules, ten and a thousand.
func BenchmarkWithRules(b *testing.B) {
	for _, n := range []int{0, 10, 1000} {
		b.Run(fmt.Sprintf("rules=%d", n), func(b *testing.B) {
			const events = 20_000
			g, ds := benchGraph(b, 10_000), batches(0, events, 10_000)
			var set *rules.Set
			if n > 0 {
				set = benchRules(b, n)
			}
			for b.Loop() {
				r := &runner{s: New(DefaultConfig(), g), at: epoch}
				r.s.Step(Input{At: epoch, Rules: &Rules{Revision: 1, Set: set}})
				r.feed(ds, 20)
				r.feed(ds, 20)
				r.s.Flush()
			}
			perEvent(b, 2*events)
		})
	}
}

// A state of version 2, before there were rules, is read and goes on.
func TestReadsStateOfVersion2(t *testing.T) {
	b, err := os.ReadFile("testdata/state_2.bin")
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, DefaultConfig())
	if w.s, err = Decode(bytes.NewReader(b), w.s.graph); err != nil {
		t.Fatal(err)
	}
	w.at, w.off = epoch+600_000, 100
	w.do(Input{Rules: &Rules{Revision: 1, Set: compiled(t, "id: t\nabout: x\nincident: {title: Renamed}\n")}})
	if i := w.incidents[1]; i.AlertCount != 3 || i.FiringCount != 2 || i.Title != "Renamed" {
		t.Errorf("got %+v", i)
	}
}
