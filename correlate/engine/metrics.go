package engine

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics counts what the fold does. A nil Metrics counts nothing.
type Metrics struct {
	entries prometheus.Counter
	batches prometheus.Histogram
	seconds prometheus.Histogram
}

// NewMetrics registers the fold's metrics.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		entries: prometheus.NewCounter(prometheus.CounterOpts{Name: "signalbox_engine_entries_folded_total", Help: "Journal entries folded since the start."}),
		batches: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "signalbox_engine_batch_entries", Help: "Entries in one fold batch.", Buckets: prometheus.ExponentialBuckets(1, 4, 7)}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "signalbox_engine_batch_seconds", Help: "Time to fold and store one batch.", Buckets: prometheus.ExponentialBuckets(0.0005, 4, 8)}),
	}
	r.MustRegister(m.entries, m.batches, m.seconds)
	return m
}

func (m *Metrics) folded(entries int, took time.Duration) {
	if m == nil {
		return
	}
	m.entries.Add(float64(entries))
	m.batches.Observe(float64(entries))
	m.seconds.Observe(took.Seconds())
}
