package correlate

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"signalbox/itsm"
	"signalbox/itsm/cmdb"
	"signalbox/itsm/entry"
)

// TestScore prints the scores of the whole fold on recorded streams, where
// package group scores grouping alone. SIGNALBOX_DATA names the data directory,
// SIGNALBOX_SETS the sets, SIGNALBOX_CONFIG a correlation block to change.
func TestScore(t *testing.T) {
	data := os.Getenv("SIGNALBOX_DATA")
	if data == "" {
		t.Log("SIGNALBOX_DATA names no data directory: nothing to score")
		return
	}
	c := DefaultConfig()
	if s := os.Getenv("SIGNALBOX_CONFIG"); s != "" {
		if err := json.Unmarshal([]byte(s), &c); err != nil {
			t.Fatal(err)
		}
	}
	sets := strings.Fields(os.Getenv("SIGNALBOX_SETS"))
	if len(sets) == 0 {
		dirs, err := filepath.Glob(filepath.Join(data, "sets", "*"))
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range dirs {
			sets = append(sets, filepath.Base(d))
		}
	}
	for _, set := range sets {
		t.Log(score(t, data, set, c))
	}
}

// recorded is one line of alerts.jsonl.
type recorded struct {
	ID          string      `json:"id"`
	Source      string      `json:"source"`
	Status      itsm.Status `json:"status"`
	StartsAt    itsm.Time   `json:"startsAt"`
	EndsAt      itsm.Time   `json:"endsAt"`
	EventAt     itsm.Time   `json:"eventAt"`
	Labels      itsm.Labels `json:"labels"`
	Annotations itsm.Labels `json:"annotations"`
	Fingerprint string      `json:"fingerprint"`
}

func (r *recorded) event() itsm.Event {
	word := r.Labels.Get("severity")
	return itsm.Event{Source: r.Source, Identity: r.Fingerprint, ID: r.ID, Status: r.Status, Severity: itsm.SeverityOf(word), SeverityWord: word,
		Title: r.Annotations.Get("summary"), StartsAt: r.StartsAt, EndsAt: r.EndsAt, EventAt: r.EventAt, Labels: r.Labels, Annotations: r.Annotations}
}

func score(t *testing.T, data, set string, c Config) string {
	dir := filepath.Join(data, "sets", set)
	w := newWorld(t, c)
	w.s = New(c, readTopology(t, filepath.Join(dir, "topology.json")))
	type episode struct {
		id string
		a  itsm.AlertNumber
		e  uint32
	}
	var seen []episode
	for _, e := range readRecorded(t, filepath.Join(dir, "alerts.jsonl")) {
		at := max(e.EventTime(), w.at)
		if len(seen) == 0 {
			at = e.EventTime()
			w.at = at
		}
		w.until(at)
		w.do(Input{Delivery: &entry.Delivery{Source: e.Source, Events: []itsm.Event{e}}})
		n, ep := w.s.EpisodeOf(e.Key())
		seen = append(seen, episode{e.ID, n, ep})
	}
	w.until(w.at + 30*24*60*minuteMS)
	in := map[evidenceKey]itsm.IncidentNumber{}
	for k := range w.evidence {
		in[evidenceKey{a: k.a, e: k.e}] = k.i
	}
	var members, incidents bytes.Buffer
	enc := json.NewEncoder(&members)
	for _, e := range seen {
		enc.Encode(map[string]any{"alert_id": e.id, "incident_id": in[evidenceKey{a: e.a, e: e.e}].String()})
	}
	enc = json.NewEncoder(&incidents)
	for _, n := range sortedKeys(w.incidents) {
		ids := []string{}
		for _, x := range w.incidents[n].Causes {
			ids = append(ids, x.CI)
		}
		enc.Encode(map[string]any{"incident_id": n.String(), "root_causes": ids})
	}
	tmp := t.TempDir()
	m, i := filepath.Join(tmp, "members.jsonl"), filepath.Join(tmp, "incidents.jsonl")
	if err := cmp.Or(os.WriteFile(m, members.Bytes(), 0o600), os.WriteFile(i, incidents.Bytes(), 0o600)); err != nil {
		t.Fatal(err)
	}
	got, err := exec.Command("python3", filepath.Join(data, "tools", "score.py"), dir, m, i).CombinedOutput()
	if err != nil {
		t.Fatalf("score.py %s: %v\n%s", set, err, got)
	}
	return set + scoreLine(string(got))
}

// scoreLine picks the figures of the report that tuning looks at.
func scoreLine(report string) string {
	var b strings.Builder
	for _, line := range strings.Split(report, "\n") {
		f := strings.Fields(line)
		if len(f) > 1 && slices.Contains([]string{"B3_P", "B3_R", "B3_F1", "pred_incidents", "RC_hit@1", "RC_hit@3"}, f[0]) {
			b.WriteString(" " + f[0] + "=" + f[len(f)-1])
		}
	}
	return b.String()
}

func readRecorded(t *testing.T, path string) []itsm.Event {
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var out []itsm.Event
	in := bufio.NewScanner(f)
	in.Buffer(nil, 16<<20)
	for in.Scan() {
		var r recorded
		if err := json.Unmarshal(in.Bytes(), &r); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		out = append(out, r.event())
	}
	slices.SortStableFunc(out, func(a, b itsm.Event) int { return cmp.Compare(a.EventTime(), b.EventTime()) })
	return out
}

func readTopology(t *testing.T, path string) *cmdb.Graph {
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		CIs       []itsm.CI       `json:"cis"`
		Relations []itsm.Relation `json:"relations"`
	}
	if err := json.Unmarshal(b, &doc); err != nil {
		t.Fatal(err)
	}
	d, problems := cmdb.NewDoc(doc.CIs, doc.Relations)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	g := cmdb.Empty(cmdb.DefaultRelationTypes())
	ch, _, problems := g.Plan(d, "topology", false)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return g.Apply(ch)
}
