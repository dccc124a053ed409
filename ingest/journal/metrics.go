package journal

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics counts what a journal does. A nil Metrics counts nothing.
type Metrics struct {
	entries, bytes   prometheus.Counter
	fsync            prometheus.Histogram
	segments, onDisk prometheus.Gauge
	errors           *prometheus.CounterVec
}

// syncBuckets reach from a fast SSD to a disk in trouble, in seconds.
var syncBuckets = prometheus.ExponentialBuckets(0.000_1, 2.5, 12)

// NewMetrics makes the metrics and registers them.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		entries: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "signalbox_journal_entries_total", Help: "Entries appended and durable."}),
		bytes: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "signalbox_journal_written_bytes_total", Help: "Bytes of frames written and durable."}),
		fsync: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "signalbox_journal_fsync_seconds", Help: "Duration of the sync of a commit group.", Buckets: syncBuckets}),
		segments: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "signalbox_journal_segments", Help: "Segment files."}),
		onDisk: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "signalbox_journal_disk_bytes", Help: "Size of the segment files."}),
		errors: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "signalbox_journal_append_errors_total", Help: "Appends refused, by reason."}, []string{"reason"}),
	}
	reg.MustRegister(m.entries, m.bytes, m.fsync, m.segments, m.onDisk, m.errors)
	return m
}

func (m *Metrics) appended(entries, bytes int) {
	if m != nil {
		m.entries.Add(float64(entries))
		m.bytes.Add(float64(bytes))
	}
}

func (m *Metrics) synced(took time.Duration) {
	if m != nil {
		m.fsync.Observe(took.Seconds())
	}
}

func (m *Metrics) disk(segments int, bytes int64) {
	if m != nil {
		m.segments.Set(float64(segments))
		m.onDisk.Set(float64(bytes))
	}
}

// refused counts an error of Append and returns it without its reason.
func (m *Metrics) refused(err error) error {
	var r *reasonError
	if !errors.As(err, &r) {
		return err
	}
	if m != nil {
		m.errors.WithLabelValues(r.reason).Inc()
	}
	return r.error
}

// reasonError carries the label under which an error is counted.
type reasonError struct {
	error
	reason string
}

func (r *reasonError) Unwrap() error { return r.error }

func reason(reason string, err error) error { return &reasonError{err, reason} }
