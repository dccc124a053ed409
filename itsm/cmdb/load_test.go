package cmdb

import (
	"bytes"
	"fmt"
	"runtime"
	"testing"
	"time"
)

// estate writes an NDJSON estate of n CIs and about five relations a CI: hosts
// at the bottom, pods on them, services of pods that call other services.
func estate(n int) []byte {
	var b bytes.Buffer
	hosts, services := max(n/20, 1), max(n/10, 1)
	pods := n - hosts - services
	for i := range hosts {
		fmt.Fprintf(&b, `{"id":"dc%d/host-%07d","name":"host-%07d.dc%d.example.net","class":"Host","env":"dc%d","owner":"platform","attributes":{"ip":"10.%d.%d.%d"}}`+"\n",
			i%4, i, i, i%4, i%4, i>>16&255, i>>8&255, i&255)
	}
	for i := range services {
		fmt.Fprintf(&b, `{"id":"prod/svc-%07d","name":"svc-%07d","class":"Service","env":"prod","tier":%d,"owner":"team-%d","aliases":["app-%d"]}`+"\n", i, i, i%3+1, i%100, i)
	}
	for i := range pods {
		fmt.Fprintf(&b, `{"id":"prod/svc-%07d-5f6585d649-%05d","name":"svc-%07d-5f6585d649-%05d","class":"Pod","env":"prod"}`+"\n", i%services, i, i%services, i)
	}
	for i := range pods {
		s := i % services
		fmt.Fprintf(&b, `{"from":"prod/svc-%07d","type":"has_instance","to":"prod/svc-%07d-5f6585d649-%05d"}`+"\n", s, s, i)
		fmt.Fprintf(&b, `{"from":"prod/svc-%07d-5f6585d649-%05d","type":"runs_on","to":"dc%d/host-%07d"}`+"\n", s, i, i%hosts%4, i%hosts)
		for k := range 4 {
			to := (s*7 + k*131 + i*3) % services
			fmt.Fprintf(&b, `{"from":"prod/svc-%07d-5f6585d649-%05d","type":"calls","to":"prod/svc-%07d"}`+"\n", s, i, to)
		}
	}
	return b.Bytes()
}

func TestBulk(t *testing.T) {
	raw := estate(1000000)
	runtime.GC()
	var m0, m1 runtime.MemStats
	runtime.ReadMemStats(&m0)
	t0 := time.Now()
	doc, ps := Parse(NDJSON, bytes.NewReader(raw))
	t.Log("parse", time.Since(t0), doc.CIs(), doc.Relations(), len(raw)>>20, ps)
	t1 := time.Now()
	g := Empty(DefaultRelationTypes())
	c, d, ps := g.Plan(doc, "bulk", true)
	t.Log("plan", time.Since(t1), d.String(), ps)
	t1 = time.Now()
	ch := c.Chunks(1 << 20)
	t.Log("chunks", time.Since(t1), len(ch))
	t1 = time.Now()
	c2, err := DecodeChunks(ch)
	t.Log("decode chunks", time.Since(t1), err)
	t1 = time.Now()
	g = g.Apply(c2)
	t.Log("apply", time.Since(t1), "total", time.Since(t0))
	runtime.ReadMemStats(&m1)
	t.Log("heap sys MiB", m1.HeapSys>>20, "alloc MiB", m1.TotalAlloc>>20)
	c, c2, doc, ch = Changes{}, Changes{}, Doc{}, nil
	runtime.GC()
	runtime.ReadMemStats(&m1)
	t.Log("graph MiB", (int64(m1.HeapAlloc)-int64(m0.HeapAlloc))>>20, g.Len(), g.Relations())
	var snap bytes.Buffer
	t1 = time.Now()
	if err := g.Encode(&snap); err != nil {
		t.Fatal(err)
	}
	t.Log("encode", time.Since(t1), snap.Len()>>20)
	t1 = time.Now()
	g2, err := Decode(&snap)
	if err != nil {
		t.Fatal(err)
	}
	t.Log("decode", time.Since(t1), g2.Len(), g2.Relations())
	t1 = time.Now()
	q := g2.Quality()
	t.Log("quality", time.Since(t1), q.Cycles.Total)
	one, _ := Parse(NDJSON, bytes.NewReader([]byte(`{"id":"x/new","name":"new","class":"Service"}
{"from":"x/new","type":"runs_on","to":"dc0/host-0000000"}`)))
	t1 = time.Now()
	c, _, ps = g.Plan(one, "one", false)
	t.Log("small plan", time.Since(t1), ps)
	t1 = time.Now()
	g3 := g.Apply(c)
	t.Log("small apply", time.Since(t1), g3.Len())
	t1 = time.Now()
	doc, _ = Parse(NDJSON, bytes.NewReader(raw))
	c, d, _ = g3.Plan(doc, "bulk", true)
	t.Log("re-import parse+plan", time.Since(t1), d.String(), c.Empty())
}
