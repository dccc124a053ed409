package github_test

import (
	"testing"

	"signalbox/ingest/source"
	"signalbox/ingest/source/github"
	"signalbox/ingest/source/sourcetest"
)

func TestDecode(t *testing.T) {
	sourcetest.Run(t, source.Decoder(github.Decode).Within(source.Bounds{}))
}

func FuzzDecode(f *testing.F) {
	sourcetest.Fuzz(f, source.Decoder(github.Decode).Within(source.Bounds{}))
}
