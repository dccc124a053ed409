package datadog

import (
	"strings"

	"signalbox/ingest/source"
	"signalbox/itsm"
)

// state is what a transition means.
type state struct {
	status itsm.Status
	warn   bool
	noData bool
}

// transitions knows Datadog's transition names and, for payloads of a user's own
// making, its status names. Whatever recovers is resolved.
var transitions = map[string]state{
	"triggered":    {status: itsm.Firing},
	"re-triggered": {status: itsm.Firing},
	"retriggered":  {status: itsm.Firing},
	"renotify":     {status: itsm.Firing},
	"re-notify":    {status: itsm.Firing},
	"escalated":    {status: itsm.Firing},
	"alert":        {status: itsm.Firing},
	"warn":         {status: itsm.Firing, warn: true},
	"warning":      {status: itsm.Firing, warn: true},
	"re-warn":      {status: itsm.Firing, warn: true},
	"no data":      {status: itsm.Firing, noData: true},
	"re-no data":   {status: itsm.Firing, noData: true},
	"ok":           {status: itsm.Resolved},
}

func transitionOf(word string) (state, bool) {
	word = strings.ToLower(strings.TrimSpace(word))
	if strings.Contains(word, "recovered") {
		return state{status: itsm.Resolved}, true
	}
	s, ok := transitions[word]
	return s, ok
}

// state reads what became of the alert, from the most exact field that is there.
func (f fields) state(marks []string, faults *source.Faults) state {
	if word := f["alert_transition"]; word != "" {
		s, ok := transitionOf(word)
		if !ok {
			faults.Add("alert_transition", "%s is not a transition Signalbox knows; expected Triggered, Warn, No Data, Recovered or a variant of them", source.Quote(word))
		}
		return s
	}
	for _, word := range append([]string{f["alert_status"]}, marks...) {
		word, _ = cutScope(word)
		if s, ok := transitionOf(word); ok {
			return s
		}
	}
	switch strings.ToLower(f["alert_type"]) {
	case "error":
		return state{status: itsm.Firing}
	case "warning":
		return state{status: itsm.Firing, warn: true}
	case "success":
		return state{status: itsm.Resolved}
	}
	faults.Add("alert_transition", "missing, and the title does not begin with one such as [Triggered]; "+
		"use the payload of the README (Datadog)")
	return state{}
}

// split takes the leading [marks] off a title.
func split(title string) (rest string, marks []string) {
	rest = strings.TrimSpace(title)
	for strings.HasPrefix(rest, "[") {
		end := strings.IndexByte(rest, ']')
		if end < 0 || strings.TrimSpace(rest[end+1:]) == "" {
			break // a title that is nothing but a mark keeps it
		}
		marks = append(marks, strings.TrimSpace(rest[1:end]))
		rest = strings.TrimSpace(rest[end+1:])
	}
	return rest, marks
}

// cutScope divides a mark that carries the scope of its alert, as in
// "Triggered on {host:web-1,env:prod}", into the transition and the tags.
func cutScope(mark string) (word, scope string) {
	word, scope, _ = strings.Cut(mark, " on {")
	return word, strings.TrimSuffix(strings.TrimSpace(scope), "}")
}

// scopeMark is the scope that the marks of a title carry, or "".
func scopeMark(marks []string) string {
	for _, m := range marks {
		word, scope := cutScope(m)
		if _, ok := transitionOf(word); ok && scope != "" {
			return scope
		}
	}
	return ""
}

func priorityMark(marks []string) string {
	for _, m := range marks {
		if len(m) == 2 && m[0] == 'P' && m[1] >= '1' && m[1] <= '5' {
			return m
		}
	}
	return ""
}
