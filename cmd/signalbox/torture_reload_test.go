package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
)

// TestTortureReload sends SIGHUP in a storm, again and again, with good and bad
// configurations: no request is dropped, a bad one is named in the log and changes
// nothing, and while a secret is rotated both are good.
func TestTortureReload(t *testing.T) {
	dir := t.TempDir()
	secrets := [2]string{"first-secret-0123456789abcdef", "second-secret-0123456789abcdef"}
	for i, secret := range secrets {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprint("secret", i)), []byte(secret), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	config := func(use ...int) string {
		var list []string
		for _, i := range use {
			list = append(list, fmt.Sprintf("'file:%s'", filepath.Join(dir, fmt.Sprint("secret", i))))
		}
		return quick + "sources:\n  shop: {kind: generic, auth: {bearer: [" + strings.Join(list, ", ") + "]}}\n"
	}
	s := start(t, filepath.Join(dir, "data"), config(0))
	file := s.args[2]
	try := func(secret string) int {
		req, err := http.NewRequest(http.MethodPost, s.url+"/webhooks/shop", strings.NewReader(`{"status":"firing","title":"t","fingerprint":"x","labels":{"service":"shop"}}`))
		if err != nil {
			t.Error(err)
			return 0
		}
		req.Header.Set("Authorization", "Bearer "+secret)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Errorf("a request was dropped: %v", err)
			return 0
		}
		resp.Body.Close()
		return resp.StatusCode
	}
	reload := func(text, says string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		before := strings.Count(s.log.String(), says)
		if err := s.cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the log says "+says, func() bool { return strings.Count(s.log.String(), says) > before })
	}
	var current atomic.Int32 // which secret is good throughout
	stop := make(chan struct{})
	var wg sync.WaitGroup
	var sent atomic.Int64
	for range 4 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				i := current.Load()
				if got := try(secrets[i]); got != http.StatusAccepted && current.Load() == i {
					t.Errorf("a good secret was answered %d", got)
					return
				}
				sent.Add(1)
			}
		})
	}
	bad := []struct{ text, says string }{
		{"sources: {shop: {kind: nagios}}\n", "nagios"},
		{"sources: {shop: {kind: generic, auth: {bearer: ['file:" + dir + "/none']}}}\n", "none"},
		{"sources: [", "was not reloaded"},
		{"surces: {}\n", "surces"},
		{config(0) + "log: {level: loud}\n", "loud"},
		{"listen: nowhere\n", "nowhere"},
	}
	for round := range rounds(4, 33) {
		from, to := round%2, (round+1)%2
		reload(config(from, to), "was reloaded")
		if got := try(secrets[to]); got != http.StatusAccepted {
			t.Errorf("the new secret, during the rotation: %d", got)
		}
		b := bad[round%len(bad)]
		reload(b.text, b.says)
		for _, secret := range secrets {
			if got := try(secret); got != http.StatusAccepted {
				t.Errorf("after a bad configuration (%s): %d", b.says, got)
			}
		}
		current.Store(int32(to))
		reload(config(to), "was reloaded")
		eventually(t, "the old secret ends", func() bool { return try(secrets[from]) == http.StatusUnauthorized })
		if t.Failed() {
			break
		}
	}
	reload(config(int(current.Load()))+"log: {level: error}\njournal: {retention: 1h}\n", "journal")
	close(stop)
	wg.Wait()
	t.Logf("%d requests during the reloads", sent.Load())
	if _, ended := s.ended(); ended {
		t.Error("the server ended")
	}
}
