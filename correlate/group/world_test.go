package group

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"signalbox/itsm"
	"signalbox/itsm/cmdb"
)

// world is a Grouper and what a caller keeps beside it: a small CMDB, alerts by
// name, and the incidents they are in.
type world struct {
	tb     testing.TB
	g      *Grouper
	cmdb   *cmdb.Graph
	alerts map[string]itsm.AlertNumber
	in     map[string]itsm.IncidentNumber // latest incident of an alert
	next   itsm.IncidentNumber
	last   Placement
}

// epoch is when scenarios begin.
const epoch itsm.Time = 1_700_000_000_000

// newWorld reads relations, one a line: "from type to". A name before a slash is
// the CI's environment.
func newWorld(tb testing.TB, relations string) *world {
	tb.Helper()
	g := relate(tb, cmdb.Empty(cmdb.DefaultRelationTypes()), relations)
	return &world{tb: tb, cmdb: g, g: New(DefaultConfig(), g), alerts: map[string]itsm.AlertNumber{}, in: map[string]itsm.IncidentNumber{}}
}

func relate(tb testing.TB, g *cmdb.Graph, relations string) *cmdb.Graph {
	var cis []itsm.CI
	var rels []itsm.Relation
	seen := map[string]bool{}
	add := func(id string) {
		if !seen[id] {
			seen[id] = true
			env, name, ok := strings.Cut(id, "/")
			if !ok {
				env, name = "", id
			}
			cis = append(cis, itsm.CI{ID: id, Name: name, Class: "Service", Env: env})
		}
	}
	for line := range strings.Lines(relations) {
		f := strings.Fields(line)
		switch len(f) {
		case 1:
			add(f[0])
		case 3:
			add(f[0])
			add(f[2])
			rels = append(rels, itsm.Relation{From: f[0], Type: f[1], To: f[2]})
		}
	}
	doc, err := json.Marshal(map[string]any{"cis": cis, "relations": rels})
	if err != nil {
		tb.Fatal(err)
	}
	return importTo(tb, g, doc)
}

// probe makes the onset of an alert named "ci:alertname" or "?key:alertname".
func (w *world) probe(at time.Duration, alert string, more ...func(*Probe)) Probe {
	if w.alerts[alert] == 0 {
		w.alerts[alert] = itsm.AlertNumber(len(w.alerts) + 1)
	}
	ci, name, _ := strings.Cut(alert, ":")
	p := Probe{At: epoch.Add(at), Alert: w.alerts[alert], Episode: 1, CI: cmdb.NoRef, Source: "s", AlertName: name}
	if key, unbound := strings.CutPrefix(ci, "?"); unbound {
		p.Provisional = key
	} else {
		r, ok := w.cmdb.Lookup(ci)
		if !ok {
			w.tb.Fatalf("scenario: no CI %q", ci)
		}
		p.CI = r
	}
	for _, m := range more {
		m(&p)
	}
	return p
}

// fire places an onset and does what the placement says.
func (w *world) fire(at time.Duration, alert string, more ...func(*Probe)) itsm.IncidentNumber {
	p := w.probe(at, alert, more...)
	w.last = w.g.Place(p)
	n := w.last.Incident
	if n == 0 {
		w.next++
		n = w.next
		w.g.Open(n, p.At)
	} else if w.last.Reopens {
		w.g.Reopen(n, p.At)
	}
	w.g.Join(n, p)
	w.in[alert] = n
	for _, m := range w.last.Merge {
		w.g.Merge(m[0], m[1])
		for a, in := range w.in {
			if in == m[1] {
				w.in[a] = m[0]
			}
		}
	}
	return n
}

func (w *world) end(at time.Duration, alert string) { w.g.Ended(w.alerts[alert], epoch.Add(at)) }

func (w *world) encode() []byte {
	w.tb.Helper()
	var b bytes.Buffer
	if err := w.g.Encode(&b); err != nil {
		w.tb.Fatal(err)
	}
	return b.Bytes()
}

func labels(pairs ...string) func(*Probe) {
	return func(p *Probe) {
		for i := 0; i < len(pairs); i += 2 {
			p.Labels = append(p.Labels, itsm.Label{Name: pairs[i], Value: pairs[i+1]})
		}
		p.Labels = itsm.NewLabels(p.Labels)
	}
}

func many(n int, format string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format+"\n", i)
	}
	return b.String()
}
