package rules

import (
	"regexp"
	"regexp/syntax"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
)

// extraction is a compiled pattern of the stage normalise.
type extraction struct {
	*regexp.Regexp
	weight uint64
}

// cost is what a match of a text costs.
func (x *extraction) cost(text string) uint64 {
	return uint64(1+len(text)/10) * uint64(1+len(x.String())/4) * x.weight
}

// stepsOf is how many steps a regular expression has; false when it is none.
func stepsOf(pattern string) (int, bool) {
	tree, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return 0, false
	}
	prog, err := syntax.Compile(tree.Simplify())
	if err != nil {
		return 0, false
	}
	return len(prog.Inst), true
}

// weightOf is how many times more a match costs than CEL takes it to, which goes by
// the length of the pattern: one that repeats, as in [a-z]{1,63}, is short and has
// many steps, each of which may look at each letter.
func weightOf(pattern string) uint64 {
	steps, _ := stepsOf(pattern)
	return 1 + uint64(max(0, steps-2*len(pattern))*4/(4+len(pattern)))
}

// heaviest is the greatest weight of what an expression matches.
func heaviest(a *cel.Ast) uint64 {
	most := uint64(1)
	ast.PreOrderVisit(a.NativeRep().Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() != ast.CallKind || e.AsCall().FunctionName() != "matches" {
			return
		}
		args := e.AsCall().Args()
		if v, ok := literal(args[len(args)-1]); ok {
			most = max(most, weightOf(v))
		}
	}))
	return most
}
