package console

import (
	"time"

	"signalbox/itsm"
)

// levelView is how an incident stands against its targets.
type levelView struct {
	Clocks   []levelClock
	Calendar string
	Held     string
}

// levelClock is one clock: what is to be done, how it stands, and when it is due.
type levelClock struct {
	Name   string // "To acknowledge"
	Target string
	State  badge
	Due    when
	Word   string // before Due: "due", "was due"
}

var levelBadges = map[string]badge{
	"running": {Class: "st-in_progress", Label: "Running"}, "paused": {Class: "st-on_hold", Label: "Paused"},
	"met": {Class: "al-resolved", Label: "Met"}, "breached": {Class: "al-firing", Label: "Too late"},
}

func viewLevel(v itsm.ServiceLevel, now time.Time) (out levelView) {
	for _, c := range []struct {
		name  string
		clock *itsm.LevelClock
	}{{"To acknowledge", &v.Response}, {"To resolve", &v.Resolution}} {
		if c.clock.Target == 0 {
			continue
		}
		k := levelClock{Name: c.name, Target: span(c.clock.Target), State: levelBadges[c.clock.State()]}
		if c.clock.DoneAt == 0 && c.clock.DueAt != 0 {
			k.Due, k.Word = at(c.clock.DueAt, now), "due"
			if !c.clock.DueAt.Std().After(now) {
				k.Word, k.State = "was due", levelBadges["breached"]
			}
		}
		out.Clocks = append(out.Clocks, k)
	}
	if len(out.Clocks) > 0 {
		out.Calendar = line(v.Calendar, nameRunesMax)
		if v.Held > 0 {
			out.Held = span(v.Held)
		}
	}
	return out
}

// levelDue is the next target of an open incident that passes, for a list; late
// when it has passed.
func levelDue(i itsm.Incident, now time.Time) (due when, late bool) {
	var next itsm.Time
	for _, c := range []*itsm.LevelClock{&i.SLA.Response, &i.SLA.Resolution} {
		if c.Target > 0 && c.DoneAt == 0 && c.DueAt != 0 && (next == 0 || c.DueAt < next) {
			next = c.DueAt
		}
	}
	if next == 0 || !i.State.IsOpen() {
		return when{}, false
	}
	return at(next, now), !next.Std().After(now)
}
