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
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	readyWithin = 60 * time.Second
	lookEvery   = 20 * time.Millisecond
	clockTicks  = 100 // USER_HZ, the unit of /proc/PID/stat, on every Linux Go runs on
)

// server is a process under measurement.
type server struct {
	name  string
	addr  string
	dir   string
	token string
	args  []string
	bin   string
	ready string // path that answers 200 when it is ready
	env   []string
	cmd   *exec.Cmd
	done  chan error
	log   *tailBuffer
}

// tailBuffer keeps the end of what a process says.
type tailBuffer struct {
	mu sync.Mutex
	b  []byte
}

const tailKept = 16 << 10

// Write implements io.Writer.
func (t *tailBuffer) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b = append(t.b, p...)
	if len(t.b) > 2*tailKept {
		t.b = append(t.b[:0], t.b[len(t.b)-tailKept:]...)
	}
	return len(p), nil
}

func (t *tailBuffer) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.b)
}

func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// newSignalbox prepares a Signalbox with an empty data directory; more is added to
// its configuration.
func newSignalbox(o *options, name, more string) (*server, error) {
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(o.dir, name)
	if err != nil {
		return nil, err
	}
	config := filepath.Join(dir, "signalbox.yml")
	if err := os.WriteFile(config, []byte(configuration+more), 0o600); err != nil {
		return nil, err
	}
	args := []string{"serve", "--config", config, "--listen", addr, "--data-dir", filepath.Join(dir, "data")}
	if o.cpuprofile != "" {
		args = append(args, "--cpuprofile", filepath.Join(o.cpuprofile, strings.ReplaceAll(name, " ", "-")+".pprof"))
	}
	return &server{name: "signalbox", addr: addr, dir: dir, bin: o.bin, args: args, ready: "/readyz",
		token: "sbx_bench_admin_token_0123456789abcdef0123456789abcdef"}, nil
}

// configuration adds the sources that the storm comes from to the built-in ones.
// The load is distinct alerts as fast as they are taken, hundreds of times what a
// source may bring by default: the bound is raised, the counting stays.
const configuration = `sources:
  alertmanager: {kind: alertmanager, limits: {new_keys_per_minute: 100000000}}
  main: {kind: prometheus, limits: {new_keys_per_minute: 100000000}}
  site-0: {kind: prometheus}
  site-1: {kind: prometheus}
  site-2: {kind: alertmanager}
  site-3: {kind: alertmanager}
log: {level: warn}
`

// newAlertmanager prepares an Alertmanager whose one route notifies nobody.
func newAlertmanager(o *options) (*server, error) {
	if _, err := os.Stat(o.alertmanager); err != nil {
		return nil, fmt.Errorf("the comparison needs a real Alertmanager: %w; run .ci/setup, or name one with -alertmanager", err)
	}
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(o.dir, "alertmanager")
	if err != nil {
		return nil, err
	}
	config := filepath.Join(dir, "alertmanager.yml")
	text := "route:\n  receiver: nobody\n  group_by: [alertname, cluster]\nreceivers:\n- name: nobody\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return nil, err
	}
	args := []string{"--config.file", config, "--storage.path", filepath.Join(dir, "data"), "--web.listen-address", addr, "--cluster.listen-address=", "--log.level=error"}
	return &server{name: "alertmanager", addr: addr, dir: dir, bin: o.alertmanager, args: args, ready: "/-/ready"}, nil
}

// start runs the process and returns how long it took to be ready.
func (s *server) start(ctx context.Context) (time.Duration, error) {
	s.cmd = exec.Command(s.bin, s.args...)
	s.cmd.Env = append(append(os.Environ(), "SIGNALBOX_ADMIN_TOKEN="+s.token), s.env...)
	s.log = &tailBuffer{}
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	began := time.Now()
	if err := s.cmd.Start(); err != nil {
		return 0, err
	}
	s.done = make(chan error, 1)
	go func(c *exec.Cmd, done chan error) { done <- c.Wait() }(s.cmd, s.done)
	for time.Since(began) < readyWithin {
		select {
		case err := <-s.done:
			return 0, fmt.Errorf("%s ended: %v\n%s", s.name, err, s.log)
		case <-ctx.Done():
			return 0, errors.Join(ctx.Err(), s.kill())
		case <-time.After(lookEvery):
		}
		if status, _, err := s.get(ctx, s.ready); err == nil && status == http.StatusOK {
			return time.Since(began), nil
		}
	}
	return 0, errors.Join(fmt.Errorf("%s is not ready after %v\n%s", s.name, readyWithin, s.log), s.kill())
}

// kill ends the process with SIGKILL.
func (s *server) kill() error { return s.end(syscall.SIGKILL) }

// stop ends the process with SIGTERM and waits for it.
func (s *server) stop() error { return s.end(syscall.SIGTERM) }

func (s *server) end(sig syscall.Signal) error {
	if s.cmd == nil {
		return nil
	}
	err := s.cmd.Process.Signal(sig)
	if !errors.Is(err, os.ErrProcessDone) {
		err = errors.Join(err, ignoreSignal(<-s.done, sig))
	}
	s.cmd = nil
	return err
}

func ignoreSignal(err error, sig syscall.Signal) error {
	var e *exec.ExitError
	if errors.As(err, &e) && e.Sys().(syscall.WaitStatus).Signal() == sig {
		return nil
	}
	return err
}

var client = &http.Client{Timeout: 5 * time.Minute}

func (s *server) get(ctx context.Context, path string) (int, []byte, error) {
	return s.request(ctx, http.MethodGet, path, "", nil)
}

func (s *server) request(ctx context.Context, method, path, kind string, body []byte) (int, []byte, error) {
	r, err := http.NewRequestWithContext(ctx, method, "http://"+s.addr+path, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	if s.token != "" {
		r.Header.Set("Authorization", "Bearer "+s.token)
	}
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	return read(client.Do(r))
}

// read takes in a whole answer.
func read(resp *http.Response, err error) (int, []byte, error) {
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return resp.StatusCode, b, err
}

// load brings a CMDB.
func (s *server) load(ctx context.Context, lines []byte) error {
	if len(lines) == 0 {
		return nil
	}
	status, b, err := s.request(ctx, http.MethodPost, "/api/v1/cmdb/import?source=bench", "application/x-ndjson", lines)
	if err == nil && status/100 != 2 {
		err = fmt.Errorf("import of the CMDB: %d %.300s", status, b)
	}
	return err
}

// readiness is what /readyz says of the fold.
type readiness struct {
	Folded uint64  `json:"folded_offset"`
	Stored uint64  `json:"stored_offset"`
	Lag    float64 `json:"lag_seconds"`
}

func (s *server) readiness(ctx context.Context) (r readiness, err error) {
	_, b, err := s.get(ctx, "/readyz")
	if err == nil {
		err = json.Unmarshal(b, &r)
	}
	return r, err
}

// drained waits until everything stored is folded.
func (s *server) drained(ctx context.Context) error {
	for ctx.Err() == nil {
		r, err := s.readiness(ctx)
		if err != nil {
			return err
		}
		if r.Folded == r.Stored {
			return nil
		}
		time.Sleep(5 * time.Millisecond)
	}
	return ctx.Err()
}

// metric adds up the samples of a family whose line begins with prefix.
func (s *server) metric(ctx context.Context, prefix string) (total float64, err error) {
	_, b, err := s.get(ctx, "/metrics")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, prefix); ok && strings.ContainsRune(" {,", rune(rest[0])) {
			v, err := strconv.ParseFloat(strings.TrimSpace(rest[strings.LastIndexByte(rest, ' ')+1:]), 64)
			if err != nil {
				return 0, err
			}
			total += v
		}
	}
	return total, nil
}

// cpu is the processor time that the process has used.
func (s *server) cpu() (time.Duration, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	f := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+2:]))
	user, err := strconv.Atoi(f[11])
	if err != nil {
		return 0, err
	}
	system, err := strconv.Atoi(f[12])
	return time.Duration(user+system) * time.Second / clockTicks, err
}

// anon is the anonymous resident memory of the process, and the highest resident memory it had.
func (s *server) anon() (now, peak int64, err error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		return 0, 0, err
	}
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		if len(f) < 2 || f[0] != "RssAnon:" && f[0] != "VmHWM:" {
			continue
		}
		kb, err := strconv.ParseInt(f[1], 10, 64)
		if err != nil {
			return 0, 0, err
		}
		if f[0] == "RssAnon:" {
			now = kb << 10
		} else {
			peak = kb << 10
		}
	}
	return now, peak, nil
}
