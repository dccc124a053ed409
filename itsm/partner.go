package itsm

// RecordStatus is how a partner's record of an incident stands. Within an epoch
// it only moves up.
type RecordStatus uint8

// How a record can stand.
const (
	RecordNone RecordStatus = iota // the partner has none
	RecordOpen
	RecordAcknowledged
	RecordResolved
)

var recordStatusNames = [...]string{"none", "open", "acknowledged", "resolved"}

// String returns the word of the API.
func (s RecordStatus) String() string {
	if int(s) < len(recordStatusNames) {
		return recordStatusNames[s]
	}
	return ""
}

// IsOpen reports whether there is a record that is not resolved.
func (s RecordStatus) IsOpen() bool { return s == RecordOpen || s == RecordAcknowledged }

// MarshalText implements encoding.TextMarshaler.
func (s RecordStatus) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *RecordStatus) UnmarshalText(b []byte) error {
	for i, n := range recordStatusNames {
		if n == string(b) {
			*s = RecordStatus(i)
			return nil
		}
	}
	return Errorf(Invalid, "record status %q: expected none, open, acknowledged or resolved", b)
}

// SyncFields is a set of the fields of a partner's record that not every partner
// has. How a record stands is always known.
type SyncFields uint8

// The fields.
const (
	SyncAssignee SyncFields = 1 << iota
	SyncGroup
	SyncPriority
	SyncTitle
)

// Has reports whether f holds every field of g.
func (f SyncFields) Has(g SyncFields) bool { return f&g == g }

// PartnerRecord is what a partner has of one epoch of an incident, as it answered.
// A field counts only when Knows holds it: a partner that has no assignee for us
// says nothing about it, one that has nobody assigned says "".
type PartnerRecord struct {
	Status   RecordStatus `json:"status"`
	Link     ExternalRef  `json:"link"`
	Version  int64        `json:"version,omitempty"` // when it last changed, in ms, or a number that grows; 0: not known
	Knows    SyncFields   `json:"knows,omitempty"`
	Assignee string       `json:"assignee,omitempty"`
	Group    string       `json:"group,omitempty"`
	Priority Priority     `json:"priority,omitempty"`
	Title    string       `json:"title,omitempty"`

	By        string `json:"by,omitempty"`        // the person who changed it last; "": not known
	Ours      bool   `json:"ours,omitempty"`      // our own account changed it last
	Automatic bool   `json:"automatic,omitempty"` // a program there changed it last

	AckUnknown bool `json:"-"` // the partner does not tell open from acknowledged; for who compares
}

// ObjectConnector is the kind of object that a connector is; its lines of history
// are in the audit log.
const ObjectConnector = "connector"

// ConnectorState is what people decided about a connector. It survives restarts.
type ConnectorState struct {
	Name    string `json:"name"`
	Paused  bool   `json:"paused"`
	By      string `json:"by"` // who paused it, or let it go on
	At      Time   `json:"at"`
	Reason  string `json:"reason"`
	Version uint64 `json:"version"`
}

// ReasonBytesMax bounds the reason of a pause.
const ReasonBytesMax = 1000

// Difference is one field in which a partner's record is not as it is wanted.
type Difference struct {
	Field string `json:"field"` // whose Authority says who is right
	Has   string `json:"has"`
	Want  string `json:"want"`
}

// Differences compares what a partner has with what is wanted, in the fields that
// the partner knows. kept: an acknowledgement that was taken back elsewhere may
// still stand there, for most partners have no way back.
func Differences(want, has *PartnerRecord, kept bool) (out []Difference) {
	differs := func(field, h, w string) { out = append(out, Difference{field, h, w}) }
	switch {
	case want.Status == RecordResolved:
		if has.Status == RecordOpen || has.Status == RecordAcknowledged {
			differs(AuthorityResolved, has.Status.String(), want.Status.String())
		}
		return out // nobody looks at the rest of it any more
	case has.Status == RecordNone:
		differs(AuthorityCondition, has.Status.String(), want.Status.String())
		return out
	case has.Status == RecordResolved:
		differs(AuthorityResolved, has.Status.String(), want.Status.String())
	case has.Status != want.Status && !(kept && has.Status == RecordAcknowledged):
		differs(AuthorityAcknowledged, has.Status.String(), want.Status.String())
	}
	if has.Knows.Has(SyncAssignee) && has.Assignee != want.Assignee {
		differs(AuthorityAssignee, has.Assignee, want.Assignee)
	}
	if has.Knows.Has(SyncGroup) && has.Group != want.Group {
		differs(AuthorityAssignee, has.Group, want.Group)
	}
	if has.Knows.Has(SyncPriority) && has.Priority != want.Priority {
		differs(AuthorityPriority, has.Priority.String(), want.Priority.String())
	}
	if has.Knows.Has(SyncTitle) && has.Title != want.Title {
		differs(AuthorityText, has.Title, want.Title)
	}
	return out
}
