package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// sums is what a test reads of the totals.
type sums struct {
	Balanced     bool `json:"balanced"`
	Accepted     int  `json:"accepted"`
	Folded       int  `json:"folded"`
	Deduplicated int  `json:"deduplicated"`
	Suppressed   int  `json:"suppressed"`
	Quarantined  int  `json:"quarantined"`
	By           []struct {
		Reason string `json:"reason"`
		Count  int    `json:"count"`
	} `json:"suppressed_by"`
}

// webhook posts a delivery and returns the offset that answered it.
func (s *server) webhook(body any) int {
	s.t.Helper()
	var a struct{ Offset int }
	if status := s.do(http.MethodPost, "/webhooks/generic", body, &a); a.Offset == 0 {
		s.t.Fatalf("webhook: status %d without an offset", status)
	}
	return a.Offset
}

// folded waits until an entry is folded.
func (s *server) folded(off int) {
	s.t.Helper()
	eventually(s.t, fmt.Sprintf("entry %d is folded", off), func() bool { // a loaded machine answers 503 first
		return s.do(http.MethodGet, fmt.Sprintf("/api/v1/totals?after_offset=%d", off), nil, nil) == http.StatusOK
	})
}

func (s *server) traced(args ...string) (string, error) {
	s.t.Helper()
	return cli(s.t, append([]string{"trace", "--server", s.url, "--token", adminToken}, args...)...)
}

// wantTrace fails unless the trace of what says every word, in this order.
func (s *server) wantTrace(what string, words ...string) {
	s.t.Helper()
	out, err := s.traced(what)
	if err != nil {
		s.t.Errorf("trace %s: %v", what, err)
	}
	rest := out
	for _, w := range words {
		_, after, ok := strings.Cut(rest, w)
		if !ok {
			s.t.Errorf("trace %s lacks %q in its place:\n%s", what, w, out)
			return
		}
		rest = after
	}
}

// Every fate of an event can be told from outside, and what was told and counted
// before kill -9 is told and counted after it.
func TestTrace(t *testing.T) {
	s := start(t, t.TempDir(), quick)
	good, clear := event("firing", "checkout"), event("resolved", "nobody-knows-it")
	first := s.webhook(good)
	again := s.webhook(good)
	mixed := s.webhook(map[string]any{"events": []any{event("firing", "cart"), clear, map[string]any{"status": "on fire"}}})
	s.folded(mixed)

	s.wantTrace(fmt.Sprint(first), fmt.Sprintf("Entry %d, from generic", first), "received", "from 127.0.0.1", "accepted  1 = 1 folded + 0 deduplicated",
		"1. firing critical checkout is failing", "Folded into ALR0000001; it is in INC0000001, which it opened:")
	s.wantTrace(fmt.Sprint(again), "accepted  1 = 0 folded + 1 deduplicated", "Repeats ALR0000001", "it is in INC0000001")
	s.wantTrace(fmt.Sprint(mixed), "accepted  3 = 1 folded + 0 deduplicated + 1 suppressed + 1 quarantined",
		"Folded into ALR0000002", "Suppressed: it clears an alert that is not known", "Quarantined as ", "on fire")
	s.wantTrace("ALR0000001", "ALR0000001 firing critical: checkout is failing", fmt.Sprintf("entry %d from generic", first), fmt.Sprintf("entry %d from generic", again),
		"events      2", "incident    INC0000001", "newest first", fmt.Sprintf("entry %d ", again), "Repeats ALR0000001", fmt.Sprintf("entry %d ", first), "Folded into ALR0000001")
	s.wantTrace("inc0000001", "INC0000001 P", "opened", fmt.Sprintf("entry %d from generic", first), "alerts      1, of 2 events", "ALR0000001  ", "Folded into ALR0000001")

	var before, after sums
	s.do(http.MethodGet, "/api/v1/totals", nil, &before)
	want := sums{Balanced: true, Accepted: 5, Folded: 2, Deduplicated: 1, Suppressed: 1, Quarantined: 1, By: before.By}
	if d := cmp.Diff(want, before); d != "" || len(before.By) != 1 || before.By[0].Count != 1 {
		t.Errorf("totals (-want +got):\n%s", d)
	}
	told, err := s.traced(fmt.Sprint(mixed))
	if err != nil {
		t.Fatal(err)
	}
	s.kill()
	s.run()
	s.do(http.MethodGet, "/api/v1/totals", nil, &after)
	if d := cmp.Diff(before, after); d != "" {
		t.Errorf("totals after kill -9 (-before +after):\n%s", d)
	}
	if again, err := s.traced(fmt.Sprint(mixed)); err != nil || again != told {
		t.Errorf("after kill -9 (-before +after) %v:\n%s", err, cmp.Diff(told, again))
	}
	s.folded(s.webhook(good))
	s.do(http.MethodGet, "/api/v1/totals", nil, &after)
	if !after.Balanced || after.Accepted != 6 || after.Deduplicated != 2 {
		t.Errorf("totals after another repeat: %+v", after)
	}
}

func TestTraceSaysWhatIsWrong(t *testing.T) {
	s := start(t, t.TempDir(), quick)
	for what, words := range map[string][]string{
		"yesterday":  {"yesterday", "ALR0000042"},
		"0":          {"offset"},
		"999":        {"entry 999", "404"},
		"1":          {"entry 1 is not a delivery"}, // the configuration
		"ALR0000009": {"ALR0000009", "404"},
		"INC0000009": {"INC0000009", "404"},
	} {
		out, err := s.traced(what)
		if err == nil {
			t.Errorf("trace %s: no error:\n%s", what, out)
			continue
		}
		for _, w := range words {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("trace %s: %v; want it to say %q", what, err, w)
			}
		}
	}
	if _, err := cli(t, "trace", "--server", "http://127.0.0.1:1", "--token", "x", "7"); err == nil || !strings.Contains(err.Error(), "no answer from the server") {
		t.Errorf("without a server: %v", err)
	}
	if _, err := s.traced("INC0000009", "--limit", "0"); err == nil {
		t.Error("a limit of nothing is taken")
	}
}

// Words of senders do not steer the terminal.
func TestTraceOfHostileWords(t *testing.T) {
	s := start(t, t.TempDir(), quick)
	e := event("firing", "x")
	e["title"] = "a\x1b[2J\x07b\u202ec"
	off := s.webhook(e)
	s.folded(off)
	for _, what := range []string{fmt.Sprint(off), "ALR0000001", "INC0000001"} {
		out, err := s.traced(what)
		if err != nil || strings.ContainsAny(out, "\x1b\x07") || strings.ContainsRune(out, '\u202e') {
			t.Errorf("trace %s: %v\n%q", what, err, out)
		}
	}
}
