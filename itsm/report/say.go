package report

import (
	"strconv"
	"strings"
	"time"
)

// Say is a cell for people: durations with at most two units, shares in per cent,
// what is not known as a dash.
func Say(unit Unit, c Cell) string {
	switch {
	case c.IsNone():
		return "–"
	case !c.IsNumber():
		return c.Text
	}
	switch unit {
	case Seconds:
		return lasting(c.Number)
	case Share:
		return strconv.FormatFloat(c.Number*100, 'f', places(c.Number*100), 64) + " %"
	case Ratio:
		return strconv.FormatFloat(c.Number, 'f', places(c.Number), 64)
	}
	return grouped(strconv.FormatFloat(c.Number, 'f', -1, 64))
}

// places keeps three digits at most, and no fraction of a whole number.
func places(f float64) int {
	switch {
	case f == float64(int64(f)), f >= 100:
		return 0
	case f >= 10:
		return 1
	}
	return 2
}

// lasting words a number of seconds.
func lasting(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second)).Round(time.Second)
	days, h, m, s := int64(d/(24*time.Hour)), int64(d/time.Hour)%24, int64(d/time.Minute)%60, int64(d/time.Second)%60
	pair := func(a int64, ua string, b int64, ub string) string {
		out := grouped(strconv.FormatInt(a, 10)) + " " + ua
		if b > 0 && a < 10 {
			out += " " + strconv.FormatInt(b, 10) + " " + ub
		}
		return out
	}
	switch {
	case days > 0:
		return pair(days, "d", h, "h")
	case h > 0:
		return pair(h, "h", m, "min")
	case m > 0:
		return pair(m, "min", s, "s")
	}
	return strconv.FormatInt(s, 10) + " s"
}

// grouped writes 12345 as 12,345.
func grouped(s string) string {
	whole, fraction, _ := strings.Cut(s, ".")
	for i := len(whole) - 3; i > 0 && whole[i-1] != '-'; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if fraction != "" {
		whole += "." + fraction
	}
	return whole
}
