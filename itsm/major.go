package itsm

import "slices"

// MajorState is how far an incident is as a major one; "" is an ordinary incident.
type MajorState string

// A major incident is proposed by a rule or a person, and accepted, rejected or
// demoted by a manager. It is over when its review is done.
const (
	MajorProposed MajorState = "proposed"
	MajorAccepted MajorState = "accepted"
	MajorRejected MajorState = "rejected"
	MajorDemoted  MajorState = "demoted"
	MajorReviewed MajorState = "reviewed"
)

// MajorStates are the states that people can ask for.
var MajorStates = []MajorState{MajorProposed, MajorAccepted, MajorRejected, MajorDemoted, MajorReviewed}

// ParseMajorState reads the word of the API.
func ParseMajorState(word string) (MajorState, error) {
	if m := MajorState(word); slices.Contains(MajorStates, m) {
		return m, nil
	}
	return "", Errorf(Invalid, "major %q: expected proposed, accepted, rejected, demoted or reviewed", word)
}

// Named bounds of families and major incidents.
const (
	ChildrenMax     = 200     // children of one incident
	MajorChildren   = 20      // with more than these an incident is proposed as a major one
	ReviewTextMax   = 8 << 10 // bytes of each text of a review
	WatchersMax     = 100     // people who follow one incident
	AttachmentsMax  = 50      // links attached to one incident
	AttachTitleMax  = 200     // bytes of a link's title
	AttachURLMax    = 2048    // bytes of a link's address
	WatcherBytesMax = 120     // bytes of a watcher's name
)

// MajorIncident is what was decided about an incident as a major one.
type MajorIncident struct {
	State           MajorState `json:"state"`
	By              string     `json:"by"` // who decided last; "signalbox" for the rule
	At              Time       `json:"at"`
	Because         string     `json:"because"`
	ProposedBy      string     `json:"proposed_by"`
	ProposedAt      Time       `json:"proposed_at"`
	ProposedBecause string     `json:"proposed_because"`
}

// Runs reports whether a manager accepted it and its review is not done: nothing
// ends it but people.
func (m *MajorIncident) Runs() bool { return m.State == MajorAccepted }

// Review is what people write down after a major incident. Each text is theirs.
type Review struct {
	Incident IncidentNumber `json:"incident"`
	Version  uint64         `json:"version"`
	Summary  string         `json:"summary"`
	Timeline string         `json:"timeline"`
	Impact   string         `json:"impact"`
	Causes   string         `json:"causes"`
	Changed  string         `json:"changed"` // what changed before it
	Actions  string         `json:"actions"` // what is to be done, by whom
	EditedBy string         `json:"edited_by"`
	EditedAt Time           `json:"edited_at"`
	DoneBy   string         `json:"done_by"` // "" while it is written
	DoneAt   Time           `json:"done_at"`
}

// ObjectReview is the kind of object that a review is; its id is the incident's number.
const ObjectReview = "review"

// ReviewChange is what an ActReview carries: the texts that change, nil for those
// that stay, and the version of the review that its writer saw.
type ReviewChange struct {
	Version  *uint64 `json:"version,omitempty"` // 0: nobody had written it; nil: whichever it is now
	Summary  *string `json:"summary,omitempty"`
	Timeline *string `json:"timeline,omitempty"`
	Impact   *string `json:"impact,omitempty"`
	Causes   *string `json:"causes,omitempty"`
	Changed  *string `json:"changed,omitempty"`
	Actions  *string `json:"actions,omitempty"`
}

// ReviewText is one text of a review with its name in the API.
type ReviewText struct {
	Name  string
	Title string
	Hint  string
	Text  *string
}

// Texts are the texts of r in the order they are read in.
func (r *Review) Texts() []ReviewText {
	return []ReviewText{
		{"summary", "Summary", "What happened, in a few sentences that somebody understands who was not there.", &r.Summary},
		{"impact", "Impact", "Who was hurt, how much and for how long.", &r.Impact},
		{"timeline", "Timeline", "What happened when, and what people knew then.", &r.Timeline},
		{"causes", "Causes", "What made it happen, and what made it last.", &r.Causes},
		{"changed", "What changed", "Changes before it, and what was changed to end it.", &r.Changed},
		{"actions", "Actions", "What will be done, by whom and until when.", &r.Actions},
	}
}

// IsStale reports whether somebody changed r since the writer of c saw it.
func (c *ReviewChange) IsStale(r *Review) bool { return c.Version != nil && *c.Version != r.Version }

// Apply takes over what c changes and reports whether that is anything.
func (r *Review) Apply(c *ReviewChange) (changed bool) {
	given := []*string{c.Summary, c.Impact, c.Timeline, c.Causes, c.Changed, c.Actions} // in the order of Texts
	for n, t := range r.Texts() {
		if v := given[n]; v != nil && *t.Text != *v {
			*t.Text, changed = *v, true
		}
	}
	return changed
}

// TooLong names the text of c that is over its bound, or "".
func (c *ReviewChange) TooLong() string {
	r := &Review{}
	r.Apply(c)
	for _, t := range r.Texts() {
		if len(*t.Text) > ReviewTextMax {
			return t.Name
		}
	}
	return ""
}
