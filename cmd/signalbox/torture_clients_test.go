package main

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"signalbox/ingest"
	"signalbox/ingest/journal"
	"signalbox/itsm/desk"
	"signalbox/itsm/kv/badgerkv"
)

// latencies posts one alert after the other for a while and returns how long each took.
func latencies(t *testing.T, s *server, source string, d time.Duration) []time.Duration {
	t.Helper()
	client := &http.Client{Timeout: patience}
	var out []time.Duration
	for i, end := 0, time.Now().Add(d); time.Now().Before(end); i++ {
		begin := time.Now()
		status, err := post(client, s.url+"/webhooks/"+source, []byte(fmt.Sprintf(`{"status":"firing","title":"t","fingerprint":"f%d","labels":{"service":"service-%d"}}`, i%100, i%10)))
		if err != nil || status != http.StatusAccepted {
			t.Errorf("an honest sender was refused: %d %v", status, err)
		}
		out = append(out, time.Since(begin))
		time.Sleep(2 * time.Millisecond)
	}
	slices.Sort(out)
	return out
}

func p99(sorted []time.Duration) time.Duration { return sorted[len(sorted)*99/100] }

// typical is the 99th percentile in make torture. In a sample it is the median, for
// there a machine that stands still for a moment is the 99th percentile.
func typical(sorted []time.Duration) time.Duration {
	if inFull() {
		return p99(sorted)
	}
	return sorted[len(sorted)/2]
}

// dial opens a connection that ends with the test.
func dial(t *testing.T, s *server) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// slowly is a client that takes its time; it returns when it was cut.
type slowly struct {
	name   string
	first  string // sent at once
	then   string // sent a byte at a time
	reads  bool   // a reader that does not read instead
	within time.Duration
}

var slowClients = []slowly{
	{"headers", "POST /webhooks/generic HTTP/1.1\r\nHost: a\r\nX-Slow: ", "a", false, ingest.HeaderTimeout + 5*time.Second},
	{"body", "POST /webhooks/generic HTTP/1.1\r\nHost: a\r\nContent-Length: 10000\r\n\r\n{", " ", false, 20 * time.Second},
	{"chunks", "POST /webhooks/generic HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\n \r\n", false, 20 * time.Second},
	{"API body", "POST /api/v1/incidents/INC0000001/acknowledge HTTP/1.1\r\nHost: a\r\nContent-Length: 10000\r\n\r\n{", " ", false, 20 * time.Second},
	{"nothing", "", "", false, ingest.HeaderTimeout + 5*time.Second},
	{"reads", strings.Repeat("GET /openapi.json HTTP/1.1\r\nHost: a\r\n\r\n", 300), "", true, 20 * time.Second},
	{"nothing more", "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n", "", false, ingest.IdleTimeout + 5*time.Second},
}

// TestTortureSlowClients opens connections that send and read as slowly as they can:
// honest senders hardly notice, in make torture all are cut, and file descriptors
// and goroutines come back.
func TestTortureSlowClients(t *testing.T) {
	s := start(t, t.TempDir(), quick)
	baseline := latencies(t, s, "generic", time.Duration(sized(1, 5))*time.Second)
	before := gauges(s)
	var wg sync.WaitGroup
	stop := make(chan struct{})
	for i := range sized(240, 2500) {
		c := slowClients[i%len(slowClients)]
		conn := dial(t, s)
		wg.Go(func() { c.bother(t, conn, stop) })
	}
	held := func() float64 { return gauges(s)["process_open_fds"] - before["process_open_fds"] }
	eventually(t, "connections are held, or the test tests nothing", func() bool { return held() >= float64(sized(100, 1000)) })
	during := latencies(t, s, "generic", time.Duration(sized(2, 10))*time.Second)
	t.Logf("p99 %v alone, %v beside what came to %v held connections", p99(baseline), p99(during), held())
	if typical(during) > 2*typical(baseline)+100*time.Millisecond {
		t.Errorf("an honest sender waits %v beside slow clients, %v without", typical(during), typical(baseline))
	}
	if !inFull() {
		close(stop) // they go by themselves
	}
	wg.Wait()
	comeBack(t, s, before)
}

// bother keeps a connection busy as slowly as it can until it is cut, or stop.
func (c slowly) bother(t *testing.T, conn net.Conn, stop <-chan struct{}) {
	defer conn.Close()
	begin := time.Now()
	conn.SetWriteDeadline(begin.Add(c.within + 5*time.Second))
	if c.reads {
		conn.SetWriteDeadline(begin.Add(time.Second)) // it does not all fit, for nobody reads the answers
	}
	io.WriteString(conn, c.first)
	gone := make(chan struct{})
	if !c.reads {
		go func() { io.Copy(io.Discard, conn); close(gone) }()
	}
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return
		case <-gone:
			return
		case <-tick.C:
		}
		if c.then != "" {
			if _, err := io.WriteString(conn, c.then); err != nil {
				return
			}
		}
		if c.reads && time.Since(begin) > c.within {
			// A reader learns only by reading that it was cut: the answers end.
			conn.SetReadDeadline(time.Now().Add(5 * time.Second))
			if _, err := io.Copy(io.Discard, conn); err != nil && strings.Contains(err.Error(), "timeout") {
				t.Errorf("%s: still served after %v", c.name, c.within)
			}
			return
		}
		if time.Since(begin) > c.within+5*time.Second {
			t.Errorf("%s: not cut within %v", c.name, c.within)
			return
		}
	}
}

// comeBack waits until file descriptors and goroutines are about what they were.
func comeBack(t *testing.T, s *server, before map[string]float64) {
	t.Helper()
	http.DefaultClient.CloseIdleConnections()
	names := []string{"process_open_fds"}
	if inFull() { // the HTTP server keeps workers for some ten seconds after their last connection
		names = append(names, "go_goroutines")
	}
	for _, name := range names {
		eventually(t, name+" come back", func() bool { return gauges(s)[name] <= before[name]+20 })
	}
}

// Flood of TestTortureGreedySource: connections that send as fast as they are answered.
const greedyConnections = 8

// TestTortureGreedySource: one source floods the server with new alerts, over
// several connections and as fast as it is answered; it is told so with 503. Another
// source is refused nothing and, in make torture, is about as fast as before: its p99
// stays within one and a half of what it was alone, in the same run.
func TestTortureGreedySource(t *testing.T) {
	s := start(t, t.TempDir(), quick+fmt.Sprintf("sources:\n  greedy: {kind: generic, limits: {new_keys_per_minute: %d}}\n", sized(100, 3000)))
	d := time.Duration(sized(1, 20)) * time.Second
	latencies(t, s, "generic", time.Duration(sized(1, 5))*time.Second) // its own first alerts are not the baseline
	baseline := latencies(t, s, "generic", d)
	stop := make(chan struct{})
	count, got := flood(s, "greedy", stop)
	warm := latencies(t, s, "generic", time.Duration(sized(1, 5))*time.Second)
	during := latencies(t, s, "generic", d)
	eventually(t, "the greedy source is told that it is too much", func() bool { return got(http.StatusServiceUnavailable) > 0 })
	close(stop)
	answers := count()
	t.Logf("p99 %v alone, %v and %v beside a greedy source, which was answered %v", p99(baseline), p99(warm), p99(during), answers)
	if inFull() && p99(during) > p99(baseline)*3/2 {
		t.Errorf("p99 %v beside a greedy source, %v without: more than one and a half", p99(during), p99(baseline))
	}
	if answers[http.StatusServiceUnavailable] == 0 || answers[http.StatusAccepted] == 0 {
		t.Errorf("the greedy source was answered %v, want some 202 and some 503", answers)
	}
}

// flood sends new alerts as fast as they are answered until stop; wait returns how
// often each status was the answer, got how often one was by now.
func flood(s *server, source string, stop <-chan struct{}) (wait func() map[int]int, got func(status int) int) {
	var wg sync.WaitGroup
	var mu sync.Mutex
	count := map[int]int{}
	client := &http.Client{Timeout: patience, Transport: &http.Transport{MaxIdleConnsPerHost: greedyConnections}}
	for worker := range greedyConnections {
		wg.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				status, err := post(client, s.url+"/webhooks/"+source, []byte(fmt.Sprintf(`{"status":"firing","title":"t","fingerprint":"g%d-%d"}`, worker, i)))
				if err == nil {
					mu.Lock()
					count[status]++
					mu.Unlock()
				}
			}
		})
	}
	wait = func() map[int]int { wg.Wait(); client.CloseIdleConnections(); return count }
	got = func(status int) int { mu.Lock(); defer mu.Unlock(); return count[status] }
	return wait, got
}

// TestTortureGracefulStop sends SIGTERM under load: the process ends cleanly within
// ten seconds, has folded all that it acknowledged, and has it after the next start.
// A sample fails when three stops were late, as the machine may have stood still.
func TestTortureGracefulStop(t *testing.T) {
	s := start(t, t.TempDir(), quick)
	a := &acked{keys: map[string]int{}, sent: map[string]int{}}
	var slowest time.Duration
	late := 0
	for round, last := 0, rounds(1, 50); round < last; round++ {
		stop := make(chan struct{})
		var wg sync.WaitGroup
		for worker := range 4 {
			wg.Go(func() { load(s.url, a, fmt.Sprintf("t%d-w%d", round, worker), stop) })
		}
		idle := dial(t, s) // and one that never says anything must not hold it up
		held := dial(t, s)
		fmt.Fprintf(held, "POST /webhooks/generic HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{")
		a.awaitMore(t)
		time.Sleep(300 * time.Millisecond)
		took := s.stop() // fails when the exit code is not 0
		if took > stopMax && !inFull() {
			if late++; late == 3 {
				t.Errorf("the stop took %v, want at most %v", took, stopMax)
			}
			last = max(last, round+2)
		}
		slowest = max(slowest, took)
		close(stop)
		wg.Wait()
		idle.Close()
		held.Close()
		checkFolded(t, s.dir)
		s.run()
		checkNothingLost(t, s, a)
		if t.Failed() {
			t.Fatalf("round %d", round)
		}
	}
	t.Logf("%d alerts acknowledged; the slowest stop took %v", len(a.keys), slowest)
}

// checkFolded: the records of a stopped server are as far as its journal.
func checkFolded(t *testing.T, dir string) {
	t.Helper()
	j, err := journal.Open(journal.Options{Dir: filepath.Join(dir, journalDir)})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	db, err := badgerkv.Open(badgerkv.Options{Dir: filepath.Join(dir, viewDir), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	d, err := desk.Open(db)
	if err != nil {
		t.Fatal(err)
	}
	head, _ := j.Head()
	if cursor, _ := d.Cursor(); cursor != head {
		t.Errorf("stopped with entry %d folded; the journal ends at %d", cursor, head)
	}
}

// TestTortureNotReadyFirst: while it stops, a connection that is open already is told
// that the server is not ready. It says so for a moment only, so a machine that stands
// still for as long between two questions makes it try again.
func TestTortureNotReadyFirst(t *testing.T) {
	s := start(t, t.TempDir(), quick)
	for range 5 {
		if notReadyFirst(t, s) {
			return
		}
		s.run()
	}
	t.Error("never asked in time")
}

// notReadyFirst stops the server; false when it did not ask while that could be heard.
func notReadyFirst(t *testing.T, s *server) bool {
	t.Helper()
	conn := dial(t, s)
	conn.SetDeadline(time.Now().Add(patience))
	r := bufio.NewReader(conn)
	ask := func() int {
		if _, err := io.WriteString(conn, "GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
			return 0
		}
		res, err := http.ReadResponse(r, nil)
		if err != nil {
			return 0
		}
		io.Copy(io.Discard, res.Body)
		return res.StatusCode
	}
	if got := ask(); got != http.StatusOK {
		t.Fatalf("readyz before: %d", got)
	}
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	last, asked := http.StatusOK, time.Now() // when the last answer was asked for
	for {
		began := time.Now()
		got := ask()
		if got == 0 {
			break
		}
		if last == http.StatusServiceUnavailable && got == http.StatusOK {
			t.Error("ready again while stopping")
		}
		last, asked = got, began
	}
	unheard := time.Since(asked)
	if err := <-s.done; err != nil {
		t.Error(err)
	}
	s.done <- nil
	if last != http.StatusServiceUnavailable && unheard < tellFor {
		t.Errorf("the last answer before the connection ended was %d, %v before, want 503", last, unheard)
	}
	return last == http.StatusServiceUnavailable || t.Failed()
}
