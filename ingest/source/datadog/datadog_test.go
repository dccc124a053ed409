package datadog_test

import (
	"slices"
	"testing"

	"signalbox/ingest/source"
	"signalbox/ingest/source/datadog"
	"signalbox/ingest/source/sourcetest"
)

func TestDecode(t *testing.T) {
	sourcetest.Run(t, source.Decoder(datadog.Decode).Within(source.Bounds{}))
}

func FuzzDecode(f *testing.F) {
	sourcetest.Fuzz(f, source.Decoder(datadog.Decode).Within(source.Bounds{}))
}

// TestTagsBeyondTheBound: tags are left out and counted, the alert stays.
func TestTagsBeyondTheBound(t *testing.T) {
	got, err := datadog.Decode([]byte(`{"alert_transition":"Triggered","aggreg_key":"k","tags":"a:1,b:2,c:3,d:4,e:5,f:6","alert_id":"7"}`), source.Bounds{Labels: 8})
	want := source.Excesses{{Bound: source.BoundLabels, N: 1}}
	if err != nil || len(got.Events) != 1 || len(got.Events[0].Labels) > 8 || !slices.Equal(got.Over, want) || got.Events[0].Annotations.Get("tags_left_out") != "2" {
		t.Errorf("got %+v, %v", got, err)
	}
}
