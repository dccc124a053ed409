package ruletest

import (
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"signalbox/itsm"
)

// wantProblems are the candidates and problems that there must be.
type wantProblems struct {
	line int
	list []wantProblem
}

// wantProblem is one of them: each field that is given must be so.
type wantProblem struct {
	line   int
	fields []wantProblemField
}

type wantProblemField struct {
	*problemField
	value  string
	values []string
}

// problemField is something that a want can state of a problem: a text, or a list
// of which what is stated is part when some is set.
type problemField struct {
	name  string
	parse func(string) error
	text  func(*itsm.Problem) string
	list  func(*itsm.Problem) []string
	some  bool
}

var problemFields = []problemField{
	{name: "number", text: func(p *itsm.Problem) string { return p.Number.String() }},
	{name: "title", text: func(p *itsm.Problem) string { return p.Title }},
	{name: "state", parse: isProblemState, text: func(p *itsm.Problem) string { return string(p.State) }},
	{name: "signature", text: func(p *itsm.Problem) string { return p.Signature }},
	{name: "cause", text: func(p *itsm.Problem) string { return p.Cause }},
	{name: "owner", text: func(p *itsm.Problem) string { return p.Owner }},
	{name: "team", text: func(p *itsm.Problem) string { return p.Team }},
	{name: "workaround", text: func(p *itsm.Problem) string { return p.Workaround }},
	{name: "known_error", parse: oneOf("true", "false"), text: func(p *itsm.Problem) string { return strconv.FormatBool(p.KnownError) }},
	{name: "effect", text: func(p *itsm.Problem) string { return p.Effect }},
	{name: "tests", some: true, list: func(p *itsm.Problem) (out []string) {
		for _, t := range p.Tests {
			out = append(out, t.Test)
		}
		return out
	}},
	{name: "incidents", list: func(p *itsm.Problem) (out []string) {
		for _, i := range p.Incidents {
			out = append(out, i.Number.String())
		}
		return out
	}},
}

func (r *reader) wantProblem(v *yaml.Node, field string) wantProblem {
	w := wantProblem{line: v.Line}
	var keys []key
	for i := range problemFields {
		keys = append(keys, key{problemFields[i].name, func(v *yaml.Node, field string) {
			f := wantProblemField{problemField: &problemFields[i]}
			switch {
			case f.list != nil:
				r.texts(&f.values)(v, field)
			case f.parse != nil:
				r.word(&f.value, f.parse)(v, field)
			default:
				r.text(&f.value)(v, field)
			}
			w.fields = append(w.fields, f)
		}})
	}
	r.object(v, field, keys...)
	return w
}

func (f *wantProblemField) holds(p *itsm.Problem) bool {
	if f.list == nil {
		return like(f.text(p), f.value)
	}
	got := f.list(p)
	return (f.some || len(got) == len(f.values)) && !slices.ContainsFunc(f.values, func(v string) bool { return !slices.Contains(got, v) })
}

func (f *wantProblemField) expected() string {
	if f.list == nil {
		return f.name + ": " + scalar(f.value)
	}
	return f.name + ": " + flow(f.values)
}

func (f *wantProblemField) got(p *itsm.Problem) string {
	if f.list == nil {
		return f.name + ": " + scalar(f.text(p))
	}
	return f.name + ": " + flow(f.list(p))
}

// expected is a wanted problem in one line.
func (w *wantProblem) expected() string {
	parts := make([]string, len(w.fields))
	for i := range w.fields {
		parts[i] = w.fields[i].expected()
	}
	return "- {" + strings.Join(parts, ", ") + "}"
}

// told is a problem in one line: what tells it apart, and what a wanted one states.
func (w *wantProblem) told(p *itsm.Problem) string {
	parts := []string{"number: " + p.Number.String()}
	for i := range w.fields {
		if w.fields[i].name != "number" {
			parts = append(parts, w.fields[i].got(p))
		}
	}
	return "- {" + strings.Join(parts, ", ") + "}"
}

// anyProblem tells of a problem that nobody expected.
var anyProblem = wantProblem{fields: []wantProblemField{{problemField: &problemFields[1]}, {problemField: &problemFields[2]}, {problemField: &problemFields[10]}, {problemField: &problemFields[11]}}}

// misses is how many fields are not as wanted.
func (w *wantProblem) misses(p *itsm.Problem) (n int) {
	for i := range w.fields {
		if !w.fields[i].holds(p) {
			n++
		}
	}
	return n
}

// checkProblems compares candidates and problems, in the order they were proposed.
func (w *world) checkProblems(s *step) {
	wants, got := s.want.problems.list, w.play.State().Problems()
	extra := 1
	if s.want.more {
		extra = 0
	}
	pairs := align(len(wants), len(got), func(i, j int) int { return wants[i].misses(&got[j]) }, func(i int) int { return 1 + len(wants[i].fields) }, extra)
	var diff, why []string
	bad := false
	for _, p := range pairs {
		switch {
		case p.want >= 0 && p.got >= 0 && wants[p.want].misses(&got[p.got]) == 0:
			diff = append(diff, "  "+wants[p.want].expected())
			continue
		case p.want >= 0 && p.got >= 0:
			diff = append(diff, "- "+wants[p.want].expected(), "+ "+wants[p.want].told(&got[p.got]))
		case p.want >= 0:
			diff = append(diff, "- "+wants[p.want].expected())
		case s.want.more:
			continue
		default:
			diff = append(diff, "+ "+anyProblem.told(&got[p.got]))
		}
		bad = true
		if p.got >= 0 {
			for _, t := range got[p.got].Tests {
				why = append(why, got[p.got].Number.String()+", "+t.Test+": "+t.Text)
			}
		}
	}
	if !bad {
		return
	}
	msg := "a problem is not as wanted"
	if len(wants) > len(got) || len(wants) < len(got) && !s.want.more {
		msg = plural(len(got), "problem") + ", want " + plural(len(wants), "problem")
	}
	w.fail(s.want.problems.line, s, "problems", msg, bounded(diff, diffMax), bounded(why, whyMax))
}
