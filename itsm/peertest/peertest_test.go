package peertest_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"signalbox/itsm/peertest"
)

// verdict is a test that tells how it was ended instead of ending.
type verdict struct {
	testing.TB
	said string
}

// Skipf implements testing.TB.
func (v *verdict) Skipf(format string, args ...any) { v.end("skip: "+format, args...) }

// Fatalf implements testing.TB.
func (v *verdict) Fatalf(format string, args ...any) { v.end("fail: "+format, args...) }

func (v *verdict) end(format string, args ...any) {
	if v.said == "" { // the first ends a real test
		v.said = fmt.Sprintf(format, args...)
	}
}

func TestMissingPeers(t *testing.T) {
	for allow, want := range map[string]string{"": "fail: suite storms could not run: no-such-program", "1": "skip: suite storms left out: no-such-program"} {
		account := filepath.Join(t.TempDir(), "left-out")
		t.Setenv(peertest.LeftOutEnv, account)
		t.Setenv("ALLOW_MISSING", allow)
		v := &verdict{TB: t}
		peertest.Find(v, "storms", "no-such-program")
		if !strings.HasPrefix(v.said, want) {
			t.Errorf("ALLOW_MISSING=%q: %s, want %s…", allow, v.said, want)
		}
		if b, err := os.ReadFile(account); err != nil || !strings.HasPrefix(string(b), "storms: no-such-program") {
			t.Errorf("ALLOW_MISSING=%q: account %q, %v", allow, b, err)
		}
	}
}

func TestFoundPeers(t *testing.T) {
	if p := peertest.Find(t, "none", "no-such-program", "sh"); filepath.Base(p) != "sh" {
		t.Errorf("found %s", p)
	}
	t.Setenv("SIGNALBOX_NO_SUCH_PROGRAM", "/elsewhere")
	if p := peertest.Find(t, "none", "no-such-program", "sh"); p != "/elsewhere" {
		t.Errorf("found %s, want what the environment says", p)
	}
}

// TestAccountIsPrinted runs the script that make test runs its tests under.
func TestAccountIsPrinted(t *testing.T) {
	for _, c := range []struct {
		run, want string
		fails     bool
	}{
		{`exit 0`, "", false},
		{`exit 3`, "", true},
		{`echo "storms: no x" >>"$SIGNALBOX_LEFT_OUT"; echo "storms: no x" >>"$SIGNALBOX_LEFT_OUT"`, "These suites did not run, as ALLOW_MISSING=1 allows:\n  storms: no x\n", false},
	} {
		cmd := exec.Command("bash", "../../.ci/suites", "sh", "-c", c.run)
		cmd.Env = append(os.Environ(), "ALLOW_MISSING=1")
		out, err := cmd.CombinedOutput()
		if (err != nil) != c.fails || !strings.HasSuffix(string(out), c.want) || c.want == "" && len(out) > 0 {
			t.Errorf("%s: %v %q, want %q", c.run, err, out, c.want)
		}
	}
	cmd := exec.Command("bash", "../../.ci/suites", "sh", "-c", `echo "storms: no x" >>"$SIGNALBOX_LEFT_OUT"`)
	cmd.Env = append(os.Environ(), "ALLOW_MISSING=")
	if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "storms: no x") {
		t.Errorf("a suite that did not run without leave: %v %q, want a failure that names it", err, out)
	}
}
