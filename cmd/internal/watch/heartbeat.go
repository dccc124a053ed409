package watch

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Bounds of a heartbeat.
const (
	beatWithin    = 10 * time.Second
	beatBytesRead = 4 << 10
)

// Heartbeat tells an outside service, again and again, that the server is ready.
type Heartbeat struct {
	URL    string // never logged: for most services it is the credential
	Method string // GET or POST
	Every  time.Duration
	Ready  func() bool
	HTTP   *http.Client
	Log    *slog.Logger

	Metrics *HeartbeatMetrics // nil: not counted
	failing bool
}

// HeartbeatMetrics counts beats.
type HeartbeatMetrics struct {
	sent, failed prometheus.Counter
	last         prometheus.Gauge
}

// NewHeartbeatMetrics makes the metrics and registers them.
func NewHeartbeatMetrics(r prometheus.Registerer) *HeartbeatMetrics {
	m := &HeartbeatMetrics{
		sent:   prometheus.NewCounter(prometheus.CounterOpts{Name: "signalbox_heartbeat_sent_total", Help: "Heartbeats that the outside service took."}),
		failed: prometheus.NewCounter(prometheus.CounterOpts{Name: "signalbox_heartbeat_failed_total", Help: "Heartbeats that it did not take."}),
		last:   prometheus.NewGauge(prometheus.GaugeOpts{Name: "signalbox_heartbeat_last_timestamp_seconds", Help: "When the last heartbeat was taken; 0: never."}),
	}
	r.MustRegister(m.sent, m.failed, m.last)
	return m
}

func (m *HeartbeatMetrics) beat(err error) {
	switch {
	case m == nil:
	case err != nil:
		m.failed.Inc()
	default:
		m.sent.Inc()
		m.last.SetToCurrentTime()
	}
}

// Run beats until ctx ends. While the server is not ready it is silent, which is
// how the other side learns of it.
func (h *Heartbeat) Run(ctx context.Context) error {
	tick := time.NewTicker(h.Every)
	defer tick.Stop()
	for {
		if h.Ready() {
			h.note(h.beat(ctx))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// note logs when beats begin to fail and when they are taken again.
func (h *Heartbeat) note(err error) {
	h.Metrics.beat(err)
	switch {
	case err != nil && !h.failing:
		h.Log.Warn("heartbeat not taken; the outside service will raise its alarm", "err", err)
	case err == nil && h.failing:
		h.Log.Info("heartbeats are taken again")
	}
	h.failing = err != nil
}

func (h *Heartbeat) beat(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, beatWithin)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, h.Method, h.URL, nil)
	if err != nil {
		return fmt.Errorf("heartbeat.url is not usable")
	}
	resp, err := h.HTTP.Do(req)
	if err != nil {
		return fmt.Errorf("%s: %w", req.URL.Host, withoutURL(err))
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, io.LimitReader(resp.Body, beatBytesRead)); err != nil {
		return fmt.Errorf("%s: %w", req.URL.Host, err)
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return fmt.Errorf("%s answered %d", req.URL.Host, resp.StatusCode)
	}
	return nil
}

// withoutURL takes the URL out of what net/http says, for it holds the credential.
func withoutURL(err error) error {
	if u, ok := err.(*url.Error); ok {
		return u.Err
	}
	return err
}
