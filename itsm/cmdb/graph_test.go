package cmdb

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// layers is a small estate with every kind of relation.
const layers = `
cis:
- {id: web, name: web, class: Service, tier: 1}
- {id: api, name: api, class: Service}
- {id: db, name: db, class: Database}
- {id: vm1, name: vm1, class: Host}
- {id: vm2, name: vm2, class: Host}
- {id: disk, name: disk, class: Volume}
- {id: cfg, name: cfg, class: ConfigMap}
relations:
- {from: web, type: calls, to: api}
- {from: web, type: depends_on, to: api}
- {from: api, type: depends_on, to: db}
- {from: api, type: runs_on, to: vm1}
- {from: db, type: runsOn, to: vm2}
- {from: disk, type: part_of, to: vm2}
- {from: cfg, type: used_by, to: web}
- {from: web, type: mystery, to: db}
`

func ids(g *Graph, refs []Ref) string {
	var out []string
	for _, r := range refs {
		out = append(out, g.ID(r))
	}
	return strings.Join(out, " ")
}

func reached(g *Graph, list []Reach) string {
	var out []string
	for _, x := range list {
		out = append(out, fmt.Sprintf("%s/%d", g.ID(x.Ref), x.Hops))
	}
	return strings.Join(out, " ")
}

func mustRef(tb testing.TB, g *Graph, id string) Ref {
	tb.Helper()
	r, ok := g.Lookup(id)
	if !ok {
		tb.Fatalf("no CI %s", id)
	}
	return r
}

func TestEdges(t *testing.T) {
	g := mustImport(t, Empty(DefaultRelationTypes()), YAML, layers, "test", false)
	web := mustRef(t, g, "web")
	want := []Edge{{mustRef(t, g, "api"), "calls"}, {mustRef(t, g, "api"), "depends_on"}, {mustRef(t, g, "cfg"), "used_by"}, {mustRef(t, g, "db"), "mystery"}}
	if d := cmp.Diff(want, g.Dependencies(web)); d != "" {
		t.Errorf("dependencies of web (-want +got):\n%s", d)
	}
	for _, c := range []struct {
		id, deps, dependants string
		fanIn                int
	}{
		{"web", "api cfg db", "", 0},
		{"api", "db vm1", "web", 1},
		{"db", "vm2", "api web", 2},
		{"vm2", "disk", "db", 1},
		{"disk", "", "vm2", 1},
		{"cfg", "", "web", 1},
	} {
		r := mustRef(t, g, c.id)
		if got := ids(g, g.AppendDependencies(nil, r)); got != c.deps {
			t.Errorf("%s depends on %q, want %q", c.id, got, c.deps)
		}
		if got := ids(g, g.AppendDependants(nil, r)); got != c.dependants {
			t.Errorf("%s is depended on by %q, want %q", c.id, got, c.dependants)
		}
		if got := g.FanIn(r); got != c.fanIn {
			t.Errorf("fan-in of %s is %d, want %d", c.id, got, c.fanIn)
		}
	}
	if n := len(g.Dependants(mustRef(t, g, "api"))); n != 2 {
		t.Errorf("api has %d dependant relations, want 2 of one CI", n)
	}
}

func TestWalks(t *testing.T) {
	g := mustImport(t, Empty(DefaultRelationTypes()), YAML, layers, "test", false)
	ref := func(id string) Ref { return mustRef(t, g, id) }
	for _, c := range []struct{ what, got, want string }{
		{"web explained in 0", reached(g, g.Explains(ref("web"), 0, nil)), "web/0"},
		{"web explained in 1", reached(g, g.Explains(ref("web"), 1, nil)), "web/0 api/1 cfg/1 db/1"},
		{"web explained in 3", reached(g, g.Explains(ref("web"), 3, nil)), "web/0 api/1 cfg/1 db/1 vm1/2 vm2/2 disk/3"},
		{"impact of disk", reached(g, g.Impact(ref("disk"), 9, nil)), "disk/0 vm2/1 db/2 api/3 web/3"},
		{"within 2 of vm1", reached(g, g.Within(ref("vm1"), 2, 0, nil)), "vm1/0 api/1 db/2 web/2"},
		{"within 2 of vm1, not through hubs", reached(g, g.Within(ref("vm1"), 2, 3, nil)), "vm1/0 api/1"},
		{"within 1 of a hub", reached(g, g.Within(ref("web"), 1, 1, nil)), "web/0 api/1 cfg/1 db/1"},
		{"path", ids(g, g.Path(ref("web"), ref("vm2"), 3)), "web db vm2"},
		{"path to itself", ids(g, g.Path(ref("web"), ref("web"), 3)), "web"},
		{"path too long", ids(g, g.Path(ref("web"), ref("disk"), 2)), ""},
		{"path against the stream", ids(g, g.Path(ref("vm2"), ref("web"), 5)), ""},
		{"services of disk", ids(g, g.Services(ref("disk"), 9)), "api web"},
		{"services of web", ids(g, g.Services(ref("web"), 9)), "web"},
	} {
		if c.got != c.want {
			t.Errorf("%s: %q, want %q", c.what, c.got, c.want)
		}
	}
	if got := g.Explains(NoRef, 3, nil); len(got) != 0 {
		t.Errorf("NoRef is explained by %v", got)
	}
}

// TestWalkBounds: a hub of 5,000 CIs yields the first ReachMax by id, and a
// cycle ends.
func TestWalkBounds(t *testing.T) {
	var b strings.Builder
	b.WriteString(`{"id":"hub","name":"hub","class":"Service"}` + "\n")
	for i := range 5000 {
		fmt.Fprintf(&b, `{"id":"n%04d","name":"n%d","class":"Service"}`+"\n", i, i)
		fmt.Fprintf(&b, `{"from":"hub","type":"calls","to":"n%04d"}`+"\n", 4999-i)
		fmt.Fprintf(&b, `{"from":"n%04d","type":"calls","to":"hub"}`+"\n", i)
	}
	g := mustImport(t, Empty(DefaultRelationTypes()), NDJSON, b.String(), "test", false)
	hub := mustRef(t, g, "hub")
	got := g.Explains(hub, 5, nil)
	if len(got) != ReachMax || g.ID(got[1].Ref) != "n0000" || g.ID(got[ReachMax-1].Ref) != fmt.Sprintf("n%04d", ReachMax-2) {
		t.Errorf("%d CIs, last %s", len(got), g.ID(got[len(got)-1].Ref))
	}
	seen := map[Ref]bool{}
	for _, x := range got {
		if seen[x.Ref] {
			t.Fatalf("%s was reached twice", g.ID(x.Ref))
		}
		seen[x.Ref] = true
	}
	if n := len(g.Services(hub, 3)); n != ServicesMax {
		t.Errorf("%d services, want %d", n, ServicesMax)
	}
	if g.FanIn(hub) != 5000 {
		t.Errorf("fan-in %d", g.FanIn(hub))
	}
}

func TestExplainsAllocates(t *testing.T) {
	g := mustImport(t, Empty(DefaultRelationTypes()), YAML, layers, "test", false)
	web := mustRef(t, g, "web")
	buf := make([]Reach, 0, 64)
	if n := testing.AllocsPerRun(100, func() { g.Explains(web, 3, buf); g.Within(web, 2, 20, buf) }); n != 0 {
		t.Errorf("%v allocations with a buffer that is large enough", n)
	}
}

func TestRelationTypes(t *testing.T) {
	types := DefaultRelationTypes()
	for name, want := range map[string]string{
		"depends_on": "to_affects_from true", "dependsOn": "to_affects_from true", "Depends on": "to_affects_from true", "part-of": "from_affects_to true", "USED_BY": "from_affects_to true",
		"partOf": "from_affects_to true", "mystery": "to_affects_from false", "": "to_affects_from false",
	} {
		d, known := types.Direction(name)
		if got := fmt.Sprint(d, known); got != want {
			t.Errorf("Direction(%q) = %s, want %s", name, got, want)
		}
	}
}

// TestWithTypes: another direction turns the relations round, and back again is
// as if nothing had been.
func TestWithTypes(t *testing.T) {
	g := mustImport(t, Empty(DefaultRelationTypes()), YAML, layers, "test", false)
	types := DefaultRelationTypes()
	types["mystery"] = FromAffectsTo
	turned := g.WithTypes(types)
	if got := ids(turned, turned.AppendDependants(nil, mustRef(t, turned, "web"))); got != "db" {
		t.Errorf("dependants of web %q, want db", got)
	}
	if got := turned.FanIn(mustRef(t, turned, "db")); got != 1 {
		t.Errorf("fan-in of db %d, want 1", got)
	}
	back := turned.WithTypes(DefaultRelationTypes())
	if d := cmp.Diff(dump(g), dump(back)); d != "" {
		t.Errorf("turned twice (-want +got):\n%s", d)
	}
	if d := cmp.Diff(strings.Split(export(t, g, NDJSON), "\n"), strings.Split(export(t, turned, NDJSON), "\n"),
		cmp.Transformer("sorted", func(s []string) map[string]int {
			m := map[string]int{}
			for _, l := range s {
				m[l]++
			}
			return m
		})); d != "" {
		t.Errorf("a direction changed what is written (-before +after):\n%s", d)
	}
}

// TestConfigure: other settings are another revision, the same ones are the same
// graph, and a snapshot keeps them.
func TestConfigure(t *testing.T) {
	g := mustImport(t, Empty(DefaultRelationTypes()), YAML, layers, "test", false)
	if g.Configure(Settings{}) != g {
		t.Error("the defaults made another revision")
	}
	s := Settings{RelationTypes: map[string]Direction{"Mystery": FromAffectsTo}, Mappings: []Mapping{{Source: "dd", Label: "box", Names: "host"}}}
	next := g.Configure(s)
	if next.Revision() != g.Revision()+1 || next.Configure(s) != next {
		t.Errorf("revision %d after %d, or a second one for the same settings", next.Revision(), g.Revision())
	}
	if got := ids(next, next.AppendDependants(nil, mustRef(t, next, "web"))); got != "db" {
		t.Errorf("dependants of web %q, want db", got)
	}
	if got := ids(g, g.AppendDependants(nil, mustRef(t, g, "web"))); got != "" {
		t.Errorf("the older revision changed: dependants of web %q", got)
	}
	var b bytes.Buffer
	if err := next.Encode(&b); err != nil {
		t.Fatal(err)
	}
	again, err := Decode(&b)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(dump(next), dump(again)); d != "" || again.Configure(s) != again {
		t.Errorf("through a snapshot (-want +got):\n%s", d)
	}
	if back := next.Configure(Settings{}); back.Direction("mystery") != ToAffectsFrom || len(back.Mappings()) != 0 {
		t.Error("settings that were taken back still count")
	}
}

func TestSettingsAreChecked(t *testing.T) {
	for want, s := range map[string]Settings{
		"relation_types.part_of":  {RelationTypes: map[string]Direction{"part_of": FromAffectsTo, "partOf": ToAffectsFrom}},
		"relation_types.":         {RelationTypes: map[string]Direction{"": FromAffectsTo}},
		"mappings[1].label":       {Mappings: []Mapping{{Label: "a", Names: "ci"}, {Names: "ci"}}},
		"mappings[0].names: hots": {Mappings: []Mapping{{Label: "a", Names: "hots"}}},
	} {
		got := s.Validate()
		if len(got) != 1 || !strings.HasPrefix(got[0].Error(), want) {
			t.Errorf("got %v, want one about %s", got, want)
		}
	}
}

// dump is everything a reader can see of a graph, by Ref.
func dump(g *Graph) []string {
	var out []string
	for r := range Ref(g.Refs()) {
		out = append(out, fmt.Sprintf("%d %v retired=%v sources=%v deps=%v dependants=%v fanin=%d", r, g.CI(r), g.Retired(r), g.Sources(r),
			g.Dependencies(r), g.Dependants(r), g.FanIn(r)))
	}
	return append(out, fmt.Sprint(g.Revision(), g.Len(), g.Relations(), g.Mappings()))
}
