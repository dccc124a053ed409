package ledger_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"signalbox/itsm"
	"signalbox/itsm/desk"
	"signalbox/itsm/entry"
	"signalbox/itsm/kv"
	"signalbox/itsm/ledger"
)

// shelf is a journal of some entries.
type shelf map[itsm.Offset][]byte

func (s shelf) Entry(off itsm.Offset) ([]byte, error) {
	if b, ok := s[off]; ok {
		return b, nil
	}
	return nil, itsm.Errorf(itsm.NotFound, "entry %d is not kept", off)
}

const at itsm.Time = 1_790_000_000_000

// burstSize is more deliveries of one millisecond than a page of a list has.
const burstSize = 120

func put[T any](kind itsm.DecisionKind, v *T) itsm.Decision {
	d := itsm.Decision{Kind: kind}
	switch v := any(v).(type) {
	case *itsm.Alert:
		d.Alert = v
	case *itsm.Incident:
		d.Incident = v
	case *itsm.Evidence:
		d.Evidence = v
	case *itsm.Fates:
		d.Fates = v
	}
	return d
}

// story is a ledger of one delivery with every fate, and one the journal forgot.
func story(t *testing.T) *ledger.Ledger {
	t.Helper()
	d, err := desk.Open(kv.Mem())
	if err != nil {
		t.Fatal(err)
	}
	fates := []itsm.EventFate{
		{Fate: itsm.FateFolded, Alert: 1, Episode: 1, Incident: 1},
		{Fate: itsm.FateDeduplicated, Alert: 1, Episode: 1, Incident: 1},
		{Fate: itsm.FateFolded, Alert: 5, Episode: 1, Incident: 2},
		{Fate: itsm.FateFolded, Alert: 2, Episode: 1},
		{Fate: itsm.FateFolded, Alert: 3, Episode: 1},
		{Fate: itsm.FateSuppressed, Reason: itsm.ReasonHold, Alert: 4, Episode: 7},
		{Fate: itsm.FateSuppressed, Reason: itsm.ReasonUnknownClear},
		{Fate: itsm.FateSuppressed, Reason: "rule quiet-nights", Alert: 9, Episode: 2},
		{Fate: itsm.FateQuarantined},
	}
	decisions := []itsm.Decision{
		put(itsm.PutAlert, &itsm.Alert{Number: 1, Source: "am", Episode: 1, Incident: 2, RaisedAt: at, LastSeenAt: at + 60_000}),
		put(itsm.PutAlert, &itsm.Alert{Number: 2, Source: "am", Episode: 1, SuppressedBy: "info"}),
		put(itsm.PutAlert, &itsm.Alert{Number: 3, Source: "am", Episode: 4, Incident: 2}),
		put(itsm.PutAlert, &itsm.Alert{Number: 4, Source: "am", Episode: 7, Incident: 2}),
		put(itsm.PutIncident, &itsm.Incident{Number: 1, State: itsm.Cancelled, MergedInto: 2}),
		put(itsm.PutIncident, &itsm.Incident{Number: 2, State: itsm.New}),
		put(itsm.PutEvidence, &itsm.Evidence{Incident: 2, Alert: 1, Episode: 1, Because: "checkout depends on db-1"}),
		put(itsm.PutEvidence, &itsm.Evidence{Incident: 2, Alert: 5, Episode: 1, Decision: itsm.DecidedOpened, Because: "no open incident explains db-1"}),
		put(itsm.PutFates, &itsm.Fates{Offset: 6, At: at, Source: "am", Events: fates}),
		put(itsm.PutFates, &itsm.Fates{Offset: 7, At: at + 60_000, Source: "am", Events: fates[1:2]}),
	}
	for off := itsm.Offset(100); off < 100+burstSize; off++ {
		decisions = append(decisions, put(itsm.PutFates, &itsm.Fates{Offset: off, At: at + 70_000, Source: "am", Events: []itsm.EventFate{{Fate: itsm.FateFolded, Alert: 6, Episode: 1}}}))
	}
	err = d.Apply(desk.Batch{Cursor: 100 + burstSize, At: at, Decisions: decisions})
	if err != nil {
		t.Fatal(err)
	}
	received := &entry.Delivery{Source: "am", Remote: "192.0.2.7:9", RetryOf: "00ff", Raw: []byte("{}"), Bad: []entry.Bad{{ID: "aa", Error: "labels: missing"}}}
	for _, id := range []string{"a", "a", "o", "b", "c", "d", "e", "f"} {
		received.Events = append(received.Events, itsm.Event{Source: "am", Identity: id, Title: "disk " + id, Status: itsm.Firing, Severity: itsm.Major})
	}
	journal := shelf{6: entry.EncodeDelivery(nil, received), 8: entry.EncodeTick()}
	return ledger.New(d, journal, func() ledger.Totals { return ledger.Totals{} })
}

// Every fate is told in words that name the alert, the incident of then and of
// now, and why.
func TestStories(t *testing.T) {
	d, err := story(t).Delivery(6, 0)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range d.Told {
		got = append(got, e.Identity+": "+e.Story)
	}
	want := []string{
		"a: Folded into ALR0000001; it was in INC0000001, since merged into INC0000002: checkout depends on db-1.",
		"a: Repeats ALR0000001 and is only counted; it was in INC0000001, since merged into INC0000002: checkout depends on db-1.",
		"o: Folded into ALR0000005; it is in INC0000002, which it opened: no open incident explains db-1.",
		"b: Folded into ALR0000002; it opens no incident: info.",
		"c: Folded into ALR0000003; it belonged to no incident.",
		"d: Suppressed: its alert nearly always clears by itself, so it is held back for a while before it opens anything (ALR0000004); since then in INC0000002.",
		"e: Suppressed: it clears an alert that is not known, so there was nothing to clear.",
		"f: Suppressed: rule quiet-nights (ALR0000009); it belonged to no incident.",
		": Quarantined as aa: labels: missing.",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if !d.Kept || d.Remote != "192.0.2.7:9" || d.RetryOf != "00ff" || d.RawBytes != 2 || d.Events() != 9 || d.Next() != 0 {
		t.Errorf("delivery %+v", d)
	}
	if e := d.Told[8]; e.Quarantine != "aa" || e.Error != "labels: missing" || e.Fate != itsm.FateQuarantined {
		t.Errorf("the undecodable part is %+v", e)
	}
}

// Without its journal entry a delivery still has its fates.
func TestForgottenEntry(t *testing.T) {
	l := story(t)
	d, err := l.Delivery(7, 0)
	if err != nil || d.Kept || len(d.Told) != 1 || d.Told[0].Alert != 1 || d.Told[0].Title != "" {
		t.Errorf("%+v, %v; want one event without words", d, err)
	}
	for off, word := range map[itsm.Offset]string{5: "entry 5", 8: "entry 8", 99: "entry 99"} {
		if _, err := l.Delivery(off, 0); itsm.CodeOf(err) != itsm.NotFound || !strings.Contains(err.Error(), word) {
			t.Errorf("delivery %d: %v; want NotFound", off, err)
		}
	}
	for off, word := range map[itsm.Offset]string{7: "not kept", 8: "tick"} {
		if _, err := l.Raw(off); itsm.CodeOf(err) != itsm.NotFound || !strings.Contains(err.Error(), word) {
			t.Errorf("raw of %d: %v; want NotFound that says %q", off, err, word)
		}
	}
	if b, err := l.Raw(6); err != nil || string(b) != "{}" {
		t.Errorf("raw of 6: %q, %v", b, err)
	}
}

func TestPlaces(t *testing.T) {
	l := story(t)
	for first, want := range map[int]int{-1: 9, 3: 6, 9: 0, 99: 0} {
		if d, err := l.Delivery(6, first); err != nil || len(d.Told) != want {
			t.Errorf("from event %d: %d told, %v; want %d", first, len(d.Told), err, want)
		}
	}
	a := &itsm.Alert{Number: 1, RaisedAt: at, LastSeenAt: at + 60_000}
	first, err1 := l.FirstOf(a)
	last, err2 := l.LastOf(a)
	if first != 6 || last != 7 || err1 != nil || err2 != nil {
		t.Errorf("first %d (%v), last %d (%v); want 6 and 7", first, err1, last, err2)
	}
	burst := &itsm.Alert{Number: 6, RaisedAt: at + 70_000, LastSeenAt: at + 70_000}
	if first, err := l.FirstOf(burst); first != 100 || err != nil {
		t.Errorf("the first of %d deliveries of one millisecond: %d, %v; want 100", burstSize, first, err)
	}
	if last, err := l.LastOf(burst); last != 100+burstSize-1 || err != nil {
		t.Errorf("the last of %d deliveries of one millisecond: %d, %v; want %d", burstSize, last, err, 100+burstSize-1)
	}
	if off, err := l.FirstOf(&itsm.Alert{Number: 2, RaisedAt: at - 1}); off != 0 || err != nil {
		t.Errorf("an alert of before the ledger: %d, %v; want none", off, err)
	}
}

func TestBalanced(t *testing.T) {
	sum := func(by ...uint64) ledger.Sum {
		return ledger.Sum{Accepted: by[0], Folded: by[1], Deduplicated: by[2], Suppressed: by[3], Quarantined: by[4], SuppressedBy: []ledger.Reason{{Name: "hold", Count: by[5]}}}
	}
	for _, c := range []struct {
		name string
		t    ledger.Totals
		want bool
	}{
		{"nothing", ledger.Totals{}, true},
		{"one source", ledger.Totals{Sum: sum(10, 4, 3, 2, 1, 2), Sources: []ledger.SourceSum{{Source: "am", Sum: sum(10, 4, 3, 2, 1, 2)}}}, true},
		{"an event lost", ledger.Totals{Sum: sum(11, 4, 3, 2, 1, 2), Sources: []ledger.SourceSum{{Source: "am", Sum: sum(11, 4, 3, 2, 1, 2)}}}, false},
		{"a reason lost", ledger.Totals{Sum: sum(10, 4, 3, 2, 1, 1), Sources: []ledger.SourceSum{{Source: "am", Sum: sum(10, 4, 3, 2, 1, 1)}}}, false},
		{"a source lost", ledger.Totals{Sum: sum(10, 4, 3, 2, 1, 2)}, false},
		{"a source unbalanced", ledger.Totals{Sum: sum(10, 4, 3, 2, 1, 2), Sources: []ledger.SourceSum{{Source: "am", Sum: sum(10, 3, 4, 2, 1, 1)}}}, false},
	} {
		if got := c.t.Balanced(); got != c.want {
			t.Errorf("%s: balanced %v, want %v", c.name, got, c.want)
		}
	}
}

// TestActs: what a partner's people did is told, with their words while the journal
// holds them.
func TestActs(t *testing.T) {
	d, err := desk.Open(kv.Mem())
	if err != nil {
		t.Fatal(err)
	}
	act := func(off itsm.Offset, kind itsm.ActKind, r itsm.ActResult, why string) itsm.Decision {
		return put(itsm.PutFates, &itsm.Fates{Offset: off, At: at, Source: "pd", Act: &itsm.ActFate{Kind: kind, Actor: "pagerduty:Jane", Incident: 1, Result: r, Reason: why}})
	}
	err = d.Apply(desk.Batch{Cursor: 8, At: at, Decisions: []itsm.Decision{
		put(itsm.PutIncident, &itsm.Incident{Number: 1, State: itsm.Cancelled, MergedInto: 2}),
		put(itsm.PutIncident, &itsm.Incident{Number: 2, State: itsm.New}),
		act(5, itsm.ActNote, itsm.ActApplied, ""), act(6, itsm.ActAssign, itsm.ActNoOp, ""),
		act(7, itsm.ActResolve, itsm.ActIgnored, itsm.ReasonOldReport), act(8, itsm.ActAcknowledge, itsm.ActRepeated, ""),
	}})
	if err != nil {
		t.Fatal(err)
	}
	l := ledger.New(d, shelf{5: entry.EncodeAct(&itsm.Act{Kind: itsm.ActNote, Text: "looking"}), 6: entry.EncodeAct(&itsm.Act{Kind: itsm.ActAssign, Assignee: "Jane"})},
		func() ledger.Totals { return ledger.Totals{} })
	for off, want := range map[itsm.Offset]string{
		5: "true looking | pagerduty:Jane: note INC0000001; applied; since merged into INC0000002.",
		6: "true to Jane | pagerduty:Jane: assign INC0000001; it changed nothing, for the incident was so already; since merged into INC0000002.",
		7: "false  | pagerduty:Jane: resolve INC0000001; ignored: older than the partner's last report of the incident; since merged into INC0000002.",
		8: "false  | pagerduty:Jane: acknowledge INC0000001; it changed nothing, for the same delivery had come before; since merged into INC0000002.",
	} {
		got, err := l.Delivery(off, 0)
		if err != nil || got.Act == nil || got.Events() != 0 {
			t.Fatalf("entry %d: %+v, %v", off, got, err)
		}
		if s := fmt.Sprint(got.Kept, " ", got.Act.Text, " | ", got.Act.Story); s != want {
			t.Errorf("entry %d:\n got %s\nwant %s", off, s, want)
		}
	}
	if _, err := l.Raw(5); itsm.CodeOf(err) != itsm.NotFound || !strings.Contains(err.Error(), "is an act") {
		t.Errorf("raw body of an act: %v", err)
	}
}
