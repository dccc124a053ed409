package api

import (
	"bufio"
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"signalbox/itsm"
)

// follow opens the stream and returns its lines.
func (w *world) follow(ctx context.Context) (*http.Response, *bufio.Scanner) {
	w.t.Helper()
	req, err := http.NewRequestWithContext(ctx, "GET", w.base+"/api/v1/events", nil)
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+adminToken)
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { resp.Body.Close() })
	return resp, bufio.NewScanner(resp.Body)
}

// event reads lines up to the empty one that ends an event.
func event(s *bufio.Scanner) string {
	var lines []string
	for s.Scan() && s.Text() != "" {
		lines = append(lines, s.Text())
	}
	return strings.Join(lines, "|")
}

func TestEvents(t *testing.T) {
	w := newWorld(t)
	w.open(itsm.Incident{})
	resp, s := w.follow(t.Context())
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("%d %s", resp.StatusCode, resp.Header.Get("Content-Type"))
	}
	if got, want := event(s), `retry: 2000|id: 1|event: ready|data: {"offset":1,"incidents":[],"opened":0,"more":false}`; got != want {
		t.Errorf("first event = %s\nwant %s", got, want)
	}
	w.feeds <- Change{Offset: 2, Incidents: []itsm.IncidentNumber{1, 2}, Opened: 1}
	if got, want := event(s), `id: 2|event: changed|data: {"offset":2,"incidents":["INC0000001","INC0000002"],"opened":1,"more":false}`; got != want {
		t.Errorf("second event = %s\nwant %s", got, want)
	}
	w.api.Close() // returns only when the stream has ended
	if s.Scan() {
		t.Errorf("after Close: %q", s.Text())
	}
}

func TestHeartbeat(t *testing.T) {
	w := newWorld(t)
	w.api.heartbeat = 20 * time.Millisecond
	_, s := w.follow(t.Context())
	event(s)
	if got := event(s); got != ": still here" {
		t.Errorf("after a while: %q, want a comment", got)
	}
}

func TestEventReadersAreBounded(t *testing.T) {
	w := newWorld(t)
	for range streamsMax {
		w.api.streams <- struct{}{}
	}
	w.want(w.call("GET", "/api/v1/events", ""), http.StatusServiceUnavailable, "64")
	<-w.api.streams
	resp, s := w.follow(t.Context())
	if event(s); resp.StatusCode != http.StatusOK {
		t.Errorf("with a free place: %d", resp.StatusCode)
	}
}

// TestReaderLeaves: a reader that hangs up gives its place back.
func TestReaderLeaves(t *testing.T) {
	w := newWorld(t)
	w.api.heartbeat = 10 * time.Millisecond
	ctx, cancel := context.WithCancel(t.Context())
	_, s := w.follow(ctx)
	event(s)
	if len(w.api.streams) != 1 {
		t.Fatalf("%d streams, want 1", len(w.api.streams))
	}
	cancel()
	for deadline := time.Now().Add(time.Minute); len(w.api.streams) > 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the place was not given back")
		}
	}
}
