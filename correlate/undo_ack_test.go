package correlate

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"signalbox/itsm"
	"signalbox/itsm/entry"
)

// acknowledgements is who took up each incident, and when.
func (w *world) acknowledgements() map[string]string {
	out := map[string]string{}
	for n, i := range w.s.incidents {
		out[n.String()] = fmt.Sprintf("acked=%t at=%d by=%q responded=%d", i.acked, i.ackAt, i.handled().ackBy, i.respondedAt())
	}
	return out
}

// Merges into one incident and their undoing, in whichever order, leave every
// acknowledgement with whom and when it was.
func TestUndoGivesAcknowledgementsBack(t *testing.T) {
	people := []string{"console:ann", "console:bob", "console:mira"}
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t, DefaultConfig())
		act := func(a itsm.Act) {
			t.Helper()
			w.at += itsm.Time(rapid.IntRange(0, 3).Draw(t, "seconds") * 1000)
			a.Actor = cmpText(a.Actor, "console:ann")
			w.do(Input{Act: &a})
		}
		for _, ci := range []string{"db1", "web1", "app1", "mail1"} {
			e := itsm.Event{Source: "am", Identity: ci, Status: itsm.Firing, Severity: itsm.Major, CIName: ci, Title: "Down", StartsAt: w.at, Labels: itsm.NewLabels(nil)}
			w.do(Input{Delivery: &entry.Delivery{Source: "am", Events: []itsm.Event{e}}})
			w.at += 2 * 60 * minuteMS
		}
		if w.s.lastIncident != 4 {
			t.Fatalf("%d incidents, want 4", w.s.lastIncident)
		}
		for range rapid.IntRange(0, 8).Draw(t, "steps") {
			n := itsm.IncidentNumber(rapid.IntRange(1, 4).Draw(t, "incident"))
			switch by := rapid.SampledFrom(people).Draw(t, "by"); rapid.IntRange(0, 5).Draw(t, "what") {
			case 0:
				act(itsm.Act{Kind: itsm.ActUnacknowledge, Incident: n, Actor: by})
			case 1: // the acknowledgement of the first time stays in the record
				act(itsm.Act{Kind: itsm.ActResolve, Incident: n, Actor: by})
				act(itsm.Act{Kind: itsm.ActReopen, Incident: n, Actor: by})
			default:
				act(itsm.Act{Kind: itsm.ActAcknowledge, Incident: n, Actor: by})
			}
		}
		before, others := w.acknowledgements(), []itsm.IncidentNumber{2, 3, 4}
		for _, n := range rapid.Permutation(others).Draw(t, "merged") {
			act(itsm.Act{Kind: itsm.ActMerge, Incident: n, Into: 1})
		}
		again(t, w)
		for _, n := range rapid.Permutation(others).Draw(t, "undone") {
			if act(itsm.Act{Kind: itsm.ActUndo, Incident: n}); w.outcome.Code != "" {
				t.Fatalf("undo of %s: %+v", n, w.outcome)
			}
		}
		if d := cmp.Diff(before, w.acknowledgements()); d != "" {
			t.Fatalf("merged and back (-before +after):\n%s", d)
		}
	})
}

// What people decided since the merge stays: who took it up anew has it.
func TestUndoKeepsALaterAcknowledgement(t *testing.T) {
	w := twoIncidents(t)
	w.act(itsm.Act{Kind: itsm.ActAcknowledge, Incident: 2, Actor: "console:bob"})
	w.act(itsm.Act{Kind: itsm.ActAcknowledge, Actor: "console:ann"})
	w.act(itsm.Act{Kind: itsm.ActMerge, Incident: 2, Into: 1})
	w.act(itsm.Act{Kind: itsm.ActUnacknowledge})
	w.act(itsm.Act{Kind: itsm.ActAcknowledge, Actor: "console:mira"})
	w.act(itsm.Act{Kind: itsm.ActUndo, Incident: 2})
	if i := w.s.incidents[1]; !i.acked || i.handled().ackBy != "console:mira" {
		t.Errorf("acknowledged %t by %q, want by console:mira", i.acked, i.handled().ackBy)
	}
}

// A state of version 10 does not know whose acknowledgement a merge replaced: undoing
// it does what it did.
func TestUndoOfAnAcknowledgementOfBefore(t *testing.T) {
	w := twoIncidents(t)
	w.act(itsm.Act{Kind: itsm.ActAcknowledge, Incident: 2, Actor: "console:bob"})
	w.act(itsm.Act{Kind: itsm.ActMerge, Incident: 2, Into: 1})
	s, err := Decode(bytes.NewReader(older(w.encode(), 10, 3, 3)), w.s.graph)
	if err != nil {
		t.Fatal(err)
	}
	w.s = s
	w.act(itsm.Act{Kind: itsm.ActUndo, Incident: 2})
	if i := w.s.incidents[1]; i.acked || i.ackAt != 0 {
		t.Errorf("acknowledged %t at %s by %q, want it taken back", i.acked, i.ackAt, i.handled().ackBy)
	}
	if i := w.s.incidents[2]; !i.acked || i.handled().ackBy != "console:bob" {
		t.Errorf("the other: acknowledged %t by %q, want by console:bob", i.acked, i.handled().ackBy)
	}
}
