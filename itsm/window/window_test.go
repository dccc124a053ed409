package window

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/teambition/rrule-go"
	"pgregory.net/rapid"

	"signalbox/itsm"
)

func at(t testing.TB, s string) itsm.Time {
	t.Helper()
	v, err := itsm.ParseTime(s)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestDaylightSaving pins both changes of the clock: a start that is skipped moves
// on by the gap, one that is shown twice is the first, and the length stays.
func TestDaylightSaving(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, zone, starts, ends, rule, want string }{
		{"spring", "Europe/Berlin", "2026-03-27T01:30:00Z", "2026-03-27T03:30:00Z", "FREQ=DAILY;COUNT=4",
			"2026-03-27T01:30:00.000Z 2026-03-28T01:30:00.000Z 2026-03-29T01:30:00.000Z 2026-03-30T00:30:00.000Z"},
		{"autumn", "Europe/Berlin", "2026-10-24T00:30:00Z", "2026-10-24T02:30:00Z", "FREQ=DAILY;COUNT=3",
			"2026-10-24T00:30:00.000Z 2026-10-25T00:30:00.000Z 2026-10-26T01:30:00.000Z"},
		{"new york", "America/New_York", "2026-03-01T07:30:00Z", "2026-03-01T08:30:00Z", "FREQ=WEEKLY;COUNT=3",
			"2026-03-01T07:30:00.000Z 2026-03-08T07:30:00.000Z 2026-03-15T06:30:00.000Z"},
		{"half an hour", "Australia/Lord_Howe", "2026-10-02T15:45:00Z", "2026-10-02T16:45:00Z", "FREQ=DAILY;COUNT=2",
			"2026-10-02T15:45:00.000Z 2026-10-03T15:45:00.000Z"},
	} {
		w, err := New(at(t, c.starts), at(t, c.ends), c.zone, c.rule)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		var got []string
		for _, o := range w.Occurrences(0, 10) {
			got = append(got, o.Start.String())
			if o.End.Sub(o.Start) != at(t, c.ends).Sub(at(t, c.starts)) {
				t.Errorf("%s: %s lasts %v", c.name, o.Start, o.End.Sub(o.Start))
			}
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, s, c.want)
		}
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	start, end := at(t, "2026-01-31T22:00:00Z"), at(t, "2026-01-31T23:00:00Z")
	for _, c := range []struct {
		starts, ends itsm.Time
		zone, rule   string
		want         string
	}{
		{0, end, "", "", "starts_at"},
		{start, start, "", "", "ends_at"},
		{start, start.Add(40 * 24 * time.Hour), "", "", "ends_at"},
		{start, end, "Mars/Olympus", "", `zone "Mars/Olympus"`},
		{start, end, "Local", "", "not the machine's own"},
		{start, end, "", "FREQ=HOURLY", "FREQ=HOURLY: expected DAILY"},
		{start, end, "", "COUNT=3", "FREQ is missing"},
		{start, end, "", "FREQ=DAILY;COUNT=3;COUNT=4", "COUNT is there twice"},
		{start, end, "", "FREQ=DAILY;COUNT=3;UNTIL=20270101", "exclude each other"},
		{start, end, "", "FREQ=DAILY;BYHOUR=3", "expected FREQ, INTERVAL"},
		{start, end, "", "FREQ=WEEKLY;BYDAY=2TU", "with a place"},
		{start, end, "", "FREQ=WEEKLY;BYDAY=XX", "BYDAY=XX: expected MO to SU"},
		{start, end, "", "FREQ=DAILY;INTERVAL=0", "INTERVAL=0: expected 1"},
		{start, end, "", "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "no occurrence"},
		{start, end, "", "FREQ=MONTHLY;BYMONTHDAY=1;BYSETPOS=2", "no occurrence"},
		{start, end, "", "FREQ=DAILY;UNTIL=20250101", "no occurrence"},
		{start, end, "", "FREQ=DAILY;UNTIL=soon", "UNTIL=SOON: expected 20261231"},
	} {
		if _, err := New(c.starts, c.ends, c.zone, c.rule); err == nil || !strings.Contains(err.Error(), c.want) || itsm.CodeOf(err) == itsm.Internal {
			t.Errorf("%s %s: got error %v, want one with %q", c.zone, c.rule, err, c.want)
		}
	}
}

// drawRule draws a recurrence that both expanders understand alike.
func drawRule(t *rapid.T) string {
	f := rapid.SampledFrom(freqNames).Draw(t, "freq")
	parts := []string{"FREQ=" + f, fmt.Sprintf("INTERVAL=%d", rapid.IntRange(1, 5).Draw(t, "interval"))}
	if rapid.Bool().Draw(t, "days") {
		days := rapid.SliceOfNDistinct(rapid.SampledFrom(dayNames), 1, 3, func(s string) string { return s }).Draw(t, "byday")
		if (f == "MONTHLY" || f == "YEARLY") && rapid.Bool().Draw(t, "nth") {
			for i := range days {
				days[i] = rapid.SampledFrom([]string{"1", "2", "-1", "+3"}).Draw(t, "place") + days[i]
			}
		}
		parts = append(parts, "BYDAY="+strings.Join(days, ","))
	}
	if rapid.Bool().Draw(t, "months") {
		parts = append(parts, fmt.Sprintf("BYMONTH=%d,%d", rapid.IntRange(1, 6).Draw(t, "m1"), rapid.IntRange(7, 12).Draw(t, "m2")))
	}
	if f != "WEEKLY" && rapid.Bool().Draw(t, "dates") {
		parts = append(parts, fmt.Sprintf("BYMONTHDAY=%d,-%d", rapid.IntRange(1, 31).Draw(t, "d1"), rapid.IntRange(1, 28).Draw(t, "d2")))
	}
	// In the first week the library counts BYSETPOS from the start on, and not from the
	// beginning of the week as RFC 5545 does; TestPositionsInAWeek holds ours.
	if f != "DAILY" && f != "WEEKLY" && strings.Contains(strings.Join(parts, ";"), "BYDAY") && rapid.Bool().Draw(t, "pos") {
		parts = append(parts, "BYSETPOS="+rapid.SampledFrom([]string{"1", "-1", "1,-1", "2"}).Draw(t, "setpos"))
	}
	if rapid.Bool().Draw(t, "sunday") {
		parts = append(parts, "WKST=SU")
	}
	switch rapid.IntRange(0, 2).Draw(t, "end") {
	case 1:
		parts = append(parts, fmt.Sprintf("COUNT=%d", rapid.IntRange(1, 12).Draw(t, "count")))
	case 2:
		parts = append(parts, "UNTIL="+rapid.SampledFrom([]string{"20270401T120000Z", "20280101T000000Z"}).Draw(t, "until"))
	}
	return strings.Join(parts, ";")
}

// TestRecurrenceAgainstLibrary compares the expansion with that of an independent
// implementation, in UTC, where clocks do not interfere.
func TestRecurrenceAgainstLibrary(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := drawRule(t)
		start := time.Date(2026, time.Month(rapid.IntRange(1, 12).Draw(t, "month")), rapid.IntRange(1, 28).Draw(t, "day"), rapid.IntRange(0, 23).Draw(t, "hour"), 30, 0, 0, time.UTC)
		o, err := rrule.StrToROption(text)
		if err != nil {
			t.Fatal(err)
		}
		horizon := start.AddDate(6, 0, 0)
		o.Dtstart = start
		if o.Until.IsZero() {
			o.Until = horizon
		}
		lib, err := rrule.NewRRule(*o)
		if err != nil {
			t.Skip(err)
		}
		var want []string
		for next := lib.Iterator(); len(want) < 12; {
			v, ok := next()
			if !ok || v.After(horizon) {
				break
			}
			want = append(want, itsm.TimeOf(v).String())
		}
		var got []string
		w, err := New(itsm.TimeOf(start), itsm.TimeOf(start.Add(time.Hour)), "UTC", text)
		if err == nil {
			for _, c := range w.Occurrences(0, 12) {
				if !c.Start.Std().After(horizon) {
					got = append(got, c.Start.String())
				}
			}
		}
		if !slices.Equal(got, want) {
			t.Fatalf("%s from %s:\n got %v\nwant %v (%v)", text, start, got, want, err)
		}
	})
}

// TestWalk holds that walking on from any occurrence gives the same as walking
// from the first, in any zone, that starts rise, and that every start shows the
// wall clock of the first unless the clock skipped it.
func TestWalk(t *testing.T) {
	t.Parallel()
	zones := []string{"UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "America/St_Johns"}
	rapid.Check(t, func(t *rapid.T) {
		start := itsm.Time(1767225600000).Add(time.Duration(rapid.IntRange(0, 700*24*2).Draw(t, "half hours")) * 30 * time.Minute)
		zone := rapid.SampledFrom(zones).Draw(t, "zone")
		w, err := New(start, start.Add(time.Duration(rapid.IntRange(1, 80).Draw(t, "hours"))*time.Hour), zone, drawRule(t))
		if err != nil {
			t.Skip(err)
		}
		all := w.Occurrences(0, 40)
		for n, c := range all {
			if c.N != n+1 {
				t.Fatalf("occurrence %d has number %d", n+1, c.N)
			}
			if n > 0 && c.Start <= all[n-1].Start {
				t.Fatalf("%s is not after %s", c.Start, all[n-1].Start)
			}
			if c.Start < start {
				t.Fatalf("%s is before the first start %s", c.Start, start)
			}
			if got, ok := w.At(Cursor{}, c.Start); n == 0 || all[n-1].End <= c.Start {
				if !ok || got != c {
					t.Fatalf("at %s: got %v, want %v", c.Start, got, c)
				}
			}
			if got, ok := w.Next(c); n+1 < len(all) && (!ok || got != all[n+1]) {
				t.Fatalf("after %v: got %v, want %v", c, got, all[n+1])
			}
			wall, first := c.Start.Std().In(w.loc), time.Unix(all[0].Floating, 0).UTC()
			if d := (wall.Hour()*60 + wall.Minute()) - (first.Hour()*60 + first.Minute()); d != 0 && d != 60 && d != 30 && d != 60-1440 && d != 30-1440 {
				t.Fatalf("%s shows %s, not %s", c.Start, wall, first)
			}
		}
	})
}

func FuzzRule(f *testing.F) {
	for _, s := range []string{"FREQ=DAILY", "RRULE:FREQ=WEEKLY;BYDAY=SU,WE;COUNT=10", "freq=monthly;byday=-1fr,2tu;bysetpos=-1", "FREQ=YEARLY;UNTIL=20301231;BYMONTH=2;BYMONTHDAY=29", "FREQ=YEARLY;INTERVAL=1000;BYDAY=53MO"} {
		f.Add(s, "Europe/Berlin")
	}
	f.Fuzz(func(t *testing.T, text, zone string) {
		start := itsm.Time(1767225600000)
		w, err := New(start, start.Add(time.Hour), zone, text)
		if err != nil {
			if itsm.CodeOf(err) == itsm.Internal {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		last := itsm.Time(0)
		for _, c := range w.Occurrences(0, 5) {
			if c.Start <= last || c.End != c.Start.Add(time.Hour) {
				t.Fatalf("%q: %v after %s", text, c, last)
			}
			last = c.Start
		}
	})
}

// TestPositionsInAWeek: of a week that began before the start, positions count from
// its beginning; what lies before the start is no occurrence.
func TestPositionsInAWeek(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 1, 1, 0, 30, 0, 0, time.UTC) // a Thursday
	for text, want := range map[string]string{
		"FREQ=WEEKLY;BYDAY=SU,MO;BYSETPOS=1":         "2026-01-05",
		"FREQ=WEEKLY;BYDAY=SU,MO;BYSETPOS=-1":        "2026-01-04",
		"FREQ=WEEKLY;BYDAY=SU,MO;BYSETPOS=1;WKST=SU": "2026-01-04",
	} {
		w, err := New(itsm.TimeOf(start), itsm.TimeOf(start.Add(time.Hour)), "UTC", text)
		if err != nil {
			t.Fatal(err)
		}
		if got := w.Occurrences(0, 1)[0].Start.Std().Format(time.DateOnly); got != want {
			t.Errorf("%s: first on %s, want %s", text, got, want)
		}
	}
}
