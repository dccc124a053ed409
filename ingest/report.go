package ingest

import (
	"context"

	"signalbox/itsm"
	"signalbox/itsm/entry"
)

// ReportEventsMax bounds the events of one Report.
const ReportEventsMax = 10_000

// Report journals events as a delivery of a source: what was found out by asking
// the source's sender instead of being told. from says who asked, for people. There
// is no raw body.
func (d *Door) Report(ctx context.Context, source, from string, events []itsm.Event) error {
	s := d.source(source)
	switch {
	case s == nil:
		return itsm.Errorf(itsm.NotFound, "there is no source %s", source)
	case len(events) == 0:
		return nil
	case len(events) > ReportEventsMax:
		return itsm.Errorf(itsm.TooLarge, "%d events in one report, at most %d are accepted", len(events), ReportEventsMax)
	}
	if err := d.o.Gate(); err != nil {
		return itsm.Wrap(itsm.Unavailable, err, "not accepting deliveries now: %s", itsm.MessageOf(err))
	}
	s.count.received.Inc()
	if _, _, err := d.o.Journal.Append(ctx, entry.EncodeDelivery(nil, &entry.Delivery{Source: s.Name, Remote: from, Events: events})); err != nil {
		return itsm.Wrap(itsm.Unavailable, err, "the journal does not accept entries now; nothing was stored")
	}
	s.count.events.Add(float64(len(events)))
	if d.o.Pace != nil {
		d.o.Pace.Brought(s.Name, len(events))
	}
	return nil
}
