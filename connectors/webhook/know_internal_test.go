package webhook

import (
	"testing"

	"signalbox/itsm"
)

// TestKnowAgain: what a sweep hears again of a record that is known makes it forget no
// other, for each of those would be looked at alone.
func TestKnowAgain(t *testing.T) {
	c := &Connector{records: map[ref]string{}}
	for n := range recordsMax {
		c.know(ref{itsm.IncidentNumber(n + 1), 1}, "4711")
	}
	c.know(ref{1, 1}, "4712")
	if len(c.records) != recordsMax || c.records[ref{1, 1}] != "4712" {
		t.Errorf("%d records are known, want %d; the first is %s", len(c.records), recordsMax, c.records[ref{1, 1}])
	}
	c.know(ref{recordsMax + 1, 1}, "4713")
	if len(c.records) != 1 {
		t.Errorf("%d records are known, want one", len(c.records))
	}
}
