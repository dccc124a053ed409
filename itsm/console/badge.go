package console

import "signalbox/itsm"

// badge is a coloured word. Class picks the colour; Label alone says the same.
type badge struct {
	Class string
	Label string
	Hint  string
}

var priorityHints = map[itsm.Priority]string{
	itsm.P1: "critical", itsm.P2: "high", itsm.P3: "moderate", itsm.P4: "low", itsm.P5: "planning",
}

func priorityBadge(p itsm.Priority) badge {
	if p == 0 {
		return badge{Class: "p5", Label: "P–", Hint: "no priority yet"}
	}
	return badge{Class: "p" + p.String()[1:], Label: p.String(), Hint: priorityHints[p]}
}

var stateLabels = map[itsm.State]string{
	itsm.New: "New", itsm.InProgress: "In progress", itsm.OnHold: "On hold",
	itsm.IncidentResolved: "Resolved", itsm.Closed: "Closed", itsm.Cancelled: "Cancelled",
}

func stateBadge(s itsm.State) badge {
	return badge{Class: "st-" + s.String(), Label: stateLabels[s]}
}

func severityBadge(s itsm.Severity) badge {
	if s == 0 {
		return badge{Class: "sev-info", Label: "unknown"}
	}
	return badge{Class: "sev-" + s.String(), Label: s.String()}
}

func statusBadge(s itsm.Status) badge {
	return badge{Class: "al-" + s.String(), Label: s.String()}
}

var levelLabels = map[itsm.Level]string{itsm.High: "high", itsm.Medium: "medium", itsm.Low: "low"}

// words turns a code such as not_reproducible into words.
func words(code string) string {
	b := []byte(code)
	for i, c := range b {
		if c == '_' {
			b[i] = ' '
		}
	}
	return line(string(b), lineRunesMax)
}
