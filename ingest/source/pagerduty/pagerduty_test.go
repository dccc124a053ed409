package pagerduty_test

import (
	"testing"

	"signalbox/ingest/source"
	"signalbox/ingest/source/pagerduty"
	"signalbox/ingest/source/sourcetest"
)

func TestDecode(t *testing.T) {
	sourcetest.Run(t, source.Decoder(pagerduty.Decode).Within(source.Bounds{}))
}

func FuzzDecode(f *testing.F) {
	sourcetest.Fuzz(f, source.Decoder(pagerduty.Decode).Within(source.Bounds{}))
}
