package correlate

import (
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
