package gitlab_test

import (
	"testing"

	"signalbox/ingest/source"
	"signalbox/ingest/source/gitlab"
	"signalbox/ingest/source/sourcetest"
)

func TestDecode(t *testing.T) {
	sourcetest.Run(t, source.Decoder(gitlab.Decode).Within(source.Bounds{}))
}

func FuzzDecode(f *testing.F) {
	sourcetest.Fuzz(f, source.Decoder(gitlab.Decode).Within(source.Bounds{}))
}
