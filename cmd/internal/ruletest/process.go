package ruletest

import (
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"signalbox/itsm"
)

// clockWords are how a clock of an incident's service level can stand.
var clockWords = []string{"none", "running", "paused", "met", "breached"}

// ordinary is the word for an incident that is no major one.
const ordinary = "none"

func majorWords() []string {
	out := []string{ordinary}
	for _, m := range itsm.MajorStates {
		out = append(out, string(m))
	}
	return out
}

func (in *seenIncident) major() string {
	if in.Major.State == "" {
		return ordinary
	}
	return string(in.Major.State)
}

func (in *seenIncident) children() []string {
	var out []string
	for _, n := range in.Children {
		out = append(out, n.String())
	}
	return out
}

// changes are the ids of what changed before it, and what the senders call them.
func (in *seenIncident) changes() []string {
	var out []string
	for _, c := range in.Changes {
		out = append(out, c.Change)
	}
	return out
}

// noticeOf words a line of a timeline about the service level as tests do, such as
// "response 75%"; "" for any other line.
func noticeOf(t *itsm.TimelineEntry) string {
	if t.Kind != "service level" {
		return ""
	}
	clock, percent := "response", "100"
	if strings.Contains(t.Text, " to resolve it ") {
		clock = "resolution"
	}
	if p, _, ok := strings.Cut(t.Text, " % of "); ok {
		percent = p
	}
	return clock + " " + percent + "%"
}

// change is what a sender says of a change: a new id is a new change.
func (r *reader) change(v *yaml.Node, field string) act {
	a := act{line: v.Line, act: itsm.Act{Kind: itsm.ActChangePut, Actor: "test:pipeline"}}
	var u itsm.ChangeUpdate
	var state, kind string
	source := "test"
	u.Source = &source
	put := func(to **string) func(*yaml.Node, string) {
		return func(v *yaml.Node, field string) { *to = new(string); r.text(*to)(v, field) }
	}
	list := func(to **[]string) func(*yaml.Node, string) {
		return func(v *yaml.Node, field string) { *to = &[]string{}; r.texts(*to)(v, field) }
	}
	r.object(v, field, key{"id", put(&u.ExternalID)}, key{"title", put(&u.Title)}, key{"cis", list(&u.CIs)}, key{"services", list(&u.Services)}, key{"environment", put(&u.Environment)},
		key{"who", put(&u.Who)}, key{"state", r.word(&state, oneOf(wordsOf(itsm.ChangeStates)...))}, key{"type", r.word(&kind, oneOf(wordsOf(itsm.ChangeTypes)...))})
	if state != "" {
		u.State = (*itsm.ChangeState)(&state)
	}
	if kind != "" {
		u.Type = (*itsm.ChangeType)(&kind)
	}
	if v.Kind == yaml.MappingNode && u.ExternalID == nil {
		r.fail(v, join(field, "id"), "missing: expected what the sender calls the change, such as release-7")
	}
	if u.Title == nil {
		u.Title = u.ExternalID
	}
	a.act.Body = encoded(u)
	return a
}

func wordsOf[T ~string](list []T) (out []string) {
	for _, w := range list {
		out = append(out, string(w))
	}
	return out
}

// window is a maintenance window that somebody makes; its start counts from the step.
func (r *reader) window(v *yaml.Node, field string) act {
	var scope itsm.Scope
	var labels []itsm.Label
	var after, lasts string
	reason := "maintenance"
	u := itsm.MaintenanceUpdate{Reason: &reason, Scope: &scope}
	r.object(v, field, key{"reason", r.text(&reason)}, key{"after", r.word(&after, isSpan)}, key{"for", r.word(&lasts, isSpan)},
		key{"zone", func(v *yaml.Node, field string) { u.Zone = new(string); r.text(u.Zone)(v, field) }},
		key{"rrule", func(v *yaml.Node, field string) { u.RRule = new(string); r.text(u.RRule)(v, field) }},
		key{"cis", r.texts(&scope.CIs)}, key{"services", r.texts(&scope.Services)}, key{"classes", r.texts(&scope.Classes)}, key{"labels", r.labels(&labels)})
	scope.Labels = itsm.NewLabels(labels)
	if v.Kind == yaml.MappingNode && lasts == "" {
		r.fail(v, join(field, "for"), "missing: expected how long it lasts, such as 2h")
	}
	w := &window{update: u}
	w.after, _ = span(after) // what is wrong with them was reported
	w.lasts, _ = span(lasts)
	return act{line: v.Line, act: itsm.Act{Kind: itsm.ActMaintenancePut, Actor: "console:test"}, window: w}
}

// window is a maintenance window as of the step that makes it.
type window struct {
	after, lasts time.Duration
	update       itsm.MaintenanceUpdate
}

// body is the act's body when it is done at a time.
func (w *window) body(at itsm.Time) []byte {
	u := w.update
	starts, ends := at.Add(w.after), at.Add(w.after+w.lasts)
	u.StartsAt, u.EndsAt = &starts, &ends
	return encoded(u)
}

func isSpan(s string) error { _, err := span(s); return err }
