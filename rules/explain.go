package rules

import (
	"fmt"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/parser"

	"signalbox/itsm"
)

// Tried is what one rule said about one alert, for people.
type Tried struct {
	Rule    *Rule
	Matched bool
	Why     string  // of a rule that did not match: what stood against it
	Failed  string  // the first part of its condition that does not hold, "" when it is something else
	Values  []Value // what that part, or the whole of a condition that holds, asked for
}

// Value is something a condition asked for and what it was.
type Value struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Explain tries every rule of a stage and says why each matched or did not. It
// changes nothing, costs much more than an evaluation and is for people.
func (s *Set) Explain(stage Stage, f *Facts) []Tried {
	r := s.NewRun()
	r.f = f
	r.view.reset(f)
	var out []Tried
	for _, c := range s.rules {
		if c.Stage == stage {
			out = append(out, r.try(c))
		}
	}
	return out
}

// Changed is what a rule of normalise made of an event.
type Changed struct {
	Rule          *Rule
	Before, After *itsm.Event
}

// FieldChange is one field that differs between two events; "" is none.
type FieldChange struct{ Field, Before, After string }

// Changes lists the fields that differ between an event and what rules made of it.
func Changes(before, after *itsm.Event) []FieldChange {
	var out []FieldChange
	add := func(field, from, to string) {
		if from != to {
			out = append(out, FieldChange{field, from, to})
		}
	}
	add("title", before.Title, after.Title)
	add("severity", before.Severity.String(), after.Severity.String())
	add("ci", before.CIName, after.CIName)
	add("group", before.Group, after.Group)
	add("identity", before.Identity, after.Identity)
	for _, ls := range []struct {
		prefix        string
		before, after itsm.Labels
	}{{"labels.", before.Labels, after.Labels}, {"annotations.", before.Annotations, after.Annotations}} {
		for _, l := range ls.before {
			add(ls.prefix+l.Name, l.Value, ls.after.Get(l.Name))
		}
		for _, l := range ls.after {
			if ls.before.Get(l.Name) == "" {
				add(ls.prefix+l.Name, "", l.Value)
			}
		}
	}
	return out
}

// ExplainNormalise is Explain of the stage normalise, in which each rule sees what
// those before it made of the event. f.Event becomes the event after all of them.
func (s *Set) ExplainNormalise(f *Facts) ([]Tried, []Changed) {
	r := s.NewRun()
	r.f = f
	r.view.reset(f)
	var tried []Tried
	var changed []Changed
	for _, c := range s.rules {
		if c.Stage != Normalise {
			continue
		}
		t := r.try(c)
		tried = append(tried, t)
		if !t.Matched || c.Shadow {
			continue
		}
		before := f.Event
		r.copyEvent()
		r.apply(c)
		after := r.event // its memory is used by the next
		after.Labels, after.Annotations = slices.Clone(after.Labels), slices.Clone(after.Annotations)
		f.Event = &after
		r.view.reset(f)
		changed = append(changed, Changed{c.Rule, before, f.Event})
	}
	return tried, changed
}

func (r *Run) try(c *compiled) Tried {
	t := Tried{Rule: c.Rule}
	switch {
	case !c.Enabled:
		t.Why = "it is disabled"
	case c.From != 0 && r.f.Now < c.From:
		t.Why = fmt.Sprintf("it is in force from %s on", c.From)
	case c.Until != 0 && r.f.Now >= c.Until:
		t.Why = fmt.Sprintf("it was in force until %s", c.Until)
	case c.Hours != nil && !c.Hours.Contains(r.f.Now):
		t.Why = fmt.Sprintf("%s is outside of its hours", r.f.Now)
	case len(c.Sources) > 0 && !slices.Contains(c.Sources, r.f.Event.Source):
		t.Why = fmt.Sprintf("it is for alerts of %s, this is of %s", strings.Join(c.Sources, ", "), r.f.Event.Source)
	case c.when == nil:
		t.Matched = true
	default:
		r.tryCondition(c, &t)
	}
	if t.Matched && c.Suppress != nil && c.Suppress.InhibitedBy != nil {
		t.Why = c.Suppress.InhibitedBy.condition()
	}
	return t
}

// condition says when an alert that the rule matches is hidden; whether such an
// alert fires is not for the rules to say.
func (in *Inhibition) condition() string {
	s := "it hides it only while an alert fires that meets " + strings.TrimSpace(in.When)
	if len(in.Equal) > 0 {
		s += " with the same " + strings.Join(in.Equal, ", ")
	}
	switch {
	case in.Upstream == 1:
		s += ", at most 1 hop upstream of it"
	case in.Upstream > 1:
		s += fmt.Sprintf(", at most %d hops upstream of it", in.Upstream)
	}
	return s
}

// tryCondition finds the first part of a condition that does not hold.
func (r *Run) tryCondition(c *compiled, t *Tried) {
	root := c.when.ast.NativeRep()
	ok, err := c.when.holds(&r.view)
	if err == nil && ok {
		t.Matched, t.Values = true, r.values(root.Expr())
		return
	}
	parts := conjuncts(root.Expr(), nil)
	for _, p := range parts {
		text, uerr := parser.Unparse(p, root.SourceInfo())
		if uerr != nil {
			break
		}
		part, cerr := r.set.lang.compile(c.Stage, text, cel.BoolType)
		if cerr != nil {
			break
		}
		holds, perr := part.holds(&r.view)
		if perr == nil && holds {
			continue
		}
		t.Failed, t.Values, t.Why = text, r.values(p), "does not hold"
		if perr != nil {
			t.Why = "failed: " + firstLine(perr.Error())
		}
		return
	}
	t.Failed, t.Values, t.Why = c.when.text, r.values(root.Expr()), "does not hold"
	if err != nil {
		t.Why = "failed: " + firstLine(err.Error())
	}
}

// conjunctsMax bounds how many parts a condition is looked at in.
const conjunctsMax = 64

// conjuncts cuts a condition at its outermost ands.
func conjuncts(e ast.Expr, to []ast.Expr) []ast.Expr {
	if e.Kind() == ast.CallKind && e.AsCall().FunctionName() == operators.LogicalAnd && len(to) < conjunctsMax {
		for _, a := range e.AsCall().Args() {
			to = conjuncts(a, to)
		}
		return to
	}
	return append(to, e)
}

// values reads what an expression asks for.
func (r *Run) values(e ast.Expr) []Value {
	var out []Value
	ast.PreOrderVisit(e, ast.NewExprVisitor(func(n ast.Expr) {
		name, ok := path(n)
		if !ok || len(out) >= ListMax {
			return
		}
		v, ok := r.valueOf(name)
		if ok && !slices.ContainsFunc(out, func(o Value) bool { return o.Name == name }) {
			out = append(out, Value{name, v})
		}
	}))
	return out
}

// valueOf writes the value of a field such as title, labels.job or ci.tier.
func (r *Run) valueOf(name string) (string, bool) {
	if v, ok := r.view.ResolveName(name); ok {
		switch v := v.(type) {
		case textMap:
			return "", false // its fields are shown, not all of it
		case types.String:
			return string(v), true
		case interface{ Value() any }:
			return fmt.Sprint(v.Value()), true
		}
	}
	for at := strings.IndexByte(name, '.'); at >= 0; {
		if v, ok := r.view.ResolveName(name[:at]); ok {
			m, isMap := v.(textMap)
			return m.ls.Get(name[at+1:]), isMap
		}
		next := strings.IndexByte(name[at+1:], '.')
		if next < 0 {
			break
		}
		at += 1 + next
	}
	return "", false
}
