package engine_test

import (
	"bytes"
	"fmt"
	"runtime"
	"testing"
	"time"

	"signalbox/correlate/engine"
	"signalbox/ingest/journal"
	"signalbox/itsm"
	"signalbox/itsm/cmdb"
	"signalbox/itsm/cputest"
	"signalbox/itsm/entry"
)

// yard is a CMDB of n CIs a site for benchmarks: hosts behind switches, switches
// behind four core routers, services on five hosts each. It returns the number of
// hosts of a site; those of the first site have the lowest numbers.
func yard(n, sites int) (lines []byte, hosts int) {
	hosts = n * 8 / 10
	switches := max(hosts/20, 4)
	services := n - hosts - switches - 4
	var b bytes.Buffer
	for site := range sites {
		sw, host, svc := site*switches, site*hosts, site*services
		for i := range 4 {
			fmt.Fprintf(&b, `{"id":"core-%d","name":"core-%d","class":"NetworkDevice","env":"prod"}`+"\n", site*4+i, site*4+i)
		}
		for i := range switches {
			fmt.Fprintf(&b, `{"id":"sw-%d","name":"sw-%d","class":"NetworkDevice","env":"prod"}`+"\n", sw+i, sw+i)
			fmt.Fprintf(&b, `{"from":"sw-%d","type":"depends_on","to":"core-%d"}`+"\n", sw+i, site*4+i*4/switches)
		}
		for i := range hosts {
			fmt.Fprintf(&b, `{"id":"h%07d","name":"h%07d.example.net","class":"Host","env":"prod"}`+"\n", host+i, host+i)
			fmt.Fprintf(&b, `{"from":"h%07d","type":"depends_on","to":"sw-%d"}`+"\n", host+i, sw+i*switches/hosts)
		}
		for i := range services {
			fmt.Fprintf(&b, `{"id":"svc-%d","name":"svc-%d","class":"Service","env":"prod","tier":%d}`+"\n", svc+i, svc+i, i%3+2)
			for k := range 5 {
				fmt.Fprintf(&b, `{"from":"svc-%d","type":"depends_on","to":"h%07d"}`+"\n", svc+i, host+(i*5+k)%hosts)
			}
		}
	}
	return b.Bytes(), hosts
}

// feeder makes the journal that a fold reads, before the clock runs.
type feeder struct {
	off itsm.Offset
	at  itsm.Time
}

func (f *feeder) record(body []byte) journal.Record {
	f.off++
	return journal.Record{Offset: f.off, At: f.at, Body: body}
}

// imports are the records that bring a CMDB of n CIs at each of some sites.
func (f *feeder) imports(tb testing.TB, n, sites int) (recs []journal.Record, hosts int) {
	lines, hosts := yard(n, sites)
	doc, problems := cmdb.Parse(cmdb.NDJSON, bytes.NewReader(lines))
	changes, _, more := cmdb.Empty(cmdb.DefaultRelationTypes()).Plan(doc, "bench", false)
	if len(problems)+len(more) > 0 {
		tb.Fatal(problems, more)
	}
	chunks := changes.Chunks(1 << 19)
	for i, c := range chunks {
		recs = append(recs, f.record(entry.EncodeCMDBChunk(&entry.CMDBChunk{ImportID: "x", Seq: i, Body: c})))
	}
	return append(recs, f.record(entry.EncodeCMDBCommit(&entry.CMDBCommit{ImportID: "x", Chunks: len(chunks)}))), hosts
}

// deliveries are records of 50 events each: alert n of alert(n), n from first on.
// A millisecond passes between them.
func (f *feeder) deliveries(first, n int, alert func(n int) itsm.Event) (recs []journal.Record) {
	for k := first; k < first+n; k += 50 {
		d := entry.Delivery{Source: "main", Remote: "10.0.0.1:4711"}
		for j := k; j < min(k+50, first+n); j++ {
			d.Events = append(d.Events, alert(j))
		}
		f.at++
		recs = append(recs, f.record(entry.EncodeDelivery(nil, &d)))
	}
	return recs
}

var benchEpoch = itsm.TimeOf(time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC))

// onHost is alert n of a storm that is scattered over all hosts.
func onHost(hosts int) func(n int) itsm.Event {
	return func(n int) itsm.Event {
		x := uint64(n) * 0x9E3779B97F4A7C15
		host := fmt.Sprintf("h%07d.example.net", x>>40%uint64(hosts))
		return itsm.Event{Source: "main", Identity: fmt.Sprintf("%016x", x), Status: itsm.Firing, Severity: itsm.Major, SeverityWord: "major",
			Title: "Device of " + host + " is full", StartsAt: benchEpoch, GeneratorURL: "http://prometheus:9090/graph?g0.expr=disk_used",
			Labels: itsm.NewLabels([]itsm.Label{{Name: "alertname", Value: fmt.Sprint("Rule", x>>16%20)}, {Name: "cluster", Value: "prod-eu-1"}, {Name: "instance", Value: host + ":9100"},
				{Name: "job", Value: "node"}, {Name: "device", Value: fmt.Sprint("d", n)}, {Name: "severity", Value: "major"}}),
			Annotations: itsm.NewLabels([]itsm.Label{{Name: "summary", Value: "Device of " + host + " is full"}, {Name: "description", Value: "The device fills up. The device fills up."}})}
	}
}

// fold folds in the batches a busy server folds in and returns the processor time
// that took.
func fold(tb testing.TB, f *engine.Folder, recs []journal.Record) time.Duration {
	const batch = 128
	began := cputest.Used(tb)
	for len(recs) > 0 {
		n := min(batch, len(recs))
		if _, err := f.Fold(recs[:n]); err != nil {
			tb.Fatal(err)
		}
		recs = recs[n:]
	}
	return cputest.Used(tb) - began
}

// mix is a kind of traffic: records of so many events after some that are not timed.
type mix struct {
	name    string
	known   bool // the alerts fire already
	records func(f *feeder, events int, alert func(n int) itsm.Event) []journal.Record
}

// mixes are what FoldEvents folds. In the mixed one every alert fires, is repeated
// and clears; in the storm 30 % of the events repeat alerts of the same storm.
var mixes = []mix{
	{"distinct", false, func(f *feeder, n int, alert func(int) itsm.Event) []journal.Record { return f.deliveries(0, n, alert) }},
	{"repeated", true, func(f *feeder, n int, alert func(int) itsm.Event) []journal.Record { return f.deliveries(0, n, alert) }},
	{"mixed", false, func(f *feeder, n int, alert func(int) itsm.Event) (recs []journal.Record) {
		const block = 1000
		for first := 0; first < n/3; first += block {
			size := min(block, n/3-first)
			recs = append(recs, f.deliveries(first, size, alert)...)
			recs = append(recs, f.deliveries(first, size, alert)...)
			recs = append(recs, f.deliveries(first, size, func(n int) itsm.Event {
				e := alert(n)
				e.Status, e.EndsAt = itsm.Resolved, f.at
				return e
			})...)
		}
		return recs
	}},
	{"storm", false, func(f *feeder, n int, alert func(int) itsm.Event) []journal.Record {
		return f.deliveries(0, n, func(k int) itsm.Event {
			if k%10 >= 7 {
				k = max(k-1007, k%10-7) // one of those that came a little earlier
			}
			return alert(k)
		})
	}},
}

// ready returns a folder that knows n CIs, and what to fold for the mix.
func (m *mix) ready(tb testing.TB, cis, events int) (func() *engine.Folder, []journal.Record) {
	f := &feeder{at: benchEpoch}
	before, hosts := f.imports(tb, cis, 1)
	f.at += 60_000
	if m.known {
		before = append(before, f.deliveries(0, events, onHost(hosts))...)
	}
	recs := m.records(f, events, onHost(hosts))
	return func() *engine.Folder {
		folder := engine.NewFolder()
		fold(tb, folder, before)
		runtime.GC()
		return folder
	}, recs
}

// BenchmarkFoldEvents folds 100,000 events of entries of 50: decode, step, flush.
// An operation is all of them.
func BenchmarkFoldEvents(b *testing.B) {
	const events = 100_000
	for _, cis := range []int{1000, 10_000, 100_000} {
		for _, m := range mixes {
			b.Run(fmt.Sprintf("%s/cis=%d", m.name, cis), func(b *testing.B) {
				ready, recs := m.ready(b, cis, events)
				b.ReportAllocs()
				b.ResetTimer()
				var spent time.Duration
				for range b.N {
					b.StopTimer()
					f := ready()
					b.StartTimer()
					spent += fold(b, f, recs)
				}
				b.ReportMetric(float64(b.N*events)/spent.Seconds(), "events/cpu-s")
			})
		}
	}
}

// company is what is there before the events of FoldFlat come, and has nothing to
// do with them: their cost must not follow it.
type company struct {
	name string
	open int // incidents it leaves open
	fill func(tb testing.TB, f *feeder) []journal.Record
}

func cisKnown(n int) company {
	return company{fmt.Sprintf("cis=%d", n), 0, func(tb testing.TB, f *feeder) []journal.Record {
		recs, _ := f.imports(tb, siteCIs, n/siteCIs)
		return recs
	}}
}

func incidentsOpen(n int) company {
	return company{fmt.Sprintf("open=%d", n), n, func(tb testing.TB, f *feeder) []journal.Record {
		recs, _ := f.imports(tb, siteCIs, 1)
		recs = append(recs, f.deliveries(1<<30, n, elsewhere)...)
		f.at += 20 * 60_000 // nobody joins those any more, and all are open
		return recs
	}}
}

// daysPast is a history of days in which 200 of the events' own alerts fire and clear.
func daysPast(days int) company {
	return company{fmt.Sprintf("days=%d", days), 0, func(tb testing.TB, f *feeder) []journal.Record {
		recs, _ := f.imports(tb, siteCIs, 1)
		for range days {
			for _, status := range []itsm.Status{itsm.Firing, itsm.Resolved} {
				recs = append(recs, f.deliveries(0, 200, func(n int) itsm.Event {
					e := onHost(flatHosts)(n)
					e.Status, e.StartsAt, e.EventAt = status, 0, f.at
					return e
				})...)
				f.at += 12 * 3600_000
			}
		}
		return append(recs, f.record(entry.EncodeTick()))
	}}
}

// elsewhere is alert n on a service of its own that no CMDB knows: nothing but an
// incident of its own can take it.
func elsewhere(n int) itsm.Event {
	e := onHost(1)(n)
	name := fmt.Sprint("box-", n)
	e.CIName, e.Title = name, "Queue of "+name+" is full"
	e.Labels = itsm.NewLabels([]itsm.Label{{Name: "alertname", Value: "QueueFull"}, {Name: "service", Value: name}, {Name: "severity", Value: "major"}})
	return e
}

// The events of FoldFlat are on the hosts of one site, whatever else is known.
const (
	siteCIs   = 1000
	flatHosts = siteCIs * 8 / 10
)

// among returns a folder after c and the deliveries to time in it, of 50 events
// each. One delivery is folded already: what the time before it made stale leaves
// the indexes then, which is owed to those incidents and not to the events that come.
func (c *company) among(tb testing.TB, events int) (*engine.Folder, []journal.Record) {
	f := &feeder{at: benchEpoch}
	folder := engine.NewFolder()
	fold(tb, folder, c.fill(tb, f))
	if got := folder.State.Totals().OpenIncidents; got != c.open {
		tb.Fatalf("%s: %d incidents are open before the first event, want %d", c.name, got, c.open)
	}
	f.at += 60_000
	recs := f.deliveries(0, events+50, onHost(flatHosts))
	fold(tb, folder, recs[:1])
	runtime.GC()
	return folder, recs[1:]
}

// BenchmarkFoldFlat folds the same 20,000 events on 800 hosts beside more and more
// that has nothing to do with them. One operation is all of them; what was there
// before is not timed.
func BenchmarkFoldFlat(b *testing.B) {
	const events = 20_000
	for _, c := range []company{cisKnown(1000), cisKnown(100_000), incidentsOpen(10), incidentsOpen(100_000), daysPast(1), daysPast(365)} {
		b.Run(c.name, func(b *testing.B) {
			var spent time.Duration
			for range b.N {
				b.StopTimer()
				folder, recs := c.among(b, events)
				b.StartTimer()
				spent += fold(b, folder, recs)
			}
			b.ReportMetric(float64(spent.Nanoseconds())/float64(b.N*events), "cpu-ns/event")
		})
	}
}
