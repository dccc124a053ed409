package servicenow_test

import (
	"testing"

	"signalbox/connectors"
	"signalbox/connectors/servicenow"
	fake "signalbox/connectors/servicenow/servicenowtest"
	source "signalbox/ingest/source/servicenow"
	"signalbox/itsm"
)

// TestLookMany: one request tells of many records, in the order they were asked
// for, and of records that are there twice the oldest.
func TestLookMany(t *testing.T) {
	t.Parallel()
	s := started(t)
	c := connector(s, nil)
	states := map[itsm.IncidentNumber]string{1: "1", 3: "6", 5: "2"}
	for _, n := range []itsm.IncidentNumber{5, 3, 1} {
		s.Put("incident", fake.Record{"correlation_id": source.RecordKey(n, 1), "state": states[n], "sys_created_on": "2026-01-01 00:00:00"})
	}
	s.Put("incident", fake.Record{"correlation_id": source.RecordKey(5, 1), "state": "7", "sys_created_on": "2026-01-02 00:00:00"})
	var refs []connectors.Ref
	for n := range itsm.IncidentNumber(connectors.LookManyMax) {
		refs = append(refs, connectors.Ref{Incident: n + 1, Epoch: 1})
	}
	before := len(s.Calls())
	got, err := c.LookMany(t.Context(), refs)
	if err != nil || len(got) != len(refs) {
		t.Fatalf("%d records of %d, %v", len(got), len(refs), err)
	}
	if n := len(s.Calls()) - before; n != 1 {
		t.Errorf("%d requests, expected one", n)
	}
	for n, r := range got {
		want := map[itsm.IncidentNumber]connectors.RecordStatus{1: connectors.RecordOpen, 3: connectors.RecordResolved, 5: connectors.RecordAcknowledged}[refs[n].Incident]
		if r.Status != want {
			t.Errorf("%s is %s, expected %s", refs[n].Incident, r.Status, want)
		}
	}
	s.IgnoreQueries = true
	if _, err := c.LookMany(t.Context(), refs); err == nil || connectors.IsPassing(err) {
		t.Errorf("a search that is ignored: %v", err)
	}
	for range 100 { // more than one answer holds
		s.Put("incident", fake.Record{"short_description": "printer"})
	}
	if _, err := c.LookMany(t.Context(), refs); err == nil || connectors.IsPassing(err) {
		t.Errorf("a search that is ignored, of many: %v", err)
	}
	events := connector(s, func(o *servicenow.Options) { o.Target = servicenow.TargetEvent })
	if _, err := events.LookMany(t.Context(), refs); err == nil {
		t.Error("events were asked for")
	}
}
