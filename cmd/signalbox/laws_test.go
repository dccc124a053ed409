package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const module = "signalbox"

// pure lists the packages that may not touch the world, with the foreign
// packages each may import. A path ending in /* covers the packages below it.
var pure = map[string][]string{
	"itsm":                  nil,
	"itsm/entry":            {"github.com/klauspost/compress/s2"},
	"itsm/cmdb":             {"go.yaml.in/yaml/v3", "github.com/cespare/xxhash/v2"},
	"ingest/source":         nil,
	"ingest/source/*":       {"github.com/valyala/fastjson", "github.com/valyala/fastjson/fastfloat"},
	"ingest/source/webhook": {"cel.dev/cel-go/cel", "cel.dev/cel-go/common/types", "cel.dev/cel-go/common/types/ref", "cel.dev/cel-go/common/types/traits", "cel.dev/cel-go/ext", "go.yaml.in/yaml/v3"},
	"itsm/window":           nil,
	"itsm/sla":              nil,
	"itsm/review":           nil,
	"correlate":             {"github.com/cespare/xxhash/v2"},
	"correlate/group":       nil,
	"correlate/learn":       nil,
	"correlate/problem":     nil,
	"rules/explain":         nil,
	"rules": {"cel.dev/cel-go/cel", "cel.dev/cel-go/ext", "cel.dev/cel-go/common/ast", "cel.dev/cel-go/common/cost", "cel.dev/cel-go/common/operators",
		"cel.dev/cel-go/common/types", "cel.dev/cel-go/common/types/ref", "cel.dev/cel-go/common/types/traits", "cel.dev/cel-go/parser", "go.yaml.in/yaml/v3"},
}

// forbidden standard packages of pure code: they do I/O, read the clock's
// surroundings or run things at the same time.
var impureStd = []string{"os", "net", "net/http", "math/rand", "math/rand/v2", "crypto/rand", "sync", "sync/atomic", "os/exec", "syscall", "log", "log/slog", "context", "testing"}

var forbiddenTime = []string{"Now", "Since", "Until", "After", "AfterFunc", "Sleep", "NewTimer", "NewTicker", "Tick"}

// imports says which of our packages each package may import, itself and the
// test-only packages aside. A package missing here fails the test, so that a new
// one is placed on purpose.
var imports = map[string][]string{
	"itsm":                  {},
	"itsm/entry":            {"itsm"},
	"itsm/httperr":          {"itsm"},
	"itsm/cmdb":             {"itsm"},
	"itsm/kv":               {"itsm"},
	"itsm/window":           {"itsm"},
	"itsm/sla":              {"itsm"},
	"itsm/review":           {"itsm"},
	"itsm/kv/badgerkv":      {"itsm", "itsm/kv"},
	"itsm/kv/kvtest":        {"itsm/kv"},
	"itsm/desk":             {"itsm", "itsm/kv"},
	"itsm/access":           {"itsm"},
	"itsm/sheet":            {},
	"itsm/ledger":           {"itsm", "itsm/desk", "itsm/entry"},
	"itsm/partners":         {"itsm"},
	"itsm/report":           {"itsm", "itsm/desk", "itsm/sheet"},
	"itsm/api":              {"itsm", "rules", "rules/book", "itsm/access", "itsm/cmdb", "itsm/desk", "itsm/ledger", "itsm/partners", "itsm/report", "itsm/httperr", "itsm/review", "itsm/window", "correlate/engine", "correlate/backtest", "correlate/learn"},
	"itsm/console":          {"itsm", "rules", "rules/book", "rules/explain", "itsm/access", "itsm/cmdb", "itsm/desk", "itsm/ledger", "itsm/partners", "itsm/report", "itsm/sheet", "itsm/entry", "itsm/kv", "itsm/httperr", "itsm/review", "itsm/window", "correlate/engine", "correlate/backtest", "correlate/learn"}, // entry and kv for the storybook
	"rules":                 {"itsm"},
	"rules/book":            {"itsm", "itsm/desk", "rules"},
	"rules/explain":         {"itsm", "itsm/cmdb", "rules"},
	"rules/starter":         {"rules"},
	"ingest/journal":        {"itsm"},
	"ingest/journal/*":      {"itsm", "ingest/journal"},
	"ingest/source":         {"itsm", "itsm/entry"},
	"ingest/source/kind":    {"itsm", "itsm/entry", "ingest/source", "ingest/source/*"},
	"ingest/source/*":       {"itsm", "itsm/entry", "ingest/source"},
	"ingest":                {"itsm", "itsm/entry", "itsm/httperr", "ingest/source", "ingest/source/*"},
	"correlate/group":       {"itsm", "itsm/cmdb"},
	"correlate/learn":       {"itsm", "itsm/cmdb", "rules"},
	"correlate/problem":     {"itsm"},
	"correlate":             {"itsm", "itsm/entry", "itsm/cmdb", "itsm/sla", "itsm/window", "rules", "correlate/group", "correlate/problem"},
	"correlate/engine":      {"itsm", "rules", "rules/book", "rules/explain", "itsm/entry", "itsm/cmdb", "itsm/desk", "itsm/kv", "correlate", "correlate/learn", "ingest/journal"},
	"correlate/backtest":    {"itsm", "rules", "itsm/entry", "itsm/cmdb", "correlate", "correlate/engine", "ingest/journal"},
	"correlate/sim":         {"itsm", "rules", "itsm/entry", "itsm/cmdb", "itsm/desk", "itsm/kv", "correlate", "correlate/engine", "connectors", "ingest/journal"},
	"connectors":            {"itsm", "itsm/entry"},
	"connectors/*":          {"itsm", "connectors", "ingest/source", "ingest/source/*"},
	"cmd/internal/demo":     {},
	"cmd/internal/watch":    {"itsm", "itsm/entry", "itsm/desk"},
	"cmd/internal/backup":   {"itsm", "correlate/engine", "ingest/journal"},
	"cmd/internal/bench":    {"connectors/pagerduty/pagerdutytest", "ingest/source/pagerduty", "itsm", "itsm/cmdb", "itsm/entry", "itsm/report", "correlate", "correlate/engine", "ingest/journal"}, // a year of history is made as a journal; all else is over HTTP
	"cmd/internal/conf":     {"connectors", "correlate", "itsm", "itsm/cmdb", "itsm/sla"},
	"cmd/internal/ruletest": {"itsm", "itsm/entry", "itsm/cmdb", "rules", "ingest/source", "correlate", "correlate/engine", "cmd/internal/conf"},
	"cmd/internal/score":    {},
	"cmd/internal/fuzzall":  {},
	"cmd/internal/importer": {"itsm", "rules"},
	"cmd/signalbox":         {"*"},
}

// onlyHere lists foreign packages with exactly one importer.
var onlyHere = map[string]string{"github.com/dgraph-io/badger": "itsm/kv/badgerkv"}

type sourceFile struct {
	dir, name string // dir relative to the repository, slash-separated
	test      bool
	ast       *ast.File
	fset      *token.FileSet
}

func repository(t *testing.T) (root string, files []sourceFile) {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if n := d.Name(); p != root && (strings.HasPrefix(n, ".") || n == "testdata" || n == "data" || n == "bin") {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(p, ".go") {
			return nil
		}
		rel, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, p, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		files = append(files, sourceFile{dir: path.Dir(rel), name: path.Base(rel), test: strings.HasSuffix(rel, "_test.go"), ast: f, fset: fset})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return root, files
}

// lookUp finds the row of a package: its own, else that of its parent with /*.
func lookUp[V any](table map[string]V, dir string) (V, bool) {
	if v, ok := table[dir]; ok {
		return v, true
	}
	v, ok := table[path.Dir(dir)+"/*"]
	return v, ok
}

func TestImportLaws(t *testing.T) {
	_, files := repository(t)
	for _, f := range files {
		if f.test || testOnly(f.dir) {
			continue
		}
		allowed, ok := lookUp(imports, f.dir)
		if !ok {
			t.Errorf("%s has no row in the import laws: decide what it may import and add it", f.dir)
			continue
		}
		for _, im := range f.ast.Imports {
			p := strings.Trim(im.Path.Value, `"`)
			if own, ok := strings.CutPrefix(p, module+"/"); ok && own != f.dir && !slices.Contains(allowed, "*") && !slices.Contains(allowed, own) && !slices.Contains(allowed, path.Dir(own)+"/*") {
				t.Errorf("%s/%s imports %s; allowed: %v", f.dir, f.name, own, allowed)
			}
			for foreign, only := range onlyHere {
				if strings.HasPrefix(p, foreign) && f.dir != only {
					t.Errorf("%s/%s imports %s: only %s may", f.dir, f.name, p, only)
				}
			}
		}
	}
}

// testOnly reports whether a package exists for tests alone.
func testOnly(dir string) bool { return strings.HasSuffix(path.Base(dir), "test") }

func TestPurity(t *testing.T) {
	_, files := repository(t)
	seen := map[string]bool{}
	for _, f := range files {
		foreign, ok := lookUp(pure, f.dir)
		if !ok || f.test || testOnly(f.dir) {
			continue
		}
		seen[f.dir] = true
		for _, im := range f.ast.Imports {
			p := strings.Trim(im.Path.Value, `"`)
			first, _, _ := strings.Cut(p, "/")
			switch {
			case slices.Contains(impureStd, p):
				t.Errorf("%s/%s is pure and imports %s", f.dir, f.name, p)
			case strings.Contains(first, ".") && !slices.Contains(foreign, p):
				t.Errorf("%s/%s is pure and imports %s, which is not on its list %v", f.dir, f.name, p, foreign)
			}
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.GoStmt, *ast.ChanType, *ast.SelectStmt, *ast.SendStmt:
				t.Errorf("%s: pure code starts goroutines or uses channels", f.fset.Position(n.Pos()))
			case *ast.SelectorExpr:
				if x, ok := n.X.(*ast.Ident); ok && x.Name == "time" && slices.Contains(forbiddenTime, n.Sel.Name) {
					t.Errorf("%s: pure code calls time.%s", f.fset.Position(n.Pos()), n.Sel.Name)
				}
			}
			return true
		})
	}
	for _, must := range []string{"itsm", "itsm/cmdb", "correlate", "correlate/group"} {
		if !seen[must] {
			t.Errorf("the purity law saw no file of %s", must)
		}
	}
}

func TestOnePackageComment(t *testing.T) {
	_, files := repository(t)
	comments, packages := map[string][]string{}, map[string]bool{}
	for _, f := range files {
		if f.test {
			continue
		}
		packages[f.dir] = true
		if f.ast.Doc != nil {
			comments[f.dir] = append(comments[f.dir], f.name)
		}
	}
	for dir := range packages {
		if n := len(comments[dir]); n != 1 {
			t.Errorf("%s has %d package comments %v, want exactly one", dir, n, comments[dir])
		}
	}
}

func TestHugePackagesAreNotImported(t *testing.T) {
	_, files := repository(t)
	for _, f := range files {
		for _, im := range f.ast.Imports {
			if p := im.Path.Value; strings.Contains(p, "/api/datadogV") {
				t.Errorf("%s/%s imports %s, which is over a million lines: use api/datadog with small types", f.dir, f.name, p)
			}
		}
	}
}

func TestTopLevel(t *testing.T) {
	root, _ := repository(t)
	// What is committed counts: who follows the README has files of their own beside it.
	out, err := exec.Command("git", "-C", root, "ls-tree", "--name-only", "HEAD").Output()
	names := strings.Fields(string(out))
	if err != nil { // no repository: an unpacked archive
		es, err := os.ReadDir(root)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range es {
			names = append(names, e.Name())
		}
	}
	allowed := []string{"cmd", "ingest", "correlate", "itsm", "connectors", "rules", "go.mod", "go.sum", "Makefile", "README.md", "data", "bin"}
	for _, name := range names {
		if !strings.HasPrefix(name, ".") && !slices.Contains(allowed, name) {
			t.Errorf("the top level holds %s, which is not part of the agreed layout", name)
		}
	}
}

var credential = regexp.MustCompile(`(?i)(sk_live_|xox[bap]-[0-9]|-----BEGIN [A-Z ]*PRIVATE KEY|ghp_[a-z0-9]{20})`)

func TestNoCredentialsInTestdata(t *testing.T) {
	root, _ := repository(t)
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.Contains(filepath.ToSlash(p), "/testdata/") {
			return err
		}
		b, err := os.ReadFile(p)
		if err == nil && credential.Match(b) {
			t.Errorf("%s looks as if it held a credential", p)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
