package alertmanager_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/alertmanager/template"

	"signalbox/ingest/source"
	"signalbox/ingest/source/alertmanager"
	"signalbox/itsm"
)

// message is what Alertmanager itself marshals for a webhook.
type message struct {
	*template.Data
	Version         string `json:"version"`
	GroupKey        string `json:"groupKey"`
	TruncatedAlerts uint64 `json:"truncatedAlerts"`
}

// slow is the decoder as one would write it with encoding/json: the reference of
// the fast one.
func slow(t testing.TB, body []byte) []itsm.Event {
	t.Helper()
	var m message
	if err := json.Unmarshal(body, &m); err != nil {
		t.Fatal(err)
	}
	var out []itsm.Event
	for _, a := range m.Alerts {
		e := itsm.Event{Identity: a.Fingerprint, Group: m.GroupKey, Status: itsm.Firing, PartialGroup: m.TruncatedAlerts > 0,
			Labels: itsm.LabelsOf(a.Labels), Annotations: itsm.LabelsOf(a.Annotations), StartsAt: itsm.TimeOf(a.StartsAt), GeneratorURL: a.GeneratorURL}
		if a.Status == "resolved" {
			e.Status, e.EndsAt = itsm.Resolved, itsm.TimeOf(a.EndsAt)
		}
		if len(e.Labels) == 0 {
			e.Labels = nil
		}
		if len(e.Annotations) == 0 {
			e.Annotations = nil
		}
		source.Named(&e)
		out = append(out, e)
	}
	return out
}

// sample builds a delivery of n alerts by Alertmanager's own types.
func sample(n int, r *rand.Rand) []byte {
	texts := []string{"plain", "über 90 %", "tab\tand \"quotes\" & <html>", "line\u2028sep", "🚀", "", "C:\\temp", strings.Repeat("long ", 60)}
	text := func() string {
		if r == nil {
			return "Disk of db1 has been 93 % full for 10 minutes"
		}
		return texts[r.IntN(len(texts))]
	}
	m := message{Data: &template.Data{Receiver: "signalbox", Status: "firing", ExternalURL: "http://am:9093",
		GroupLabels: template.KV{"alertname": "DiskFull"}, CommonLabels: template.KV{}, CommonAnnotations: template.KV{}},
		Version: "4", GroupKey: `{}/{team="db"}:{alertname="DiskFull"}`}
	for i := range n {
		a := template.Alert{Status: "firing", StartsAt: time.Date(2026, 11, 21, 11, 50, i%60, 123456789, time.UTC),
			GeneratorURL: "http://prometheus:9090/graph?g0.expr=disk_used+%3E+0.9&g0.tab=1", Fingerprint: fmt.Sprintf("%016x", i*7919+1),
			Labels: template.KV{"alertname": "DiskFull", "instance": fmt.Sprintf("db%d:9100", i), "job": "node", "severity": "critical",
				"cluster": "prod-eu-1", "namespace": "shop", "team": "db"},
			Annotations: template.KV{"summary": text(), "description": text(), "runbook_url": "https://runbooks.example/disk-full"}}
		if r != nil && r.IntN(3) == 0 {
			a.Status, a.EndsAt = "resolved", a.StartsAt.Add(time.Minute)
			a.Labels["x"+strings.TrimPrefix(text(), texts[7])] = text()
		}
		m.Alerts = append(m.Alerts, a)
	}
	if r != nil {
		m.TruncatedAlerts = uint64(r.IntN(2))
	}
	out, err := json.Marshal(m)
	if err != nil {
		panic(err)
	}
	return out
}

func TestAgreesWithEncodingJSON(t *testing.T) {
	for seed := range uint64(50) {
		body := sample(20, rand.New(rand.NewPCG(seed, 1)))
		got, err := alertmanager.Decode(body, source.Bounds{})
		if err != nil || len(got.Bad) > 0 {
			t.Fatalf("seed %d: %v, %d bad", seed, err, len(got.Bad))
		}
		if diff := cmp.Diff(slow(t, body), got.Events); diff != "" {
			t.Fatalf("seed %d (-encoding/json +ours):\n%s", seed, diff)
		}
	}
}

func TestTooManyAlerts(t *testing.T) {
	body := `{"version":"4","alerts":[` + strings.Repeat("{},", source.AlertsMax) + `{}]}`
	if _, err := alertmanager.Decode([]byte(body), source.Bounds{}); itsm.CodeOf(err) != itsm.TooLarge {
		t.Errorf("%d alerts: got %v, want too_large", source.AlertsMax+1, err)
	}
}

func BenchmarkDecode(b *testing.B) {
	for _, n := range []int{1, 5, 50} {
		body := sample(n, nil)
		run := func(name string, decode func()) {
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				b.SetBytes(int64(len(body)))
				b.ReportAllocs()
				for b.Loop() {
					decode()
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/alert")
			})
		}
		run("ours", func() {
			if r, err := alertmanager.Decode(body, source.Bounds{}); err != nil || len(r.Events) != n {
				b.Fatal(err)
			}
		})
		run("encoding-json", func() { slow(b, body) })
	}
}
