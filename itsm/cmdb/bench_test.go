package cmdb

import (
	"fmt"
	"strings"
	"testing"

	"signalbox/itsm"
)

func sizes() []int {
	if long {
		return []int{1000, 10000, 100000, 1000000}
	}
	return []int{1000, 10000}
}

func bySize(b *testing.B, fn func(b *testing.B, g *Graph)) {
	for _, n := range sizes() {
		g := estateOf(b, n)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			fn(b, g)
		})
	}
}

func BenchmarkExplains(b *testing.B) {
	bySize(b, func(b *testing.B, g *Graph) {
		var buf []Reach
		i := 0
		for b.Loop() {
			buf = g.Explains(Ref(i*7919%g.Refs()), 2, buf)
			i++
		}
	})
}

func BenchmarkWithin(b *testing.B) {
	bySize(b, func(b *testing.B, g *Graph) {
		var buf []Reach
		i := 0
		for b.Loop() {
			buf = g.Within(Ref(i*7919%g.Refs()), 2, 20, buf)
			i++
		}
	})
}

func BenchmarkFanIn(b *testing.B) {
	bySize(b, func(b *testing.B, g *Graph) {
		i := 0
		for b.Loop() {
			g.FanIn(Ref(i * 7919 % g.Refs()))
			i++
		}
	})
}

func BenchmarkIdentify(b *testing.B) {
	for _, c := range []struct {
		name   string
		labels func(i, hosts, services int) string
	}{
		{"host", func(i, hosts, _ int) string {
			return fmt.Sprintf("alertname=NodeDiskFull,instance=host-%07d.dc%d.example.net:9100,job=node-exporter,severity=warning", i%hosts, i%hosts%4)
		}},
		{"pod", func(i, _, services int) string {
			return fmt.Sprintf("alertname=PodCrash,cluster=prod,namespace=shop,pod=%s,severity=critical,container=main", podName(i%services, i))
		}},
		{"newpod", func(i, _, services int) string {
			return fmt.Sprintf("alertname=PodCrash,cluster=prod,namespace=shop,pod=svc-%07d-7c9f8b6d5f-zzzzz,severity=critical", i%services)
		}},
		{"service", func(i, _, services int) string {
			return fmt.Sprintf("alertname=HighLatency,environment=production,service=svc-%07d,severity=critical,team=shop", i%services)
		}},
		{"unbound", func(i, _, _ int) string {
			return fmt.Sprintf("alertname=HighLatency,environment=prod,service=nobody-%d,instance=10.200.0.1:80,severity=critical", i)
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			bySize(b, func(b *testing.B, g *Graph) {
				n := g.Refs()
				list := make([]itsm.Labels, 1024)
				for i := range list {
					list[i] = labelsOf(c.labels(i*97, max(n/20, 4), max(n/10, 4)))
				}
				i, bound := 0, 0
				for b.Loop() {
					r := g.Identify(Sighting{Source: "prometheus", Labels: list[i&1023]})
					if r.Ref != NoRef {
						bound++
					}
					i++
				}
				b.ReportMetric(float64(bound)/float64(i), "bound/op")
			})
		})
	}
}

// labelsOf reads "a=1,b=2".
func labelsOf(s string) itsm.Labels {
	m := map[string]string{}
	for part := range strings.SplitSeq(s, ",") {
		if k, v, ok := strings.Cut(part, "="); ok {
			m[k] = v
		}
	}
	return itsm.LabelsOf(m)
}

func BenchmarkApplyOne(b *testing.B) {
	bySize(b, func(b *testing.B, g *Graph) {
		text := `{"id":"x/new","name":"new","class":"Service"}` + "\n" + `{"from":"x/new","type":"runs_on","to":"dc0/host-0000000"}`
		doc, _ := Parse(NDJSON, strings.NewReader(text))
		c, _, ps := g.Plan(doc, "hand", false)
		if Blocking(ps) {
			b.Fatal(ps)
		}
		for b.Loop() {
			g.Apply(c)
		}
	})
}

func BenchmarkParseNDJSON(b *testing.B) {
	var raw strings.Builder
	writeEstate(&raw, 10000)
	b.SetBytes(int64(raw.Len()))
	for b.Loop() {
		Parse(NDJSON, strings.NewReader(raw.String()))
	}
}
