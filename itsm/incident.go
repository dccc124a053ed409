package itsm

import (
	"slices"
	"strings"
)

// IncidentNumber is the dense number of an incident; its public form is
// INC0000001. Zero means none.
type IncidentNumber uint64

// String returns the public number.
func (n IncidentNumber) String() string { return numbered("INC", uint64(n)) }

// PageAt is the address of the incident's page of the console that people reach at
// base; "" when base is.
func (n IncidentNumber) PageAt(base string) string { return PageAt(base, "incidents", n.String()) }

// PageAt is PageAt of an incident for what stands below another part of the console,
// such as "problems".
func PageAt(base, part, id string) string {
	if base == "" {
		return ""
	}
	return strings.TrimSuffix(base, "/") + "/" + part + "/" + id
}

// ParseIncidentNumber reads a public incident number.
func ParseIncidentNumber(s string) (IncidentNumber, error) {
	n, err := parseNumbered("INC", s)
	return IncidentNumber(n), err
}

// State is a step of the incident lifecycle.
type State uint8

// States. Acknowledged is a timestamp, not a state.
const (
	New State = iota + 1
	InProgress
	OnHold
	IncidentResolved
	Closed
	Cancelled
)

var stateNames = [...]string{"", "new", "in_progress", "on_hold", "resolved", "closed", "cancelled"}

// String returns the word of the API.
func (s State) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return ""
}

// MarshalText implements encoding.TextMarshaler.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *State) UnmarshalText(b []byte) error {
	v, err := ParseState(string(b))
	*s = v
	return err
}

// ParseState reads the word of the API.
func ParseState(word string) (State, error) {
	if i := slices.Index(stateNames[1:], word); i >= 0 {
		return State(i + 1), nil
	}
	return 0, Errorf(Invalid, "state %q: expected new, in_progress, on_hold, resolved, closed or cancelled", word)
}

// IsOpen reports whether people still have work to do on it.
func (s State) IsOpen() bool { return s == New || s == InProgress || s == OnHold }

// next is the lifecycle: which states may follow which. Resolved to InProgress
// or New is a reopen and starts another epoch. Cancelled is also where an
// incident ends that was merged into another.
var next = map[State][]State{
	New:              {InProgress, OnHold, IncidentResolved, Cancelled},
	InProgress:       {OnHold, IncidentResolved, Cancelled},
	OnHold:           {InProgress, IncidentResolved, Cancelled},
	IncidentResolved: {New, InProgress, Closed, Cancelled},
}

// CanMove reports whether the lifecycle allows from → to.
func CanMove(from, to State) bool { return slices.Contains(next[from], to) }

// Moves lists the states that may follow from.
func Moves(from State) []State { return slices.Clone(next[from]) }

// CloseCodes are the values of close_code; the first is the default.
var CloseCodes = []string{"fixed", "workaround", "known_error", "duplicate", "not_reproducible", "no_action"}

// CloseDuplicate is the close code of what ended with its parent.
const CloseDuplicate = "duplicate"

// HoldReasons are the values of an on-hold reason.
var HoldReasons = []string{"caller", "change", "problem", "vendor"}

// Cause is one probable cause of an incident: the CI and why.
type Cause struct {
	CI         string      `json:"ci"` // CI id, or the provisional key
	ScoreMilli int         `json:"score_milli"`
	Because    string      `json:"because"`
	Paths      []CausePath `json:"paths"` // how alerting CIs lead to it, bounded
}

// CausePath is the walk from one alerting CI to the cause, both included.
type CausePath []string

// Candidate is a neighbouring incident that may belong to this one: one click merges.
type Candidate struct {
	Incident   IncidentNumber `json:"incident"`
	ScoreMilli int            `json:"score_milli"`
	Because    string         `json:"because"`
}

// ExternalRef is the record of an incident in a partner.
type ExternalRef struct {
	Connector string `json:"connector"`
	ID        string `json:"id"`
	URL       string `json:"url"`
}

// Incident is the record people work on.
type Incident struct {
	Number         IncidentNumber
	Title          string
	State          State
	Priority       Priority // what counts: the override if a person set one, else Computed
	Computed       Priority // from the matrix
	PriorityBy     string   // person who overrode the priority, or ""
	Impact         Level
	Urgency        Level
	ImpactBecause  string // which CI, service or default set the impact
	UrgencyBecause string
	OpenedAt       Time
	AcknowledgedAt Time
	AcknowledgedBy string
	ResolvedAt     Time
	ResolvedBy     string // person, connector or "signalbox"
	ClosedAt       Time
	CloseCode      string
	HoldReason     string
	Epoch          uint32 // 1; +1 with every reopen
	AlertCount     int    // alert episodes that are members
	FiringCount    int
	EventCount     uint64
	CIs            []string         // bound CI ids, sorted; bounded by IncidentCIsMax
	Services       []string         // ids of affected CIs of class Service, sorted
	Unbound        []string         // provisional keys of members, sorted
	Causes         []Cause          // best first; at most ten
	Changes        []IncidentChange // what changed, the most suspicious first; at most ten
	MaybeRelated   []Candidate
	Assignee       string
	Group          string
	Runbook        string // link to what to do, from a rule
	Signature      string // what makes it the same trouble as another, from a rule; "": the default
	Links          []ExternalRef
	Problem        string
	Follows        IncidentNumber // the incident this one follows on from
	MergedInto     IncidentNumber
	StillFiring    bool     // resolved by a person while the condition held
	Storm          bool     // opened in a storm
	Severity       Severity // worst of the firing members, else of all
	Version        uint64
	Labels         Labels // labels that all members share, and those that rules give
	LastActivityAt Time
	ChangedAt      Offset
	SLA            ServiceLevel
	Parent         IncidentNumber   // the incident of which it is a part that keeps its own alerts
	Children       []IncidentNumber // at most ChildrenMax
	ResolvedWith   IncidentNumber   // the parent whose end was its end
	Major          MajorIncident
	Watchers       []string // people who follow it, sorted
	Attachments    []Attachment
	Undo           Undoable
}

// Undoable is the merge or the split that made an incident what it is, while it can be
// taken back; zero when there is none.
type Undoable struct {
	Of   ActKind        // ActMerge or ActSplit
	With IncidentNumber // the incident merged into, or split from
	By   string
	At   Time
}

// Named bounds of an incident record; members themselves are not bounded.
const (
	IncidentCIsMax    = 500
	IncidentCausesMax = 10
	CausePathsMax     = 12
	MaybeRelatedMax   = 10
	UnrelatedMax      = 50 // incidents that people said have nothing to do with one
	NoteBytesMax      = 16 << 10
)

// TimelineEntry is one line of an incident's audit trail.
type TimelineEntry struct {
	Incident IncidentNumber `json:"incident"`
	At       Time           `json:"at"`
	Offset   Offset         `json:"offset"`
	Kind     string         `json:"kind"`  // "opened", "joined", "acknowledged", "note", ...
	Actor    string         `json:"actor"` // "signalbox", "console:…", "pagerduty:…", "api:…"
	Text     string         `json:"text"`
}
