package pagerduty_test

import (
	"math"
	"testing"

	"signalbox/ingest/source/pagerduty"
	"signalbox/itsm"
)

func TestDedupKey(t *testing.T) {
	for _, c := range []struct {
		n     itsm.IncidentNumber
		epoch uint32
		want  string
	}{{1, 1, "signalbox/INC0000001/1"}, {12345678901, math.MaxUint32, "signalbox/INC12345678901/4294967295"}} {
		key := pagerduty.DedupKey(c.n, c.epoch)
		n, epoch, ok := pagerduty.ParseDedupKey(key)
		if key != c.want || !ok || n != c.n || epoch != c.epoch {
			t.Errorf("%d/%d: key %s reads as %d/%d, %t", c.n, c.epoch, key, n, epoch, ok)
		}
	}
	for _, key := range []string{"", "signalbox/", "INC0000001/1", "signalbox/INC0000001", "signalbox/INC0000001/0", "signalbox/INC0000001/01", "signalbox/INC0000001/1/1",
		"signalbox/INC1/1", "signalbox/INC0000000/1", "signalbox/INC0000001/-1", "signalbox/INC0000001/4294967296", "Signalbox/INC0000001/1", "xsignalbox/INC0000001/1"} {
		if n, epoch, ok := pagerduty.ParseDedupKey(key); ok {
			t.Errorf("%q reads as %d/%d", key, n, epoch)
		}
	}
}
