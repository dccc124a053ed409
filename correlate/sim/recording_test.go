package sim

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// keep writes a failing run to testdata: as the shortest journal that shows the
// failure by itself, else as a seed.
func keep(t *testing.T, v *Violation) {
	t.Helper()
	var again *Violation
	if !errors.As(CheckRecording(v.Log), &again) {
		f, err := os.OpenFile("testdata/seeds.txt", os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		fmt.Fprintf(f, "%d %d # %s: %.120s\n", v.Seed, v.Options.Steps, v.Law, v.Msg)
		return
	}
	var b bytes.Buffer
	if err := WriteRecording(&b, Shrink(v.Log, again.Law)); err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("testdata/%s-%d.jsonl", strings.ReplaceAll(again.Law, " ", "-"), v.Seed)
	if err := os.WriteFile(name, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Logf("kept %s: %v", name, again)
}

// TestRecordings judges the journals of runs that once broke a law.
func TestRecordings(t *testing.T) {
	files, err := filepath.Glob("testdata/*.jsonl")
	if err != nil || len(files) == 0 {
		t.Fatalf("no recordings: %v", err)
	}
	for _, name := range files {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".jsonl"), func(t *testing.T) {
			f, err := os.Open(name)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			log, err := ReadRecording(f)
			if err != nil {
				t.Fatal(err)
			}
			if err := CheckRecording(log); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestSeeds runs the worlds that once broke a law which only a whole world shows.
func TestSeeds(t *testing.T) {
	b, err := os.ReadFile("testdata/seeds.txt")
	if err != nil {
		t.Fatal(err)
	}
	for l := range strings.Lines(string(b)) {
		var o Options
		if _, err := fmt.Sscan(l, &o.Seed, &o.Steps); err != nil {
			t.Fatalf("%q: %v", l, err)
		}
		if _, err := Run(o); err != nil {
			o.Trace = true
			_, err = Run(o)
			report(t, err)
		}
	}
}

// TestRecordingRoundTrip shows that a recorded journal is the journal.
func TestRecordingRoundTrip(t *testing.T) {
	w := newWorld(Options{Seed: 7, Steps: 400})
	w.begin()
	for w.steps < w.o.Steps {
		w.step()
	}
	var b bytes.Buffer
	if err := WriteRecording(&b, w.machine.log); err != nil {
		t.Fatal(err)
	}
	got, err := ReadRecording(bytes.NewReader(b.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(w.machine.log, got); d != "" {
		t.Errorf("(-journal +recording):\n%s", d)
	}
	if err := CheckRecording(got); err != nil {
		t.Error(err)
	}
}

// TestSameSeedSameRun shows that a seed is all there is to a run.
func TestSameSeedSameRun(t *testing.T) {
	once := func() (Report, []byte) {
		o := Options{Seed: 11, Steps: 600}
		w := newWorld(o)
		w.begin()
		for w.steps < o.Steps {
			w.step()
		}
		var b bytes.Buffer
		if err := WriteRecording(&b, w.machine.log); err != nil {
			t.Fatal(err)
		}
		return w.report(), b.Bytes()
	}
	rep, log := once()
	for range 3 {
		if r, l := once(); r != rep || !bytes.Equal(l, log) {
			t.Fatalf("the same seed gave %+v and %+v", rep, r)
		}
	}
}
