package rules

import (
	"fmt"
	"slices"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
)

// functions are those that a condition may call, besides operators. CEL has more;
// of those that are not here some make texts that grow with each call.
var functions = [...]string{
	"at_least", "glob", "startsWith", "endsWith", "contains", "matches",
	"size", "lowerAscii", "upperAscii", "trim", "indexOf", "lastIndexOf", "substring", "charAt",
	"int", "double", "string", "duration", "timestamp",
	"getFullYear", "getMonth", "getDate", "getDayOfMonth", "getDayOfWeek", "getDayOfYear", "getHours", "getMinutes", "getSeconds",
}

// macros are what the language has besides functions.
var macros = [...]string{"has", "all", "exists", "exists_one", "filter", "map"}

func functionNames() []string {
	return append(slices.Clone(functions[:]), macros[:]...)
}

var operatorNames = []string{
	operators.Conditional, operators.LogicalAnd, operators.LogicalOr, operators.LogicalNot,
	operators.Equals, operators.NotEquals, operators.Less, operators.LessEquals, operators.Greater, operators.GreaterEquals,
	operators.Add, operators.Subtract, operators.Multiply, operators.Divide, operators.Modulo, operators.Negate,
	operators.Index, operators.In, operators.NotStrictlyFalse,
}

// words are the values that some texts can have; comparing with another is a
// mistake that would never be noticed.
var words = map[string][]string{
	"severity":          {"critical", "major", "minor", "warning", "info"},
	"status":            {"firing", "resolved"},
	"incident.severity": {"critical", "major", "minor", "warning", "info"},
	"incident.priority": {"P1", "P2", "P3", "P4", "P5"},
	"incident.impact":   {"high", "medium", "low"},
	"incident.urgency":  {"high", "medium", "low"},
}

// checkCalls checks what the types cannot: which functions are called, and texts
// that stand for one of a few words.
func checkCalls(a *cel.Ast) error {
	native := a.NativeRep()
	var first error
	ast.PreOrderVisit(native.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		msg := ""
		switch {
		case first != nil:
			return
		case e.Kind() == ast.StructKind:
			msg = "a condition makes no messages"
		case e.Kind() == ast.CallKind:
			msg = checkCall(e.AsCall())
		}
		if msg != "" {
			at := native.SourceInfo().GetStartLocation(e.ID())
			first = inText{at.Line(), fmt.Sprintf("column %d: %s", at.Column()+1, msg)}
		}
	}))
	return first
}

func checkCall(call ast.CallExpr) string {
	name, args := call.FunctionName(), call.Args()
	switch {
	case slices.Contains(operatorNames, name):
		return checkComparison(name, args)
	case !slices.Contains(functions[:], name):
		return fmt.Sprintf("there is no function %s; there are %v", name, functionNames())
	case name == "matches":
		if _, ok := literal(args[len(args)-1]); !ok {
			return "matches needs a regular expression in quotes, not one from an alert"
		}
	case name == "at_least":
		for _, a := range args {
			if v, ok := literal(a); ok && !slices.Contains(words["severity"], v) {
				return fmt.Sprintf("at_least: %s: expected critical, major, minor, warning or info", quote(v))
			}
		}
	}
	return ""
}

// checkComparison checks a comparison with a text.
func checkComparison(operator string, args []ast.Expr) string {
	if len(args) != 2 {
		return ""
	}
	field, ok := path(args[0])
	other := args[1]
	if !ok {
		field, ok = path(args[1])
		other = args[0]
	}
	among := words[field]
	if !ok || among == nil {
		return ""
	}
	switch operator {
	case operators.Less, operators.LessEquals, operators.Greater, operators.GreaterEquals:
		if field != "incident.priority" {
			return fmt.Sprintf("%s are compared by the alphabet here: write at_least(severity, \"major\"), or name each with in", field)
		}
	case operators.Equals, operators.NotEquals, operators.In:
	default:
		return ""
	}
	list := []ast.Expr{other}
	if other.Kind() == ast.ListKind {
		list = other.AsList().Elements()
	}
	for _, e := range list {
		if v, ok := literal(e); ok && !slices.Contains(among, v) {
			return fmt.Sprintf("%s is never %s: expected one of %v", field, quote(v), among)
		}
	}
	return ""
}

// isField reports whether a text is the name of something a template can ask for.
func isField(s string) bool {
	return variableAt(s) >= 0 && s != "source" && s != "severity" && s != "title" && s != "status" && s != "identity" && s != "origin" || labelPath.MatchString(s)
}
