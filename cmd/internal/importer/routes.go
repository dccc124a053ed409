package importer

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"signalbox/rules"
)

// outcome is what routing can come to: where the condition holds, and that of no
// outcome before it, these routes are told.
type outcome struct {
	cond   conj
	routes []*route
}

// combinedMax bounds the outcomes that routes with continue multiply into.
const combinedMax = 1000

// outcomes lists what an alert that gets to r can come to. A route's children
// come before it: it is left with what they do not take.
func (s *set) outcomes(r *route, combined *int) []outcome {
	if r.never {
		return nil
	}
	var out []outcome
	for _, child := range slices.Backward(r.Routes) {
		first := s.outcomes(child, combined)
		if child.Continue {
			if more, ok := combine(first, out, combined); ok {
				first = more
			} else {
				s.leave(child.line, "continue: ignored, with it the routes combine into more than %d rules", combinedMax)
			}
		}
		out = append(first, out...)
	}
	return append(out, outcome{r.path, []*route{r}})
}

// combine lists the outcomes of a route that goes on to those after it: each of
// its own with each of theirs, then its own alone.
func combine(first, rest []outcome, combined *int) ([]outcome, bool) {
	var out []outcome
	for _, a := range first {
		for _, b := range rest {
			cond, ok := a.cond.and(b.cond)
			if !ok {
				continue
			}
			if *combined++; *combined > combinedMax {
				return nil, false
			}
			out = append(out, outcome{cond, slices.Concat(a.routes, b.routes)})
			if len(b.cond.without(a.cond)) == 0 {
				break // whatever meets a meets b: nothing after b is reached
			}
		}
		if n := len(out); n == 0 || len(out[n-1].cond.without(a.cond)) > 0 {
			out = append(out, a)
		}
	}
	return out, true
}

// reached drops outcomes that one before them leaves nothing for.
func reached(list []outcome) []outcome {
	var out []outcome
	for _, o := range list {
		if !slices.ContainsFunc(out, func(before outcome) bool { return len(before.cond.without(o.cond)) == 0 }) {
			out = append(out, o)
		}
	}
	return out
}

// routeRules says for each outcome which connectors learn of an incident.
func (s *set) routeRules(c *config, list []outcome) {
	for _, o := range list {
		var to []string
		for _, r := range o.routes {
			if !slices.Contains(to, r.Receiver) && !c.receiver(r.Receiver).empty {
				to = append(to, r.Receiver)
			}
		}
		body, id := "{to: "+quotedList(to)+"}", "am-route-"+strings.Join(to, "-")
		if len(to) == 0 {
			body, id = "none", "am-route-none"
		}
		s.add(rule{id: id, about: "Who learns of it: Alertmanager " + places(o.routes), stage: rules.Route, when: o.cond.cel(), body: body})
	}
}

// places names routes for people.
func places(routes []*route) string {
	out := make([]string, len(routes))
	for i, r := range routes {
		out[i] = fmt.Sprintf("route at line %d (receiver %q)", r.line, r.Receiver)
	}
	return strings.Join(out, " and ")
}

// everyLabel is the group_by that keeps every alert apart.
const everyLabel = "..."

// grouping is how a route groups; "" when rules do not say it.
func grouping(r *route) string {
	if len(r.GroupBy) == 0 || r.GroupBy[0] == everyLabel || len(r.GroupBy) > rules.GroupByMax {
		return ""
	}
	return groupBody(r.GroupBy, r.wait)
}

func groupBody(names []string, hold time.Duration) string {
	by := make([]string, len(names))
	for i, n := range names {
		by[i] = labelCEL(n)
	}
	body := "{group_by: " + quotedList(by)
	if sec := (hold + time.Second - 1) / time.Second; sec > 0 {
		body += fmt.Sprintf(", hold: %ds", min(sec, holdMax))
	}
	return body + "}"
}

// holdMax is the longest time, in seconds, that a rule can hold an incident.
const holdMax = 31 * 24 * 3600

// correlateRules makes a rule for each route that groups. An alert is in one
// incident: that of the first route that takes it and groups.
func (s *set) correlateRules(root *route) {
	var silent []*route // routes before this one that do not group
	walk(root, func(r *route) {
		body := grouping(r)
		if body == "" {
			silent = append(silent, r)
			s.ungrouped(r)
			return
		}
		var apart []conj
		for _, before := range silent {
			if !goesOn(before, r) {
				apart = append(apart, before.path)
			}
		}
		if when, ok := r.path.unless(apart); ok {
			s.add(rule{id: "am-group-" + r.Receiver, about: "One incident of what " + places([]*route{r}) + " groups", stage: rules.Correlate, when: when, body: body})
		}
	})
}

// goesOn reports whether an alert that a route took can get to a later one: the
// branch that holds the first and not the second has to continue.
func goesOn(from, to *route) bool {
	above := map[*route]bool{}
	for r := to; r != nil; r = r.parent {
		above[r] = true
	}
	for !above[from.parent] {
		from = from.parent
	}
	return from.Continue && from.parent != to
}

func (s *set) ungrouped(r *route) {
	switch {
	case len(r.GroupBy) == 0:
		s.leave(r.line, "no group_by: Alertmanager puts all alerts of the route into one group; left to the default explanation")
	case len(r.GroupBy) > rules.GroupByMax:
		s.leave(r.line, "group_by: %d labels: a rule groups by at most %d", len(r.GroupBy), rules.GroupByMax)
	}
}

// walk visits the routes that an alert can get to, children first.
func walk(r *route, visit func(*route)) {
	if r.never {
		return
	}
	for _, child := range r.Routes {
		walk(child, visit)
	}
	visit(r)
}
