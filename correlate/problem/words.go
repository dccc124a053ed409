package problem

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

func count(n int) string { return strconv.Itoa(n) }

func incidents(n int) string {
	if n == 1 {
		return "1 incident"
	}
	return count(n) + " incidents"
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return count(n) + " times"
}

// expected says how many were, with as many digits as it takes to see one.
func expected(mean float64) string {
	switch {
	case mean < 0.01:
		return "less than 0.01 was"
	case mean < 0.1:
		return fmt.Sprintf("%.2f were", mean)
	default:
		return fmt.Sprintf("%.1f were", mean)
	}
}

// expectedAtMost says the same of what is only known not to be more.
func expectedAtMost(mean float64) string {
	if mean < 0.01 {
		return expected(mean)
	}
	return "at most " + expected(mean)
}

func minutes(m float64) time.Duration { return time.Duration(m * float64(time.Minute)) }

// span says how long something took, in the unit in which people would say it.
func span(d time.Duration) string {
	switch {
	case d < time.Minute:
		return "1 min"
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()+0.5))
	case d < 2*day:
		return fmt.Sprintf("%d h", int(d.Hours()+0.5))
	default:
		return fmt.Sprintf("%d days", int(d.Hours()/24+0.5))
	}
}

// Span is how findings say a time.
func Span(d time.Duration) string { return span(d) }

func turns(cycle time.Duration) string {
	if cycle == day {
		return "days"
	}
	return "weeks"
}

var weekdays = [...]string{"Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"}

// clock says a phase of a cycle, in UTC.
func clock(phase float64, cycle time.Duration) string {
	m := int(phase*cycle.Minutes()+0.5) % int(cycle.Minutes())
	at := fmt.Sprintf("%02d:%02d UTC", m/60%24, m%60)
	if cycle == day {
		return at
	}
	return weekdays[m/60/24] + " " + at
}

func clip(s string) string {
	if len(s) <= nameMax {
		return s
	}
	return strings.ToValidUTF8(s[:nameMax], "") + "…"
}

// NormalFix writes a close note as it is compared: in lower case, numbers as #, one
// space between words, at most FixBytesMax.
func NormalFix(note string) string {
	var b strings.Builder
	for _, w := range strings.Fields(strings.ToLower(note)) {
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		digits := false
		for _, r := range w {
			if r >= '0' && r <= '9' {
				if !digits {
					b.WriteByte('#')
				}
				digits = true
				continue
			}
			digits = false
			b.WriteRune(r)
		}
		if b.Len() > FixBytesMax {
			return strings.ToValidUTF8(b.String()[:FixBytesMax], "")
		}
	}
	return b.String()
}

// shingles are the different runs of three bytes of a text, sorted.
func shingles(s string) []uint32 {
	if len(s) < 3 {
		s += "   "[len(s):]
	}
	out := make([]uint32, 0, len(s))
	for i := range len(s) - 2 {
		out = append(out, uint32(s[i])<<16|uint32(s[i+1])<<8|uint32(s[i+2]))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// dice is the Sørensen–Dice coefficient of two sorted sets.
func dice(a, b []uint32) float64 {
	both := 0
	for i, k := 0, 0; i < len(a) && k < len(b); {
		switch {
		case a[i] == b[k]:
			both, i, k = both+1, i+1, k+1
		case a[i] < b[k]:
			i++
		default:
			k++
		}
	}
	return 2 * float64(both) / float64(len(a)+len(b))
}
