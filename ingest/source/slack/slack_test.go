package slack_test

import (
	"math"
	"testing"

	"signalbox/ingest/source"
	"signalbox/ingest/source/slack"
	"signalbox/ingest/source/sourcetest"
	"signalbox/itsm"
)

func TestDecode(t *testing.T) {
	sourcetest.Run(t, source.Decoder(slack.Decode).Within(source.Bounds{}))
}

func FuzzDecode(f *testing.F) {
	sourcetest.Fuzz(f, source.Decoder(slack.Decode).Within(source.Bounds{}))
}

func TestMark(t *testing.T) {
	for _, c := range []struct {
		n     itsm.IncidentNumber
		epoch uint32
		want  string
	}{{1, 1, "INC0000001/1"}, {12345678901, math.MaxUint32, "INC12345678901/4294967295"}} {
		mark := slack.Mark(c.n, c.epoch)
		n, epoch, ok := slack.ParseMark(mark)
		if mark != c.want || !ok || n != c.n || epoch != c.epoch {
			t.Errorf("%d/%d: mark %s reads as %d/%d, %t", c.n, c.epoch, mark, n, epoch, ok)
		}
	}
	for _, mark := range []string{"", "/", "INC0000001", "INC0000001/", "INC0000001/0", "INC0000001/01", "INC0000001/1/1", "INC1/1", "INC0000000/1", "INC0000001/-1", "INC0000001/4294967296", "inc0000001/1"} {
		if n, epoch, ok := slack.ParseMark(mark); ok {
			t.Errorf("%q reads as %d/%d", mark, n, epoch)
		}
	}
}
