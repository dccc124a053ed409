package console

import (
	"bufio"
	"net/http"
	"strings"
	"testing"
	"time"

	"signalbox/itsm"
)

// events reads the messages of a live stream.
func (s *site) events(path string) (<-chan string, func()) {
	s.t.Helper()
	req, err := http.NewRequest(http.MethodGet, s.base+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	resp, err := s.client.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	if got := resp.Header.Get("Content-Type"); got != "text/event-stream" {
		s.t.Fatalf("%s: Content-Type %q", path, got)
	}
	out := make(chan string, 16)
	go func() {
		defer close(out)
		lines := bufio.NewScanner(resp.Body)
		for lines.Scan() {
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				out <- data
			}
		}
	}()
	return out, func() { resp.Body.Close() }
}

func next(t *testing.T, events <-chan string) string {
	t.Helper()
	select {
	case e := <-events:
		return e
	case <-time.After(5 * time.Second):
		t.Fatal("no message within 5 s")
		return ""
	}
}

func TestLive(t *testing.T) {
	s := signedIn(t, fixedClock)
	list, closeList := s.events("/live?after=6")
	defer closeList()
	if got, want := next(t, list), `{"new":1,"changed":false}`; got != want {
		t.Errorf("a page that knows up to INC0000006: %s, want %s", got, want)
	}
	one, closeOne := s.events("/live?incident=INC0000004&version=41")
	defer closeOne()
	if _, err := s.book.Do(t.Context(), itsm.Act{Kind: itsm.ActNote, Incident: 4, Actor: "api:x", Text: "y"}); err != nil {
		t.Fatal(err)
	}
	if got, want := next(t, one), `{"new":0,"changed":true}`; got != want {
		t.Errorf("the page of a changed incident: %s, want %s", got, want)
	}
	s.console.Close()
	deadline := time.After(3 * time.Second)
	for _, events := range []<-chan string{list, one} {
		for open := true; open; {
			select {
			case _, open = <-events:
			case <-deadline:
				t.Fatal("closing the console leaves a stream open")
			}
		}
	}
	for _, p := range []string{"/live", "/live?after=x", "/live?incident=INC0000004", "/live?incident=4&version=1"} {
		if resp, _ := s.get(p); resp.StatusCode != http.StatusBadRequest && resp.StatusCode != http.StatusNotFound {
			t.Errorf("%s: status %d, want 400 or 404", p, resp.StatusCode)
		}
	}
}

func TestLiveIsBounded(t *testing.T) {
	s := signedIn(t, fixedClock)
	for range liveStreamsMax {
		s.console.streams <- struct{}{}
	}
	if resp, _ := s.get("/live?after=1"); resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("one stream too many: status %d, want 503", resp.StatusCode)
	}
}
