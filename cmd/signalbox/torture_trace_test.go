package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
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

// A traced server is slow, and strace counts the calls of each thread apart: some
// thread must come to its N-th call before the senders give up. In make torture
// nearly every fault has to hit, else it is another test than it says.
const (
	hitShareMin = 90 // of a hundred
	readyWithin = 3 * time.Second
	readyAlerts = 100_000 // open ones; with more a start may take longer
)

// slower is the slowest start yet of those with no more than readyAlerts.
func (a *acked) slower(yet, took time.Duration) time.Duration {
	if len(a.keys) > readyAlerts {
		return yet
	}
	return max(yet, took)
}

// stopsWithin is how soon after a failed sync the server must refuse. In a sample the
// machine may stand still meanwhile, but it must not be the sender who gives up.
func stopsWithin() time.Duration {
	if inFull() {
		return time.Second
	}
	return patience / 2
}

// untilHit is how long senders go on when no fault hits.
func untilHit() time.Duration { return time.Duration(sized(4, 30)) * time.Second }

// checkHits: enough faults hit, something was acknowledged, and starts were quick.
func checkHits(t *testing.T, a *acked, hit, of int, slowest time.Duration) {
	t.Helper()
	t.Logf("%d of %d faults hit, %d alerts acknowledged, the slowest start with up to %d of them took %v", hit, of, len(a.keys), readyAlerts, slowest)
	if hit == 0 || len(a.keys) == 0 {
		t.Fatal("no fault hit or nothing was acknowledged; the test tested nothing")
	}
	if inFull() && hit*100 < of*hitShareMin {
		t.Errorf("%d of %d faults hit, want %d %%", hit, of, hitShareMin)
	}
	checkReady(t, slowest)
}

// checkReady: in make torture a start must be quick.
func checkReady(t *testing.T, took time.Duration) {
	t.Helper()
	if inFull() && took > readyWithin {
		t.Errorf("ready %v after a start, want at most %v", took, readyWithin)
	}
}

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
	ns, hit := nth([]int{2, 9, 40, 90, 150}, 300), 0
	for _, n := range ns {
		s.launch(tracer(t, suite, os.DevNull, ioCalls, fmt.Sprintf("signal=KILL:when=%d", n))...)
		if err := s.awaitReady(); err == nil {
			stop := make(chan struct{})
			var wg sync.WaitGroup
			for worker := range 4 {
				wg.Go(func() { load(s.url, a, fmt.Sprintf("n%d-w%d", n, worker), stop) })
			}
			a.awaitMoreOr(t, func() bool { _, ended := s.ended(); return ended })
			for deadline := time.Now().Add(untilHit()); time.Now().Before(deadline); time.Sleep(lookEvery) {
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
		if err := journalVerify(io.Discard, dir, ""); err != nil && isDir(filepath.Join(dir, journalDir)) {
			t.Errorf("journal verify after a kill at call %d: %v", n, err)
		}
		s.run()
		slowest = a.slower(slowest, s.took)
		checkNothingLost(t, s, a)
		s.kill()
		if t.Failed() {
			t.Fatalf("killed at call %d", n)
		}
	}
	checkHits(t, a, hit, len(ns), slowest)
}

// TestTortureFailingSync lets the N-th fdatasync of a thread, which only the journal
// calls, fail: no request that arrives after that is acknowledged, the server says
// so or ends, in make torture within a second, and the restart finds all that was acknowledged.
func TestTortureFailingSync(t *testing.T) {
	failSync(t, "fdatasync", nth([]int{1, 12}, 200), 0)
}

// TestTortureFailingFileSync does the same to fsync, which also snapshots and the
// view use; there the server may go on. Large bodies fill segments, whose files are
// synced when they are made.
func TestTortureFailingFileSync(t *testing.T) {
	failSync(t, "fsync", nth([]int{1, 3}, 10), 30<<10)
}

// failSync lets a call fail while senders bring bodies of some text. With text it is
// not only the journal's.
func failSync(t *testing.T, call string, ns []int, text int) {
	const suite = "failing fsync"
	dir := t.TempDir()
	s := prepare(t, dir, quick+"journal: {max_bytes: 64MiB}\n") // and with it, small segments
	s.run()                                                     // the first start makes the journal
	s.stop()
	a := &acked{keys: map[string]int{}, sent: map[string]int{}}
	hit, slowest := 0, time.Duration(0)
	for _, n := range ns {
		out := filepath.Join(t.TempDir(), "strace")
		s.launch(tracer(t, suite, out, call, fmt.Sprintf("error=EIO:when=%d", n))...)
		if err := s.awaitReady(); err == nil {
			answers := hammer(t, s, a, fmt.Sprintf("%s%d", call, n), out, text)
			at, injected := firstInjection(t, out)
			if injected {
				hit++
			}
			if injected && text == 0 {
				checkStopped(t, s, answers, at)
			}
		} else if errors.Is(err, errEnded) {
			hit++ // a start that ends is a start that did not go on with the fault
		} else {
			t.Fatal(err)
		}
		s.kill()
		before := strings.Count(s.log.String(), saysRebuilt)
		s.run()
		if strings.Count(s.log.String(), saysRebuilt) == before {
			slowest = a.slower(slowest, s.took)
		}
		checkNothingLost(t, s, a)
		s.kill()
		if t.Failed() {
			t.Fatalf("%s %d", call, n)
		}
	}
	checkHits(t, a, hit, len(ns), slowest)
}

// answer is what one request came to.
type answer struct {
	begin, end time.Time
	status     int // 0: none
}

// hammer posts from four senders until somewhat more than a second after the fault,
// of which the trace tells, or until it is clear that there will be none.
func hammer(t *testing.T, s *server, a *acked, name, trace string, text int) []answer {
	stop := make(chan struct{})
	go func() {
		defer close(stop)
		for deadline := time.Now().Add(untilHit()); time.Now().Before(deadline); time.Sleep(lookEvery) {
			if _, hit := firstInjection(t, trace); hit {
				time.Sleep(1500 * time.Millisecond)
				return
			}
		}
	}()
	var mu sync.Mutex
	var out []answer
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			client := &http.Client{Timeout: patience}
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				an := hammerOnce(client, s, a, fmt.Sprintf("%s-w%d-%d", name, worker, i), i, text)
				if an.status != http.StatusAccepted {
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

// hammerOnce posts one new alert with so much text of no pattern.
func hammerOnce(client *http.Client, s *server, a *acked, id string, i, text int) answer {
	a.mu.Lock()
	a.sent[id]++
	a.mu.Unlock()
	an := answer{begin: time.Now()}
	an.status, _ = post(client, s.url+"/webhooks/generic", []byte(fmt.Sprintf(`{"status":"firing","title":"t","text":%q,"fingerprint":%q,"labels":{"service":"service-%d","environment":"production"}}`, patternless(text), id, i%10)))
	an.end = time.Now()
	if an.status == http.StatusAccepted {
		a.mu.Lock()
		a.keys[id]++
		a.mu.Unlock()
	}
	return an
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
	if late < 0 || answers[late].end.Sub(at) > stopsWithin() {
		t.Errorf("the server did not stop accepting within %v of the failed sync", stopsWithin())
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
		t.Error(err)
	}
	for line := range strings.Lines(string(b)) {
		if !strings.Contains(line, "(INJECTED)") {
			continue
		}
		f := strings.Fields(line) // pid seconds call
		if len(f) < 3 {
			break // half written
		}
		sec, err := strconv.ParseFloat(f[1], 64)
		if err != nil {
			t.Errorf("%q: %v", line, err)
		}
		return time.UnixMicro(int64(sec * 1e6)), true
	}
	return time.Time{}, false
}

// patternless is text of so many bytes that does not compress to less than half.
func patternless(bytes int) string {
	b := make([]byte, bytes/2)
	for i := range b {
		b[i] = byte(rand.Uint32())
	}
	return hex.EncodeToString(b)
}

func isDir(p string) bool {
	st, err := os.Stat(p)
	return err == nil && st.IsDir()
}
