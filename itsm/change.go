package itsm

import (
	"cmp"
	"slices"
)

// ChangeNumber is the dense number of a change; its public form is CHG0000001.
// Zero means none.
type ChangeNumber uint64

// String returns the public number.
func (n ChangeNumber) String() string { return numbered("CHG", uint64(n)) }

// ParseChangeNumber reads a public change number.
func ParseChangeNumber(s string) (ChangeNumber, error) {
	n, err := parseNumbered("CHG", s)
	return ChangeNumber(n), err
}

// Change is an addition, modification or removal that can affect services: a
// deployment, a release, a change request of the ITSM tool. Its JSON is the body
// of the object "change".
type Change struct {
	ID          string      `json:"id"`          // CHG0000001
	ExternalID  string      `json:"external_id"` // the sender's own, such as "acme/shop#4711" or "CHG0030192"; "" for ours
	Source      string      `json:"source"`      // configured source, connector or "api", "console"
	Type        ChangeType  `json:"type"`
	State       ChangeState `json:"state"`
	Title       string      `json:"title"`
	Description string      `json:"description"`
	PlannedFrom Time        `json:"planned_start"`
	PlannedTo   Time        `json:"planned_end"`
	StartedAt   Time        `json:"started_at"`
	EndedAt     Time        `json:"ended_at"`
	Environment string      `json:"environment"`
	CIs         []string    `json:"cis"`      // ids of CIs, services among them
	Services    []string    `json:"services"` // ids of the CIs of class Service among what it names
	Unknown     []string    `json:"unknown"`  // what it names and the CMDB does not know, as the sender put it
	Who         string      `json:"who"`
	URL         string      `json:"url"`
	Risk        string      `json:"risk"` // "", low, moderate, high, or the sender's own word
	Version     uint64      `json:"version"`
	CreatedAt   Time        `json:"created_at"`
	UpdatedAt   Time        `json:"updated_at"`
	UpdatedBy   string      `json:"updated_by"` // actor, such as "github:deploy-bot"

	Links []ExternalRef `json:"links,omitempty"` // its records at partners that were told of it
}

// ChangeType is how a change is authorized.
type ChangeType string

// Types of change.
const (
	StandardChange  ChangeType = "standard" // pre-authorized: a routine deployment
	NormalChange    ChangeType = "normal"
	EmergencyChange ChangeType = "emergency"
)

// ChangeTypes are the values of type; the first is the default.
var ChangeTypes = []ChangeType{StandardChange, NormalChange, EmergencyChange}

// ChangeState is where a change is.
type ChangeState string

// States of a change. A partner reports facts, so any may follow any; only a
// person's cancel is refused once it is over.
const (
	ChangePlanned    ChangeState = "planned"
	ChangeInProgress ChangeState = "in_progress"
	ChangeSuccessful ChangeState = "successful"
	ChangeFailed     ChangeState = "failed"
	ChangeCancelled  ChangeState = "cancelled"
)

// ChangeStates are the values of state; the first is the default.
var ChangeStates = []ChangeState{ChangePlanned, ChangeInProgress, ChangeSuccessful, ChangeFailed, ChangeCancelled}

// IsOver reports whether nothing more is to come of it.
func (s ChangeState) IsOver() bool {
	return s == ChangeSuccessful || s == ChangeFailed || s == ChangeCancelled
}

// Bounds of one change.
const (
	ChangeCIsMax      = 200     // CIs and services it names
	ChangeTextMax     = 1024    // bytes of a title, name or link
	ChangeDescribeMax = 8 << 10 // bytes of a description
)

// From returns when the change began to have effect, as far as is known: when it
// started, else when it was planned to. It is 0 for a change that was cancelled
// before it started.
func (c *Change) From() Time {
	if c.StartedAt != 0 {
		return c.StartedAt
	}
	if c.State == ChangeCancelled {
		return 0
	}
	return cmp.Or(c.PlannedFrom, c.EndedAt)
}

// To returns when the change ended or is planned to; 0: not known.
func (c *Change) To() Time { return cmp.Or(c.EndedAt, c.PlannedTo) }

// Span returns when the change began or begins, and when it ended or ends, for a
// calendar: what is not known is taken from what is.
func (c *Change) Span() (from, to Time) {
	from = cmp.Or(c.StartedAt, c.PlannedFrom, c.EndedAt, c.CreatedAt)
	return from, max(from, c.To())
}

// Check reports the first value that no change can have.
func (c *Change) Check() error {
	switch {
	case !slices.Contains(ChangeTypes, c.Type):
		return Errorf(Invalid, "type %q: expected standard, normal or emergency", c.Type)
	case !slices.Contains(ChangeStates, c.State):
		return Errorf(Invalid, "state %q: expected planned, in_progress, successful, failed or cancelled", c.State)
	case c.Title == "":
		return Errorf(Invalid, "title: expected what is changed, in a line")
	case len(c.Description) > ChangeDescribeMax:
		return Errorf(TooLarge, "description: %d bytes; at most %d", len(c.Description), ChangeDescribeMax)
	case len(c.CIs)+len(c.Unknown) > ChangeCIsMax:
		return Errorf(TooLarge, "cis: %d; at most %d", len(c.CIs)+len(c.Unknown), ChangeCIsMax)
	case c.PlannedFrom != 0 && c.PlannedTo != 0 && c.PlannedTo < c.PlannedFrom:
		return Errorf(Invalid, "planned_end %s: expected a time after planned_start %s", c.PlannedTo, c.PlannedFrom)
	case c.StartedAt != 0 && c.EndedAt != 0 && c.EndedAt < c.StartedAt:
		return Errorf(Invalid, "ended_at %s: expected a time after started_at %s", c.EndedAt, c.StartedAt)
	}
	for _, f := range []struct{ name, v string }{{"title", c.Title}, {"external_id", c.ExternalID}, {"environment", c.Environment}, {"who", c.Who}, {"url", c.URL}, {"risk", c.Risk}} {
		if len(f.v) > ChangeTextMax {
			return Errorf(TooLarge, "%s: %d bytes; at most %d", f.name, len(f.v), ChangeTextMax)
		}
	}
	return nil
}

// ChangeUpdate is the body of an act change.put: what is said about a change.
// What is nil is left as it is, or takes its default in a new change.
type ChangeUpdate struct {
	ExternalID  *string      `json:"external_id,omitempty"` // with the act's origin or source it finds the change that is meant
	Source      *string      `json:"source,omitempty"`
	Type        *ChangeType  `json:"type,omitempty"`
	State       *ChangeState `json:"state,omitempty"`
	Title       *string      `json:"title,omitempty"`
	Description *string      `json:"description,omitempty"`
	PlannedFrom *Time        `json:"planned_start,omitempty"`
	PlannedTo   *Time        `json:"planned_end,omitempty"`
	StartedAt   *Time        `json:"started_at,omitempty"`
	EndedAt     *Time        `json:"ended_at,omitempty"`
	Environment *string      `json:"environment,omitempty"`
	CIs         *[]string    `json:"cis,omitempty"` // ids, aliases or host names; services too
	Services    *[]string    `json:"services,omitempty"`
	Who         *string      `json:"who,omitempty"`
	URL         *string      `json:"url,omitempty"`
	Risk        *string      `json:"risk,omitempty"`
}

// IncidentChange is a change that may have caused an incident, as it was known
// when the incident's causes were ranked last.
type IncidentChange struct {
	Change  string      `json:"change"` // CHG0000001
	Title   string      `json:"title"`
	State   ChangeState `json:"state"`
	Who     string      `json:"who"`
	URL     string      `json:"url"`
	CI      string      `json:"ci"`      // which of its CIs is the cause or upstream of it
	Hops    int         `json:"hops"`    // from the probable cause to that CI
	At      Time        `json:"at"`      // when it began or, if that is closer, ended
	Because string      `json:"because"` // distance and time in words
}

// IncidentChangesMax bounds the changes an incident lists.
const IncidentChangesMax = 10
