package correlate

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"signalbox/correlate/group"
	"signalbox/itsm"
	"signalbox/itsm/entry"
	"signalbox/rules"
)

// explainedMax bounds the entries of one scenario that are explained: each costs
// two encodings.
const explainedMax = 150

// Explain changes nothing, whatever it is asked, and says of an event what folding
// it then does.
func TestLawExplain(t *testing.T) {
	compared := map[string]int{}
	eachScenario(t, func(t *testing.T, done *world) {
		w := newWorld(t, DefaultConfig())
		for n, in := range done.steps {
			w.at, w.off = in.At, in.Offset-1
			if n >= explainedMax {
				break
			}
			var x Explanation
			var asked bool
			if in.Delivery != nil && len(in.Delivery.Events) > 0 {
				before := w.encode()
				x, asked = w.s.Explain(Question{Event: &in.Delivery.Events[0], At: in.At, Beside: 1})
				if last := w.s.lastAlert; last > 0 {
					w.s.Explain(Question{Alert: last, Beside: w.s.lastIncident})
					w.s.Explain(Question{Alert: 1, Rules: &Rules{}})
				}
				if !bytes.Equal(before, w.encode()) {
					t.Fatalf("entry %d: explaining changed the state", in.Offset)
				}
			}
			last := w.s.lastIncident
			w.do(in)
			if asked && (len(in.Delivery.Events) == 1 || x.Outcome.What == OutcomeDropped) { // else the others count, too
				compared[x.Outcome.What]++
				checkOutcome(t, w, &x, last)
			}
		}
	})
	for _, what := range []string{OutcomeClears, OutcomeRepeats, OutcomeDropped, OutcomeMuted, OutcomeHeld, OutcomeInhibited, OutcomeWaits, OutcomeJoins, OutcomeOpens} {
		if compared[what] == 0 {
			t.Errorf("no event of any scenario %s; compared %v", what, compared)
		}
	}
}

// checkOutcome compares what was said of the event of the last entry with what
// became of it; last is the latest incident before it.
func checkOutcome(t *testing.T, w *world, x *Explanation, last itsm.IncidentNumber) {
	t.Helper()
	f := w.fates[len(w.fates)-1].Events[0]
	a := w.alerts[f.Alert]
	switch x.Outcome.What {
	case OutcomeRepeats:
		if x.Outcome.Incident != 0 && a.Incident != x.Outcome.Incident || x.Outcome.Incident == 0 && a.Incident > last {
			t.Errorf("entry %d: said it goes on in %s, became %s (%+v)", w.off, x.Outcome.Incident, a.Incident, x.Outcome)
		}
	case OutcomeJoins:
		if a.Incident != x.Outcome.Incident {
			t.Errorf("entry %d: said it joins %s, became %s (%+v)", w.off, x.Outcome.Incident, a.Incident, x.Outcome)
		}
	case OutcomeOpens:
		if a.Incident <= last {
			t.Errorf("entry %d: said it opens one, became %s (%+v)", w.off, a.Incident, x.Outcome)
		}
	case OutcomeMuted, OutcomeHeld, OutcomeInhibited, OutcomeWaits:
		if a.SuppressedBy == "" && a.Incident <= last {
			t.Errorf("entry %d: said %s, became %s (%+v)", w.off, x.Outcome.What, a.Incident, x.Outcome)
		}
	case OutcomeDropped:
		if f.Fate != itsm.FateSuppressed {
			t.Errorf("entry %d: said it is dropped, became %v", w.off, f.Fate)
		}
	}
}

// An alert that is a member is told why the incidents beside its own are not
// joined, and of the rules what each would hide it by.
func TestExplainNeighbours(t *testing.T) {
	sc := runScenario(t, "testdata/maybe.txt")
	x, ok := sc.s.Explain(Question{Alert: 2})
	if !ok || x.Incident != 2 || len(x.Near.Neighbours) == 0 {
		t.Fatalf("got %+v, want alert 2 in incident 2 with neighbours", x)
	}
	// What was decided before the relation came would be decided otherwise now.
	if n := x.Near.Neighbours[0]; n.Incident != 1 || n.Relation == "" || n.Why != "" || x.Outcome.Incident != 1 {
		t.Errorf("got neighbour %+v and %+v, want it to join incident 1", n, x.Outcome)
	}
	if slices.ContainsFunc(x.Near.Neighbours, func(n group.Neighbour) bool { return n.Incident == 2 }) {
		t.Error("its own incident is among the neighbours")
	}
	if x, _ = sc.s.Explain(Question{Alert: 3, Beside: 1}); x.Near.Neighbours[0].Incident != 1 || x.Near.Neighbours[0].Why == "" {
		t.Errorf("got neighbours %+v, want incident 1 first and why it is not joined", x.Near.Neighbours)
	}
	if _, ok := sc.s.Explain(Question{Alert: 999}); ok {
		t.Error("an alert that there is not was explained")
	}
}

// What other rules would make of an alert is answered without activating them.
func TestExplainOtherRules(t *testing.T) {
	sc := runScenario(t, "testdata/maybe.txt")
	set, ps := rules.Compile([]rules.File{{Name: "r.yaml", Body: "id: quiet\nabout: Mute b\nwhen: ci.id == \"b\"\nsuppress: mute\n"}})
	if rules.Blocking(ps) {
		t.Fatal(ps)
	}
	x, _ := sc.s.Explain(Question{Alert: 2, Rules: &Rules{Revision: 9, Set: set}})
	if x.Outcome.What != OutcomeMuted || x.Outcome.Rule != "quiet" || x.Outcome.Revision != 9 {
		t.Errorf("got %+v, want muted by quiet of revision 9", x.Outcome)
	}
	if sc.s.Rules().Set == set || strings.Contains(sc.alerts[2].SuppressedBy, "quiet") {
		t.Error("the other rules stayed")
	}
}

// What an event of a firing alert is said to do is what it then does, where the alert
// belongs elsewhere now and where something keeps it back.
func TestExplainFiring(t *testing.T) {
	const mute = "rules\nid: night\nabout: Nobody wants this\nwhen: labels.job == \"backup\"\nsuppress: mute\nend\n"
	var short strings.Builder
	for n := range 16 {
		fmt.Fprintf(&short, "at %02d:00 fire db1 major\nat %02d:01 clear db1\n", n, n)
	}
	var storm []string
	for n := range 25 {
		storm = append(storm, fmt.Sprintf("x%d", n))
	}
	for _, c := range []struct{ name, story, at, event, want string }{
		{"began again elsewhere; its series nearly always clears by itself", short.String() + "at 20:00 fire db1 major\n", "22:00", "start=22:00", OutcomeOpens},
		{"began again elsewhere, and says now what a rule mutes", mute + "at 20:00 fire db1 major\n", "22:00", "start=22:00 job=backup", OutcomeOpens},
		{"held, and there is a storm somewhere else", short.String() + "at 20:00 fire db1 major\nat 20:00:20 fire " + strings.Join(storm, ",") + " warning source=other\n", "20:00:40", "start=20:00", OutcomeHeld},
		{"held, and says now what a rule mutes", mute + short.String() + "at 20:00 fire db1 major\n", "20:00:40", "start=20:00 job=backup", OutcomeHeld},
		{"muted, and no longer says what the rule mutes", mute + "at 20:00 fire db1 major job=backup\n", "20:05", "start=20:00 job=web", OutcomeOpens},
		{"muted, and says something else that the rule mutes", mute + "at 20:00 fire db1 major job=backup\n", "20:05", "start=20:00 job=backup k=v", OutcomeRepeats},
		{"in a window, and says now what no window covers", "at 00:00 maintenance.put {\"reason\": \"night\", \"ends_at\": \"2026-01-02T00:00:00Z\", \"scope\": {\"labels\": {\"job\": \"backup\"}}}\nat 20:00 fire db1 major job=backup\n", "20:05", "start=20:00 job=web", OutcomeOpens},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "story.txt")
			if err := os.WriteFile(file, []byte("config {\"episode_gap\": \"10h\"}\n"+c.story+"tick "+c.at+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			sc := runScenario(t, file)
			sc.at = sc.time(c.at)
			last := sc.s.lastIncident
			e := sc.event("fire", "db1", append([]string{"major"}, strings.Fields(c.event)...), &entry.Delivery{Source: "am"})
			before := sc.encode()
			x, _ := sc.s.Explain(Question{Event: &e, At: sc.at})
			sc.s.Explain(Question{Event: &e, At: sc.at, Rules: &Rules{}})
			if !bytes.Equal(before, sc.encode()) {
				t.Error("explaining changed the state")
			}
			sc.do(Input{Delivery: &entry.Delivery{Source: "am", Events: []itsm.Event{e}}})
			if a := sc.alerts[1]; x.Outcome.What != c.want || (a.Incident > last) != (c.want == OutcomeOpens) || (a.SuppressedBy != "") != (c.want != OutcomeOpens) {
				t.Errorf("said %+v, became a member of %q, suppressed by %q", x.Outcome, a.Incident, a.SuppressedBy)
			}
		})
	}
}
