package connectors

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"signalbox/itsm"
)

// keeper is a partner with records of changes and problems.
type keeper struct {
	asked
	objects map[string]ObjectRecord
	bad     map[string]bool
	batches []string
}

func (k *keeper) LookObjects(_ context.Context, wanted []itsm.Intent) ([]ObjectRecord, error) {
	k.batches = append(k.batches, fmt.Sprintf("%s×%d", wanted[0].Object, len(wanted)))
	out := make([]ObjectRecord, len(wanted))
	for n := range wanted {
		if k.bad[wanted[n].Object] {
			return nil, &TerminalError{Status: 403, Detail: "no such table"}
		}
		out[n] = k.objects[wanted[n].Object]
		out[n].Differs = slices.Clone(out[n].Differs)
	}
	return out, nil
}

// comparing runs sweeps of a partner of whose changes and problems some are wanted.
func comparing(t *testing.T, b *box, k *keeper, d time.Duration, ids []string, with func(*Options)) *Sender {
	k.records = map[itsm.IncidentNumber]Record{1: {Status: RecordOpen}}
	return wanting(t, b, k, 1, d, func(o *Options) {
		o.Sweeps.Objects = func(context.Context) ([]string, error) { return ids, nil }
		o.Sweeps.WantedObject = func(id string) (WantedObject, bool) {
			return WantedObject{Intent: itsm.Intent{Object: id}, Version: 7, Known: 100, Theirs: id == "CHG0000004", Settled: id != "CHG0000005"}, id != "CHG0000006"
		}
		if with != nil {
			with(o)
		}
	})
}

func TestR7ASweepComparesChangesAndProblems(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		said := []itsm.Act{{Kind: itsm.ActChangePut}}
		differs := []itsm.Difference{{Field: itsm.AuthorityChange, Has: "state 4", Want: "state 3"}}
		record := func(version int64, said []itsm.Act, differs []itsm.Difference) ObjectRecord {
			return ObjectRecord{Record: Record{Status: RecordOpen, Version: version, By: "jo"}, ObjectRecord: itsm.ObjectRecord{Said: said, Differs: differs}}
		}
		k := &keeper{objects: map[string]ObjectRecord{
			"CHG0000001": record(200, said, differs), "CHG0000002": record(100, said, differs), // the second is known
			"CHG0000003": record(200, said, nil), "CHG0000004": record(200, said, nil), // the first of them is as it should be, the second is theirs
			"CHG0000005": record(200, said, differs), "CHG0000006": record(200, said, differs), // still on its way; none of the partner's
			"PRB0000001": record(90, nil, differs)}}
		b := &box{}
		s := comparing(t, b, k, 2*time.Minute, []string{"CHG0000001", "CHG0000002", "CHG0000003", "CHG0000004", "CHG0000005", "CHG0000006", "PRB0000001"}, nil)
		var got []string
		for _, a := range b.receipts {
			if a.Object == "" {
				continue // of the incident
			}
			var rec itsm.ObjectRecord
			if err := json.Unmarshal(a.Body, &rec); err != nil || a.Kind != itsm.ActSync || a.Actor != "p:sweep" || a.Origin != "p" || a.IfVersion != 7 || a.ReadOnly || a.Seen.By != "jo" {
				t.Errorf("%+v, %v", a, err)
			}
			got = append(got, fmt.Sprintf("%s said %d differs %d", a.Object, len(rec.Said), len(rec.Differs)))
		}
		want := []string{"CHG0000001 said 1 differs 1", "CHG0000002 said 0 differs 1", "CHG0000004 said 1 differs 0", "PRB0000001 said 0 differs 1"}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("journaled (-want +got):\n%s", d)
		}
		if d := cmp.Diff([]string{"CHG0000001×4", "PRB0000001×1"}, k.batches); d != "" {
			t.Errorf("asked (-want +got):\n%s", d)
		}
		if n := len(k.calls()); n != 0 {
			t.Errorf("%d calls changed something", n)
		}
		if st := s.Status().Sweep; st.Compared != 6 || st.Differed != 4 || st.Differs != 3 {
			t.Errorf("status %+v", st)
		}
		if l, ok := s.LookedObject("PRB0000001"); !ok || len(l.Differs) != 1 || l.Record.By != "jo" {
			t.Errorf("what was seen: %+v", l)
		}
	})
}

// What one table does not let us see keeps neither the other nor the incidents from
// being compared, and a batch is bounded.
func TestASweepSkipsChangesThatCannotBeRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, b := &keeper{bad: map[string]bool{"CHG0000001": true}}, &box{}
		ids := []string{"CHG0000001", "CHG0000002"}
		for n := range 60 {
			ids = append(ids, itsm.ProblemNumber(n+1).String())
		}
		s := comparing(t, b, k, 2*time.Minute, ids, nil)
		if d := cmp.Diff([]string{"CHG0000001×2", "CHG0000001×1", "CHG0000002×1", "PRB0000001×50", "PRB0000051×10"}, k.batches); d != "" {
			t.Errorf("asked (-want +got):\n%s", d)
		}
		if st := s.Status().Sweep; st.Failed != 1 || st.Compared != 62 || st.Error == "" {
			t.Errorf("status %+v", st)
		}
	})
}

// An account that may read neither incidents nor changes still has its problems compared.
func TestASweepEndsForOneKindOfRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, b := &keeper{bad: map[string]bool{}}, &box{}
		k.err = &TerminalError{Status: 403, Detail: "no such table"}
		ids := []string{"PRB0000001"}
		for n := range 2 * lookFails {
			id := itsm.ChangeNumber(n + 10).String()
			ids, k.bad[id] = append(ids, id), true
		}
		s := comparing(t, b, k, 2*time.Minute, ids, nil)
		want := []string{"CHG0000010×10"}
		for n := range lookFails {
			want = append(want, itsm.ChangeNumber(n+10).String()+"×1")
		}
		if d := cmp.Diff(append(want, "PRB0000001×1"), k.batches); d != "" {
			t.Errorf("asked (-want +got):\n%s", d)
		}
		if st := s.Status().Sweep; st.Failed != lookFails+1 || st.Compared != 1 {
			t.Errorf("status %+v", st)
		}
	})
}

// What a page shows of a record is bounded, whether or not the fold was told of it, and
// is not written any more.
func TestWhatWasSeenOfAnObjectIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		long := strings.Repeat("x", 4*seenBytesMax)
		k := &keeper{objects: map[string]ObjectRecord{"PRB0000001": {Record: Record{Status: RecordOpen, Version: 5, By: long}, ObjectRecord: itsm.ObjectRecord{Differs: []itsm.Difference{{Has: long, Want: long}}}}}}
		s := comparing(t, &box{}, k, 12*time.Minute, []string{"PRB0000001"}, nil)
		l, _ := s.LookedObject("PRB0000001")
		if len(k.batches) < 2 || len(l.Record.By) > seenBytesMax || len(l.Differs) != 1 || len(l.Differs[0].Has) > seenBytesMax || len(l.Differs[0].Want) > seenBytesMax {
			t.Errorf("after %d sweeps by %d bytes, differs %d", len(k.batches), len(l.Record.By), len(l.Differs[0].Has))
		}
	})
}

func TestR7ChangesAreNotJournaledAgainWhileTheyWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &keeper{objects: map[string]ObjectRecord{"CHG0000001": {Record: Record{Version: 5}, ObjectRecord: itsm.ObjectRecord{Differs: []itsm.Difference{{Has: "x"}}}}}}
		b := &box{}
		later := time.Now().Add(time.Hour)
		comparing(t, b, k, 31*time.Minute, []string{"CHG0000001"}, func(o *Options) {
			o.Restored = &Restored{Known: 10, QuietUntil: later, Open: func() ([]itsm.Incident, error) { return nil, nil }}
			o.Sweeps.WantedObject = func(id string) (WantedObject, bool) {
				return WantedObject{Intent: itsm.Intent{Object: id}, Settled: true, RepairAt: later}, true
			}
		})
		n := 0
		for _, a := range b.receipts {
			if a.Object != "" {
				n++
				if !a.ReadOnly {
					t.Errorf("%+v repairs within an hour of a restore", a)
				}
			}
		}
		if n != 1 || len(k.batches) < 6 {
			t.Errorf("journaled %d times in %d looks, want once", n, len(k.batches))
		}
	})
}

// What the partner may not be told again is journaled when it is seen first and when its
// record changes, however many sweeps see it.
func TestR7WhatCannotBeToldAgainIsJournaledOnce(t *testing.T) {
	differs := []itsm.Difference{{Has: "x"}}
	open, said := Record{Status: RecordOpen, Version: 5}, []itsm.Act{{Kind: itsm.ActChangePut}}
	for name, c := range map[string]struct {
		wanted WantedObject
		record ObjectRecord
		once   bool
	}{
		"theirs, of a type that is not told":    {WantedObject{Theirs: true, Known: 5}, ObjectRecord{Record: open, ObjectRecord: itsm.ObjectRecord{Differs: differs}}, true},
		"theirs, and gone":                      {WantedObject{Theirs: true, Kept: true, Known: 5}, ObjectRecord{ObjectRecord: itsm.ObjectRecord{Differs: differs}}, true},
		"theirs, and told":                      {WantedObject{Theirs: true, Kept: true, Known: 5}, ObjectRecord{Record: open, ObjectRecord: itsm.ObjectRecord{Differs: differs}}, false},
		"ours, and gone":                        {WantedObject{Kept: true, Known: 5}, ObjectRecord{ObjectRecord: itsm.ObjectRecord{Differs: differs}}, false},
		"theirs, and says what is not known":    {WantedObject{Theirs: true, Known: 4}, ObjectRecord{Record: open, ObjectRecord: itsm.ObjectRecord{Said: said, Differs: differs}}, false},
		"theirs, and says only what is unknown": {WantedObject{Theirs: true, Known: 4}, ObjectRecord{Record: open, ObjectRecord: itsm.ObjectRecord{Said: said}}, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			k, b := &keeper{objects: map[string]ObjectRecord{"CHG0000001": c.record}}, &box{}
			comparing(t, b, k, 31*time.Minute, []string{"CHG0000001"}, func(o *Options) {
				o.Sweeps.WantedObject = func(id string) (WantedObject, bool) {
					c.wanted.Intent, c.wanted.Settled = itsm.Intent{Object: id}, true
					return c.wanted, true
				}
			})
			n := 0
			for _, a := range b.receipts {
				if a.Object != "" {
					n++
				}
			}
			if looks := len(k.batches); looks < 6 || c.once && n != 1 || !c.once && n != looks {
				t.Errorf("%s: journaled %d times in %d looks; want once: %v", name, n, looks, c.once)
			}
		})
	}
}
