package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestHistogramIsWithinItsPrecision(t *testing.T) {
	for _, d := range []time.Duration{0, 7 * time.Microsecond, 63 * time.Microsecond, 64 * time.Microsecond, 1234 * time.Microsecond, 3 * time.Second, 10 * time.Minute} {
		got := upper(bucketOf(d))
		if got < d || got > d+d/subBuckets+time.Microsecond {
			t.Errorf("%v is counted as up to %v", d, got)
		}
	}
	var h, other histogram
	for i := range 100 {
		half := &h
		if i%2 == 0 {
			half = &other
		}
		half.add(time.Duration(i+1) * time.Millisecond)
	}
	h.merge(&other)
	for q, want := range map[float64]time.Duration{0.5: 51 * time.Millisecond, 0.99: 100 * time.Millisecond, 1: 100 * time.Millisecond} {
		if got := h.quantile(q); got < want || got > want+want/subBuckets+time.Millisecond {
			t.Errorf("quantile %v: %v, want about %v", q, got, want)
		}
	}
	if h.count != 100 || h.max != 100*time.Millisecond {
		t.Errorf("count %d, max %v", h.count, h.max)
	}
}

type sentAlert struct {
	Labels      map[string]string
	Annotations map[string]string
	Fingerprint string
}

func TestTemplateMakesTheAlertsItWasSetTo(t *testing.T) {
	for _, sh := range []shape{{path: "/a", batch: 3}, {path: "/w", batch: 3, webhook: true}, {path: "/c", batch: 3, own: true}} {
		tpl := newTemplate(sh)
		for i := range 3 {
			tpl.set(i, uint64(41+i), 100)
		}
		header, body, _ := bytes.Cut(tpl.request, []byte("\r\n\r\n"))
		if !bytes.HasSuffix(header, fmt.Appendf(nil, "Content-Length: %d", len(body))) {
			t.Errorf("%s: %s for %d bytes", sh.path, header, len(body))
		}
		var alerts []sentAlert
		var err error
		if sh.webhook {
			var hook struct{ Alerts []sentAlert }
			err = json.Unmarshal(body, &hook)
			alerts = hook.Alerts
		} else {
			err = json.Unmarshal(body, &alerts)
		}
		if err != nil || len(alerts) != 3 {
			t.Fatalf("%s: %d alerts, %v\n%s", sh.path, len(alerts), err, body)
		}
		for i, a := range alerts {
			host, _, _ := strings.Cut(a.Labels["instance"], ".")
			if a.Labels["device"] != fmt.Sprintf("%010d", 41+i) || len(host) != 1+hostDigits || !strings.Contains(a.Annotations["summary"], host[1:]) {
				t.Errorf("%s: alert %d is %v %v", sh.path, i, a.Labels, a.Annotations)
			}
			if sh.webhook && a.Fingerprint != fmt.Sprintf("%016d", 41+i) {
				t.Errorf("fingerprint %s", a.Fingerprint)
			}
			if sh.own && a.Labels["ci"] != "box-"+host[1:] {
				t.Errorf("ci %s on %s", a.Labels["ci"], host)
			}
		}
		if bytes.Contains(body, []byte("@")) {
			t.Errorf("%s: a hole was left: %s", sh.path, body)
		}
	}
}

// stalling is a server that stands still once.
func stalling(t *testing.T, stall time.Duration) (addr string, served *atomic.Int64) {
	served = &atomic.Int64{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if served.Add(1) == 10 {
			time.Sleep(stall)
		}
	}))
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://"), served
}

// A stall must show in every request that was due during it, not in one alone.
func TestOpenLoopDoesNotOmitWhatHadToWait(t *testing.T) {
	const stall = 200 * time.Millisecond
	addr, served := stalling(t, stall)
	s := stream{shape: shape{addr: addr, path: "/", batch: 1}, hosts: 10, known: 1}
	out, err := s.open(context.Background(), 1, 200, 500*time.Millisecond, nil)
	if err != nil {
		t.Fatal(err)
	}
	if out.alerts != 100 || served.Load() != 100 {
		t.Errorf("%d sent, %d served, want 100 of each", out.alerts, served.Load())
	}
	late := uint64(0)
	for i, n := range out.latency.buckets {
		if upper(i) > stall/4 {
			late += n
		}
	}
	if late < 20 {
		t.Errorf("%d requests were late; 40 were due while the server stood still", late)
	}
}

func TestRepeatsAreTheShareAskedFor(t *testing.T) {
	addr, _ := stalling(t, 0)
	s := stream{shape: shape{addr: addr, path: "/", batch: 50}, hosts: 10, first: 1000, known: 10, repeated: 90}
	if _, err := s.exactly(context.Background(), 2, 10_000); err != nil {
		t.Fatal(err)
	}
	if fresh := s.first - 1000; fresh < 950 || fresh > 1050 {
		t.Errorf("%d of 10,000 alerts were new, want a tenth", fresh)
	}
}

func TestAnswersThatAreNot2xxEndTheRun(t *testing.T) {
	srv := httptest.NewServer(http.NotFoundHandler())
	defer srv.Close()
	s := stream{shape: shape{addr: strings.TrimPrefix(srv.URL, "http://"), path: "/", batch: 1}, hosts: 1, known: 1}
	if _, err := s.exactly(context.Background(), 1, 1); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("got %v", err)
	}
}

func TestLagThatGrowsIsSeen(t *testing.T) {
	for _, c := range []struct {
		lags []float64
		want bool
	}{
		{[]float64{0.1, 0.5, 0.2, 0.3, 0.1, 0.4}, false},
		{[]float64{0.1, 0.2, 0.8, 1.1, 1.9, 2.5}, true},
		{[]float64{2.5, 2.0, 1.0, 0.5, 0.2, 0.1}, false},
	} {
		w := watch{lags: c.lags, stop: func() {}}
		if _, grew, _ := w.end(); grew != c.want {
			t.Errorf("%v: grew %v, want %v", c.lags, grew, c.want)
		}
	}
}

func TestAuditSeesALossAndADuplicateThatCancelOut(t *testing.T) {
	sent := &sentAlerts{list: ledger{}}
	for n := range uint64(3) {
		sent.note(n)
	}
	read := func(devices ...string) (out []readAlert) {
		for i, d := range devices {
			out = append(out, readAlert{ID: fmt.Sprintf("ALR%d", i), Labels: map[string]string{"device": d}})
		}
		return out
	}
	for _, c := range []struct {
		read []readAlert
		want difference
	}{
		{read("0000000002", "0000000000", "0000000001"), difference{}},
		{read("0000000000", "0000000001", "0000000001"), difference{missing: 1, twice: 1}},
		{read("0000000000", "0000000001", "0000000002", "0000000007", "x"), difference{invented: 2}},
	} {
		got := sent.list.compare(c.read)
		if (got.example == "") != (c.want == difference{}) {
			t.Errorf("example %q of %+v", got.example, got)
		}
		if got.example = ""; got != c.want {
			t.Errorf("%v: got %+v, want %+v", c.read, got, c.want)
		}
	}
}

func TestRepresentFindsIncidentsThatAreNowhere(t *testing.T) {
	open := []openIncident{{Number: "INC0000001", Epoch: 1, Priority: "P1", Storm: true}, {Number: "INC0000002", Epoch: 2, Priority: "P3"},
		{Number: "INC0000003", Epoch: 1, Priority: "P3", Storm: true}, {Number: "INC0000004", Epoch: 2, Priority: "P3"}, {Number: "INC0000005", Epoch: 1, Priority: "P2", Storm: true}}
	dead := []deadLetter{{"INC0000004", 1}, {"INC0000002", 2}}
	got, err := represent(open, dead, func(key string) bool { return key == "signalbox/INC0000001/1" })
	if err != nil {
		t.Fatal(err)
	}
	if got.open != 5 || got.there != 1 || got.held != 1 || got.dead != 1 || fmt.Sprint(got.nowhere) != "[INC0000004 INC0000005]" {
		t.Errorf("got %+v", got)
	}
}

func TestBusiestIsOfAnyMinute(t *testing.T) {
	at := func(seconds ...int) (out []time.Time) {
		for _, s := range seconds {
			out = append(out, time.Unix(int64(s), 0))
		}
		return out
	}
	for _, c := range []struct {
		times []time.Time
		want  int
	}{{nil, 0}, {at(0, 50, 59, 60, 61, 70), 5}, {at(0, 60, 120), 1}} {
		if got := busiest(c.times, time.Minute); got != c.want {
			t.Errorf("%v: %d, want %d", c.times, got, c.want)
		}
	}
}
