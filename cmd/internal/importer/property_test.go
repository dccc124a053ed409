package importer

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/alertmanager/pkg/labels"
	"pgregory.net/rapid"

	"signalbox/itsm"
	"signalbox/rules"
)

var names, values = []string{"x", "y", "z"}, []string{"", "a", "b"}

// alerts are all label sets of a small world.
func alerts() []map[string]string {
	var out []map[string]string
	for _, x := range values {
		for _, y := range values {
			for _, z := range values {
				out = append(out, map[string]string{"x": x, "y": y, "z": z})
			}
		}
	}
	return out
}

func matcherTexts(t *rapid.T, most int) string {
	one := rapid.Custom(func(t *rapid.T) string {
		op := rapid.SampledFrom([]string{`=`, `!=`, `=~`, `!~`}).Draw(t, "op")
		value := rapid.SampledFrom(values).Draw(t, "value")
		if strings.Contains(op, "~") {
			value = rapid.SampledFrom([]string{"a|b", "a.*", ".+", "", "(a|)", "b"}).Draw(t, "regexp")
		}
		return fmt.Sprintf("'%s%s\"%s\"'", rapid.SampledFrom(names).Draw(t, "name"), op, value)
	})
	return "[" + strings.Join(rapid.SliceOfN(one, 0, most).Draw(t, "matchers"), ", ") + "]"
}

// writeRoutes writes the children of a route, numbering receivers.
func writeRoutes(t *rapid.T, b *strings.Builder, depth int, receivers *int) {
	n := rapid.IntRange(0, 3).Draw(t, "children")
	if n == 0 || depth == 3 {
		return
	}
	in := strings.Repeat("  ", depth+1)
	fmt.Fprintf(b, "%sroutes:\n", in)
	for range n {
		*receivers++
		fmt.Fprintf(b, "%s- matchers: %s\n%s  receiver: r%d\n", in, matcherTexts(t, 2), in, *receivers)
		fmt.Fprintf(b, "%s  continue: %v\n", in, rapid.IntRange(0, 3).Draw(t, "continue") == 0)
		if by := rapid.SampledFrom([]string{"", "", "[x]", "[y, z]", "['...']", "[]"}).Draw(t, "group_by"); by != "" {
			fmt.Fprintf(b, "%s  group_by: %s\n", in, by)
		}
		if rapid.IntRange(0, 3).Draw(t, "mute") == 0 {
			fmt.Fprintf(b, "%s  mute_time_intervals: [always]\n", in)
		}
		writeRoutes(t, b, depth+1, receivers)
	}
}

func randomRoutes(t *rapid.T) string {
	var b strings.Builder
	b.WriteString("route:\n  receiver: r0\n  group_by: [x]\n")
	n := 0
	writeRoutes(t, &b, 0, &n)
	b.WriteString("time_intervals: [{name: always, time_intervals: [{}]}]\nreceivers:\n")
	for i := range n + 1 {
		fmt.Fprintf(&b, "- {name: r%d, webhook_configs: [{}]}\n", i)
	}
	return b.String()
}

// taken lists the routes that take an alert, by the rule of Alertmanager's
// documentation: the first child that matches, and after one that continues also
// the next that do; the route itself when no child does.
func taken(r *route, ls map[string]string) []*route {
	for _, m := range r.own {
		if !m.Matches(ls[m.Name]) {
			return nil
		}
	}
	var out []*route
	for _, child := range r.Routes {
		below := taken(child, ls)
		out = append(out, below...)
		if below != nil && !child.Continue {
			break
		}
	}
	if out == nil {
		out = []*route{r}
	}
	return out
}

func TestRoutesTakeTheSameAlerts(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		text := randomRoutes(rt)
		c, set, imported := live(rt, text)
		for _, ls := range alerts() {
			routes := taken(c.Route, ls)
			var want []string
			group, mute := "", len(routes) == 1 && len(routes[0].Mute) > 0
			for _, r := range routes {
				want = append(want, r.Receiver)
				if grouping(r) != "" && group == "" {
					group = r.Receiver
				}
			}
			slices.Sort(want)
			if got := told(rt, set, ls); !slices.Equal(got, slices.Compact(want)) {
				rt.Fatalf("%v: told %v, want %v\n%s\n%s", ls, got, want, text, imported.File.Body)
			}
			run := begin(set, ls, 0)
			if held := run.Suppress(func(*rules.Rule) bool { return false }); held != nil && !mute || held == nil && mute && !said(imported, routes[0]) {
				rt.Fatalf("%v: held %v, want %v\n%s\n%s", ls, held, mute, text, imported.File.Body)
			}
			by := ""
			if got := run.Correlate(); got.Rule != nil {
				by = strings.TrimPrefix(got.Rule.ID, "am-group-")
			}
			if by != group && !lacksAll(c, group, ls) {
				rt.Fatalf("%v: grouped by %q, want %q\n%s\n%s", ls, by, group, text, imported.File.Body)
			}
		}
	})
}

// said reports whether the file owns up to not muting a route.
func said(r *Result, at *route) bool {
	return slices.ContainsFunc(r.Left, func(l string) bool {
		return strings.HasPrefix(l, fmt.Sprintf("line %d: time intervals:", at.line))
	})
}

// lacksAll reports whether an alert has none of the labels that a route groups
// by: it is then in no group, and a later rule may take it.
func lacksAll(c *config, receiver string, ls map[string]string) bool {
	lacks := false
	every(c.Route, func(r *route) {
		if r.Receiver == receiver {
			lacks = !slices.ContainsFunc(r.GroupBy, func(n string) bool { return ls[n] != "" })
		}
	})
	return lacks
}

// hides is Alertmanager's inhibition: what is source and target itself is hidden
// only by what is not both, and a label that both lack is equal.
func hides(in *inhibitRule, source, target map[string]string) bool {
	meets := func(c conj, ls map[string]string) bool {
		return !slices.ContainsFunc(c, func(m *labels.Matcher) bool { return !m.Matches(ls[m.Name]) })
	}
	if !meets(in.source, source) || !meets(in.target, target) || meets(in.source, target) && meets(in.target, source) {
		return false
	}
	return !slices.ContainsFunc(in.Equal, func(n string) bool { return source[n] != target[n] })
}

// hidden is what the rules come to: a rule matches the one, its inhibition the
// other, and both have equal values of its labels.
func hidden(s *rules.Set, source, target map[string]string) bool {
	sources := begin(s, source, 0).Inhibits()
	return begin(s, target, 0).Suppress(func(r *rules.Rule) bool {
		return slices.Contains(sources, r) && !slices.ContainsFunc(r.Suppress.InhibitedBy.Equal, func(n string) bool { return source[n] == "" || source[n] != target[n] })
	}) != nil
}

func TestInhibitionsHideTheSameAlerts(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		equal := rapid.SliceOfNDistinct(rapid.SampledFrom(names), 1, 3, rapid.ID).Draw(rt, "equal")
		text := fmt.Sprintf("route: {receiver: a}\nreceivers: [{name: a}]\ninhibit_rules:\n- source_matchers: %s\n  target_matchers: %s\n  equal: [%s]\n",
			matcherTexts(rt, 2), matcherTexts(rt, 2), strings.Join(equal, ", "))
		c, set, imported := live(rt, text)
		for _, source := range alerts() {
			for _, target := range alerts() {
				lackAll := !slices.ContainsFunc(equal, func(n string) bool { return source[n]+target[n] != "" })
				want := hides(&c.Inhibit[0], source, target)
				if got := hidden(set, source, target); got != want && !lackAll {
					rt.Fatalf("%v hides %v: %v, want %v\n%s\n%s", source, target, got, want, text, imported.File.Body)
				}
				if lackAll && want && !slices.ContainsFunc(imported.Left, func(l string) bool { return strings.Contains(l, "lack all") }) {
					rt.Fatalf("%v hides %v in Alertmanager only, and nothing says so\n%s", source, target, text)
				}
			}
		}
	})
}

// TestHoursAreTheIntervals compares with the library for every half hour of a
// fortnight in which the clocks go forward.
func TestHoursAreTheIntervals(t *testing.T) {
	const head = "route: {receiver: a, routes: [{receiver: b, matchers: [x=a], %s_time_intervals: [one, two]}]}\nreceivers: [{name: a}, {name: b}]\ntime_intervals:\n"
	const zone = "location: Europe/Vienna"
	const intervals = "- {name: one, time_intervals: [{weekdays: ['monday:wednesday'], times: [{start_time: '01:30', end_time: '08:00'}, {start_time: '20:00', end_time: '24:00'}], " + zone + "}, {weekdays: [friday], " + zone + "}]}\n" +
		"- {name: two, time_intervals: [{times: [{start_time: '07:00', end_time: '09:00'}], weekdays: ['tuesday:saturday'], " + zone + "}]}\n"
	for kind, muted := range map[string]bool{"mute": true, "active": false} {
		c, set, _ := live(t, fmt.Sprintf(head, kind)+intervals)
		from := itsm.Time(1774137600_000) // 2026-03-22
		for at := from; at < from+14*24*3600_000; at += 1800_000 {
			in := false
			for _, i := range c.Intervals {
				for _, ti := range i.Times {
					in = in || ti.ContainsTime(at.Std().UTC())
				}
			}
			held := begin(set, map[string]string{"x": "a"}, at).Suppress(nil) != nil
			if held != (in == muted) {
				t.Fatalf("%s at %s: held %v, in the intervals %v", kind, at, held, in)
			}
		}
	}
}
