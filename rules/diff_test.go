package rules

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDiff(t *testing.T) {
	rule := func(id, rest string) string { return "id: " + id + "\nabout: x\n" + rest + "\n" }
	a, b, c := rule("a", "route: none"), rule("b", "route: none"), rule("c", "route: none")
	for _, tc := range []struct {
		name     string
		from, to []File
		want     []Change
	}{
		{"nothing", nil, nil, nil},
		{"cut differently", []File{{"x.yaml", a + "---\n" + b}}, []File{{"1.yaml", a}, {"2.yaml", "---\n" + b + "\n\n"}}, nil},
		{"added and removed", []File{{"x.yaml", a}}, []File{{"x.yaml", b}}, []Change{{ID: "a", Kind: "removed"}, {ID: "b", Kind: "added"}}},
		{"changed", []File{{"x.yaml", a}}, []File{{"x.yaml", rule("a", "route: {to: [pd]}")}},
			[]Change{{ID: "a", Kind: "changed", Lines: []string{"- route: none", "+ route: {to: [pd]}"}}}},
		{"moved", []File{{"x.yaml", a + "---\n" + b + "---\n" + c}}, []File{{"x.yaml", c + "---\n" + a + "---\n" + b}},
			[]Change{{ID: "c", Kind: "moved"}}},
		{"a table", []File{{"t.csv", "a\n1\n"}}, []File{{"t.csv", "a\n2\n"}}, []Change{{ID: "t.csv", Kind: "changed", Lines: []string{"- 1", "+ 2"}}}},
	} {
		if d := cmp.Diff(tc.want, Diff(tc.from, tc.to)); d != "" {
			t.Errorf("%s: %s", tc.name, d)
		}
	}
}
