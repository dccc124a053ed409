package importer

import (
	"fmt"
	"slices"
	"strings"

	"signalbox/itsm"
	"signalbox/rules"
)

// Alertmanager translates a configuration; from names it in the file.
//
// Routes become route rules, one for each route and, where continue makes an
// alert go to several, one for each combination; group_by and group_wait become
// correlate rules, inhibitions and time intervals suppress rules.
func Alertmanager(b []byte, from string, o Options) (*Result, error) {
	c, err := parseConfig(b)
	if err != nil {
		return nil, err
	}
	s := newSet(o)
	combined := 0
	list := reached(s.outcomes(c.Route, &combined))
	for i := range c.Inhibit {
		s.inhibitRules(i+1, &c.Inhibit[i])
	}
	walk(c.Route, func(r *route) { s.muteRules(c, r, list) })
	s.correlateRules(c.Route)
	s.routeRules(c, list)
	s.untranslated(c, list)
	return s.result("alertmanager.yaml", from)
}

// untranslated lists what rules have no word for.
func (s *set) untranslated(c *config, list []outcome) {
	for _, o := range list {
		var ways []string
		for _, r := range o.routes {
			ways = append(ways, grouping(r))
		}
		if len(distinct(ways)) > 1 {
			s.leave(o.routes[0].line, "continue: an alert is in one incident; one that several routes take is grouped as the first of them says that has a group_by")
		}
	}
	var timed []string
	every(c.Route, func(r *route) {
		if r.never {
			s.leave(r.line, "route: no alert can meet its matchers and those of the routes above")
		}
		if len(r.Labels) > 0 {
			s.leave(r.line, "labels: the labels that the route adds to notifications")
		}
		if r.Interval != "" || r.Repeat != "" {
			timed = append(timed, fmt.Sprint(r.line))
		}
	})
	if len(timed) > 0 {
		s.leave(0, "group_interval and repeat_interval (at line %s): rules have no such times", strings.Join(timed, ", "))
	}
	s.leave(0, "how receivers are reached: set up a connector for each, of the same name")
	s.left = distinct(s.left)
}

// every visits all routes in the order of the file.
func every(r *route, visit func(*route)) {
	visit(r)
	for _, child := range r.Routes {
		every(child, visit)
	}
}

// GroupBy makes one rule that groups by labels, where a condition holds.
func GroupBy(names []string, when string, o Options) (*Result, error) {
	for i, n := range names {
		if names[i] = strings.TrimSpace(n); names[i] == "" || slices.Contains(names[:i], names[i]) {
			return nil, itsm.Errorf(itsm.Invalid, "group_by %q: expected different names of labels, such as cluster,namespace", strings.Join(names, ","))
		}
	}
	if len(names) == 0 || len(names) > rules.GroupByMax {
		return nil, itsm.Errorf(itsm.Invalid, "group_by: %d labels: expected 1 to %d", len(names), rules.GroupByMax)
	}
	s := newSet(o)
	s.add(rule{id: "group-by-" + strings.Join(names, "-"), about: "One incident for each " + strings.Join(names, ", "), stage: rules.Correlate, when: when, body: groupBody(names, 0)})
	f := rules.File{Name: "group-by.yaml", Body: s.text("the group_by list " + strings.Join(names, ","))}
	if _, ps := rules.Compile([]rules.File{f}); rules.Blocking(ps) {
		return nil, itsm.Errorf(itsm.Invalid, "%s: %s", ps[0].Field, ps[0].Msg)
	}
	return &Result{File: f, Rules: 1}, nil
}
