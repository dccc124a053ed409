package itsm

import "encoding/json"

// ActKind is what a person or a partner did.
type ActKind string

// Acts on an incident.
const (
	ActAcknowledge   ActKind = "acknowledge"
	ActUnacknowledge ActKind = "unacknowledge" // only a pager's time-out or a person takes it back
	ActResolve       ActKind = "resolve"
	ActReopen        ActKind = "reopen"
	ActHold          ActKind = "hold"
	ActResume        ActKind = "resume"
	ActAssign        ActKind = "assign"
	ActPriority      ActKind = "priority"
	ActNote          ActKind = "note"
	ActMerge         ActKind = "merge"
	ActSplit         ActKind = "split"
	ActUndo          ActKind = "undo"      // takes back the merge or the split that made it what it is
	ActUnrelated     ActKind = "unrelated" // Into is another trouble: they are not proposed to each other again
	ActCancel        ActKind = "cancel"
	ActParent        ActKind = "parent"   // Into is the parent, 0 none any more
	ActWatch         ActKind = "watch"    // Assignee follows it
	ActUnwatch       ActKind = "unwatch"  // Assignee does so no more
	ActAttach        ActKind = "attach"   // Body: Attachment
	ActDetach        ActKind = "detach"   // Body: Attachment, of which the address counts
	ActReceipt       ActKind = "receipt"  // a connector confirmed or abandoned an intent
	ActRetry         ActKind = "retry"    // send an abandoned intent again
	ActLink          ActKind = "link"     // a partner's record became known
	ActSync          ActKind = "sync"     // a sweep saw that a partner's record differs
	ActSilences      ActKind = "silences" // the silences that people made at a connector's partner: Body is Silences
)

// Acts on an incident as a major one. Text says why.
const (
	ActMajorPropose ActKind = "major.propose"
	ActMajorAccept  ActKind = "major.accept"
	ActMajorReject  ActKind = "major.reject"
	ActMajorDemote  ActKind = "major.demote"
	ActReview       ActKind = "review"      // Body: ReviewChange
	ActReviewDone   ActKind = "review.done" // the post-incident review is finished
)

// Acts on changes and maintenance windows; Object names the one that is meant, ""
// a new one.
const (
	ActChangePut         ActKind = "change.put"         // Body: ChangeUpdate
	ActChangeCancel      ActKind = "change.cancel"      // Reason
	ActMaintenancePut    ActKind = "maintenance.put"    // Body: MaintenanceUpdate
	ActMaintenanceEnd    ActKind = "maintenance.end"    // the occurrence that runs ends now
	ActMaintenanceCancel ActKind = "maintenance.cancel" // nothing more comes of it
)

// Acts on a connector, which the act's Object names: "connector/pagerduty".
const (
	ActConnectorPause  ActKind = "connector.pause"  // send and ask it nothing; what is to be sent waits
	ActConnectorResume ActKind = "connector.resume" // send what waits, coalesced
)

// ActConfigure is a change of the configuration that a person made in the console. It
// changes nothing by itself and is there to be audited: Object is what was changed,
// such as "configuration/connectors", Body what of it, as texts by name.
const ActConfigure ActKind = "configure"

// Act is something a person or a partner did, journaled like an alert.
type Act struct {
	Kind     ActKind        `json:"kind"`
	Incident IncidentNumber `json:"incident,omitempty"`
	Epoch    uint32         `json:"epoch,omitempty"`  // epoch the partner's record was made for; 0: whichever is current
	Actor    string         `json:"actor"`            // "console:admin", "api:admin", "pagerduty:Jane Doe"
	Origin   string         `json:"origin,omitempty"` // connector name the act came through, or "" for ours; no echo goes back to it
	RemoteIP string         `json:"remote_ip,omitempty"`

	CloseCode string         `json:"close_code,omitempty"`
	Text      string         `json:"text,omitempty"` // note, or the note of a resolve
	Reason    string         `json:"reason,omitempty"`
	Assignee  string         `json:"assignee,omitempty"`
	Email     string         `json:"assignee_email,omitempty"` // of the assignee, by a partner: the user here who has it is meant
	Group     string         `json:"group,omitempty"`
	Priority  Priority       `json:"priority,omitempty"` // 0 with ActPriority takes the override back
	Into      IncidentNumber `json:"into,omitempty"`
	Alerts    []AlertNumber  `json:"alerts,omitempty"`

	IfVersion      uint64 `json:"if_version,omitempty"` // the object's version the actor saw; 0: any
	IdempotencyKey string `json:"idempotency_key,omitempty"`

	DeliveryID     string       `json:"delivery_id,omitempty"`     // partner's delivery id: a repeat is a no-op
	PartnerVersion int64        `json:"partner_version,omitempty"` // partner's version or time in ms; older or equal is ignored and counted
	IntentKey      string       `json:"intent_key,omitempty"`      // with ActReceipt
	Failure        string       `json:"failure,omitempty"`         // with ActReceipt: the partner's answer when abandoned
	Link           *ExternalRef `json:"link,omitempty"`

	Automatic bool           `json:"automatic,omitempty"` // a program there did it, such as an escalation or an assignment rule: it overrides no person
	Ours      bool           `json:"ours,omitempty"`      // our own account did it there: an echo
	Seen      *PartnerRecord `json:"seen,omitempty"`      // with ActSync: what the partner has
	ReadOnly  bool           `json:"read_only,omitempty"` // with ActSync: take over what people did there, repair nothing

	Object string          `json:"object,omitempty"` // id of what it is about when that is no incident: "CHG0000001"
	Body   json.RawMessage `json:"body,omitempty"`   // what such an act carries; at most ObjectBodyMax
}

// Outcome is what an act came to, decided by the fold.
type Outcome struct {
	Offset   Offset         `json:"offset"`
	Incident IncidentNumber `json:"incident,omitempty"` // the object to show; for a split the new incident
	Object   string         `json:"object,omitempty"`   // id of the object to show, when it is no incident
	Code     Code           `json:"code,omitempty"`     // "" is success
	Detail   string         `json:"detail,omitempty"`
	NoOp     bool           `json:"no_op,omitempty"` // it was already so, or a repeat
}

// IsPending reports whether an act that was answered with err is stored all the same and
// takes effect when folding, which is behind, comes to it.
func (o Outcome) IsPending(err error) bool { return o.Offset != 0 && CodeOf(err) == Unavailable }

// Err returns the outcome as an error, or nil.
func (o Outcome) Err() error {
	if o.Code == "" {
		return nil
	}
	return &Error{Code: o.Code, Msg: o.Detail}
}
