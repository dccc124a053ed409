package pagerdutychange_test

import (
	"testing"

	"signalbox/ingest/source"
	"signalbox/ingest/source/pagerdutychange"
	"signalbox/ingest/source/sourcetest"
)

func TestDecode(t *testing.T) {
	sourcetest.Run(t, source.Decoder(pagerdutychange.Decode).Within(source.Bounds{}))
}

func FuzzDecode(f *testing.F) {
	sourcetest.Fuzz(f, source.Decoder(pagerdutychange.Decode).Within(source.Bounds{}))
}
