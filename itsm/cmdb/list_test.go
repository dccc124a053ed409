package cmdb

import (
	"fmt"
	"strings"
	"testing"
)

func TestList(t *testing.T) {
	g := mustImport(t, Empty(DefaultRelationTypes()), YAML, layers, "one", false)
	g = mustImport(t, g, YAML, "cis: [{id: aaa, name: First, class: host}, {id: mmm, name: M, class: Service}]", "two", false)
	g = mustImport(t, g, YAML, "cis: [{id: aaa, name: First, class: host}]", "two", true)
	for _, c := range []struct {
		q          Query
		want, next string
	}{
		{Query{}, "aaa api cfg db disk vm1 vm2 web", ""},
		{Query{Limit: 3}, "aaa api cfg", "cfg"},
		{Query{Limit: 3, After: "cfg"}, "db disk vm1", "vm1"},
		{Query{Limit: 3, After: "vm1"}, "vm2 web", ""},
		{Query{After: "zzz"}, "", ""},
		{Query{Class: "HOST"}, "aaa vm1 vm2", ""},
		{Query{Text: "FIRST"}, "aaa", ""},
		{Query{Text: "i", Limit: 1}, "aaa", "aaa"},
	} {
		page, next := g.List(c.q)
		if got := ids(g, page); got != c.want || next != c.next {
			t.Errorf("List(%+v) = %q next %q, want %q next %q", c.q, got, next, c.want, c.next)
		}
	}
}

func TestListRelations(t *testing.T) {
	g := mustImport(t, Empty(DefaultRelationTypes()), YAML, layers, "one", false)
	var all []string
	cursor := ""
	for range 20 {
		page, next, err := g.ListRelations(cursor, 3)
		if err != nil || len(page) > 3 {
			t.Fatal(len(page), err)
		}
		for _, r := range page {
			all = append(all, fmt.Sprint(r.From, " ", r.Type, " ", r.To))
		}
		if cursor = next; cursor == "" {
			break
		}
	}
	want := "api depends_on db, api runs_on vm1, db runsOn vm2, disk part_of vm2, web calls api, web depends_on api, cfg used_by web, web mystery db"
	if got := strings.Join(all, ", "); got != want {
		t.Errorf("relations %s, want %s", got, want)
	}
	if _, _, err := g.ListRelations("x", 3); err == nil {
		t.Error("a cursor that is none was taken")
	}
	if got := fmt.Sprint(g.RelationsOf(mustRef(t, g, "vm2"), 9)); got != "[{disk part_of vm2} {db runsOn vm2}]" {
		t.Errorf("relations of vm2: %s", got)
	}
}

func TestFormatOf(t *testing.T) {
	for file, want := range map[string]Format{"a/b.JSON": JSON, "x.jsonl": NDJSON, "x.ndjson": NDJSON, "c.yml": YAML, "cis.csv": CSVCIs,
		"x/Relations.csv": CSVRelations, "relations/cis.csv": CSVCIs, "x.txt": "", "json": JSON, "": ""} {
		if got, ok := FormatOf(file); got != want || ok != (want != "") {
			t.Errorf("FormatOf(%q) = %q, %v", file, got, ok)
		}
	}
}
