package importer

import (
	"fmt"
	"slices"
	"strings"

	"github.com/prometheus/alertmanager/timeinterval"

	"signalbox/rules"
)

// span is one range of minutes on some days of the week, in a zone.
type span struct {
	days     [7]bool // by time.Weekday
	from, to int
	zone     string
}

var dayNames = [7]string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// String writes the hours of a rule.
func (p *span) String() string {
	var days []string
	for _, d := range []int{1, 2, 3, 4, 5, 6, 0} {
		if p.days[d] {
			days = append(days, dayNames[d])
		}
	}
	out := "{"
	if len(days) < 7 {
		out += "days: [" + strings.Join(days, ", ") + "], "
	}
	return out + fmt.Sprintf("from: \"%s\", to: \"%s\", zone: %s}", clock(p.from), clock(p.to), quoted(p.zone))
}

func clock(minute int) string { return fmt.Sprintf("%02d:%02d", minute/60, minute%60) }

// week marks minutes of a week.
type week [7][24 * 60]bool

// mark adds the times of an interval that only knows days of the week and times.
func (w *week) mark(t timeinterval.TimeInterval) {
	for d := range w {
		on := t.Weekdays == nil || slices.ContainsFunc(t.Weekdays, func(r timeinterval.WeekdayRange) bool { return r.Begin <= d && d <= r.End })
		if !on {
			continue
		}
		ranges := t.Times
		if ranges == nil {
			ranges = []timeinterval.TimeRange{{EndMinute: 24 * 60}}
		}
		for _, r := range ranges {
			for m := r.StartMinute; m < min(r.EndMinute, 24*60); m++ {
				w[d][m] = true
			}
		}
	}
}

// spans lists the minutes that are want, equal ranges of several days in one.
func (w *week) spans(want bool, zone string) []*span {
	var out []*span
	for _, d := range []int{1, 2, 3, 4, 5, 6, 0} {
		for from := 0; from < 24*60; from++ {
			if w[d][from] != want {
				continue
			}
			to := from
			for to < 24*60 && w[d][to] == want {
				to++
			}
			i := slices.IndexFunc(out, func(p *span) bool { return p.from == from && p.to == to })
			if i < 0 {
				i, out = len(out), append(out, &span{from: from, to: to, zone: zone})
			}
			out[i].days[d] = true
			from = to
		}
	}
	return out
}

// zoned is a week in one zone.
type zoned struct {
	zone string
	week *week
}

// weeks sorts intervals by zone; ok is false when one of them depends on the
// calendar, which the hours of a rule cannot.
func weeks(times []timeinterval.TimeInterval) (out []zoned, ok bool) {
	ok = true
	for _, t := range times {
		if t.DaysOfMonth != nil || t.Months != nil || t.Years != nil {
			ok = false
			continue
		}
		zone := "UTC"
		if t.Location != nil {
			zone = t.Location.String()
		}
		i := slices.IndexFunc(out, func(z zoned) bool { return z.zone == zone })
		if i < 0 {
			i, out = len(out), append(out, zoned{zone, new(week)})
		}
		out[i].week.mark(t)
	}
	return out, ok
}

// muteRules translates the times in which a route is silent.
func (s *set) muteRules(c *config, r *route, list []outcome) {
	if len(r.Mute)+len(r.Active) == 0 {
		return
	}
	if slices.ContainsFunc(list, func(o outcome) bool { return len(o.routes) > 1 && slices.Contains(o.routes, r) }) {
		s.leave(r.line, "time intervals: its alerts go to other receivers too (continue), which a rule that mutes would silence as well; give the connector hours instead")
		return
	}
	when, ok := r.path.unless(elsewhere(r))
	if !ok {
		return
	}
	add := func(about string, spans []*span) {
		for _, p := range spans {
			s.add(rule{id: "am-mute-" + r.Receiver, about: about + ": Alertmanager " + places([]*route{r}), stage: rules.Suppress, hours: p, when: when, body: "mute"})
		}
	}
	for _, name := range distinct(r.Mute) {
		in := c.interval(name)
		found, ok := weeks(in.Times)
		if !ok {
			s.leave(in.line, "time interval %q: times with days of the month, months or years are not translated; the route at line %d is not muted then", name, r.line)
		}
		for _, z := range found {
			add(fmt.Sprintf("Muted in time interval %q", name), z.week.spans(true, z.zone))
		}
	}
	if len(r.Active) > 0 {
		s.activeRules(c, r, add)
	}
}

// activeRules mutes the route outside of the times in which it is active.
func (s *set) activeRules(c *config, r *route, add func(string, []*span)) {
	var all []timeinterval.TimeInterval
	for _, name := range r.Active {
		all = append(all, c.interval(name).Times...)
	}
	found, ok := weeks(all)
	switch {
	case !ok:
		s.leave(r.line, "active_time_intervals %q: hours of a rule know no days of the month, months or years; the route is active at all times", r.Active)
	case len(found) > 1:
		s.leave(r.line, "active_time_intervals %q: are in several time zones, and the hours of a rule are in one; the route is active at all times", r.Active)
	case len(found) == 0:
		s.leave(r.line, "active_time_intervals %q: hold no time; the route is active at all times", r.Active)
	default:
		add(fmt.Sprintf("Muted outside of time intervals %q", r.Active), found[0].week.spans(false, found[0].zone))
	}
}

// elsewhere lists the conditions under which an alert that meets those of r is
// taken by another route: a child, or an earlier sibling of it or of one above.
func elsewhere(r *route) []conj {
	var out []conj
	for _, child := range r.Routes {
		if !child.never {
			out = append(out, child.path)
		}
	}
	for at := r; at.parent != nil; at = at.parent {
		for _, before := range at.parent.Routes {
			if before == at {
				break
			}
			if !before.never {
				out = append(out, before.path)
			}
		}
	}
	return out
}
