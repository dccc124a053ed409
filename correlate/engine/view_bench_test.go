package engine_test

import (
	"fmt"
	"testing"

	"signalbox/correlate/engine"
	"signalbox/ingest/journal"
	"signalbox/itsm/cputest"
	"signalbox/itsm/desk"
	"signalbox/itsm/entry"
	"signalbox/itsm/kv"
	"signalbox/itsm/kv/badgerkv"
)

// counted adds up what a fold writes to its view.
type counted struct {
	kv.DB
	bytes, keys int
}

func (c *counted) UpdateLarge(fn func(kv.Tx) error) error {
	return c.DB.UpdateLarge(func(tx kv.Tx) error { return fn(countedTx{tx, c}) })
}

type countedTx struct {
	kv.Tx
	c *counted
}

func (t countedTx) Set(key, value []byte) error {
	t.c.bytes += len(key) + len(value)
	t.c.keys++
	return t.Tx.Set(key, value)
}

// parcels are records of so many events each, a millisecond after one another.
func (f *feeder) parcels(n, size, hosts int) (recs []journal.Record) {
	alert := onHost(hosts)
	for k := 0; k < n; k += size {
		d := entry.Delivery{Source: "main", Remote: "10.0.0.1:4711"}
		for j := k; j < min(k+size, n); j++ {
			d.Events = append(d.Events, alert(j))
		}
		f.at++
		recs = append(recs, f.record(entry.EncodeDelivery(nil, &d)))
	}
	return recs
}

// BenchmarkFoldIntoView folds 40,000 distinct alerts and stores what that comes to, in
// batches such as they are when alerts come one by one, by five and by fifty. The
// processor time is that of the process, with the store's own goroutines.
func BenchmarkFoldIntoView(b *testing.B) {
	const events = 40_000
	for _, c := range []struct{ size, batch int }{{1, 64}, {5, 48}, {50, 32}} {
		b.Run(fmt.Sprintf("alerts=%d", c.size), func(b *testing.B) {
			f := &feeder{at: benchEpoch}
			before, hosts := f.imports(b, 10_000, 1)
			f.at += 60_000
			recs := f.parcels(events, c.size, hosts)
			var spent, bytes, keys float64
			for range b.N {
				db, err := badgerkv.Open(badgerkv.Options{Dir: b.TempDir()})
				if err != nil {
					b.Fatal(err)
				}
				view := &counted{DB: db}
				d, err := desk.Open(view)
				if err != nil {
					b.Fatal(err)
				}
				folder := engine.NewFolder()
				fold(b, folder, before)
				began := cputest.Used(b)
				for left := recs; len(left) > 0; left = left[min(c.batch, len(left)):] {
					batch, err := folder.Fold(left[:min(c.batch, len(left))])
					if err != nil {
						b.Fatal(err)
					}
					if err := d.Apply(*batch); err != nil {
						b.Fatal(err)
					}
				}
				if err := db.Close(); err != nil {
					b.Fatal(err)
				}
				spent += float64(cputest.Used(b) - began)
				bytes += float64(view.bytes)
				keys += float64(view.keys)
			}
			per := float64(b.N * events)
			b.ReportMetric(spent/per, "cpu-ns/event")
			b.ReportMetric(bytes/per, "view-B/event")
			b.ReportMetric(keys/per, "keys/event")
		})
	}
}
