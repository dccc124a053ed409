package engine_test

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"syscall"
	"testing"
	"time"

	"signalbox/correlate/engine"
	"signalbox/ingest/journal"
	"signalbox/itsm"
	"signalbox/itsm/cmdb"
	"signalbox/itsm/entry"
)

// yard is a CMDB of n CIs for benchmarks: hosts behind switches, switches behind
// four core routers, services on five hosts each. It returns the number of hosts.
func yard(n int) (lines []byte, hosts int) {
	hosts = n * 8 / 10
	switches := max(hosts/20, 4)
	var b bytes.Buffer
	for i := range 4 {
		fmt.Fprintf(&b, `{"id":"core-%d","name":"core-%d","class":"NetworkDevice","env":"prod"}`+"\n", i, i)
	}
	for i := range switches {
		fmt.Fprintf(&b, `{"id":"sw-%d","name":"sw-%d","class":"NetworkDevice","env":"prod"}`+"\n", i, i)
		fmt.Fprintf(&b, `{"from":"sw-%d","type":"depends_on","to":"core-%d"}`+"\n", i, i*4/switches)
	}
	for i := range hosts {
		fmt.Fprintf(&b, `{"id":"h%07d","name":"h%07d.example.net","class":"Host","env":"prod"}`+"\n", i, i)
		fmt.Fprintf(&b, `{"from":"h%07d","type":"depends_on","to":"sw-%d"}`+"\n", i, i*switches/hosts)
	}
	for i := range n - hosts - switches - 4 {
		fmt.Fprintf(&b, `{"id":"svc-%d","name":"svc-%d","class":"Service","env":"prod","tier":%d}`+"\n", i, i, i%3+2)
		for k := range 5 {
			fmt.Fprintf(&b, `{"from":"svc-%d","type":"depends_on","to":"h%07d"}`+"\n", i, (i*5+k)%hosts)
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

// imports are the records that bring a CMDB of n CIs.
func (f *feeder) imports(tb testing.TB, n int) (recs []journal.Record, hosts int) {
	lines, hosts := yard(n)
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

// measure folds in the batches a busy server folds in.
func measure(b *testing.B, f *engine.Folder, recs []journal.Record) {
	const batch = 128
	for len(recs) > 0 {
		n := min(batch, len(recs))
		if _, err := f.Fold(recs[:n]); err != nil {
			b.Fatal(err)
		}
		recs = recs[n:]
	}
}

// cpuTime is the processor time of the process, the garbage collector's included:
// unlike the wall clock it means the same on a busy machine.
func cpuTime(tb testing.TB) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkFoldEvents folds 100,000 events of entries of 50: decode, step, flush.
// An operation is all of them.
func BenchmarkFoldEvents(b *testing.B) {
	const events = 100_000
	sizes := []int{1000, 10_000, 100_000}
	if os.Getenv("SIGNALBOX_LONG") != "" {
		sizes = append(sizes, 1_000_000)
	}
	for _, cis := range sizes {
		f := &feeder{at: benchEpoch}
		imports, hosts := f.imports(b, cis)
		f.at += 60_000
		recs := f.deliveries(0, events, onHost(hosts))
		again := f.deliveries(0, events, onHost(hosts))
		folder := func() *engine.Folder {
			f := engine.NewFolder()
			measure(b, f, imports)
			return f
		}
		run := func(name string, ready func() *engine.Folder, recs []journal.Record) {
			b.Run(fmt.Sprintf("%s/cis=%d", name, cis), func(b *testing.B) {
				b.ReportAllocs()
				var spent time.Duration
				for range b.N {
					b.StopTimer()
					f := ready()
					runtime.GC()
					b.StartTimer()
					began := cpuTime(b)
					measure(b, f, recs)
					spent += cpuTime(b) - began
				}
				b.ReportMetric(float64(b.N*events)/spent.Seconds(), "events/cpu-s")
			})
		}
		run("distinct", folder, recs)
		run("repeated", func() *engine.Folder {
			f := folder()
			measure(b, f, recs)
			return f
		}, again)
	}
}

// BenchmarkFoldFlat folds the same 20,000 events on 800 hosts beside more and more
// that has nothing to do with them: the cost of an event must not follow it. One
// operation is all of them; what was there before is not timed.
func BenchmarkFoldFlat(b *testing.B) {
	const events, hosts = 20_000, 800
	sizes := []int{1000, 10_000, 100_000}
	if os.Getenv("SIGNALBOX_LONG") != "" {
		sizes = append(sizes, 1_000_000)
	}
	for _, cis := range sizes {
		b.Run(fmt.Sprintf("cis=%d", cis), func(b *testing.B) {
			f := &feeder{at: benchEpoch}
			before, _ := f.imports(b, cis)
			f.flat(b, before, events, hosts)
		})
	}
	for _, open := range []int{10, 1000, 100_000} {
		b.Run(fmt.Sprintf("open=%d", open), func(b *testing.B) {
			f := &feeder{at: benchEpoch}
			before, _ := f.imports(b, 1000)
			before = append(before, f.deliveries(1<<30, open, elsewhere)...)
			f.at += 20 * 60_000 // nobody joins those any more, and all are open
			f.flat(b, before, events, hosts)
		})
	}
	b.Run("year", func(b *testing.B) {
		f := &feeder{at: benchEpoch}
		before, _ := f.imports(b, 1000)
		for range 365 {
			day := func(s itsm.Status) func(n int) itsm.Event {
				return func(n int) itsm.Event {
					e := onHost(hosts)(n)
					e.Status, e.StartsAt, e.EventAt = s, 0, f.at
					return e
				}
			}
			before = append(before, f.deliveries(1<<30, 200, day(itsm.Firing))...)
			f.at += 12 * 3600_000
			before = append(before, f.deliveries(1<<30, 200, day(itsm.Resolved))...)
			f.at += 12 * 3600_000
		}
		f.flat(b, before, events, hosts)
	})
}

// elsewhere is alert n on a CI of its own that no CMDB knows.
func elsewhere(n int) itsm.Event {
	e := onHost(1)(n)
	e.CIName = fmt.Sprint("box-", n)
	return e
}

// flat times events on hosts after what was before.
func (f *feeder) flat(b *testing.B, before []journal.Record, events, hosts int) {
	f.at += 60_000
	recs := f.deliveries(0, events, onHost(hosts))
	var spent time.Duration
	for range b.N {
		b.StopTimer()
		folder := engine.NewFolder()
		measure(b, folder, before)
		runtime.GC()
		b.StartTimer()
		began := cpuTime(b)
		measure(b, folder, recs)
		spent += cpuTime(b) - began
	}
	b.ReportMetric(float64(spent.Nanoseconds())/float64(b.N*events), "cpu-ns/event")
}
