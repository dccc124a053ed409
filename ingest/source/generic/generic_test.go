package generic_test

import (
	"testing"

	"signalbox/ingest/source"
	"signalbox/ingest/source/generic"
	"signalbox/ingest/source/sourcetest"
)

func TestDecode(t *testing.T) {
	sourcetest.Run(t, source.Decoder(generic.Decode).Within(source.Bounds{}))
}

func FuzzDecode(f *testing.F) {
	sourcetest.Fuzz(f, source.Decoder(generic.Decode).Within(source.Bounds{}))
}
