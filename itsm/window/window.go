// Package window computes when a maintenance window is open: once, or by an RFC
// 5545 recurrence in a time zone.
//
// A recurrence is expanded in the wall-clock time of its zone and each start is
// then turned into a moment: a start that the clock skips in spring is taken with
// the offset before the gap (02:30 becomes 03:30), one that it shows twice in
// autumn is the first. Every occurrence lasts exactly as long as the first. Zones
// are those embedded in the program where the machine has none of its own.
//
// A Window is a value: what follows an occurrence depends on nothing but the
// window and that occurrence, so a caller that keeps a Cursor pays the same for
// the thousandth as for the first.
package window

import (
	"strings"
	"time"
	_ "time/tzdata" // a container without zone files must give the same answers

	"signalbox/itsm"
)

// Bounds of a window.
const (
	DurationMin  = time.Minute
	DurationMax  = 31 * 24 * time.Hour
	RuleBytesMax = 512
	CountMax     = 10_000
	IntervalMax  = 1000
	HorizonYears = 10 // a recurrence that does not come about for so long is over
)

// Window is when a maintenance window is open.
type Window struct {
	starts itsm.Time
	length time.Duration
	loc    *time.Location
	rule   *rule // nil for once
}

// New makes a window from its first occurrence, the zone it recurs in ("" is UTC)
// and its recurrence ("" for once). The error says which value is wrong.
func New(starts, ends itsm.Time, zone, text string) (*Window, error) {
	length := ends.Sub(starts)
	switch {
	case starts <= 0:
		return nil, itsm.Errorf(itsm.Invalid, "starts_at: expected a time such as 2026-01-31T22:00:00Z")
	case ends == 0:
		return nil, itsm.Errorf(itsm.Invalid, "ends_at: expected a time after starts_at %s", starts)
	case length < DurationMin || length > DurationMax:
		return nil, itsm.Errorf(itsm.Invalid, "ends_at %s: expected %v to %v after starts_at %s", ends, DurationMin, DurationMax, starts)
	}
	loc, err := location(zone)
	if err != nil {
		return nil, err
	}
	w := &Window{starts: starts, length: length, loc: loc}
	if text == "" {
		return w, nil
	}
	if w.rule, err = parse(text, floating(starts, loc), loc); err != nil {
		return nil, err
	}
	if _, ok := w.First(); !ok {
		return nil, itsm.Errorf(itsm.Invalid, "rrule %q: no occurrence at or after starts_at %s within %d years", text, starts, HorizonYears)
	}
	return w, nil
}

func location(zone string) (*time.Location, error) {
	if zone == "" {
		return time.UTC, nil
	}
	if strings.EqualFold(zone, "local") {
		return nil, itsm.Errorf(itsm.Invalid, "zone %q: expected the IANA name of a time zone such as Europe/Berlin, not the machine's own", zone)
	}
	loc, err := time.LoadLocation(zone)
	if err != nil {
		return nil, itsm.Errorf(itsm.Invalid, "zone %q: expected the IANA name of a time zone such as Europe/Berlin or UTC", zone)
	}
	return loc, nil
}

// Cursor is one occurrence of a window. The zero Cursor is none.
type Cursor struct {
	Start, End itsm.Time
	Floating   int64 // start on the wall clock, as Unix seconds; what the next is counted from
	N          int   // place of the occurrence, from 1
}

// First returns the first occurrence.
func (w *Window) First() (Cursor, bool) {
	if w.rule == nil {
		return Cursor{w.starts, w.starts.Add(w.length), 0, 1}, true
	}
	return w.cursor(w.rule.next(w.rule.start.Add(-1)), 1)
}

// Next returns the occurrence after c; ok is false when c is the last.
func (w *Window) Next(c Cursor) (Cursor, bool) {
	if w.rule == nil || w.rule.count > 0 && c.N >= w.rule.count {
		return Cursor{}, false
	}
	return w.cursor(w.rule.next(time.Unix(c.Floating, 0).UTC()), c.N+1)
}

func (w *Window) cursor(wall time.Time, n int) (Cursor, bool) {
	if wall.IsZero() {
		return Cursor{}, false
	}
	start := moment(wall, w.loc)
	return Cursor{start, start.Add(w.length), wall.Unix(), n}, true
}

// At returns the occurrence that is open at t, else the next one after t, walking
// on from c; the zero Cursor walks from the first.
func (w *Window) At(c Cursor, t itsm.Time) (Cursor, bool) {
	ok := true
	if c.N == 0 {
		c, ok = w.First()
	}
	for ok && c.End <= t {
		c, ok = w.Next(c)
	}
	return c, ok
}

// Occurrences lists up to n occurrences that end after t.
func (w *Window) Occurrences(t itsm.Time, n int) []Cursor {
	var out []Cursor
	for c, ok := w.At(Cursor{}, t); ok && len(out) < n; c, ok = w.Next(c) {
		out = append(out, c)
	}
	return out
}

// floating writes the wall clock of a moment as UTC.
func floating(t itsm.Time, loc *time.Location) time.Time {
	l := t.Std().In(loc)
	return time.Date(l.Year(), l.Month(), l.Day(), l.Hour(), l.Minute(), l.Second(), 0, time.UTC)
}

// moment turns a wall-clock time into a moment. A time that the clock shows twice
// is the first, one that it skips is read with the offset from before the gap.
func moment(wall time.Time, loc *time.Location) itsm.Time {
	naive := wall.Unix()
	_, before := time.Unix(naive-24*3600, 0).In(loc).Zone()
	_, after := time.Unix(naive+24*3600, 0).In(loc).Zone()
	first := time.Unix(naive-int64(max(before, after)), 0) // the larger offset is the earlier moment
	if showsWall(first, wall, loc) {
		return itsm.TimeOf(first)
	}
	second := time.Unix(naive-int64(min(before, after)), 0)
	if showsWall(second, wall, loc) {
		return itsm.TimeOf(second)
	}
	return itsm.TimeOf(time.Unix(naive-int64(before), 0))
}

func showsWall(t, wall time.Time, loc *time.Location) bool {
	l := t.In(loc)
	return l.Day() == wall.Day() && l.Hour() == wall.Hour() && l.Minute() == wall.Minute()
}
