package window

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"signalbox/itsm"
)

// parse reads a recurrence such as FREQ=WEEKLY;BYDAY=SU,WE;COUNT=10. start is its
// DTSTART on the wall clock of loc. The error names the part and what it may be.
func parse(text string, start time.Time, loc *time.Location) (*rule, error) {
	if len(text) > RuleBytesMax {
		return nil, itsm.Errorf(itsm.TooLarge, "rrule: %d bytes; at most %d", len(text), RuleBytesMax)
	}
	r := &rule{freq: -1, start: start, interval: 1, weekStart: time.Monday}
	p := parser{rule: r, loc: loc}
	seen := map[string]bool{}
	for _, part := range strings.Split(strings.TrimPrefix(strings.ToUpper(strings.TrimSpace(text)), "RRULE:"), ";") {
		name, value, _ := strings.Cut(part, "=")
		read, ok := parts[name]
		switch {
		case !ok:
			return nil, itsm.Errorf(itsm.Invalid, "rrule: %q: expected FREQ, INTERVAL, COUNT, UNTIL, BYDAY, BYMONTH, BYMONTHDAY, BYSETPOS or WKST, separated by semicolons, such as FREQ=WEEKLY;BYDAY=SU", part)
		case seen[name]:
			return nil, itsm.Errorf(itsm.Invalid, "rrule: %s is there twice", name)
		case !read(&p, value):
			return nil, itsm.Errorf(itsm.Invalid, "rrule: %s=%s: expected %s", name, value, expected[name])
		}
		seen[name] = true
	}
	return r, r.complete(seen)
}

type parser struct {
	*rule
	loc *time.Location
}

// parts reads each part; false says that the value is none.
var parts = map[string]func(*parser, string) bool{
	"FREQ": func(p *parser, v string) bool {
		p.freq = freq(slices.Index(freqNames, v))
		return p.freq >= 0
	},
	"INTERVAL":   func(p *parser, v string) bool { return number(v, 1, IntervalMax, &p.interval) },
	"COUNT":      func(p *parser, v string) bool { return number(v, 1, CountMax, &p.count) },
	"UNTIL":      (*parser).readUntil,
	"WKST":       func(p *parser, v string) bool { return dayNamed(v, &p.weekStart) },
	"BYMONTH":    func(p *parser, v string) bool { return numbers(v, 1, 12, &p.byMonth) },
	"BYMONTHDAY": func(p *parser, v string) bool { return numbers(v, -31, 31, &p.byDate) },
	"BYSETPOS":   func(p *parser, v string) bool { return numbers(v, -366, 366, &p.bySetPos) },
	"BYDAY":      (*parser).readDays,
}

var freqNames = []string{"DAILY", "WEEKLY", "MONTHLY", "YEARLY"}

var expected = map[string]string{
	"FREQ":       "DAILY, WEEKLY, MONTHLY or YEARLY",
	"INTERVAL":   "1 to " + strconv.Itoa(IntervalMax),
	"COUNT":      "1 to " + strconv.Itoa(CountMax),
	"UNTIL":      "20261231T235959Z, a local 20261231T235959, or a date 20261231",
	"WKST":       "MO, TU, WE, TH, FR, SA or SU",
	"BYMONTH":    "months 1 to 12, separated by commas",
	"BYMONTHDAY": "days 1 to 31, or -1 to -31 from the end, separated by commas",
	"BYSETPOS":   "places 1 to 366, or -1 to -366 from the end, separated by commas",
	"BYDAY":      "MO to SU, separated by commas; with a place such as 2TU or -1FR when FREQ is MONTHLY or YEARLY",
}

// complete checks what the parts mean together and takes from the start what they
// leave open.
func (r *rule) complete(seen map[string]bool) error {
	nth := slices.ContainsFunc(r.byDay, func(w weekday) bool { return w.nth != 0 })
	switch {
	case !seen["FREQ"]:
		return itsm.Errorf(itsm.Invalid, "rrule: FREQ is missing: expected %s", expected["FREQ"])
	case seen["COUNT"] && seen["UNTIL"]:
		return itsm.Errorf(itsm.Invalid, "rrule: COUNT and UNTIL exclude each other: give one")
	case nth && r.freq < monthly:
		return itsm.Errorf(itsm.Invalid, "rrule: BYDAY with a place such as 2TU: expected FREQ=MONTHLY or YEARLY with it")
	case seen["BYMONTHDAY"] && r.freq == weekly:
		return itsm.Errorf(itsm.Invalid, "rrule: BYMONTHDAY: not with FREQ=WEEKLY")
	case seen["BYSETPOS"] && !seen["BYDAY"] && !seen["BYMONTH"] && !seen["BYMONTHDAY"]:
		return itsm.Errorf(itsm.Invalid, "rrule: BYSETPOS: expected BYDAY, BYMONTHDAY or BYMONTH, out of which it chooses")
	}
	if len(r.byDay)+len(r.byDate) > 0 {
		return nil
	}
	switch r.freq {
	case weekly:
		r.byDay = []weekday{{day: r.start.Weekday()}}
	case yearly:
		if len(r.byMonth) == 0 {
			r.byMonth = []int{int(r.start.Month())}
		}
		r.byDate = []int{r.start.Day()}
	case monthly:
		r.byDate = []int{r.start.Day()}
	}
	return nil
}

func number(v string, lo, hi int, out *int) bool {
	n, err := strconv.Atoi(v)
	if err != nil || n < lo || n > hi {
		return false
	}
	*out = n
	return true
}

func numbers(v string, lo, hi int, out *[]int) bool {
	for _, f := range strings.Split(v, ",") {
		var n int
		if !number(f, lo, hi, &n) || n == 0 {
			return false
		}
		*out = append(*out, n)
	}
	return true
}

var dayNames = []string{"SU", "MO", "TU", "WE", "TH", "FR", "SA"}

func dayNamed(v string, out *time.Weekday) bool {
	n := slices.Index(dayNames, v)
	*out = time.Weekday(n)
	return n >= 0
}

func (p *parser) readDays(v string) bool {
	for _, f := range strings.Split(v, ",") {
		if len(f) < 2 {
			return false
		}
		var w weekday
		at := len(f) - 2
		if !dayNamed(f[at:], &w.day) {
			return false
		}
		if at > 0 && (!number(strings.TrimPrefix(f[:at], "+"), -53, 53, &w.nth) || w.nth == 0) {
			return false
		}
		p.byDay = append(p.byDay, w)
	}
	return true
}

// readUntil takes the three forms of RFC 5545. A date is the whole day.
func (p *parser) readUntil(v string) bool {
	if t, err := time.Parse("20060102T150405Z", v); err == nil {
		p.until = floating(itsm.TimeOf(t), p.loc)
		return true
	}
	if t, err := time.Parse("20060102T150405", v); err == nil {
		p.until = t
		return true
	}
	t, err := time.Parse("20060102", v)
	p.until = t.Add(day - time.Second)
	return err == nil
}
