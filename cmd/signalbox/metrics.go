package main

import (
	"cmp"
	"path/filepath"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"signalbox/connectors"
	"signalbox/correlate"
	"signalbox/correlate/engine"
	"signalbox/itsm"
	"signalbox/itsm/desk"
)

// stateMetrics reports what is rather than what happened: it is read at each
// scrape from the fold, the desk and the disk, so it cannot drift from them.
type stateMetrics struct {
	eng     *engine.Engine
	desk    *desk.Desk
	senders []*connectors.Sender
	dir     string
	ready   func() bool // as /readyz answers
	read    levelReader
}

func gauge(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("signalbox_"+name, help, labels, nil)
}

var (
	descReady       = gauge("ready", "1 when /readyz answers 200: the server accepts and folds.")
	descOffset      = gauge("journal_head_offset", "Last durable journal entry.")
	descCursor      = gauge("engine_cursor_offset", "Last folded journal entry.")
	descLag         = gauge("engine_fold_lag_seconds", "Age of the oldest entry that is not folded; 0 when caught up.")
	descAlerts      = gauge("alerts_firing", "Alerts that are firing.")
	descIncidents   = gauge("incidents_open", "Open incidents by state and priority.", "state", "priority")
	descOpened      = gauge("incidents_opened_total", "Incidents ever opened.")
	descEvents      = gauge("events_total", "Events by source and fate: accepted is the sum of the others.", "source", "fate")
	descBound       = gauge("cmdb_bindings_total", "Alert episodes by whether they bound to a CI.", "bound")
	descCIs         = gauge("cmdb_cis", "CIs of the active CMDB revision.")
	descRevision    = gauge("cmdb_revision", "Active CMDB revision.")
	descStorms      = gauge("storms_on", "Scopes in which a storm is on.")
	descQuarantine  = gauge("quarantine_waiting", "Quarantined deliveries nobody has retried.")
	descOutbox      = gauge("outbox_pending", "Intents not yet confirmed by a partner.", "connector")
	descOutboxAge   = gauge("outbox_oldest_seconds", "Age of the oldest intent that waits; 0 when none does.", "connector")
	descDead        = gauge("outbox_dead_letters", "Intents that were abandoned.", "connector")
	descFailures    = gauge("connector_failures_in_a_row", "Failures since the partner last confirmed something.", "connector")
	descDrift       = gauge("connector_drift_total", "Records of a partner that a sweep found not as wanted: found, and of them adopted from the partner or repaired there.", "connector", "outcome")
	descDriftNow    = gauge("connector_drift", "Records of a partner that differ as far as sweeps know now.", "connector")
	descSwept       = gauge("connector_swept_timestamp_seconds", "When the last sweep of a partner ended; 0: none did.", "connector")
	descPaused      = gauge("connector_paused", "1 while people have a connector paused.", "connector")
	descHeld        = gauge("correlate_pages_held", "Open incidents whose first page waits for the end of a storm or for the page budget.", "connector")
	descStorage     = gauge("storage_bytes", "Bytes on disk.", "part")
	descRules       = gauge("rules_active_revision", "Active revision of the rule set; 0: none.")
	descRuleHits    = gauge("rules_hits_total", "Times a rule matched and decided. The first rules of the set by name, the rest as others.", "rule")
	descRuleShadow  = gauge("rules_shadow_hits_total", "Times a rule matched in shadow mode and changed nothing.", "rule")
	descRuleFailed  = gauge("rules_failures_total", "Times a rule failed, cost too much or was late and was skipped.", "rule")
	descStorageFree = gauge("storage_free_bytes", "Room left on the data directory's disk.")
)

// Describe implements prometheus.Collector.
func (m *stateMetrics) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descReady, descOffset, descCursor, descLag, descAlerts, descIncidents, descOpened, descEvents, descBound, descCIs, descRevision,
		descStorms, descQuarantine, descOutbox, descOutboxAge, descDead, descFailures, descDrift, descDriftNow, descSwept, descPaused, descHeld, descRules, descRuleHits, descRuleShadow, descRuleFailed, descClocks, descClockOut, descProblems, descKnown, descFixes, descStorage, descStorageFree} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (m *stateMetrics) Collect(ch chan<- prometheus.Metric) {
	set := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	count := func(d *prometheus.Desc, v uint64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
	}
	m.fold(set, count)
	for _, c := range m.eng.PagesHeld() {
		set(descHeld, float64(c.N), c.Name)
	}
	m.records(set)
	m.rules(set, count)
	m.clocks(set)
	m.problems(set)
	for _, s := range m.senders {
		st := s.Status()
		set(descFailures, float64(st.Failures), st.Connector)
		set(descDriftNow, float64(st.Sweep.Differs), st.Connector)
		set(descPaused, oneIf(st.Paused), st.Connector)
		set(descSwept, unixSeconds(st.Sweep.EndedAt), st.Connector)
	}
	for _, d := range m.eng.Drifts() {
		count(descDrift, d.Found, d.Connector, "found")
		count(descDrift, d.Adopted, d.Connector, "adopted")
		count(descDrift, d.Repaired, d.Connector, "repaired")
	}
	for _, p := range []string{journalDir, viewDir, snapshotsDir} {
		set(descStorage, float64(dirBytes(filepath.Join(m.dir, p))), p)
	}
	if free, _, err := freeRoom(m.dir); err == nil {
		set(descStorageFree, float64(free))
	}
}

func oneIf(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// unixSeconds is 0 for a time that is not known.
func unixSeconds(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1000
}

type setter func(d *prometheus.Desc, v float64, labels ...string)
type counter func(d *prometheus.Desc, v uint64, labels ...string)

func (m *stateMetrics) fold(set setter, count counter) {
	st, t := m.eng.Status(), m.eng.Totals()
	set(descReady, oneIf(m.ready()))
	set(descOffset, float64(st.Head))
	set(descCursor, float64(st.Cursor))
	set(descLag, st.Lag.Seconds())
	set(descAlerts, float64(t.Firing))
	count(descOpened, t.Incidents)
	for _, s := range t.Sources {
		count(descEvents, s.Accepted, s.Source, "accepted")
		count(descEvents, s.Folded, s.Source, "folded")
		count(descEvents, s.Deduplicated, s.Source, "deduplicated")
		count(descEvents, s.Suppressed, s.Source, "suppressed")
		count(descEvents, s.Quarantined, s.Source, "quarantined")
	}
	count(descBound, t.Bound, "true")
	count(descBound, t.Unbound, "false")
	set(descStorms, float64(t.StormsOn))
	set(descCIs, float64(st.CIs))
	set(descRevision, float64(st.CMDB))
}

func (m *stateMetrics) records(set setter) {
	c := m.desk.Counts()
	for _, s := range []itsm.State{itsm.New, itsm.InProgress, itsm.OnHold} {
		for p := itsm.P1; p <= itsm.P5; p++ {
			set(descIncidents, float64(c.ByBoth[s][p]), s.String(), p.String())
		}
	}
	set(descQuarantine, float64(c.QuarantineWaiting))
	for _, o := range c.Outbox {
		age := 0.0
		if o.OldestAt != 0 {
			age = max(0, time.Since(o.OldestAt.Std()).Seconds())
		}
		set(descOutbox, float64(o.Pending), o.Connector)
		set(descOutboxAge, age, o.Connector)
		set(descDead, float64(o.Dead), o.Connector)
	}
}

// Bounds of the rules that have series of their own; what the others did is one
// series. Failures come first: a rule that fails must be named.
const (
	ruleSeriesMax = 200
	otherRules    = "others"
)

// rules counts what the rules of the active set did.
func (m *stateMetrics) rules(set setter, count counter) {
	set(descRules, float64(m.eng.Rules().Revision))
	countRules(m.eng.RuleCounts(), count)
}

// countRules counts rules one by one as far as they may have series of their own.
func countRules(list []correlate.RuleCount, count counter) {
	slices.SortStableFunc(list, func(a, b correlate.RuleCount) int {
		return cmp.Or(cmp.Compare(min(b.Failures, 1), min(a.Failures, 1)), cmp.Compare(a.ID, b.ID))
	})
	var rest correlate.RuleCount
	for n, c := range list {
		if n < ruleSeriesMax {
			count(descRuleHits, c.Hits, c.ID)
			count(descRuleShadow, c.ShadowHits, c.ID)
			count(descRuleFailed, c.Failures, c.ID)
			continue
		}
		rest.Hits, rest.ShadowHits, rest.Failures = rest.Hits+c.Hits, rest.ShadowHits+c.ShadowHits, rest.Failures+c.Failures
	}
	if len(list) > ruleSeriesMax {
		count(descRuleHits, rest.Hits, otherRules)
		count(descRuleShadow, rest.ShadowHits, otherRules)
		count(descRuleFailed, rest.Failures, otherRules)
	}
}
