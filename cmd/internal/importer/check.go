package importer

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/prometheus/alertmanager/matcher/compat"
	"github.com/prometheus/alertmanager/pkg/labels"
	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v3"

	"signalbox/itsm"
)

// Bounds of a configuration.
const (
	configBytesMax = 4 << 20
	routesMax      = 2000
	routeDepthMax  = 30
	nodesMax       = 500_000 // YAML values
	nestingMax     = 200
)

// parseConfig reads and checks a configuration.
func parseConfig(b []byte) (*config, error) {
	if len(b) > configBytesMax {
		return nil, itsm.Errorf(itsm.Invalid, "%d bytes: expected an Alertmanager configuration of at most %d", len(b), configBytesMax)
	}
	var c config
	var doc yaml.Node
	err := yaml.Unmarshal(b, &doc)
	if err == nil {
		left := nodesMax
		if !bounded(&doc, 0, &left) {
			return nil, itsm.Errorf(itsm.Invalid, "more than %d values or %d levels, aliases written out: expected an Alertmanager configuration", nodesMax, nestingMax)
		}
		err = doc.Decode(&c)
	}
	if err != nil {
		return nil, itsm.Wrap(itsm.Invalid, errors.New(strings.TrimPrefix(err.Error(), "yaml: ")), "not an Alertmanager configuration")
	}
	switch {
	case c.Route == nil:
		return nil, itsm.Errorf(itsm.Invalid, "route: missing: expected the configuration file of Alertmanager, which has a route")
	case c.Route.Receiver == "":
		return nil, itsm.Errorf(itsm.Invalid, "line %d: route: receiver: missing: the root route needs one", c.Route.line)
	case len(c.Route.Match)+len(c.Route.MatchRE)+len(c.Route.Matchers) > 0:
		return nil, itsm.Errorf(itsm.Invalid, "line %d: route: has matchers: the root route takes every alert and may have none", c.Route.line)
	case len(c.Route.Mute)+len(c.Route.Active) > 0:
		return nil, itsm.Errorf(itsm.Invalid, "line %d: route: has time intervals: the root route may have none", c.Route.line)
	}
	c.Intervals = append(c.Intervals, c.Mutes...)
	n := 0
	if err := c.check(c.Route, nil, 0, &n); err != nil {
		return nil, err
	}
	for i := range c.Inhibit {
		if err := c.Inhibit[i].check(); err != nil {
			return nil, err
		}
	}
	return &c, nil
}

// bounded reports whether the YAML stays small when its aliases are followed,
// also those that come back to themselves.
func bounded(n *yaml.Node, depth int, left *int) bool {
	if *left--; *left < 0 || depth > nestingMax {
		return false
	}
	if n.Alias != nil {
		return bounded(n.Alias, depth+1, left)
	}
	for _, c := range n.Content {
		if !bounded(c, depth+1, left) {
			return false
		}
	}
	return true
}

// check completes a route by what it takes over from its parent.
func (c *config) check(r, parent *route, depth int, n *int) error {
	if *n++; *n > routesMax || depth > routeDepthMax {
		return itsm.Errorf(itsm.Invalid, "line %d: route: expected at most %d routes, %d deep", r.line, routesMax, routeDepthMax)
	}
	var err error
	if r.own, err = matchers(r.Match, r.MatchRE, r.Matchers); err != nil {
		return itsm.Errorf(itsm.Invalid, "line %d: route: %v", r.line, err)
	}
	r.path, r.wait = r.own, 30*time.Second
	if r.parent = parent; parent != nil {
		if r.Receiver == "" {
			r.Receiver = parent.Receiver
		}
		if r.GroupBy == nil {
			r.GroupBy = parent.GroupBy
		}
		path, ok := parent.path.and(r.own)
		r.path, r.never, r.wait = path, parent.never || !ok, parent.wait
	}
	if err := c.checkNames(r); err != nil {
		return err
	}
	for _, child := range r.Routes {
		if child == nil {
			return itsm.Errorf(itsm.Invalid, "line %d: route: has an empty route below it; remove it", r.line)
		}
		if err := c.check(child, r, depth+1, n); err != nil {
			return err
		}
	}
	return nil
}

func (c *config) checkNames(r *route) error {
	if c.receiver(r.Receiver) == nil {
		return itsm.Errorf(itsm.Invalid, "line %d: route: receiver %q: there is none of this name under receivers", r.line, r.Receiver)
	}
	for _, name := range slices.Concat(r.Mute, r.Active) {
		if c.interval(name) == nil {
			return itsm.Errorf(itsm.Invalid, "line %d: route: time interval %q: there is none of this name under time_intervals", r.line, name)
		}
	}
	if slices.Contains(r.GroupBy, everyLabel) && len(r.GroupBy) > 1 {
		return itsm.Errorf(itsm.Invalid, "line %d: route: group_by: '...' stands for all labels: expected it alone", r.line)
	}
	if r.Wait != nil {
		d, err := model.ParseDuration(*r.Wait)
		if err != nil {
			return itsm.Errorf(itsm.Invalid, "line %d: route: group_wait %q: expected a duration such as 30s", r.line, *r.Wait)
		}
		r.wait = time.Duration(d)
	}
	return nil
}

func (c *config) receiver(name string) *receiver {
	for i := range c.Receivers {
		if c.Receivers[i].Name == name {
			return &c.Receivers[i]
		}
	}
	return nil
}

func (c *config) interval(name string) *interval {
	for i := range c.Intervals {
		if c.Intervals[i].Name == name {
			return &c.Intervals[i]
		}
	}
	return nil
}

func (r *inhibitRule) check() (err error) {
	if r.source, err = matchers(r.SourceMatch, r.SourceMatchRE, r.SourceMatchers); err != nil {
		return itsm.Errorf(itsm.Invalid, "line %d: inhibit rule: source: %v", r.line, err)
	}
	if r.target, err = matchers(r.TargetMatch, r.TargetMatchRE, r.TargetMatchers); err != nil {
		return itsm.Errorf(itsm.Invalid, "line %d: inhibit rule: target: %v", r.line, err)
	}
	return nil
}

// parseMatchers reads matchers as Alertmanager does by default.
var parseMatchers = compat.FallbackMatchersParser(slog.New(slog.DiscardHandler))

// matchers reads the three ways in which a configuration can write matchers.
func matchers(equal, re map[string]string, texts []string) (conj, error) {
	var out conj
	for _, m := range []struct {
		typ  labels.MatchType
		from map[string]string
	}{{labels.MatchEqual, equal}, {labels.MatchRegexp, re}} {
		for name, value := range m.from {
			one, err := labels.NewMatcher(m.typ, name, value)
			if err != nil {
				return nil, fmt.Errorf("matcher of label %q: %w", name, err)
			}
			out = append(out, one)
		}
	}
	for _, t := range texts {
		ms, err := parseMatchers(t, "config")
		if err != nil {
			return nil, fmt.Errorf("matcher %q: %w; expected one such as severity=\"critical\"", t, err)
		}
		out = append(out, ms...)
	}
	for _, m := range out {
		if !utf8.ValidString(m.Name + m.Value) {
			return nil, fmt.Errorf("matcher %s: is not UTF-8", m)
		}
	}
	// Maps come in any order; what is written has to come in one.
	slices.SortFunc(out, func(a, b *labels.Matcher) int {
		if c := strings.Compare(a.Name, b.Name); c != 0 {
			return c
		}
		if c := strings.Compare(a.Value, b.Value); c != 0 {
			return c
		}
		return int(a.Type) - int(b.Type)
	})
	return out, nil
}
