package window

import (
	"slices"
	"time"
)

// rule is an RFC 5545 recurrence in floating time: the wall clock of a zone,
// written as UTC.
type rule struct {
	freq      freq
	start     time.Time // DTSTART
	interval  int
	count     int       // 0: no bound
	until     time.Time // inclusive; zero: no bound
	weekStart time.Weekday
	byDay     []weekday
	byMonth   []int
	byDate    []int // BYMONTHDAY; negative ones count from the end
	bySetPos  []int
}

type freq int

const (
	daily freq = iota
	weekly
	monthly
	yearly
)

// weekday is a value of BYDAY: every one of the period, or the nth.
type weekday struct {
	day time.Weekday
	nth int // 0: every; negative: from the end
}

const day = 24 * time.Hour

// next returns the first occurrence after a wall-clock time, the zero time when
// there is none within the horizon. COUNT is the caller's to keep.
func (r *rule) next(after time.Time) time.Time {
	horizon := after.AddDate(HorizonYears, 0, 0)
	for k := max(r.periodOf(after), 0); ; k++ {
		first, days := r.period(k)
		if first.After(horizon) {
			return time.Time{}
		}
		for _, at := range r.occurrences(first, days) {
			switch {
			case !r.until.IsZero() && at.After(r.until):
				return time.Time{}
			case at.After(after) && !at.Before(r.start):
				return at
			}
		}
	}
}

// midnight returns the beginning of the day of t.
func midnight(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
}

// periodOf returns which period of the recurrence t is in, or the last one before
// it when t is in none; negative before the start.
func (r *rule) periodOf(t time.Time) int {
	switch r.freq {
	case daily:
		return daysBetween(midnight(r.start), midnight(t)) / r.interval
	case weekly:
		return daysBetween(r.weekOf(r.start), midnight(t)) / 7 / r.interval
	case monthly:
		return ((t.Year()-r.start.Year())*12 + int(t.Month()) - int(r.start.Month())) / r.interval
	}
	return (t.Year() - r.start.Year()) / r.interval
}

func daysBetween(from, to time.Time) int {
	return int((to.Unix() - from.Unix()) / int64(day/time.Second))
}

// weekOf returns the beginning of the week of t.
func (r *rule) weekOf(t time.Time) time.Time {
	return midnight(t).AddDate(0, 0, -int((t.Weekday()-r.weekStart+7)%7))
}

// period returns the first day of a period and its length in days.
func (r *rule) period(k int) (first time.Time, days int) {
	n := k * r.interval
	switch r.freq {
	case daily:
		return midnight(r.start).AddDate(0, 0, n), 1
	case weekly:
		return r.weekOf(r.start).AddDate(0, 0, 7*n), 7
	case monthly:
		first = time.Date(r.start.Year(), r.start.Month()+time.Month(n), 1, 0, 0, 0, 0, time.UTC)
		return first, daysBetween(first, first.AddDate(0, 1, 0))
	}
	first = time.Date(r.start.Year()+n, 1, 1, 0, 0, 0, 0, time.UTC)
	return first, daysBetween(first, first.AddDate(1, 0, 0))
}

// occurrences lists those of one period, in order.
func (r *rule) occurrences(first time.Time, days int) []time.Time {
	var out []time.Time
	for n := range days {
		if d := first.AddDate(0, 0, n); r.matches(d) {
			out = append(out, time.Date(d.Year(), d.Month(), d.Day(), r.start.Hour(), r.start.Minute(), r.start.Second(), 0, time.UTC))
		}
	}
	if len(r.bySetPos) == 0 {
		return out
	}
	var chosen []time.Time
	for n, at := range out {
		if slices.Contains(r.bySetPos, n+1) || slices.Contains(r.bySetPos, n-len(out)) {
			chosen = append(chosen, at)
		}
	}
	return chosen
}

// matches reports whether a day passes every BY part.
func (r *rule) matches(d time.Time) bool {
	if len(r.byMonth) > 0 && !slices.Contains(r.byMonth, int(d.Month())) {
		return false
	}
	if len(r.byDate) > 0 {
		fromEnd := d.Day() - daysIn(d) - 1
		if !slices.Contains(r.byDate, d.Day()) && !slices.Contains(r.byDate, fromEnd) {
			return false
		}
	}
	return len(r.byDay) == 0 || slices.ContainsFunc(r.byDay, func(w weekday) bool { return r.isNth(d, w) })
}

func daysIn(d time.Time) int {
	return time.Date(d.Year(), d.Month()+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

// isNth reports whether d is the weekday, counted within the month, or within the
// year when the rule is yearly and names no months.
func (r *rule) isNth(d time.Time, w weekday) bool {
	if d.Weekday() != w.day {
		return false
	}
	at, of := d.Day(), daysIn(d)
	if r.freq == yearly && len(r.byMonth) == 0 {
		at, of = d.YearDay(), time.Date(d.Year(), 12, 31, 0, 0, 0, 0, time.UTC).YearDay()
	}
	return w.nth == 0 || w.nth == (at-1)/7+1 || w.nth == -((of-at)/7+1)
}
