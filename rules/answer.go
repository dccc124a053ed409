package rules

import (
	"strings"
	"time"

	"signalbox/itsm"
)

// Bind answers which names to try as the CI of the alert, in order, each with
// its rule.
func (r *Run) Bind() (names []string, by []*Rule) {
	r.stage(Bind, 0, func(c *compiled) bool {
		if !r.matches(c) {
			return true
		}
		r.hit(c)
		if c.Shadow {
			return true
		}
		for _, t := range c.bind {
			if s := r.text(c, t); s != "" {
				names, by = append(names, s), append(by, c.Rule)
			}
		}
		return true
	})
	return names, by
}

// Suppress answers the first live rule that holds the alert back, nil when none
// does. A rule that inhibits is returned only if inhibited says that an alert it
// names fires. Rules that drop come before all others: whoever drops an alert
// does not want to hear why it would have been held. Rules that hold for a time
// come after all others: when the time is over, the others still count.
func (r *Run) Suppress(inhibited func(*Rule) bool) *Rule {
	var first *Rule
	r.stage(Suppress, 0, func(c *compiled) bool {
		settled := first != nil && (first.Suppress.Hold == 0 || c.Suppress.Hold > 0)
		if settled && !c.Suppress.Drop || !r.matches(c) || c.Suppress.InhibitedBy != nil && !inhibited(c.Rule) {
			return true
		}
		r.hit(c)
		switch {
		case c.Shadow:
		case c.Suppress.Drop:
			first = c.Rule
			return false
		default:
			first = c.Rule
		}
		return true
	})
	return first
}

// Inhibits lists the rules in which the alert is one that hides others while it fires.
func (r *Run) Inhibits() []*Rule {
	var out []*Rule
	r.stage(Suppress, 0, func(c *compiled) bool {
		if c.by != nil && r.inForce(c) && r.holds(c, c.by) {
			out = append(out, c.Rule)
		}
		return true
	})
	return out
}

// Part is what an alert is to a correlation rule.
type Part uint8

// Parts.
const (
	Member Part = iota + 1 // it meets the rule's own condition
	Second                 // it meets then or absent
)

// Correlated is what the stage correlate says about an alert.
type Correlated struct {
	Rule     *Rule
	Key      string // names the group: rule, scope and values
	Values   string // the values for people: namespace=shop
	Part     Part
	Distinct string // value that Correlate.Distinct counts
}

// Correlate answers the first live rule that the alert is a part of; Rule is nil
// when there is none. An alert for which every group value is empty is no part:
// alerts that lack a label have nothing in common. Nor is one of which a value fails.
func (r *Run) Correlate() Correlated {
	var out Correlated
	r.stage(Correlate, 0, func(c *compiled) bool {
		part := Member
		if !r.matches(c) {
			if c.second == nil || !r.inForce(c) || !r.holds(c, c.second) {
				return true
			}
			part = Second
		}
		key, values, ok := r.groupOf(c)
		distinct := ""
		if ok && c.count != nil {
			distinct, ok = r.textOf(c, c.count)
		}
		if !ok {
			return true
		}
		r.hit(c)
		if c.Shadow {
			return true
		}
		out = Correlated{Rule: c.Rule, Key: key, Values: values, Part: part, Distinct: distinct}
		return false
	})
	return out
}

// groupOf names the group of the alert within a rule.
func (r *Run) groupOf(c *compiled) (key, values string, ok bool) {
	var k, people strings.Builder
	k.WriteString(c.ID)
	add := func(name, v string) {
		k.WriteByte(0x1f)
		k.WriteString(v)
		if ok = ok || v != ""; people.Len() > 0 {
			people.WriteString(", ")
		}
		people.WriteString(name + "=" + v)
	}
	switch c.Correlate.Scope {
	case ScopeCI:
		add("ci", r.f.CI.ID)
	case ScopeEnvironment:
		add("environment", r.f.CI.Env)
	case ScopeService:
		add("service", first(r.f.CI.Services))
	case ScopeUpstream:
		ok = r.f.CI.Bound // the fold looks at the distance
	}
	for i, g := range c.groupBy {
		v, came := r.textOf(c, g)
		if !came { // half of a group's key is another group
			return "", "", false
		}
		add(strings.TrimPrefix(c.Correlate.GroupBy[i], "labels."), v)
	}
	return k.String(), people.String(), ok || c.Correlate.Alone()
}

func first(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[0]
}

// textOf runs an expression for its text; ok is false when it fails.
func (r *Run) textOf(c *compiled, e *condition) (s string, ok bool) {
	s, err := e.asText(&r.view)
	if err != nil {
		r.fail(c, err)
		return "", false
	}
	return cut(s, TemplateResult), true
}

// Policy is what the stage incident says of an incident.
type Policy struct {
	Title        string
	Impact       itsm.Level
	Urgency      itsm.Level
	Group        string
	Runbook      string
	Delay        time.Duration
	ResolveAfter time.Duration // -1: never by itself
	ReopenWithin time.Duration
	Labels       itsm.Labels
	By           []*Rule // the rules that set anything, in order
}

// Policy answers how the incident looks and lives; of several rules the first
// that sets a field wins.
func (r *Run) Policy() Policy {
	var p Policy
	var labels []itsm.Label
	r.stage(Incident, 0, func(c *compiled) bool {
		if !r.matches(c) {
			return true
		}
		r.hit(c)
		if c.Shadow {
			return true
		}
		in := c.Incident
		p.By = append(p.By, c.Rule)
		for _, t := range []struct {
			to   *string
			from *template
		}{{&p.Title, c.title}, {&p.Group, c.group}, {&p.Runbook, c.runbook}} {
			if *t.to == "" {
				*t.to = r.text(c, t.from)
			}
		}
		if p.Impact == 0 {
			p.Impact = in.Impact
		}
		if p.Urgency == 0 {
			p.Urgency = in.Urgency
		}
		for _, d := range []struct {
			to   *time.Duration
			from time.Duration
		}{{&p.Delay, in.Delay}, {&p.ResolveAfter, in.ResolveAfter}, {&p.ReopenWithin, in.ReopenWithin}} {
			if *d.to == 0 {
				*d.to = d.from
			}
		}
		for _, s := range c.labels {
			labels = append(labels, itsm.Label{Name: s.field, Value: r.text(c, s.value)})
		}
		return true
	})
	p.Labels = itsm.NewLabels(labels)
	return p
}

// Signature answers what makes the incident the same trouble as another, and the
// rule that says so; "" when none does.
func (r *Run) Signature() (string, *Rule) {
	var text string
	var by *Rule
	r.stage(ProblemStage, 0, func(c *compiled) bool {
		if !r.matches(c) {
			return true
		}
		r.hit(c)
		if c.Shadow {
			return true
		}
		text, by = r.text(c, c.sign), c.Rule
		return text == ""
	})
	return text, by
}

// Route answers the first live rule that says who learns of the incident; nil
// when none does, and then everybody learns of it.
func (r *Run) Route() *Rule {
	var out *Rule
	r.stage(Route, 0, func(c *compiled) bool {
		if !r.matches(c) || c.Route.Priority != 0 && r.f.Incident.Priority > c.Route.Priority {
			return true
		}
		r.hit(c)
		if c.Shadow {
			return true
		}
		out = c.Rule
		return false
	})
	return out
}
