package rules

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Problem is something wrong with a rule set, with the place it stands at.
type Problem struct {
	File    string `json:"file"`
	Line    int    `json:"line,omitempty"` // 1 is the first; 0: not about one line
	Rule    string `json:"rule,omitempty"` // id of the rule, when it has one
	Field   string `json:"field,omitempty"`
	Msg     string `json:"msg"`
	Warning bool   `json:"warning,omitempty"` // the set works, but probably not as meant
}

// String renders the problem as FILE:LINE: rule ID: field: message.
func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d", p.Line)
	}
	if p.Rule != "" {
		b.WriteString(": rule " + p.Rule)
	}
	if p.Field != "" {
		b.WriteString(": " + p.Field)
	}
	b.WriteString(": " + p.Msg)
	if p.Warning {
		b.WriteString(" (warning)")
	}
	return b.String()
}

// Blocking reports whether one of the problems forbids using the set.
func Blocking(ps []Problem) bool {
	for _, p := range ps {
		if !p.Warning {
			return true
		}
	}
	return false
}

// problems collects at most ProblemsMax and counts the rest.
type problems struct {
	list []Problem
	more int
}

func (ps *problems) add(p Problem) {
	if len(ps.list) >= ProblemsMax {
		ps.more++
		return
	}
	ps.list = append(ps.list, p)
}

func (ps *problems) count() int { return len(ps.list) + ps.more }

// all are the problems in the order of the files and their lines, as people read
// them: reading finds some, compiling others.
func (ps *problems) all() []Problem {
	slices.SortStableFunc(ps.list, func(a, b Problem) int { return cmp.Or(strings.Compare(a.File, b.File), a.Line-b.Line) })
	if ps.more > 0 {
		return append(ps.list, Problem{File: ps.list[0].File, Msg: fmt.Sprintf("and %d more; correct these first", ps.more)})
	}
	return ps.list
}

// quote shows at most valueShown bytes of what was found.
func quote(s string) string {
	if len(s) > valueShown {
		n := valueShown
		for n > 0 && s[n]&0xc0 == 0x80 {
			n--
		}
		s = s[:n] + "…"
	}
	return fmt.Sprintf("%q", s)
}

const valueShown = 120
