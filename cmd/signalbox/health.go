package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/adaptor"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"signalbox/connectors"
	"signalbox/correlate/engine"
	"signalbox/ingest"
	"signalbox/ingest/journal"
	"signalbox/itsm"
	"signalbox/itsm/api"
	"signalbox/itsm/console"
)

// heldOf is how many pages wait for the end of a storm or the budget, by connector.
func heldOf(e *engine.Engine) map[string]int {
	out := map[string]int{}
	for _, c := range e.PagesHeld() {
		out[c.Name] = int(c.N)
	}
	return out
}

// healthReport gathers how the process is doing, for /readyz and the status page.
type healthReport struct {
	eng     *engine.Engine
	admit   *gate
	journal *journal.Log
	disk    *disk
	dir     string
	sources func() []ingest.Source
	open    bool
	senders []*connectors.Sender
	started time.Time
	metrics prometheus.Gatherer
}

// lagMax is how far the fold may be behind before the server is not ready.
const lagMax = 30 * time.Second

// notReady lists every reason why the server does not accept and fold.
func (h *healthReport) notReady() []string {
	var why []string
	if err := h.admit.check(); err != nil {
		why = append(why, itsm.MessageOf(err))
	}
	if err := h.journal.Err(); err != nil {
		why = append(why, "the journal takes nothing: "+itsm.MessageOf(err))
	}
	st := h.eng.Status()
	if !st.Ready && st.Stopped == "" {
		why = append(why, fmt.Sprintf("catching up: at entry %d of %d", st.Cursor, st.Head))
	}
	if st.Lag > lagMax {
		why = append(why, fmt.Sprintf("folding is %v behind", st.Lag.Round(time.Second)))
	}
	return why
}

// ready is what /readyz, the metric signalbox_ready and the heartbeat go by.
func (h *healthReport) ready() bool { return len(h.notReady()) == 0 }

func (h *healthReport) api() api.Status {
	st, why := h.eng.Status(), h.notReady()
	return api.Status{Ready: len(why) == 0, Because: why, Cursor: st.Cursor, Head: st.Head, Lag: st.Lag, CMDB: st.CMDB, CIs: st.CIs, Version: version()}
}

func (h *healthReport) console() console.Health {
	head, at := h.journal.Head()
	out := console.Health{NotReady: h.notReady(), Head: head, HeadAt: at, Lag: h.eng.Status().Lag, StartedAt: itsm.TimeOf(h.started), BindPermille: -1}
	counts := h.sourceCounts()
	for _, s := range h.sources() {
		c := counts[s.Name]
		out.Sources = append(out.Sources, console.SourceHealth{Name: s.Name, Kind: s.Kind, LastAt: c.lastAt, Deliveries: c.accepted, Events: c.events, Rejected: c.refused, Open: h.open && s.IsOpen()})
	}
	held := heldOf(h.eng)
	for _, s := range h.senders {
		st := s.Status()
		state := "ok"
		switch {
		case st.Paused:
			state = "paused"
		case st.Failures > 0:
			state = "retrying: " + st.LastError
		}
		out.Connectors = append(out.Connectors, console.ConnectorHealth{Name: st.Connector, State: state, Held: held[st.Connector]})
	}
	for _, d := range []struct{ name, dir string }{{"journal", journalDir}, {"records", viewDir}, {"snapshots", snapshotsDir}} {
		out.Storage = append(out.Storage, console.StorageHealth{Name: d.name, Bytes: dirBytes(filepath.Join(h.dir, d.dir))})
	}
	if r := h.disk.look(); r.err == nil {
		out.Storage = append(out.Storage, console.StorageHealth{Name: "free space", Bytes: r.bytes, Note: fmt.Sprintf("below %d MiB deliveries are refused", h.disk.reserve>>20)})
	}
	t := h.eng.Totals()
	if n := t.Bound + t.Unbound; n > 0 {
		out.BindPermille = int(t.Bound * 1000 / n)
	}
	for _, u := range t.TopUnbound {
		out.Unbound = append(out.Unbound, console.UnboundKey{Key: u.Name, Alerts: uint64(u.N)})
	}
	return out
}

type sourceCount struct {
	accepted, events, refused uint64
	lastAt                    itsm.Time
}

// sourceCounts reads the door's own counters, so that the page and the metrics agree.
func (h *healthReport) sourceCounts() map[string]sourceCount {
	out := map[string]sourceCount{}
	families, err := h.metrics.Gather()
	if err != nil {
		return out
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			var source string
			for _, l := range m.GetLabel() {
				if l.GetName() == "source" {
					source = l.GetValue()
				}
			}
			c, v := out[source], uint64(m.GetCounter().GetValue())
			switch f.GetName() {
			case "signalbox_ingest_requests_accepted_total":
				c.accepted += v
			case "signalbox_ingest_events_journaled_total":
				c.events += v
			case "signalbox_ingest_requests_refused_total":
				c.refused += v
			case "signalbox_ingest_last_accepted_timestamp_seconds":
				c.lastAt = itsm.Time(m.GetGauge().GetValue() * 1000)
			default:
				continue
			}
			out[source] = c
		}
	}
	return out
}

// dirBytes is the size of the files of a flat directory as far as they can be read.
func dirBytes(dir string) (n int64) {
	es, err := os.ReadDir(dir)
	if err != nil {
		return 0
	}
	for _, e := range es {
		if st, err := e.Info(); err == nil && st.Mode().IsRegular() {
			n += st.Size()
		}
	}
	return n
}

func metricsHandler(g prometheus.Gatherer) fiber.Handler {
	return adaptor.HTTPHandler(promhttp.HandlerFor(g, promhttp.HandlerOpts{}))
}
