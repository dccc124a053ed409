package correlate

import (
	"bytes"
	"math/rand"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"signalbox/itsm"
	"signalbox/itsm/entry"
)

// replay folds recorded inputs, flushing after every n of them.
func replay(tb testing.TB, steps []Input, n int) *world {
	w := newWorld(tb, DefaultConfig())
	for k, in := range steps {
		w.at, w.off = in.At, in.Offset-1
		w.step(in)
		if (k+1)%n == 0 {
			w.apply(w.s.Flush())
		}
	}
	w.apply(w.s.Flush())
	return w
}

func diffLines(want, got []byte) string {
	return cmp.Diff(strings.Split(string(want), "\n"), strings.Split(string(got), "\n"))
}

func eachScenario(t *testing.T, law func(t *testing.T, w *world)) {
	for _, f := range scenarioFiles(t) {
		t.Run(filepath.Base(f), func(t *testing.T) {
			sc := runScenario(t, f)
			if len(sc.steps) > 3000 {
				t.Logf("%d steps", len(sc.steps))
			}
			law(t, sc.world)
		})
	}
}

// Whatever the batches, the records and the state come out the same, byte for byte.
func TestLawBatching(t *testing.T) {
	eachScenario(t, func(t *testing.T, w *world) {
		want, state := w.export(), w.encode()
		for _, n := range []int{1, 7, 64, 1000} {
			got := replay(t, w.steps, n)
			if !bytes.Equal(got.export(), want) {
				t.Fatalf("batches of %d give another export (-want +got):\n%s", n, diffLines(want, got.export()))
			}
			if !bytes.Equal(got.encode(), state) {
				t.Fatalf("batches of %d give another state", n)
			}
		}
	})
}

// A state that was encoded and decoded after entry k goes on as if nothing had
// happened, for every k.
func TestLawResume(t *testing.T) {
	eachScenario(t, func(t *testing.T, w *world) {
		want, state := w.export(), w.encode()
		every := max(1, len(w.steps)/60)
		for k := 1; k < len(w.steps); k += every {
			got := resumeAt(t, w.steps, k)
			if !bytes.Equal(got.export(), want) {
				t.Fatalf("resumed after entry %d: another export (-want +got):\n%s", k, diffLines(want, got.export()))
			}
			if !bytes.Equal(got.encode(), state) {
				t.Fatalf("resumed after entry %d: another state", k)
			}
		}
	})
}

func resumeAt(t *testing.T, steps []Input, k int) *world {
	w := newWorld(t, DefaultConfig())
	for n, in := range steps {
		w.at, w.off = in.At, in.Offset-1
		w.step(in)
		if n+1 == k {
			w.apply(w.s.Flush())
			b := w.encode()
			s, err := Decode(bytes.NewReader(b), w.s.graph)
			if err != nil {
				t.Fatalf("decode after entry %d: %v", k, err)
			}
			if wake, again := w.s.NextWake(), s.NextWake(); wake != again {
				t.Fatalf("after entry %d the decoded state wakes at %v, not %v", k, again, wake)
			}
			w.s = s
			if again := w.encode(); !bytes.Equal(b, again) {
				t.Fatalf("after entry %d a decoded state encodes differently", k)
			}
		}
	}
	w.apply(w.s.Flush())
	return w
}

// Ticks decide nothing by themselves: without them, everything but the offsets
// comes out the same, because an entry first runs what was due before it.
func TestLawTicks(t *testing.T) {
	eachScenario(t, func(t *testing.T, w *world) {
		got := newWorld(t, DefaultConfig())
		for n, in := range w.steps {
			if in.Tick && n < len(w.steps)-1 {
				continue
			}
			got.at, got.off = in.At, in.Offset-1
			got.step(in)
		}
		got.apply(got.s.Flush())
		if d := cmp.Diff(timeless(w), timeless(got)); d != "" {
			t.Errorf("without ticks (-with +without):\n%s", d)
		}
	})
}

// timeless is what a world holds without what names the entry that wrote it.
func timeless(w *world) []any {
	var out []any
	for _, n := range sortedKeys(w.alerts) {
		a := w.alerts[n]
		a.ChangedAt = 0
		out = append(out, a)
	}
	for _, n := range sortedKeys(w.incidents) {
		i := w.incidents[n]
		i.ChangedAt, i.Version = 0, 0
		out = append(out, i)
	}
	for _, e := range w.timeline {
		e.Offset = 0
		out = append(out, e)
	}
	for _, n := range w.intents {
		n.Offset = 0
		out = append(out, n)
	}
	return out
}

// A delivery that comes twice changes counters and nothing else.
func TestLawDuplicates(t *testing.T) {
	eachScenario(t, func(t *testing.T, w *world) {
		got := newWorld(t, DefaultConfig())
		for _, in := range w.steps {
			got.at = in.At
			in.Offset = 0
			got.step(in)
			if in.Delivery != nil && len(in.Delivery.Bad) == 0 && in.Delivery.RetryOf == "" {
				twice := *in.Delivery
				got.step(Input{Delivery: &twice})
			}
		}
		got.apply(got.s.Flush())
		if d := cmp.Diff(countless(w), countless(got)); d != "" {
			t.Errorf("with every delivery twice (-once +twice):\n%s", d)
		}
	})
}

func countless(w *world) []any {
	out := timeless(w)
	for n := range out {
		switch v := out[n].(type) {
		case itsm.Alert:
			v.EventCount = 0
			out[n] = v
		case itsm.Incident:
			v.EventCount = 0
			out[n] = v
		}
	}
	return out
}

// The overlay of a record read after any batch is the exact count.
func TestOverlay(t *testing.T) {
	w := newWorld(t, DefaultConfig())
	fire := func() {
		w.do(Input{Delivery: &entry.Delivery{Source: "am", Events: []itsm.Event{{Source: "am", Identity: "x", Status: itsm.Firing, StartsAt: epoch, Title: "x"}}}})
	}
	fire()
	for range 9 {
		w.at += 1000
		fire()
	}
	as, is := []itsm.Alert{w.alerts[1]}, []itsm.Incident{w.incidents[1]}
	if as[0].EventCount != 1 || is[0].EventCount != 1 {
		t.Fatalf("records say %d and %d events: repeats must not rewrite them", as[0].EventCount, is[0].EventCount)
	}
	w.s.OverlayAlerts(as)
	w.s.OverlayIncidents(is)
	if as[0].EventCount != 10 || is[0].EventCount != 10 || as[0].LastSeenAt != epoch+9000 {
		t.Errorf("overlay: got %d and %d events, last seen %v; want 10, 10 and %v", as[0].EventCount, is[0].EventCount, as[0].LastSeenAt, epoch+9000)
	}
}

func TestDecodeRefusesDamage(t *testing.T) {
	sc := runScenario(t, "testdata/first.txt")
	good := sc.encode()
	rng := rand.New(rand.NewSource(1))
	for range 200 {
		b := slices.Clone(good)
		b[rng.Intn(len(b))] ^= byte(1 + rng.Intn(255))
		if _, err := Decode(bytes.NewReader(b), sc.s.graph); err == nil {
			t.Fatal("a damaged state was accepted")
		}
	}
	for n := range len(good) {
		if _, err := Decode(bytes.NewReader(good[:n]), sc.s.graph); err == nil {
			t.Fatalf("a state cut to %d of %d bytes was accepted", n, len(good))
		}
	}
	if _, err := Decode(bytes.NewReader(good), newWorld(t, DefaultConfig()).s.graph); err == nil {
		t.Error("a state was accepted over another CMDB revision")
	}
}
