package cmdb

import (
	"fmt"
)

// Problem is something wrong with an import, with the line it stands on.
type Problem struct {
	Line    int    `json:"line,omitempty"` // 0: not about one line
	Field   string `json:"field,omitempty"`
	Value   string `json:"value,omitempty"`
	Msg     string `json:"msg"`
	Warning bool   `json:"warning,omitempty"` // the import can go on: something was left out or assumed
}

// String renders the problem for a terminal.
func (p Problem) String() string {
	s := p.Msg
	if p.Value != "" {
		s = fmt.Sprintf("%q: %s", p.Value, s)
	}
	if p.Field != "" {
		s = p.Field + " " + s
	}
	if p.Line > 0 {
		s = fmt.Sprintf("line %d: %s", p.Line, s)
	}
	if p.Warning {
		s += " (warning)"
	}
	return s
}

// Blocking reports whether one of the problems forbids the import.
func Blocking(ps []Problem) bool {
	for _, p := range ps {
		if !p.Warning {
			return true
		}
	}
	return false
}

// valueMax bounds how much of a wrong value a problem repeats.
const valueMax = 120

// problems collects at most ProblemsMax of each severity and counts the rest.
// Problems that would come once a line, such as an unknown field, are listed
// with their first line and a count.
type problems struct {
	list     []Problem
	errors   int
	warnings int
	repeated map[repeatKey]*repeat
	order    []repeatKey
}

type repeatKey struct{ field, value, msg string }

type repeat struct {
	line  int
	count int
}

// fail lists an error.
func (ps *problems) fail(line int, field, value, format string, args ...any) {
	ps.errors++
	if ps.errors <= ProblemsMax {
		ps.list = append(ps.list, Problem{Line: line, Field: field, Value: shorten(value), Msg: fmt.Sprintf(format, args...)})
	}
}

// warn lists a warning once, however often it comes.
func (ps *problems) warn(line int, field, value, msg string) {
	ps.warnings++
	k := repeatKey{field, shorten(value), msg}
	if r := ps.repeated[k]; r != nil {
		r.count++
		return
	}
	if len(ps.order) >= ProblemsMax {
		return
	}
	if ps.repeated == nil {
		ps.repeated = make(map[repeatKey]*repeat)
	}
	ps.repeated[k] = &repeat{line, 1}
	ps.order = append(ps.order, k)
}

// all returns errors and then warnings, each in the order found.
func (ps *problems) all() []Problem {
	out := ps.list
	if more := ps.errors - len(ps.list); more > 0 {
		out = append(out, Problem{Msg: fmt.Sprintf("and %d more errors; correct these first", more)})
	}
	listed := 0
	for _, k := range ps.order {
		r := ps.repeated[k]
		listed += r.count
		msg := k.msg
		if r.count > 1 {
			msg = fmt.Sprintf("%s (%d times, first on this line)", msg, r.count)
		}
		out = append(out, Problem{Line: r.line, Field: k.field, Value: k.value, Msg: msg, Warning: true})
	}
	if more := ps.warnings - listed; more > 0 {
		out = append(out, Problem{Msg: fmt.Sprintf("and %d more warnings", more), Warning: true})
	}
	return out
}

func shorten(s string) string {
	if len(s) <= valueMax {
		return s
	}
	cut := valueMax
	for cut > 0 && s[cut]&0xc0 == 0x80 {
		cut--
	}
	return s[:cut] + "…"
}
