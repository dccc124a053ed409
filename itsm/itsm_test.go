package itsm_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"signalbox/itsm"
)

func TestPriorityMatrix(t *testing.T) {
	want := map[[2]itsm.Level]string{
		{itsm.High, itsm.High}: "P1", {itsm.High, itsm.Medium}: "P2", {itsm.Medium, itsm.High}: "P2",
		{itsm.High, itsm.Low}: "P3", {itsm.Medium, itsm.Medium}: "P3", {itsm.Low, itsm.High}: "P3",
		{itsm.Medium, itsm.Low}: "P4", {itsm.Low, itsm.Medium}: "P4", {itsm.Low, itsm.Low}: "P5",
	}
	for in, p := range want {
		if got := itsm.PriorityOf(in[0], in[1]).String(); got != p {
			t.Errorf("impact %s, urgency %s: %s, want %s", in[0], in[1], got, p)
		}
	}
	if got := itsm.PriorityOf(0, 9); got != itsm.P4 {
		t.Errorf("levels that are not computed give %s", got)
	}
}

func TestSeverityWords(t *testing.T) {
	for want, words := range map[itsm.Severity]string{
		itsm.Critical: "critical page emergency fatal disaster alert p1 sev1 CRITICAL Page",
		itsm.Major:    "error high major p2 sev2 High",
		itsm.Minor:    "minor average medium p3",
		itsm.Warning:  "warning warn low p4 anything-else",
		itsm.Info:     "info informational notice debug none ok p5 INFO",
	} {
		for _, w := range append(strings.Fields(words), " "+strings.Fields(words)[0]+" ") {
			if got := itsm.SeverityOf(w); got != want {
				t.Errorf("%q: %s, want %s", w, got, want)
			}
		}
	}
	if got := itsm.SeverityOf(""); got != itsm.Warning {
		t.Errorf("no word: %s, want warning", got)
	}
}

// TestLifecycle holds the table: every pair of states is either in it or refused.
func TestLifecycle(t *testing.T) {
	states := []itsm.State{itsm.New, itsm.InProgress, itsm.OnHold, itsm.IncidentResolved, itsm.Closed, itsm.Cancelled}
	allowed := strings.Fields(`new>in_progress new>on_hold new>resolved new>cancelled in_progress>on_hold in_progress>resolved in_progress>cancelled
		on_hold>in_progress on_hold>resolved on_hold>cancelled resolved>new resolved>in_progress resolved>closed resolved>cancelled`)
	for _, from := range states {
		for _, to := range states {
			move := from.String() + ">" + to.String()
			if got, want := itsm.CanMove(from, to), slices.Contains(allowed, move); got != want {
				t.Errorf("%s: %v, want %v", move, got, want)
			}
			if itsm.CanMove(from, to) != slices.Contains(itsm.Moves(from), to) {
				t.Errorf("%s: CanMove and Moves disagree", move)
			}
		}
		if back, err := itsm.ParseState(from.String()); err != nil || back != from {
			t.Errorf("%s does not read back: %v", from, err)
		}
		if from.IsOpen() != (from == itsm.New || from == itsm.InProgress || from == itsm.OnHold) {
			t.Errorf("%s: IsOpen %v", from, from.IsOpen())
		}
	}
	if itsm.Moves(itsm.Closed) != nil {
		t.Error("something follows closed")
	}
}

func TestNumbers(t *testing.T) {
	for n, want := range map[itsm.IncidentNumber]string{0: "", 1: "INC0000001", 9999999: "INC9999999", 10000000: "INC10000000"} {
		if got := n.String(); got != want {
			t.Errorf("%d: %q, want %q", uint64(n), got, want)
		}
	}
	for _, bad := range []string{"", "INC", "INC0000000", "INC1", "inc0000001", "INC00000001", "INC-000001", "INC0000001 ", "PRB0000001", "INC99999999999999999999999", "../../etc/passwd", "INC\x00000001"} {
		if n, err := itsm.ParseIncidentNumber(bad); err == nil || itsm.CodeOf(err) != itsm.NotFound {
			t.Errorf("%q: %v, %v; want not_found", bad, n, err)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		n := itsm.AlertNumber(rapid.Uint64Range(1, 1<<62).Draw(t, "n"))
		if back, err := itsm.ParseAlertNumber(n.String()); err != nil || back != n {
			t.Fatalf("%s reads back as %s: %v", n, back, err)
		}
	})
}

func TestTimes(t *testing.T) {
	type doc struct{ At itsm.Time }
	for in, want := range map[string]string{
		`null`: `null`, `""`: `null`, `"0001-01-01T00:00:00Z"`: `null`,
		`"2026-01-31T10:00:00+01:00"`: `"2026-01-31T09:00:00.000Z"`, `"2026-01-31T09:00:00.123456789Z"`: `"2026-01-31T09:00:00.123Z"`, `1769850000123`: `"2026-01-31T09:00:00.123Z"`,
	} {
		var d doc
		if err := json.Unmarshal([]byte(`{"At":`+in+`}`), &d); err != nil {
			t.Errorf("%s: %v", in, err)
			continue
		}
		if got, err := json.Marshal(d); err != nil || string(got) != `{"At":`+want+`}` {
			t.Errorf("%s: %s, want %s (%v)", in, got, want, err)
		}
	}
	for _, bad := range []string{`"yesterday"`, `true`, `{}`, `"2026-13-01T00:00:00Z"`} {
		var d doc
		if err := json.Unmarshal([]byte(`{"At":`+bad+`}`), &d); itsm.CodeOf(err) != itsm.Invalid {
			t.Errorf("%s: %v, want invalid", bad, err)
		}
	}
	at := itsm.TimeOf(time.Date(2026, 3, 29, 1, 59, 59, 0, time.UTC))
	if got := at.Add(time.Second).Sub(at); got != time.Second {
		t.Errorf("one second later is %v later", got)
	}
}

func TestEventTime(t *testing.T) {
	for _, c := range []struct {
		e    itsm.Event
		want itsm.Time
	}{
		{itsm.Event{Status: itsm.Firing, StartsAt: 1, EndsAt: 2, EventAt: 3}, 3},
		{itsm.Event{Status: itsm.Resolved, StartsAt: 1, EndsAt: 2}, 2},
		{itsm.Event{Status: itsm.Resolved, StartsAt: 1}, 1},
		{itsm.Event{Status: itsm.Firing, StartsAt: 1, EndsAt: 2}, 1},
		{itsm.Event{}, 0},
	} {
		if got := c.e.EventTime(); got != c.want {
			t.Errorf("%+v: %d, want %d", c.e, got, c.want)
		}
	}
}

func TestLabels(t *testing.T) {
	ls := itsm.NewLabels([]itsm.Label{{"b", "2"}, {"a", "1"}, {"b", "3"}, {"c", ""}})
	if d := cmp.Diff(itsm.Labels{{"a", "1"}, {"b", "2"}}, ls); d != "" {
		t.Errorf("sorted, first wins, empty dropped (-want +got):\n%s", d)
	}
	if v, n := ls.First("x", "b", "a"); v != "2" || n != "b" {
		t.Errorf("First: %q of %q", v, n)
	}
	rapid.Check(t, func(t *rapid.T) {
		m := rapid.MapOf(rapid.String(), rapid.StringN(1, 5, -1)).Draw(t, "labels")
		ls := itsm.LabelsOf(m)
		b, err := json.Marshal(ls)
		if err != nil {
			t.Fatal(err)
		}
		var back itsm.Labels
		if err := json.Unmarshal(b, &back); err != nil {
			t.Fatal(err)
		}
		if !back.Equal(ls) || len(ls.Map()) != len(m) {
			t.Fatalf("%v reads back as %v", ls, back)
		}
		for k, v := range m {
			if ls.Get(k) != v {
				t.Fatalf("Get(%q) = %q, want %q", k, ls.Get(k), v)
			}
		}
	})
	if err := json.Unmarshal([]byte(`{"a":1}`), &ls); itsm.CodeOf(err) != itsm.Invalid {
		t.Errorf("a number as label: %v", err)
	}
}

func TestErrors(t *testing.T) {
	err := fmt.Errorf("append: %w", itsm.Wrap(itsm.Unavailable, errors.New("disk on fire"), "try later"))
	if itsm.CodeOf(err) != itsm.Unavailable || itsm.MessageOf(err) != "try later" {
		t.Errorf("code %s, message %q", itsm.CodeOf(err), itsm.MessageOf(err))
	}
	if !strings.Contains(err.Error(), "disk on fire") {
		t.Errorf("the log does not get the cause: %v", err)
	}
	secret := errors.New("password=hunter2")
	if itsm.CodeOf(secret) != itsm.Internal || strings.Contains(itsm.MessageOf(secret), "hunter2") {
		t.Errorf("people are shown %q", itsm.MessageOf(secret))
	}
	if itsm.Outcome.Err(itsm.Outcome{}) != nil {
		t.Error("success is an error")
	}
	if err := (itsm.Outcome{Code: itsm.Conflict, Detail: "no"}).Err(); itsm.CodeOf(err) != itsm.Conflict {
		t.Errorf("outcome: %v", err)
	}
}

func TestPriorityWords(t *testing.T) {
	for in, want := range map[string]itsm.Priority{"P1": itsm.P1, "p5": itsm.P5, "": 0} {
		if got, err := itsm.ParsePriority(in); err != nil || got != want {
			t.Errorf("%q: %v, %v", in, got, err)
		}
	}
	for _, bad := range []string{"P0", "P6", "1", "critical", "P11"} {
		if _, err := itsm.ParsePriority(bad); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

func TestPageAt(t *testing.T) {
	for base, want := range map[string]string{
		"":                                 "",
		"https://box.example.com":          "https://box.example.com/incidents/INC0000012",
		"https://box.example.com/":         "https://box.example.com/incidents/INC0000012",
		"https://example.com/signalbox":    "https://example.com/signalbox/incidents/INC0000012",
		"http://localhost:8470/signalbox/": "http://localhost:8470/signalbox/incidents/INC0000012",
	} {
		if got := itsm.IncidentNumber(12).PageAt(base); got != want {
			t.Errorf("PageAt(%q) = %q, want %q", base, got, want)
		}
	}
}
