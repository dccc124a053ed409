package sla

import (
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // a container without zone files must give the same answers

	"signalbox/itsm"
)

// Calendar says which time counts, as people write it.
type Calendar struct {
	Zone     string   `json:"zone"`               // IANA name; UTC when empty
	Days     []string `json:"days,omitempty"`     // mon to sun; monday to friday when empty
	From     string   `json:"from,omitempty"`     // HH:MM; 00:00 when empty
	To       string   `json:"to,omitempty"`       // HH:MM, 24:00 is the end of the day; 24:00 when empty
	Holidays []string `json:"holidays,omitempty"` // YYYY-MM-DD, in the zone
}

// Bounds of a calendar.
const (
	HolidaysMax  = 1000
	horizonYears = 20 // counted time is looked for so far ahead
)

// clock is a calendar ready to be asked; nil counts all time.
type clock struct {
	loc      *time.Location
	days     [7]bool
	from, to int // minutes after midnight
	holidays map[date]bool
}

type date struct {
	year  int
	month time.Month
	day   int
}

func (d date) next() date {
	t := time.Date(d.year, d.month, d.day+1, 0, 0, 0, 0, time.UTC)
	return date{t.Year(), t.Month(), t.Day()}
}

var weekdays = map[string]time.Weekday{"sun": time.Sunday, "mon": time.Monday, "tue": time.Tuesday, "wed": time.Wednesday, "thu": time.Thursday, "fri": time.Friday, "sat": time.Saturday}

// compile checks a calendar; the faults name its fields below at.
func (c Calendar) compile(at string) (*clock, []itsm.FieldError) {
	var faults []itsm.FieldError
	bad := func(field, value, expected string) {
		faults = append(faults, itsm.FieldError{Field: at + "." + field, Value: strconv.Quote(value), Expected: expected})
	}
	k := &clock{loc: time.UTC, to: 24 * 60, holidays: map[date]bool{}}
	if c.Zone != "" {
		loc, err := time.LoadLocation(c.Zone)
		if err != nil || strings.EqualFold(c.Zone, "local") {
			bad("zone", c.Zone, "the IANA name of a time zone such as Europe/Berlin")
			loc = time.UTC
		}
		k.loc = loc
	}
	days := c.Days
	if len(days) == 0 {
		days = []string{"mon", "tue", "wed", "thu", "fri"}
	}
	for _, d := range days {
		w, ok := weekdays[strings.ToLower(d)]
		if !ok {
			bad("days", d, "mon, tue, wed, thu, fri, sat or sun")
		}
		k.days[w] = k.days[w] || ok
	}
	var ok bool
	if c.From != "" {
		if k.from, ok = minute(c.From); !ok || k.from == 24*60 {
			bad("from", c.From, "a time such as 09:00")
		}
	}
	if c.To != "" {
		if k.to, ok = minute(c.To); !ok {
			bad("to", c.To, "a time such as 17:30, or 24:00")
		}
	}
	if len(faults) == 0 && k.from >= k.to {
		bad("to", c.To, "a time after from")
	}
	if len(c.Holidays) > HolidaysMax {
		bad("holidays", strconv.Itoa(len(c.Holidays)), "at most "+strconv.Itoa(HolidaysMax))
	}
	for _, h := range c.Holidays[:min(len(c.Holidays), HolidaysMax)] {
		t, err := time.Parse(time.DateOnly, h)
		if err != nil {
			bad("holidays", h, "a day such as 2026-12-25")
			continue
		}
		k.holidays[date{t.Year(), t.Month(), t.Day()}] = true
	}
	return k, faults
}

// minute reads HH:MM.
func minute(s string) (int, bool) {
	h, m, ok := strings.Cut(s, ":")
	hour, err1 := strconv.Atoi(h)
	min, err2 := strconv.Atoi(m)
	ok = ok && err1 == nil && err2 == nil && len(h) == 2 && len(m) == 2 && hour >= 0 && min >= 0 && min < 60 && hour*60+min <= 24*60
	return hour*60 + min, ok
}

// open is the span of a day that counts; empty when from == to.
func (k *clock) open(d date) (from, to itsm.Time) {
	noon := time.Date(d.year, d.month, d.day, 12, 0, 0, 0, time.UTC)
	if !k.days[noon.Weekday()] || k.holidays[d] {
		return 0, 0
	}
	at := func(minutes int) itsm.Time {
		return itsm.TimeOf(time.Date(d.year, d.month, d.day, 0, minutes, 0, 0, k.loc))
	}
	// The clock may show the end of a short day before its beginning, when a zone
	// skips it altogether: then nothing of it counts.
	from, to = at(k.from), at(k.to)
	return from, max(from, to)
}

func (k *clock) dateOf(t itsm.Time) date {
	y, m, d := t.Std().In(k.loc).Date()
	return date{y, m, d}
}

// elapsed is how much of the time between two moments counts.
func (k *clock) elapsed(from, to itsm.Time) time.Duration {
	if to <= from {
		return 0
	}
	if k == nil {
		return to.Sub(from)
	}
	var sum time.Duration
	for d, n := k.dateOf(from), 0; n < horizonYears*366; d, n = d.next(), n+1 {
		a, b := k.open(d)
		if a != 0 && a >= to {
			break
		}
		if b > from && b > a {
			sum += min(b, to).Sub(max(a, from))
		}
		if b == 0 && itsm.TimeOf(time.Date(d.year, d.month, d.day, 0, 0, 0, 0, k.loc)) >= to {
			break
		}
	}
	return sum
}

// after is the moment at which so much of the time from a moment on has counted;
// 0 when that is beyond the horizon.
func (k *clock) after(from itsm.Time, d time.Duration) itsm.Time {
	if k == nil {
		return from.Add(d)
	}
	day := k.dateOf(from)
	for n := 0; n < horizonYears*366; n++ {
		a, b := k.open(day)
		if a = max(a, from); b > a {
			if d <= b.Sub(a) {
				return a.Add(d)
			}
			d -= b.Sub(a)
		}
		day = day.next()
	}
	return 0
}
