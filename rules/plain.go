package rules

import (
	"cmp"
	"strings"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
)

// plain is a condition, or a part of one, that needs no CEL to run: most are
// comparisons of labels with texts. It never fails, allocates nothing and is
// equal to what CEL answers; a test compares the two.
type plain func(*Facts) bool

// plainText reads a field that is a text.
type plainText func(*Facts) string

// plainOf translates an expression; nil when it has a part that needs CEL.
func plainOf(e ast.Expr) plain {
	switch e.Kind() {
	case ast.LiteralKind:
		if b, ok := e.AsLiteral().(types.Bool); ok {
			return func(*Facts) bool { return bool(b) }
		}
		return nil
	case ast.SelectKind, ast.IdentKind:
		return plainBool(e)
	case ast.CallKind:
		return plainCall(e.AsCall())
	}
	return nil
}

// plainBool translates has(labels.NAME) and the fields that are true or false.
func plainBool(e ast.Expr) plain {
	p, ok := path(e)
	switch {
	case !ok:
		return nil
	case e.Kind() == ast.SelectKind && e.AsSelect().IsTestOnly():
		if text := plainField(p); text != nil && isMap(p) {
			return func(f *Facts) bool { return text(f) != "" }
		}
	case p == "ci.bound":
		return func(f *Facts) bool { return f.CI.Bound }
	case p == "no_data":
		return func(f *Facts) bool { return f.Event.NoData }
	}
	return nil
}

// isMap reports whether a path leads into labels or annotations.
func isMap(p string) bool {
	return strings.HasPrefix(p, "labels.") || strings.HasPrefix(p, "annotations.")
}

func plainCall(call ast.CallExpr) plain {
	args := call.Args()
	switch name := call.FunctionName(); name {
	case operators.LogicalNot:
		if a := plainOf(args[0]); a != nil {
			return func(f *Facts) bool { return !a(f) }
		}
	case operators.LogicalAnd, operators.LogicalOr:
		return plainJoin(name, args)
	case operators.Equals, operators.NotEquals:
		return plainEqual(name == operators.Equals, args)
	case operators.Less, operators.LessEquals, operators.Greater, operators.GreaterEquals:
		return plainOrder(name, args)
	case operators.In:
		return plainIn(args)
	case "startsWith", "endsWith", "contains":
		if call.IsMemberFunction() && len(args) == 1 {
			return plainMember(name, call.Target(), args[0])
		}
	case "glob":
		return plainGlob(args)
	case "at_least":
		return plainAtLeast(args)
	}
	return nil
}

func plainJoin(name string, args []ast.Expr) plain {
	a, b := plainOf(args[0]), plainOf(args[1])
	switch {
	case a == nil || b == nil:
		return nil
	case name == operators.LogicalAnd:
		return func(f *Facts) bool { return a(f) && b(f) }
	}
	return func(f *Facts) bool { return a(f) || b(f) }
}

func plainEqual(equal bool, args []ast.Expr) plain {
	a, b := plainTextOf(args[0]), plainTextOf(args[1])
	if a == nil || b == nil {
		return nil
	}
	if v, ok := literal(args[1]); ok {
		return func(f *Facts) bool { return (a(f) == v) == equal }
	}
	return func(f *Facts) bool { return (a(f) == b(f)) == equal }
}

// plainOrder compares texts, as in incident.priority <= "P2", and ci.tier.
func plainOrder(name string, args []ast.Expr) plain {
	if a, b := plainTextOf(args[0]), plainTextOf(args[1]); a != nil && b != nil {
		return func(f *Facts) bool { return ordered(name, strings.Compare(a(f), b(f))) }
	}
	if p, ok := path(args[0]); ok && p == "ci.tier" && args[1].Kind() == ast.LiteralKind {
		if n, ok := args[1].AsLiteral().(types.Int); ok {
			return func(f *Facts) bool { return ordered(name, cmp.Compare(int64(f.CI.Tier), int64(n))) }
		}
	}
	return nil
}

func ordered(name string, c int) bool {
	switch name {
	case operators.Less:
		return c < 0
	case operators.LessEquals:
		return c <= 0
	case operators.Greater:
		return c > 0
	}
	return c >= 0
}

func plainIn(args []ast.Expr) plain {
	if p, ok := path(args[1]); ok && (p == "labels" || p == "annotations") {
		if name, ok := literal(args[0]); ok {
			text := plainField(p + "." + name)
			return func(f *Facts) bool { return text(f) != "" }
		}
		return nil
	}
	a := plainTextOf(args[0])
	if a == nil || args[1].Kind() != ast.ListKind {
		return nil
	}
	set := map[string]bool{}
	for _, e := range args[1].AsList().Elements() {
		v, ok := literal(e)
		if !ok {
			return nil
		}
		set[v] = true
	}
	return func(f *Facts) bool { return set[a(f)] }
}

func plainMember(name string, target, arg ast.Expr) plain {
	a, b := plainTextOf(target), plainTextOf(arg)
	switch {
	case a == nil || b == nil:
		return nil
	case name == "startsWith":
		return func(f *Facts) bool { return strings.HasPrefix(a(f), b(f)) }
	case name == "endsWith":
		return func(f *Facts) bool { return strings.HasSuffix(a(f), b(f)) }
	}
	return func(f *Facts) bool { return strings.Contains(a(f), b(f)) }
}

func plainGlob(args []ast.Expr) plain {
	a := plainTextOf(args[0])
	pattern, ok := literal(args[1])
	if a == nil || !ok {
		return nil
	}
	return func(f *Facts) bool { return glob(a(f), pattern) }
}

// plainAtLeast compares the event's severity; what else at_least is asked about
// may be no severity, and then it fails.
func plainAtLeast(args []ast.Expr) plain {
	p, ok := path(args[0])
	word, isText := literal(args[1])
	if !ok || !isText || p != "severity" {
		return nil
	}
	than, ok := severityWord(word)
	if !ok {
		return nil
	}
	return func(f *Facts) bool { return f.Event.Severity != 0 && f.Event.Severity <= than }
}

// plainTextOf translates a text: a literal or a field.
func plainTextOf(e ast.Expr) plainText {
	if v, ok := literal(e); ok {
		return func(*Facts) string { return v }
	}
	if e.Kind() == ast.SelectKind && e.AsSelect().IsTestOnly() {
		return nil
	}
	if p, ok := path(e); ok {
		return plainField(p)
	}
	return nil
}

var plainFields = map[string]plainText{
	"source":            func(f *Facts) string { return f.Event.Source },
	"origin":            func(f *Facts) string { return f.Event.Origin },
	"sender_group":      func(f *Facts) string { return f.Event.Group },
	"status":            func(f *Facts) string { return f.Event.Status.String() },
	"severity":          func(f *Facts) string { return f.Event.Severity.String() },
	"severity_word":     func(f *Facts) string { return f.Event.SeverityWord },
	"title":             func(f *Facts) string { return f.Event.Title },
	"identity":          func(f *Facts) string { return f.Event.Identity },
	"ci_name":           func(f *Facts) string { return f.Event.CIName },
	"ci.id":             func(f *Facts) string { return f.CI.ID },
	"ci.name":           func(f *Facts) string { return f.CI.Name },
	"ci.class":          func(f *Facts) string { return f.CI.Class },
	"ci.env":            func(f *Facts) string { return f.CI.Env },
	"ci.owner":          func(f *Facts) string { return f.CI.Owner },
	"ci.group":          func(f *Facts) string { return f.CI.Group },
	"incident.priority": func(f *Facts) string { return f.Incident.Priority.String() },
	"incident.cause":    func(f *Facts) string { return f.Incident.Cause },
}

// plainField reads a field by its path; nil when it is no text.
func plainField(p string) plainText {
	if name, ok := strings.CutPrefix(p, "labels."); ok {
		return func(f *Facts) string { return f.Event.Labels.Get(name) }
	}
	if name, ok := strings.CutPrefix(p, "annotations."); ok {
		return func(f *Facts) string { return f.Event.Annotations.Get(name) }
	}
	return plainFields[p]
}

// plainConjuncts joins the parts of a condition that need no CEL: when one of
// them does not hold, no other part can make the condition hold.
func plainConjuncts(e ast.Expr) plain {
	var out plain
	for _, part := range conjuncts(e, nil) {
		p := plainOf(part)
		switch before := out; {
		case p == nil:
		case before == nil:
			out = p
		default:
			out = func(f *Facts) bool { return before(f) && p(f) }
		}
	}
	return out
}
