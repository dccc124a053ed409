package rules

import (
	"slices"
	"strings"
	"unicode/utf8"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/cost"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/ext"

	"signalbox/itsm"
)

// language compiles conditions and templates. It has one environment for each set
// of variables; a stage uses that of what it knows.
type language struct {
	envs [stages]*cel.Env
}

func newLanguage() (*language, error) {
	l := &language{}
	for s := Normalise; s < stages; s++ {
		if l.envs[s] = l.sameAs(s); l.envs[s] != nil {
			continue
		}
		env, err := cel.NewEnv(environment(s)...)
		if err != nil {
			return nil, itsm.Wrap(itsm.Internal, err, "make the language of stage %s", s)
		}
		l.envs[s] = env
	}
	return l, nil
}

// sameAs returns the environment of the stage before s when s knows no more.
func (l *language) sameAs(s Stage) *cel.Env {
	for _, v := range variables {
		if v.from == s {
			return nil
		}
	}
	return l.envs[s-1]
}

func environment(s Stage) []cel.EnvOption {
	opts := []cel.EnvOption{
		cel.ParserExpressionSizeLimit(ConditionMax),
		cel.ParserRecursionLimit(100),
		cel.ExpressionNodeLimit(2000),
		cel.RegexProgramSizeLimit(5000),
		cel.DefaultUTCTimeZone(true),
		ext.Strings(ext.StringsVersion(2)),
		cel.Function("at_least", cel.Overload("at_least_text_text", []*cel.Type{cel.StringType, cel.StringType}, cel.BoolType, cel.BinaryBinding(atLeast))),
		cel.Function("glob", cel.Overload("glob_text_text", []*cel.Type{cel.StringType, cel.StringType}, cel.BoolType, cel.BinaryBinding(globVal))),
	}
	for _, v := range variables {
		if v.from <= s {
			opts = append(opts, cel.Variable(v.name, v.typ))
		}
	}
	return opts
}

// atLeast reports whether a severity is as bad as another or worse.
func atLeast(a, b ref.Val) ref.Val {
	x, _ := a.(types.String)
	y, _ := b.(types.String)
	sx, ok := severityWord(string(x))
	sy, known := severityWord(string(y))
	if !ok || !known {
		return types.NewErr("at_least(%q, %q): expected critical, major, minor, warning or info", string(x), string(y))
	}
	return types.Bool(sx <= sy)
}

func globVal(a, b ref.Val) ref.Val {
	x, _ := a.(types.String)
	y, _ := b.(types.String)
	return types.Bool(glob(string(x), string(y)))
}

// glob matches with * for any text and ? for one letter, in time linear in the
// text for each star.
func glob(s, pattern string) bool {
	star, mark := -1, 0
	i, j := 0, 0
	letter := func(at int) int {
		_, n := utf8.DecodeRuneInString(s[at:])
		return n
	}
	for i < len(s) {
		switch {
		case j < len(pattern) && pattern[j] == '*':
			star, mark = j, i
			j++
		case j < len(pattern) && pattern[j] == '?':
			i, j = i+letter(i), j+1
		case j < len(pattern) && pattern[j] == s[i]:
			i, j = i+1, j+1
		case star >= 0:
			mark += letter(mark)
			i, j = mark, star+1
		default:
			return false
		}
	}
	return strings.Trim(pattern[j:], "*") == ""
}

// sizes tells how large what a condition asks for can be: the bounds of the door.
type sizes struct{}

// Bounds of what the door and the CMDB let through, for the estimate of costs.
const (
	labelsMax     = 64
	labelMax      = 1024
	annotationMax = 64 << 10
	idsMax        = 500
)

// EstimateSize implements cost.Estimator.
func (sizes) EstimateSize(n cost.AstNode) *cost.SizeEstimate {
	path := strings.Join(n.Path(), ".")
	if path == "" {
		return nil
	}
	most := uint64(labelMax)
	switch {
	case path == "labels" || path == "annotations" || path == "ci.attributes" || path == "incident.labels":
		most = labelsMax
	case path == "ci.services" || path == "incident.cis" || path == "incident.services":
		most = idsMax
	case strings.HasPrefix(path, "annotations."):
		most = annotationMax
	}
	return &cost.SizeEstimate{Min: 0, Max: most}
}

// EstimateCallCost implements cost.Estimator.
func (sizes) EstimateCallCost(function, _ string, target *cost.AstNode, args []cost.AstNode) *cost.CallEstimate {
	if function == "glob" && len(args) == 2 { // at the worst it goes over the pattern once for each letter
		return &cost.CallEstimate{CostEstimate: cost.Estimate{Min: 1, Max: 1 + mostOf(args[0])*mostOf(args[1])/10}}
	}
	if target != nil && slices.Contains(shortened[:], function) {
		most := mostOf(*target)
		return &cost.CallEstimate{CostEstimate: cost.Estimate{Min: 1, Max: 1 + most/10}, ResultSize: &cost.SizeEstimate{Max: most}}
	}
	return nil
}

// shortened are functions whose result is no longer than the text they are called on.
var shortened = [...]string{"lowerAscii", "upperAscii", "trim", "substring", "charAt"}

// mostOf is how long a text can be.
func mostOf(n cost.AstNode) uint64 {
	size := n.ComputedSize()
	if size == nil {
		size = sizes{}.EstimateSize(n)
	}
	if size == nil {
		return annotationMax
	}
	return min(size.Max, 1<<31)
}
