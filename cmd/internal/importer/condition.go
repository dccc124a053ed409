package importer

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/alertmanager/pkg/labels"
)

// conj is a condition: all of its matchers hold. No matchers: always.
type conj []*labels.Matcher

func same(a, b *labels.Matcher) bool {
	return a.Type == b.Type && a.Name == b.Name && a.Value == b.Value
}

func (c conj) has(m *labels.Matcher) bool {
	return slices.ContainsFunc(c, func(o *labels.Matcher) bool { return same(m, o) })
}

// and is both conditions together; ok is false when no alert can meet both.
// What an equality says already is not said again.
func (c conj) and(d conj) (out conj, ok bool) {
	for _, m := range slices.Concat(c, d) {
		if !out.has(m) {
			out = append(out, m)
		}
	}
	fixed := map[string]string{}
	for _, m := range out {
		if m.Type == labels.MatchEqual {
			if v, set := fixed[m.Name]; set && v != m.Value {
				return nil, false
			}
			fixed[m.Name] = m.Value
		}
	}
	for _, m := range out {
		if v, set := fixed[m.Name]; set && !m.Matches(v) {
			return nil, false
		}
	}
	return slices.DeleteFunc(out, func(m *labels.Matcher) bool {
		_, set := fixed[m.Name]
		return set && m.Type != labels.MatchEqual
	}), true
}

// without is what is left of c to ask for where d holds.
func (c conj) without(d conj) conj {
	var out conj
	for _, m := range c {
		if !d.says(m) {
			out = append(out, m)
		}
	}
	return out
}

// says reports whether m holds wherever c does, as far as one look tells.
func (c conj) says(m *labels.Matcher) bool {
	return slices.ContainsFunc(c, func(o *labels.Matcher) bool {
		return same(m, o) || o.Type == labels.MatchEqual && o.Name == m.Name && m.Matches(o.Value)
	})
}

// mayLack reports whether an alert that lacks a label can meet c.
func (c conj) mayLack(name string) bool {
	return !slices.ContainsFunc(c, func(m *labels.Matcher) bool { return m.Name == name && !m.Matches("") })
}

// cel writes the condition; "" when it always holds.
func (c conj) cel() string {
	parts := make([]string, len(c))
	for i, m := range c {
		parts[i] = matcherCEL(m)
	}
	return strings.Join(parts, " && ")
}

// unless is c where none of the others holds; ok is false when no alert is left.
func (c conj) unless(others []conj) (text string, ok bool) {
	parts := []string{}
	if len(c) > 0 {
		parts = append(parts, c.cel())
	}
	for _, o := range others {
		if _, both := c.and(o); !both {
			continue
		}
		rest := o.without(c)
		if len(rest) == 0 {
			return "", false
		}
		p := "!(" + rest.cel() + ")"
		if len(rest) == 1 {
			p = negated(rest[0])
		}
		if !slices.Contains(parts, p) {
			parts = append(parts, p)
		}
	}
	return strings.Join(parts, " && "), true
}

var opposite = map[labels.MatchType]labels.MatchType{
	labels.MatchEqual: labels.MatchNotEqual, labels.MatchNotEqual: labels.MatchEqual,
	labels.MatchRegexp: labels.MatchNotRegexp, labels.MatchNotRegexp: labels.MatchRegexp,
}

func negated(m *labels.Matcher) string {
	return matcherCEL(&labels.Matcher{Type: opposite[m.Type], Name: m.Name, Value: m.Value})
}

// matcherCEL writes one matcher. A label that an alert lacks is "" to both.
func matcherCEL(m *labels.Matcher) string {
	l := labelCEL(m.Name)
	switch m.Type {
	case labels.MatchEqual:
		return l + " == " + strconv.Quote(m.Value)
	case labels.MatchNotEqual:
		return l + " != " + strconv.Quote(m.Value)
	}
	text, not := regexpCEL(l, m.Value), "!"
	if m.Type == labels.MatchRegexp {
		return text
	}
	if strings.Contains(text, " in ") {
		return not + "(" + text + ")"
	}
	return not + text
}

var wordList = regexp.MustCompile(`^[A-Za-z0-9_-]+(\|[A-Za-z0-9_-]+)*$`)

// regexpCEL writes an anchored match. A choice of words is a list: it says the
// same, reads better, and rules are indexed by it.
func regexpCEL(l, value string) string {
	if wordList.MatchString(value) {
		words := strings.Split(value, "|")
		for i, w := range words {
			words[i] = strconv.Quote(w)
		}
		return l + " in [" + strings.Join(words, ", ") + "]"
	}
	return l + ".matches(" + strconv.Quote("^(?:"+value+")$") + ")"
}

var identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// labelCEL names a label in a condition.
func labelCEL(name string) string {
	if identifier.MatchString(name) && !slices.Contains([]string{"in", "true", "false", "null"}, name) {
		return "labels." + name
	}
	return "labels[" + strconv.Quote(name) + "]"
}
