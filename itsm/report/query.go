package report

import (
	"slices"
	"strings"
	"time"

	"signalbox/itsm"
)

// Bounds of what a report looks at.
const (
	RangeMax     = 400 * 24 * time.Hour // of a range
	Lookback     = 30 * 24 * time.Hour  // before it: where recurrence looks for the same trouble
	DaysDefault  = 30
	ServicesMax  = 100 // of a filter
	incidentsMax = 200_000
	alertsMax    = 1_000_000
	objectsMax   = 200_000
)

// Query says what a report is about: incidents that were opened in a range of time,
// of any of some services, and of a team.
type Query struct {
	From, To itsm.Time
	Services []string // ids of services; none: all
	Team     string   // name, for the reader; "": all
	Groups   []string // names of the teams that are meant
	Owned    []string // ids of the services that they own

	Now itsm.Time // for ages and what is open
}

// Days is the range of whole days in UTC that ends now, today among them.
func Days(n int, now itsm.Time) (from, to itsm.Time) {
	to = itsm.TimeOf(now.Std().Truncate(time.Minute).Add(time.Minute))
	from = itsm.TimeOf(now.Std().Truncate(24*time.Hour).AddDate(0, 0, 1-n))
	return from, to
}

// Range reads what people give for a range: days such as 2026-11-03, the last of
// which is included, or moments. What is not given is DaysDefault days until now.
func Range(from, to string, now itsm.Time) (a, b itsm.Time, err error) {
	_, b = Days(1, now)
	if to != "" {
		if b, err = moment("to", to, true); err != nil {
			return 0, 0, err
		}
	}
	a, _ = Days(DaysDefault, b-1)
	if from != "" {
		if a, err = moment("from", from, false); err != nil {
			return 0, 0, err
		}
	}
	switch {
	case a >= b:
		return 0, 0, itsm.Errorf(itsm.Invalid, "to %q: expected a time after from, %s", to, a)
	case b.Sub(a) > RangeMax:
		return 0, 0, itsm.Errorf(itsm.Invalid, "from %q: expected at most %d days before to; ask for several ranges", from, int(RangeMax.Hours()/24))
	}
	return a, b, nil
}

func moment(name, s string, end bool) (itsm.Time, error) {
	if d, err := time.Parse(time.DateOnly, s); err == nil {
		if end {
			d = d.AddDate(0, 0, 1)
		}
		return itsm.TimeOf(d), nil
	}
	t, err := itsm.ParseTime(s)
	if err != nil {
		return 0, itsm.Errorf(itsm.Invalid, "%s %q: expected a day such as 2026-11-03 or a moment such as 2026-11-03T09:00:00Z", name, s)
	}
	return t, nil
}

// has reports whether a moment is in the range.
func (q *Query) has(t itsm.Time) bool { return t >= q.From && t < q.To }

// filtered reports whether only some services or a team are asked for.
func (q *Query) filtered() bool { return len(q.Services) > 0 || q.Team != "" }

// wants reports whether a record of these services and this group is asked for.
func (q *Query) wants(services []string, group string) bool {
	if len(q.Services) > 0 && !slices.ContainsFunc(services, func(s string) bool { return slices.Contains(q.Services, s) }) {
		return false
	}
	return q.Team == "" || slices.Contains(q.Groups, group) || slices.ContainsFunc(services, func(s string) bool { return slices.Contains(q.Owned, s) })
}

// key is the same for queries that have the same answer.
func (q *Query) key() string {
	return strings.Join(append([]string{q.From.String(), q.To.String(), q.Team, strings.Join(q.Groups, "\x00"), strings.Join(q.Owned, "\x00")}, q.Services...), "\x01")
}

// slots are the ends of the pieces in which a trend is shown, the range's own end
// last: days up to a month, weeks up to seven months, else 30 days.
func (q *Query) slots() []itsm.Time {
	const day = 24 * time.Hour
	size := 30 * day
	switch d := q.To.Sub(q.From); {
	case d <= 31*day:
		size = day
	case d <= 217*day:
		size = 7 * day
	}
	var out []itsm.Time
	for t := q.From.Add(size); t < q.To; t = t.Add(size) {
		out = append(out, t)
	}
	return append(out, q.To)
}

// slotOf is the slot a moment of the range lies in.
func slotOf(slots []itsm.Time, t itsm.Time) int {
	i, found := slices.BinarySearch(slots, t)
	if found {
		i++ // a slot does not contain its end
	}
	return min(i, len(slots)-1)
}
