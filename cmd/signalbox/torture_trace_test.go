package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// ioCalls are the calls with which the server changes files (and answers).
const ioCalls = "write,pwrite64,fdatasync,fsync,msync,rename,renameat,openat,fallocate,ftruncate,unlinkat"

// nth returns which calls are hit: a few in a sample, else every one to most.
func nth(sample []int, most int) []int {
	if !inFull() {
		return sample
	}
	all := make([]int, most)
	for i := range all {
		all[i] = i + 1
	}
	return all
}

// TestTortureKillAtCall kills the process inside its N-th I/O call (of some thread),
// from the first file opened to the middle of a storm, and checks after each that
// the journal is whole, and that nothing acknowledged is lost.
func TestTortureKillAtCall(t *testing.T) {
	const suite = "kill at every I/O call"
	dir := t.TempDir()
	s := prepare(t, dir, quick)
	a := &acked{keys: map[string]int{}, sent: map[string]int{}}
	var slowest time.Duration
	hit := 0
	for _, n := range nth([]int{2, 9, 40, 90, 150}, 300) {
		s.launch(tracer(t, suite, os.DevNull, ioCalls, fmt.Sprintf("signal=KILL:when=%d", n))...)
		if err := s.awaitReady(); err == nil {
			stop := make(chan struct{})
			var wg sync.WaitGroup
			for worker := range 4 {
				wg.Go(func() { load(s.url, a, fmt.Sprintf("n%d-w%d", n, worker), stop) })
			}
			for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(lookEvery) {
				if _, ended := s.ended(); ended {
					hit++
					break
				}
			}
			s.kill()
			close(stop)
			wg.Wait()
		} else if errors.Is(err, errEnded) {
			hit++
		} else {
			t.Fatal(err)
		}
		if err := journalVerify(io.Discard, dir); err != nil && isDir(filepath.Join(dir, journalDir)) {
			t.Errorf("journal verify after a kill at call %d: %v", n, err)
		}
		s.run()
		slowest = max(slowest, s.took)
		checkNothingLost(t, s, a)
		s.kill()
		if t.Failed() {
			t.Fatalf("killed at call %d", n)
		}
	}
	t.Logf("%d kills inside a call, %d alerts acknowledged, the slowest start took %v", hit, len(a.keys), slowest)
	if hit == 0 || len(a.keys) == 0 {
		t.Fatal("no kill hit or nothing was acknowledged; the test tested nothing")
	}
}

// TestTortureFailingSync lets the N-th fdatasync of a thread, which only the journal
// calls, fail: no request that arrives after that is acknowledged, the server says
// so or ends within a second, and the restart finds all that was acknowledged.
func TestTortureFailingSync(t *testing.T) {
	failSync(t, "fdatasync", nth([]int{1, 12}, 200), true)
}

// TestTortureFailingFileSync does the same to fsync, which also snapshots and the
// view use; there the server may go on.
func TestTortureFailingFileSync(t *testing.T) {
	failSync(t, "fsync", nth([]int{1}, 10), false)
}

func failSync(t *testing.T, call string, ns []int, final bool) {
	const suite = "failing fsync"
	dir := t.TempDir()
	s := prepare(t, dir, quick)
	s.run() // the first start makes the journal
	s.stop()
	a := &acked{keys: map[string]int{}, sent: map[string]int{}}
	hit := 0
	for _, n := range ns {
		out := filepath.Join(t.TempDir(), "strace")
		s.launch(tracer(t, suite, out, call, fmt.Sprintf("error=EIO:when=%d", n))...)
		if err := s.awaitReady(); err == nil {
			answers := hammer(s, a, fmt.Sprintf("%s%d", call, n))
			at, injected := firstInjection(t, out)
			if injected {
				hit++
			}
			if injected && final {
				checkStopped(t, s, answers, at)
			}
		} else if errors.Is(err, errEnded) {
			hit++ // a start that ends is a start that did not go on with the fault
		} else {
			t.Fatal(err)
		}
		s.kill()
		s.run()
		checkNothingLost(t, s, a)
		s.kill()
		if t.Failed() {
			t.Fatalf("%s %d", call, n)
		}
	}
	t.Logf("%d of %d faults hit, %d alerts acknowledged", hit, len(ns), len(a.keys))
	if hit == 0 || final && len(a.keys) == 0 {
		t.Fatal("no fault hit or nothing was acknowledged; the test tested nothing")
	}
}

// answer is what one request came to.
type answer struct {
	begin, end time.Time
	status     int // 0: none
}

// hammer posts from four senders until a second after the fault, or three seconds,
// have passed.
func hammer(s *server, a *acked, name string) []answer {
	var mu sync.Mutex
	var out []answer
	var wg sync.WaitGroup
	until := time.Now().Add(3 * time.Second)
	var cut sync.Once
	for worker := range 4 {
		wg.Go(func() {
			client := &http.Client{Timeout: 5 * time.Second}
			for i := 0; ; i++ {
				mu.Lock()
				over := time.Now().After(until)
				mu.Unlock()
				if over {
					return
				}
				id := fmt.Sprintf("%s-w%d-%d", name, worker, i)
				a.mu.Lock()
				a.sent[id]++
				a.mu.Unlock()
				an := answer{begin: time.Now()}
				an.status, _ = post(client, s.url+"/webhooks/generic", []byte(fmt.Sprintf(`{"status":"firing","title":"t","fingerprint":%q,"labels":{"service":"service-%d","environment":"production"}}`, id, i%10)))
				an.end = time.Now()
				if an.status == http.StatusAccepted {
					a.mu.Lock()
					a.keys[id]++
					a.mu.Unlock()
				} else {
					cut.Do(func() {
						mu.Lock()
						until = time.Now().Add(1500 * time.Millisecond)
						mu.Unlock()
					})
					time.Sleep(10 * time.Millisecond)
				}
				mu.Lock()
				out = append(out, an)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return out
}

// checkStopped: nothing that arrived after the fault was acknowledged, and a
// second later the server is gone or refuses, and says why.
func checkStopped(t *testing.T, s *server, answers []answer, at time.Time) {
	t.Helper()
	for _, an := range answers {
		if an.status == http.StatusAccepted && an.begin.After(at) {
			t.Errorf("acknowledged %v after the failed sync", an.begin.Sub(at))
		}
	}
	late := slices.IndexFunc(answers, func(an answer) bool { return an.status == http.StatusServiceUnavailable || an.status == 0 })
	if late < 0 || answers[late].end.Sub(at) > time.Second {
		t.Errorf("the server did not stop accepting within a second of the failed sync")
	}
	if !strings.Contains(s.log.String(), "journal failed") {
		t.Errorf("the log does not name the failed journal")
	}
	if _, ended := s.ended(); ended {
		return
	}
	if status, b, err := s.try(http.MethodGet, "/readyz", nil); err == nil && (status != http.StatusServiceUnavailable || !strings.Contains(string(b), "journal")) {
		t.Errorf("readyz after a failed sync: %d %s, want 503 and why", status, b)
	}
	if status, b, err := s.try(http.MethodGet, "/metrics", nil); err == nil && (status != http.StatusOK || !strings.Contains(string(b), "\nsignalbox_ready 0\n")) {
		t.Errorf("metrics after a failed sync: %d, want signalbox_ready 0 as readyz says", status)
	}
}

// firstInjection reads from the trace when the fault was injected.
func firstInjection(t *testing.T, trace string) (time.Time, bool) {
	t.Helper()
	b, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if !strings.Contains(line, "(INJECTED)") {
			continue
		}
		f := strings.Fields(line) // pid seconds call
		sec, err := strconv.ParseFloat(f[1], 64)
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		return time.UnixMicro(int64(sec * 1e6)), true
	}
	return time.Time{}, false
}

func isDir(p string) bool {
	st, err := os.Stat(p)
	return err == nil && st.IsDir()
}
