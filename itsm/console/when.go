package console

import (
	"strconv"
	"strings"
	"time"

	"signalbox/itsm"
)

// when is a moment as a page shows it: how long ago, and exactly on hover. The
// script keeps Ago current and turns Exact into the reader's zone.
type when struct {
	ISO   string
	Exact string
	Ago   string
}

// at describes t as seen from now; the unknown time is the zero value.
func at(t itsm.Time, now time.Time) when {
	if t == 0 {
		return when{}
	}
	return when{ISO: t.String(), Exact: t.Std().Format("Mon 2 Jan 2006, 15:04:05") + " UTC", Ago: ago(now.Sub(t.Std()))}
}

// ago words a distance in time; static/app.js words it the same way.
func ago(d time.Duration) string {
	switch {
	case d <= -10*time.Second:
		return "in " + span(-d)
	case d < 10*time.Second:
		return "just now"
	}
	return span(d) + " ago"
}

// span words a duration with at most two units.
func span(d time.Duration) string {
	s := int64(d.Round(time.Second) / time.Second)
	switch {
	case s < 60:
		return strconv.FormatInt(s, 10) + " s"
	case s < 3600:
		return strconv.FormatInt(s/60, 10) + " min"
	case s < 24*3600:
		return two(s/3600, "h", s%3600/60, "min")
	}
	return two(s/86400, "d", s%86400/3600, "h")
}

func two(a int64, unitA string, b int64, unitB string) string {
	out := strconv.FormatInt(a, 10) + " " + unitA
	if b > 0 && a < 10 {
		out += " " + strconv.FormatInt(b, 10) + " " + unitB
	}
	return out
}

// thousands writes 12345 as 12,345.
func thousands[N int | int64 | uint64](n N) string {
	s := strconv.FormatInt(int64(n), 10)
	sign := ""
	if strings.HasPrefix(s, "-") {
		sign, s = "-", s[1:]
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return sign + s
}

// byteSize writes a number of bytes for people.
func byteSize(n int64) string {
	switch {
	case n < 1<<10:
		return strconv.FormatInt(n, 10) + " B"
	case n < 1<<20:
		return strconv.FormatInt(n>>10, 10) + " KiB"
	case n < 1<<30:
		return strconv.FormatFloat(float64(n)/(1<<20), 'f', 1, 64) + " MiB"
	}
	return strconv.FormatFloat(float64(n)/(1<<30), 'f', 1, 64) + " GiB"
}
