package group

import (
	"bufio"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"signalbox/itsm"
	"signalbox/itsm/cmdb"
)

// driver does the episode handling that correlate does, simplified, so that
// grouping can be scored on recorded streams.
type driver struct {
	g      *Grouper
	cmdb   *cmdb.Graph
	alerts map[string]*driven
	next   itsm.IncidentNumber
	into   map[itsm.IncidentNumber]itsm.IncidentNumber
	live   map[itsm.IncidentNumber]map[itsm.AlertNumber]bool
	quiet  map[itsm.IncidentNumber]itsm.Time // all resolved since
}

type driven struct {
	n        itsm.AlertNumber
	episode  uint32
	incident itsm.IncidentNumber
	starts   itsm.Time
	firing   bool
	bind     cmdb.Binding
}

// event is one line of alerts.jsonl.
type event struct {
	ID          string            `json:"id"`
	Source      string            `json:"source"`
	Status      string            `json:"status"`
	StartsAt    itsm.Time         `json:"startsAt"`
	EndsAt      itsm.Time         `json:"endsAt"`
	EventAt     itsm.Time         `json:"eventAt"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
	Fingerprint string            `json:"fingerprint"`
	labels      itsm.Labels
}

func (e *event) at() itsm.Time {
	switch {
	case e.EventAt != 0:
		return e.EventAt
	case e.Status == "resolved" && e.EndsAt != 0:
		return e.EndsAt
	}
	return e.StartsAt
}

func newDriver(c Config, graph *cmdb.Graph) *driver {
	return &driver{g: New(c, graph), cmdb: graph, alerts: map[string]*driven{}, into: map[itsm.IncidentNumber]itsm.IncidentNumber{},
		live: map[itsm.IncidentNumber]map[itsm.AlertNumber]bool{}, quiet: map[itsm.IncidentNumber]itsm.Time{}}
}

const (
	resolveAfter = 5 * 60_000
	closeAfter   = 24 * 3600_000
)

// feed takes one event and returns the incident of its episode.
func (d *driver) feed(e *event) itsm.IncidentNumber {
	at := e.at()
	d.settle(at)
	a := d.alerts[e.Source+"/"+e.Fingerprint]
	if a == nil {
		a = &driven{n: itsm.AlertNumber(len(d.alerts) + 1), bind: d.cmdb.Identify(cmdb.Sighting{Source: e.Source, Labels: e.labels})}
		d.alerts[e.Source+"/"+e.Fingerprint] = a
	}
	if e.Status == "resolved" {
		if a.firing {
			a.firing = false
			d.g.Ended(a.n, at)
			n := d.resolve(a.incident)
			delete(d.live[n], a.n)
			if len(d.live[n]) == 0 {
				d.quiet[n] = at
			}
		}
		return d.resolve(a.incident)
	}
	if a.firing && e.StartsAt <= a.starts {
		return d.resolve(a.incident)
	}
	a.firing, a.starts = true, e.StartsAt
	p := Probe{At: at, Alert: a.n, Episode: a.episode, CI: a.bind.Ref, Provisional: a.bind.Provisional, Source: e.Source,
		AlertName: e.Labels["alertname"], Title: e.Annotations["summary"], Labels: e.labels, Severity: itsm.SeverityOf(e.Labels["severity"])}
	d.place(a, p)
	return a.incident
}

func (d *driver) place(a *driven, p Probe) {
	a.incident = d.resolve(a.incident)
	pl := d.g.Place(p)
	n := pl.Incident
	if n != a.incident || n == 0 {
		a.episode++
		p.Episode = a.episode
		if old := a.incident; old != 0 {
			delete(d.live[old], a.n)
			if len(d.live[old]) == 0 {
				d.quiet[old] = p.At
			}
		}
	}
	if n == 0 {
		d.next++
		n = d.next
		d.g.Open(n, p.At)
		d.live[n] = map[itsm.AlertNumber]bool{}
	}
	if pl.Reopens {
		d.g.Reopen(n, p.At)
	}
	delete(d.quiet, n)
	d.g.Join(n, p)
	d.live[n][a.n] = true
	a.incident = n
	for _, m := range pl.Merge {
		d.merge(m[0], m[1])
	}
	a.incident = d.resolve(a.incident)
}

func (d *driver) merge(into, from itsm.IncidentNumber) {
	d.g.Merge(into, from)
	d.into[from] = into
	for x := range d.live[from] {
		d.live[into][x] = true
	}
	delete(d.live, from)
	delete(d.quiet, from)
}

// resolve follows merges.
func (d *driver) resolve(n itsm.IncidentNumber) itsm.IncidentNumber {
	for d.into[n] != 0 {
		n = d.into[n]
	}
	return n
}

// settle resolves what was quiet for the hold.
func (d *driver) settle(at itsm.Time) {
	var due []itsm.IncidentNumber
	for n, since := range d.quiet {
		if at >= since+resolveAfter {
			due = append(due, n)
		}
	}
	sort.Slice(due, func(i, j int) bool { return due[i] < due[j] })
	for _, n := range due {
		d.g.Resolve(n, d.quiet[n]+resolveAfter)
		delete(d.quiet, n)
	}
}

func readLines[T any](tb testing.TB, path string, each func(*T)) {
	tb.Helper()
	f, err := os.Open(path)
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	s := bufio.NewScanner(f)
	s.Buffer(nil, 16<<20)
	for s.Scan() {
		var v T
		if err := json.Unmarshal(s.Bytes(), &v); err != nil {
			tb.Fatalf("%s: %v", path, err)
		}
		each(&v)
	}
}

func readEvents(tb testing.TB, dir string) []event {
	var out []event
	readLines(tb, filepath.Join(dir, "alerts.jsonl"), func(e *event) {
		e.labels = itsm.LabelsOf(e.Labels)
		out = append(out, *e)
	})
	sort.SliceStable(out, func(i, j int) bool { return out[i].at() < out[j].at() })
	return out
}

// TestScore prints the scores of recorded streams. SIGNALBOX_DATA names the data
// directory, SIGNALBOX_SETS the sets (all by default), SIGNALBOX_GROUP a JSON
// object of constants to change.
func TestScore(t *testing.T) {
	data := os.Getenv("SIGNALBOX_DATA")
	if data == "" {
		t.Log("SIGNALBOX_DATA names no data directory: nothing to score")
		return
	}
	c := configOf(t)
	sets := strings.Fields(os.Getenv("SIGNALBOX_SETS"))
	if len(sets) == 0 {
		entries, err := os.ReadDir(filepath.Join(data, "sets"))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			sets = append(sets, e.Name())
		}
	}
	for _, set := range sets {
		t.Log(scoreSet(t, data, set, c))
	}
}

// configOf returns the constants with the changes of SIGNALBOX_GROUP.
func configOf(t *testing.T) Config {
	c := DefaultConfig()
	if s := os.Getenv("SIGNALBOX_GROUP"); s != "" {
		if err := json.Unmarshal([]byte(s), &c); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

func scoreSet(t *testing.T, data, set string, c Config) string {
	dir := filepath.Join(data, "sets", set)
	d := newDriver(c, readGraph(t, filepath.Join(dir, "topology.json")))
	members := map[string]itsm.IncidentNumber{}
	events := readEvents(t, dir)
	for i := range events {
		members[events[i].ID] = d.feed(&events[i])
	}
	out := os.Getenv("SIGNALBOX_OUT")
	if out == "" {
		out = t.TempDir()
	}
	m, inc := filepath.Join(out, set+".members.jsonl"), filepath.Join(out, set+".incidents.jsonl")
	d.write(t, events, members, m, inc)
	got, err := exec.Command("python3", filepath.Join(data, "tools", "score.py"), dir, m, inc).CombinedOutput()
	if err != nil {
		t.Fatalf("score.py %s: %v\n%s", set, err, got)
	}
	return set + summary(string(got))
}

func (d *driver) write(t *testing.T, events []event, members map[string]itsm.IncidentNumber, m, inc string) {
	mf, err := os.Create(m)
	if err != nil {
		t.Fatal(err)
	}
	defer mf.Close()
	enc := json.NewEncoder(mf)
	for i := range events {
		if err := enc.Encode(map[string]any{"alert_id": events[i].ID, "incident_id": d.resolve(members[events[i].ID]).String()}); err != nil {
			t.Fatal(err)
		}
	}
	inf, err := os.Create(inc)
	if err != nil {
		t.Fatal(err)
	}
	defer inf.Close()
	enc = json.NewEncoder(inf)
	for n := itsm.IncidentNumber(1); n <= d.next; n++ {
		ids := []string{}
		for _, c := range d.g.Causes(n) {
			ids = append(ids, c.CI)
		}
		if err := enc.Encode(map[string]any{"incident_id": n.String(), "root_causes": ids}); err != nil {
			t.Fatal(err)
		}
	}
}

// summary picks the figures of the report that tuning looks at.
func summary(report string) string {
	var b strings.Builder
	for _, line := range strings.Split(report, "\n") {
		f := strings.Fields(line)
		if len(f) < 2 {
			continue
		}
		short, ok := map[string]string{"B3_P": "P", "B3_R": "R", "B3_F1": "F1", "pred_incidents": "n", "merged_pred(>1": "merged",
			"noise_joined_to_true_incident": "noise", "noise_only_incidents": "only", "RC_hit@1": "@1", "RC_hit@3": "@3", "RC_hit@1_family": "@1f", "RC_hit@3_family": "@3f", "RC_MRR": "mrr"}[f[0]]
		if ok {
			b.WriteString(" " + short + "=" + f[len(f)-1])
		}
	}
	return b.String()
}
