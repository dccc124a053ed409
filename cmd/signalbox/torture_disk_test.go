package main

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	smallDiskMiB   = 384
	refusedWithin  = 100 * time.Millisecond // p95 of refusals on a full disk; in a sample the median
	acceptedWithin = 5 * time.Second        // after space was freed, in make torture
)

// fill writes a file until the disk is full.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b := make([]byte, 1<<20)
	for len(b) > 0 { // ever smaller pieces, until not a byte fits
		if _, err := f.Write(b); errors.Is(err, syscall.ENOSPC) {
			b = b[:len(b)/2]
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

// probe posts one alert and says what came of it and how long that took.
func probe(s *server, id string) (status int, retryAfter string, took time.Duration, err error) {
	begin := time.Now()
	resp, err := http.Post(s.url+"/webhooks/generic", "application/json", strings.NewReader(fmt.Sprintf(`{"status":"firing","title":"t","fingerprint":%q,"labels":{"service":"service-1","environment":"production"}}`, id)))
	if err != nil {
		return 0, "", 0, err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return 0, "", 0, err
	}
	return resp.StatusCode, resp.Header.Get("Retry-After"), time.Since(begin), nil
}

// TestTortureFullDisk fills the disk under load again and again: the process must
// outlive it, refuse with 503 quickly, go on reading, and accept again by itself
// when there is space, with nothing lost. In between it is started while full.
func TestTortureFullDisk(t *testing.T) {
	if !inNamespace(t, "full disk") {
		return
	}
	disk := smallDisk(t, smallDiskMiB, 10_000)
	dir, filler := filepath.Join(disk, "data"), filepath.Join(disk, "filler")
	s := start(t, dir, quick)
	a := &acked{keys: map[string]int{}, sent: map[string]int{}}
	rnd := rand.New(rand.NewPCG(1, 2))
	for round := range rounds(1, 20) {
		stop := make(chan struct{})
		var wg sync.WaitGroup
		for worker := range 4 {
			wg.Go(func() { load(s.url, a, fmt.Sprintf("d%d-w%d", round, worker), stop) })
		}
		a.awaitMore(t)
		time.Sleep(time.Duration(300+rnd.IntN(500)) * time.Millisecond)
		fill(t, filler)
		time.Sleep(300 * time.Millisecond)
		if err, ended := s.ended(); ended {
			t.Fatalf("round %d: the process died of a full disk: %v\n%s", round, err, tail(s.log.String(), 6000))
		}
		close(stop)
		wg.Wait()
		refusesAndReads(t, s, round)
		if round%4 == 0 {
			startWhileFull(t, s, round, filler)
		}
		if err := os.Remove(filler); err != nil {
			t.Fatal(err)
		}
		freed := time.Now()
		if _, ended := s.ended(); ended { // it refused to start while full
			s.run()
		}
		eventually(t, "it accepts again after space was freed", func() bool {
			status, _, _, err := probe(s, "freed")
			return err == nil && status == http.StatusAccepted
		})
		if d := time.Since(freed); inFull() && d > acceptedWithin {
			t.Errorf("round %d: it accepted again after %v, want %v at most", round, d, acceptedWithin)
		}
		a.mu.Lock()
		a.sent["freed"]++
		a.mu.Unlock()
		eventually(t, "it is ready again", func() bool {
			return s.do(http.MethodGet, "/readyz", nil, nil) == http.StatusOK && gauges(s)["signalbox_ready"] == 1
		})
		checkNothingLost(t, s, a)
		if t.Failed() {
			t.FailNow()
		}
	}
	s.stop()
	if err := journalVerify(io.Discard, dir, ""); err != nil {
		t.Error(err)
	}
}

// refusesAndReads checks a server whose disk is full.
func refusesAndReads(t *testing.T, s *server, round int) {
	t.Helper()
	slow := 0
	for range 20 {
		status, after, took, err := probe(s, "full")
		if err != nil || status != http.StatusServiceUnavailable || after == "" {
			t.Fatalf("round %d: on a full disk: %d, Retry-After %q, %v; want 503 with it", round, status, after, err)
		}
		if took > refusedWithin {
			slow++
		}
	}
	if slow > sized(10, 1) {
		t.Errorf("round %d: %d of 20 refusals took longer than %v", round, slow, refusedWithin)
	}
	status, b, err := s.try(http.MethodGet, "/readyz", nil)
	if err != nil || status != http.StatusServiceUnavailable || !strings.Contains(string(b), "disk") {
		t.Errorf("round %d: readyz on a full disk: %d %s %v; want 503 and why", round, status, b, err)
	}
	if ready := gauges(s)["signalbox_ready"]; ready != 0 {
		t.Errorf("round %d: signalbox_ready is %v on a full disk, want 0 as readyz says", round, ready)
	}
	for _, path := range []string{"/api/v1/alerts?limit=10", "/api/v1/incidents?limit=10", "/healthz", "/metrics", "/"} {
		if status, _, err := s.try(http.MethodGet, path, nil); err != nil || status >= 400 {
			t.Errorf("round %d: GET %s on a full disk: %d %v", round, path, status, err)
		}
	}
}

// startWhileFull kills and starts the server on the full disk: with its ballast it
// comes up, says that it accepts nothing and why, and reads. Once the ballast and
// what it left are gone as well, it comes up or says what it lacks.
func startWhileFull(t *testing.T, s *server, round int, filler string) {
	t.Helper()
	for nth := range 3 {
		s.kill()
		if nth > 0 {
			fill(t, fmt.Sprint(filler, nth))
			defer os.Remove(fmt.Sprint(filler, nth))
		}
		logged := len(s.log.String())
		s.launch()
		up := false
		eventually(t, "it answers after a start on a full disk", func() bool {
			if err, ended := s.ended(); ended {
				said := s.log.String()[logged:]
				if nth == 0 || !strings.Contains(said, "is full") || !strings.Contains(said, "free some space") {
					t.Fatalf("round %d: start %d on a full disk: %v\n%s", round, nth+1, err, tail(said, 6000))
				}
				return true
			}
			_, _, err := s.try(http.MethodGet, "/readyz", nil)
			up = err == nil
			return up
		})
		if up {
			refusesAndReads(t, s, round)
		}
	}
	if _, ended := s.ended(); ended {
		t.Logf("round %d: without ballast it refuses to start and says why", round)
	}
}

// TestTortureNoInodes: no more files can be made, although there is space.
func TestTortureNoInodes(t *testing.T) {
	if !inNamespace(t, "no inodes") {
		return
	}
	disk := smallDisk(t, smallDiskMiB, 600)
	s := start(t, filepath.Join(disk, "data"), quick)
	if status, _, _, err := probe(s, "before"); err != nil || status != http.StatusAccepted {
		t.Fatalf("before: %d %v", status, err)
	}
	var files []string
	for i := 0; ; i++ {
		name := filepath.Join(disk, fmt.Sprint("file", i))
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			break
		}
		files = append(files, name)
	}
	time.Sleep(4 * diskEvery)
	refusesAndReads(t, s, 0)
	for _, name := range files {
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "it accepts again", func() bool {
		status, _, _, err := probe(s, "after")
		return err == nil && status == http.StatusAccepted
	})
	s.stop()
}
