package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// planted is a fault of the kind that a torture test claims to find.
type planted struct {
	name     string
	file     string // below the module's root
	old, new string
	test     string
	rounds   string
}

var plants = []planted{
	{"a failed sync is swallowed", "ingest/journal/append.go", "if err := l.sync(w.file.SyncData); err != nil {", "if err := l.sync(w.file.SyncData); err != nil && len(g.frame) < 0 {", "TestTortureFailingSync", ""},
	{"acknowledged before it is stored", "ingest/door.go", "off, _, err := in.d.o.Journal.Append(in.c.UserContext(), entries...)",
		"var off itsm.Offset\n\tvar err error\n\tgo func() { time.Sleep(50 * time.Millisecond); in.d.o.Journal.Append(context.Background(), entries...) }()", "TestTortureKillUnderLoad", "3"},
	{"nobody watches the disk", "cmd/signalbox/disk.go", "return max(reserveMin,", "return 0 * max(reserveMin,", "TestTortureFullDisk", "2"},
	{"tables are not verified at the start", "cmd/signalbox/serve.go", "if err := db.Verify(); err != nil {", "if err := error(nil); err != nil {", "TestTortureRot", "80"},
	{"the door closes before it says so", "cmd/signalbox/serve.go", "time.Sleep(tellFor)", "", "TestTortureNotReadyFirst", ""},
	{"bombs go off", "ingest/body.go", "allowed := min(limit, max(smallBodyBytes, CompressionRatioMax*len(raw)))", "allowed := 1 << 30", "TestTortureHostile", ""},
	{"a bad configuration closes the sources", "cmd/signalbox/reload.go", "	set, err := readSettings(r.o, r.explicit, slog.New(slog.DiscardHandler))\n	if err != nil {",
		"	set, err := readSettings(r.o, r.explicit, slog.New(slog.DiscardHandler))\n	if err != nil {\n		r.door.Reload(nil)", "TestTortureReload", "3"},
}

// TestTortureControls plants a fault in the server and demands that the torture test
// for it fails: a test that passes with the fault proves nothing without it.
func TestTortureControls(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range plants {
		t.Run(p.name, func(t *testing.T) {
			planted := overlay(t, root, p)
			if !inFull() {
				return // that the fault can still be planted is checked always
			}
			bin := filepath.Join(t.TempDir(), "signalbox")
			if out, err := exec.Command("go", "build", "-overlay", planted, "-o", bin, ".").CombinedOutput(); err != nil {
				t.Fatalf("build: %v\n%s", err, out)
			}
			cmd := exec.Command(os.Args[0], "-test.run=^"+p.test+"$", "-test.timeout=10m")
			cmd.Env = append(os.Environ(), binaryEnv+"="+bin, "SIGNALBOX_LONG=0", "SIGNALBOX_ROUNDS="+p.rounds)
			out, err := cmd.CombinedOutput()
			if err == nil {
				t.Errorf("%s passes with this fault:\n%s", p.test, tail(string(out), 3000))
			} else if !strings.Contains(string(out), "--- FAIL: "+p.test) {
				t.Errorf("%s did not run: %v\n%s", p.test, err, tail(string(out), 3000))
			}
		})
	}
}

// overlay writes a build overlay with the fault.
func overlay(t *testing.T, root string, p planted) string {
	t.Helper()
	name := filepath.Join(root, filepath.FromSlash(p.file))
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(b), p.old); n != 1 {
		t.Fatalf("%s has %d places like %q, want 1: plant the fault anew", p.file, n, p.old)
	}
	dir := t.TempDir()
	changed := filepath.Join(dir, filepath.Base(name))
	if err := os.WriteFile(changed, []byte(strings.Replace(string(b), p.old, p.new, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	j, err := json.Marshal(map[string]map[string]string{"Replace": {name: changed}})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(file, j, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
