package importer

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/alertmanager/timeinterval"
	"go.yaml.in/yaml/v3"
)

// config is what matters here of an Alertmanager configuration.
type config struct {
	Route     *route        `yaml:"route"`
	Inhibit   []inhibitRule `yaml:"inhibit_rules"`
	Receivers []receiver    `yaml:"receivers"`
	Intervals []interval    `yaml:"time_intervals"`
	Mutes     []interval    `yaml:"mute_time_intervals"` // the older name of the same
}

// route is a node of the routing tree.
type route struct {
	Receiver string            `yaml:"receiver"`
	GroupBy  []string          `yaml:"group_by"`
	Match    map[string]string `yaml:"match"`
	MatchRE  map[string]string `yaml:"match_re"`
	Matchers []string          `yaml:"matchers"`
	Mute     []string          `yaml:"mute_time_intervals"`
	Active   []string          `yaml:"active_time_intervals"`
	Continue bool              `yaml:"continue"`
	Routes   []*route          `yaml:"routes"`
	Wait     *string           `yaml:"group_wait"`
	Interval string            `yaml:"group_interval"`
	Repeat   string            `yaml:"repeat_interval"`
	Labels   map[string]string `yaml:"labels"`

	line   int
	own    conj // its matchers
	path   conj // and those of all routes above; meaningless when never
	never  bool // no alert can get here
	parent *route
	wait   time.Duration
}

// inhibitRule says which alerts silence which others.
type inhibitRule struct {
	Name           string            `yaml:"name"`
	SourceMatch    map[string]string `yaml:"source_match"`
	SourceMatchRE  map[string]string `yaml:"source_match_re"`
	SourceMatchers []string          `yaml:"source_matchers"`
	TargetMatch    map[string]string `yaml:"target_match"`
	TargetMatchRE  map[string]string `yaml:"target_match_re"`
	TargetMatchers []string          `yaml:"target_matchers"`
	Equal          []string          `yaml:"equal"`

	line           int
	source, target conj
}

// receiver is whom a route tells; it tells nobody when it has no configs.
type receiver struct {
	Name  string
	empty bool
}

// interval is a named list of times.
type interval struct {
	Name  string                      `yaml:"name"`
	Times []timeinterval.TimeInterval `yaml:"time_intervals"`
	line  int
}

// UnmarshalYAML keeps the line for people.
func (r *route) UnmarshalYAML(n *yaml.Node) error {
	type plain route
	r.line = n.Line
	return strictly(n, (*plain)(r), "receiver group_by match match_re matchers mute_time_intervals active_time_intervals continue routes group_wait group_interval repeat_interval labels")
}

// UnmarshalYAML keeps the line for people.
func (r *inhibitRule) UnmarshalYAML(n *yaml.Node) error {
	type plain inhibitRule
	r.line = n.Line
	return strictly(n, (*plain)(r), "name source_match source_match_re source_matchers target_match target_match_re target_matchers equal")
}

// UnmarshalYAML keeps the line for people.
func (i *interval) UnmarshalYAML(n *yaml.Node) error {
	type plain interval
	i.line = n.Line
	if err := strictly(n, (*plain)(i), "name time_intervals"); err != nil {
		return err
	}
	for j := range i.Times {
		if l := i.Times[j].Location; l != nil && (l.String() == "Local" || l.String() == "") {
			return fmt.Errorf("line %d: time interval %q: location %q: expected a time zone such as Europe/Berlin", n.Line, i.Name, l)
		}
	}
	return nil
}

// UnmarshalYAML looks for anything that tells somebody.
func (r *receiver) UnmarshalYAML(n *yaml.Node) error {
	var keys map[string]yaml.Node
	if err := n.Decode(&keys); err != nil {
		return err
	}
	r.empty = true
	for k, v := range keys {
		if strings.HasSuffix(k, "_configs") && len(v.Content) > 0 {
			r.empty = false
		}
	}
	name := keys["name"]
	r.Name = name.Value
	return nil
}

// strictly decodes a mapping that may have these keys only, as Alertmanager does.
func strictly(n *yaml.Node, to any, keys string) error {
	for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
		if k := n.Content[i]; k.Value != "<<" && !slices.Contains(strings.Fields(keys), k.Value) {
			return fmt.Errorf("line %d: no such key %q: expected one of %s", k.Line, k.Value, strings.ReplaceAll(keys, " ", ", "))
		}
	}
	if err := n.Decode(to); err != nil {
		if strings.Contains(err.Error(), "line ") {
			return err
		}
		return fmt.Errorf("line %d: %w", n.Line, err)
	}
	return nil
}
