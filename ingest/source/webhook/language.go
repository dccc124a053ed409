package webhook

import (
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"strconv"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
	"cel.dev/cel-go/ext"

	"signalbox/ingest/source"
	"signalbox/itsm"
)

// Bounds of an expression and of what it makes.
const (
	exprBytesMax  = 16 << 10
	costMax       = 1_000_000 // about 0.1 s
	outBytesMax   = 256 << 10 // of a rendered body
	outDepthMax   = 32
	quotedOfError = 200
)

// variables are what an expression may see.
var variables = []cel.EnvOption{
	cel.Variable("incident", cel.MapType(cel.StringType, cel.DynType)), cel.Variable("vars", cel.MapType(cel.StringType, cel.StringType)),
	cel.Variable("transition", cel.StringType), cel.Variable("text", cel.StringType), cel.Variable("actor", cel.StringType), cel.Variable("key", cel.StringType),
	cel.Variable("record", cel.StringType), cel.Variable("answer", cel.DynType), cel.Variable("at", cel.IntType), cel.Variable("login", cel.MapType(cel.StringType, cel.StringType)), cel.Variable("body", cel.DynType),
	cel.Variable("keys", cel.ListType(cel.StringType)), cel.Variable("ids", cel.ListType(cel.StringType)), cel.Variable("item", cel.DynType),
}

func newLanguage() (*cel.Env, error) {
	text := func(name string, do func(string) string) cel.EnvOption {
		return cel.Function(name, cel.Overload(name+"_text", []*cel.Type{cel.StringType}, cel.StringType, cel.UnaryBinding(func(v ref.Val) ref.Val {
			s, _ := v.(types.String)
			return types.String(do(string(s)))
		})))
	}
	opts := append([]cel.EnvOption{
		cel.ParserExpressionSizeLimit(exprBytesMax), cel.ParserRecursionLimit(100), cel.RegexProgramSizeLimit(5000), cel.DefaultUTCTimeZone(true),
		ext.Strings(ext.StringsVersion(2)), cel.OptionalTypes(),
		text("escape", escape), text("html", html.EscapeString), text("quiet", quiet),
		cel.Function("json", cel.Overload("json_any", []*cel.Type{cel.DynType}, cel.StringType, cel.UnaryBinding(jsonOf))),
		cel.Function("cut", cel.Overload("cut_text_int", []*cel.Type{cel.StringType, cel.IntType}, cel.StringType, cel.BinaryBinding(cutOf))),
	}, variables...)
	env, err := cel.NewEnv(opts...)
	if err != nil {
		return nil, itsm.Wrap(itsm.Internal, err, "make the language of mappings")
	}
	return env, nil
}

// escape makes a text a part of a path or a query.
func escape(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

// quiet puts a zero-width space behind what begins a mention.
func quiet(s string) string { return loud.Replace(s) }

var loud = strings.NewReplacer("@", "@\u200b", "<!", "<\u200b!")

func jsonOf(v ref.Val) ref.Val {
	x, err := native(v, 0)
	if err != nil {
		return types.NewErr("json: %v", err)
	}
	b, err := json.Marshal(x)
	if err != nil {
		return types.NewErr("json: %v", err)
	}
	return types.String(b)
}

func cutOf(a, b ref.Val) ref.Val {
	s, _ := a.(types.String)
	n, _ := b.(types.Int)
	if n < 0 {
		return types.NewErr("cut: %d bytes, expected 0 or more", int64(n))
	}
	return types.String(source.Clip(string(s), int(min(n, outBytesMax))))
}

// expr is one compiled expression.
type expr struct {
	path    string // where it stands in the mapping
	text    string
	program cel.Program
}

// compile makes the expression at path; "" is none.
func compile(env *cel.Env, path, text string) (*expr, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	a, iss := env.Compile(text)
	if iss.Err() != nil {
		lines := strings.SplitN(iss.Err().Error(), "\n", 2)
		return nil, itsm.Errorf(itsm.Invalid, "%s: %s", path, strings.TrimPrefix(lines[0], "ERROR: "))
	}
	p, err := env.Program(a, cel.EvalOptions(cel.OptOptimize), cel.CostLimit(costMax))
	if err != nil {
		return nil, itsm.Errorf(itsm.Invalid, "%s: %v", path, err)
	}
	return &expr{path, text, p}, nil
}

// value evaluates to maps, lists, texts, numbers and booleans.
func (e *expr) value(in map[string]any) (any, error) {
	if e == nil {
		return nil, nil
	}
	v, _, err := e.program.Eval(in)
	if err != nil {
		return nil, itsm.Errorf(itsm.Invalid, "%s: %s", e.path, source.Clip(err.Error(), quotedOfError))
	}
	x, err := native(v, 0)
	if err != nil {
		return nil, itsm.Errorf(itsm.Invalid, "%s: %v", e.path, err)
	}
	return x, nil
}

// string evaluates to a text; a number is written out, null and nothing are "".
func (e *expr) string(in map[string]any) (string, error) {
	v, err := e.value(in)
	if err != nil {
		return "", err
	}
	switch v := v.(type) {
	case nil:
		return "", nil
	case string:
		return v, nil
	case int64:
		return strconv.FormatInt(v, 10), nil
	case uint64:
		return strconv.FormatUint(v, 10), nil
	case bool:
		return strconv.FormatBool(v), nil
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), nil
	}
	return "", itsm.Errorf(itsm.Invalid, "%s: comes to %T, expected a text", e.path, v)
}

// bool evaluates to true or false; no expression is the default.
func (e *expr) bool(in map[string]any, otherwise bool) (bool, error) {
	if e == nil {
		return otherwise, nil
	}
	v, err := e.value(in)
	if err != nil {
		return false, err
	}
	b, ok := v.(bool)
	if !ok {
		return false, itsm.Errorf(itsm.Invalid, "%s: comes to %T, expected true or false", e.path, v)
	}
	return b, nil
}

// native takes a value of CEL apart.
func native(v ref.Val, depth int) (any, error) {
	if depth > outDepthMax {
		return nil, fmt.Errorf("nested deeper than %d levels", outDepthMax)
	}
	switch v := v.(type) {
	case types.Null:
		return nil, nil
	case types.String:
		return string(v), nil
	case types.Int:
		return int64(v), nil
	case types.Uint:
		return uint64(v), nil
	case types.Double:
		return float64(v), nil
	case types.Bool:
		return bool(v), nil
	case *types.Optional:
		if !v.HasValue() {
			return nil, nil
		}
		return native(v.GetValue(), depth+1)
	case types.Timestamp:
		return v.UTC().Format("2006-01-02T15:04:05.000Z"), nil
	case traits.Mapper:
		out := map[string]any{}
		for it := v.Iterator(); it.HasNext() == types.True; {
			k := it.Next()
			name, ok := k.(types.String)
			if !ok {
				return nil, fmt.Errorf("a key of type %s, expected a text", k.Type().TypeName())
			}
			x, err := native(v.Get(k), depth+1)
			if err != nil {
				return nil, err
			}
			out[string(name)] = x
		}
		return out, nil
	case traits.Lister:
		out := []any{}
		for it := v.Iterator(); it.HasNext() == types.True; {
			x, err := native(it.Next(), depth+1)
			if err != nil {
				return nil, err
			}
			out = append(out, x)
		}
		return out, nil
	}
	return nil, fmt.Errorf("a value of type %s, which JSON does not have", v.Type().TypeName())
}
