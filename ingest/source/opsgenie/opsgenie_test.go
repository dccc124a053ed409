package opsgenie_test

import (
	"testing"

	"signalbox/ingest/source"
	"signalbox/ingest/source/opsgenie"
	"signalbox/ingest/source/sourcetest"
)

func TestDecode(t *testing.T) {
	sourcetest.Run(t, source.Decoder(opsgenie.Decode).Within(source.Bounds{}))
}

func FuzzDecode(f *testing.F) {
	sourcetest.Fuzz(f, source.Decoder(opsgenie.Decode).Within(source.Bounds{}))
}
