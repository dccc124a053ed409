package group

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"sort"
	"testing"

	"signalbox/itsm"
	"signalbox/itsm/cmdb"
)

// estate is a made-up company: applications of layered services on shared nodes,
// some of which call a shared directory or use a shared bus.
type estate struct {
	rng   *rand.Rand
	cis   []itsm.CI
	rels  []itsm.Relation
	roots []string // what can fail
}

func (e *estate) ci(id, class string) string {
	e.cis = append(e.cis, itsm.CI{ID: id, Name: id, Class: class, Env: "prod"})
	return id
}

func (e *estate) rel(from, typ, to string) {
	e.rels = append(e.rels, itsm.Relation{From: from, Type: typ, To: to})
}

func newEstate(seed uint64, apps int) *estate {
	e := &estate{rng: rand.New(rand.NewPCG(seed, 1))}
	nodes := make([]string, max(apps/2, 4))
	for i := range nodes {
		nodes[i] = e.ci(fmt.Sprintf("node-%d", i), "Host")
	}
	directory, bus := e.ci("directory", "Service"), e.ci("bus", "MessageBus")
	e.roots = append(e.roots, directory, bus)
	e.roots = append(e.roots, nodes...)
	for a := range apps {
		e.app(a, nodes, directory, bus)
	}
	return e
}

func (e *estate) app(a int, nodes []string, directory, bus string) {
	n := 5 + e.rng.IntN(5)
	db := e.ci(fmt.Sprintf("app%d-db", a), "Database")
	e.rel(db, "runs_on", nodes[e.rng.IntN(len(nodes))])
	e.roots = append(e.roots, db)
	services := make([]string, n)
	for i := range services {
		services[i] = e.ci(fmt.Sprintf("app%d-s%d", a, i), "Service")
		e.roots = append(e.roots, services[i])
		for p := range 2 {
			pod := e.ci(fmt.Sprintf("app%d-s%d-p%d", a, i, p), "Pod")
			e.rel(services[i], "has_instance", pod)
			e.rel(pod, "runs_on", nodes[e.rng.IntN(len(nodes))])
			e.roots = append(e.roots, pod)
		}
		if i > 0 {
			e.rel(services[e.rng.IntN(i)], "calls", services[i])
		}
		if i >= n-2 {
			e.rel(services[i], "connects_to", db)
		}
	}
	if a%2 == 0 {
		e.rel(services[1], "calls", directory)
	}
	if a%3 == 0 {
		e.rel(services[2], "connects_to", bus)
	}
}

func (e *estate) graph(tb testing.TB) *cmdb.Graph {
	b, err := json.Marshal(map[string]any{"cis": e.cis, "relations": e.rels})
	if err != nil {
		tb.Fatal(err)
	}
	return parseGraph(tb, b)
}

// outage is one onset of a simulated stream and the incident it belongs to.
type outage struct {
	at   itsm.Time
	ci   cmdb.Ref
	name string
	true int // 0: noise
}

// stream makes incidents about every gap, each spreading to what depends on its
// root, and noise about every quiet.
func (e *estate) stream(g *cmdb.Graph, incidents int, gap, quiet itsm.Time) []outage {
	var out []outage
	at := itsm.Time(1_700_000_000_000)
	for i := 1; i <= incidents; i++ {
		at += itsm.Time(e.rng.ExpFloat64() * float64(gap))
		root, _ := g.Lookup(e.roots[e.rng.IntN(len(e.roots))])
		for _, x := range g.Impact(root, 3, nil) {
			p := [...]float64{0.8, 0.75, 0.6, 0.4}[x.Hops]
			if e.rng.Float64() < p {
				delay := itsm.Time(float64(x.Hops)*20_000 + e.rng.ExpFloat64()*40_000)
				out = append(out, outage{at + delay, x.Ref, fmt.Sprintf("Down%d", x.Hops), i})
			}
		}
	}
	if quiet > 0 {
		for t := out[0].at; t < at; t += itsm.Time(e.rng.ExpFloat64() * float64(quiet)) {
			out = append(out, outage{t, cmdb.Ref(e.rng.IntN(g.Len())), "Noise", 0})
		}
	}
	sort.SliceStable(out, func(i, j int) bool { return out[i].at < out[j].at })
	return out
}

// bcubed folds a stream and returns B-cubed F1 in thousandths.
func bcubed(c Config, g *cmdb.Graph, stream []outage) int {
	gr := New(c, g)
	alerts := map[string]itsm.AlertNumber{}
	var next itsm.IncidentNumber
	into := map[itsm.IncidentNumber]itsm.IncidentNumber{}
	at := make([]itsm.IncidentNumber, len(stream))
	for i, o := range stream {
		key := g.ID(o.ci) + o.name
		if alerts[key] == 0 {
			alerts[key] = itsm.AlertNumber(len(alerts) + 1)
		}
		p := Probe{At: o.at, Alert: alerts[key], Episode: uint32(i), CI: o.ci, Source: "sim", AlertName: o.name}
		pl := gr.Place(p)
		if pl.Incident == 0 {
			next++
			pl.Incident = next
			gr.Open(next, o.at)
		}
		gr.Join(pl.Incident, p)
		at[i] = pl.Incident
		for _, m := range pl.Merge {
			gr.Merge(m[0], m[1])
			into[m[1]] = m[0]
		}
	}
	type pair struct {
		t int
		n itsm.IncidentNumber
	}
	both, truth, pred, total := map[pair]int{}, map[int]int{}, map[itsm.IncidentNumber]int{}, 0
	for i, o := range stream {
		if o.true == 0 {
			continue
		}
		for into[at[i]] != 0 {
			at[i] = into[at[i]]
		}
		both[pair{o.true, at[i]}]++
		truth[o.true]++
		pred[at[i]]++
		total++
	}
	var p, r float64
	for k, v := range both {
		p += float64(v*v) / float64(pred[k.n])
		r += float64(v*v) / float64(truth[k.t])
	}
	p, r = p/float64(total), r/float64(total)
	return int(2000 * p * r / (p + r))
}

// TestEstate scores grouping on made-up estates: how dense incidents are, how
// complete the CMDB is. The floors are a little under what was measured.
func TestEstate(t *testing.T) {
	for _, tc := range []struct {
		apps    int
		missing float64 // share of relations the CMDB lacks
		gap     itsm.Time
		want    int
	}{
		{8, 0, 5, 840}, {8, 0, 15, 930}, {8, 0.2, 15, 860}, {40, 0, 5, 950}, {40, 0, 15, 970}, {40, 0.2, 15, 810},
	} {
		sum := 0
		for seed := range uint64(3) {
			e := newEstate(seed, tc.apps)
			full := e.graph(t)
			stream := e.stream(full, 100, tc.gap*60_000, 600_000)
			e.forget(tc.missing)
			sum += bcubed(configOf(t), e.graph(t), stream)
		}
		if got := sum / 3; got < tc.want {
			t.Errorf("%d applications, %.0f %% of relations missing, an incident every %d min: B-cubed F1 %d, want at least %d",
				tc.apps, tc.missing*100, tc.gap, got, tc.want)
		} else {
			t.Logf("estate of %d, %.0f %% missing, every %d min: %d", tc.apps, tc.missing*100, tc.gap, got)
		}
	}
}

// forget drops a share of the relations.
func (e *estate) forget(share float64) {
	kept := e.rels[:0]
	for _, r := range e.rels {
		if e.rng.Float64() >= share {
			kept = append(kept, r)
		}
	}
	e.rels = kept
}
