package main

import (
	"bufio"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"signalbox/itsm/peertest"
)

// The torture tests do to the built binary what machines and strangers do to it.
// A sample of each runs in every 'make test', all of it in 'make torture'.

// inFull reports whether this is make torture.
func inFull() bool { return os.Getenv("SIGNALBOX_LONG") == "1" }

// sized is how much of something to do: a sample, or everything in make torture.
func sized(sample, all int) int {
	if inFull() {
		return all
	}
	return sample
}

// tracer returns the command line that runs a program under strace with a fault
// injected; skips or fails when this machine does not let strace work.
func tracer(t *testing.T, suite, out, calls, fault string) []string {
	t.Helper()
	s := peertest.Find(t, suite, "strace")
	if b, err := exec.Command(s, "-qq", "-o", os.DevNull, "-e", "trace=getpid", "true").CombinedOutput(); err != nil {
		peertest.Missing(t, suite, fmt.Sprintf("strace does not work here: %s", strings.TrimSpace(string(b))))
	}
	return []string{s, "-qq", "-f", "-ttt", "-o", out, "-e", "trace=" + calls, "-e", "signal=none", "-e", "inject=" + calls + ":" + fault}
}

// inNamespace runs the calling test again in a mount namespace of its own, where it
// may mount what it wants. It returns true in that second run.
func inNamespace(t *testing.T, suite string) bool {
	t.Helper()
	const env = "SIGNALBOX_TEST_NAMESPACE"
	if os.Getenv(env) == "1" {
		return true
	}
	u := peertest.Find(t, suite, "unshare")
	if b, err := exec.Command(u, "-m", "true").CombinedOutput(); err != nil {
		peertest.Missing(t, suite, fmt.Sprintf("it mounts a small disk, which needs root: %s", strings.TrimSpace(string(b))))
	}
	name := "^" + strings.ReplaceAll(t.Name(), "/", "$/^") + "$"
	cmd := exec.Command(u, "-m", "--propagation", "private", os.Args[0], "-test.run="+name, "-test.v", "-test.timeout=1h")
	cmd.Env = append(os.Environ(), env+"=1", binaryEnv+"="+binary)
	b, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("in its namespace: %v\n%s", err, tail(string(b), 8000))
	}
	t.Logf("%s", tail(string(b), 3000))
	return false
}

// smallDisk mounts a disk of a few MiB in memory.
func smallDisk(t *testing.T, mib, inodes int) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "disk")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%dm,nr_inodes=%d", mib, inodes)); err != nil {
		t.Fatalf("mount: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// gauges reads the server's metrics without labels.
func gauges(s *server) map[string]float64 {
	s.t.Helper()
	status, b, err := s.try(http.MethodGet, "/metrics", nil)
	if err != nil || status != http.StatusOK {
		s.t.Fatalf("metrics: %d %v", status, err)
	}
	out := map[string]float64{}
	sc := bufio.NewScanner(strings.NewReader(string(b)))
	for sc.Scan() {
		name, v, ok := strings.Cut(sc.Text(), " ")
		if f, err := strconv.ParseFloat(v, 64); ok && err == nil {
			out[name] = f
		}
	}
	return out
}
