package rules

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

// condition is a compiled expression.
type condition struct {
	text    string
	program cel.Program
	flat    uint64 // what it is charged; 0: it is measured
	weight  uint64 // how many times what is measured is charged
	ast     *cel.Ast
	stage   Stage

	plain plain     // the whole condition without CEL, or
	first plain     // a part of it that has to hold
	field plainText // the whole expression, when it is a field
}

// What an expression comes to that cost too much, and one that may not begin.
var (
	errCost = errors.New("cost more than it may")
	errLate = errors.New("late: what may be spent was spent before it")
)

// compile checks an expression and makes it ready to run; want is its type, nil
// for anything that can be written as text.
func (l *language) compile(s Stage, text string, want *cel.Type) (*condition, error) {
	if strings.TrimSpace(text) == "" {
		return nil, errors.New("empty: expected an expression")
	}
	if len(text) > ConditionMax {
		return nil, fmt.Errorf("%d bytes: expected at most %d", len(text), ConditionMax)
	}
	env := l.envs[s]
	ast, iss := env.Compile(text)
	if err := iss.Err(); err != nil {
		return nil, explainIssues(iss, s, text)
	}
	if err := checkCalls(ast); err != nil {
		return nil, err
	}
	if err := checkType(ast.OutputType(), want); err != nil {
		return nil, err
	}
	est, err := env.EstimateCost(ast, sizes{})
	if err != nil {
		return nil, fmt.Errorf("its cost cannot be estimated: %w", err)
	}
	if est.Max > CostMax {
		return nil, fmt.Errorf("may cost %s of %d units on the largest alert that is accepted: make it simpler, or look at labels instead of long texts", many(est.Max), CostMax)
	}
	opts := []cel.ProgramOption{cel.EvalOptions(cel.OptOptimize)}
	weight := heaviest(ast)
	flat := 1 + est.Max*weight/costSpare
	if est.Max*weight > costFree {
		opts, flat = append(opts, cel.CostLimit(CostMax)), 0
	}
	p, err := env.Program(ast, opts...)
	if err != nil {
		return nil, fmt.Errorf("cannot run: %s", firstLine(err.Error()))
	}
	root := ast.NativeRep().Expr()
	c := &condition{text: strings.TrimSpace(text), program: p, flat: flat, weight: weight, ast: ast, stage: s, plain: plainOf(root), field: plainTextOf(root)}
	if c.plain == nil {
		c.first = plainConjuncts(root)
	}
	return c, nil
}

func many(n uint64) string {
	if n > 1<<40 {
		return "any number"
	}
	return fmt.Sprint(n)
}

func checkType(got, want *cel.Type) error {
	switch {
	case want == nil:
		for _, t := range []*cel.Type{cel.StringType, cel.IntType, cel.DoubleType, cel.BoolType, cel.UintType, cel.TimestampType, cel.DurationType} {
			if got.IsExactType(t) {
				return nil
			}
		}
		return fmt.Errorf("comes to %s: expected a text or a number", cel.FormatCELType(got))
	case !got.IsExactType(want):
		return fmt.Errorf("comes to %s: expected %s", typeWord(got), typeWord(want))
	}
	return nil
}

func typeWord(t *cel.Type) string {
	switch t.String() {
	case "bool":
		return "true or false (a comparison)"
	case "string":
		return "a text"
	}
	return cel.FormatCELType(t)
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	return s
}

// value runs the expression.
func (c *condition) value(v *view) (ref.Val, error) {
	if err := v.pay(c.flat); err != nil {
		return nil, err
	}
	out, details, err := c.program.Eval(v)
	if cost := details.ActualCost(); cost != nil {
		v.spent += *cost * c.weight
	}
	if err != nil {
		if strings.Contains(err.Error(), "cost limit") {
			return nil, errCost
		}
		return nil, err
	}
	return out, nil
}

// holds runs a condition; one that fails does not hold.
func (c *condition) holds(v *view) (bool, error) {
	if c.plain != nil {
		return c.plain(v.f), nil
	}
	if c.first != nil && !c.first(v.f) {
		return false, nil
	}
	out, err := c.value(v)
	if err != nil {
		return false, err
	}
	return out == types.True, nil
}

// asText runs the expression and writes what it comes to.
func (c *condition) asText(v *view) (string, error) {
	if c.field != nil {
		return c.field(v.f), nil
	}
	val, err := c.value(v)
	if err != nil {
		return "", err
	}
	if s, ok := val.(types.String); ok {
		return string(s), nil
	}
	s, ok := val.ConvertToType(types.StringType).(types.String)
	if !ok {
		return "", fmt.Errorf("${%s} cannot be written as text", c.text)
	}
	return string(s), nil
}

// view shows Facts to CEL. Each value is made once.
type view struct {
	f    *Facts
	have [len(variables)]ref.Val
	any  bool // one of them is there

	metered bool   // what may be spent counts
	may     uint64 // what may be spent
	spent   uint64 // more than that by what ran last
}

// pay spends what something costs that is about to run, however much is left; it
// fails when nothing is.
func (v *view) pay(cost uint64) error {
	if v.metered && v.spent >= v.may {
		return errLate
	}
	v.spent += cost
	return nil
}

// reset points the view at other facts.
func (v *view) reset(f *Facts) {
	v.f = f
	if v.any {
		clear(v.have[:])
		v.any = false
	}
}

// forget drops what is known of the incident, which changes from stage to stage.
func (v *view) forget() {
	if v.any {
		clear(v.have[incidentVariables:])
	}
}

// incidentVariables is the place of the first variable about the incident.
var incidentVariables = slices.IndexFunc(variables[:], func(v variable) bool { return v.from == Incident })

// ResolveName implements cel.Activation.
func (v *view) ResolveName(name string) (any, bool) {
	i := variableAt(name)
	if i < 0 {
		return nil, false
	}
	if v.have[i] == nil {
		v.have[i], v.any = variables[i].value(v.f), true
	}
	return v.have[i], true
}

// Parent implements cel.Activation.
func (v *view) Parent() cel.Activation { return nil }
