package itsm

import "encoding/json"

// Transition is what an intent asks a partner to reflect.
type Transition string

// Transitions, in the order a partner may see them within an epoch.
const (
	Trigger     Transition = "trigger"
	Update      Transition = "update" // title, severity, members or priority changed materially
	Acknowledge Transition = "acknowledge"
	Resolve     Transition = "resolve"
	Note        Transition = "note"
)

// Intent is an effect to perform at a partner. It is stored in the transaction
// of the state that caused it; Key makes repeating it harmless.
type Intent struct {
	Key        string           `json:"key"` // hex of hash(incident, epoch, transition, serial, connector)
	Connector  string           `json:"connector"`
	Incident   IncidentNumber   `json:"incident"`
	Epoch      uint32           `json:"epoch"`
	Transition Transition       `json:"transition"`
	At         Time             `json:"at"`
	Offset     Offset           `json:"offset"`
	Serial     uint32           `json:"serial"` // order among the intents of one incident and connector
	Actor      string           `json:"actor"`
	Text       string           `json:"text"`            // one line: the evidence for a trigger, the note for a note
	Route      string           `json:"route,omitempty"` // the service by which the connector was told of this epoch first, where it tells services apart
	Snapshot   IncidentSnapshot `json:"snapshot"`

	// Of an intent about a change or a problem, which has no incident and no epoch. It
	// is an Update, and of several the last counts.
	Object string          `json:"object,omitempty"` // "CHG0000001", "PRB0000001"
	Body   json.RawMessage `json:"body,omitempty"`   // how it is: a Change, or a Problem without the numbers that only the console shows
}

// About names what an intent is about.
func (in *Intent) About() string {
	if in.Object != "" {
		return in.Object
	}
	return in.Incident.String()
}

// IncidentSnapshot is what a partner is told, as it was when the intent was made.
type IncidentSnapshot struct {
	Title    string   `json:"title"`
	Priority Priority `json:"priority"`
	Severity Severity `json:"severity"`
	State    State    `json:"state"`
	CIs      []string `json:"cis"`      // at most IntentCIsMax
	Services []string `json:"services"` // at most IntentCIsMax
	Cause    string   `json:"cause"`
	Because  string   `json:"because"`
	Alerts   int      `json:"alerts"`
	Firing   int      `json:"firing"`
	Group    string   `json:"group"`
	OpenedAt Time     `json:"opened_at"`

	Impact         Level         `json:"impact"`
	Urgency        Level         `json:"urgency"`
	Assignee       string        `json:"assignee"`
	AssigneeEmail  string        `json:"assignee_email,omitempty"` // where the assignee is one of the users here
	Runbook        string        `json:"runbook"`                  // link to what to do, from a rule
	Links          []ExternalRef `json:"links"`                    // its records at partners, at most IntentLinksMax
	AcknowledgedAt Time          `json:"acknowledged_at"`          // first of all epochs
	AcknowledgedBy string        `json:"acknowledged_by"`
	HoldReason     string        `json:"hold_reason"` // one of HoldReasons while it is on hold
	ResolvedAt     Time          `json:"resolved_at"`
	ResolvedBy     string        `json:"resolved_by"` // person, connector or "signalbox"
	CloseCode      string        `json:"close_code"`
	CloseNote      string        `json:"close_note"`   // what the person who resolved it wrote
	StillFiring    bool          `json:"still_firing"` // resolved by a person while alerts fire
}

// IntentCIsMax bounds what one intent lists.
const IntentCIsMax = 20

// IntentLinksMax bounds the records at partners that one intent lists.
const IntentLinksMax = 10

// DecisionKind says what a Decision holds.
type DecisionKind uint8

// Kinds of decision.
const (
	PutAlert      DecisionKind = iota + 1 // Alert: store the record
	PutIncident                           // Incident: store the record. Its lists are never changed in place, so the same list is as it was
	PutEvidence                           // Evidence: store one member's evidence
	DropEvidence                          // Evidence key fields: the member left (split, merge)
	AddTimeline                           // Timeline: append
	PutIntent                             // Intent: append to the outbox
	SettleIntent                          // IntentKey, Connector, Failure: the partner confirmed or it was abandoned
	ReviveIntent                          // Settled: an abandoned intent waits again
	PutQuarantine                         // Quarantine: store or count
	SettleOutcome                         // Outcome: what an act came to, for the waiting caller
	PutFates                              // Fates: what became of everything in a delivery, once each delivery
	PutObject                             // Object: store the record, or remove it when its body is empty
)

// Decision is what the core wants recorded or done, as plain data. Exactly the
// field that Kind names is set.
type Decision struct {
	Kind       DecisionKind
	Alert      *Alert
	Incident   *Incident
	Evidence   *Evidence
	Timeline   *TimelineEntry
	Intent     *Intent
	Settled    *Settlement
	Quarantine *Quarantined
	Outcome    *Outcome
	Fates      *Fates
	Object     *Object
}

// Settlement closes an intent.
type Settlement struct {
	Connector string
	Key       string
	At        Time
	Failure   string // "" when the partner confirmed
}

// Quarantined is an authenticated delivery, or a part of one, that could not be decoded.
type Quarantined struct {
	ID        string // hex of the first 8 bytes of SHA-256(source, body)
	Source    string
	Error     string
	Body      []byte // raw; nil when counted only
	FirstAt   Time
	LastAt    Time
	Count     uint64
	Offset    Offset // entry of the first occurrence
	RetriedAt Time   // when a retry succeeded; 0 while it waits
}
