package sla

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"signalbox/itsm"
)

var zones = []string{"", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "Pacific/Apia", "America/Sao_Paulo", "Africa/Cairo"}

func drawCalendar(t *rapid.T) Calendar {
	c := Calendar{Zone: rapid.SampledFrom(zones).Draw(t, "zone")}
	for _, d := range []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"} {
		if rapid.Bool().Draw(t, d) {
			c.Days = append(c.Days, d)
		}
	}
	from := rapid.IntRange(0, 23*60).Draw(t, "from") / 15 * 15
	to := rapid.IntRange(from+15, 24*60).Draw(t, "to") / 15 * 15
	c.From, c.To = hhmm(from), hhmm(max(to, from+15))
	for range rapid.IntRange(0, 3).Draw(t, "holidays") {
		c.Holidays = append(c.Holidays, time.Date(2026, 3, 20, 0, 0, 0, 0, time.UTC).AddDate(0, 0, rapid.IntRange(0, 25).Draw(t, "holiday")).Format(time.DateOnly))
	}
	return c
}

func hhmm(m int) string { return fmt.Sprintf("%02d:%02d", m/60, m%60) }

// counts is the definition, minute by minute: the wall clock of the zone is within
// the hours of a day that counts.
func (k *clock) counts(at itsm.Time) bool {
	w := at.Std().In(k.loc)
	y, m, d := w.Date()
	minute := w.Hour()*60 + w.Minute()
	return k.days[w.Weekday()] && !k.holidays[date{y, m, d}] && minute >= k.from && minute < k.to
}

// TestElapsed compares with counting minute by minute, over both changes of the
// clock. Where the boundary itself lies in an hour that is skipped or shown twice
// the two may differ by that hour, once for each change.
func TestElapsed(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		k, faults := drawCalendar(t).compile("c")
		if len(faults) > 0 {
			t.Fatal(faults)
		}
		begin := rapid.SampledFrom([]time.Time{time.Date(2026, 3, 26, 0, 0, 0, 0, time.UTC), time.Date(2026, 10, 22, 0, 0, 0, 0, time.UTC), time.Date(2026, 4, 2, 0, 0, 0, 0, time.UTC)}).Draw(t, "begin")
		from := itsm.TimeOf(begin.Add(time.Duration(rapid.IntRange(0, 3*24*60).Draw(t, "from")) * time.Minute))
		to := from.Add(time.Duration(rapid.IntRange(0, 6*24*60).Draw(t, "for")) * time.Minute)
		var want, unsure time.Duration
		for at := from; at < to; at = at.Add(time.Minute) {
			if k.counts(at) {
				want += time.Minute
			}
		}
		_, a := from.Std().In(k.loc).Zone()
		for at := from; at <= to; at = at.Add(time.Hour) {
			if _, b := at.Std().In(k.loc).Zone(); b != a {
				unsure, a = unsure+time.Hour, b
			}
		}
		if got := k.elapsed(from, to); (got - want).Abs() > unsure {
			t.Fatalf("%s to %s: %v, want %v (±%v)", from, to, got, want, unsure)
		}
	})
}

// TestAfter: after undoes elapsed, time only adds up, and nothing counts twice.
func TestAfter(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		k, _ := drawCalendar(t).compile("c")
		from := itsm.TimeOf(time.Date(2026, 3, 20, 0, 0, 0, 0, time.UTC)).Add(time.Duration(rapid.IntRange(0, 20*24*3600).Draw(t, "from")) * time.Second)
		d := time.Duration(rapid.IntRange(1, 30*3600).Draw(t, "d")) * time.Second
		at := k.after(from, d)
		if at == 0 {
			t.Fatal("never, on days that exist")
		}
		if got := k.elapsed(from, at); got != d {
			t.Fatalf("%v after %s is %s, and %v counted until then", d, from, at, got)
		}
		if got := k.elapsed(from, at-1); got >= d {
			t.Fatalf("%v had counted a moment before", got)
		}
		mid := from.Add(time.Duration(rapid.IntRange(0, int(at.Sub(from)/time.Second)).Draw(t, "mid")) * time.Second)
		if sum := k.elapsed(from, mid) + k.elapsed(mid, at); sum != d {
			t.Fatalf("split at %s it is %v, want %v", mid, sum, d)
		}
	})
}

// TestReach: with spans left out, so much has counted at the moment that is
// reached; a span that has no end stops everything; and a change of the target
// later changes nothing of what has passed.
func TestReach(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		k, _ := drawCalendar(t).compile("c")
		if rapid.Bool().Draw(t, "always") {
			k = nil
		}
		g := &Goal{clock: k}
		from := itsm.TimeOf(time.Date(2026, 3, 24, 9, 0, 0, 0, time.UTC))
		var stops []Span
		at := from
		for range rapid.IntRange(0, 5).Draw(t, "stops") {
			a := at.Add(time.Duration(rapid.IntRange(0, 20*3600).Draw(t, "runs")) * time.Second)
			at = a.Add(time.Duration(rapid.IntRange(1, 30*3600).Draw(t, "stands")) * time.Second)
			stops = append(stops, Span{a, at})
		}
		target := time.Duration(rapid.IntRange(1, 40*3600).Draw(t, "target")) * time.Second
		due := g.Reach(from, stops, target)
		if due == 0 {
			t.Fatal("never")
		}
		if got := g.Elapsed(from, due, stops); got != target {
			t.Fatalf("%v of %v have passed when it is due", got, target)
		}
		if half := g.Reach(from, stops, target/2); half > due {
			t.Fatalf("half of it is reached at %s, after all of it at %s", half, due)
		}
		open := append(slices.Clone(stops), Span{From: at.Add(time.Second)})
		if r := g.Reach(from, open, target); r != 0 && r != due {
			t.Fatalf("with a clock that stands it is due at %s", r)
		} else if r == 0 && g.Elapsed(from, at.Add(time.Second), stops) >= target {
			t.Fatal("it was due before the clock stood")
		}
	})
}

func TestDaylightSaving(t *testing.T) {
	k, _ := Calendar{Zone: "Europe/Berlin", Days: []string{"sat", "sun", "mon"}}.compile("c")
	day := func(m time.Month, d int) itsm.Time { return itsm.TimeOf(time.Date(2026, m, d, 0, 0, 0, 0, k.loc)) }
	for _, c := range []struct {
		from, to itsm.Time
		want     time.Duration
	}{{day(3, 29), day(3, 30), 23 * time.Hour}, {day(10, 25), day(10, 26), 25 * time.Hour}, {day(10, 24), day(10, 25), 24 * time.Hour}, {day(3, 31), day(4, 1), 0}} {
		if got := k.elapsed(c.from, c.to); got != c.want {
			t.Errorf("%s to %s: %v, want %v", c.from, c.to, got, c.want)
		}
	}
	office, _ := Calendar{Zone: "Europe/Berlin", From: "09:00", To: "17:00", Holidays: []string{"2026-12-25"}}.compile("c")
	at := func(s string) itsm.Time {
		v, err := time.ParseInLocation("2006-01-02 15:04", s, office.loc)
		if err != nil {
			t.Fatal(err)
		}
		return itsm.TimeOf(v)
	}
	for _, c := range []struct {
		from string
		d    time.Duration
		want string
	}{
		{"2026-12-24 16:00", 2 * time.Hour, "2026-12-28 10:00"}, // over a holiday and a weekend
		{"2026-03-27 16:30", time.Hour, "2026-03-30 09:30"},     // over the change of the clock
		{"2026-12-26 12:00", 8 * time.Hour, "2026-12-28 17:00"}, // from within a weekend, to the very end of a day
		{"2026-12-22 03:00", time.Minute, "2026-12-22 09:01"},
	} {
		if got := office.after(at(c.from), c.d); got != at(c.want) {
			t.Errorf("%v after %s: %s, want %s", c.d, c.from, got, at(c.want))
		}
	}
}

func TestGoals(t *testing.T) {
	var s Settings
	if err := json.Unmarshal([]byte(`{"calendars": {"office": {"zone": "Europe/Berlin", "from": "09:00", "to": "17:00"}},
		"targets": [{"priorities": ["P1", "P2"], "services": ["checkout"], "response": "5m", "resolution": "1h"}, {"priorities": ["P4"], "calendar": "office", "response": "8h", "resolution": "40h"}]}`), &s); err != nil {
		t.Fatal(err)
	}
	p, faults := s.Compile()
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	for _, c := range []struct {
		pr       itsm.Priority
		services []string
		want     time.Duration
		calendar string
	}{{itsm.P1, []string{"cart", "checkout"}, 5 * time.Minute, ""}, {itsm.P1, nil, 15 * time.Minute, ""}, {itsm.P3, []string{"checkout"}, 4 * time.Hour, ""}, {itsm.P4, nil, 8 * time.Hour, "office"}} {
		if g, ok := p.Goal(c.pr, func() []string { return c.services }); !ok || g.Response != c.want || g.Calendar != c.calendar || (g.clock != nil) != (c.calendar != "") {
			t.Errorf("%s %v: %+v", c.pr, c.services, g)
		}
	}
	if _, ok := (*Policy)(nil).Goal(itsm.P1, nil); ok {
		t.Error("no policy has a goal")
	}
	if !p.Pauses("vendor") || p.Pauses("problem") || !p.Tells(itsm.P3) || p.Tells(itsm.P4) {
		t.Error("defaults of pause and telling")
	}
	_, faults = Settings{
		Calendars: map[string]Calendar{"a": {Zone: "Mars/Olympus", Days: []string{"someday"}, From: "24:00", To: "9", Holidays: []string{"christmas"}}, "b": {From: "17:00", To: "09:00"}},
		Targets:   []Target{{Priorities: []itsm.Priority{9}, Calendar: "c", Response: 1, Resolution: Duration(time.Hour)}}, PauseOn: []string{"lunch"}, NotifyFrom: 7,
	}.Compile()
	var fields []string
	for _, f := range faults {
		fields = append(fields, strings.TrimPrefix(f.Field, "sla."))
	}
	want := []string{"calendars.a.zone", "calendars.a.days", "calendars.a.from", "calendars.a.to", "calendars.a.holidays", "calendars.b.to", "targets[0].priorities", "targets[0].calendar", "targets[0].response", "pause_on", "notify_from"}
	if !slices.Equal(fields, want) {
		t.Errorf("faults of %v, want %v", fields, want)
	}
}
