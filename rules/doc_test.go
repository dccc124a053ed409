package rules

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"slices"
	"strings"
	"testing"
)

// TestDocExamples compiles every example of the package documentation.
func TestDocExamples(t *testing.T) {
	f, err := parser.ParseFile(token.NewFileSet(), "doc.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	examples := strings.Split(docText(f.Doc), "Example:\n")[1:]
	var seen []Stage
	for _, e := range examples {
		var b strings.Builder
		for line := range strings.Lines(strings.TrimLeft(e, "\n")) {
			rest, ok := strings.CutPrefix(line, "\t")
			if !ok {
				break
			}
			b.WriteString(rest)
		}
		s, ps := Compile([]File{{"example.yaml", b.String()}})
		if s == nil || len(ps) > 0 {
			t.Errorf("%v\n%s", ps, b.String())
			continue
		}
		seen = append(seen, s.rules[0].Stage)
		if out, err := Format(b.String()); err != nil || out != b.String() {
			t.Errorf("not formatted: %v\n%s", err, out)
		}
	}
	for s := Normalise; s < stages; s++ {
		if !slices.Contains(seen, s) {
			t.Errorf("stage %s has no example", s)
		}
	}
}

func docText(c *ast.CommentGroup) string {
	var b strings.Builder
	for _, l := range c.List {
		b.WriteString(strings.TrimPrefix(strings.TrimPrefix(l.Text, "//"), " ") + "\n")
	}
	return b.String()
}

// TestReadmeRules compiles every rule of the README.
func TestReadmeRules(t *testing.T) {
	b, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, block := range strings.Split(string(b), "```yaml\n")[1:] {
		text, _, _ := strings.Cut(block, "```")
		if !strings.HasPrefix(text, "# team-rules/") {
			continue
		}
		n++
		if name, _, _ := strings.Cut(text, "\n"); strings.HasSuffix(name, "_test.yaml") {
			continue // run by the tests of the command
		}
		if s, ps := Compile([]File{{"readme.yaml", text}}); s == nil || len(ps) > 0 {
			t.Errorf("%v\n%s", ps, text)
		}
	}
	if n == 0 {
		t.Error("the README shows no rules")
	}
}
