package ingest

import (
	"github.com/prometheus/client_golang/prometheus"

	"signalbox/ingest/source"
)

// Reasons a request is refused for, as in the label of Metrics.Refused.
const (
	refusedAuth        = "credentials"
	refusedSource      = "unknown_source"
	refusedSize        = "too_large"
	refusedEncoding    = "encoding"
	refusedBody        = "incomplete"
	refusedGate        = "gate"
	refusedMemory      = "memory"
	refusedKeys        = "new_keys"
	refusedJournal     = "journal"
	refusedConcurrency = "replay_in_progress"
)

// Bounds besides those of package source, as in the label of Metrics.Exceeded. Those
// that can be configured are named as their key of limits.
const (
	boundBody         = "body_bytes"
	boundDecompressed = "decompressed_bytes"
	boundRatio        = "compression_ratio"
	boundEntry        = "entry_bytes"
	boundNewKeys      = "new_keys_per_minute"
)

// allBounds are there from the start, so that a first excess shows as an increase.
var allBounds = []string{boundBody, boundDecompressed, boundRatio, boundEntry, boundNewKeys, source.BoundAlerts, source.BoundDepth, source.BoundLabels,
	source.BoundAnnotations, source.BoundNameBytes, source.BoundLabelBytes, source.BoundAnnotationBytes}

// Metrics counts what passes the door. The label source is the name of a
// configured source, or "-" for none, so a sender cannot make new series.
type Metrics struct {
	Received    *prometheus.CounterVec   // requests by source
	Accepted    *prometheus.CounterVec   // requests answered 2xx, by source
	AcceptedAt  *prometheus.GaugeVec     // when the last request was answered 2xx, by source; 0: not since the start
	Refused     *prometheus.CounterVec   // requests that stored nothing, by source and reason
	Exceeded    *prometheus.CounterVec   // requests and alerts that exceeded a bound, by source and bound
	Events      *prometheus.CounterVec   // events journaled, by source
	Acts        *prometheus.CounterVec   // acts journaled, by source
	Quarantined *prometheus.CounterVec   // deliveries and parts journaled as quarantine, by source
	Replayed    *prometheus.CounterVec   // repeats of a signed request, by source
	Ignored     *prometheus.CounterVec   // acts on records that are not ours, by source
	Panics      *prometheus.CounterVec   // decoders that panicked, by source
	Bytes       *prometheus.CounterVec   // body bytes as received, by source
	Seconds     *prometheus.HistogramVec // time from the first byte of the body to the answer, by source
}

// NewMetrics makes the metrics and registers them.
func NewMetrics(r prometheus.Registerer) *Metrics {
	vec := func(name, help string, labels ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "signalbox_ingest_" + name, Help: help}, append([]string{"source"}, labels...))
		r.MustRegister(c)
		return c
	}
	m := &Metrics{
		Received:    vec("requests_received_total", "Requests to a source's route."),
		Accepted:    vec("requests_accepted_total", "Requests answered 2xx."),
		Refused:     vec("requests_refused_total", "Requests that stored nothing, by reason.", "reason"),
		Exceeded:    vec("bound_exceeded_total", "Requests refused, and alerts quarantined or cut, because they exceeded a bound of the source.", "bound"),
		Events:      vec("events_journaled_total", "Events journaled."),
		Acts:        vec("acts_journaled_total", "Acts of partners journaled."),
		Quarantined: vec("quarantined_total", "Deliveries and parts of them journaled as undecodable."),
		Replayed:    vec("requests_replayed_total", "Repeats of a signed request, answered without storing them again."),
		Ignored:     vec("acts_ignored_total", "Acts on partner records that are not ours."),
		Panics:      vec("decoder_panics_total", "Decoders that panicked."),
		Bytes:       vec("body_bytes_total", "Bytes of bodies as received."),
		Seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "signalbox_ingest_request_seconds",
			Help: "Time to read, decode and journal a request.", Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 3}}, []string{"source"}),
	}
	m.AcceptedAt = prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "signalbox_ingest_last_accepted_timestamp_seconds",
		Help: "When the last request was answered 2xx; 0: not since the start."}, []string{"source"})
	r.MustRegister(m.Seconds, m.AcceptedAt)
	return m
}

// counters are the metrics of one source, looked up once.
type counters struct {
	received, accepted, events, acts, quarantined, replayed, ignored, panics, bytes prometheus.Counter
	seconds                                                                         prometheus.Observer
	refused                                                                         func(reason string)
	exceeded                                                                        func(bound string, n int)
}

// over counts bounds that were exceeded.
func (c *counters) over(x source.Excesses) {
	for _, e := range x {
		c.exceeded(e.Bound, e.N)
	}
}

func (m *Metrics) of(source string) counters {
	for _, b := range allBounds {
		m.Exceeded.WithLabelValues(source, b)
	}
	return counters{
		exceeded: func(bound string, n int) { m.Exceeded.WithLabelValues(source, bound).Add(float64(n)) },
		received: m.Received.WithLabelValues(source), accepted: stamped{m.Accepted.WithLabelValues(source), m.AcceptedAt.WithLabelValues(source)},
		events: m.Events.WithLabelValues(source), acts: m.Acts.WithLabelValues(source),
		quarantined: m.Quarantined.WithLabelValues(source), replayed: m.Replayed.WithLabelValues(source),
		ignored: m.Ignored.WithLabelValues(source), panics: m.Panics.WithLabelValues(source),
		bytes: m.Bytes.WithLabelValues(source), seconds: m.Seconds.WithLabelValues(source),
		refused: func(reason string) { m.Refused.WithLabelValues(source, reason).Inc() },
	}
}

// stamped is a counter that remembers when it counted last.
type stamped struct {
	prometheus.Counter
	at prometheus.Gauge
}

// Inc implements prometheus.Counter.
func (s stamped) Inc() {
	s.Counter.Inc()
	s.at.SetToCurrentTime()
}
