package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// binary is the built program, made once by TestMain.
var binary string

func TestMain(m *testing.M) {
	if binary = os.Getenv(binaryEnv); binary != "" { // a test that runs itself again in another namespace
		os.Exit(m.Run())
	}
	dir, err := os.MkdirTemp("", "signalbox-e2e")
	if err != nil {
		panic(err)
	}
	binary = filepath.Join(dir, "signalbox")
	build := []string{"build", "-o", binary, "."}
	if os.Getenv("SIGNALBOX_RACE") == "1" { // make race: the binary itself looks for races
		build = []string{"build", "-race", "-o", binary, "."}
	}
	if out, err := exec.Command("go", build...).CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build: %v\n%s", err, out)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

const (
	binaryEnv  = "SIGNALBOX_TEST_BINARY"
	adminToken = "sbx_test_admin_token_0123456789abcdef0123456789abcdef"
	patience   = 2 * time.Minute // how long a state may take before a test gives up
	lookEvery  = 50 * time.Millisecond
)

// server is a running binary.
type server struct {
	t    testing.TB
	url  string
	dir  string
	args []string
	env  []string // beside the test's own
	cmd  *exec.Cmd
	log  *lockedBuffer
	done chan error
	took time.Duration // from the last start to ready
}

// saysRebuilt is in the log of a start that makes the view again, which may take minutes.
const saysRebuilt = "is made again from the journal"

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// Where freePort looks: below the ports that a kernel gives away by itself. One of
// those could go to a listener or a connection of a test beside this one until the
// server listens, and again while it is down.
const (
	portFirst = 12_000
	portsMany = 20_000
)

var portsTried atomic.Uint32

// freePort finds a port that nobody listens on and that no other test gets.
func freePort(t testing.TB) string {
	t.Helper()
	var err error
	for range 100 {
		port := portFirst + (uint32(os.Getpid())*97+portsTried.Add(1))%portsMany
		l, taken := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if taken != nil {
			err = taken
			continue
		}
		defer l.Close()
		return l.Addr().String()
	}
	t.Fatal(err)
	return ""
}

// start runs the binary with a configuration (may be empty) on a data directory.
func start(t testing.TB, dir, config string, args ...string) *server {
	t.Helper()
	s := prepare(t, dir, config, args...)
	s.run()
	return s
}

// prepare is start without running anything yet.
func prepare(t testing.TB, dir, config string, args ...string) *server {
	t.Helper()
	addr := freePort(t)
	file := filepath.Join(t.TempDir(), "signalbox.yml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	s := &server{t: t, url: "http://" + addr, dir: dir, log: &lockedBuffer{},
		args: append([]string{"serve", "--config", file, "--listen", addr, "--data-dir", dir}, args...)}
	t.Cleanup(func() {
		s.kill()
		if strings.Contains(s.log.String(), "WARNING: DATA RACE") {
			t.Errorf("a data race in the server")
		}
		if t.Failed() {
			t.Logf("the server's log:\n%s", tail(s.log.String(), 6000))
		}
	})
	return s
}

func tail(s string, n int) string {
	if len(s) > n {
		return s[len(s)-n:]
	}
	return s
}

// run starts the process and waits until it is ready.
func (s *server) run() {
	s.t.Helper()
	s.launch()
	if err := s.awaitReady(); err != nil {
		s.t.Fatalf("%v\n%s", err, tail(s.log.String(), 4000))
	}
}

// launch starts the process, under another program if one is given, in a group
// of its own, so that kill reaches both.
func (s *server) launch(under ...string) {
	s.t.Helper()
	line := append(append(under, binary), s.args...)
	s.cmd = exec.Command(line[0], line[1:]...)
	s.cmd.Env = append(append(os.Environ(), "SIGNALBOX_ADMIN_TOKEN="+adminToken), s.env...)
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.done = make(chan error, 1)
	go func(c *exec.Cmd, done chan error) { done <- c.Wait() }(s.cmd, s.done)
}

// errEnded is what awaitReady returns when the process ended first.
var errEnded = errors.New("the server ended")

// awaitReady waits until the server is ready, or for the end of the process.
func (s *server) awaitReady() error {
	begin := time.Now()
	for {
		resp, err := http.Get(s.url + "/readyz")
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				s.took = time.Since(begin)
				return nil
			}
		}
		if err, ended := s.ended(); ended {
			return fmt.Errorf("%w: %v", errEnded, err)
		}
		if time.Since(begin) > patience {
			return fmt.Errorf("not ready within %v (last: %v)", patience, err)
		}
		time.Sleep(lookEvery)
	}
}

// ended reports whether the process is over, and how it ended.
func (s *server) ended() (error, bool) {
	select {
	case err := <-s.done:
		s.done <- err
		return err, true
	default:
		return nil, false
	}
}

// kill is kill -9.
func (s *server) kill() {
	if s.cmd == nil {
		return
	}
	syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL) // it may be gone already
	err := <-s.done
	s.done <- err
}

// stopMax is how long a stop may take, in make torture.
const stopMax = 10 * time.Second

// stop is SIGTERM; the process must exit cleanly. It returns how long that took.
func (s *server) stop() time.Duration {
	s.t.Helper()
	begin := time.Now()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		s.t.Fatal(err)
	}
	select {
	case err := <-s.done:
		s.done <- err
		if err != nil {
			s.t.Fatalf("stop: %v\n%s", err, tail(s.log.String(), 4000))
		}
	case <-time.After(patience):
		s.t.Fatalf("still running %v after SIGTERM\n%s", patience, tail(s.log.String(), 4000))
	}
	took := time.Since(begin)
	if inFull() && took > stopMax {
		s.t.Errorf("the stop took %v, want at most %v", took, stopMax)
	}
	return took
}

// do makes an API request and decodes the answer.
func (s *server) do(method, path string, body any, into any) int {
	s.t.Helper()
	status, b, err := s.try(method, path, body)
	if err != nil {
		s.t.Fatalf("%s %s: %v", method, path, err)
	}
	if into != nil {
		if err := json.Unmarshal(b, into); err != nil {
			s.t.Fatalf("%s %s: %d %s: %v", method, path, status, b, err)
		}
	}
	return status
}

func (s *server) try(method, path string, body any) (int, []byte, error) {
	var r io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		r = strings.NewReader(b)
	case []byte:
		r = bytes.NewReader(b)
	default:
		j, err := json.Marshal(b)
		if err != nil {
			return 0, nil, err
		}
		r = bytes.NewReader(j)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, s.url+path, r)
	if err != nil {
		return 0, nil, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if strings.HasPrefix(path, "/api/") {
		req.Header.Set("Authorization", "Bearer "+adminToken)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return resp.StatusCode, b, err
}

// incident is what the tests read of an incident.
type incident struct {
	Number         string   `json:"number"`
	Title          string   `json:"title"`
	State          string   `json:"state"`
	Priority       string   `json:"priority"`
	AlertCount     int      `json:"alert_count"`
	FiringCount    int      `json:"firing_count"`
	EventCount     int      `json:"event_count"`
	AcknowledgedBy *string  `json:"acknowledged_by"`
	AcknowledgedAt *string  `json:"acknowledged_at"`
	ResolvedBy     *string  `json:"resolved_by"`
	Assignee       *string  `json:"assignee"`
	CIs            []string `json:"cis"`
	ProbableCauses []struct {
		CI string `json:"ci"`
	} `json:"probable_causes"`
	Links []struct {
		Connector, ID, URL string
	} `json:"links"`
	Version int `json:"version"`
}

type alert struct {
	ID         string            `json:"id"`
	Status     string            `json:"status"`
	Title      string            `json:"title"`
	Source     string            `json:"source"`
	Labels     map[string]string `json:"labels"`
	EventCount int               `json:"event_count"`
	Incident   *string           `json:"incident"`
}

func (s *server) incidents() []incident {
	s.t.Helper()
	return list[incident](s, "/api/v1/incidents")
}

// list reads every page.
func list[T any](s *server, path string) []T {
	s.t.Helper()
	var all []T
	cursor := ""
	for {
		var page struct {
			Items []T    `json:"items"`
			Next  string `json:"next_cursor"`
		}
		sep := "?"
		if strings.Contains(path, "?") {
			sep = "&"
		}
		if status := s.do(http.MethodGet, path+sep+"limit=500&cursor="+cursor, nil, &page); status != http.StatusOK {
			s.t.Fatalf("GET %s: %d", path, status)
		}
		all = append(all, page.Items...)
		if cursor = page.Next; cursor == "" {
			return all
		}
	}
}

// eventually waits until ok says so; what tells what was waited for.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(lookEvery) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

// spawn runs a peer until the test ends.
func spawn(t *testing.T, name string, args ...string) {
	t.Helper()
	log := &lockedBuffer{}
	cmd := exec.Command(name, args...)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
			t.Error(err)
		}
		cmd.Wait()
		if t.Failed() {
			t.Logf("log of %s:\n%s", filepath.Base(name), tail(log.String(), 3000))
		}
	})
}
