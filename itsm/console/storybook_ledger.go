package console

import (
	"time"

	"signalbox/itsm"
	"signalbox/itsm/entry"
	"signalbox/itsm/ledger"
)

// cannedOffset is where the canned deliveries begin; what is before was removed by retention.
const cannedOffset = 300

// received is a canned delivery and what became of it.
type received struct {
	at    itsm.Time
	d     entry.Delivery
	fates []itsm.EventFate
}

// deliveries writes the ledger of the story: every fate once, a delivery that is
// quarantined whole, and the first and last delivery of the alerts people look at.
func (s *script) deliveries() {
	unreadable := entry.Bad{ID: "5f0c77a1be22d940", Error: "severity: expected a word such as critical, got a number (events[0].severity)"}
	outage := s.received("alertmanager", 10, 11, 12)
	outage.add(s.event(10), itsm.EventFate{Fate: itsm.FateDeduplicated, Alert: 10, Episode: 1, Incident: 4})
	outage.add(itsm.Event{Identity: "7be1f0", Title: "Queue of mail-relay is long", Status: itsm.Resolved, Severity: itsm.Minor},
		itsm.EventFate{Fate: itsm.FateSuppressed, Reason: itsm.ReasonUnknownClear})
	outage.bad(unreadable)
	held := s.received("alertmanager")
	held.at = s.ago(time.Minute)
	held.add(itsm.Event{Identity: "dns-fra1", Title: "DNS answers slowly in fra1", Status: itsm.Firing, Severity: itsm.Warning},
		itsm.EventFate{Fate: itsm.FateSuppressed, Reason: itsm.ReasonHold, Alert: s.alerts, Episode: 1})
	repeat := s.received("alertmanager")
	repeat.at = s.ago(20 * time.Second)
	for _, n := range []itsm.AlertNumber{3, 10} {
		a := s.find(n)
		repeat.add(s.event(n), itsm.EventFate{Fate: itsm.FateDeduplicated, Alert: n, Episode: a.Episode, Incident: a.Incident})
	}
	quarantined := received{at: s.ago(7 * time.Hour), d: entry.Delivery{Source: "generic", Remote: "10.2.0.14:40112", Raw: []byte(`{"severity": 3}`)}}
	quarantined.bad(unreadable)
	s.entries = map[itsm.Offset]*entry.Delivery{}
	for n, r := range []received{quarantined, outage, s.received("alertmanager", 3), held, repeat} {
		off := itsm.Offset(cannedOffset + n)
		s.entries[off] = &r.d
		s.out = append(s.out, itsm.Decision{Kind: itsm.PutFates, Fates: &itsm.Fates{Offset: off, At: r.at, Source: r.d.Source, Events: r.fates}})
	}
	for n, a := range []itsm.ActFate{
		{Kind: itsm.ActAcknowledge, Incident: 4, Result: itsm.ActApplied},
		{Kind: itsm.ActUnacknowledge, Incident: 4, Result: itsm.ActIgnored, Reason: itsm.ReasonOldReport},
	} {
		a.Actor = "pagerduty:Ada Bergström"
		s.out = append(s.out, itsm.Decision{Kind: itsm.PutFates, Fates: &itsm.Fates{Offset: itsm.Offset(cannedOffset + 5 + n), At: s.ago(10 * time.Second), Source: "pagerduty", Act: &a}})
	}
}

// find returns an alert of the story.
func (s *script) find(n itsm.AlertNumber) itsm.Alert {
	for _, d := range s.out {
		if d.Alert != nil && d.Alert.Number == n {
			return *d.Alert
		}
	}
	return itsm.Alert{}
}

// event is what a sender says of an alert of the story.
func (s *script) event(n itsm.AlertNumber) itsm.Event {
	a := s.find(n)
	return itsm.Event{Identity: string(a.Key)[len(a.Source)+1:], Title: a.Title, Status: itsm.Firing, Severity: a.Severity, SeverityWord: a.SeverityWord, StartsAt: a.StartsAt, Labels: a.Labels, Annotations: a.Annotations}
}

// received is the delivery that raised some alerts.
func (s *script) received(source string, alerts ...itsm.AlertNumber) received {
	r := received{d: entry.Delivery{Source: source, Remote: "10.2.0.7:51844", Raw: []byte("{\n  \"receiver\": \"signalbox\",\n  \"status\": \"firing\",\n  \"alerts\": []\n}\n")}}
	for _, n := range alerts {
		a := s.find(n)
		if r.at == 0 {
			r.at = a.RaisedAt
		}
		r.add(s.event(n), itsm.EventFate{Fate: itsm.FateFolded, Alert: n, Episode: a.Episode, Incident: a.Incident})
	}
	return r
}

func (r *received) add(e itsm.Event, f itsm.EventFate) {
	r.d.Events, r.fates = append(r.d.Events, e), append(r.fates, f)
}

func (r *received) bad(b entry.Bad) {
	r.d.Bad, r.fates = append(r.d.Bad, b), append(r.fates, itsm.EventFate{Fate: itsm.FateQuarantined})
}

// Entry implements ledger.Journal.
func (b *book) Entry(off itsm.Offset) ([]byte, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	d := b.entries[off]
	if d == nil {
		return nil, itsm.Errorf(itsm.NotFound, "entry %d is not kept", off)
	}
	return entry.EncodeDelivery(nil, d), nil
}

func cannedTotals() ledger.Totals {
	sum := func(folded, repeated, cleared, held, quarantined uint64) ledger.Sum {
		s := ledger.Sum{Folded: folded, Deduplicated: repeated, Suppressed: cleared + held, Quarantined: quarantined,
			SuppressedBy: []ledger.Reason{{Name: itsm.ReasonUnknownClear, Count: cleared}, {Name: itsm.ReasonHold, Count: held}}}
		s.Accepted = s.Folded + s.Deduplicated + s.Suppressed + s.Quarantined
		return s
	}
	return ledger.Totals{Sum: sum(12_410, 86_702, 150, 68, 15), Sources: []ledger.SourceSum{
		{Source: "alertmanager", Sum: sum(9_502, 86_690, 150, 68, 1)}, {Source: "datadog", Sum: sum(2_899, 12, 0, 0, 0)}, {Source: "generic", Sum: sum(9, 0, 0, 0, 14)}}}
}
