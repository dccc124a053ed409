package rules

import (
	"time"

	"signalbox/itsm"
)

// Stage is a step of the pipeline.
type Stage uint8

// Stages in the order in which they run.
const (
	Normalise Stage = iota + 1
	Bind
	Suppress
	Correlate
	Incident
	ProblemStage
	Route
	stages // one more than the last
)

var stageNames = [...]string{"", "normalise", "bind", "suppress", "correlate", "incident", "problem", "route"}

// String returns the key that a rule has for the stage.
func (s Stage) String() string {
	if int(s) < len(stageNames) {
		return stageNames[s]
	}
	return ""
}

// Rule is one checked rule as a person wrote it. Exactly the field of its Stage is set.
type Rule struct {
	ID      string
	About   string // what it is for, in one line
	Owner   string
	Enabled bool
	Shadow  bool      // mode: shadow
	From    itsm.Time // in force from then; 0: always
	Until   itsm.Time // and until then; 0: for ever
	Hours   *Hours    // in force only then; nil: always
	Sources []string  // of these sources only; nil: of all
	When    string    // condition; "" is always
	Stage   Stage
	File    string
	Line    int // of its first line

	places map[string]place // of its fields

	Normalise *NormaliseRule
	Bind      *BindRule
	Suppress  *SuppressRule
	Correlate *CorrelateRule
	Incident  *IncidentRule
	Problem   *ProblemRule
	Route     *RouteRule
}

// Assign sets a field to what a template comes to.
type Assign struct {
	Field string // labels.NAME, annotations.NAME, severity, title, ci or group
	Value string // template
}

// NormaliseRule changes what an event says before anything else looks at it.
// Its parts run in the order of the fields.
type NormaliseRule struct {
	Rename   []Rename
	Extract  []Extract
	Lookup   []Lookup
	Severity map[string]itsm.Severity // sender's word, lower case → severity
	Set      []Assign
	Drop     []string // label names; a trailing * takes a prefix
	Key      []string // label names that identify the alert within its source, instead of the sender's identity
}

// Rename gives a label another name; a label that has the new name is replaced.
type Rename struct{ From, To string }

// Extract sets a label for each named group of a regular expression (RE2).
type Extract struct {
	From    string // title, labels.NAME or annotations.NAME
	Pattern string
}

// Lookup finds the first row of a table whose columns equal what the templates
// come to, and sets fields from other columns of it.
type Lookup struct {
	Table string
	Match []Assign // Field is a column
	Set   []Assign // Value is a column
}

// BindRule names the CI of an alert.
type BindRule struct {
	CI []string // templates of names to try (id, alias, FQDN, host, IP), in order; the first that the CMDB knows wins
}

// SuppressRule says that an alert opens nothing. Exactly one of its kinds is set.
type SuppressRule struct {
	Drop        bool          // nothing is kept of it but the count
	Mute        bool          // it is kept and listed, and opens nothing while the rule matches
	Hold        time.Duration // it opens nothing unless it still fires then
	InhibitedBy *Inhibition   // it opens nothing while another alert fires
}

// Inhibition is another alert that explains this one away.
type Inhibition struct {
	When     string   // condition on the other alert
	Equal    []string // label names that both must have with equal values
	Upstream int      // the other's CI is at most so many hops upstream of this one's in the CMDB; 0: not asked
}

// Scope says how far a correlation reaches.
type Scope uint8

// Scopes.
const (
	ScopeAny Scope = iota
	ScopeCI
	ScopeService
	ScopeEnvironment
	ScopeUpstream
)

// CorrelateRule says which alerts are one incident.
type CorrelateRule struct {
	GroupBy   []string // expressions; alerts with equal values belong together
	Scope     Scope
	Upstream  int           // hops of ScopeUpstream
	Window    time.Duration // how long a group takes members in; 0: as long as its incident is open
	FromLast  bool          // the window is measured from the last member, not from the first
	Count     int           // open when so many alerts are in; 0 or 1: at once
	Distinct  string        // expression; Count counts its distinct values; "": alerts
	Ratio     int           // open when so many thousandths of an affected service's CIs alert; 0: not asked
	Then      string        // sequence: open when an alert of the group that meets this came after one that meets When
	Absent    string        // absence: open unless an alert of the group that meets this comes within Within
	Within    time.Duration // of Then, Absent and Heartbeat
	Heartbeat bool          // open when an alert that fires is not sent again within Within; each alert is for itself
	Hold      time.Duration // wait so long before opening
	FollowOn  FollowOn
	Unrelated bool // keep apart: what it matches never joins by the default explanation, nor is joined
}

// Alone reports whether each alert is a group of its own.
func (c *CorrelateRule) Alone() bool { return c.Unrelated || c.Heartbeat }

// Waits reports whether an incident opens when something does not come.
func (c *CorrelateRule) Waits() bool { return c.Absent != "" || c.Heartbeat }

// FollowOn is what becomes of an alert that comes after the window while the
// group's incident is still open.
type FollowOn uint8

// Follow-on policies.
const (
	FollowLink FollowOn = iota // it opens an incident that follows on
	FollowJoin                 // it joins all the same
	FollowNew                  // it opens an incident that follows nothing
)

// IncidentRule says how an incident looks and lives. Of several rules the first
// that sets a field wins.
type IncidentRule struct {
	Title        string // template
	Impact       itsm.Level
	Urgency      itsm.Level
	Group        string // template: who it is assigned to
	Runbook      string // template of a link
	Delay        time.Duration
	ResolveAfter time.Duration // hold before it resolves by itself; -1: never by itself; 0: not set
	ReopenWithin time.Duration // 0: not set
	Labels       []Assign      // Field is a label name
}

// ProblemRule says which incidents are the same trouble coming back.
type ProblemRule struct {
	Signature string // template
	Incidents int    // from so many a Within it is proposed as a problem; 0: the default tests decide
	Within    time.Duration
}

// RouteRule says who learns of an incident.
type RouteRule struct {
	To       []string // connectors; exactly one of To and None is set
	None     bool
	Delay    time.Duration // tell them so long after the incident opened
	Hours    *Hours        // tell them then; else when the next such time begins
	Priority itsm.Priority // only at this priority or a more important one; 0: any
}
