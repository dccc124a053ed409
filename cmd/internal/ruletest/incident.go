package ruletest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"signalbox/itsm"
	"signalbox/rules"
)

// incidentField is something that a want can state of an incident. Exactly one of
// text, list and labels is set, or none for the members.
type incidentField struct {
	name   string
	parse  func(string) error // of a text; nil: any
	text   func(*seenIncident) string
	list   func(*seenIncident) []string
	some   bool // of a list: what is stated is part of it
	labels func(*seenIncident) itsm.Labels
}

const membersField = "members"

func number(get func(*seenIncident) int) func(*seenIncident) string {
	return func(in *seenIncident) string { return strconv.Itoa(get(in)) }
}

var incidentFields = []incidentField{
	{name: "number", parse: isIncidentNumber, text: func(in *seenIncident) string { return in.Number.String() }},
	{name: "title", text: func(in *seenIncident) string { return in.Title }},
	{name: "state", parse: oneOf("new", "in_progress", "on_hold", "resolved", "closed", "cancelled"), text: func(in *seenIncident) string { return in.State.String() }},
	{name: "priority", parse: oneOf("P1", "P2", "P3", "P4", "P5"), text: func(in *seenIncident) string { return in.Priority.String() }},
	{name: "severity", parse: oneOf("critical", "major", "minor", "warning", "info"), text: func(in *seenIncident) string { return in.Severity.String() }},
	{name: "impact", parse: oneOf("high", "medium", "low"), text: func(in *seenIncident) string { return in.Impact.String() }},
	{name: "urgency", parse: oneOf("high", "medium", "low"), text: func(in *seenIncident) string { return in.Urgency.String() }},
	{name: "alerts", parse: isNumber, text: number(func(in *seenIncident) int { return in.AlertCount })},
	{name: "firing", parse: isNumber, text: number(func(in *seenIncident) int { return in.FiringCount })},
	{name: "cause", text: (*seenIncident).cause},
	{name: "cis", list: func(in *seenIncident) []string { return in.CIs }},
	{name: "services", list: func(in *seenIncident) []string { return in.Services }},
	{name: "group", text: func(in *seenIncident) string { return in.Group }},
	{name: "assignee", text: func(in *seenIncident) string { return in.Assignee }},
	{name: "acknowledged", parse: oneOf("true", "false"), text: func(in *seenIncident) string { return strconv.FormatBool(in.AcknowledgedAt != 0) }},
	{name: "labels", labels: func(in *seenIncident) itsm.Labels { return in.Labels }},
	{name: "runbook", text: func(in *seenIncident) string { return in.Runbook }},
	{name: "signature", text: func(in *seenIncident) string { return in.Signature }},
	{name: "follows", parse: isIncidentNumber, text: func(in *seenIncident) string { return in.Follows.String() }},
	{name: "parent", parse: isIncidentNumber, text: func(in *seenIncident) string { return in.Parent.String() }},
	{name: "children", list: (*seenIncident).children},
	{name: "major", parse: oneOf(majorWords()...), text: (*seenIncident).major},
	{name: "hold", text: func(in *seenIncident) string { return in.HoldReason }},
	{name: "close_code", text: func(in *seenIncident) string { return in.CloseCode }},
	{name: "problem", text: func(in *seenIncident) string { return in.Problem }},
	{name: "changes", list: (*seenIncident).changes},
	{name: "response", parse: oneOf(clockWords...), text: func(in *seenIncident) string { return in.SLA.Response.State() }},
	{name: "resolution", parse: oneOf(clockWords...), text: func(in *seenIncident) string { return in.SLA.Resolution.State() }},
	{name: "notices", list: func(in *seenIncident) []string { return in.notices }},
	{name: "rule", list: (*seenIncident).rules, some: true},
	{name: membersField},
}

func isIncidentNumber(s string) error { _, err := itsm.ParseIncidentNumber(s); return err }

// wantField is one field of an incident as a test wants it.
type wantField struct {
	*incidentField
	value   string
	values  []string
	set     []itsm.Label
	members []pattern
	more    bool // there may be other members
}

func (r *reader) wantIncident(v *yaml.Node, field string) wantIncident {
	w := wantIncident{line: v.Line}
	more := false
	keys := []key{{"more", r.flag(&more)}}
	for i := range incidentFields {
		keys = append(keys, key{incidentFields[i].name, func(v *yaml.Node, field string) {
			f := wantField{incidentField: &incidentFields[i]}
			r.wantField(&f, v, field)
			w.fields = append(w.fields, f)
		}})
	}
	r.object(v, field, keys...)
	at := slices.IndexFunc(w.fields, func(f wantField) bool { return f.name == membersField })
	switch {
	case at >= 0:
		w.fields[at].more = more
	case more:
		r.fail(v, join(field, "more"), "has nothing to add to: expected it beside members")
	}
	return w
}

func (r *reader) wantField(f *wantField, v *yaml.Node, field string) {
	switch {
	case f.text != nil && f.parse == nil:
		r.text(&f.value)(v, field)
	case f.text != nil:
		r.word(&f.value, f.parse)(v, field)
	case f.list != nil:
		r.texts(&f.values)(v, field)
	case f.labels != nil:
		r.labels(&f.set)(v, field)
	default:
		r.list(rules.ListMax, func(v *yaml.Node, field string) { f.members = append(f.members, r.pattern(v, field)) })(v, field)
	}
}

// holds reports whether the incident is as wanted.
func (f *wantField) holds(in *seenIncident) bool {
	switch {
	case f.text != nil:
		return like(f.text(in), f.value)
	case f.list != nil:
		got := f.list(in)
		return (f.some || len(got) == len(f.values)) && !slices.ContainsFunc(f.values, func(v string) bool { return !slices.Contains(got, v) })
	case f.labels != nil:
		return (&pattern{labels: f.set}).matches(f.labels(in))
	}
	pairs := f.pair(in)
	return !slices.Contains(pairs, -1) && (f.more || len(pairs) == len(in.members))
}

// misses is how far the incident is from what is wanted, 0 when it is that.
func (f *wantField) misses(in *seenIncident) int {
	if f.holds(in) {
		return 0
	}
	n := 1
	if f.name == membersField { // the incident that has the wanted members is the one meant
		for _, j := range f.pair(in) {
			if j < 0 {
				n += 2
			}
		}
	}
	return n
}

// pair finds a member of its own for each wanted one.
func (f *wantField) pair(in *seenIncident) []int {
	return assign(len(f.members), len(in.members), func(i, j int) bool { return f.members[i].matches(in.members[j].alert.Labels) })
}

// expected renders the field as the test wants it.
func (f *wantField) expected() []string {
	switch {
	case f.text != nil:
		return []string{f.name + ": " + scalar(f.value)}
	case f.list != nil:
		return []string{f.name + ": " + flow(f.values)}
	case f.labels != nil:
		return []string{f.name + ": " + labelFlow(f.set)}
	}
	out := []string{f.name + ":"}
	for _, m := range f.members {
		out = append(out, "- "+labelFlow(m.labels))
	}
	return out
}

// got renders the field as it is; of labels those that the test names.
func (f *wantField) got(in *seenIncident) string {
	switch {
	case f.text != nil:
		return f.name + ": " + scalar(f.text(in))
	case f.list != nil:
		return f.name + ": " + flow(f.list(in))
	}
	var ls []itsm.Label
	for _, l := range f.set {
		ls = append(ls, itsm.Label{Name: l.Name, Value: f.labels(in).Get(l.Name)})
	}
	return f.name + ": " + labelFlow(ls)
}

func labelFlow(ls []itsm.Label) string {
	parts := make([]string, len(ls))
	for i, l := range ls {
		parts[i] = scalar(l.Name) + ": " + scalar(l.Value)
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

func flow(list []string) string {
	parts := make([]string, len(list))
	for i, s := range list {
		parts[i] = scalar(s)
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

// scalar writes a text as YAML reads it back within braces.
func scalar(s string) string {
	if s == "" || strings.TrimSpace(s) != s || strings.ContainsAny(s, ",{}[]:#&*!|>'\"%@`\n\r\t\\") || s[0] == '-' || s[0] == '?' {
		return fmt.Sprintf("%q", s)
	}
	return s
}
