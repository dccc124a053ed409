package alertmanager_test

import (
	"testing"

	"signalbox/ingest/source"
	"signalbox/ingest/source/alertmanager"
	"signalbox/ingest/source/sourcetest"
)

func TestDecode(t *testing.T) {
	sourcetest.Run(t, source.Decoder(alertmanager.Decode).Within(source.Bounds{}))
}

func FuzzDecode(f *testing.F) {
	sourcetest.Fuzz(f, source.Decoder(alertmanager.Decode).Within(source.Bounds{}))
}
