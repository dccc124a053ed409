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

// want is what must be so at a moment. Parts that are nil are not asked.
type want struct {
	line       int
	incidents  *wantIncidents
	suppressed *wantSuppressed
	dropped    *wantNumber
	told       []wantTold
	problems   *wantProblems
	more       bool
}

type wantIncidents struct {
	line int
	list []wantIncident
}

type wantIncident struct {
	line   int
	fields []wantField
}

type wantSuppressed struct {
	line int
	list []wantAlert
}

// wantAlert is a suppressed alert: its labels, and part of the reason.
type wantAlert struct {
	pattern
	by string
}

type wantNumber struct{ line, n int }

type wantTold struct {
	line      int
	connector string
	list      []string
}

func (r *reader) want(v *yaml.Node, field string) *want {
	w := &want{line: v.Line}
	none := false
	r.object(v, field,
		key{"incidents", func(v *yaml.Node, field string) {
			w.incidents = &wantIncidents{line: v.Line}
			r.list(rules.ListMax, func(v *yaml.Node, field string) {
				w.incidents.list = append(w.incidents.list, r.wantIncident(v, field))
			})(v, field)
		}},
		key{"none", r.flag(&none)},
		key{"suppressed", func(v *yaml.Node, field string) {
			w.suppressed = &wantSuppressed{line: v.Line}
			r.list(rules.ListMax, func(v *yaml.Node, field string) {
				w.suppressed.list = append(w.suppressed.list, r.wantAlert(v, field))
			})(v, field)
		}},
		key{"dropped", func(v *yaml.Node, field string) {
			var s string
			r.word(&s, isNumber)(v, field)
			n, _ := strconv.Atoi(s)
			w.dropped = &wantNumber{v.Line, n}
		}},
		key{"told", func(v *yaml.Node, field string) { w.told = r.told(v, field) }},
		key{"problems", func(v *yaml.Node, field string) {
			w.problems = &wantProblems{line: v.Line}
			r.list(rules.ListMax, func(v *yaml.Node, field string) {
				w.problems.list = append(w.problems.list, r.wantProblem(v, field))
			})(v, field)
		}},
		key{"more", r.flag(&w.more)},
	)
	switch {
	case v.Kind != yaml.MappingNode:
	case none && w.incidents != nil:
		r.fail(v, field, "none and incidents exclude each other; keep one")
	case none:
		w.incidents = &wantIncidents{line: v.Line}
	case w.incidents == nil && w.suppressed == nil && w.dropped == nil && len(w.told) == 0 && w.problems == nil:
		r.fail(v, field, "asks nothing: expected incidents, none: true, suppressed, dropped, told or problems")
	}
	if w.more && (none || w.incidents == nil && w.suppressed == nil && w.problems == nil) {
		r.fail(v, join(field, "more"), "has nothing to add to: expected it beside incidents, suppressed or problems")
	}
	return w
}

func isNumber(s string) error {
	if n, err := strconv.Atoi(s); err != nil || n < 0 {
		return fmt.Errorf("%q: expected a whole number", clip(s))
	}
	return nil
}

func (r *reader) wantAlert(v *yaml.Node, field string) wantAlert {
	w := wantAlert{pattern: pattern{line: v.Line}}
	if isLong(v) {
		r.object(v, field, key{"labels", r.labels(&w.labels)}, key{"by", r.text(&w.by)})
		return w
	}
	r.labels(&w.labels)(v, field)
	w.labels = slices.DeleteFunc(w.labels, func(l itsm.Label) bool {
		if l.Name == "by" {
			w.by = l.Value
		}
		return l.Name == "by"
	})
	return w
}

var transitions = []string{string(itsm.Trigger), string(itsm.Update), string(itsm.Acknowledge), string(itsm.Resolve), string(itsm.Note)}

func (r *reader) told(v *yaml.Node, field string) []wantTold {
	var out []wantTold
	if v.Kind != yaml.MappingNode {
		r.fail(v, field, "%s: expected a connector and what it is told, such as {pager: [trigger]}", shown(v))
		return nil
	}
	r.pairs(v, field, func(k, v *yaml.Node) {
		t := wantTold{line: k.Line, connector: k.Value, list: []string{}}
		if slices.ContainsFunc(out, func(o wantTold) bool { return o.connector == t.connector }) {
			r.fail(k, join(field, k.Value), "given twice; keep one")
		}
		r.list(rules.ListMax, func(v *yaml.Node, field string) {
			var s string
			r.word(&s, oneOf(transitions...))(v, field)
			t.list = append(t.list, s)
		})(v, join(field, k.Value))
		out = append(out, t)
	})
	return out
}

// oneOf is a parser of words.
func oneOf(words ...string) func(string) error {
	return func(s string) error {
		if slices.Contains(words, s) {
			return nil
		}
		meant := ""
		if near := rules.Nearest(s, words); near != "" {
			meant = fmt.Sprintf(" (did you mean %s?)", near)
		}
		return fmt.Errorf("%q: expected one of %s%s", clip(s), strings.Join(words, ", "), meant)
	}
}
