package cmdb

import (
	"bufio"
	"bytes"
	"strings"
	"testing"
)

// fuzzed checks that whatever Parse accepts can be planned, applied, exported
// and imported again.
func fuzzed(t *testing.T, f Format, text string) {
	doc, ps := Parse(f, strings.NewReader(text))
	if len(ps) > 2*ProblemsMax+2 {
		t.Fatalf("%d problems", len(ps))
	}
	g := Empty(DefaultRelationTypes())
	c, _, more := g.Plan(doc, "fuzz", true)
	if Blocking(ps) || Blocking(more) {
		if !c.Empty() {
			t.Fatal("an import with errors has changes")
		}
		return
	}
	g = g.Apply(c)
	for _, out := range []Format{JSON, YAML, CSVCIs} {
		var b bytes.Buffer
		if err := g.Write(out, &b); err != nil {
			t.Fatal(err)
		}
		if _, ps := Parse(out, &b); Blocking(ps) {
			t.Fatalf("export as %s is not importable: %v", out, ps)
		}
	}
	g.Quality()
}

func FuzzParseJSON(f *testing.F) {
	f.Add(`{"cis": [{"id": "a", "name": "A", "class": "Host", "tier": 1, "aliases": ["x"], "attributes": {"a": [1, {"b": null}]}}], "relations": []}`)
	f.Add(`{"cis": [{"id": "\ud83d\ude00", "name": "\u00e9", "class": "\/"}]}`)
	f.Fuzz(func(t *testing.T, text string) { fuzzed(t, JSON, text) })
}

func FuzzParseNDJSON(f *testing.F) {
	f.Add("{\"id\": \"a\", \"name\": \"A\", \"class\": \"Host\"}\n{\"from\": \"a\", \"type\": \"calls\", \"to\": \"b\"}\n{\"ci\": {}}\n{\"cis\": [{}]}")
	f.Fuzz(func(t *testing.T, text string) { fuzzed(t, NDJSON, text) })
}

func FuzzParseYAML(f *testing.F) {
	f.Add(shop)
	f.Add("cis: [{id: &a a, name: *a, class: x, attributes: {k: [0x1f, .5, 2020-01-01, ~, !!binary aGk=], ? [a] : b}}]")
	f.Fuzz(func(t *testing.T, text string) { fuzzed(t, YAML, text) })
}

func FuzzParseCSV(f *testing.F) {
	f.Add("id,name,class,tier,aliases,attributes\na,A,Host,1,x|y,\"{\"\"k\"\":1}\"\n'=b,\"B\nC\",Host,,[],\n", true)
	f.Add("from,type,to\na,calls,b\n", false)
	f.Fuzz(func(t *testing.T, text string, cis bool) {
		if cis {
			fuzzed(t, CSVCIs, text)
		} else {
			fuzzed(t, CSVRelations, text)
		}
	})
}

// FuzzDecodeChunks: damaged chunks are refused, and what is accepted can be
// applied twice and written.
func FuzzDecodeChunks(f *testing.F) {
	doc, _ := Parse(YAML, strings.NewReader(shop))
	c, _, _ := Empty(DefaultRelationTypes()).Plan(doc, "one", false)
	for _, b := range c.Chunks(600) {
		f.Add(bytes.TrimPrefix(b[:len(b)-4], []byte(chunkMagic))[2:])
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		w := chunkWriter{bodies: [][]byte{body}} // with a checksum, so that the reader is reached
		c, err := DecodeChunks(w.finish())
		if err != nil {
			return
		}
		g := Empty(DefaultRelationTypes()).Apply(c)
		g = g.Apply(c)
		if again, err := DecodeChunks(c.Chunks(1000)); err != nil || len(again.puts) != len(c.puts) || len(again.adds) != len(c.adds) {
			t.Fatalf("chunks of decoded changes: %v", err)
		}
		if err := g.Write(NDJSON, new(bytes.Buffer)); err != nil {
			t.Fatal(err)
		}
	})
}

// FuzzDecode: whatever is in the frames of a snapshot, the result is an error or
// a graph that can be used.
func FuzzDecode(f *testing.F) {
	g := mustImport(f, Empty(DefaultRelationTypes()), YAML, layers, "one", false)
	g = mustImport(f, g, YAML, "cis: [{id: web, name: web, class: Service}]", "one", true)
	var b bytes.Buffer
	if err := g.Encode(&b); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes()[len(snapshotMagic)+2 : b.Len()-9])
	f.Fuzz(func(t *testing.T, body []byte) {
		var raw bytes.Buffer
		e := encoder{w: bufio.NewWriter(&raw)}
		e.raw([]byte(snapshotMagic))
		for len(body) > 0 {
			n := min(len(body), frameMax)
			e.buf = append(e.buf, body[:n]...)
			e.frame()
			body = body[n:]
		}
		e.frame()
		e.w.Flush()
		g, err := Decode(&raw)
		if err != nil {
			return
		}
		dump(g)
		g.Identify(Sighting{Labels: labelsOf("service=web,host=vm1")})
		if err := g.Encode(new(bytes.Buffer)); err != nil {
			t.Fatal(err)
		}
	})
}

// FuzzIdentify: no label makes it fail, and an answer has its CI or a key.
func FuzzIdentify(f *testing.F) {
	g := mustImport(f, Empty(DefaultRelationTypes()), YAML, shop, "one", false)
	f.Add("host", "web1:9100", "pod", "cart-7f8b9c6d54-q2w4z", "")
	f.Fuzz(func(t *testing.T, a, b, c, d, ci string) {
		r := g.Identify(Sighting{Source: "s", CIName: ci, Labels: labelsOf(a + "=" + b + "," + c + "=" + d)})
		if (r.Ref == NoRef) != (r.Provisional != "") || len(r.Provisional) > provisionalMax {
			t.Fatalf("bound to %d with key %q", r.Ref, r.Provisional)
		}
	})
}
