package correlate

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"signalbox/itsm"
	"signalbox/itsm/entry"
)

// addUp counts fates as Totals does.
func addUp(fates []itsm.Fates, of string) (t EventTotals) {
	reasons := map[string]uint64{}
	for _, f := range fates {
		if of != "" && f.Source != of {
			continue
		}
		for _, e := range f.Events {
			t.Accepted++
			switch e.Fate {
			case itsm.FateFolded:
				t.Folded++
			case itsm.FateDeduplicated:
				t.Deduplicated++
			case itsm.FateSuppressed:
				t.Suppressed++
				reasons[e.Reason]++
			case itsm.FateQuarantined:
				t.Quarantined++
			}
		}
	}
	t.SuppressedBy = counts(reasons)
	return t
}

// checkFates: the fates of all deliveries sum up to the totals, for each source
// and overall, and every event that is not suppressed or unreadable has an alert.
func checkFates(tb fataler, w *world) {
	tb.Helper()
	t := w.s.Totals()
	if d := cmp.Diff(t.EventTotals, addUp(w.fates, "")); d != "" {
		tb.Fatalf("the fates do not sum up to the totals (-totals +fates):\n%s", d)
	}
	for _, src := range t.Sources {
		if d := cmp.Diff(src.EventTotals, addUp(w.fates, src.Source)); d != "" {
			tb.Fatalf("the fates of %s do not sum up to its totals (-totals +fates):\n%s", src.Source, d)
		}
	}
	for _, f := range w.fates {
		for k, e := range f.Events {
			_, known := w.alerts[e.Alert]
			if (e.Fate == itsm.FateFolded || e.Fate == itsm.FateDeduplicated) && (!known || e.Episode == 0) {
				tb.Fatalf("entry %d, event %d is %s into no alert: %+v", f.Offset, k, e.Fate, e)
			}
			if (e.Fate == itsm.FateSuppressed) != (e.Reason != "") {
				tb.Fatalf("entry %d, event %d is %s because %q", f.Offset, k, e.Fate, e.Reason)
			}
		}
	}
}

// Scenarios are worlds that are known to be right: what they count is what the
// fates of their events say.
func TestLawFatesAddUp(t *testing.T) {
	eachScenario(t, func(t *testing.T, w *world) { checkFates(t, w) })
}

func TestFatesAddUpWhateverComes(t *testing.T) {
	seen := map[string]int{}
	rapid.Check(t, func(t *rapid.T) {
		c := DefaultConfig()
		c.HoldEpisodesMin, c.HoldShareMilli, c.EvictAfter = 2, 300, Duration(time.Hour)
		w := newWorld(t, c)
		for range rapid.IntRange(1, 80).Draw(t, "deliveries") {
			w.at += itsm.Time(rapid.SampledFrom([]int{0, 1, 10, 60, 601, 4000}).Draw(t, "seconds") * 1000)
			d := &entry.Delivery{Source: rapid.SampledFrom([]string{"am", "dd"}).Draw(t, "source")}
			for range rapid.IntRange(0, 4).Draw(t, "events") {
				e := randomEvent(t, w, 4)
				e.Source = d.Source
				d.Events = append(d.Events, e)
			}
			for range rapid.IntRange(0, 1).Draw(t, "bad") {
				d.Bad = append(d.Bad, entry.Bad{ID: rapid.SampledFrom([]string{"q1", "q2"}).Draw(t, "id"), Error: "not JSON"})
			}
			w.do(Input{Delivery: d})
			if n := len(w.fates[len(w.fates)-1].Events); n != len(d.Events)+len(d.Bad) {
				t.Fatalf("%d fates of %d events and %d bad parts", n, len(d.Events), len(d.Bad))
			}
		}
		checkFates(t, w)
		for _, f := range w.fates {
			for _, e := range f.Events {
				seen[e.Fate.String()]++
			}
		}
	})
	if len(seen) < 4 {
		t.Errorf("the random histories had only these fates: %v", seen)
	}
}

// Every fate and every reason, each by the shortest history that brings it about.
func TestEveryFate(t *testing.T) {
	const fire, clear = itsm.Firing, itsm.Resolved
	type sent struct {
		status itsm.Status
		start  int // seconds after the epoch
		at     int // when it comes, in seconds
	}
	blip := func(n int) (out []sent) { // n episodes that clear by themselves
		for k := range n {
			out = append(out, sent{fire, k * 3600, k * 3600}, sent{clear, k * 3600, k*3600 + 60})
		}
		return out
	}
	for _, c := range []struct {
		name string
		sent []sent
		want itsm.EventFate
	}{
		{"new", []sent{{fire, 0, 0}}, itsm.EventFate{Fate: itsm.FateFolded, Alert: 1, Episode: 1, Incident: 1}},
		{"cleared", []sent{{fire, 0, 0}, {clear, 0, 60}}, itsm.EventFate{Fate: itsm.FateFolded, Alert: 1, Episode: 1, Incident: 1}},
		{"repeated", []sent{{fire, 0, 0}, {fire, 0, 60}}, itsm.EventFate{Fate: itsm.FateDeduplicated, Alert: 1, Episode: 1, Incident: 1}},
		{"cleared twice", []sent{{fire, 0, 0}, {clear, 0, 60}, {clear, 0, 70}}, itsm.EventFate{Fate: itsm.FateDeduplicated, Alert: 1, Episode: 1, Incident: 1}},
		{"unknown clear", []sent{{clear, 0, 60}}, itsm.EventFate{Fate: itsm.FateSuppressed, Reason: reasonUnknownClear}},
		{"late fire", []sent{{clear, 0, 60}, {fire, 0, 61}}, itsm.EventFate{Fate: itsm.FateSuppressed, Reason: reasonTombstone}},
		{"out of order", []sent{{fire, 100, 100}, {clear, 100, 200}, {fire, 50, 201}}, itsm.EventFate{Fate: itsm.FateSuppressed, Reason: reasonOutOfOrder, Alert: 1, Episode: 1, Incident: 1}},
		{"held", append(blip(30), sent{fire, 200_000, 200_000}), itsm.EventFate{Fate: itsm.FateSuppressed, Reason: reasonHold, Alert: 1, Episode: 31}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, DefaultConfig())
			for _, e := range c.sent {
				w.until(epoch + itsm.Time(e.at)*1000)
				ev := itsm.Event{Source: "am", Identity: "x", CIName: "db", Title: "x", Severity: itsm.Major, Status: e.status, StartsAt: epoch + itsm.Time(e.start)*1000}
				if e.status == clear {
					ev.EndsAt = w.at
				}
				w.do(Input{Delivery: &entry.Delivery{Source: "am", Events: []itsm.Event{ev}}})
			}
			got := w.fates[len(w.fates)-1]
			if d := cmp.Diff(itsm.Fates{Offset: w.off, At: w.at, Source: "am", Events: []itsm.EventFate{c.want}}, got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
			checkFates(t, w)
		})
	}
}

// What could not be decoded comes after what could, and a delivery of nothing has
// a place in the ledger as well.
func TestFatesOfMixedDeliveries(t *testing.T) {
	w := newWorld(t, DefaultConfig())
	w.do(Input{Delivery: &entry.Delivery{Source: "am", Bad: []entry.Bad{{ID: "q1", Error: "no labels"}, {ID: "q1", Error: "no labels"}},
		Events: []itsm.Event{{Source: "am", Identity: "x", Title: "x", Status: itsm.Firing}}}})
	w.do(Input{Delivery: &entry.Delivery{Source: "dd"}})
	want := []string{"folded", "quarantined", "quarantined"}
	var got []string
	for _, e := range w.fates[0].Events {
		got = append(got, e.Fate.String())
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if last := w.fates[1]; last.Source != "dd" || len(last.Events) != 0 {
		t.Errorf("an empty delivery: %+v", last)
	}
	checkFates(t, w)
	if got := fmt.Sprint(w.s.Totals().Quarantined); got != "2" {
		t.Errorf("%s quarantined, want 2", got)
	}
}

// TestEveryActResult: what a partner delivers as an act has a result, each by the
// shortest history that brings it about; other acts are no deliveries.
func TestEveryActResult(t *testing.T) {
	act := func(kind itsm.ActKind, id string, version int64) itsm.Act {
		return itsm.Act{Kind: kind, Incident: 1, Epoch: 1, Actor: "pagerduty:Jane", Origin: "pd", DeliveryID: id, PartnerVersion: version}
	}
	with := func(a itsm.Act, change func(*itsm.Act)) itsm.Act { change(&a); return a }
	for _, c := range []struct {
		name string
		acts []itsm.Act
		want itsm.ActFate
	}{
		{"applied", []itsm.Act{act(itsm.ActAcknowledge, "a", 1)}, itsm.ActFate{Kind: itsm.ActAcknowledge, Result: itsm.ActApplied}},
		{"already so", []itsm.Act{act(itsm.ActAcknowledge, "a", 1), act(itsm.ActAcknowledge, "b", 2)}, itsm.ActFate{Kind: itsm.ActAcknowledge, Result: itsm.ActNoOp}},
		{"repeated", []itsm.Act{act(itsm.ActAcknowledge, "a", 1), act(itsm.ActAcknowledge, "a", 1)}, itsm.ActFate{Kind: itsm.ActAcknowledge, Result: itsm.ActRepeated}},
		{"older report", []itsm.Act{act(itsm.ActResolve, "a", 2), act(itsm.ActAcknowledge, "b", 1)}, itsm.ActFate{Kind: itsm.ActAcknowledge, Result: itsm.ActIgnored, Reason: itsm.ReasonOldReport}},
		{"older record", []itsm.Act{with(act(itsm.ActResolve, "a", 2), func(a *itsm.Act) { a.Epoch = 7 })}, itsm.ActFate{Kind: itsm.ActResolve, Result: itsm.ActIgnored, Reason: itsm.ReasonOldRecord}},
		{"refused", []itsm.Act{with(act(itsm.ActNote, "a", 1), func(a *itsm.Act) { a.Text = " " })}, itsm.ActFate{Kind: itsm.ActNote, Result: itsm.ActRefused, Reason: "text: expected a note that is not empty"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, DefaultConfig())
			w.at = epoch
			w.do(Input{Delivery: &entry.Delivery{Source: "am", Events: []itsm.Event{{Source: "am", Identity: "x", CIName: "db", Title: "x", Severity: itsm.Major, Status: itsm.Firing}}}})
			for _, a := range c.acts {
				w.do(Input{Act: &a})
			}
			c.want.Actor, c.want.Incident = "pagerduty:Jane", 1
			if d := cmp.Diff(itsm.Fates{Offset: w.off, At: w.at, Source: "pd", Act: &c.want}, w.fates[len(w.fates)-1]); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
			n := len(w.fates)
			w.do(Input{Act: &itsm.Act{Kind: itsm.ActNote, Incident: 1, Actor: "console:admin", Text: "x"}})
			w.do(Input{Act: &itsm.Act{Kind: itsm.ActReceipt, Incident: 1, Actor: "pd", Origin: "pd", IntentKey: "k"}})
			if len(w.fates) != n {
				t.Errorf("a note of ours or a receipt is told of as a delivery: %+v", w.fates[n:])
			}
			checkFates(t, w)
		})
	}
}
