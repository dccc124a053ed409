package main

import (
	"strings"
	"testing"
)

// What starter writes passes its own tests, every file of it has some, and what is
// there already stays.
func TestRulesStarterPassesItsTests(t *testing.T) {
	dir := t.TempDir()
	if out, err := cli(t, "rules", "starter", "--out", dir); err != nil || strings.Count(out, "_test.yaml") != strings.Count(out, "\n")/2 {
		t.Fatalf("%v\n%s", err, out)
	}
	if out, err := cli(t, "rules", "check", dir); err != nil || !strings.Contains(out, "in 4 files: good") {
		t.Errorf("check: %v\n%s", err, out)
	}
	if out, err := cli(t, "rules", "test", dir); err != nil || strings.Count(out, "ok ") != 4 {
		t.Errorf("test: %v\n%s", err, out)
	}
	if out, err := cli(t, "rules", "starter", "--out", dir); err != nil || strings.Count(out, "is there already") != 8 {
		t.Errorf("again: %v\n%s", err, out)
	}
}
