// Package peertest finds the real programs that suites talk to, such as
// Alertmanager or a browser, and keeps account of the suites that could not run.
//
// A suite whose peer is missing fails, so that nobody takes it for tested; with
// ALLOW_MISSING=1 it is left out. Either way it is named in the file that
// SIGNALBOX_LEFT_OUT names, which 'make test' prints at its end: go test shows
// nothing of a skipped test.
package peertest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// LeftOutEnv names the file to which suites that could not run are added.
const LeftOutEnv = "SIGNALBOX_LEFT_OUT"

// Find returns the program a suite needs, under the first of its names that is
// there: where SIGNALBOX_NAME says, in the repository's .cache/bin, where 'make
// test' builds what it can, or in PATH. Otherwise it ends the test with Missing.
func Find(t testing.TB, suite string, names ...string) string {
	t.Helper()
	for _, name := range names {
		if p := os.Getenv("SIGNALBOX_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))); p != "" {
			return p
		}
		if p := filepath.Join(repository(t), ".cache", "bin", name); isFile(p) {
			return p
		}
		if p, err := exec.LookPath(name); err == nil {
			return p
		}
	}
	Missing(t, suite, names[0]+" is not installed; 'make test' installs it where it may (Debian, root or sudo)")
	return ""
}

// Missing ends the test of a suite that cannot run here: a failure, or with
// ALLOW_MISSING=1 a skip.
func Missing(t testing.TB, suite, why string) {
	t.Helper()
	note(t, suite+": "+why)
	if os.Getenv("ALLOW_MISSING") == "1" {
		t.Skipf("suite %s left out: %s", suite, why)
	}
	t.Fatalf("suite %s could not run: %s; ALLOW_MISSING=1 leaves the suite out", suite, why)
}

// note adds a line to the account. One write of a short line to a file opened to
// append is whole, also when packages are tested at the same time.
func note(t testing.TB, line string) {
	t.Helper()
	file := os.Getenv(LeftOutEnv)
	if file == "" {
		return
	}
	f, err := os.OpenFile(file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := fmt.Fprintln(f, strings.ReplaceAll(line, "\n", " ")); err != nil {
		t.Fatal(err)
	}
}

// repository is the directory of go.mod above the test's own.
func repository(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for d := dir; d != filepath.Dir(d); d = filepath.Dir(d) {
		if isFile(filepath.Join(d, "go.mod")) {
			return d
		}
	}
	return dir
}

func isFile(p string) bool {
	st, err := os.Stat(p)
	return err == nil && st.Mode().IsRegular()
}
