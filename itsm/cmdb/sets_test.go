package cmdb

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"sort"
	"testing"

	"signalbox/itsm"
)

// TestSets measures binding on labelled data: each directory in
// SIGNALBOX_SETS holds topology.json, alerts.jsonl and truth_alerts.jsonl.
func TestSets(t *testing.T) {
	dir := os.Getenv("SIGNALBOX_SETS")
	if dir == "" {
		t.Log("SIGNALBOX_SETS is not set: nothing to measure")
		return
	}
	tops, _ := filepath.Glob(filepath.Join(dir, "*", "topology.json"))
	for _, top := range tops {
		f, err := os.Open(top)
		if err != nil {
			t.Fatal(err)
		}
		doc, ps := Parse(JSON, f)
		f.Close()
		g := Empty(DefaultRelationTypes())
		c, _, ps2 := g.Plan(doc, "test", false)
		if Blocking(ps) || Blocking(ps2) {
			t.Fatalf("%s: %v %v", top, ps, ps2)
		}
		g = g.Apply(c)
		measure(t, g, filepath.Dir(top))
	}
}

func measure(t *testing.T, g *Graph, dir string) {
	alerts, truth := lines(t, filepath.Join(dir, "alerts.jsonl")), lines(t, filepath.Join(dir, "truth_alerts.jsonl"))
	var bound, right, ambiguous int
	wrong := map[string]int{}
	for i, a := range alerts {
		var labels map[string]string
		raw, _ := json.Marshal(a["labels"])
		if err := json.Unmarshal(raw, &labels); err != nil {
			t.Fatal(err)
		}
		source, _ := a["source"].(string)
		ci, _ := a["ci"].(string)
		b := g.Identify(Sighting{Source: source, CIName: ci, Labels: itsm.LabelsOf(labels)})
		want, _ := truth[i]["ci"].(string)
		got := ""
		if b.Ref != NoRef {
			bound++
			got = g.ID(b.Ref)
		}
		if len(b.Ambiguous) > 0 {
			ambiguous++
		}
		if got == want {
			right++
		} else {
			text, _ := json.Marshal(b.Trail)
			wrong[want+" bound to "+got+" "+string(text)]++
		}
	}
	t.Logf("%-14s alerts %6d bound %6d (%.2f%%) right %6d (%.2f%% of all, %.2f%% of bound) ambiguous %d", filepath.Base(dir), len(alerts), bound,
		100*float64(bound)/float64(len(alerts)), right, 100*float64(right)/float64(len(alerts)), 100*float64(right)/float64(max(bound, 1)), ambiguous)
	if 10*right < 9*len(alerts) {
		t.Errorf("%s: %d of %d alerts are bound to their CI, want at least nine in ten", dir, right, len(alerts))
	}
	keys := make([]string, 0, len(wrong))
	for k := range wrong {
		keys = append(keys, k)
	}
	sort.Slice(keys, func(i, j int) bool { return wrong[keys[i]] > wrong[keys[j]] })
	for _, k := range keys[:min(8, len(keys))] {
		t.Logf("    %5d %s", wrong[k], k)
	}
}

func lines(t *testing.T, path string) []map[string]any {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var out []map[string]any
	sc := bufio.NewScanner(f)
	sc.Buffer(nil, 1<<20)
	for sc.Scan() {
		var m map[string]any
		if err := json.Unmarshal(sc.Bytes(), &m); err != nil {
			t.Fatal(err)
		}
		out = append(out, m)
	}
	return out
}
