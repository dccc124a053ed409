package itsm

import (
	"slices"
	"strings"
)

// ProblemNumber identifies a problem from its proposal on: PRB0000001, dense and
// in the order in which they were proposed.
type ProblemNumber uint64

// String formats the number as PRB0000001; zero is "".
func (n ProblemNumber) String() string { return numbered("PRB", uint64(n)) }

// MarshalText implements encoding.TextMarshaler.
func (n ProblemNumber) MarshalText() ([]byte, error) { return []byte(n.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (n *ProblemNumber) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*n = 0
		return nil
	}
	v, err := ParseProblemNumber(string(b))
	*n = v
	return err
}

// ParseProblemNumber reads a public problem number.
func ParseProblemNumber(s string) (ProblemNumber, error) {
	n, err := parseNumbered("PRB", s)
	return ProblemNumber(n), err
}

// ProblemState is where a problem is on its way from a proposal to a fixed cause.
type ProblemState string

// States of a problem.
const (
	ProblemCandidate    ProblemState = "candidate" // the machine proposes it; no person has answered
	ProblemDismissed    ProblemState = "dismissed" // a person said no, with a reason; more evidence brings it back
	ProblemMerged       ProblemState = "merged"    // it is part of another problem now
	ProblemNew          ProblemState = "new"       // accepted
	ProblemAssess       ProblemState = "assess"
	ProblemAnalysis     ProblemState = "root_cause_analysis"
	ProblemFix          ProblemState = "fix_in_progress"
	ProblemResolved     ProblemState = "resolved"
	ProblemClosed       ProblemState = "closed"
	ProblemRiskAccepted ProblemState = "risk_accepted" // known, analysed and lived with
)

// ProblemStates lists every state in the order people read them.
var ProblemStates = []ProblemState{ProblemCandidate, ProblemNew, ProblemAssess, ProblemAnalysis, ProblemFix,
	ProblemResolved, ProblemRiskAccepted, ProblemClosed, ProblemDismissed, ProblemMerged}

// problemMoves is the life of a problem. A proposal is answered by accepting,
// dismissing or merging it; work goes forward step by step and back to any earlier
// step; a fix that did not help goes back to the analysis.
var problemMoves = map[ProblemState][]ProblemState{
	ProblemCandidate:    {ProblemNew, ProblemDismissed, ProblemMerged},
	ProblemDismissed:    {ProblemCandidate, ProblemNew, ProblemMerged},
	ProblemNew:          {ProblemAssess, ProblemAnalysis, ProblemRiskAccepted, ProblemMerged},
	ProblemAssess:       {ProblemAnalysis, ProblemNew, ProblemRiskAccepted, ProblemMerged},
	ProblemAnalysis:     {ProblemFix, ProblemAssess, ProblemRiskAccepted, ProblemMerged},
	ProblemFix:          {ProblemResolved, ProblemAnalysis, ProblemRiskAccepted, ProblemMerged},
	ProblemResolved:     {ProblemClosed, ProblemAnalysis, ProblemFix},
	ProblemRiskAccepted: {ProblemAssess, ProblemAnalysis, ProblemClosed, ProblemMerged},
	ProblemClosed:       {},
	ProblemMerged:       {},
}

// ProblemMoves lists where a problem can go from a state.
func ProblemMoves(from ProblemState) []ProblemState { return slices.Clone(problemMoves[from]) }

// CanMoveProblem reports whether the lifecycle has the move.
func CanMoveProblem(from, to ProblemState) bool { return slices.Contains(problemMoves[from], to) }

// Accepted reports whether a person made the proposal a problem.
func (s ProblemState) Accepted() bool {
	return s != ProblemCandidate && s != ProblemDismissed && s != ProblemMerged
}

// Open reports whether there is work left on an accepted problem.
func (s ProblemState) Open() bool {
	return s.Accepted() && s != ProblemClosed && s != ProblemResolved && s != ProblemRiskAccepted
}

// Known reports whether the problem answers for incidents that match it: whoever is
// paged is told of its workaround.
func (s ProblemState) Known() bool { return s.Accepted() && s != ProblemClosed }

// ParseProblemState reads one state.
func ParseProblemState(s string) (ProblemState, error) {
	if slices.Contains(ProblemStates, ProblemState(s)) {
		return ProblemState(s), nil
	}
	names := make([]string, len(ProblemStates))
	for i, v := range ProblemStates {
		names[i] = string(v)
	}
	return "", Errorf(Invalid, "state %q: expected one of %s", s, strings.Join(names, ", "))
}

// ProblemTest is one test that a series of incidents passed, with its numbers.
type ProblemTest struct {
	Test      string `json:"test"` // "excess", "periodic", "seasonal", "reopened", "change_linked", "same_fix", "pair", "rule"
	Text      string `json:"text"` // the numbers in plain words
	Incidents int    `json:"incidents"`
	ChancePPM int64  `json:"chance_ppm"` // probability of as much by chance, in millionths; 0: below one, or not a matter of chance
}

// ProblemIncident is one occurrence of a problem.
type ProblemIncident struct {
	Number       IncidentNumber `json:"number"`
	OpenedAt     Time           `json:"opened_at"`
	ResolvedAt   Time           `json:"resolved_at"`
	Reopens      uint32         `json:"reopens"`
	Change       string         `json:"change,omitempty"`        // that came shortly before it
	ChangeBefore int64          `json:"change_before,omitempty"` // seconds from the change to the incident
	LinkedBy     string         `json:"linked_by,omitempty"`     // person who linked it; "": its signature matched
}

// Words of Problem.Effect.
const (
	EffectWatching     = "watching"      // fixed; too little time has passed to say
	EffectEffective    = "effective"     // the silence since the fix is too long for chance
	EffectNotEffective = "not_effective" // it happened again
)

// Problem is a recurring cause: proposed by the machine, then owned by people.
type Problem struct {
	Number     ProblemNumber `json:"number"`
	Title      string        `json:"title"`
	State      ProblemState  `json:"state"`
	Signature  string        `json:"signature"`
	Signatures []string      `json:"signatures"` // all that it answers for, after merges and pairs
	Cause      string        `json:"cause"`      // id of the CI that is probably at fault, or what rules named
	Class      string        `json:"class"`      // of alert
	Env        string        `json:"env"`
	Services   []string      `json:"services"`

	Tests         []ProblemTest     `json:"tests"`
	Count         uint64            `json:"count"`        // incidents of its signatures since they were first seen
	Incidents     []ProblemIncident `json:"incidents"`    // newest last; at most ProblemIncidentsMax
	MonthlyCost   int64             `json:"monthly_cost"` // person-minutes expected a month: rate × median duration × people
	RateMilli     int64             `json:"rate_milli"`   // thousandths of an incident a month
	MedianMinutes int64             `json:"median_minutes"`
	People        int64             `json:"people"` // involved in one, at the median; at least 1

	Owner      string   `json:"owner"`
	Team       string   `json:"team"`
	RootCause  string   `json:"root_cause"`
	Workaround string   `json:"workaround"`
	KnownError bool     `json:"known_error"`
	Changes    []string `json:"changes"` // ids of changes linked by people: what caused it, what fixes it
	Reason     string   `json:"reason"`  // why it was dismissed, or its risk accepted
	MergedInto string   `json:"merged_into"`

	ProposedAt Time   `json:"proposed_at"`
	AcceptedAt Time   `json:"accepted_at"`
	AcceptedBy string `json:"accepted_by"`
	ResolvedAt Time   `json:"resolved_at"` // when the fix was in
	ClosedAt   Time   `json:"closed_at"`
	LastAt     Time   `json:"last_at"`     // opening of its newest incident
	Effect     string `json:"effect"`      // "" before a fix
	EffectAt   Time   `json:"effect_at"`   // when it was found out, or when silence will have said enough
	EffectText string `json:"effect_text"` // the numbers in plain words
	CreatedBy  string `json:"created_by"`  // "signalbox", or the person who made it of an incident
	ChangedAt  Time   `json:"changed_at"`
	Version    uint64 `json:"version"`

	Links []ExternalRef `json:"links,omitempty"` // its records at partners that were told of it

	Source     string `json:"source,omitempty"`      // connector at whose partner it was made; "": here
	ExternalID string `json:"external_id,omitempty"` // what it is called there, such as "PRB0040123"
	URL        string `json:"url,omitempty"`         // where people see it there
}

// Bounds of a problem.
const (
	ProblemIncidentsMax  = 100
	ProblemSignaturesMax = 20
	ProblemChangesMax    = 50
	ProblemTextMax       = 16 << 10 // bytes of root cause and of workaround
)

// ProblemNote is one line of the history of a problem.
type ProblemNote struct {
	At    Time   `json:"at"`
	Kind  string `json:"kind"` // "proposed", "accepted", "note", …
	Actor string `json:"actor"`
	Text  string `json:"text"`
}

// Acts on problems. Act.Object names the problem, Act.Body what they carry, a ProblemBody.
const (
	ActProblemCreate      ActKind = "problem.create" // of an incident, by a person
	ActProblemAccept      ActKind = "problem.accept"
	ActProblemDismiss     ActKind = "problem.dismiss"
	ActProblemMerge       ActKind = "problem.merge"
	ActProblemAssign      ActKind = "problem.assign"
	ActProblemState       ActKind = "problem.state"
	ActProblemRootCause   ActKind = "problem.root_cause"
	ActProblemWorkaround  ActKind = "problem.workaround"
	ActProblemKnownError  ActKind = "problem.known_error"
	ActProblemCommunicate ActKind = "problem.communicate"
	ActProblemLink        ActKind = "problem.link"
	ActProblemUnlink      ActKind = "problem.unlink"
	ActProblemNote        ActKind = "problem.note"
	ActProblemPut         ActKind = "problem.put" // by a connector: how a problem is that was made at its partner; Body: ProblemUpdate
)

// ProblemBody is what an act on a problem carries; each kind uses some of it.
type ProblemBody struct {
	Reason    string       `json:"reason,omitempty"`
	Into      string       `json:"into,omitempty"`
	Owner     string       `json:"owner,omitempty"`
	Team      string       `json:"team,omitempty"`
	State     ProblemState `json:"state,omitempty"`
	Text      string       `json:"text,omitempty"`
	Title     string       `json:"title,omitempty"`
	Known     bool         `json:"known_error,omitempty"`
	Incidents []string     `json:"incidents,omitempty"`
	Changes   []string     `json:"changes,omitempty"`
}

// ProblemUpdate is the body of an act problem.put: all that a partner says of a problem
// that was made there. With the act's origin ExternalID finds the one that is meant, or
// makes it here.
type ProblemUpdate struct {
	ExternalID string       `json:"external_id"`
	URL        string       `json:"url,omitempty"`
	Title      string       `json:"title"`
	State      ProblemState `json:"state"`
	Owner      string       `json:"owner,omitempty"`
	OwnerEmail string       `json:"owner_email,omitempty"` // the user here who has it is meant
	Team       string       `json:"team,omitempty"`
	RootCause  string       `json:"root_cause,omitempty"`
	Workaround string       `json:"workaround,omitempty"`
	KnownError bool         `json:"known_error,omitempty"`
	CI         string       `json:"ci,omitempty"`        // id, alias or name
	Incidents  []string     `json:"incidents,omitempty"` // of ours that belong to it there
}
