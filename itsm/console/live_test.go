package console

import (
	"bufio"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

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
	case <-time.After(time.Minute):
		t.Fatal("no message within a minute")
		return ""
	}
}

// stream is the address of the live stream that a page names.
func (s *site) stream(path string) string {
	s.t.Helper()
	resp, body := s.get(path)
	live := ""
	each(parse(s.t, body), func(n *html.Node) {
		if n.Data == "body" {
			live = attr(n, "data-live")
		}
	})
	if resp.StatusCode != http.StatusOK || live == "" {
		s.t.Fatalf("%s: status %d and no live stream", path, resp.StatusCode)
	}
	return live
}

// newIncident adds one that matches service and priority.
func (s *site) newIncident(n itsm.IncidentNumber, impact itsm.Level, service string) {
	s.t.Helper()
	w := script{now: itsm.TimeOf(fixedNow), graph: s.book.graph}
	w.incident(itsm.Incident{Number: n, Title: "another", State: itsm.New, Impact: impact, Urgency: impact, OpenedAt: w.now, Services: []string{service}})
	if err := s.book.apply(w.out); err != nil {
		s.t.Fatal(err)
	}
}

func (s *site) act(a itsm.Act) {
	s.t.Helper()
	a.Actor = "console:mira"
	if _, err := s.book.Do(s.t.Context(), a); err != nil {
		s.t.Fatal(err)
	}
}

// Each page is told what happened to what it shows, and to what it would show.
func TestLive(t *testing.T) {
	acknowledge := func(s *site) { s.act(itsm.Act{Kind: itsm.ActAcknowledge, Incident: 4}) }
	for _, c := range []struct {
		path   string
		change func(*site)
		want   string
	}{
		{"/", func(s *site) { s.newIncident(8, itsm.Low, "x"); s.newIncident(9, itsm.Low, "x") }, "2 new incidents."},
		{"/", acknowledge, "1 incident changed."},
		{"/", func(s *site) { s.act(itsm.Act{Kind: itsm.ActResolve, Incident: 4, CloseCode: "fixed"}) }, "1 incident changed."},
		{"/", func(s *site) {
			s.newIncident(8, itsm.Low, "x")
			s.act(itsm.Act{Kind: itsm.ActMerge, Incident: 5, Into: 4})
		}, "1 new incident, 1 changed."},
		{"/", func(s *site) { s.act(itsm.Act{Kind: itsm.ActReopen, Incident: 1}) }, "1 new incident."},
		{"/?priority=P1", func(s *site) { s.newIncident(8, itsm.Low, "x"); acknowledge(s) }, "1 incident changed."},
		{"/?service=svc-cart&state=all", func(s *site) { s.newIncident(8, itsm.Low, "x"); s.newIncident(9, itsm.High, "svc-cart") }, "1 new incident."},
		{"/?state=all", acknowledge, "1 incident changed."},
		{"/?state=resolved", func(s *site) { s.act(itsm.Act{Kind: itsm.ActResolve, Incident: 4, CloseCode: "fixed"}) }, "1 new incident."},
		{"/?q=nothing+like+this", func(s *site) {
			s.newIncident(8, itsm.Low, "x")
			acknowledge(s)
			s.newIncident(9, itsm.Low, "nothing like this")
		}, "1 new incident."},
		{"/alerts", func(s *site) { s.book.crowd(t, 3, 0, 0) }, "3 new alerts."},
		{"/alerts?ci=worker-0001", func(s *site) { s.book.crowd(t, 3, 0, 0) }, "1 new alert."},
		{"/alerts?status=all", func(s *site) {
			a, err := s.book.Alert(3)
			if err != nil {
				t.Fatal(err)
			}
			a.EventCount++ // a repetition changes nothing that the row says
			b, err := s.book.Alert(46)
			if err != nil {
				t.Fatal(err)
			}
			b.Status, b.EndsAt = itsm.Resolved, itsm.TimeOf(fixedNow)
			if err := s.book.apply([]itsm.Decision{{Kind: itsm.PutAlert, Alert: &a}, {Kind: itsm.PutAlert, Alert: &b}}); err != nil {
				t.Fatal(err)
			}
		}, "1 alert changed."},
		{"/incidents/INC0000004", acknowledge, "This incident has changed: acknowledged by mira, now in progress."},
		{"/incidents/INC0000004", func(s *site) { s.act(itsm.Act{Kind: itsm.ActNote, Incident: 4, Text: "y"}) }, "This incident has changed."},
		{"/status", func(s *site) {
			q := itsm.Quarantined{ID: "00", Source: "generic", Offset: 900, Error: "x", Count: 1, FirstAt: 1, LastAt: 1}
			if err := s.book.apply([]itsm.Decision{{Kind: itsm.PutQuarantine, Quarantine: &q}}); err != nil {
				t.Fatal(err)
			}
		}, "The status has changed."},
	} {
		s := signedIn(t, fixedClock)
		address := s.stream(c.path)
		w, err := parseWatch(must(url.ParseQuery(strings.TrimPrefix(address, "/live?"))))
		if err != nil {
			t.Fatalf("%s: %v", address, err)
		}
		if n, err := w.news(s.console); err != nil || n != (news{}) {
			t.Errorf("%s: before anything happened %v, %v", c.path, n, err)
		}
		c.change(s)
		if n, err := w.news(s.console); err != nil || n.Text != c.want {
			t.Errorf("%s: %q, %v; want %q", c.path, n.Text, err, c.want)
		}
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// A second page of a list hears of its own rows only.
func TestLiveSecondPage(t *testing.T) {
	s := signedIn(t, fixedClock)
	s.book.crowd(t, listPageSize+5, 0, 0)
	_, body := s.get("/alerts")
	w, err := parseWatch(must(url.ParseQuery(strings.TrimPrefix(s.stream(link(t, body, "Older")), "/live?"))))
	if err != nil {
		t.Fatal(err)
	}
	s.book.crowd(t, 2, 0, 0)
	if n, err := w.news(s.console); err != nil || n.Text != "" {
		t.Errorf("new alerts on the first page: %q, %v", n.Text, err)
	}
}

func TestLiveStream(t *testing.T) {
	s := signedIn(t, fixedClock)
	s.console.liveFor = time.Hour // none ends by itself while this waits
	list, closeList := s.events(s.stream("/"))
	defer closeList()
	one, closeOne := s.events(s.stream("/incidents/INC0000004"))
	defer closeOne()
	s.act(itsm.Act{Kind: itsm.ActNote, Incident: 4, Text: "y"})
	if got, want := next(t, one), `{"text":"This incident has changed.","count":1}`; got != want {
		t.Errorf("the page of a changed incident: %s, want %s", got, want)
	}
	s.newIncident(8, itsm.Low, "x")
	if got, want := next(t, list), `{"text":"1 new incident.","count":1}`; got != want {
		t.Errorf("the list: %s, want %s", got, want)
	}
	s.console.Close()
	deadline := time.After(30 * time.Second) // the client ends them itself after a minute
	for _, events := range []<-chan string{list, one} {
		for open := true; open; {
			select {
			case _, open = <-events:
			case <-deadline:
				t.Fatal("closing the console leaves a stream open")
			}
		}
	}
	rows := strings.Repeat("1.a,", 5)
	for k := range shownMax + 1 {
		rows += fmt.Sprintf("%d.a,", k)
	}
	for _, p := range []string{"/live", "/live?list=x", "/live?list=alerts", "/live?list=incidents&low=0&state=x", "/live?list=alerts&low=0&shown=x", "/live?list=alerts&low=0&shown=" + rows,
		"/live?incident=INC0000004", "/live?incident=4&version=1&alerts=1"} {
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
	if resp, _ := s.get("/live?list=status&seen=x"); resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("one stream too many: status %d, want 503", resp.StatusCode)
	}
}
