package rules

import (
	"time"

	"signalbox/itsm"
)

// Hours are the times of a week, in a time zone.
type Hours struct {
	Days [7]bool // by time.Weekday
	From int     // minutes after midnight
	To   int     // minutes after midnight; at or before From it ends the next day; 1440 is the end of the day
	Zone string
	loc  *time.Location
}

// Contains reports whether t is within the hours. A range over midnight belongs
// to the day it began on.
func (h *Hours) Contains(t itsm.Time) bool {
	w := t.Std().In(h.loc)
	minute := w.Hour()*60 + w.Minute()
	today, yesterday := h.Days[w.Weekday()], h.Days[(w.Weekday()+6)%7]
	if h.From < h.To {
		return today && minute >= h.From && minute < h.To
	}
	return today && minute >= h.From || yesterday && minute < h.To
}

// Next returns the first moment at or after t at which Contains is want; 0 when
// there is none within two weeks.
func (h *Hours) Next(t itsm.Time, want bool) itsm.Time {
	if h.Contains(t) == want {
		return t
	}
	const minute itsm.Time = 60_000
	// Quarter hours are tried first: boundaries are whole minutes, and zones are
	// shifted by quarter hours at the least.
	for at := (t/(15*minute) + 1) * 15 * minute; at < t+14*24*60*minute; at += 15 * minute {
		if h.Contains(at) != want {
			continue
		}
		lo := max(t, at-15*minute)
		for m := (lo/minute + 1) * minute; m <= at; m += minute {
			if h.Contains(m) == want {
				return m
			}
		}
		return at
	}
	return 0
}
