package itsm

// Offset is the place of an entry in the journal, dense from 1. Zero means none.
type Offset uint64

// AlertKey says what makes two events the same alert: the source and the
// sender's own identity, never free text.
type AlertKey string

// KeyOf joins a source and a sender's identity.
func KeyOf(source, identity string) AlertKey { return AlertKey(source + "/" + identity) }

// Status says whether an alert's condition holds.
type Status uint8

// Statuses.
const (
	Firing Status = iota + 1
	Resolved
)

// String returns firing or resolved.
func (s Status) String() string {
	switch s {
	case Firing:
		return "firing"
	case Resolved:
		return "resolved"
	}
	return ""
}

// MarshalText implements encoding.TextMarshaler.
func (s Status) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *Status) UnmarshalText(b []byte) error {
	switch string(b) {
	case "firing":
		*s = Firing
	case "resolved":
		*s = Resolved
	default:
		return Errorf(Invalid, "status %q: expected firing or resolved", b)
	}
	return nil
}

// Event is one normalised observation: a change of state of some CI, in the
// sender's words. It is immutable. A decoder fills it; the door adds Source.
type Event struct {
	Source       string // configured source name; set by the door
	Identity     string // the sender's own identity of the condition; with Source it makes the AlertKey
	ID           string // the sender's id of this observation, if any ("id" of the generic event)
	Origin       string // system behind the source that saw it, when the sender tells several apart
	Group        string // the sender's own group of alerts (Alertmanager groupKey), if any
	Status       Status
	Severity     Severity
	SeverityWord string // the sender's word, kept for people
	Title        string
	CIName       string // CI named explicitly by the sender, if any
	StartsAt     Time
	EndsAt       Time // when the condition ended; only when resolved
	EventAt      Time // when this observation was made, if the sender says
	LeaseUntil   Time // firing holds only until then (Prometheus endsAt); 0: no lease
	Labels       Labels
	Annotations  Labels
	GeneratorURL string
	NoData       bool // the condition is "no data", not a threshold
	PartialGroup bool // the sender left alerts out of this delivery; absence proves nothing
}

// Key returns the alert key.
func (e *Event) Key() AlertKey { return KeyOf(e.Source, e.Identity) }

// EventTime is when the observation was made: eventAt, else endsAt if resolved,
// else startsAt. Zero when the sender says none of them.
func (e *Event) EventTime() Time {
	switch {
	case e.EventAt != 0:
		return e.EventAt
	case e.Status == Resolved && e.EndsAt != 0:
		return e.EndsAt
	}
	return e.StartsAt
}
