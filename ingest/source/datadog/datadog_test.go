package datadog_test

import (
	"testing"

	"signalbox/ingest/source"
	"signalbox/ingest/source/datadog"
	"signalbox/ingest/source/sourcetest"
)

func TestDecode(t *testing.T) { sourcetest.Run(t, source.Decoder(datadog.Decode).Timed()) }

func FuzzDecode(f *testing.F) { sourcetest.Fuzz(f, source.Decoder(datadog.Decode).Timed()) }
