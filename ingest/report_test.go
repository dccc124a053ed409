package ingest_test

import (
	"errors"
	"log/slog"
	"testing"

	"signalbox/ingest"
	"signalbox/itsm"
	"signalbox/itsm/entry"
)

// TestReport: what was found out by asking is journaled as a delivery of the source,
// or refused whole.
func TestReport(t *testing.T) {
	t.Parallel()
	j := &journal{}
	var gate error
	d, err := ingest.New(ingest.Options{Sources: ingest.BuiltinSources(), Open: true, Journal: j, Gate: func() error { return gate }, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	events := []itsm.Event{{Source: "alertmanager", Identity: "f1", Status: itsm.Resolved, EndsAt: now, Title: "Down"}}
	if err := d.Report(t.Context(), "alertmanager", "sweep of am", events); err != nil {
		t.Fatal(err)
	}
	got, ok := j.all(t)[0].(*entry.Delivery)
	if !ok || got.Source != "alertmanager" || got.Remote != "sweep of am" || len(got.Events) != 1 || got.Events[0].Identity != "f1" || got.Events[0].EndsAt != now {
		t.Errorf("journaled %+v", j.all(t)[0])
	}
	if err := d.Report(t.Context(), "alertmanager", "sweep", nil); err != nil || j.len() != 1 {
		t.Errorf("of nothing: %v, %d entries", err, j.len())
	}
	for want, do := range map[itsm.Code]func() error{
		itsm.NotFound: func() error { return d.Report(t.Context(), "nobody", "sweep", events) },
		itsm.TooLarge: func() error {
			return d.Report(t.Context(), "alertmanager", "sweep", make([]itsm.Event, ingest.ReportEventsMax+1))
		},
		itsm.Unavailable: func() error {
			gate = errors.New("the disk is full")
			defer func() { gate = nil }()
			return d.Report(t.Context(), "alertmanager", "sweep", events)
		},
	} {
		if err := do(); itsm.CodeOf(err) != want || err == nil {
			t.Errorf("%v, want %s", err, want)
		}
	}
	j.fail = errors.New("no quorum")
	if err := d.Report(t.Context(), "alertmanager", "sweep", events); itsm.CodeOf(err) != itsm.Unavailable || j.len() != 1 {
		t.Errorf("without a journal: %v, %d entries", err, j.len())
	}
}
