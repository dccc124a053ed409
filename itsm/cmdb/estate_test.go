package cmdb

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"signalbox/itsm/cputest"
)

// long asks for the tests that take a minute and a gigabyte.
var long = os.Getenv("SIGNALBOX_LONG") != ""

// writeEstate writes an NDJSON estate of n CIs and about five relations a CI:
// hosts at the bottom, pods on them, services of pods that call each other.
func writeEstate(w io.Writer, n int) {
	b := bufio.NewWriterSize(w, 1<<20)
	defer b.Flush()
	hosts, services := max(n/20, 4), max(n/10, 4)
	pods := n - hosts - services
	for i := range hosts {
		fmt.Fprintf(b, `{"id":"dc%d/host-%07d","name":"host-%07d.dc%d.example.net","class":"Host","env":"dc%d","owner":"platform","attributes":{"ip":"10.%d.%d.%d"}}`+"\n",
			i%4, i, i, i%4, i%4, i>>16&255, i>>8&255, i&255)
	}
	for i := range services {
		fmt.Fprintf(b, `{"id":"prod/svc-%07d","name":"svc-%07d","class":"Service","env":"prod","tier":%d,"owner":"team-%d","aliases":["app-%d"]}`+"\n", i, i, i%3+1, i%100, i)
	}
	for i := range pods {
		fmt.Fprintf(b, `{"id":"prod/%s","name":"%s","class":"Pod","env":"prod"}`+"\n", podName(i%services, i), podName(i%services, i))
	}
	for i := range pods {
		s := i % services
		fmt.Fprintf(b, `{"from":"prod/svc-%07d","type":"has_instance","to":"prod/%s"}`+"\n", s, podName(s, i))
		fmt.Fprintf(b, `{"from":"prod/%s","type":"runs_on","to":"dc%d/host-%07d"}`+"\n", podName(s, i), i%hosts%4, i%hosts)
		for k := range 4 {
			fmt.Fprintf(b, `{"from":"prod/%s","type":"calls","to":"prod/svc-%07d"}`+"\n", podName(s, i), (s*7+k*131+i*3)%services)
		}
	}
}

func podName(service, i int) string {
	const safe = "bcdfghjklmnpqrstvwxz2456789"
	var x [5]byte
	for k := range x {
		x[k] = safe[i%27]
		i /= 27
	}
	return fmt.Sprintf("svc-%07d-5f6585d649-%s", service, x[:])
}

var estates = map[int]*Graph{}

// estateOf returns the graph of an estate of n CIs.
func estateOf(tb testing.TB, n int) *Graph {
	tb.Helper()
	if g := estates[n]; g != nil {
		return g
	}
	var raw bytes.Buffer
	writeEstate(&raw, n)
	estates[n] = mustImport(tb, Empty(DefaultRelationTypes()), NDJSON, raw.String(), "estate", false)
	return estates[n]
}

// mustImport imports a document that must have no blocking problem.
func mustImport(tb testing.TB, g *Graph, f Format, text, source string, prune bool) *Graph {
	tb.Helper()
	doc, ps := Parse(f, strings.NewReader(text))
	if Blocking(ps) {
		tb.Fatalf("parse: %v", ps)
	}
	c, _, ps := g.Plan(doc, source, prune)
	if Blocking(ps) {
		tb.Fatalf("plan: %v", ps)
	}
	return g.Apply(c)
}

// export returns the graph in one format.
func export(tb testing.TB, g *Graph, f Format) string {
	tb.Helper()
	var b bytes.Buffer
	if err := g.Write(f, &b); err != nil {
		tb.Fatal(err)
	}
	return b.String()
}

// TestMillion loads, snapshots and changes a graph of the size the package is
// made for, and logs what that costs.
func TestMillion(t *testing.T) {
	n := 20000
	if long {
		n = 1000000
	}
	path := filepath.Join(t.TempDir(), "estate.ndjson")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	writeEstate(f, n)
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	start, last, used := time.Now(), time.Now(), cputest.Used(t)
	began := used
	lap := func(what string) {
		t.Logf("%-28s %8.3f s, %8.3f s of CPU", what, time.Since(last).Seconds(), (cputest.Used(t) - used).Seconds())
		last, used = time.Now(), cputest.Used(t)
	}
	doc, ps := Parse(NDJSON, f)
	lap("parse")
	g := Empty(DefaultRelationTypes())
	c, d, more := g.Plan(doc, "estate", true)
	lap("plan")
	if d.CIsAdded != n || len(ps)+len(more) > 0 {
		t.Fatalf("import: %s, problems %v %v", d.String(), ps, more)
	}
	chunks := c.Chunks(ChunkBytesMax)
	lap("chunks")
	if c, err = DecodeChunks(chunks); err != nil {
		t.Fatal(err)
	}
	lap("decode chunks")
	g = g.Apply(c)
	lap("apply")
	t.Logf("%-28s %8.3f s, %8.3f s of CPU, peak %s", "import in all", time.Since(start).Seconds(), (cputest.Used(t) - began).Seconds(), peak())
	if g.Len() != n || g.Relations() != d.RelationsAdded {
		t.Fatalf("graph holds %d CIs and %d relations, want %d and %d", g.Len(), g.Relations(), n, d.RelationsAdded)
	}
	c, doc, chunks = Changes{}, Doc{}, nil
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	t.Logf("graph in memory %d MiB, %d relations", m.HeapAlloc>>20, g.Relations())
	last = time.Now()
	var snap bytes.Buffer
	if err := g.Encode(&snap); err != nil {
		t.Fatal(err)
	}
	lap("encode")
	size := snap.Len()
	back, err := Decode(&snap)
	if err != nil {
		t.Fatal(err)
	}
	lap("decode")
	t.Logf("snapshot %d MiB", size>>20)
	if back.Len() != n || back.Relations() != g.Relations() {
		t.Fatalf("decoded graph holds %d CIs and %d relations", back.Len(), back.Relations())
	}
	back = nil
	g.Quality()
	lap("quality report")
	one := `{"id":"x/new","name":"new","class":"Service"}` + "\n" + `{"from":"x/new","type":"runs_on","to":"dc0/host-0000000"}`
	g = mustImport(t, g, NDJSON, one, "hand", false)
	lap("import of one CI")
	if g.Len() != n+1 {
		t.Fatalf("graph holds %d CIs, want %d", g.Len(), n+1)
	}
}

// peak returns the largest resident size of the process so far.
func peak() string {
	raw, _ := os.ReadFile("/proc/self/status")
	for l := range strings.Lines(string(raw)) {
		if v, ok := strings.CutPrefix(l, "VmHWM:"); ok {
			return strings.TrimSpace(v)
		}
	}
	return "unknown"
}
