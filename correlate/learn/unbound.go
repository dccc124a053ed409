package learn

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"signalbox/itsm"
	"signalbox/itsm/cmdb"
	"signalbox/rules"
)

type labelKey struct{ source, name string }

// labelUse is what values a label has on the unbound alerts of a source.
type labelUse struct {
	alerts int
	values map[string]*valueUse
}

type valueUse struct {
	alerts int
	last   itsm.AlertNumber
	at     itsm.Time
}

// noteLabels keeps the labels of an unbound alert: one of them may name its CI.
func (m *Miner) noteLabels(o *Observation) {
	for _, l := range o.Event.Labels {
		k := labelKey{o.Event.Source, l.Name}
		u := m.labels[k]
		if u == nil {
			if len(m.labels) >= labelSourcesMax {
				m.full[boundLabels] = true
				continue
			}
			u = &labelUse{values: map[string]*valueUse{}}
			m.labels[labelKey{strings.Clone(k.source), strings.Clone(k.name)}] = u
		}
		u.alerts++
		v := u.values[l.Value]
		if v == nil {
			if len(u.values) >= labelValuesMax {
				m.full[boundLabels] = true
				continue
			}
			v = &valueUse{}
			u.values[strings.Clone(l.Value)] = v
		}
		v.alerts++
		v.last, v.at = o.Alert, o.At
	}
}

// change is a way to make a CI's name of a label's value: in Go, to try it, and in
// CEL, for the rule.
type change struct {
	about string
	apply func(string) string
	cel   func(string) string
}

// changes are tried in this order: of equals, what changes least wins.
var changes = []change{
	{"as it is", same, same},
	{"in lower case", strings.ToLower, lowerCEL},
	{"without its port", upTo(":"), upToCEL(":")},
	{"without its domain", upTo("."), upToCEL(".")},
	{"without port and domain", then(upTo(":"), upTo(".")), then(upToCEL(":"), upToCEL("."))},
	{"without port and domain, in lower case", then(upTo(":"), upTo("."), strings.ToLower), then(upToCEL(":"), upToCEL("."), lowerCEL)},
	{"without what follows the first _", upTo("_"), upToCEL("_")},
	{"without what follows the first /", upTo("/"), upToCEL("/")},
}

func same(s string) string { return s }

func lowerCEL(s string) string { return s + ".lowerAscii()" }

func then(steps ...func(string) string) func(string) string {
	return func(s string) string {
		for _, f := range steps {
			s = f(s)
		}
		return s
	}
}

func upTo(sep string) func(string) string {
	return func(s string) string {
		s, _, _ = strings.Cut(s, sep)
		return s
	}
}

// upToCEL adds the separator first, so that it is always found.
func upToCEL(sep string) func(string) string {
	return func(s string) string {
		return fmt.Sprintf("(%[1]s + %[2]q).substring(0, (%[1]s + %[2]q).indexOf(%[2]q))", s, sep)
	}
}

// hit is a label that names CIs after a change.
type hit struct {
	key    labelKey
	use    *labelUse
	change int
	alerts int
	values []string // that name a CI, sorted
	cis    []string // that they name
}

// binds finds, for each source, the label that would bind the most unbound alerts.
func (m *Miner) binds() []Suggestion {
	if m.graph == nil {
		return nil
	}
	keys := make([]labelKey, 0, len(m.labels))
	for k := range m.labels {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(x, y labelKey) int {
		return cmp.Or(strings.Compare(x.source, y.source), strings.Compare(x.name, y.name))
	})
	var out []Suggestion
	for i := 0; i < len(keys); {
		source := keys[i].source
		var best hit
		for ; i < len(keys) && keys[i].source == source; i++ {
			if h := m.bestChange(keys[i]); h.alerts > best.alerts {
				best = h
			}
		}
		if best.alerts < bindMin {
			continue
		}
		if s := m.bindOf(&best); usable(s.Rule) {
			out = append(out, s)
		}
	}
	return out
}

// bestChange tries every change on the values of a label.
func (m *Miner) bestChange(k labelKey) hit {
	u := m.labels[k]
	values := make([]string, 0, len(u.values))
	for v := range u.values {
		values = append(values, v)
	}
	slices.Sort(values)
	var best hit
	for c := range changes {
		h := hit{key: k, use: u, change: c}
		for _, v := range values {
			name := changes[c].apply(v)
			if name == "" {
				continue
			}
			if b := m.graph.Identify(cmdb.Sighting{Source: k.source, CIName: name}); b.Ref != cmdb.NoRef && b.By == "ci" {
				h.alerts += u.values[v].alerts
				h.values, h.cis = append(h.values, v), append(h.cis, m.graph.ID(b.Ref))
			}
		}
		if float64(len(h.values)) >= bindShare*float64(len(values)) && h.alerts > best.alerts {
			best = h
		}
	}
	return best
}

func (m *Miner) bindOf(h *hit) Suggestion {
	ch := changes[h.change]
	id := idOf(Bind, h.key.source, h.key.name, ch.about)
	why := fmt.Sprintf("%d alerts of source %s bind to no CI; the label %s, %s, would bind %d of them: %s is %s, and %d of its %d values name a CI.",
		m.unbound[h.key.source], clip(h.key.source), clip(h.key.name), ch.about, h.alerts, clip(h.values[0]), clip(h.cis[0]), len(h.values), len(h.use.values))
	s := Suggestion{ID: id, Kind: Bind, Title: "label " + clip(h.key.name) + " of " + clip(h.key.source) + " names the CI", Why: why, rank: float64(h.alerts),
		Figures: []Figure{{"unbound", float64(m.unbound[h.key.source])}, {"would_bind", float64(h.alerts)}, {"values", float64(len(h.use.values))}, {"values_named", float64(len(h.values))}}}
	for _, v := range h.values[:min(len(h.values), ExamplesMax)] {
		u := h.use.values[v]
		s.Examples = append(s.Examples, Example{At: u.at, Alerts: []itsm.AlertNumber{u.last}})
	}
	name := label(h.key.name)
	about := fmt.Sprintf("the label %s of %s, %s, names the CI", clip(h.key.name), clip(h.key.source), ch.about)
	s.Rule = draft(id, Bind, about, h.key.source, name+` != ""`, rules.Bind.String(), "{ci: "+quoted("${"+ch.cel(name)+"}")+"}")
	return s
}
