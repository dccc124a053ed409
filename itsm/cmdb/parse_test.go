package cmdb

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"signalbox/itsm"
)

// TestParseProblems checks that everything wrong is reported at once, each with
// its line, and what forbids an import.
func TestParseProblems(t *testing.T) {
	for _, c := range []struct {
		name   string
		format Format
		text   string
		want   []string
	}{
		{"clean", JSON, `{"cis": [{"id": "a", "name": "A", "class": "Host", "tier": null, "aliases": null, "attributes": null}], "relations": null}`, nil},
		{"not JSON", JSON, "{\"cis\": [\n{\"id\": \"a\",}]}", []string{`line 2: not JSON: expected '"', found "}"`}},
		{"cut short", JSON, `{"cis": [`, []string{`line 1: not JSON: expected a value, found the end`}},
		{"something after it", JSON, "{}\n{}", []string{`line 2: not JSON: something follows the document`}},
		{"empty", JSON, " \n", []string{`the file is empty; expected {"cis": [...], "relations": [...]}`}},
		{"everything at once", JSON, `{"cis": [
{"id": "a", "name": "A"},
{"id": "b", "name": "B", "class": "Host", "tier": 9, "colour": "red"},
{"id": "c", "name": 7, "class": "Host", "colour": "blue"},
{"id": "d", "name": "D\u0007", "class": "Host", "aliases": ["x", 1], "attributes": []},
{"id": "e", "name": "E", "class": "Host", "name": "F"},
"f"], "rules": {}, "relations": [
{"from": "a", "to": "b"},
{"from": "b", "type": "depends_on", "to": "b"},
{"from": "b", "type": 4, "to": "c", "depends_on": true}]}`, []string{
			`line 2: class "a": every CI needs id, name and class; class is missing`,
			`line 3: tier "9": expected a number from 1 (most important) to 5, or no tier`,
			`line 4: name "7": expected a string`,
			`line 5: aliases "1": expected a list of strings`,
			`line 5: attributes "[]": expected an object`,
			`line 6: name "F": expected the field once`,
			`line 7: expected an object`,
			`line 8: type every relation needs from, type and to; type is missing`,
			`line 10: type "4": expected a string`,
			`line 3: colour unknown field of a CI; it is left out (2 times, first on this line) (warning)`,
			`line 7: rules unknown field of the document; it is left out (warning)`,
			`line 9: to "b": a CI cannot depend on itself; the relation is left out (warning)`,
			`line 10: depends_on unknown field of a relation; it is left out (warning)`,
		}},
		{"twice", NDJSON, `{"id": "a", "name": "A", "class": "Host"}
{"id": "a", "name": "A", "class": "Host"}
{"id": "a", "name": "B", "class": "Host"}
{"id": "b", "name": " B\t", "class": "Host", "aliases": ["b "]}
{"id": "c ", "name": " ", "class": "Host"}`, []string{
			`line 3: id "a": listed before, on line 1, with other content; an id names one CI`,
			`line 5: id "c ": expected text without blanks at its ends`,
			`line 5: name "c ": every CI needs id, name and class; name is missing`,
			`line 2: id "a": listed twice with the same content; the second is left out (warning)`,
			`line 4: name blanks at the ends of the text are left out (2 times, first on this line) (warning)`,
			`line 4: aliases blanks at the ends of the text are left out (warning)`,
		}},
		{"lines stand alone", NDJSON, "{\"id\": \"a\", \"name\": \"A\", \"class\": \"Host\"}\n{oops\n\n{\"from\": \"a\", \"type\": \"calls\"}\n{\"id\":\"x\",\"from\":\"y\"}\n", []string{
			`line 2: not JSON: expected '"', found "o"`,
			`line 4: to every relation needs from, type and to; to is missing`,
			`line 5: id "x": both a CI and a relation; a line is one of them`,
		}},
		{"line too long", NDJSON, `{"id": "` + strings.Repeat("x", LineBytesMax) + "\"}\n{\"id\": \"a\", \"name\": \"A\", \"class\": \"Host\"}", []string{
			fmt.Sprintf("line 1: the line has more than %d bytes", LineBytesMax),
		}},
		{"yaml", YAML, `cis:
- id: a
  name: A
  class: Host
  tier: one
- id: b
  name: [x]
  class: Host
  attributes: {n: .nan}
- id: c
  name: C
  class: Host
  id: d
  size: 1
relations:
- {from: a, type: calls, to: " b"}
extra: 1
`, []string{
			`line 5: tier "one": expected a number from 1 (most important) to 5, or no tier`,
			`line 7: name expected a text`,
			`line 9: attributes expected values that JSON can hold: .nan is no number of JSON`,
			`line 13: id expected the field once`,
			`line 16: to " b": expected text without blanks at its ends`,
			`line 14: size unknown field of a CI; it is left out (warning)`,
			`line 17: extra unknown field of the document; it is left out (warning)`,
		}},
		{"not yaml", YAML, "cis: [", []string{`not YAML: yaml: line 1: did not find expected node content`}},
		{"csv", CSVCIs, "id,Name,class,tier,size,aliases,attributes\na,A,Host,1,9,x|y,\"{\"\"k\"\": 1}\"\nb,B,Host\nc,C,Host,0x,,,[]\n\"d,", []string{
			`line 3: "b,B,Host": expected as many cells as the first row has`,
			`line 4: attributes "[]": expected an object`,
			`line 5: not CSV: extraneous or missing " in quoted-field`,
			`line 1: size unknown column; it is left out (warning)`,
		}},
		{"csv without columns", CSVRelations, "from,to\na,b\n", []string{`line 1: type the column is missing; expected from, type, to`}},
		{"unknown format", "xml", "", []string{`format "xml": expected json, ndjson, yaml, csv-cis or csv-relations`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			doc, ps := Parse(c.format, strings.NewReader(c.text))
			var got []string
			for _, p := range ps {
				got = append(got, p.String())
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("problems (-want +got):\n%s", d)
			}
			changes, _, _ := Empty(DefaultRelationTypes()).Plan(doc, "test", false)
			if Blocking(ps) && !changes.Empty() {
				t.Errorf("a document with errors would change %d CIs", len(changes.puts))
			}
		})
	}
}

// TestParseBounded: problems are counted beyond ProblemsMax, and all of a
// hostile document's growth is refused.
func TestParseBounded(t *testing.T) {
	_, ps := Parse(NDJSON, strings.NewReader(strings.Repeat("x\n", ProblemsMax+50)))
	if last := ps[len(ps)-1].Msg; len(ps) != ProblemsMax+1 || last != "and 50 more errors; correct these first" {
		t.Errorf("%d problems, the last is %q", len(ps), last)
	}
	bomb := "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
	for c := 'b'; c < 'k'; c++ {
		bomb += fmt.Sprintf("%c: &%c [*%c, *%c, *%c, *%c, *%c, *%c, *%c, *%c, *%c, *%c]\n", c, c, c-1, c-1, c-1, c-1, c-1, c-1, c-1, c-1, c-1, c-1)
	}
	_, ps = Parse(YAML, strings.NewReader(bomb+"cis: [{id: a, name: A, class: Host, attributes: {k: *j}}]\n"))
	if !Blocking(ps) {
		t.Errorf("ten levels of ten aliases were read: %v", ps)
	}
	deep := strings.Repeat("[", 100000)
	if _, ps = Parse(JSON, strings.NewReader(`{"cis":[{"id":"a","attributes":{"k":`+deep)); !Blocking(ps) {
		t.Error("a hundred thousand levels were read")
	}
}

// TestParseKeeps checks that every field arrives, in every format alike.
func TestParseKeeps(t *testing.T) {
	want := itsm.CI{ID: "prod/cart", Name: "Cart", Class: "Service", Env: "prod", Tier: 2, Owner: "shop", SupportGroup: "sre",
		Aliases: []string{"basket", "a|b"}, Attributes: map[string]any{"n": json.Number("1.50"), "list": []any{"x", true, nil}, "o": map[string]any{"k": "v\n"}}}
	for format, text := range map[Format]string{
		JSON: `{"cis": [{"attributes": {"o": {"k": "v\n"}, "n": 1.50, "list": ["x", true, null]}, "aliases": ["basket", "a|b"], "support_group": "sre",
			"owner": "shop", "tier": 2, "env": "prod", "class": "Service", "name": "\u0043art", "id": "prod\/cart"}]}`,
		NDJSON: `{"ci": {"id": "prod/cart", "name": "Cart", "class": "Service", "env": "prod", "tier": 2, "owner": "shop", "support_group": "sre", "aliases": ["basket", "a|b"], "attributes": {"n": 1.50, "list": ["x", true, null], "o": {"k": "v\n"}}}}`,
		YAML:   `cis: [{id: prod/cart, name: Cart, class: Service, env: prod, tier: 2, owner: shop, support_group: sre, aliases: [basket, a|b], attributes: {n: 1.50, list: [x, true, null], o: {k: "v\n"}}}]`,
		CSVCIs: "id,name,class,env,tier,owner,support_group,aliases,attributes\n" +
			`prod/cart,Cart,Service,prod,2,shop,sre,"[""basket"",""a|b""]","{""n"":1.50,""list"":[""x"",true,null],""o"":{""k"":""v\n""}}"`,
	} {
		g := mustImport(t, Empty(DefaultRelationTypes()), format, text, "test", false)
		r, ok := g.Lookup("prod/cart")
		if !ok {
			t.Fatalf("%s: the CI is not there", format)
		}
		if d := cmp.Diff(want, g.CI(r)); d != "" {
			t.Errorf("%s (-want +got):\n%s", format, d)
		}
	}
	doc, ps := NewDoc([]itsm.CI{want}, []itsm.Relation{{From: "prod/cart", Type: "calls", To: "x"}})
	if len(ps) != 0 || doc.CIs() != 1 || doc.Relations() != 1 || doc.cis[0].blob.field(fieldAttributes) != `{"list":["x",true,null],"n":1.50,"o":{"k":"v\n"}}` {
		t.Errorf("NewDoc: %v, attributes %s", ps, doc.cis[0].blob.field(fieldAttributes))
	}
}

// TestCSVFormula: no cell of an export is a formula to a spreadsheet, and what
// was guarded comes back.
func TestCSVFormula(t *testing.T) {
	for _, v := range []string{"=1+1", "+1", "-1", "@SUM(A1)", "'=1", "''-x", "'plain", "a=b", "\t=1"} {
		g := guard(v)
		if strings.IndexByte(formulaStarts, g[0]) >= 0 {
			t.Errorf("guard(%q) = %q, still a formula", v, g)
		}
		if back := unguard(g); back != v {
			t.Errorf("unguard(guard(%q)) = %q", v, back)
		}
	}
	g := mustImport(t, Empty(DefaultRelationTypes()), JSON, `{"cis": [{"id": "=cmd()", "name": "@x", "class": "+y", "owner": "-z", "aliases": ["=a", "b"]}]}`, "test", false)
	got := export(t, g, CSVCIs)
	if want := "id,name,class,env,tier,owner,support_group,aliases,attributes\n'=cmd(),'@x,'+y,,,'-z,,'=a|b,\n"; got != want {
		t.Errorf("export %q, want %q", got, want)
	}
}
