package group

import (
	"bytes"
	"fmt"
	"testing"

	"signalbox/itsm"
	"signalbox/itsm/cmdb"
)

// blockSize is the CIs of one application of a benchmark's CMDB: eight services
// in a chain with a branch, a database and a host.
const blockSize = 10

// blocks makes a CMDB of n/blockSize applications.
func blocks(tb testing.TB, n int) *cmdb.Graph {
	var b bytes.Buffer
	b.WriteString(`{"cis":[`)
	for i := range n / blockSize * blockSize {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"id":"app%d-c%d","name":"c%d","class":"Service","env":"e%d"}`, i/blockSize, i%blockSize, i%blockSize, i/blockSize)
	}
	b.WriteString(`],"relations":[`)
	for a := range n / blockSize {
		for i := 1; i < blockSize; i++ {
			if a+i > 1 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, `{"from":"app%d-c%d","type":"calls","to":"app%[1]d-c%[3]d"}`, a, i/2, i)
		}
	}
	b.WriteString(`]}`)
	return parseGraph(tb, b.Bytes())
}

// BenchmarkPlace measures an onset that is placed and joined, with so many
// incidents open in a CMDB of so many CIs. The time must not grow with either.
func BenchmarkPlace(b *testing.B) {
	for _, size := range []struct{ incidents, cis int }{{10, 1000}, {10, 100_000}, {10, 1_000_000}, {1000, 1_000_000}, {100_000, 1_000_000}} {
		b.Run(fmt.Sprintf("incidents=%d/cis=%d", size.incidents, size.cis), func(b *testing.B) {
			graph := blocks(b, size.cis)
			g, at := crowded(graph, size.incidents)
			const apps = 100 // what is touched is the same whatever the size
			ls := itsm.LabelsOf(map[string]string{"alertname": "Slow", "service": "c1", "severity": "warning", "instance": "10.0.0.1:9090"})
			next := itsm.IncidentNumber(size.incidents)
			i := 0
			b.ReportAllocs()
			for b.Loop() {
				app := i % apps
				i++
				at += 1
				p := Probe{At: at, Alert: itsm.AlertNumber(1 + app*blockSize + i/apps%blockSize), Episode: uint32(i),
					CI: cmdb.Ref(app*blockSize + i/apps%blockSize), Source: "bench", AlertName: "Slow", Title: "slow", Labels: ls}
				n := g.Place(p).Incident
				if n == 0 {
					next++
					n = next
					g.Open(n, at)
				}
				g.Join(n, p)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "onsets/s")
		})
	}
}

// crowded returns a Grouper with so many incidents open, one an application, all
// of them still joinable.
func crowded(graph *cmdb.Graph, incidents int) (*Grouper, itsm.Time) {
	g := New(DefaultConfig(), graph)
	at := epoch
	for n := range incidents {
		ci := cmdb.Ref(n * blockSize % graph.Len())
		p := Probe{At: at, Alert: itsm.AlertNumber(1 + int(ci)), CI: ci, Source: "bench", AlertName: "Down"}
		g.Place(p)
		g.Open(itsm.IncidentNumber(n+1), at)
		g.Join(itsm.IncidentNumber(n+1), p)
	}
	return g, at
}

// BenchmarkStorm measures one incident that takes all onsets of an estate.
func BenchmarkStorm(b *testing.B) {
	e := newEstate(1, 40)
	graph := e.graph(b)
	g := New(DefaultConfig(), graph)
	g.Open(1, epoch)
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		i++
		p := Probe{At: epoch + itsm.Time(i/100), Alert: itsm.AlertNumber(1 + i%5000), CI: cmdb.Ref(i % graph.Len()), Source: "bench", AlertName: "Down"}
		g.Place(p)
		g.Join(1, p)
	}
}

// BenchmarkCauses measures ranking the causes of an incident of 500 CIs.
func BenchmarkCauses(b *testing.B) {
	e := newEstate(1, 40)
	graph := e.graph(b)
	g := New(DefaultConfig(), graph)
	g.Open(1, epoch)
	for i := range min(graph.Len(), 500) {
		p := Probe{At: epoch + itsm.Time(i), Alert: itsm.AlertNumber(1 + i), CI: cmdb.Ref(i), Source: "bench", AlertName: "Down"}
		g.Place(p)
		g.Join(1, p)
	}
	b.ReportAllocs()
	for b.Loop() {
		g.groups[1].dirty = true
		g.Causes(1)
	}
}
