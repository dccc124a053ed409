package ruletest

import (
	"cmp"
	"strings"

	"go.yaml.in/yaml/v3"

	"signalbox/ingest/source"
	"signalbox/itsm"
)

// alert is one that fires in a test.
type alert struct {
	line                                    int
	labels, annotations                     []itsm.Label
	severity, title, ci, source, key, group string
}

// labelsMax bounds the labels of an alert, as the door does.
const labelsMax = 64

// alert reads labels, or the long form with a key labels that holds them.
func (r *reader) alert(v *yaml.Node, field string) alert {
	a := alert{line: v.Line}
	if isLong(v) {
		r.longAlert(&a, v, field)
	} else {
		r.labels(&a.labels)(v, field)
	}
	if len(a.labels) == 0 && a.key == "" && v.Kind == yaml.MappingNode {
		r.fail(v, field, "an alert without labels: expected such as {alertname: PodDown, pod: web-1}")
	}
	return a
}

// isLong reports whether a mapping holds its labels in a key labels.
func isLong(v *yaml.Node) bool {
	if v.Kind != yaml.MappingNode {
		return false
	}
	for i := 0; i+1 < len(v.Content); i += 2 {
		if v.Content[i].Value == "labels" && resolved(v.Content[i+1]).Kind == yaml.MappingNode {
			return true
		}
	}
	return false
}

func (r *reader) longAlert(a *alert, v *yaml.Node, field string) {
	r.object(v, field,
		key{"labels", r.labels(&a.labels)},
		key{"annotations", r.labels(&a.annotations)},
		key{"severity", r.text(&a.severity)},
		key{"title", r.text(&a.title)},
		key{"ci", r.text(&a.ci)},
		key{"source", r.text(&a.source)},
		key{"key", r.text(&a.key)},
		key{"group", r.text(&a.group)},
	)
}

func (r *reader) labels(to *[]itsm.Label) func(*yaml.Node, string) {
	return func(v *yaml.Node, field string) {
		if v.Kind != yaml.MappingNode {
			r.fail(v, field, "%s: expected labels such as {alertname: PodDown, pod: web-1}", shown(v))
			return
		}
		if len(v.Content)/2 > labelsMax {
			r.fail(v, field, "%d labels: expected at most %d", len(v.Content)/2, labelsMax)
			return
		}
		seen := map[string]bool{}
		r.pairs(v, field, func(k, v *yaml.Node) {
			l := itsm.Label{Name: k.Value}
			r.text(&l.Value)(v, join(field, l.Name))
			if seen[l.Name] {
				r.fail(k, join(field, l.Name), "given twice; keep one")
			}
			seen[l.Name] = true
			*to = append(*to, l)
		})
	}
}

// event is a's, with what d says of what a does not.
func (a *alert) event(d *alert) itsm.Event {
	merged := func(own, other []itsm.Label) itsm.Labels {
		return itsm.NewLabels(append(append([]itsm.Label{}, own...), other...))
	}
	e := itsm.Event{Source: cmp.Or(a.source, d.source, "alertmanager"), Status: itsm.Firing, Group: cmp.Or(a.group, d.group),
		Labels: merged(a.labels, d.labels), Annotations: merged(a.annotations, d.annotations)}
	e.Identity = a.key
	if e.Identity == "" {
		e.Identity = source.Fingerprint(e.Labels)
		if a.ci != "" {
			e.Identity += "/" + a.ci
		}
	}
	source.Named(&e)
	if word := cmp.Or(a.severity, e.SeverityWord, d.severity); word != "" {
		e.SeverityWord, e.Severity = word, itsm.SeverityOf(word)
	}
	e.Title = cmp.Or(a.title, d.title, e.Title)
	e.CIName = cmp.Or(a.ci, e.CIName, d.ci)
	return e
}

// pattern is labels that an alert must have; * in a value stands for any text.
type pattern struct {
	line   int
	labels []itsm.Label
}

func (r *reader) pattern(v *yaml.Node, field string) pattern {
	p := pattern{line: v.Line}
	r.labels(&p.labels)(v, field)
	return p
}

func (p *pattern) matches(ls itsm.Labels) bool {
	for _, l := range p.labels {
		if !like(ls.Get(l.Name), l.Value) {
			return false
		}
	}
	return true
}

// like reports whether s is the pattern, in which * stands for any text.
func like(s, pattern string) bool {
	first, rest, star := strings.Cut(pattern, "*")
	if !star {
		return s == pattern
	}
	s, ok := strings.CutPrefix(s, first)
	if !ok {
		return false
	}
	parts := strings.Split(rest, "*")
	for _, p := range parts[:len(parts)-1] {
		at := strings.Index(s, p)
		if at < 0 {
			return false
		}
		s = s[at+len(p):]
	}
	return strings.HasSuffix(s, parts[len(parts)-1])
}
