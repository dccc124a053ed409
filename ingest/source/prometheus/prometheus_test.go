package prometheus_test

import (
	"testing"

	"signalbox/ingest/source/prometheus"
	"signalbox/ingest/source/sourcetest"
)

func TestDecode(t *testing.T) {
	sourcetest.Run(t, prometheus.Config{IgnoreLabels: []string{"replica"}}.Decode)
}

func FuzzDecode(f *testing.F) {
	sourcetest.Fuzz(f, prometheus.Config{IgnoreLabels: []string{"replica"}}.Decode)
}
