package engine

import (
	"testing"

	"signalbox/itsm"
	"signalbox/itsm/desk"
)

// TestIntentsKeepNoHintAway: a reader of incidents that is slow while much is to be sent
// about changes still hears of the incident that comes then; who sends hears of both.
func TestIntentsKeepNoHintAway(t *testing.T) {
	e := New(Options{})
	incidents, _, err := e.Subscribe(false)
	if err != nil {
		t.Fatal(err)
	}
	all, _, err := e.Subscribe(true)
	if err != nil {
		t.Fatal(err)
	}
	batch := func(at itsm.Offset, d itsm.Decision) {
		e.publish(&desk.Batch{Cursor: at, Decisions: []itsm.Decision{d}})
	}
	for n := range cap(incidents) - 1 {
		batch(itsm.Offset(n+1), itsm.Decision{Kind: itsm.PutIntent, Intent: &itsm.Intent{Object: "CHG0000001"}})
	}
	batch(50, itsm.Decision{Kind: itsm.SettleOutcome, Outcome: &itsm.Outcome{}}) // nothing of either
	batch(100, itsm.Decision{Kind: itsm.PutIncident, Incident: &itsm.Incident{Number: 7}})
	batch(101, itsm.Decision{Kind: itsm.PutIntent, Intent: &itsm.Intent{Object: "CHG0000001"}})
	if len(all) != cap(all) {
		t.Errorf("who sends has %d hints, want %d", len(all), cap(all))
	}
	if len(incidents) != 1 {
		t.Fatalf("a reader of incidents has %d hints, want one", len(incidents))
	}
	if c := <-incidents; c.Cursor != 100 || len(c.Incidents) != 1 || c.Incidents[0] != 7 {
		t.Errorf("it is %+v", c)
	}
}
