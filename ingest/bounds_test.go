package ingest_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"signalbox/ingest"
	"signalbox/itsm"
	"signalbox/itsm/entry"
)

// many is `"PREFIX0":"v","PREFIX1":"v"…`.
func many(prefix string, n int) string {
	var out []string
	for i := range n {
		out = append(out, fmt.Sprintf(`"%s%d":"v"`, prefix, i))
	}
	return strings.Join(out, ",")
}

// text is hexadecimal, which hardly compresses.
func text(n int) string {
	rnd := rand.NewChaCha8([32]byte{1})
	b := make([]byte, n/2)
	rnd.Read(b)
	return fmt.Sprintf("%x", b)
}

// TestBounds: for each bound of a source a request that exceeds it, its answer, its
// count, and what stays of it; and one that does not.
func TestBounds(t *testing.T) {
	x := strings.Repeat("x", 65)
	fit := strings.Repeat("x", 64)
	labels := func(members string) string {
		return hook(`{"status":"firing","labels":{` + members + `}}`)
	}
	annotations := func(members string) string {
		return hook(`{"status":"firing","labels":{"a":"b"},"annotations":{` + members + `}}`)
	}
	for _, c := range []struct {
		bound        string
		limits       ingest.Limits
		fits, beyond string
		encoding     string
		status       int
		kept         int // bad parts in quarantine
		fail         error
	}{
		{bound: "body_bytes", limits: ingest.Limits{BodyBytes: 1000}, fits: hook(alert("a")), beyond: hook(alert("a")) + strings.Repeat(" ", 1000), status: 413},
		{bound: "decompressed_bytes", limits: ingest.Limits{DecompressedBytes: 2 << 20}, encoding: "deflate",
			fits: compressed(zlibWriter, labels(`"a":"b"`)), beyond: compressed(zlibWriter, labels(`"a":"`+text(3<<20)+`"`)), status: 413},
		{bound: "compression_ratio", encoding: "deflate", fits: compressed(zlibWriter, labels(`"a":"b"`)), beyond: compressed(zlibWriter, labels(`"a":"b"`), strings.Repeat(" ", 3<<20)), status: 413},
		{bound: "alerts_per_request", limits: ingest.Limits{AlertsPerRequest: 2}, fits: hook(alert("a"), alert("b")), beyond: hook(alert("a"), alert("b"), alert("c")), status: 413},
		{bound: "alerts_per_request", fits: hook(alert("a")), beyond: hook(strings.Repeat(`{},`, 10_000) + `{}`), status: 413},
		{bound: "new_keys_per_minute", limits: ingest.Limits{NewKeysPerMinute: 2}, fits: hook(alert("a"), alert("b")), beyond: hook(alert("c")), status: 503},
		{bound: "new_keys_per_minute", limits: ingest.Limits{NewKeysPerMinute: 2}, fits: hook(alert("a")), beyond: hook(alert("a"), alert("b"), alert("c"), alert("d")), status: 413},
		{bound: "entry_bytes", fits: hook(alert("a")), beyond: hook(alert("a")), status: 413, fail: itsm.Errorf(itsm.TooLarge, "an entry of 50 bytes")},
		{bound: "depth", limits: ingest.Limits{Depth: 5}, fits: `{"version":"4","x":[[[[1]]]],"alerts":[` + alert("a") + `]}`, beyond: `{"version":"4","x":[[[[[1]]]]],"alerts":[` + alert("a") + `]}`, status: 422, kept: 1},
		{bound: "labels", limits: ingest.Limits{Labels: 8}, fits: labels(many("l", 8)), beyond: labels(many("l", 9)), status: 422, kept: 1},
		{bound: "annotations", limits: ingest.Limits{Annotations: 16}, fits: annotations(many("l", 16)), beyond: annotations(many("l", 17)), status: 422, kept: 1},
		{bound: "name_bytes", limits: ingest.Limits{NameBytes: 64}, fits: labels(`"` + fit + `":"v"`), beyond: labels(`"` + x + `":"v"`), status: 422, kept: 1},
		{bound: "label_bytes", limits: ingest.Limits{LabelBytes: 64}, fits: labels(`"a":"` + fit + `"`), beyond: labels(`"a":"` + x + `"`), status: 422, kept: 1},
		{bound: "annotation_bytes", limits: ingest.Limits{AnnotationBytes: 64}, fits: annotations(`"a":"` + fit + `"`), beyond: annotations(`"a":"` + x + `"`), status: 422, kept: 1},
		{bound: "labels", fits: labels(many("l", 64)), beyond: labels(many("l", 65)), status: 422, kept: 1},
		{bound: "label_bytes", fits: labels(`"a":"` + text(1<<10) + `"`), beyond: labels(`"a":"` + text(1<<11) + `"`), status: 422, kept: 1},
	} {
		t.Run(c.bound, func(t *testing.T) {
			reg := prometheus.NewRegistry()
			r := start(t, func(o *ingest.Options) {
				o.Metrics = ingest.NewMetrics(reg)
				o.Sources = []ingest.Source{{Name: "am", Kind: "alertmanager", Limits: c.limits}, {Name: "other", Kind: "alertmanager"}}
			})
			var header []string
			if c.encoding != "" {
				header = []string{"Content-Encoding", c.encoding}
			}
			if got := r.post(t, "/webhooks/am", c.fits, header...); got.status != http.StatusAccepted {
				t.Fatalf("within the bound: %d %s", got.status, got.body)
			}
			if got := over(t, reg); len(got) != 0 {
				t.Errorf("counted %v of a request within the bound", got)
			}
			before := r.len()
			r.fail = c.fail
			if got := r.post(t, "/webhooks/am", c.beyond, header...); got.status != c.status {
				t.Errorf("beyond the bound: %d %s, want %d", got.status, got.body, c.status)
			}
			if diff := cmp.Diff(map[string]float64{"am " + c.bound: 1}, over(t, reg)); diff != "" {
				t.Errorf("bound_exceeded_total (-want +got):\n%s", diff)
			}
			kept := 0
			for _, e := range r.all(t)[before:] {
				d := e.(*entry.Delivery)
				kept += len(d.Bad)
				if len(d.Events) > 0 {
					t.Errorf("the journal has events of it: %v", d.Events)
				}
			}
			if kept != c.kept {
				t.Errorf("%d parts in quarantine, want %d", kept, c.kept)
			}
		})
	}
}

// over is signalbox_ingest_bound_exceeded_total by source and bound, without zeros.
func over(t *testing.T, reg *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		for _, m := range f.Metric {
			if v := m.GetCounter().GetValue(); v != 0 && f.GetName() == "signalbox_ingest_bound_exceeded_total" {
				got[m.Label[1].GetValue()+" "+m.Label[0].GetValue()] = v
			}
		}
	}
	return got
}

// TestLimitsAreChecked: a limit that cannot be kept is refused by name at the start.
func TestLimitsAreChecked(t *testing.T) {
	_, err := ingest.New(ingest.Options{Open: true, Sources: []ingest.Source{
		{Name: "a", Kind: "generic", Limits: ingest.Limits{Depth: 65, Labels: 7, Annotations: 65, NameBytes: 63, LabelBytes: 1025, AnnotationBytes: -1, BodyBytes: 33 << 20, DecompressedBytes: 33 << 20, AlertsPerRequest: 10_001}},
		{Name: "b", Kind: "generic", Limits: ingest.Limits{NewKeysPerMinute: -1}},
	}})
	for _, want := range []string{"sources.a.limits.depth: 65: expected 4 to 64", "limits.labels: 7: expected 8 to 64", "limits.annotations: 65", "limits.name_bytes: 63", "limits.label_bytes: 1025",
		"limits.annotation_bytes: -1", "limits.body_bytes: 34603008: expected 1 to 33554432", "limits.decompressed_bytes", "limits.alerts_per_request: 10001", "sources.b.limits.new_keys_per_minute: -1"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: does not say %q", err, want)
		}
	}
}
