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
// opens; it is heard again, the incident resolves. On a machine that stands still
// between two of the alerts it is missed rightly: then all of it is tried again.
func TestMissingWatchdogOpensAnIncident(t *testing.T) {
	for range 5 {
		if watchdogIsMissed(t) {
			return
		}
	}
	t.Error("never heard in time")
}

// watchdogIsMissed returns false when the alert was late where it should be heard.
func watchdogIsMissed(t *testing.T) bool {
	t.Helper()
	const missingAfter = 4 * time.Second
	var beats atomic.Int64
	deadman := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { beats.Add(1) }))
	defer deadman.Close()
	t.Setenv("DEADMAN", deadman.URL+"/uuid")
	s := start(t, t.TempDir(), quick+`
heartbeat: {url: 'env:DEADMAN', every: 1s}
watchdogs: [{source: main, labels: {alertname: Watchdog}, missing_after: `+missingAfter.String()+`}]
`)
	var heard time.Time // when the last one was sent
	late := false
	punctual := func() { late = late || !heard.IsZero() && time.Since(heard) > missingAfter/2 }
	hear := func() {
		now := time.Now().UTC()
		s.do(http.MethodPost, "/prometheus/main/api/v2/alerts", fmt.Sprintf(`[{"labels":{"alertname":"Watchdog","severity":"none"},"startsAt":%q,"endsAt":%q}]`,
			now.Add(-time.Hour).Format(time.RFC3339), now.Add(4*time.Minute).Format(time.RFC3339)), nil)
		punctual()
		heard = now
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
	st := silence()
	if punctual(); late {
		return false
	}
	if st != "" {
		t.Fatalf("while the watchdog is heard: an incident, %s", st)
	}
	heard = time.Time{} // it is meant to be missed
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
		return late || silence() == "resolved" // one that was missed again makes another incident
	})
	if beats.Load() < 2 {
		t.Errorf("%d heartbeats", beats.Load())
	}
	s.kill()
	punctual()
	eventually(t, "a dead server sends no heartbeats", func() bool { // but the last may still be on its way
		at := beats.Load()
		time.Sleep(1500 * time.Millisecond)
		return beats.Load() == at
	})
	if late {
		return false
	}
	out, err := cli(t, "journal", "cat", "--data-dir", s.dir)
	if err != nil || strings.Count(out, `"key":"signalbox/watchdog/main/alertname=Watchdog"`) != 2 {
		t.Errorf("the journal holds %d facts about the watchdog, want its begin and its end (%v)", strings.Count(out, `"key":"signalbox/watchdog/main/alertname=Watchdog"`), err)
	}
	return true
}
