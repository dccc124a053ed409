package cmdb

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"signalbox/itsm"
)

// words are what generated CIs are made of: few, so that they collide, and
// awkward, so that every format has to escape.
var words = []string{"a", "A", "b-1", "b_1", "web.example.net", "prod/a", "prod/a-service", "x|y", "[z]", "=1+1", "'q", "é", "p\u2028q", "10.0.0.1",
	"no", "1e3", "null", "~", "a,b", "a\"b", "#", ": ", "- c", "{d}", "\\", "long" + strings.Repeat("g", 600)}

func genWord(t *rapid.T, label string) string {
	w := rapid.SampledFrom(words).Draw(t, label)
	return strings.TrimSpace(w[:min(len(w), 500)])
}

func genCIs(t *rapid.T) []itsm.CI {
	byID := map[string]itsm.CI{}
	for range rapid.IntRange(0, 8).Draw(t, "cis") {
		c := itsm.CI{ID: genWord(t, "id"), Name: genWord(t, "name"), Tier: rapid.IntRange(0, TierMax).Draw(t, "tier"),
			Class: rapid.SampledFrom([]string{"Service", "Host", "Pod", "=x"}).Draw(t, "class")}
		if rapid.Bool().Draw(t, "more") {
			c.Env, c.Owner, c.SupportGroup = "prod", genWord(t, "owner"), "ops"
			if len(c.Owner) > 200 {
				c.Owner = "o"
			}
			c.Aliases = []string{genWord(t, "alias"), genWord(t, "alias")}
			c.Attributes = map[string]any{"ip": "10.0.0.1", genWord(t, "key"): genWord(t, "value"), "n": 1.5, "b": true,
				"l": []any{genWord(t, "element"), nil, map[string]any{genWord(t, "key"): "\u0085\ufeff\U0001f600\n"}}}
		}
		byID[c.ID] = c
	}
	var out []itsm.CI
	for _, id := range slices.Sorted(maps.Keys(byID)) {
		out = append(out, byID[id])
	}
	return out
}

func genRelations(t *rapid.T, cis []itsm.CI) []itsm.Relation {
	var out []itsm.Relation
	if len(cis) < 2 {
		return nil
	}
	for range rapid.IntRange(0, 12).Draw(t, "relations") {
		from, to := rapid.IntRange(0, len(cis)-1).Draw(t, "from"), rapid.IntRange(0, len(cis)-1).Draw(t, "to")
		typ := rapid.SampledFrom([]string{"depends_on", "used_by", "part_of", "mystery", "=calls"}).Draw(t, "type")
		if r := (itsm.Relation{From: cis[from].ID, Type: typ, To: cis[to].ID}); from != to && !slices.Contains(out, r) {
			out = append(out, r)
		}
	}
	return out
}

// world is what the graph should hold: who lists what.
type world struct {
	cis       map[string]itsm.CI
	by        map[string]map[string]bool
	relations map[itsm.Relation]map[string]bool
}

// load is the rule of imports, written for clearness.
func (w *world) load(cis []itsm.CI, relations []itsm.Relation, source string, prune bool) {
	if prune {
		for id := range w.by {
			delete(w.by[id], source)
		}
		for r := range w.relations {
			delete(w.relations[r], source)
		}
	}
	for _, c := range cis {
		w.cis[c.ID] = c
		if w.by[c.ID] == nil {
			w.by[c.ID] = map[string]bool{}
		}
		w.by[c.ID][source] = true
	}
	for _, r := range relations {
		if w.relations[r] == nil {
			w.relations[r] = map[string]bool{}
		}
		w.relations[r][source] = true
	}
	maps.DeleteFunc(w.by, func(_ string, by map[string]bool) bool { return len(by) == 0 })
	maps.DeleteFunc(w.relations, func(r itsm.Relation, by map[string]bool) bool {
		return len(by) == 0 || w.by[r.From] == nil || w.by[r.To] == nil
	})
}

// TestImportsModel runs random imports against the model: the graph holds
// exactly what the model does, old revisions do not change, a graph built at
// once is equal, and chunks, replay and snapshots change nothing.
func TestImportsModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := world{map[string]itsm.CI{}, map[string]map[string]bool{}, map[itsm.Relation]map[string]bool{}}
		g := Empty(DefaultRelationTypes())
		replay := Empty(DefaultRelationTypes())
		for range rapid.IntRange(1, 6).Draw(t, "imports") {
			cis := genCIs(t)
			relations := genRelations(t, cis)
			source := rapid.SampledFrom([]string{"one", "two"}).Draw(t, "source")
			prune := rapid.Bool().Draw(t, "prune")
			doc, ps := NewDoc(cis, relations)
			if Blocking(ps) {
				t.Fatalf("document: %v", ps)
			}
			c, d, ps := g.Plan(doc, source, prune)
			if Blocking(ps) {
				t.Fatalf("plan: %v", ps)
			}
			before := dump(g)
			next := g.Apply(c)
			if diff := cmp.Diff(before, dump(g)); diff != "" {
				t.Fatalf("Apply changed the revision it started from:\n%s", diff)
			}
			if next.Len() != g.Len()+d.CIsAdded-d.CIsRetired || next.Relations() != g.Relations()+d.RelationsAdded-d.RelationsRemoved {
				t.Fatalf("%d CIs and %d relations became %d and %d by %s", g.Len(), g.Relations(), next.Len(), next.Relations(), d.String())
			}
			decoded, err := DecodeChunks(c.Chunks(rapid.IntRange(1, 4000).Draw(t, "chunk")))
			if err != nil {
				t.Fatal(err)
			}
			replay = replay.Apply(decoded)
			w.load(cis, relations, source, prune)
			g = next
			checkModel(t, g, &w)
			if again, _, _ := g.Plan(doc, source, prune); !again.Empty() {
				t.Fatalf("the same import once more changes something: %+v", again)
			}
		}
		if diff := cmp.Diff(dump(g), dump(replay)); diff != "" {
			t.Fatalf("replay from chunks (-live +replay):\n%s", diff)
		}
		checkSnapshot(t, g)
		checkFresh(t, g)
	})
}

func checkModel(t *rapid.T, g *Graph, w *world) {
	if g.Len() != len(w.by) || g.Relations() != len(w.relations) {
		t.Fatalf("%d CIs and %d relations, want %d and %d", g.Len(), g.Relations(), len(w.by), len(w.relations))
	}
	for id, by := range w.by {
		r, ok := g.Lookup(id)
		if !ok {
			t.Fatalf("%q is missing", id)
		}
		if got, want := g.Sources(r), slices.Sorted(maps.Keys(by)); !slices.Equal(got, want) {
			t.Fatalf("%q is listed by %v, want %v", id, got, want)
		}
		if c := g.CI(r); c.Name != w.cis[id].Name || c.Tier != w.cis[id].Tier || !slices.Equal(c.Aliases, w.cis[id].Aliases) {
			t.Fatalf("CI %+v, want %+v", c, w.cis[id])
		}
		if b := g.Identify(Sighting{CIName: id}); b.Ref != r && len(b.Ambiguous) == 0 {
			t.Fatalf("%q is bound to %d, want %d; trail %v", id, b.Ref, r, b.Trail)
		}
		checkLists(t, g, r)
	}
	for rel := range w.relations {
		from, to := rel.From, rel.To
		if rel.Type == "used_by" || rel.Type == "part_of" {
			from, to = to, from
		}
		f, _ := g.Lookup(from)
		o, _ := g.Lookup(to)
		if !slices.Contains(g.Dependencies(f), Edge{o, rel.Type}) || !slices.Contains(g.Dependants(o), Edge{f, rel.Type}) {
			t.Fatalf("%v is missing", rel)
		}
	}
}

// checkLists checks order and counts.
func checkLists(t *rapid.T, g *Graph, r Ref) {
	for _, list := range [][]Edge{g.Dependencies(r), g.Dependants(r)} {
		if !slices.IsSortedFunc(list, func(a, b Edge) int { return strings.Compare(g.ID(a.To), g.ID(b.To)) }) {
			t.Fatalf("relations of %q are out of order: %v", g.ID(r), list)
		}
	}
	if got, want := g.FanIn(r), len(g.AppendDependants(nil, r)); got != want {
		t.Fatalf("fan-in of %q is %d, want %d", g.ID(r), got, want)
	}
}

func checkSnapshot(t *rapid.T, g *Graph) {
	var b bytes.Buffer
	if err := g.Encode(&b); err != nil {
		t.Fatal(err)
	}
	back, err := Decode(bytes.NewReader(b.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(dump(g), dump(back)); diff != "" {
		t.Fatalf("snapshot (-before +after):\n%s", diff)
	}
	var again bytes.Buffer
	if err := back.Encode(&again); err != nil || !bytes.Equal(b.Bytes(), again.Bytes()) {
		t.Fatalf("encoding what was decoded gives other bytes, error %v", err)
	}
	if b.Len() > 0 { // damage anywhere is noticed
		i := rapid.IntRange(0, b.Len()-1).Draw(t, "damage")
		raw := bytes.Clone(b.Bytes())
		raw[i] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		if _, err := Decode(bytes.NewReader(raw)); err == nil {
			t.Fatalf("a snapshot with byte %d damaged was decoded", i)
		}
		if _, err := Decode(bytes.NewReader(b.Bytes()[:i])); err == nil {
			t.Fatalf("a snapshot of %d of %d bytes was decoded", i, b.Len())
		}
	}
}

// checkFresh imports every export into an empty graph, exports that, and asks
// both graphs the same questions.
func checkFresh(t *rapid.T, g *Graph) {
	for _, formats := range [][]Format{{JSON}, {NDJSON}, {YAML}, {CSVCIs, CSVRelations}} {
		fresh := Empty(DefaultRelationTypes())
		for _, f := range formats {
			var b bytes.Buffer
			if err := g.Write(f, &b); err != nil {
				t.Fatal(err)
			}
			doc, ps := Parse(f, bytes.NewReader(b.Bytes()))
			if len(ps) > 0 {
				t.Fatalf("%s export is not clean: %v\n%s", f, ps, b.String())
			}
			c, _, ps := fresh.Plan(doc, "x", true)
			if Blocking(ps) {
				t.Fatalf("%s: %v", f, ps)
			}
			fresh = fresh.Apply(c)
		}
		for _, f := range []Format{JSON, NDJSON, YAML, CSVCIs, CSVRelations} {
			var got, want bytes.Buffer
			if fresh.Write(f, &got) != nil || g.Write(f, &want) != nil || got.String() != want.String() {
				t.Fatalf("export as %s after import as %v (-want +got):\n%s", f, formats, cmp.Diff(want.String(), got.String()))
			}
		}
		for _, w := range words {
			for _, l := range []string{"service", "host", "pod", "namespace"} {
				s := Sighting{Source: "s", Labels: itsm.LabelsOf(map[string]string{l: w})}
				a, b := g.Identify(s), fresh.Identify(s)
				slices.Sort(a.Ambiguous) // listed by Ref, which depends on the past
				slices.Sort(b.Ambiguous)
				if got, want := answer(fresh, b), answer(g, a); got != want {
					t.Fatalf("%s=%s is %s in a fresh graph, %s in this", l, w, got, want)
				}
			}
		}
	}
}

func answer(g *Graph, b Binding) string {
	if b.Ref == NoRef {
		return fmt.Sprint(b.Provisional, b.Ambiguous)
	}
	return g.ID(b.Ref) + " by " + b.By
}
