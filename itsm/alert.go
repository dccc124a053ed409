package itsm

import "strconv"

// AlertNumber is the dense number of an alert in the fold; its public id is
// ALR0000001. Zero means none.
type AlertNumber uint64

// String returns the public id.
func (n AlertNumber) String() string { return numbered("ALR", uint64(n)) }

// ParseAlertNumber reads a public alert id.
func ParseAlertNumber(s string) (AlertNumber, error) {
	n, err := parseNumbered("ALR", s)
	return AlertNumber(n), err
}

// Alert is the record of a stateful, deduplicated condition, as people see it.
type Alert struct {
	Number       AlertNumber
	Source       string
	Key          AlertKey
	Status       Status
	Severity     Severity
	SeverityWord string
	Title        string
	Labels       Labels
	Annotations  Labels
	GeneratorURL string
	CI           string   // id of the bound CI, or "" when provisional
	Provisional  string   // key of the provisional CI while CI is ""
	BoundBy      string   // which step of the binding order hit, e.g. "host", "service+environment", "neighbours", "provisional"
	Trail        []string // what was tried for the binding, in order, for people
	StartsAt     Time     // start of the current episode
	EndsAt       Time     // end of the current episode; 0 while firing
	EndedBy      string   // "sender", "lease", "stale", "episode" (a newer one began), "operator"; "" while firing
	RaisedAt     Time     // At of the first event of the alert
	LastSeenAt   Time
	EventCount   uint64
	Episode      uint32 // 1 is the first
	Reopened     uint32 // times an episode was continued after resolving
	SuppressedBy string // why it opens nothing: "", "info", "hold: 46 of the last 50 cleared within 3 min", ...
	Flapping     bool
	Incident     IncidentNumber // latest
	Rules        []string       // rules that spoke of its latest episode, each "stage:id", with " (shadow)" after those that change nothing; at most AlertRulesMax
	ChangedAt    Offset         // entry that last changed this record
}

// AlertRulesMax bounds the rules that one alert lists.
const AlertRulesMax = 50

// EvidenceDecision says how a member came to its incident.
type EvidenceDecision string

// The decisions an evidence record can state.
const (
	DecidedOpened   EvidenceDecision = "opened"
	DecidedJoined   EvidenceDecision = "joined"
	DecidedMerged   EvidenceDecision = "merged"
	DecidedSplit    EvidenceDecision = "split"
	DecidedReopened EvidenceDecision = "reopened"
)

// Evidence is why one alert episode belongs to its incident, as it was known
// when it was decided.
type Evidence struct {
	Incident       IncidentNumber
	Alert          AlertNumber
	Episode        uint32
	At             Time
	Offset         Offset
	Decision       EvidenceDecision
	By             string // kind of evidence: "topology", "same_ci", "provisional_ci", "sender_group", "outage", "rule", "two_hops", "first", "person"
	ScoreMilli     int    // S in thousandths; 0 where no score was needed
	ThresholdMilli int    // threshold in thousandths
	Rule           string // rule id, "default" for the built-in grouping
	Revision       uint64 // rule-set revision, 0 for none
	CMDBRevision   uint64
	CI             string   // CI (or provisional key) of the alert then
	Shared         string   // CI that explains this alert and the group
	Path           []string // CI ids from the alert's CI to Shared
	Coverage       string   // "7 of 8 alerting CIs depend on db-orders-1"
	RunnerUp       string   // next best incident and its score, or ""
	WouldSplit     string   // what would have made it another incident
	Because        string   // one sentence for the page and the ticket
}

func numbered(prefix string, n uint64) string {
	if n == 0 {
		return ""
	}
	const width = 7
	var digits [20]byte
	d := strconv.AppendUint(digits[:0], n, 10)
	b := append(make([]byte, 0, len(prefix)+max(width, len(d))), prefix...)
	for range width - len(d) {
		b = append(b, '0')
	}
	return string(append(b, d...))
}

func parseNumbered(prefix, s string) (uint64, error) {
	bad := func() error {
		return Errorf(NotFound, "%q is not a number such as %s0000001", s, prefix)
	}
	if len(s) <= len(prefix) || s[:len(prefix)] != prefix || len(s) > len(prefix)+19 {
		return 0, bad()
	}
	var n uint64
	for _, c := range []byte(s[len(prefix):]) {
		if c < '0' || c > '9' {
			return 0, bad()
		}
		n = n*10 + uint64(c-'0')
	}
	if n == 0 || numbered(prefix, n) != s { // one spelling per number
		return 0, bad()
	}
	return n, nil
}
