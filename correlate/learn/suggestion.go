package learn

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"signalbox/itsm"
	"signalbox/rules"
)

// Kind says what a suggestion is about.
type Kind string

// Kinds of suggestion.
const (
	Together     Kind = "together"
	Noisy        Kind = "noisy"
	ClearsItself Kind = "clears_itself"
	Bind         Kind = "bind"
)

// Suggestion is a rule or a relation that history speaks for.
type Suggestion struct {
	ID       string     `json:"id"` // stable: of what it is about
	Kind     Kind       `json:"kind"`
	Title    string     `json:"title"`
	Why      string     `json:"why"` // one sentence with its numbers
	Figures  []Figure   `json:"figures"`
	Examples []Example  `json:"examples"` // newest first
	Rule     rules.File `json:"rule"`     // the draft, in shadow mode; its body is "" when there is none
	Relation string     `json:"relation"` // a CMDB import in YAML that says the same, or ""

	rank float64
}

// Figure is one number of the evidence.
type Figure struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
}

// Example is one time it happened.
type Example struct {
	At       itsm.Time           `json:"at"`
	Alerts   []itsm.AlertNumber  `json:"-"`
	Incident itsm.IncidentNumber `json:"-"` // of the first alert; 0: none
}

// Report is what a history came to.
type Report struct {
	From        itsm.Time    `json:"from"` // first and last observation; 0: none
	To          itsm.Time    `json:"to"`
	Events      int          `json:"events"`
	Alerts      int          `json:"alerts"`
	Episodes    int          `json:"episodes"`
	Kinds       int          `json:"kinds"`       // kinds of alert: class and CI
	Unbound     int          `json:"unbound"`     // alerts without a CI of the CMDB
	Acted       int          `json:"acted"`       // episodes in incidents that people acted on
	Crowded     int          `json:"crowded"`     // beginnings left out of the pairs: too much began at once
	Bounds      []string     `json:"bounds_met"`  // what was more than a miner keeps
	Suggestions []Suggestion `json:"suggestions"` // by kind, the strongest first
}

// Find returns a suggestion by its id.
func (r *Report) Find(id string) (Suggestion, bool) {
	for _, s := range r.Suggestions {
		if s.ID == id {
			return s, true
		}
	}
	return Suggestion{}, false
}

// idOf names what a suggestion is about, whatever its numbers are.
func idOf(kind Kind, about ...string) string {
	h := sha256.Sum256([]byte(string(kind) + "\x00" + strings.Join(about, "\x00")))
	return hex.EncodeToString(h[:6])
}
