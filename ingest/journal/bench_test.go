package journal_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"signalbox/ingest/journal"
	"signalbox/itsm"
)

func BenchmarkAppend(b *testing.B) {
	for _, c := range []struct{ writers, records int }{{1, 1}, {64, 1}, {64, 5}, {1, 1000}, {64, 50}} {
		b.Run(fmt.Sprintf("writers=%d/records=%d", c.writers, c.records), func(b *testing.B) {
			benchAppend(b, c.writers, c.records)
		})
	}
}

func benchAppend(b *testing.B, writers, records int) {
	l, err := journal.Open(journal.Options{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	bodies := make([][]byte, records)
	for i := range bodies {
		bodies[i] = make([]byte, 700)
	}
	b.SetBytes(int64(700 * records))
	took := make([]time.Duration, b.N)
	b.ResetTimer()
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for n := w; n < b.N; n += writers {
				start := time.Now()
				if _, _, err := l.Append(context.Background(), bodies...); err != nil {
					b.Error(err)
					return
				}
				took[n] = time.Since(start)
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
	b.ReportMetric(float64(b.N*records)/b.Elapsed().Seconds(), "records/s")
}

// BenchmarkOpen measures the verification at start-up.
func BenchmarkOpen(b *testing.B) {
	o := journal.Options{Dir: b.TempDir()}
	fill(b, o, 512)
	b.SetBytes(512 << 20)
	for b.Loop() {
		l, err := journal.Open(o)
		if err != nil {
			b.Fatal(err)
		}
		l.Close()
	}
}

// BenchmarkReadFiles measures a reader far behind the head.
func BenchmarkReadFiles(b *testing.B) {
	o := journal.Options{Dir: b.TempDir(), TailBytes: 1}
	fill(b, o, 64)
	l, err := journal.Open(o)
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	b.SetBytes(1000 << 10)
	next := itsm.Offset(1)
	for b.Loop() {
		got, err := l.Read(next, 1000, 8<<20)
		if err != nil {
			b.Fatal(err)
		}
		if next += itsm.Offset(len(got)); len(got) == 0 {
			next = 1
		}
	}
}

// fill appends megabytes of records of 1 KiB.
func fill(b *testing.B, o journal.Options, megabytes int) {
	b.Helper()
	o.NoSync = true
	l, err := journal.Open(o)
	if err != nil {
		b.Fatal(err)
	}
	bodies := make([][]byte, 64)
	for i := range bodies {
		bodies[i] = make([]byte, 1020)
	}
	for range megabytes * 16 {
		if _, _, err := l.Append(context.Background(), bodies...); err != nil {
			b.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		b.Fatal(err)
	}
}
