// Package goldentest holds what a connector sends against files of its testdata. The
// flag -update rewrites them; what it wrote is read with the change that needed it.
// It is a package of its own so that no program that has a fake partner in it gets
// the flag.
package goldentest

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files in testdata")

// Same fails a test in which got is not, to the letter, what testdata has under a
// file name.
func Same(t testing.TB, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s, which -update rewrites (-want +got):\n%s", file, d)
	}
}

// JSON is a body as golden files have it: indented, and with a last line break.
func JSON(t testing.TB, body any) string {
	t.Helper()
	b, err := json.MarshalIndent(body, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return string(b) + "\n"
}
