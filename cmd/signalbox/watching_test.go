package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// TestMissingWatchdogOpensAnIncident: the always-firing alert stops, an incident
// opens; it is heard again, the incident resolves.
func TestMissingWatchdogOpensAnIncident(t *testing.T) {
	var beats atomic.Int64
	deadman := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { beats.Add(1) }))
	defer deadman.Close()
	t.Setenv("DEADMAN", deadman.URL+"/uuid")
	s := start(t, t.TempDir(), quick+`
heartbeat: {url: 'env:DEADMAN', every: 1s}
watchdogs: [{source: main, labels: {alertname: Watchdog}, missing_after: 4s}] # longer than a loaded machine keeps a request waiting
`)
	hear := func() {
		now := time.Now().UTC()
		s.do(http.MethodPost, "/prometheus/main/api/v2/alerts", fmt.Sprintf(`[{"labels":{"alertname":"Watchdog","severity":"none"},"startsAt":%q,"endsAt":%q}]`,
			now.Add(-time.Hour).Format(time.RFC3339), now.Add(4*time.Minute).Format(time.RFC3339)), nil)
	}
	for range 10 {
		hear()
		time.Sleep(500 * time.Millisecond)
	}
	silence := func() (state string) { // of the incident about it, "" when there is none
		for _, in := range s.incidents() {
			if strings.Contains(in.Title, "Nothing heard of the always-firing alert of main") {
				state += in.State
			}
		}
		return state
	}
	if st := silence(); st != "" {
		t.Fatalf("while the watchdog is heard: an incident, %s", st)
	}
	eventually(t, "an incident about the silence", func() bool { return silence() == "new" })
	for _, a := range list[alert](s, "/api/v1/alerts?source=signalbox") {
		if a.Labels["alertname"] != "WatchdogMissing" || a.Status != "firing" {
			t.Errorf("self alert %+v", a)
		}
	}
	s.stop()
	s.run() // a restart is no reason to believe that it was heard
	time.Sleep(time.Second)
	if st := silence(); st != "new" {
		t.Errorf("after a restart: %q", st)
	}
	eventually(t, "heard again, it resolves", func() bool {
		hear()
		return silence() == "resolved"
	})
	if beats.Load() < 2 {
		t.Errorf("%d heartbeats", beats.Load())
	}
	s.kill()
	time.Sleep(100 * time.Millisecond)
	at := beats.Load()
	time.Sleep(1500 * time.Millisecond)
	if n := beats.Load(); n != at {
		t.Errorf("%d heartbeats of a dead server", n-at)
	}
	out, err := cli(t, "journal", "cat", "--data-dir", s.dir)
	if err != nil || strings.Count(out, `"key":"signalbox/watchdog/main/alertname=Watchdog"`) != 2 {
		t.Errorf("the journal holds %d facts about the watchdog, want its begin and its end (%v)", strings.Count(out, `"key":"signalbox/watchdog/main/alertname=Watchdog"`), err)
	}
}
