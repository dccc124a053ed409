package itsm

// Fate is what became of one event, or of a part of a delivery that could not be
// decoded. Everything accepted has exactly one.
type Fate uint8

// Fates. The numbers are stored: add, never reuse.
const (
	FateFolded       Fate = iota + 1 // it changed an alert
	FateDeduplicated                 // it repeated what was known of an alert
	FateSuppressed                   // it was held back or changed nothing, for a reason
	FateQuarantined                  // it could not be decoded
)

// String returns the word of the API.
func (f Fate) String() string {
	switch f {
	case FateFolded:
		return "folded"
	case FateDeduplicated:
		return "deduplicated"
	case FateSuppressed:
		return "suppressed"
	case FateQuarantined:
		return "quarantined"
	}
	return ""
}

// ParseFate reads the word of the API.
func ParseFate(s string) (Fate, error) {
	for f := FateFolded; f <= FateQuarantined; f++ {
		if f.String() == s {
			return f, nil
		}
	}
	return 0, Errorf(Invalid, "fate %q: expected folded, deduplicated, suppressed or quarantined", s)
}

// Reasons for which an event changes nothing although it is no repeat. They are
// stored and counted by.
const (
	ReasonUnknownClear = "clear of an unknown alert"
	ReasonTombstone    = "fired before its clear"
	ReasonOutOfOrder   = "older than the last applied"
	ReasonHold         = "hold"
)

// EventFate is the fate of one event and where the event went, as the fold
// decided it then: a later merge or split of incidents does not change it.
type EventFate struct {
	Reason   string         // why it is suppressed, "" otherwise
	Alert    AlertNumber    // the alert it changed or repeated; 0 when there is none
	Incident IncidentNumber // that the episode belonged to; 0 when it opened none
	Episode  uint32         // of the alert
	Fate     Fate
}

// Fates is the fate of everything in one delivery: its events in their order,
// then the parts that could not be decoded, in theirs.
type Fates struct {
	Offset Offset // entry of the delivery
	At     Time
	Source string
	Events []EventFate
	Act    *ActFate // instead of events: the delivery was something a partner's people did
}

// ActResult is what an act that a partner delivered came to.
type ActResult uint8

// Results of acts. The numbers are stored: add, never reuse.
const (
	ActApplied  ActResult = iota + 1 // it changed the incident
	ActNoOp                          // the incident was so already
	ActRepeated                      // the same delivery came before
	ActIgnored                       // it is older than what is known, for a reason
	ActRefused                       // the incident does not allow it, for a reason
)

var actResults = []string{"", "applied", "no-op", "repeated", "ignored", "refused"}

// String returns the word of the API.
func (r ActResult) String() string {
	if int(r) < len(actResults) {
		return actResults[r]
	}
	return ""
}

// Reasons for which a partner's report of an incident is ignored. They are stored.
const (
	ReasonOldRecord = "about a record of an earlier time the incident was open"
	ReasonOldReport = "older than the partner's last report of the incident"
	ReasonEcho      = "our own change come back"
	ReasonProgram   = "decided by a program, which does not stand above a person or the computed priority"
	ReasonEarlier   = "decided before what counts now"
)

// ActFate is what a partner's people did, and what it came to then.
type ActFate struct {
	Kind     ActKind
	Actor    string
	Incident IncidentNumber
	Result   ActResult
	Reason   string // why it was ignored or refused, "" otherwise
}
