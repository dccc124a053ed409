package learn_test

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"signalbox/correlate/learn"
	"signalbox/itsm"
	"signalbox/itsm/cmdb"
	"signalbox/rules"
)

var start = itsm.TimeOf(time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC))

// history is a made-up past: what is planted comes out in the order of time.
type history struct {
	list   []learn.Observation
	alerts map[string]itsm.AlertNumber
	times  map[string]uint32
	acted  map[itsm.IncidentNumber]bool
	last   itsm.IncidentNumber
}

func newHistory() *history {
	return &history{alerts: map[string]itsm.AlertNumber{}, times: map[string]uint32{}, acted: map[itsm.IncidentNumber]bool{}}
}

// alert is one episode to plant.
type alert struct {
	name, ci string
	bound    bool
	labels   map[string]string
	severity itsm.Severity
	lasts    time.Duration // 0: it never clears
	incident bool
	acted    bool
}

func (h *history) fire(at time.Duration, a alert) itsm.AlertNumber {
	id := a.name + "/" + a.ci
	n, ok := h.alerts[id]
	if !ok {
		n = itsm.AlertNumber(len(h.alerts) + 1)
		h.alerts[id] = n
	}
	h.times[id]++
	labels := map[string]string{"alertname": a.name}
	for k, v := range a.labels {
		labels[k] = v
	}
	e := itsm.Event{Source: "prom", Identity: id, Status: itsm.Firing, Severity: cmp.Or(a.severity, itsm.Major), Title: a.name, Labels: itsm.LabelsOf(labels)}
	o := learn.Observation{At: start + itsm.Time(at.Milliseconds()), Event: &e, Alert: n, Episode: h.times[id], CI: a.ci, Bound: a.bound}
	if a.incident {
		h.last++
		o.Incident = h.last
		h.acted[h.last] = a.acted
	}
	h.list = append(h.list, o)
	if a.lasts > 0 {
		clear := e
		clear.Status = itsm.Resolved
		o.Event, o.At = &clear, o.At+itsm.Time(a.lasts.Milliseconds())
		h.list = append(h.list, o)
	}
	return n
}

func (h *history) report(g *cmdb.Graph) learn.Report {
	list := slices.Clone(h.list)
	slices.SortStableFunc(list, func(x, y learn.Observation) int { return cmp.Compare(x.At, y.At) })
	m := learn.New(g)
	for i := range list {
		m.Observe(&list[i])
	}
	return m.Report(func(n itsm.IncidentNumber) (itsm.IncidentNumber, bool) { return n, h.acted[n] })
}

// noise plants alerts that have nothing to do with each other.
func (h *history) noise(r *rand.Rand, kinds, each int, days int) {
	for k := range kinds {
		for range each {
			h.fire(time.Duration(r.Int64N(int64(days)*int64(24*time.Hour))), alert{name: "Noise" + string(rune('A'+k%26)), ci: "box-" + string(rune('a'+k/26)) + string(rune('a'+k%26)), bound: true,
				lasts: time.Duration(1+r.IntN(120)) * time.Minute, incident: true, acted: r.IntN(3) == 0})
		}
	}
}

func graph(t *testing.T, text string) *cmdb.Graph {
	t.Helper()
	doc, problems := cmdb.Parse(cmdb.YAML, strings.NewReader(text))
	g := cmdb.Empty(cmdb.Settings{}.Types())
	changes, _, more := g.Plan(doc, "test", false)
	for _, p := range append(problems, more...) {
		t.Fatal(p)
	}
	return g.Apply(changes)
}

// only returns the one suggestion of a kind.
func only(t *testing.T, r learn.Report, kind learn.Kind) learn.Suggestion {
	t.Helper()
	var found []learn.Suggestion
	for _, s := range r.Suggestions {
		if s.Kind == kind {
			found = append(found, s)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d suggestions of kind %s, want 1: %+v", len(found), kind, found)
	}
	return found[0]
}

func figure(s learn.Suggestion, name string) float64 {
	for _, f := range s.Figures {
		if f.Name == name {
			return f.Value
		}
	}
	return -1
}

// compiled checks that a draft is a rule of the language in shadow mode.
func compiled(t *testing.T, s learn.Suggestion) *rules.Rule {
	t.Helper()
	set, ps := rules.Compile([]rules.File{s.Rule})
	if len(ps) > 0 {
		t.Fatalf("%s: %v\n%s", s.Title, ps, s.Rule.Body)
	}
	r := set.Rules()[0]
	if !r.Shadow || !strings.HasSuffix(r.ID, s.ID) {
		t.Errorf("%s: shadow %v, id %s", s.Title, r.Shadow, r.ID)
	}
	return r
}
