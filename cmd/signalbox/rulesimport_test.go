package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRulesImport(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "rules")
	config := "../internal/importer/testdata/shop.yml"
	out, err := cli(t, "rules", "import", "alertmanager", config, "--out", dir)
	if err != nil || !strings.Contains(out, "rules written to") || !strings.Contains(out, "not translated:\n* line ") {
		t.Fatalf("%v\n%s", err, out)
	}
	if out, err := cli(t, "rules", "import", "group-by", "cluster,namespace", "--when", `labels.severity != "info"`, "--live", "--source", "am", "--out", dir); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if out, err := cli(t, "rules", "check", dir); err != nil || !strings.Contains(out, "in 2 files: good") {
		t.Errorf("%v\n%s", err, out)
	}
	b, err := os.ReadFile(filepath.Join(dir, "group-by.yaml"))
	if err != nil || strings.Contains(string(b), "shadow") || !strings.Contains(string(b), "sources: ['am']\n") {
		t.Errorf("%v\n%s", err, b)
	}
	if out, err := cli(t, "rules", "import", "alertmanager", config, "--out", dir); err != nil {
		t.Errorf("the same again: %v\n%s", err, out)
	}
	if out, err := cli(t, "rules", "import", "alertmanager", config, "--live", "--out", dir); err == nil || !strings.Contains(out+err.Error(), "exists and differs") {
		t.Errorf("over a file that differs: %v\n%s", err, out)
	}
	if out, err := cli(t, "rules", "import", "alertmanager", "rules_test.go", "--out", dir); err == nil || !strings.Contains(out+err.Error(), "rules_test.go: not an Alertmanager configuration: line ") {
		t.Errorf("not a configuration: %v\n%s", err, out)
	}
}
