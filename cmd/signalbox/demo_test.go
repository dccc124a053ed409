package main

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// startDemo runs 'signalbox demo' as a newcomer does and returns once the storm
// is over.
func startDemo(t *testing.T, speed string) *server {
	t.Helper()
	cmd := exec.Command(binary, "demo", "--listen", "127.0.0.1:0", "--speed", speed)
	cmd.Env = append(os.Environ(), "SIGNALBOX_ADMIN_TOKEN="+adminToken, "TMPDIR="+t.TempDir())
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	s := &server{t: t, cmd: cmd, log: &lockedBuffer{}, done: make(chan error, 1)}
	cmd.Stderr = s.log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	over := make(chan bool, 1)
	go func() {
		in := bufio.NewScanner(out)
		for in.Scan() {
			fmt.Fprintln(s.log, in.Text())
			if _, url, ok := strings.Cut(in.Text(), "console  "); ok {
				s.url = strings.TrimSuffix(url, "/")
			}
			if strings.HasPrefix(in.Text(), "Ctrl-C") {
				over <- true
			}
		}
		s.done <- cmd.Wait()
	}()
	t.Cleanup(func() { s.kill() })
	select {
	case <-over:
	case <-time.After(patience):
		t.Fatalf("the storm was not over within %v\n%s", patience, s.log)
	}
	return s
}

// TestDemoShowsWhatItPromises: one explained incident made of dozens of alerts from
// three senders, a flapping alert calmed, an unrelated incident kept apart, and
// nothing left behind.
func TestDemoShowsWhatItPromises(t *testing.T) {
	s := startDemo(t, "2")
	var storm struct {
		incident
		Title          string
		ProbableCauses []struct {
			CI      string     `json:"ci"`
			Because string     `json:"because"`
			Paths   [][]string `json:"paths"`
		} `json:"probable_causes"`
	}
	eventually(t, "all alerts are folded", func() bool { return len(s.incidents()) == 3 && len(list[alert](s, "/api/v1/alerts")) == 34 })
	s.do(http.MethodGet, "/api/v1/incidents/INC0000001", nil, &storm)
	if storm.AlertCount < 30 || storm.Priority != "P1" || len(storm.ProbableCauses) == 0 || storm.ProbableCauses[0].CI != "switch-rack-2" {
		t.Errorf("the storm: %+v, want 30 alerts or more, P1, the switch as its cause", storm)
	} else if c := storm.ProbableCauses[0]; len(c.Paths) == 0 || c.Because == "" {
		t.Errorf("the cause is not explained: %+v", c)
	}
	sources := map[string]bool{}
	for _, a := range list[alert](s, "/api/v1/alerts?incident=INC0000001") {
		sources[a.Source] = true
	}
	if len(sources) != 3 {
		t.Errorf("alerts of %v, want three senders", sources)
	}
	byCI := map[string]incident{}
	for _, in := range s.incidents() {
		for _, ci := range in.CIs {
			byCI[ci] = in
		}
	}
	if len(s.incidents()) != 3 || byCI["batch-1"].Number == byCI["db-1"].Number || byCI["ml-1"].Number == byCI["batch-1"].Number || byCI["reporting"].Number != byCI["batch-1"].Number {
		t.Errorf("incidents by CI: %+v", byCI)
	}
	type calmed struct {
		Flapping   bool `json:"flapping"`
		EventCount int  `json:"event_count"`
	}
	if got := list[calmed](s, "/api/v1/alerts?ci=ml-1"); len(got) != 1 || !got[0].Flapping || got[0].EventCount != 9 || byCI["ml-1"].AlertCount != 1 {
		t.Errorf("alerts on ml-1: %+v in %+v, want one that flaps, heard nine times", got, byCI["ml-1"])
	}
	if dir := os.Getenv("SIGNALBOX_SCREENSHOTS"); dir != "" {
		demoScreenshots(t, s)
	}
	dirs, _ := filepath.Glob(filepath.Join(envOf(s.cmd, "TMPDIR"), "signalbox-demo-*"))
	if len(dirs) != 1 {
		t.Errorf("the demo's data: %v", dirs)
	}
	if err := s.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-s.done:
		if s.done <- err; err != nil {
			t.Errorf("Ctrl-C: %v\n%s", err, s.log)
		}
	case <-time.After(patience):
		t.Fatal("Ctrl-C did not end it")
	}
	if dirs, _ := filepath.Glob(filepath.Join(envOf(s.cmd, "TMPDIR"), "signalbox-demo-*")); len(dirs) != 0 {
		t.Errorf("left behind: %v", dirs)
	}
}

func envOf(c *exec.Cmd, name string) (v string) {
	for _, e := range c.Env {
		if s, ok := strings.CutPrefix(e, name+"="); ok {
			v = s
		}
	}
	return v
}

func TestDemoStaysOnLoopback(t *testing.T) {
	for _, listen := range []string{"0.0.0.0:0", ":0", "example.com:80", "[::]:0", "x"} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		if err := run(ctx, []string{"demo", "--listen", listen}, nil, &lockedBuffer{}, &lockedBuffer{}); err == nil || !strings.Contains(err.Error(), "loopback") {
			t.Errorf("%s: %v", listen, err)
		}
		cancel()
	}
}

// demoScreenshots keeps pictures of the console with the demo in it.
func demoScreenshots(t *testing.T, s *server) {
	for _, width := range []int{1280, 375} {
		ctx := browser(t, s, width, true)
		for name, path := range map[string]string{"incidents": "/", "storm": "/incidents/INC0000001", "flapping": "/incidents/INC0000002", "unrelated": "/incidents/INC0000003", "alerts": "/alerts", "cmdb": "/cis/switch-rack-2", "status": "/status"} {
			act(t, ctx, chromedp.Navigate(s.url+path))
			time.Sleep(300 * time.Millisecond)
			screenshot(t, ctx, fmt.Sprintf("demo-%s-%d", name, width))
		}
	}
}
