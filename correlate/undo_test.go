package correlate

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/cespare/xxhash/v2"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"signalbox/itsm"
	"signalbox/itsm/entry"
)

// membership is everything that undoing a merge or a split has to bring back.
func (w *world) membership() map[string]string {
	out := map[string]string{}
	for n, i := range w.s.incidents {
		if len(i.members) > 0 {
			out[n.String()] = fmt.Sprintf("open=%t acked=%t at=%d by=%q with=%q override=%s firing=%d members=%d", i.state.IsOpen(), i.acked, i.ackAt, i.handled().ackBy, i.handled().assignee, i.override, i.firing, len(i.members))
		}
		for _, m := range i.members {
			out[fmt.Sprintf("%s episode %d", m.alert, m.episode)] = fmt.Sprintf("%s, came with %s", n, m.from)
		}
	}
	for _, n := range w.s.alertNumbers() {
		if a := w.s.alerts.Get(n); a.inc != nil {
			out[n.String()] = a.inc.number.String()
		}
	}
	return out
}

// A merge and its undoing, or a split and its undoing, leave everything where it was,
// after whatever happened before; what was decoded undoes just the same.
func TestUndoLeadsBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const cis = 12
		c := DefaultConfig()
		c.Connectors = []Connector{{Name: "pd"}}
		w := newWorld(t, c)
		w.do(Input{CMDB: randomGraph(t, w.s.graph, cis)})
		for range rapid.IntRange(5, 60).Draw(t, "steps") {
			w.at += itsm.Time(rapid.SampledFrom([]int{0, 1, 10, 30, 301, 601}).Draw(t, "seconds") * 1000)
			if w.s.lastIncident > 0 && rapid.IntRange(0, 3).Draw(t, "act") == 0 {
				w.do(Input{Act: randomAct(t, w)})
				continue
			}
			d := &entry.Delivery{Source: "am"}
			for range rapid.IntRange(1, 4).Draw(t, "events") {
				d.Events = append(d.Events, randomEvent(t, w, cis))
			}
			w.do(Input{Delivery: d})
		}
		if w.s.lastIncident == 0 {
			return
		}
		for range 4 {
			a := randomAct(t, w)
			a.Kind, a.Origin, a.Actor = rapid.SampledFrom([]itsm.ActKind{itsm.ActMerge, itsm.ActSplit}).Draw(t, "kind"), "", "console:ann"
			before, last := w.membership(), w.s.lastIncident
			w.do(Input{Act: a})
			if w.outcome.Code != "" || w.outcome.NoOp {
				continue
			}
			undone := a.Incident
			if a.Kind == itsm.ActSplit {
				undone = w.outcome.Incident
			}
			if r := w.incidents[undone]; r.Undo.Of != a.Kind {
				t.Fatalf("after %s the record of %s offers %+v", a.Kind, undone, r.Undo)
			}
			again(t, w)
			w.do(Input{Act: &itsm.Act{Kind: itsm.ActUndo, Incident: undone, Actor: "console:ann"}})
			if i := w.s.incidents[undone]; a.Kind == itsm.ActSplit && w.outcome.Code == itsm.Conflict && i.state == itsm.IncidentResolved {
				continue // nothing of what was split off fired, and its time was over
			}
			if w.outcome.Code != "" {
				t.Fatalf("undo of %s: %+v", a.Kind, w.outcome)
			}
			after := w.membership()
			if d := cmp.Diff(before, after); d != "" {
				t.Fatalf("%s of %s and back (-before +after):\n%s", a.Kind, a.Incident, d)
			}
			if a.Kind == itsm.ActMerge && w.s.lastIncident != last {
				t.Fatalf("a merge and back made %d incidents", w.s.lastIncident-last)
			}
			checkInvariants(t, w)
			w.do(Input{Act: &itsm.Act{Kind: itsm.ActUndo, Incident: undone, Actor: "console:ann"}})
			if w.outcome.Code != itsm.Conflict {
				t.Fatalf("undone twice: %+v", w.outcome)
			}
		}
	})
}

// twoIncidents is a world with incidents 1 and 2.
func twoIncidents(t *testing.T) *twoWay {
	t.Helper()
	w := newTwoWay(t)
	w.at += 2 * 60 * minuteMS
	w.fire("web1")
	if len(w.s.incidents) != 2 {
		t.Fatalf("%d incidents, want 2", len(w.s.incidents))
	}
	return w
}

// What came with a merge counts for nothing once that is undone: nobody responded.
func TestUndoOfAMergeTakesItsResponseBack(t *testing.T) {
	w := twoIncidents(t)
	w.act(itsm.Act{Kind: itsm.ActAcknowledge, Incident: 2})
	w.act(itsm.Act{Kind: itsm.ActMerge, Incident: 2, Into: 1})
	if i := w.s.incidents[1]; !i.acked || i.respondedAt() == 0 {
		t.Fatalf("merged: acknowledged %t, responded at %s", i.acked, i.respondedAt())
	}
	if o := w.act(itsm.Act{Kind: itsm.ActUndo, Incident: 2}); o.Code != "" {
		t.Fatalf("undo: %+v", o)
	}
	if i := w.s.incidents[1]; i.acked || i.respondedAt() != 0 {
		t.Errorf("acknowledged %t, responded at %s", i.acked, i.respondedAt())
	}
	if i := w.s.incidents[2]; !i.acked || i.respondedAt() == 0 {
		t.Errorf("the other: acknowledged %t, responded at %s", i.acked, i.respondedAt())
	}
}

// That it is run as a major incident goes with the merge it came with, unless that was
// decided of the other since.
func TestUndoOfAMergeKeepsALaterMajorDecision(t *testing.T) {
	for name, c := range map[string]struct {
		before, since []itsm.ActKind
		want          itsm.MajorState
	}{"nothing was decided since": {nil, nil, ""}, "decided anew": {nil, []itsm.ActKind{itsm.ActMajorDemote, itsm.ActMajorAccept}, itsm.MajorAccepted},
		"demoted": {nil, []itsm.ActKind{itsm.ActMajorDemote}, itsm.MajorDemoted}, "proposed before": {[]itsm.ActKind{itsm.ActMajorPropose}, nil, itsm.MajorProposed},
		"demoted before": {[]itsm.ActKind{itsm.ActMajorAccept, itsm.ActMajorDemote}, nil, itsm.MajorDemoted}, "accepted before": {[]itsm.ActKind{itsm.ActMajorAccept}, nil, itsm.MajorAccepted}} {
		t.Run(name, func(t *testing.T) {
			w := twoIncidents(t)
			for _, kind := range c.before {
				w.act(itsm.Act{Kind: kind, Text: "we thought"})
			}
			w.act(itsm.Act{Kind: itsm.ActMajorAccept, Incident: 2, Text: "all is down"})
			w.act(itsm.Act{Kind: itsm.ActMerge, Incident: 2, Into: 1})
			if got := w.s.incidents[1].majorState(); got != itsm.MajorAccepted {
				t.Fatalf("merged it is %q", got)
			}
			for _, kind := range c.since {
				if o := w.act(itsm.Act{Kind: kind, Text: "we looked"}); o.Code != "" {
					t.Fatalf("%s: %+v", kind, o)
				}
			}
			s, err := Decode(bytes.NewReader(w.encode()), w.s.graph)
			if err != nil {
				t.Fatal(err)
			}
			w.s = s
			if o := w.act(itsm.Act{Kind: itsm.ActUndo, Incident: 2}); o.Code != "" {
				t.Fatalf("undo: %+v", o)
			}
			if got := w.s.incidents[1].majorState(); got != c.want {
				t.Errorf("it is %q, want %q", got, c.want)
			}
		})
	}
}

// Earlier states have their undo without what came later, at its end: version 8 without
// what the merge replaced (a byte), all up to 10 without whose acknowledgement (three). The
// three bytes of what rules cost come after it, from version 10 on.
func TestUndoOfBefore(t *testing.T) {
	for _, old := range []struct {
		version     byte
		later, kept int
	}{{8, 7, 0}, {9, 6, 0}, {10, 3, 3}} {
		t.Run(fmt.Sprint(old.version), func(t *testing.T) {
			w := twoIncidents(t)
			w.act(itsm.Act{Kind: itsm.ActMerge, Incident: 2, Into: 1})
			b := w.encode()
			s, err := Decode(bytes.NewReader(older(b, old.version, old.later, old.kept)), w.s.graph)
			if err != nil {
				t.Fatal(err)
			}
			w.s = s
			if !bytes.Equal(w.encode(), b) {
				t.Error("it does not come to the same state as one of today")
			}
			if o := w.act(itsm.Act{Kind: itsm.ActUndo, Incident: 2}); o.Code != "" {
				t.Errorf("undo: %+v", o)
			}
		})
	}
}

// older is what an earlier version wrote of a state, without bytes that came later; it
// had those that are kept after them, at the end.
func older(b []byte, version byte, later, kept int) []byte {
	b = b[:len(b)-stateTrailer]
	body := append(bytes.Clone(b[:len(b)-later-kept]), b[len(b)-kept:]...)
	body[len(stateMagic)] = version
	return binary.BigEndian.AppendUint64(body, xxhash.Sum64(body))
}
