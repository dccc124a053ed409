package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"signalbox/cmd/internal/conf"
	"signalbox/ingest/source/sourcetest"
	"signalbox/itsm/entry"
)

// FuzzReplayLine reads any line of a recording. It is refused, or gives a delivery
// of a known source that names each of its events, goes through the journal as it
// is, and comes out the same the second time.
func FuzzReplayLine(f *testing.F) {
	for _, l := range []string{`{"status":"firing","title":"x","labels":{"service":"a"}}`, `{"at":"2026-01-01T00:01:00Z","source":"alertmanager","body":{"version":"4","alerts":[{"status":"firing","labels":{"alertname":"X"}}]}}`,
		`{"at":"2026-01-01T00:01:00Z","source":"datadog","body":"alert_title=x&alert_transition=Triggered"}`, `{"source":"nobody","body":{}}`, `{"body":[]}`, `not json`} {
		f.Add([]byte(l))
	}
	for _, body := range sourcetest.Seeds(f) {
		f.Add(body)
	}
	cfg, err := conf.Parse("", nil)
	if err != nil {
		f.Fatal(err)
	}
	sources, err := decoders(cfg)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		d, again := lineDecoder{sources: sources}, lineDecoder{sources: sources}
		l, err := d.line(3, b)
		l2, err2 := again.line(3, b)
		if diff := cmp.Diff(l, l2); diff != "" || (err == nil) != (err2 == nil) || d.bad != again.bad {
			t.Fatalf("the second time: %v, %v\n%s", err, err2, diff)
		}
		if err != nil {
			return
		}
		if sources[l.Delivery.Source] == nil || len(l.IDs) != len(l.Delivery.Events) {
			t.Fatalf("source %q, %d names for %d events", l.Delivery.Source, len(l.IDs), len(l.Delivery.Events))
		}
		if (len(l.Delivery.Bad) > 0) != (d.bad == 1) {
			t.Fatalf("%d bad parts, counted %d", len(l.Delivery.Bad), d.bad)
		}
		if _, err := entry.DecodeForFold(entry.EncodeDelivery(nil, &l.Delivery)); err != nil {
			t.Fatalf("journaled, it cannot be folded: %v", err)
		}
	})
}
