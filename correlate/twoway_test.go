package correlate

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"signalbox/itsm"
	"signalbox/itsm/entry"
)

// twoWay is a world with partners pd and jira and one incident that both were told
// of and confirmed.
type twoWay struct {
	*world
	t    *testing.T
	seen map[string]int
}

func newTwoWay(t *testing.T) *twoWay {
	t.Helper()
	w := newTwoWayOf(t, Connector{Name: "pd"}, Connector{Name: "jira"})
	w.wants("pd", "trigger")
	w.wants("jira", "trigger")
	return w
}

func newTwoWayOf(t *testing.T, connectors ...Connector) *twoWay {
	t.Helper()
	t.Parallel()
	c := DefaultConfig()
	c.Connectors = connectors
	w := &twoWay{newWorld(t, c), t, map[string]int{}}
	w.fire("db1")
	w.confirm(0)
	return w
}

func (w *twoWay) fire(ci string) {
	e := itsm.Event{Source: "am", Identity: ci, Status: itsm.Firing, Severity: itsm.Major, CIName: ci, Title: "Down", StartsAt: w.at, Labels: itsm.NewLabels(nil)}
	w.do(Input{Delivery: &entry.Delivery{Source: "am", Events: []itsm.Event{e}}})
}

func (w *twoWay) act(a itsm.Act) itsm.Outcome {
	w.t.Helper()
	w.at += 1000
	if a.Incident == 0 {
		a.Incident = 1
	}
	a.Actor = cmpText(a.Actor, "console:ann")
	w.do(Input{Act: &a})
	return w.outcome
}

// confirm settles every intent that waits, with a version of the partner's record.
func (w *twoWay) confirm(version int64) {
	w.t.Helper()
	for _, n := range w.intents[len(w.settled):] {
		w.do(Input{Act: &itsm.Act{Kind: itsm.ActReceipt, Incident: n.Incident, Actor: "signalbox", Origin: n.Connector, IntentKey: n.Key, PartnerVersion: version}})
	}
}

// wants compares the transitions a partner was told since it was asked about.
func (w *twoWay) wants(connector, transitions string) {
	w.t.Helper()
	var got []string
	for _, n := range w.intents[w.seen[connector]:] {
		if n.Connector == connector {
			got = append(got, string(n.Transition))
		}
	}
	w.seen[connector] = len(w.intents)
	if d := cmp.Diff(strings.Fields(transitions), got, cmp.Transformer("", func(l []string) string { return strings.Join(l, " ") })); d != "" {
		w.t.Errorf("%s was told (-want +got):\n%s", connector, d)
	}
}

// sweep is what a sweep saw at a partner.
func (w *twoWay) sweep(connector string, r itsm.PartnerRecord) itsm.Outcome {
	w.t.Helper()
	return w.act(itsm.Act{Kind: itsm.ActSync, Actor: connector + ":sweep", Origin: connector, Epoch: w.with(connector).Epoch, Seen: &r})
}

func (w *twoWay) with(connector string) PartnerSync {
	v, ok := w.s.SyncWith(1, connector)
	if !ok {
		w.t.Fatalf("nothing is known of incident 1 and %s", connector)
	}
	return v
}

func (w *twoWay) incident() itsm.Incident { return w.incidents[1] }

func (w *twoWay) lastIntent(connector string) itsm.Intent {
	for _, n := range slices.Backward(w.intents) {
		if n.Connector == connector {
			return n
		}
	}
	return itsm.Intent{}
}

func TestR1AKeyIsMadeOnceOfWhatItIsAbout(t *testing.T) {
	w := newTwoWay(t)
	keys := map[string]string{}
	again := New(w.s.cfg, w.s.graph)
	var replayed []itsm.Intent
	for _, in := range w.steps {
		for _, d := range append(slices.Clone(again.Step(in)), again.Flush()...) {
			if d.Kind == itsm.PutIntent {
				replayed = append(replayed, *d.Intent)
			}
		}
	}
	if d := cmp.Diff(w.intents, replayed); d != "" {
		t.Errorf("a replay after a restore makes other keys (-want +got):\n%s", d)
	}
	w.act(itsm.Act{Kind: itsm.ActAcknowledge})
	w.act(itsm.Act{Kind: itsm.ActResolve})
	w.act(itsm.Act{Kind: itsm.ActReopen})
	for _, n := range w.intents {
		what := fmt.Sprint(n.Incident, n.Epoch, n.Transition, n.Connector, n.Serial)
		if other, used := keys[n.Key]; used {
			t.Errorf("%s and %s have one key", what, other)
		}
		keys[n.Key] = what
	}
	if len(keys) != 8 {
		t.Errorf("%d keys of 8 effects", len(keys))
	}
}

func TestR3AReportIsAStateWithAVersion(t *testing.T) {
	w := newTwoWay(t)
	w.act(itsm.Act{Kind: itsm.ActAcknowledge, Origin: "pd", Epoch: 1, PartnerVersion: 20})
	for _, c := range []struct {
		name    string
		kind    itsm.ActKind
		version int64
		state   itsm.State
	}{
		{"older is ignored", itsm.ActResolve, 19, itsm.InProgress},
		{"equal and no further is ignored", itsm.ActUnacknowledge, 20, itsm.InProgress},
		{"at a tie the more advanced wins", itsm.ActResolve, 20, itsm.IncidentResolved},
	} {
		w.act(itsm.Act{Kind: c.kind, Origin: "pd", Epoch: 1, PartnerVersion: c.version})
		if got := w.incident(); got.State != c.state || got.AcknowledgedAt == 0 {
			t.Errorf("%s: %s, acknowledged %v", c.name, got.State, got.AcknowledgedAt)
		}
	}
	if n := w.s.Totals().PartnerStale; n != 2 {
		t.Errorf("%d reports counted as old, want 2", n)
	}
	w.wants("pd", "")
}

// TestR4 has the three tests of an echo, each alone.
func TestR4AnEchoIsKnownByWhoDidItByItsKeyAndByWhatWasAsked(t *testing.T) {
	for name, echo := range map[string]func(w *twoWay, n itsm.Intent) itsm.Act{
		"our own account":              func(*twoWay, itsm.Intent) itsm.Act { return itsm.Act{Ours: true} },
		"a key of the outbox":          func(_ *twoWay, n itsm.Intent) itsm.Act { return itsm.Act{IntentKey: n.Key} },
		"what was asked, at a version": func(*twoWay, itsm.Intent) itsm.Act { return itsm.Act{PartnerVersion: 7} },
	} {
		t.Run(name, func(t *testing.T) {
			w := newTwoWay(t)
			w.act(itsm.Act{Kind: itsm.ActAssign, Assignee: "ada"})
			ada := w.lastIntent("jira")
			w.confirm(7)
			w.act(itsm.Act{Kind: itsm.ActAssign, Assignee: "bob"})
			w.confirm(8)
			w.wants("pd", "update update")
			w.wants("jira", "update update")
			w.at += 3_600_000 // an hour: nothing that is only remembered for a while
			a := echo(w, ada)
			a.Kind, a.Origin, a.Assignee = itsm.ActAssign, "jira", "ada"
			o := w.act(a)
			if got := w.incident().Assignee; got != "bob" || !o.NoOp || o.Detail != itsm.ReasonEcho {
				t.Errorf("assigned to %q by our own echo; outcome %+v", got, o)
			}
			w.wants("pd", "")
			w.wants("jira", "")
		})
	}
}

func TestR4WhatAPersonDoesAtOnceAfterUsIsNoEcho(t *testing.T) {
	w := newTwoWay(t)
	w.act(itsm.Act{Kind: itsm.ActAssign, Assignee: "ada"})
	w.confirm(7)
	w.act(itsm.Act{Kind: itsm.ActAssign, Origin: "jira", Assignee: "carl", PartnerVersion: 8})
	if got := w.incident().Assignee; got != "carl" {
		t.Errorf("assigned to %q, want carl", got)
	}
	w.wants("pd", "update update")
	w.wants("jira", "update") // ada; carl came from there
}

func TestR5AnEpochOnlyMovesUp(t *testing.T) {
	w := newTwoWay(t)
	w.act(itsm.Act{Kind: itsm.ActResolve})
	o := w.act(itsm.Act{Kind: itsm.ActAcknowledge, Origin: "pd", Actor: "pd:jane", Epoch: 1, PartnerVersion: 5})
	got := w.incident()
	if got.State != itsm.IncidentResolved || got.AcknowledgedBy != "pd:jane" || o.Code != "" {
		t.Errorf("%s, acknowledged by %q, %+v: want it resolved and the acknowledgement kept", got.State, got.AcknowledgedBy, o)
	}
	w.act(itsm.Act{Kind: itsm.ActReopen})
	if got := w.incident(); got.Epoch != 2 || got.State != itsm.New {
		t.Errorf("a reopen is epoch %d %s, want epoch 2, new", got.Epoch, got.State)
	}
	w.wants("pd", "resolve trigger")
}

func TestR6AResolveBeforeItsTriggerOpensNothing(t *testing.T) {
	w := newTwoWay(t)
	clear := itsm.Event{Source: "am", Identity: "web1", Status: itsm.Resolved, Severity: itsm.Major, CIName: "web1", Title: "Down", StartsAt: w.at, EndsAt: w.at + 10, Labels: itsm.NewLabels(nil)}
	fire := clear
	fire.Status, fire.EndsAt = itsm.Firing, 0
	for _, e := range []itsm.Event{clear, fire} {
		w.do(Input{Delivery: &entry.Delivery{Source: "am", Events: []itsm.Event{e}}})
	}
	if n := len(w.incidents); n != 1 {
		t.Errorf("%d incidents, want 1", n)
	}
	w.wants("pd", "")
}

func TestR7WhatASweepSees(t *testing.T) {
	ack := func(w *twoWay) { w.act(itsm.Act{Kind: itsm.ActAcknowledge}) }
	resolve := func(w *twoWay) { w.act(itsm.Act{Kind: itsm.ActResolve}) }
	ada := func(w *twoWay) { w.act(itsm.Act{Kind: itsm.ActAssign, Assignee: "ada"}) }
	const all = itsm.SyncAssignee | itsm.SyncPriority
	for name, c := range map[string]struct {
		before   func(*twoWay)
		seen     itsm.PartnerRecord
		state    itsm.State
		assignee string
		jira, pd string // what each is told because of it
	}{
		"all is well":                    {nil, itsm.PartnerRecord{Status: itsm.RecordOpen}, itsm.New, "", "", ""},
		"acknowledged there":             {nil, itsm.PartnerRecord{Status: itsm.RecordAcknowledged, Version: 60, By: "jane"}, itsm.InProgress, "", "", "acknowledge"},
		"resolved there":                 {ack, itsm.PartnerRecord{Status: itsm.RecordResolved, Version: 60, By: "jane"}, itsm.IncidentResolved, "", "", "resolve"},
		"our acknowledgement was lost":   {ack, itsm.PartnerRecord{Status: itsm.RecordOpen}, itsm.InProgress, "", "acknowledge", ""},
		"our resolve was lost":           {resolve, itsm.PartnerRecord{Status: itsm.RecordOpen}, itsm.IncidentResolved, "", "resolve", ""},
		"it was deleted":                 {ack, itsm.PartnerRecord{Status: itsm.RecordNone}, itsm.InProgress, "", "update acknowledge", ""},
		"it was deleted after its end":   {resolve, itsm.PartnerRecord{Status: itsm.RecordNone}, itsm.IncidentResolved, "", "", ""},
		"a person assigned it there":     {ada, itsm.PartnerRecord{Status: itsm.RecordOpen, Knows: all, Priority: itsm.P3, Assignee: "bob", Version: 90, By: "bob"}, itsm.New, "bob", "", "update"},
		"a program assigned it there":    {ada, itsm.PartnerRecord{Status: itsm.RecordOpen, Knows: all, Priority: itsm.P3, Assignee: "bot", Version: 90, By: "bot", Automatic: true}, itsm.New, "ada", "update", ""},
		"our assignment was lost":        {ada, itsm.PartnerRecord{Status: itsm.RecordOpen, Knows: all, Priority: itsm.P3}, itsm.New, "ada", "update", ""},
		"nobody decided, a program did":  {nil, itsm.PartnerRecord{Status: itsm.RecordOpen, Knows: all, Priority: itsm.P3, Assignee: "oncall", Version: 90, Automatic: true}, itsm.New, "oncall", "", "update"},
		"another priority, by nobody":    {nil, itsm.PartnerRecord{Status: itsm.RecordOpen, Knows: all, Priority: itsm.P5}, itsm.New, "", "update", ""},
		"what it does not know is fine":  {ada, itsm.PartnerRecord{Status: itsm.RecordOpen, Assignee: "x", Priority: itsm.P5}, itsm.New, "ada", "", ""},
		"our own change, seen as theirs": {ada, itsm.PartnerRecord{Status: itsm.RecordOpen, Knows: all, Priority: itsm.P3, Assignee: "eve", Version: 90, By: "signalbox", Ours: true}, itsm.New, "ada", "update", ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newTwoWay(t)
			w.at += 10_000
			if c.before != nil {
				c.before(w)
			}
			w.confirm(50)
			w.seen = map[string]int{"pd": len(w.intents), "jira": len(w.intents)}
			w.sweep("jira", c.seen)
			if got := w.incident(); got.State != c.state || got.Assignee != c.assignee {
				t.Errorf("%s, assigned to %q; want %s, %q", got.State, got.Assignee, c.state, c.assignee)
			}
			w.wants("jira", c.jira)
			w.wants("pd", c.pd)
			w.confirm(100)
			// What was repaired is not repaired again before the partner could show it.
			w.sweep("jira", c.seen)
			w.wants("jira", "")
		})
	}
}

// While a record is resolved it is told nothing. Opened again and acknowledged there, of
// which we hear nothing, it needs one sweep to agree: what it missed is nobody's wish.
func TestR7OneSweepTakesOverAllThatWasMissed(t *testing.T) {
	w := newTwoWayOf(t, Connector{Name: "pd", MinPriority: itsm.P2}, Connector{Name: "jira"})
	w.wants("pd", "")
	w.wants("jira", "trigger")
	w.act(itsm.Act{Kind: itsm.ActResolve, Origin: "jira", Epoch: 1, PartnerVersion: 50})
	w.act(itsm.Act{Kind: itsm.ActPriority, Priority: itsm.P2})
	w.act(itsm.Act{Kind: itsm.ActAssign, Assignee: "ada"})
	seen := itsm.PartnerRecord{Status: itsm.RecordAcknowledged, Knows: itsm.SyncAssignee | itsm.SyncGroup | itsm.SyncPriority, Group: "dba", Priority: itsm.P3, Version: 60, By: "jane"}
	if o := w.sweep("jira", seen); o.NoOp || o.Code != "" {
		t.Errorf("it came to %+v", o)
	}
	if got := w.incident(); got.State != itsm.InProgress || got.AcknowledgedBy != "jira:jane" || got.Assignee != "ada" || got.Group != "dba" || got.Priority != itsm.P2 {
		t.Errorf("%s, acknowledged by %q, assigned to %q of %q, %s", got.State, got.AcknowledgedBy, got.Assignee, got.Group, got.Priority)
	}
	w.wants("pd", "trigger acknowledge update")
	w.wants("jira", "update")
	if n := w.lastIntent("jira"); n.Text != `told again: jira has assignee "", wanted "ada", priority P3, wanted P2` || n.Snapshot.Priority != itsm.P2 || n.Epoch != 1 {
		t.Errorf("jira was told %q with %s in the record of epoch %d", n.Text, n.Snapshot.Priority, n.Epoch)
	}
	if v := w.with("jira"); v.Waiting != 1 || v.Epoch != 1 || v.Repairs != 1 {
		t.Errorf("%d intents wait for jira, told again %d times, in the record of epoch %d", v.Waiting, v.Repairs, v.Epoch)
	}
	if d := w.s.Drifts(); len(d) != 1 || d[0].Found != 1 || d[0].Adopted != 1 || d[0].Repaired != 1 {
		t.Errorf("counted %+v", d)
	}
	w.confirm(70)
	seen.Assignee, seen.Priority, seen.Version, seen.By, seen.Ours = "ada", itsm.P2, 70, "", true
	if o := w.sweep("jira", seen); !o.NoOp {
		t.Errorf("a second sweep came to %+v", o)
	}
	w.wants("jira", "")
}

// All that a person changed of an open record is their wish, and not the first of it only.
func TestR7OneSweepTakesOverAllThatAPersonChanged(t *testing.T) {
	w := newTwoWay(t)
	w.act(itsm.Act{Kind: itsm.ActAssign, Assignee: "ada", Group: "web"})
	w.confirm(50)
	w.seen = map[string]int{"pd": len(w.intents), "jira": len(w.intents)}
	w.sweep("jira", itsm.PartnerRecord{Status: itsm.RecordOpen, Knows: itsm.SyncAssignee | itsm.SyncGroup | itsm.SyncPriority, Assignee: "bob", Group: "dba", Priority: itsm.P5, Version: 60, By: "bob"})
	if got := w.incident(); got.Assignee != "bob" || got.Group != "dba" || got.Priority != itsm.P5 {
		t.Errorf("assigned to %q of %q, %s", got.Assignee, got.Group, got.Priority)
	}
	w.wants("jira", "")
}

// What is set back is so once, however much of the record differs.
func TestR7WhatIsSetBackIsNotTriedAgain(t *testing.T) {
	w := newTwoWay(t)
	w.at += 120_000
	w.act(itsm.Act{Kind: itsm.ActAssign, Assignee: "ada"})
	w.confirm(50)
	w.wants("jira", "update")
	stale := w.s.totals.PartnerStale
	seen := itsm.PartnerRecord{Status: itsm.RecordOpen, Knows: itsm.SyncAssignee, Assignee: "bob", Version: int64(w.at) - 60_000, By: "bob"}
	if o := w.sweep("jira", seen); !o.NoOp || o.Detail != itsm.ReasonEarlier {
		t.Errorf("it came to %+v", o)
	}
	if n := w.s.totals.PartnerStale - stale; n > 1 {
		t.Errorf("it was set back %d times", n)
	}
	if got := w.incident(); got.Assignee != "ada" {
		t.Errorf("assigned to %q", got.Assignee)
	}
	w.wants("jira", "update")
}

// A mirror gets another record for each epoch: the one that was opened again says nothing
// of it.
func TestR7WhatAMirrorHadSaysNothingOfTheNextEpoch(t *testing.T) {
	w := newTwoWayOf(t, Connector{Name: "jira", Mirror: true})
	w.act(itsm.Act{Kind: itsm.ActResolve, Origin: "jira", Epoch: 1, PartnerVersion: 50})
	w.confirm(0)
	w.wants("jira", "trigger resolve")
	w.sweep("jira", itsm.PartnerRecord{Status: itsm.RecordAcknowledged, Knows: itsm.SyncPriority, Priority: itsm.P5, Version: 60, By: "jane"})
	if got := w.incident(); got.State != itsm.New || got.Epoch != 2 {
		t.Errorf("it is %s in epoch %d", got.State, got.Epoch)
	}
	w.wants("jira", "trigger")
}

func TestR7RepairsOfARefusingPartnerAreSpacedOut(t *testing.T) {
	w := newTwoWay(t)
	w.act(itsm.Act{Kind: itsm.ActAcknowledge})
	w.confirm(0)
	from := len(w.intents)
	for range 24 * 12 { // a day of sweeps
		w.at += 5 * minuteMS
		w.sweep("jira", itsm.PartnerRecord{Status: itsm.RecordOpen})
		w.confirm(0)
	}
	n := 0
	for _, in := range w.intents[from:] {
		if in.Transition != itsm.Note { // of the service level
			n++
		}
	}
	if n < 5 || n > 15 {
		t.Errorf("told again %d times in a day, want a few", n)
	}
	if d := w.s.Drifts(); len(d) != 1 || d[0].Found != 288 || int(d[0].Repaired) != n {
		t.Errorf("counted %+v", d)
	}
}

// Nobody hears that somebody opens a record again which a sweep saw over: a later one
// sees it.
func TestR7AnEarlierRecordThatIsOpenedAgainHeals(t *testing.T) {
	w := newTwoWay(t)
	w.act(itsm.Act{Kind: itsm.ActResolve})
	w.confirm(10)
	w.act(itsm.Act{Kind: itsm.ActReopen})
	w.confirm(20)
	w.wants("jira", "resolve trigger")
	first := func(r itsm.PartnerRecord) itsm.Outcome {
		return w.act(itsm.Act{Kind: itsm.ActSync, Actor: "jira:sweep", Origin: "jira", Epoch: 1, Seen: &r})
	}
	for range 2 {
		if o := first(itsm.PartnerRecord{Status: itsm.RecordResolved, Version: 10}); !o.NoOp {
			t.Errorf("what is over came to %+v", o)
		}
		if got := w.with("jira").Before; !slices.Equal(got, []uint32{1}) {
			t.Fatalf("earlier records %v", got)
		}
	}
	// While the incident is open the work goes on in the newer record.
	first(itsm.PartnerRecord{Status: itsm.RecordOpen, Version: 30, By: "jane"})
	if n := w.lastIntent("jira"); n.Transition != itsm.Resolve || n.Epoch != 1 {
		t.Errorf("jira was told %s of epoch %d, want the resolve of epoch 1", n.Transition, n.Epoch)
	}
	w.confirm(40)
	w.act(itsm.Act{Kind: itsm.ActResolve})
	w.confirm(50)
	w.wants("jira", "resolve resolve")
	// Our own doing, or what is older than what we know, is ended.
	for _, r := range []itsm.PartnerRecord{{Status: itsm.RecordOpen, Version: 60, Ours: true}, {Status: itsm.RecordOpen, Version: 45, By: "jane"}} {
		w.at += 3 * minuteMS
		first(r)
		w.confirm(0)
		w.wants("jira", "resolve")
	}
	if got := w.incident(); got.State != itsm.IncidentResolved {
		t.Fatalf("it is %s", got.State)
	}
	// A person's wish when all was over counts, in that record.
	first(itsm.PartnerRecord{Status: itsm.RecordOpen, Version: 70, By: "jane"})
	if got := w.incident(); !got.State.IsOpen() || got.Epoch != 3 {
		t.Errorf("it is %s in epoch %d", got.State, got.Epoch)
	}
	w.wants("jira", "")
	w.wants("pd", "resolve trigger resolve trigger")
	if v := w.with("jira"); v.Epoch != 1 || !slices.Equal(v.Before, []uint32{2}) {
		t.Errorf("jira has it in the record of epoch %d, and had %v", v.Epoch, v.Before)
	}
}

// The versions of two records say nothing of each other.
func TestR7AReportOfAnEarlierRecordHidesNothingOfThePresentOne(t *testing.T) {
	w := newTwoWay(t)
	w.act(itsm.Act{Kind: itsm.ActResolve})
	w.confirm(10)
	w.act(itsm.Act{Kind: itsm.ActReopen})
	w.confirm(20)
	w.act(itsm.Act{Kind: itsm.ActPriority, Origin: "jira", Actor: "jira:bob", Epoch: 1, Priority: itsm.P4, PartnerVersion: 30})
	w.confirm(0)
	w.wants("jira", "resolve trigger")
	w.sweep("jira", itsm.PartnerRecord{Status: itsm.RecordAcknowledged, Knows: itsm.SyncPriority, Priority: itsm.P3, Version: 25, By: "jane"})
	if got := w.incident(); got.State != itsm.InProgress || got.Priority != itsm.P4 {
		t.Errorf("%s, %s", got.State, got.Priority)
	}
	w.wants("jira", "update")
	// Of the record itself a look from before its last report is old.
	w.act(itsm.Act{Kind: itsm.ActPriority, Origin: "jira", Actor: "jira:bob", Epoch: 2, Priority: itsm.P5, PartnerVersion: 40})
	if o := w.sweep("jira", itsm.PartnerRecord{Status: itsm.RecordResolved, Version: 35, By: "jane"}); o.Detail != itsm.ReasonOldReport {
		t.Errorf("an old look came to %+v", o)
	}
}

// An earlier record that is opened again becomes the present one at that version.
func TestR7WhatAnEarlierRecordMissedIsNobodysWish(t *testing.T) {
	w := newTwoWay(t)
	w.act(itsm.Act{Kind: itsm.ActResolve})
	w.confirm(10)
	w.act(itsm.Act{Kind: itsm.ActReopen})
	w.act(itsm.Act{Kind: itsm.ActPriority, Priority: itsm.P2})
	w.act(itsm.Act{Kind: itsm.ActResolve})
	w.confirm(30)
	w.wants("jira", "resolve trigger update resolve")
	w.act(itsm.Act{Kind: itsm.ActReopen, Origin: "jira", Actor: "jira:jane", Epoch: 1, PartnerVersion: 70})
	w.sweep("jira", itsm.PartnerRecord{Status: itsm.RecordOpen, Knows: itsm.SyncPriority, Priority: itsm.P3, Version: 70, By: "jane"})
	if got := w.incident(); got.Epoch != 3 || got.Priority != itsm.P2 {
		t.Errorf("%s in epoch %d", got.Priority, got.Epoch)
	}
	w.wants("jira", "update")
}

func TestR7AfterARestoreASweepOnlyTakesOver(t *testing.T) {
	w := newTwoWay(t)
	w.act(itsm.Act{Kind: itsm.ActResolve})
	w.confirm(0)
	w.wants("jira", "resolve")
	w.act(itsm.Act{Kind: itsm.ActSync, Origin: "jira", Epoch: 1, Seen: &itsm.PartnerRecord{Status: itsm.RecordOpen}, ReadOnly: true})
	w.wants("jira", "")
}

func TestAssigneeFollowsTheLastPerson(t *testing.T) {
	w := newTwoWay(t)
	ms := func(d itsm.Time) int64 { return int64(w.at + d) }
	w.act(itsm.Act{Kind: itsm.ActAssign, Origin: "pd", Assignee: "oncall", Automatic: true, PartnerVersion: ms(0)})
	if got := w.incident().Assignee; got != "oncall" {
		t.Fatalf("assigned to %q: where nobody decided the pager's schedule does", got)
	}
	w.wants("pd", "")
	w.wants("jira", "update")
	w.act(itsm.Act{Kind: itsm.ActAssign, Assignee: "ada"})
	w.wants("pd", "update")
	w.wants("jira", "update")
	if got := w.lastIntent("pd").Snapshot.Assignee; got != "ada" {
		t.Errorf("the snapshot says %q", got)
	}
	// An escalation does not override her, and is set back.
	o := w.act(itsm.Act{Kind: itsm.ActAssign, Origin: "pd", Assignee: "second", Automatic: true, PartnerVersion: ms(2000)})
	if got := w.incident().Assignee; got != "ada" || o.Detail != itsm.ReasonProgram {
		t.Errorf("assigned to %q, %+v", got, o)
	}
	w.wants("pd", "update")
	w.wants("jira", "")
	// What somebody decided there before, and was delayed, does not count.
	o = w.act(itsm.Act{Kind: itsm.ActAssign, Origin: "jira", Assignee: "late", PartnerVersion: ms(-60_000)})
	if got := w.incident().Assignee; got != "ada" || o.Detail != itsm.ReasonEarlier {
		t.Errorf("assigned to %q, %+v", got, o)
	}
	w.wants("jira", "update")
	// A person there, later, counts.
	w.act(itsm.Act{Kind: itsm.ActAssign, Origin: "jira", Assignee: "bob", Group: "dba", PartnerVersion: ms(1000)})
	if got := w.incident(); got.Assignee != "bob" || got.Group != "dba" {
		t.Errorf("assigned to %q of %q", got.Assignee, got.Group)
	}
	w.wants("jira", "")
	w.wants("pd", "update")
}

func TestLinksReachTheOtherPartnersOnce(t *testing.T) {
	w := newTwoWay(t)
	w.act(itsm.Act{Kind: itsm.ActLink, Origin: "jira", Link: &itsm.ExternalRef{Connector: "jira", ID: "OPS-1", URL: "https://jira.example/OPS-1"}})
	w.wants("pd", "")
	w.until(w.at + 10*minuteMS)
	w.do(Input{Tick: true})
	w.wants("pd", "update")
	w.wants("jira", "")
	if got := w.lastIntent("pd").Snapshot.Links; len(got) != 1 || got[0].ID != "OPS-1" {
		t.Errorf("links %+v", got)
	}
}

func TestAResolveTellsHowItEnded(t *testing.T) {
	w := newTwoWay(t)
	w.act(itsm.Act{Kind: itsm.ActAcknowledge, Actor: "pd:jane", Origin: "pd"})
	w.act(itsm.Act{Kind: itsm.ActResolve, CloseCode: "workaround", Text: "restarted it"})
	got := w.lastIntent("jira").Snapshot
	if got.CloseCode != "workaround" || got.CloseNote != "restarted it" || got.ResolvedBy != "console:ann" || got.AcknowledgedBy != "pd:jane" || got.ResolvedAt == 0 || !got.StillFiring {
		t.Errorf("the snapshot of the resolve: %+v", got)
	}
}

func TestAnAcknowledgementTakenBackIsNotTakenOverAgain(t *testing.T) {
	w := newTwoWay(t)
	w.act(itsm.Act{Kind: itsm.ActAcknowledge, Origin: "pd", Epoch: 1, PartnerVersion: 5})
	w.confirm(0)
	w.act(itsm.Act{Kind: itsm.ActUnacknowledge, Origin: "pd", Epoch: 1, PartnerVersion: 6, Reason: "time-out"})
	w.sweep("jira", itsm.PartnerRecord{Status: itsm.RecordAcknowledged})
	if got := w.incident(); got.AcknowledgedAt != 0 {
		t.Errorf("acknowledged again by what jira was told before")
	}
}

// TestTwoWayStateSurvives goes on after each step with a state that was encoded
// and decoded.
func TestTwoWayStateSurvives(t *testing.T) {
	w := newTwoWay(t)
	w.act(itsm.Act{Kind: itsm.ActAssign, Assignee: "ada", Group: "dba"})
	w.confirm(7)
	w.act(itsm.Act{Kind: itsm.ActAcknowledge, Origin: "pd", PartnerVersion: 8})
	w.act(itsm.Act{Kind: itsm.ActUnacknowledge, Origin: "pd", PartnerVersion: 9})
	w.sweep("jira", itsm.PartnerRecord{Status: itsm.RecordNone})
	w.act(itsm.Act{Kind: itsm.ActResolve, Text: "gone"})
	b := w.encode()
	s, err := Decode(strings.NewReader(string(b)), w.s.graph)
	if err != nil {
		t.Fatal(err)
	}
	was, _ := w.s.SyncOf(1)
	is, _ := s.SyncOf(1)
	if d := cmp.Diff(was, is); d != "" {
		t.Errorf("(-was +is):\n%s", d)
	}
	if d := cmp.Diff(w.s.Drifts(), s.Drifts()); d != "" {
		t.Errorf("drift (-was +is):\n%s", d)
	}
	if d := cmp.Diff(w.s.incidents[1].did.assigned, s.incidents[1].did.assigned, cmp.AllowUnexported(assigned{})); d != "" {
		t.Errorf("who decided (-was +is):\n%s", d)
	}
}

func TestAPauseIsKept(t *testing.T) {
	w := newTwoWay(t)
	say := func(kind itsm.ActKind, name string) itsm.Outcome {
		return w.act(itsm.Act{Kind: kind, Object: itsm.ObjectConnector + "/" + name, Reason: "moving house"})
	}
	if o := say(itsm.ActConnectorPause, "nobody"); o.Code != itsm.NotFound {
		t.Errorf("a connector that nobody knows: %+v", o)
	}
	if o := say(itsm.ActConnectorPause, "jira"); o.Code != "" || o.NoOp {
		t.Errorf("pause: %+v", o)
	}
	if o := say(itsm.ActConnectorPause, "jira"); !o.NoOp {
		t.Errorf("pause again: %+v", o)
	}
	s, err := Decode(strings.NewReader(string(w.encode())), w.s.graph)
	if err != nil {
		t.Fatal(err)
	}
	if got := s.PausedConnectors(); len(got) != 1 || got[0].Name != "jira" || got[0].By != "console:ann" || got[0].Reason != "moving house" {
		t.Errorf("after a restart: %+v", got)
	}
	w.act(itsm.Act{Kind: itsm.ActAcknowledge})
	w.wants("jira", "acknowledge") // it waits in the outbox
	say(itsm.ActConnectorResume, "jira")
	if got := w.s.PausedConnectors(); len(got) != 0 {
		t.Errorf("after it goes on: %+v", got)
	}
}

// TestAssigneesAreUsers: an intent says the e-mail of the user who has the incident, and
// a partner's e-mail means the user here who has it.
func TestAssigneesAreUsers(t *testing.T) {
	w := newTwoWay(t)
	for name, email := range map[string]string{"ada": "ada@example.com", "bob": "bob@example.com", "bo": "twice@example.com", "bu": "Twice@example.com"} {
		body := fmt.Sprintf(`{"new":true,"email":%q,"role":"responder","password":"$argon2id$"}`, email)
		if o := w.act(itsm.Act{Kind: itsm.ActUserPut, Object: "user/" + name, Body: []byte(body)}); o.Code != "" {
			t.Fatalf("%s: %+v", name, o)
		}
	}
	last := func() itsm.Intent { return w.intents[len(w.intents)-1] }
	w.act(itsm.Act{Kind: itsm.ActAssign, Assignee: "ada"})
	if got := last().Snapshot; got.Assignee != "ada" || got.AssigneeEmail != "ada@example.com" {
		t.Errorf("told of %q, %q", got.Assignee, got.AssigneeEmail)
	}
	w.seen["jira"] = len(w.intents)
	for _, c := range []struct{ shown, email, want string }{{"Bob B.", "Bob@Example.com", "bob"}, {"Bo", "twice@example.com", "Bo"}, {"Stranger", "x@example.com", "Stranger"}} {
		w.act(itsm.Act{Kind: itsm.ActAssign, Origin: "jira", Actor: "jira:Jo", Assignee: c.shown, Email: c.email})
		if got := w.incidents[1].Assignee; got != c.want {
			t.Errorf("%s <%s> is %q here, want %q", c.shown, c.email, got, c.want)
		}
	}
	w.wants("jira", "") // it is not told back
	if got := last().Snapshot; got.Assignee != "Stranger" || got.AssigneeEmail != "" {
		t.Errorf("told of %q, %q", got.Assignee, got.AssigneeEmail)
	}
}
