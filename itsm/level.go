package itsm

import "time"

// ServiceLevel is how an incident stands against its targets. It is computed from
// when it opened, was acknowledged and ended, and from when its clock stood; the
// zero value means that no targets apply.
type ServiceLevel struct {
	Calendar   string        // that says which time counts; "" counts all
	Response   LevelClock    // until somebody acknowledges it
	Resolution LevelClock    // until it is resolved
	Held       time.Duration // that it was on hold, whatever for
}

// LevelClock is one of the two clocks of an incident.
type LevelClock struct {
	Target   time.Duration // counted time; 0: there is none
	DueAt    Time          // when the target passes as things stand; 0 while the clock stands before that
	DoneAt   Time          // 0 until then
	Breached bool
}

// Stands reports whether nothing runs out: the clock is stopped and the target not
// passed.
func (c *LevelClock) Stands() bool { return c.Target > 0 && c.DueAt == 0 && c.DoneAt == 0 }

// State is the word of the API: "none", "running", "paused", "met" or "breached".
func (c *LevelClock) State() string {
	switch {
	case c.Target == 0:
		return "none"
	case c.Breached:
		return "breached"
	case c.DoneAt != 0:
		return "met"
	case c.Stands():
		return "paused"
	}
	return "running"
}
