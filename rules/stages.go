package rules

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"signalbox/itsm"
)

func (r *reader) normalise(v *yaml.Node, field string) *NormaliseRule {
	out := &NormaliseRule{}
	ok := r.object(v, field,
		key{"rename", func(v *yaml.Node, field string) {
			var as []Assign
			r.assigns(&as, r.labelName)(v, field)
			for _, a := range as {
				if !labelForm(a.Value) {
					r.failAt(join(field, a.Field), "%s: expected the new name of the label", quote(a.Value))
				}
				out.Rename = append(out.Rename, Rename{a.Field, a.Value})
			}
		}},
		key{"extract", r.list(func(v *yaml.Node, field string) {
			var x Extract
			r.object(v, field, key{"from", r.line(&x.From)}, key{"pattern", r.text(&x.Pattern)})
			out.Extract = append(out.Extract, x)
		})},
		key{"lookup", r.list(func(v *yaml.Node, field string) {
			var l Lookup
			ok := r.object(v, field, key{"table", r.line(&l.Table)},
				key{"match", r.assigns(&l.Match, func(*yaml.Node, string, string) {})},
				key{"set", r.assigns(&l.Set, r.settable)})
			if ok && (l.Table == "" || len(l.Match) == 0 || len(l.Set) == 0) {
				r.failAt(field, "expected table, match {column: template} and set {labels.NAME: column}")
			}
			out.Lookup = append(out.Lookup, l)
		})},
		key{"severity", func(v *yaml.Node, field string) {
			var as []Assign
			r.assigns(&as, func(*yaml.Node, string, string) {})(v, field)
			out.Severity = map[string]itsm.Severity{}
			for _, a := range as {
				s, ok := severityWord(a.Value)
				if !ok {
					r.failAt(join(field, a.Field), "%s: expected critical, major, minor, warning or info", quote(a.Value))
				}
				word := strings.ToLower(a.Field)
				out.Severity[word] = s
			}
		}},
		key{"set", r.assigns(&out.Set, r.settable)},
		key{"drop", r.texts(&out.Drop)},
		key{"key", r.texts(&out.Key)},
	)
	if ok && len(out.Rename)+len(out.Extract)+len(out.Lookup)+len(out.Severity)+len(out.Set)+len(out.Drop)+len(out.Key) == 0 {
		r.failAt(field, "changes nothing: expected rename, extract, lookup, severity, set, drop or key")
	}
	return out
}

func severityWord(s string) (itsm.Severity, bool) {
	for v := itsm.Critical; v <= itsm.Info; v++ {
		if v.String() == s {
			return v, true
		}
	}
	return 0, false
}

// labelForm reports whether s can name a label or annotation.
func labelForm(s string) bool {
	return s != "" && len(s) <= 256 && !strings.ContainsAny(s, " \t\r\n\x00${}")
}

func (r *reader) labelName(v *yaml.Node, field, name string) {
	if !labelForm(name) {
		r.fail(v, field, "%s: expected the name of a label", quote(name))
	}
}

// settable checks what a rule may set of an event.
func (r *reader) settable(v *yaml.Node, field, name string) {
	for _, p := range []string{"labels.", "annotations."} {
		if rest, ok := strings.CutPrefix(name, p); ok && labelForm(rest) {
			return
		}
	}
	if !slices.Contains([]string{"severity", "title", "ci", "group"}, name) {
		r.fail(v, field, "cannot be set: expected labels.NAME, annotations.NAME, severity, title, ci or group")
	}
}

func (r *reader) bind(v *yaml.Node, field string) *BindRule {
	out := &BindRule{}
	if r.object(v, field, key{"ci", r.texts(&out.CI)}) && len(out.CI) == 0 {
		r.failAt(field, "names no CI: expected ci: a template such as ${labels.db_host}, or a list of them")
	}
	return out
}

func (r *reader) suppress(v *yaml.Node, field string) *SuppressRule {
	out := &SuppressRule{}
	if v.Kind == yaml.ScalarNode {
		r.word(func(i int) { out.Drop, out.Mute = i == 0, i == 1 }, "drop", "mute")(v, field)
		return out
	}
	if v.Kind == yaml.SequenceNode {
		r.failAt(field, "a list: expected drop, mute, {hold: duration} or {inhibited_by: {when, equal, upstream}}")
		return out
	}
	kinds := 0
	once := func(read func(*yaml.Node, string)) func(*yaml.Node, string) {
		return func(v *yaml.Node, field string) { kinds++; read(v, field) }
	}
	ok := r.object(v, field,
		key{"hold", once(r.duration(&out.Hold))},
		key{"inhibited_by", once(func(v *yaml.Node, field string) {
			in := &Inhibition{}
			ok := r.object(v, field, key{"when", r.expression(&in.When)}, key{"equal", r.texts(&in.Equal)}, key{"upstream", r.number(&in.Upstream, 1, HopsMax)})
			if _, given := r.places[field+".when"]; ok && !given {
				r.failAt(field+".when", "missing: say which firing alert hides this one")
			}
			if ok && len(in.Equal) == 0 && in.Upstream == 0 {
				r.failAt(field, "would hide every alert of the estate: expected equal: [labels both have] or upstream: hops in the CMDB")
			}
			out.InhibitedBy = in
		})},
	)
	if ok && kinds != 1 {
		r.failAt(field, "expected drop, mute, {hold: duration} or {inhibited_by: {when, equal, upstream}}")
	}
	return out
}

func (r *reader) correlate(v *yaml.Node, field string) *CorrelateRule {
	out := &CorrelateRule{}
	if v.Kind == yaml.ScalarNode {
		r.word(func(int) { out.Unrelated = true }, "apart")(v, field)
		return out
	}
	var ratio string
	var beat time.Duration
	ok := r.object(v, field,
		key{"group_by", r.texts(&out.GroupBy)},
		key{"scope", r.word(func(i int) { out.Scope = Scope(i + 1) }, "same_ci", "same_service", "same_environment", "upstream")},
		key{"upstream", r.number(&out.Upstream, 1, HopsMax)},
		key{"window", r.duration(&out.Window)},
		key{"window_from", r.word(func(i int) { out.FromLast = i == 1 }, "first", "last")},
		key{"count", r.number(&out.Count, 1, CountMax)},
		key{"distinct", r.expression(&out.Distinct)},
		key{"ratio", func(v *yaml.Node, field string) {
			if r.line(&ratio)(v, field); ratio == "" {
				return
			}
			n, ok := parseRatio(ratio)
			if !ok {
				r.failAt(field, "%s: expected a share such as 0.5 or 50%%", quote(ratio))
			}
			out.Ratio = n
		}},
		key{"then", r.expression(&out.Then)},
		key{"absent", r.expression(&out.Absent)},
		key{"within", r.duration(&out.Within)},
		key{"heartbeat", r.duration(&beat)},
		key{"hold", r.duration(&out.Hold)},
		key{"follow_on", r.word(func(i int) { out.FollowOn = FollowOn(i) }, "link", "join", "new")},
	)
	switch {
	case ok && beat > 0:
		r.checkHeartbeat(field, out)
		out.Heartbeat, out.Within = true, beat
	case ok:
		r.checkCorrelate(field, out)
	}
	return out
}

// checkHeartbeat refuses what makes no sense beside a heartbeat: every alert is
// waited for by itself.
func (r *reader) checkHeartbeat(field string, c *CorrelateRule) {
	if len(c.GroupBy) > 0 || c.Scope != ScopeAny || c.Upstream > 0 || c.Window > 0 || c.FromLast || c.Count > 0 || c.Distinct != "" || c.Ratio > 0 ||
		c.Then != "" || c.Absent != "" || c.Within > 0 || c.Hold > 0 || c.FollowOn != FollowLink {
		r.failAt(field+".heartbeat", "stands alone: every alert that matches is waited for by itself; take the other keys away, or put them into a rule of their own")
	}
}

func (r *reader) checkCorrelate(field string, c *CorrelateRule) {
	if len(c.GroupBy) == 0 && c.Scope == ScopeAny {
		r.failAt(field, "would make one incident of all it matches: expected group_by: [labels.NAME, …] or a scope")
	}
	if len(c.GroupBy) > GroupByMax {
		r.failAt(field+".group_by", "%d expressions: expected at most %d", len(c.GroupBy), GroupByMax)
	}
	if (c.Scope == ScopeUpstream) != (c.Upstream > 0) {
		r.failAt(field+".upstream", "expected scope: upstream together with upstream: 1 to %d hops", HopsMax)
	}
	if c.Distinct != "" && c.Count == 0 {
		r.failAt(field+".distinct", "needs count: how many distinct values open an incident")
	}
	asked := 0
	for _, on := range []bool{c.Count > 1, c.Ratio > 0, c.Then != "", c.Absent != ""} {
		if on {
			asked++
		}
	}
	if asked > 1 {
		r.failAt(field, "count, ratio, then and absent exclude each other: make a rule for each")
	}
	if (c.Then != "" || c.Absent != "") != (c.Within > 0) {
		r.failAt(field+".within", "expected within: duration together with then or absent, and only then")
	}
	if asked == 1 && c.Window == 0 && c.Within == 0 && c.Then == "" && c.Absent == "" {
		r.failAt(field+".window", "missing: in which time the alerts have to come, such as 10m")
	}
}

// parseRatio reads a share as thousandths.
func parseRatio(s string) (int, bool) {
	scale := 1000.0
	if p, ok := strings.CutSuffix(s, "%"); ok {
		s, scale = p, 10
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || strings.Trim(s, "0123456789.") != "" || f*scale > 1000 {
		return 0, false
	}
	n := int(f*scale + 0.5)
	return n, n >= 1
}

func (r *reader) incident(v *yaml.Node, field string) *IncidentRule {
	out := &IncidentRule{}
	level := func(to *itsm.Level) func(*yaml.Node, string) {
		return r.word(func(i int) { *to = itsm.High + itsm.Level(i) }, "high", "medium", "low")
	}
	ok := r.object(v, field,
		key{"title", r.text(&out.Title)},
		key{"impact", level(&out.Impact)},
		key{"urgency", level(&out.Urgency)},
		key{"group", r.text(&out.Group)},
		key{"runbook", r.text(&out.Runbook)},
		key{"delay", r.duration(&out.Delay)},
		key{"resolve_after", func(v *yaml.Node, field string) {
			if v.Value == "never" {
				out.ResolveAfter = -1
				return
			}
			r.duration(&out.ResolveAfter)(v, field)
		}},
		key{"reopen_within", r.duration(&out.ReopenWithin)},
		key{"labels", r.assigns(&out.Labels, r.labelName)},
	)
	if ok && out.Title == "" && out.Impact == 0 && out.Urgency == 0 && out.Group == "" && out.Runbook == "" && out.Delay == 0 && out.ResolveAfter == 0 && out.ReopenWithin == 0 && len(out.Labels) == 0 {
		r.failAt(field, "sets nothing: expected title, impact, urgency, group, runbook, delay, resolve_after, reopen_within or labels")
	}
	return out
}

func (r *reader) problem(v *yaml.Node, field string) *ProblemRule {
	out := &ProblemRule{}
	ok := r.object(v, field,
		key{"signature", r.text(&out.Signature)},
		key{"incidents", r.number(&out.Incidents, 2, 1000)},
		key{"within", func(v *yaml.Node, field string) {
			d, ok := parseDuration(v.Value)
			if !ok || d < 24*time.Hour {
				r.failAt(field, "%s: expected a duration from 1d to 255d", shown(v))
				return
			}
			out.Within = d
		}},
	)
	if ok && out.Signature == "" {
		r.failAt(field+".signature", "missing: a template that is the same for the same trouble, such as ${labels.alertname}/${ci.class}")
	}
	if ok && (out.Incidents > 0) != (out.Within > 0) {
		r.failAt(field, "expected incidents: number together with within: duration")
	}
	return out
}

func (r *reader) route(v *yaml.Node, field string) *RouteRule {
	out := &RouteRule{}
	if v.Kind == yaml.ScalarNode {
		r.word(func(int) { out.None = true }, "none")(v, field)
		return out
	}
	var delay time.Duration
	ok := r.object(v, field,
		key{"to", r.texts(&out.To)},
		key{"delay", r.duration(&delay)},
		key{"hours", r.hours(&out.Hours)},
		key{"priority", r.word(func(i int) { out.Priority = itsm.P1 + itsm.Priority(i) }, "P1", "P2", "P3", "P4", "P5")},
	)
	out.Delay = delay
	if ok && len(out.To) == 0 {
		r.failAt(field+".to", "missing: expected the names of connectors, or route: none")
	}
	return out
}
