package correlate

import (
	"bytes"
	"errors"
	"reflect"
	"testing"

	"signalbox/itsm"
)

// A sketch says what the record says, of the same incidents.
func TestFlushSketches(t *testing.T) {
	g, ds := benchGraph(t, 100), batches(0, 2000, 100)
	a, b := &runner{s: New(DefaultConfig(), g), at: epoch}, &runner{s: New(DefaultConfig(), g), at: epoch}
	for n := range ds {
		a.feed(ds[n:n+1], 700)
		b.feed(ds[n:n+1], 700)
		want := map[itsm.IncidentNumber]Sketch{}
		for _, d := range a.s.Flush() {
			if i := d.Incident; i != nil {
				want[i.Number] = Sketch{i.Number, i.Title, i.Group, i.Priority, i.OpenedAt, i.MergedInto}
			}
		}
		b.s.FlushSketches(func(got *Sketch) {
			if *got != want[got.Number] {
				t.Errorf("sketch %+v, record %+v", *got, want[got.Number])
			}
			delete(want, got.Number)
		})
		if len(want) > 0 {
			t.Fatalf("no sketch of %v", want)
		}
	}
	if left := b.s.Flush(); len(left) > 0 {
		t.Errorf("after the sketches there are still %d records", len(left))
	}
}

// A brief fold remembers the same, and tells the same partners of the same.
func TestBrief(t *testing.T) {
	cfg := DefaultConfig()
	cfg.Connectors = []Connector{{Name: "pd"}, {Name: "jira"}}
	g, ds := benchGraph(t, 100), batches(0, 2000, 100)
	a, b := &runner{s: New(cfg, g), at: epoch}, &runner{s: New(cfg, g), at: epoch}
	b.s.Brief()
	told := map[itsm.Transition]int{}
	for n := range 60 {
		for _, r := range []*runner{a, b} {
			r.feed(ds[n%len(ds):][:1], itsm.Time(1+n%3*n)*minuteMS)
		}
		var full []*itsm.Intent
		for _, d := range a.s.out {
			if d.Kind == itsm.PutIntent {
				full = append(full, d.Intent)
			}
		}
		for _, d := range b.s.out {
			if d.Kind == itsm.AddTimeline {
				t.Fatalf("a line of a timeline: %+v", d.Timeline)
			}
			if d.Kind != itsm.PutIntent {
				continue
			}
			w := full[0]
			want := itsm.Intent{Connector: w.Connector, Incident: w.Incident, Epoch: w.Epoch, Transition: w.Transition, At: w.At, Offset: w.Offset, Serial: w.Serial,
				Snapshot: itsm.IncidentSnapshot{Priority: w.Snapshot.Priority, Severity: w.Snapshot.Severity, State: w.Snapshot.State, Group: w.Snapshot.Group}}
			if !reflect.DeepEqual(*d.Intent, want) {
				t.Fatalf("intent %+v, want %+v", *d.Intent, want)
			}
			full = full[1:]
			told[want.Transition]++
		}
		if len(full) > 0 {
			t.Fatalf("%d intents are missing, the first is %+v", len(full), *full[0])
		}
	}
	if told[itsm.Trigger] == 0 || told[itsm.Note] == 0 || told[itsm.Update] == 0 {
		t.Errorf("told %v: want triggers, notes and updates", told)
	}
	a.s.Flush()
	b.s.FlushSketches(func(*Sketch) {})
	var want, got bytes.Buffer
	if err := errors.Join(a.s.Encode(&want), b.s.Encode(&got)); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(want.Bytes(), got.Bytes()) {
		t.Error("it remembers something else")
	}
}
