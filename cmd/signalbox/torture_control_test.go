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
	pkg      string // whose test it is; "": this package's, with the binary built anew
	rounds   string // "": those of a sample
	full     bool   // the test finds it only at full length
	always   bool   // found again in every make test; the others in make torture
}

var plants = []planted{
	{name: "a failed sync is swallowed", file: "ingest/journal/append.go", test: "TestTortureFailingSync",
		old: "if err := l.sync(w.file.SyncData); err != nil {", new: "if err := l.sync(w.file.SyncData); err != nil && len(g.frame) < 0 {"},
	{name: "acknowledged before it is stored", file: "ingest/door.go", test: "TestTortureKillUnderLoad", rounds: "3",
		old: "off, _, err := in.d.o.Journal.Append(in.c.UserContext(), entries...)",
		new: "var off itsm.Offset\n\tvar err error\n\tgo func() { time.Sleep(50 * time.Millisecond); in.d.o.Journal.Append(context.Background(), entries...) }()"},
	{name: "nobody watches the disk", file: "cmd/signalbox/disk.go", test: "TestTortureFullDisk", rounds: "2",
		old: "return max(reserveMin,", new: "return 0 * max(reserveMin,"},
	{name: "tables are not verified at the start", file: "cmd/signalbox/serve.go", test: "TestTortureRot", rounds: "80",
		old: "if err := db.Verify(); err != nil {", new: "if err := error(nil); err != nil {"},
	{name: "the door closes before it says so", file: "cmd/signalbox/serve.go", test: "TestTortureNotReadyFirst",
		old: "time.Sleep(tellFor)", new: ""},
	{name: "the fold stops before the door", file: "cmd/signalbox/serve.go", test: "TestTortureGracefulStop",
		old: "p.admit.stop()\n", new: "stopFold()\n"},
	{name: "bombs go off", file: "ingest/body.go", test: "TestTortureHostile",
		old: "allowed := min(limit, max(smallBodyBytes, CompressionRatioMax*len(raw)))", new: "allowed := 1 << 30"},
	{name: "a bad configuration closes the sources", file: "cmd/signalbox/reload.go", test: "TestTortureReload", rounds: "3",
		old: "\tset, err := readSettings(r.o, r.explicit, slog.New(slog.DiscardHandler))\n\tif err != nil {",
		new: "\tset, err := readSettings(r.o, r.explicit, slog.New(slog.DiscardHandler))\n\tif err != nil {\n\t\tr.door.Reload(nil)"},
	{name: "slow requests are not cut", file: "ingest/app.go", test: "TestTortureSlowClients", full: true,
		old: "ReadTimeout:                  o.header,", new: "ReadTimeout: 0,"},
	{name: "slow readers are not cut", file: "ingest/app.go", test: "TestTortureSlowClients", full: true,
		old: "WriteTimeout:                 WriteTimeout,", new: "WriteTimeout: 0,"},
	{name: "a source may bring what it wants", file: "ingest/keys.go", test: "TestTortureGreedySource",
		old: "if k.count+len(fresh) > k.limit {", new: "if k.limit < 0 {"},
	{name: "a restore is forgotten", file: "cmd/signalbox/senders.go", test: "TestRestoreOfAnOldBackupPagesNobodyAgain",
		old: "Restored: restored, ", new: ""},
	{name: "a body is given back too early", file: "ingest/door.go", pkg: "./ingest", test: "TestBodiesAreNotShared", always: true,
		old: "acts := in.acts(&res)\n", new: "acts := in.acts(&res)\n\tin.raw.put()\n"},
	{name: "any credentials will do", file: "ingest/auth.go", pkg: "./ingest", test: "TestCredentialsOfEveryKind", always: true,
		old: "return hmac.Equal(g[:], w[:])", new: "return len(g) == len(w)"},
	{name: "any signature will do", file: "ingest/auth.go", pkg: "./ingest", test: "TestCredentialsOfEveryKind",
		old: "ok = good && hmac.Equal(sum, digest(secret, []byte(head), raw)) || ok", new: "ok = good && len(secret) != len(sum) || ok"},
	{name: "the journal follows the clock back", file: "ingest/journal/pace.go", pkg: "./correlate/engine", test: "TestTortureClock",
		old: "return max(before, slow)", new: "return clock"},
	{name: "the heart beats while nothing works", file: "cmd/internal/watch/heartbeat.go", pkg: "./cmd/internal/watch", test: "TestHeartbeat", always: true,
		old: "if h.Ready() {", new: "if h.Ready() || !h.failing {"},
	{name: "every request leaves a goroutine", file: "ingest/door.go", test: "TestTortureSoak",
		old: "s.count.received.Inc()", new: "s.count.received.Inc()\n\tgo func() { select {} }()"},
	{name: "every request leaves some memory", file: "ingest/door.go", test: "TestTortureSoak", full: true, rounds: "10",
		old: "s.count.received.Inc()", new: "s.count.received.Inc()\n\td.noise.allow(strings.Repeat(\"x\", 4096)+fmt.Sprint(time.Now().UnixNano()), time.Now())"},
	{name: "nothing is removed from the journal", file: "ingest/journal/retain.go", test: "TestTortureSoak", full: true, rounds: "8",
		old: "big := p.MaxBytes > 0 && total > p.MaxBytes", new: "big := false"},
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
			if !inFull() && !p.always {
				return // that the fault can still be planted is checked always
			}
			out, err := underTest(t, root, planted, p)
			if err == nil {
				t.Errorf("%s passes with this fault:\n%s", p.test, tail(out, 3000))
			} else if !strings.Contains(out, "--- FAIL: "+p.test) {
				t.Errorf("%s did not run: %v\n%s", p.test, err, tail(out, 3000))
			}
		})
	}
}

// underTest runs the test that has to find the fault.
func underTest(t *testing.T, root, planted string, p planted) (string, error) {
	t.Helper()
	length := "SIGNALBOX_LONG=0"
	if p.full {
		length = "SIGNALBOX_LONG=1"
	}
	cmd := exec.Command("go", "test", "-overlay", planted, "-count=1", "-timeout=20m", "-run=^"+p.test+"$", p.pkg)
	if p.pkg == "" {
		bin := filepath.Join(t.TempDir(), "signalbox")
		if out, err := exec.Command("go", "build", "-overlay", planted, "-o", bin, ".").CombinedOutput(); err != nil {
			t.Fatalf("build: %v\n%s", err, out)
		}
		cmd = exec.Command(os.Args[0], "-test.run=^"+p.test+"$", "-test.timeout=20m")
		cmd.Env = []string{binaryEnv + "=" + bin}
	} else {
		cmd.Dir = root
	}
	cmd.Env = append(append(os.Environ(), length, "SIGNALBOX_ROUNDS="+p.rounds), cmd.Env...)
	out, err := cmd.CombinedOutput()
	return string(out), err
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
