package desk

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"signalbox/itsm"
	"signalbox/itsm/kv"
	"signalbox/itsm/kv/kvtest"
)

// checkFates compares the ledger with the model: each entry, and the lists.
func (w *world) checkFates(t testing.TB, d *Desk, limit int) {
	t.Helper()
	for _, want := range w.fates {
		got, err := d.Fates(want.Offset)
		if err != nil {
			t.Fatal(err)
		}
		same(t, fmt.Sprint("fates of entry ", want.Offset), want, got)
	}
	has := func(f itsm.Fates, is func(itsm.EventFate) bool) bool { return slices.ContainsFunc(f.Events, is) }
	for _, tt := range []struct {
		q    DeliveryQuery
		keep func(itsm.Fates) bool
	}{
		{DeliveryQuery{}, func(itsm.Fates) bool { return true }},
		{DeliveryQuery{Source: "am"}, func(f itsm.Fates) bool { return f.Source == "am" }},
		{DeliveryQuery{Alert: 3}, func(f itsm.Fates) bool { return has(f, func(e itsm.EventFate) bool { return e.Alert == 3 }) }},
		{DeliveryQuery{Incident: 1, Fate: itsm.FateSuppressed}, func(f itsm.Fates) bool {
			return has(f, func(e itsm.EventFate) bool { return e.Incident == 1 && e.Fate == itsm.FateSuppressed })
		}},
		{DeliveryQuery{Incident: 1}, func(f itsm.Fates) bool {
			return f.Act != nil && f.Act.Incident == 1 || has(f, func(e itsm.EventFate) bool { return e.Incident == 1 })
		}},
		{DeliveryQuery{From: w.offset / 2}, func(f itsm.Fates) bool { return w.offset < 2 || f.Offset <= w.offset/2 }},
		{DeliveryQuery{FromAt: itsm.Time(w.offset)*500 + 1, ToAt: 2000}, func(f itsm.Fates) bool { return f.At <= itsm.Time(w.offset)*500 && f.At >= 2000 }},
	} {
		var want []Delivery
		for _, f := range slices.Backward(w.fates) {
			if tt.keep(f) {
				want = append(want, Summary(&f))
			}
		}
		got := collect(t, limit, func(c string, n int) (Page[Delivery], error) {
			tt.q.Cursor, tt.q.Limit = c, n
			return d.Deliveries(tt.q)
		})
		tt.q.Cursor = ""
		same(t, fmt.Sprintf("deliveries %+v", tt.q), want, got)
	}
	if _, err := d.Fates(w.offset + 1); itsm.CodeOf(err) != itsm.NotFound {
		t.Fatalf("fates of an entry to come: %v; want NotFound", err)
	}
}

// ledger is deliveries from..to, one entry each with the given number of events.
func ledger(from, to itsm.Offset, events int) Batch {
	b := Batch{Cursor: to, At: itsm.Time(to) * 1000}
	for off := from; off <= to; off++ {
		f := &itsm.Fates{Offset: off, At: itsm.Time(off) * 1000, Source: "am", Events: make([]itsm.EventFate, events)}
		for i := range f.Events {
			f.Events[i] = itsm.EventFate{Fate: itsm.FateFolded, Alert: itsm.AlertNumber(int(off)*events + i), Episode: 1, Incident: itsm.IncidentNumber(off/100 + 1)}
		}
		b.Decisions = append(b.Decisions, itsm.Decision{Kind: itsm.PutFates, Fates: f})
	}
	return b
}

// What retention removes is out of every list at once; its chunks go in steps;
// what remains is the same however it was stored.
func TestDropFates(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		const entries = 1500
		db := kv.Mem()
		d, one := openMem(t, db), openMem(t, kv.Mem())
		apply(t, one, ledger(1, entries, 2))
		for from := itsm.Offset(1); from <= entries; {
			to := min(entries, from+itsm.Offset(rapid.IntRange(0, 700).Draw(rt, "portion")))
			apply(t, d, ledger(from, to, 2))
			from = to + 1
		}
		below := itsm.Offset(rapid.IntRange(0, entries+1).Draw(rt, "below"))
		before := len(kvtest.All(t, db, kv.Range{Prefix: prefix(kindFates)}))
		for more, steps := true, 0; more; steps++ {
			var err error
			if more, err = d.DropFates(below, 1); err != nil || steps > before {
				rt.Fatalf("drop below %d: %v after %d steps", below, err, steps)
			}
		}
		if _, err := one.DropFates(below, 100); err != nil {
			rt.Fatal(err)
		}
		if export(t, d) != export(t, one) {
			rt.Fatalf("after dropping below %d the exports differ", below)
		}
		for _, x := range []*Desk{d, openMem(t, db)} {
			list := collect(t, 500, func(c string, l int) (Page[Delivery], error) { return x.Deliveries(DeliveryQuery{Cursor: c, Limit: l}) })
			if want := entries - max(int(below), 1) + 1; len(list) != want {
				rt.Fatalf("%d deliveries after dropping below %d; want %d", len(list), below, want)
			}
			_, err := x.Fates(max(below, 1))
			if _, gone := x.Fates(below - 1); below > 1 && itsm.CodeOf(gone) != itsm.NotFound || below <= entries && err != nil {
				rt.Fatalf("entry %d: %v, the one before: %v; want it there and the one before gone", below, err, gone)
			}
		}
		left := kvtest.All(t, db, kv.Range{Prefix: prefix(kindFates)})
		if n, _ := numberOf([]byte(left[len(left)-1].Key)); len(left) > 1 {
			if second, _ := numberOf([]byte(left[len(left)-2].Key)); itsm.Offset(second) <= below {
				rt.Fatalf("the chunks from %d and %d are kept; the first holds nothing from %d on", n, second, below)
			}
		}
	})
}

// A batch that was cut short leaves no chunk that hides what a repetition in other
// portions stores.
func TestInterruptedBatchLeavesNoFates(t *testing.T) {
	for after := range 6 {
		torn := &kvtest.Torn{DB: kv.Mem(), After: -1}
		d := openMem(t, torn)
		apply(t, d, ledger(1, 100, 1))
		torn.After = after
		if err := d.Apply(ledger(101, 2000, 1)); !errors.Is(err, kvtest.ErrTorn) {
			t.Fatalf("Apply: %v; want it torn after %d writes", err, after)
		}
		torn.After = -1
		apply(t, d, ledger(101, 150, 1))
		apply(t, d, ledger(151, 2000, 1))
		whole := openMem(t, kv.Mem())
		apply(t, whole, ledger(1, 2000, 1))
		if export(t, d) != export(t, whole) {
			t.Errorf("torn after %d writes: the ledger is not what a whole one is", after)
		}
		for _, off := range []itsm.Offset{100, 101, 150, 151, 612, 613, 700, 2000} {
			if f, err := d.Fates(off); err != nil || f.Offset != off {
				t.Errorf("torn after %d writes: entry %d: %v, %v", after, off, f.Offset, err)
			}
		}
	}
}

// A dump carries the ledger, and a chunk stays far below what the store takes.
func TestFatesAreDumpedAndSmall(t *testing.T) {
	db := kv.Mem()
	d := openMem(t, db)
	apply(t, d, ledger(1, 1000, 50))
	size := 0
	for _, kv := range kvtest.All(t, db, kv.Range{Prefix: prefix(kindFates)}) {
		size += len(kv.Value)
		if len(kv.Value) > 1<<18 {
			t.Errorf("a chunk of %d bytes", len(kv.Value))
		}
	}
	if size > 50_000*2 {
		t.Errorf("%d bytes for 50,000 events of new alerts; want two at most each", size)
	}
	var dump bytes.Buffer
	if _, err := d.Dump(&dump); err != nil {
		t.Fatal(err)
	}
	loaded := kv.Mem()
	if err := Load(loaded, &dump); err != nil {
		t.Fatal(err)
	}
	if export(t, openMem(t, loaded)) != export(t, d) {
		t.Error("a loaded ledger exports differently")
	}
}

func TestWhy(t *testing.T) {
	d := openMem(t, kv.Mem())
	apply(t, d, sampleBatch(1, 64)) // packed
	apply(t, d, sampleBatch(65, 3)) // alone
	for _, n := range []int{1, 33, 64, 65, 67} {
		want := *sampleEvidence(sampleAlert(n))
		got, err := d.Why(want.Incident, want.Alert, 1)
		if err != nil {
			t.Fatal(err)
		}
		same(t, want.Alert.String(), want, got)
	}
	for _, m := range []memberRef{{incident: 1, alert: 1, episode: 2}, {incident: 2, alert: 1, episode: 1}, {incident: 99, alert: 1, episode: 1}} {
		if _, err := d.Why(m.incident, m.alert, m.episode); itsm.CodeOf(err) != itsm.NotFound {
			t.Errorf("why %+v: %v; want NotFound", m, err)
		}
	}
}

func BenchmarkApplyFates(b *testing.B) {
	for _, events := range []int{1, 50} {
		b.Run(fmt.Sprint(events), func(b *testing.B) {
			d, _ := onDisk(b)
			next := itsm.Offset(1)
			for b.Loop() {
				if err := d.Apply(ledger(next, next+127, events)); err != nil {
					b.Fatal(err)
				}
				next += 128
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/128, "ns/delivery")
		})
	}
}
