package correlate

import (
	"fmt"
	"runtime"
	"testing"

	"signalbox/itsm"
	"signalbox/itsm/cmdb"
	"signalbox/itsm/entry"
)

// benchEvent is a typical alert of Prometheus on one of n CIs.
func benchEvent(k, cis int) itsm.Event {
	host := fmt.Sprintf("host-%05d", k%cis)
	return itsm.Event{Source: "am", Identity: fmt.Sprintf("%016x", k), Status: itsm.Firing, Severity: itsm.Warning, SeverityWord: "warning",
		Title: "Disk of " + host + " is almost full", StartsAt: epoch, Group: "{}:{alertname=\"DiskFull\"}", GeneratorURL: "http://prometheus/graph?g0.expr=disk",
		Labels: itsm.NewLabels([]itsm.Label{{Name: "alertname", Value: fmt.Sprint("DiskFull", k/cis)}, {Name: "instance", Value: host + ":9100"}, {Name: "job", Value: "node"},
			{Name: "severity", Value: "warning"}, {Name: "env", Value: "prod"}, {Name: "device", Value: "/dev/sda1"}}),
		Annotations: itsm.NewLabels([]itsm.Label{{Name: "summary", Value: "Disk of " + host + " is almost full"}, {Name: "runbook_url", Value: "https://wiki/runbooks/disk"}})}
}

// benchGraph has n hosts in applications of eight, each with a service.
func benchGraph(tb testing.TB, n int) *cmdb.Graph {
	var cis []itsm.CI
	var rels []itsm.Relation
	for k := range n {
		h, svc := fmt.Sprintf("host-%05d", k), fmt.Sprintf("svc-%05d", k/8)
		cis = append(cis, itsm.CI{ID: h, Name: h, Class: "Host"})
		if k%8 == 0 {
			cis = append(cis, itsm.CI{ID: svc, Name: svc, Class: "Service", Tier: 2})
		}
		rels = append(rels, itsm.Relation{From: svc, Type: "depends_on", To: h})
	}
	return graphOf(tb, cis, rels)
}

func graphOf(tb testing.TB, cis []itsm.CI, rels []itsm.Relation) *cmdb.Graph {
	doc, problems := cmdb.NewDoc(cis, rels)
	g := cmdb.Empty(cmdb.DefaultRelationTypes())
	ch, _, more := g.Plan(doc, "bench", false)
	if len(problems)+len(more) > 0 {
		tb.Fatal(problems, more)
	}
	return g.Apply(ch)
}

// batches makes deliveries of 50 events each.
func batches(from, to, cis int) (out []*entry.Delivery) {
	for k := from; k < to; k += 50 {
		d := &entry.Delivery{Source: "am"}
		for j := k; j < min(k+50, to); j++ {
			d.Events = append(d.Events, benchEvent(j, cis))
		}
		out = append(out, d)
	}
	return out
}

type runner struct {
	s   *State
	at  itsm.Time
	off itsm.Offset
}

func (r *runner) feed(ds []*entry.Delivery, stepMS itsm.Time) {
	for _, d := range ds {
		r.off++
		r.at += stepMS
		r.s.Step(Input{Offset: r.off, At: r.at, Delivery: d})
	}
}

func perEvent(b *testing.B, events int) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(events), "ns/event")
}

// Repeats of 100,000 known alerts.
func BenchmarkRepeats(b *testing.B) {
	const n = 100_000
	r := &runner{s: New(DefaultConfig(), benchGraph(b, 10_000)), at: epoch}
	ds := batches(0, n, 10_000)
	r.feed(ds, 20)
	r.s.Flush()
	for b.Loop() {
		r.feed(ds, 1)
	}
	perEvent(b, n)
}

// 100,000 new alerts on 10,000 CIs, with the records of every batch.
func BenchmarkDistinct(b *testing.B) {
	const n = 100_000
	g, ds := benchGraph(b, 10_000), batches(0, n, 10_000)
	for b.Loop() {
		r := &runner{s: New(DefaultConfig(), g), at: epoch}
		for k := 0; k < len(ds); k += 20 {
			r.feed(ds[k:min(k+20, len(ds))], 20)
			r.s.Flush()
		}
	}
	perEvent(b, n)
}

// New alerts without any CMDB: each its own service, so its own incident.
func BenchmarkDistinctUnbound(b *testing.B) {
	const n = 20_000
	g := cmdb.Empty(cmdb.DefaultRelationTypes())
	ds := batches(0, n, n)
	for b.Loop() {
		r := &runner{s: New(DefaultConfig(), g), at: epoch}
		r.feed(ds, 20)
		r.s.Flush()
	}
	perEvent(b, n)
}

// The cost of a new alert must not depend on how many incidents are open.
func BenchmarkOpenIncidents(b *testing.B) {
	for _, open := range []int{10, 1000, 100_000} {
		b.Run(fmt.Sprint(open), func(b *testing.B) {
			r := &runner{s: New(DefaultConfig(), cmdb.Empty(cmdb.DefaultRelationTypes())), at: epoch}
			for _, d := range batches(0, open, open) {
				for k := range d.Events {
					d.Events[k].Labels = itsm.NewLabels([]itsm.Label{{Name: "service", Value: fmt.Sprint("s", d.Events[k].Identity)}})
					d.Events[k].Group = ""
				}
				r.feed([]*entry.Delivery{d}, 20)
			}
			r.s.Flush()
			more := batches(open, open+200_000, open+200_000)
			for _, d := range more {
				for k := range d.Events {
					d.Events[k].Group = ""
				}
			}
			k := 0
			for b.Loop() {
				r.feed(more[k%len(more):k%len(more)+1], 20)
				if k++; k%20 == 0 {
					r.s.Flush()
				}
			}
			perEvent(b, 50)
		})
	}
}

// Joins into one incident of 50,000 members, and the record of it once a batch.
func BenchmarkLargeIncident(b *testing.B) {
	r := &runner{s: New(DefaultConfig(), cmdb.Empty(cmdb.DefaultRelationTypes())), at: epoch}
	member := func(k int) itsm.Event {
		e := benchEvent(k, 1)
		e.CIName, e.Labels = "core", itsm.NewLabels([]itsm.Label{{Name: "alertname", Value: "Down"}, {Name: "port", Value: fmt.Sprint(k)}})
		return e
	}
	fill := func(from, to int) []*entry.Delivery {
		ds := batches(from, to, 1)
		for k, d := range ds {
			for j := range d.Events {
				d.Events[j] = member(from + k*50 + j)
			}
		}
		return ds
	}
	r.feed(fill(0, 50_000), 1)
	r.s.Flush()
	if n := len(r.s.incidents[1].members); n != 50_000 {
		b.Fatalf("%d members, want 50,000 in one incident", n)
	}
	more, k := fill(50_000, 150_000), 0
	for b.Loop() {
		r.feed(more[k%len(more):k%len(more)+1], 1)
		r.s.Flush()
		k++
	}
	perEvent(b, 50)
}

// TestMemory holds what an open alert costs beyond its own words: one that shares
// its incident, and one that has an incident, a group and a CI to itself.
func TestMemory(t *testing.T) {
	const n = 20_000
	for _, c := range []struct {
		name     string
		cis      int
		bytesMax int
	}{{"ten alerts a CI", n / 10, 1024}, {"an incident each", n, 2560}} {
		s := New(DefaultConfig(), cmdb.Empty(cmdb.DefaultRelationTypes()))
		before := heap()
		words := 0
		for k := 0; k < n; k += 50 {
			d := &entry.Delivery{Source: "am"}
			for j := k; j < k+50; j++ {
				e := benchEvent(j, c.cis)
				if c.cis == n {
					e.CIName, e.Group = e.Identity, ""
				}
				s.setText(&alert{}, &e)
				words += len(s.buf) + len(e.Identity)
				d.Events = append(d.Events, e)
			}
			s.Step(Input{Offset: itsm.Offset(k/50 + 1), At: epoch + itsm.Time(k), Delivery: d})
			s.Flush()
		}
		used := int(heap()-before) - words
		t.Logf("%s: %d bytes an open alert beyond %d bytes of words; %d incidents", c.name, used/n, words/n, s.openIncidents)
		if used/n > c.bytesMax {
			t.Errorf("%s: %d bytes an open alert, want at most %d", c.name, used/n, c.bytesMax)
		}
		runtime.KeepAlive(s)
	}
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
