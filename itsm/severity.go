package itsm

import "strings"

// Severity is the alert scale. The zero value is Warning's neighbour "unset";
// SeverityOf never returns it.
type Severity uint8

// Severities from worst to least. Lower is worse, so that "worst" is a min.
const (
	Critical Severity = iota + 1
	Major
	Minor
	Warning
	Info
)

var severityNames = [...]string{"", "critical", "major", "minor", "warning", "info"}

// String returns the canonical word.
func (s Severity) String() string {
	if int(s) < len(severityNames) {
		return severityNames[s]
	}
	return ""
}

// MarshalText implements encoding.TextMarshaler.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler; it takes any known word.
func (s *Severity) UnmarshalText(b []byte) error {
	*s = SeverityOf(string(b))
	return nil
}

// SeverityOf maps a sender's word, in any case, to the scale. What it does not
// know is Warning: an unknown word must neither page nor vanish.
func SeverityOf(word string) Severity {
	switch word { // the words nearly every sender uses, without folding case
	case "critical":
		return Critical
	case "warning":
		return Warning
	case "info":
		return Info
	}
	switch strings.ToLower(strings.TrimSpace(word)) {
	case "critical", "page", "emergency", "fatal", "disaster", "alert", "p1", "sev1":
		return Critical
	case "error", "high", "major", "p2", "sev2":
		return Major
	case "minor", "average", "medium", "p3":
		return Minor
	case "warning", "warn", "low", "p4":
		return Warning
	case "info", "informational", "information", "notice", "debug", "none", "ok", "p5":
		return Info
	}
	return Warning
}
