package correlate

import (
	"cmp"
	"slices"
	"strings"

	"signalbox/itsm"
)

// Reasons for which an event changes nothing although it is no repeat.
const (
	reasonUnknownClear = itsm.ReasonUnknownClear
	reasonTombstone    = itsm.ReasonTombstone
	reasonOutOfOrder   = itsm.ReasonOutOfOrder
	reasonHold         = itsm.ReasonHold
)

// eventCounts counts the events of one source. accepted is always the sum of the
// others; suppressed is kept by reason.
type eventCounts struct {
	accepted, folded, deduplicated, suppressed, quarantined uint64
}

func (src *source) fold() {
	src.count.folded++
	src.fate, src.because = itsm.FateFolded, ""
}

func (src *source) deduplicate() {
	src.count.deduplicated++
	src.fate, src.because = itsm.FateDeduplicated, ""
}

func (src *source) suppress(reason string) {
	src.count.suppressed++
	src.bySupp[reason]++
	src.fate, src.because = itsm.FateSuppressed, reason
}

// Totals are the counters of the fold. Accepted is exactly the sum of Folded,
// Deduplicated, Suppressed and Quarantined, in total and for each source.
type Totals struct {
	EventTotals
	Sources []SourceTotals `json:"sources"` // by name

	Alerts           int     `json:"alerts"` // whose state is kept
	Firing           int     `json:"firing"`
	OpenIncidents    int     `json:"open_incidents"`
	Incidents        uint64  `json:"incidents"` // ever opened
	Bound            uint64  `json:"bound"`     // episodes that began on a CI of the CMDB
	Unbound          uint64  `json:"unbound"`   // and on a provisional one
	TopUnbound       []Count `json:"top_unbound"`
	Storms           uint64  `json:"storms"`
	StormsOn         int     `json:"storms_on"`
	PagesHeld        int     `json:"pages_held"` // incidents whose first page waits for the end of a storm or for the budget
	Acts             uint64  `json:"acts"`
	ActsRepeated     uint64  `json:"acts_repeated"` // same idempotency key or delivery id
	PartnerStale     uint64  `json:"partner_stale"` // older or equal partner version
	IntentsAbandoned uint64  `json:"intents_abandoned"`
}

// EventTotals say what became of events.
type EventTotals struct {
	Accepted     uint64  `json:"accepted"`
	Folded       uint64  `json:"folded"`
	Deduplicated uint64  `json:"deduplicated"`
	Suppressed   uint64  `json:"suppressed"`
	SuppressedBy []Count `json:"suppressed_by"` // by reason
	Quarantined  uint64  `json:"quarantined"`
}

// Balanced reports whether every accepted event is accounted for once.
func (t EventTotals) Balanced() bool {
	var by uint64
	for _, c := range t.SuppressedBy {
		by += c.N
	}
	return t.Accepted == t.Folded+t.Deduplicated+t.Suppressed+t.Quarantined && by == t.Suppressed
}

// SourceTotals are the event counters of one source.
type SourceTotals struct {
	Source string `json:"source"`
	EventTotals
}

// Count is a name and how often it came.
type Count struct {
	Name string `json:"name"`
	N    uint64 `json:"count"`
}

// Totals returns the counters. The result is the caller's.
func (s *State) Totals() Totals {
	t := s.totals
	all := map[string]uint64{}
	for _, src := range s.sourceList {
		e := src.totals()
		t.Sources = append(t.Sources, SourceTotals{src.name, e})
		t.Accepted += e.Accepted
		t.Folded += e.Folded
		t.Deduplicated += e.Deduplicated
		t.Suppressed += e.Suppressed
		t.Quarantined += e.Quarantined
		for r, n := range src.bySupp {
			all[r] += n
		}
	}
	slices.SortFunc(t.Sources, func(a, b SourceTotals) int { return strings.Compare(a.Source, b.Source) })
	t.SuppressedBy = counts(all)
	t.Alerts, t.Firing, t.OpenIncidents, t.Incidents = s.alerts.Len(), s.firing, s.openIncidents, uint64(s.lastIncident)
	t.StormsOn, t.PagesHeld = s.stormsOn, len(s.pages.held)
	t.TopUnbound = s.topUnbound()
	return t
}

func (src *source) totals() EventTotals {
	c := &src.count
	return EventTotals{c.accepted, c.folded, c.deduplicated, c.suppressed, counts(src.bySupp), c.quarantined}
}

func counts(m map[string]uint64) []Count {
	out := make([]Count, 0, len(m))
	for _, k := range sortedKeys(m) {
		out = append(out, Count{k, m[k]})
	}
	return out
}

// Unbound keys are counted in a table of fixed size. A new key takes the place of
// the rarest and inherits its count (space-saving): the frequent ones stay, and
// a count is never too low.
const (
	unboundKept  = 128
	unboundShown = 20
)

func (s *State) countBinding(a *alert) {
	if a.ci.bound() {
		s.totals.Bound++
		return
	}
	s.totals.Unbound++
	if n, ok := s.unbound[a.ci.id]; ok || len(s.unbound) < unboundKept {
		s.unbound[a.ci.id] = n + 1
		return
	}
	least, n := "", uint64(0)
	for k, v := range s.unbound { // any order: the smallest count, then the smallest key, is one entry
		if least == "" || v < n || v == n && k < least {
			least, n = k, v
		}
	}
	delete(s.unbound, least)
	s.unbound[a.ci.id] = n + 1
}

func (s *State) topUnbound() []Count {
	out := counts(s.unbound)
	slices.SortStableFunc(out, func(a, b Count) int { return cmp.Compare(b.N, a.N) })
	return out[:min(len(out), unboundShown)]
}

// EpisodeOf returns the number and the current episode of an alert, 0 when it
// has no state.
func (s *State) EpisodeOf(key itsm.AlertKey) (itsm.AlertNumber, uint32) {
	name, identity, _ := strings.Cut(string(key), "/")
	src := s.sources[name]
	if src == nil {
		return 0, 0
	}
	a := src.alerts[identity]
	if a == nil {
		return 0, 0
	}
	return a.number, a.episode
}

// OverlayAlerts fills the exact counters of repeats into records read from the desk.
func (s *State) OverlayAlerts(as []itsm.Alert) {
	for n := range as {
		if a := s.alerts.Get(as[n].Number); a != nil {
			as[n].EventCount, as[n].LastSeenAt = a.count, a.lastSeen
		}
	}
}

// OverlayIncidents fills the exact counters into records read from the desk.
func (s *State) OverlayIncidents(is []itsm.Incident) {
	for n := range is {
		if i := s.incidents[is[n].Number]; i != nil {
			is[n].EventCount, is[n].LastActivityAt = i.events, i.lastActivity
		}
	}
}
