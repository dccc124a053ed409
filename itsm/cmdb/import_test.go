package cmdb

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"signalbox/itsm"
)

const firstImport = `
cis:
- {id: a, name: A, class: Host, owner: ops, attributes: {cpu: 2, os: linux}}
- {id: b, name: B, class: Service, tier: 2, aliases: [bee]}
- {id: c, name: C, class: Service}
- {id: d, name: D, class: Service}
relations:
- {from: b, type: runs_on, to: a}
- {from: c, type: runs_on, to: a}
- {from: b, type: calls, to: c}
- {from: d, type: calls, to: b}
`

func planOf(t *testing.T, g *Graph, text, source string, prune bool) (Changes, Diff, []Problem) {
	t.Helper()
	doc, ps := Parse(YAML, strings.NewReader(text))
	if Blocking(ps) {
		t.Fatal(ps)
	}
	return g.Plan(doc, source, prune)
}

func TestPlanDiff(t *testing.T) {
	g := mustImport(t, Empty(DefaultRelationTypes()), YAML, firstImport, "one", false)
	g = mustImport(t, g, YAML, "cis: [{id: d, name: D, class: Service}]\nrelations: [{from: c, type: calls, to: d}]", "two", false)
	c, d, ps := planOf(t, g, `
cis:
- {id: a, name: A1, class: Host, owner: ops, tier: 3, attributes: {cpu: 4, ram: "8"}}
- {id: b, name: B, class: Service, tier: 2, aliases: [bee]}
- {id: e, name: E, class: Service}
relations:
- {from: b, type: runs_on, to: a}
- {from: e, type: runs_on, to: a}
- {from: e, type: swims_in, to: a}
- {from: e, type: runs_on, to: a}
`, "one", true)
	want := Diff{
		Revision: 2, Source: "one", CIsAdded: 1, CIsChanged: 1, CIsRetired: 1, CIsUnchanged: 1, CIsUnlisted: 1,
		RelationsAdded: 2, RelationsRemoved: 4, RelationsUnchanged: 1,
		Added: []string{"e"}, Retired: []string{"c"},
		Changed: []CIChange{{ID: "a", Fields: []FieldChange{{"name", "A", "A1"}, {"tier", "", "3"}, {"attributes.cpu", "2", "4"},
			{"attributes.os", `"linux"`, ""}, {"attributes.ram", "", `"8"`}}}},
		AddedRelations: []itsm.Relation{{From: "e", Type: "runs_on", To: "a"}, {From: "e", Type: "swims_in", To: "a"}},
		RemovedRelations: []itsm.Relation{{From: "b", Type: "calls", To: "c"}, {From: "c", Type: "runs_on", To: "a"},
			{From: "c", Type: "calls", To: "d"}, {From: "d", Type: "calls", To: "b"}},
	}
	if diff := cmp.Diff(want, d); diff != "" {
		t.Errorf("diff (-want +got):\n%s", diff)
	}
	var got []string
	for _, p := range ps {
		got = append(got, p.String())
	}
	if diff := cmp.Diff([]string{
		`line 9: type "swims_in": unknown relation type; it is treated as depends_on until its direction is configured (warning)`,
		`line 10: to "a": the relation is listed twice; the second is left out (warning)`,
	}, got); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
	next := g.Apply(c)
	if next.Len() != g.Len()+d.CIsAdded-d.CIsRetired || next.Relations() != g.Relations()+d.RelationsAdded-d.RelationsRemoved {
		t.Errorf("%d CIs and %d relations after %s", next.Len(), next.Relations(), d.String())
	}
	if _, ok := next.Lookup("c"); ok {
		t.Error("c is still there")
	}
	if r, ok := next.Lookup("d"); !ok || cmp.Diff(next.Sources(r), []string{"two"}) != "" {
		t.Error("d is listed by two, and must stay with that as its only source")
	}
}

// TestRetiredReturns: a CI that comes back has its old Ref, and names nothing in
// between.
func TestRetiredReturns(t *testing.T) {
	g := mustImport(t, Empty(DefaultRelationTypes()), YAML, firstImport, "one", false)
	was := mustRef(t, g, "b")
	gone := mustImport(t, g, YAML, "cis: [{id: a, name: A, class: Host}]", "one", true)
	if !gone.Retired(was) || gone.ID(was) != "b" || gone.Relations() != 0 || gone.FanIn(mustRef(t, gone, "a")) != 0 {
		t.Errorf("b is not retired cleanly: %v", dump(gone))
	}
	if b := gone.Identify(Sighting{Labels: labelsOf("service=bee")}); b.Ref != NoRef {
		t.Error("a retired CI was bound by its alias")
	}
	if b := gone.Identify(Sighting{CIName: "b"}); b.Ref != NoRef {
		t.Error("a retired CI was bound by its id")
	}
	back := mustImport(t, gone, YAML, firstImport, "one", true)
	if r := mustRef(t, back, "b"); r != was {
		t.Errorf("b came back as %d, was %d", r, was)
	}
	if b := back.Identify(Sighting{Labels: labelsOf("service=bee")}); b.Ref != was {
		t.Error("the alias is not bound after the return")
	}
	if got, want := export(t, back, NDJSON), export(t, g, NDJSON); got != want {
		t.Errorf("after the return:\n%s\nwant\n%s", got, want)
	}
}

func TestPlanRefuses(t *testing.T) {
	g := mustImport(t, Empty(DefaultRelationTypes()), YAML, firstImport, "one", false)
	for _, c := range []struct {
		name, text, source string
		prune              bool
		want               string
	}{
		{"dangling", "relations: [{from: a, type: calls, to: nobody}]", "one", false, `line 1: to "nobody": no such CI; list it among the cis or correct the id`},
		{"retired by this import", "cis: [{id: a, name: A, class: Host}]\nrelations:\n- {from: a, type: calls, to: b}", "one", true,
			`line 3: to "b": this import retires the CI; list it among the cis or leave the relation out`},
		{"no source", "cis: []", "", false, `source expected a name of 1 to 100 bytes for what is imported`},
	} {
		changes, _, ps := planOf(t, g, c.text, c.source, c.prune)
		if len(ps) != 1 || ps[0].String() != c.want || !Blocking(ps) {
			t.Errorf("%s: problems %v, want %s", c.name, ps, c.want)
		}
		if !changes.Empty() {
			t.Errorf("%s: an import with errors has changes", c.name)
		}
	}
}

// TestPruneSpeaksOnlyOfItsFile: the CSV file of CIs says nothing about relations
// and the other way round.
func TestPruneSpeaksOnlyOfItsFile(t *testing.T) {
	g := mustImport(t, Empty(DefaultRelationTypes()), YAML, firstImport, "one", false)
	cis := export(t, g, CSVCIs)
	if _, d, _ := planText(t, g, CSVCIs, cis, true); !d.Empty() {
		t.Errorf("importing the same CIs would change: %s", d.String())
	}
	_, d, _ := planText(t, g, CSVRelations, "from,type,to\nb,calls,c\n", true)
	if d.CIsRetired != 0 || d.RelationsRemoved != 3 {
		t.Errorf("importing one relation would change: %s", d.String())
	}
	// A CI that goes takes its relations with it, even when the file is about CIs.
	_, d, _ = planText(t, g, CSVCIs, strings.Replace(cis, "b,B", "x,B", 1), true)
	if d.CIsRetired != 1 || d.RelationsRemoved != 3 {
		t.Errorf("replacing b would change: %s", d.String())
	}
}

func planText(t *testing.T, g *Graph, f Format, text string, prune bool) (Changes, Diff, []Problem) {
	t.Helper()
	doc, ps := Parse(f, strings.NewReader(text))
	if Blocking(ps) {
		t.Fatal(ps)
	}
	return g.Plan(doc, "one", prune)
}

func TestDiffIsBounded(t *testing.T) {
	var b strings.Builder
	writeEstate(&b, 1000)
	doc, _ := Parse(NDJSON, strings.NewReader(b.String()))
	_, d, _ := Empty(DefaultRelationTypes()).Plan(doc, "one", false)
	if d.CIsAdded != 1000 || len(d.Added) != ListingMax || len(d.AddedRelations) != ListingMax || !d.Truncated {
		t.Errorf("%s, listed %d and %d, truncated %v", d.String(), len(d.Added), len(d.AddedRelations), d.Truncated)
	}
}

func TestChunksAreBounded(t *testing.T) {
	var b strings.Builder
	writeEstate(&b, 2000)
	doc, _ := Parse(NDJSON, strings.NewReader(b.String()))
	c, _, _ := Empty(DefaultRelationTypes()).Plan(doc, "one", false)
	chunks := c.Chunks(8 << 10)
	for i, x := range chunks {
		if len(x) > 8<<10 {
			t.Errorf("chunk %d has %d bytes", i, len(x))
		}
	}
	if len(chunks) < 10 {
		t.Fatalf("%d chunks", len(chunks))
	}
	for name, bad := range map[string][][]byte{
		"none": nil, "one missing": chunks[1:], "last missing": chunks[:len(chunks)-1],
		"swapped": append([][]byte{chunks[1], chunks[0]}, chunks[2:]...),
		"damaged": append([][]byte{append([]byte{}, chunks[0][:len(chunks[0])-9]...)}, chunks[1:]...),
	} {
		if _, err := DecodeChunks(bad); itsm.CodeOf(err) != itsm.Invalid {
			t.Errorf("%s: error %v, want invalid", name, err)
		}
	}
}

func TestQuality(t *testing.T) {
	g := mustImport(t, Empty(DefaultRelationTypes()), YAML, `
cis:
- {id: a, name: same, class: Service, owner: x, tier: 1, env: prod}
- {id: b, name: other, class: Service, support_group: y, env: prod, aliases: [Same]}
- {id: c, name: same, class: Host, env: staging}
- {id: d, name: d, class: Pod}
relations:
- {from: a, type: calls, to: b}
- {from: b, type: calls, to: d}
- {from: d, type: feeds, to: a}
`, "one", false)
	want := Quality{
		Revision: 1, CIs: 4, Relations: 3,
		WithoutOwner: Count{2, []string{"c", "d"}}, WithoutTier: Count{1, []string{"b"}}, WithoutRelations: Count{1, []string{"c"}},
		DuplicateNames: Count{1, []string{"same"}}, CommonNames: Count{0, []string{}}, Cycles: Count{1, []string{"a, b, d"}},
		Dangling: Count{0, []string{}}, UnknownTypes: Count{1, []string{"feeds (1)"}},
	}
	if d := cmp.Diff(want, g.Quality()); d != "" {
		t.Errorf("quality (-want +got):\n%s", d)
	}
}
