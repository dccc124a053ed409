package argocd_test

import (
	"testing"

	"signalbox/ingest/source"
	"signalbox/ingest/source/argocd"
	"signalbox/ingest/source/sourcetest"
)

func TestDecode(t *testing.T) {
	sourcetest.Run(t, source.Decoder(argocd.Decode).Within(source.Bounds{}))
}

func FuzzDecode(f *testing.F) {
	sourcetest.Fuzz(f, source.Decoder(argocd.Decode).Within(source.Bounds{}))
}
