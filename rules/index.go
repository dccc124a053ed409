package rules

import (
	"regexp"
	"slices"
	"strings"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
)

// atom is something that has to be so for a rule to match: a field has a value,
// or a label is there at all (value "").
type atom struct{ field, value string }

// needs returns atoms of which at least one holds whenever the expression is
// true; nil when nothing of the kind can be said. A rule is then only looked at
// for alerts that have one of them.
func needs(e ast.Expr) []atom {
	if e.Kind() != ast.CallKind {
		if f, ok := path(e); ok && e.Kind() == ast.SelectKind && e.AsSelect().IsTestOnly() && strings.HasPrefix(f, "labels.") {
			return []atom{{f, ""}}
		}
		return nil
	}
	call := e.AsCall()
	args := call.Args()
	switch call.FunctionName() {
	case operators.LogicalAnd:
		return bothNeed(needs(args[0]), needs(args[1]))
	case operators.LogicalOr:
		a, b := needs(args[0]), needs(args[1])
		if a == nil || b == nil || len(a)+len(b) > needsMax {
			return nil
		}
		return append(slices.Clone(a), b...)
	case operators.Equals:
		return equalNeeds(args[0], args[1])
	case operators.NotEquals:
		return unequalNeeds(args[0], args[1])
	case operators.In:
		return inNeeds(args[0], args[1])
	case "startsWith", "endsWith", "contains", "matches":
		if call.IsMemberFunction() && len(args) == 1 {
			if v, ok := literal(args[0]); ok && !matchesNothing(call.FunctionName(), v) {
				return present(call.Target())
			}
		}
	case "glob":
		if v, ok := literal(args[1]); ok && !glob("", v) {
			return present(args[0])
		}
	}
	return nil
}

// matchesNothing reports whether a text function is true of "", which is what a
// missing label is.
func matchesNothing(function, v string) bool {
	if function != "matches" {
		return v == ""
	}
	re, err := regexp.Compile(v)
	return err != nil || re.MatchString("")
}

// needsMax bounds the atoms of one rule.
const needsMax = 200

// bothNeed picks the better of what two conditions that must both hold need:
// equalities before presence, fewer before more.
func bothNeed(a, b []atom) []atom {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	}
	pa, pb := presences(a), presences(b)
	if pa < pb || pa == pb && len(a) <= len(b) {
		return a
	}
	return b
}

func presences(as []atom) int {
	n := 0
	for _, a := range as {
		if a.value == "" {
			n++
		}
	}
	return n
}

func equalNeeds(a, b ast.Expr) []atom {
	if _, ok := literal(a); ok {
		a, b = b, a
	}
	f, ok := path(a)
	v, isText := literal(b)
	if !ok || !isText || v == "" || !indexed(f) {
		return nil
	}
	return []atom{{f, v}}
}

func unequalNeeds(a, b ast.Expr) []atom {
	if _, ok := literal(a); ok {
		a, b = b, a
	}
	if v, ok := literal(b); ok && v == "" {
		return present(a)
	}
	return nil
}

func inNeeds(a, b ast.Expr) []atom {
	if b.Kind() != ast.ListKind {
		if f, ok := path(b); ok && f == "labels" {
			if name, ok := literal(a); ok {
				return []atom{{"labels." + name, ""}}
			}
		}
		return nil
	}
	f, ok := path(a)
	list := b.AsList().Elements()
	if !ok || !indexed(f) || len(list) == 0 || len(list) > needsMax {
		return nil
	}
	var out []atom
	for _, e := range list {
		v, ok := literal(e)
		if !ok || v == "" {
			return nil
		}
		out = append(out, atom{f, v})
	}
	return out
}

func present(e ast.Expr) []atom {
	if f, ok := path(e); ok && strings.HasPrefix(f, "labels.") {
		return []atom{{f, ""}}
	}
	return nil
}

func literal(e ast.Expr) (string, bool) {
	if e.Kind() != ast.LiteralKind {
		return "", false
	}
	v, ok := e.AsLiteral().(types.String)
	return string(v), ok
}

// path writes a field out: source, labels.namespace, ci.class. labels["x"] is
// the same as labels.x.
func path(e ast.Expr) (string, bool) {
	switch e.Kind() {
	case ast.IdentKind:
		return e.AsIdent(), true
	case ast.SelectKind:
		p, ok := path(e.AsSelect().Operand())
		return p + "." + e.AsSelect().FieldName(), ok
	case ast.CallKind:
		call := e.AsCall()
		if call.FunctionName() != operators.Index {
			return "", false
		}
		p, ok := path(call.Args()[0])
		name, text := literal(call.Args()[1])
		return p + "." + name, ok && text
	}
	return "", false
}

// fields that rules are indexed by, besides labels. The second kind is known
// from the stage suppress on.
var (
	eventFields = [...]string{"source", "severity", "status", "title"}
	ciFields    = [...]string{"ci.class", "ci.env", "ci.id", "ci.group"}
)

func indexed(field string) bool {
	return strings.HasPrefix(field, "labels.") || slices.Contains(eventFields[:], field) || slices.Contains(ciFields[:], field)
}

// places are rules by what they need, each list in order.
type places struct {
	labels map[string]*named // by label name
	event  [len(eventFields)]map[string][]int32
	ci     [len(ciFields)]map[string][]int32
	always []int32 // rules that have to be looked at for every alert
}

// named are the rules that need one label.
type named struct {
	present []int32
	equal   map[string][]int32
}

// index sorts the rules into places.
func (s *Set) index() {
	s.places.labels = map[string]*named{}
	for _, r := range s.rules {
		if !r.Enabled {
			continue
		}
		as := r.needs()
		if as == nil {
			s.places.always = append(s.places.always, r.at)
			continue
		}
		for _, a := range as {
			s.places.add(a, r.at)
		}
	}
}

// needs returns what a rule needs of an alert, by its sources and its conditions.
func (r *compiled) needs() []atom {
	var out, from []atom
	if r.when != nil {
		out = needs(r.when.ast.NativeRep().Expr())
	}
	for _, s := range r.Sources {
		from = append(from, atom{"source", s})
	}
	out = bothNeed(out, from)
	for _, other := range []*condition{r.second, r.by} {
		if other == nil || out == nil {
			continue
		}
		if more := needs(other.ast.NativeRep().Expr()); more == nil {
			out = nil
		} else {
			out = append(slices.Clone(out), more...)
		}
	}
	return out
}

func (p *places) add(a atom, at int32) {
	if name, ok := strings.CutPrefix(a.field, "labels."); ok {
		n := p.labels[name]
		if n == nil {
			n = &named{equal: map[string][]int32{}}
			p.labels[name] = n
		}
		if a.value == "" {
			n.present = addPlace(n.present, at)
		} else {
			n.equal[a.value] = addPlace(n.equal[a.value], at)
		}
		return
	}
	lists := &p.event
	i := slices.Index(eventFields[:], a.field)
	if i < 0 {
		lists, i = &p.ci, slices.Index(ciFields[:], a.field)
	}
	if lists[i] == nil {
		lists[i] = map[string][]int32{}
	}
	lists[i][a.value] = addPlace(lists[i][a.value], at)
}

func addPlace(list []int32, at int32) []int32 {
	if len(list) > 0 && list[len(list)-1] == at {
		return list
	}
	return append(list, at)
}
