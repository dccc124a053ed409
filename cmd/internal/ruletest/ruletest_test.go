package ruletest

import (
	"bytes"
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"signalbox/itsm/cmdb"
	"signalbox/rules"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// options reads rules and CMDBs as plainly as can be; how the program reads them
// is tested with the program.
func options(warnings io.Writer) Options {
	return Options{Warnings: warnings,
		Rules: func(paths []string) ([]rules.File, error) {
			var out []rules.File
			for _, p := range paths {
				files := []string{p}
				if filepath.Ext(p) == "" {
					files, _ = filepath.Glob(filepath.Join(p, "*.yaml"))
				}
				for _, f := range files {
					b, err := os.ReadFile(f)
					if err != nil {
						return nil, err
					}
					out = append(out, rules.File{Name: filepath.Base(f), Body: string(b)})
				}
				if len(files) == 0 {
					return nil, fmt.Errorf("%s: no rules", p)
				}
			}
			return out, nil
		},
		CMDB: func(_ io.Writer, files []string, s cmdb.Settings) (*cmdb.Changes, error) {
			b, err := os.ReadFile(files[0])
			if err != nil {
				return nil, err
			}
			doc, _ := cmdb.Parse(cmdb.YAML, bytes.NewReader(b))
			changes, _, _ := cmdb.Empty(s.Types()).Plan(doc, "test", false)
			return &changes, nil
		}}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s (-want +got):\n%s", path, d)
	}
}

func TestGolden(t *testing.T) {
	for _, name := range []string{"pass", "process", "fail"} {
		var warnings, text, again bytes.Buffer
		rep := Run([]string{"testdata/" + name + Suffix}, options(&warnings))
		rep.Cover()
		rep.WriteText(&text, true)
		golden(t, name, text.String()+warnings.String())
		rep = Run([]string{"testdata/" + name + Suffix}, options(&warnings))
		rep.Cover()
		rep.WriteText(&again, true)
		if name != "fail" && rep.Failed+rep.Broken > 0 || name == "fail" && rep.Passed+rep.Broken > 0 {
			t.Errorf("%s: %d tests passed, %d failed, %d files are broken", name, rep.Passed, rep.Failed, rep.Broken)
		}
		if again.String() != text.String() {
			t.Errorf("%s: a second run came to something else", name)
		}
	}
}

func TestBrokenFiles(t *testing.T) {
	files, err := filepath.Glob("testdata/broken/*.yaml")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	var text, warnings bytes.Buffer
	rep := Run(files, options(&warnings))
	rep.WriteText(&text, false)
	// How the rule language says it is not this package's to hold.
	said := regexp.MustCompile(`(badrules.yaml: rules: .*: not YAML).*`).ReplaceAllString(text.String(), "$1")
	golden(t, "broken", said+warnings.String())
	if rep.Broken != len(files) || rep.Passed+rep.Failed != 0 {
		t.Errorf("%d of %d files are broken, %d tests ran", rep.Broken, len(files), rep.Passed+rep.Failed)
	}
}

func TestReports(t *testing.T) {
	var warnings, j, x bytes.Buffer
	o := options(&warnings)
	o.Run = regexp.MustCompile("^(nothing|dropped)")
	rep := Run([]string{"testdata/broken/empty.yaml", "testdata/fail" + Suffix, "testdata/pass" + Suffix}, o)
	rep.Cover()
	if err := errors.Join(rep.WriteJSON(&j), rep.WriteJUnit(&x)); err != nil {
		t.Fatal(err)
	}
	golden(t, "report.json", j.String())
	golden(t, "report.xml", x.String())
	var back junitSuites
	if err := xml.Unmarshal(x.Bytes(), &back); err != nil || back.Tests != 3 || back.Failures != 1 || back.Errors != 1 {
		t.Errorf("%v: %+v", err, back)
	}
	var text bytes.Buffer
	o.Run = regexp.MustCompile("^none is called so")
	Run([]string{"testdata/pass" + Suffix}, o).WriteText(&text, true)
	if !strings.Contains(text.String(), "no tests to run") {
		t.Errorf("nothing to run: %s", &text)
	}
}

func TestFind(t *testing.T) {
	got, err := Find([]string{"testdata", "./testdata/pass" + Suffix})
	if want := []string{"testdata/fail" + Suffix, "testdata/pass" + Suffix, "testdata/process" + Suffix}; err != nil || !cmp.Equal(got, want) {
		t.Errorf("%v, %v; want %v", got, err, want)
	}
	if _, err := Find([]string{"testdata/rules"}); err == nil || !strings.Contains(err.Error(), "no test files below it") {
		t.Errorf("a directory without tests: %v", err)
	}
	if _, err := Find([]string{"testdata/missing"}); err == nil {
		t.Error("a path that is not there was found")
	}
}

// TestBounds: a small file cannot stand for an endless one.
func TestBounds(t *testing.T) {
	var b strings.Builder
	b.WriteString("tests:\n- name: a\n  steps:\n  - at: 0s\n    fire: &f [")
	for range AlertsMax {
		b.WriteString("{a: b},")
	}
	b.WriteString("]\n    want: {none: true}\n")
	for range 500 {
		b.WriteString("  - {at: 1s, fire: *f}\n")
	}
	_, errs := parse("f", []byte(b.String()))
	if len(errs) == 0 || !strings.Contains(errs[0].Error(), "values, aliases counted") {
		t.Errorf("%d errors, the first %v", len(errs), errs[:min(1, len(errs))])
	}
	if _, errs := parse("f", make([]byte, FileBytesMax+1)); len(errs) != 1 || !strings.Contains(errs[0].Error(), "expected at most") {
		t.Errorf("too long: %v", errs)
	}
	if _, errs := parse("f", []byte("tests: ["+strings.Repeat("x,", TestsMax+1)+"]")); len(errs) == 0 || !strings.Contains(errs[0].Error(), "expected at most 1000") {
		t.Errorf("too many: %v", errs)
	}
	if _, errs := parse("f", []byte("tests: ["+strings.Repeat("x,", TestsMax)+"]")); len(errs) != mistakesMax {
		t.Errorf("%d mistakes reported, want %d", len(errs), mistakesMax)
	}
}

func FuzzParse(f *testing.F) {
	files, _ := filepath.Glob("testdata/*/*.yaml")
	more, _ := filepath.Glob("testdata/*.yaml")
	for _, name := range append(files, more...) {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		got, errs := parse("f", b)
		if len(errs) == 0 && (got == nil || len(got.tests) == 0) {
			t.Errorf("neither tests nor a mistake in %q", b)
		}
	})
}

func TestLike(t *testing.T) {
	for _, c := range []struct {
		s, pattern string
		want       bool
	}{{"", "", true}, {"a", "", false}, {"", "*", true}, {"abc", "a*c", true}, {"ac", "a*c", true}, {"abcd", "a*c", false},
		{"a", "a*a", false}, {"xaybz", "*a*b*", true}, {"xbya", "*a*b*", false}, {"aXbXc", "a*X*c", true}} {
		if got := like(c.s, c.pattern); got != c.want {
			t.Errorf("like(%q, %q) is %v", c.s, c.pattern, got)
		}
	}
}

// TestAssign: a pattern that fits several leaves to another what only that fits.
func TestAssign(t *testing.T) {
	fits := [][]bool{{true, true, false}, {true, false, false}, {false, false, false}}
	if got := assign(3, 3, func(i, j int) bool { return fits[i][j] }); !cmp.Equal(got, []int{1, 0, -1}) {
		t.Errorf("%v", got)
	}
}
