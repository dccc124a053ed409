package itsm

// Level is a step of impact or urgency.
type Level uint8

// Levels; the zero value means not yet computed.
const (
	High Level = iota + 1
	Medium
	Low
)

var levelNames = [...]string{"", "high", "medium", "low"}

// String returns high, medium or low.
func (l Level) String() string {
	if int(l) < len(levelNames) {
		return levelNames[l]
	}
	return ""
}

// MarshalText implements encoding.TextMarshaler.
func (l Level) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (l *Level) UnmarshalText(b []byte) error {
	for i, n := range levelNames {
		if n == string(b) {
			*l = Level(i)
			return nil
		}
	}
	return Errorf(Invalid, "level %q: expected high, medium or low", b)
}

// Priority is P1 (worst) to P5.
type Priority uint8

// Priorities; the zero value means none.
const (
	P1 Priority = iota + 1
	P2
	P3
	P4
	P5
)

var priorityNames = [...]string{"", "P1", "P2", "P3", "P4", "P5"}

// String returns P1 to P5.
func (p Priority) String() string {
	if int(p) < len(priorityNames) {
		return priorityNames[p]
	}
	return ""
}

// MarshalText implements encoding.TextMarshaler.
func (p Priority) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (p *Priority) UnmarshalText(b []byte) error {
	v, err := ParsePriority(string(b))
	*p = v
	return err
}

// ParsePriority reads P1 to P5 in either case; "" is none.
func ParsePriority(s string) (Priority, error) {
	if s == "" {
		return 0, nil
	}
	for i, n := range priorityNames {
		if i > 0 && (n == s || (len(s) == 2 && s[0] == 'p' && s[1] == n[1])) {
			return Priority(i), nil
		}
	}
	return 0, Errorf(Invalid, "priority %q: expected P1, P2, P3, P4 or P5", s)
}

// PriorityOf is the ITIL matrix of impact and urgency.
func PriorityOf(impact, urgency Level) Priority {
	if impact < High || impact > Low || urgency < High || urgency > Low {
		return P4
	}
	return Priority(uint8(impact) + uint8(urgency) - 1)
}
