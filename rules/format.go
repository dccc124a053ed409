package rules

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"
)

// keyOrder is the order of a rule's keys; the stage comes last.
var keyOrder = []string{"id", "about", "owner", "enabled", "mode", "from", "until", "hours", "sources", "when"}

// Format writes the rules of a YAML file as everybody writes them: keys in one
// order, two spaces an indent, one --- between two rules. Comments stay with the
// key that they stand above or beside. What it returns means the same, and
// formatting it again changes nothing; what it cannot keep is an error.
func Format(body string) (string, error) {
	if line := invalidText(body); line > 0 {
		return "", fmt.Errorf("line %d: not UTF-8: save the file as UTF-8", line)
	}
	var out []string
	for _, d := range documents(body) {
		_, text, err := d.format()
		if err != nil {
			return "", err
		}
		out = append(out, text)
	}
	if len(out) == 0 {
		return "", nil
	}
	return strings.Join(out, "\n---\n") + "\n", nil
}

// formatRounds bounds how often a document is formatted until it stays as it is:
// the YAML library moves some comments once.
const formatRounds = 3

// format writes one document in its canonical form, and says which rule it is.
func (d document) format() (id, text string, err error) {
	text = tidy(d.text)
	n, err := d.decode()
	switch {
	case err != nil:
		line, msg := d.explainYAML(err)
		return "", "", fmt.Errorf("line %d: %s", line, msg)
	case n == nil:
		return "", text, nil // comments alone
	case aliased(n) || n.Content[0].Kind != yaml.MappingNode:
		return "", "", fmt.Errorf("line %d: not a rule; 'signalbox rules check' says more", n.Content[0].Line)
	}
	marks := strings.Count(text, "#")
	for range formatRounds {
		next, err := encodeRule(n)
		if err != nil {
			return "", "", fmt.Errorf("line %d: %w", d.line+1, err)
		}
		if strings.Count(next, "#") < marks {
			return "", "", fmt.Errorf("line %d: a comment would be lost; put it above a key of the rule", d.line+1)
		}
		if next == text {
			return documentID(n), text, nil
		}
		text = next
		was := n
		if n, err = (document{0, text}).decode(); err != nil || n == nil || !sameNodes(was, n) {
			return "", "", fmt.Errorf("line %d: cannot be formatted", d.line+1)
		}
	}
	return "", "", fmt.Errorf("line %d: cannot be formatted; put each comment above a key of the rule", d.line+1)
}

// documentID finds the id of a rule without reading the rest.
func documentID(n *yaml.Node) string {
	m := n.Content[0]
	for i := 0; i+1 < len(m.Content); i += 2 {
		if m.Content[i].Value == "id" {
			return m.Content[i+1].Value
		}
	}
	return ""
}

// encodeRule writes a rule with its keys in order.
func encodeRule(n *yaml.Node) (text string, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = errors.New("cannot be written as YAML")
		}
	}()
	m := n.Content[0]
	var pairs [][2]*yaml.Node
	for i := 0; i+1 < len(m.Content); i += 2 {
		pairs = append(pairs, [2]*yaml.Node{m.Content[i], m.Content[i+1]})
	}
	slices.SortStableFunc(pairs, func(a, b [2]*yaml.Node) int { return rank(a[0].Value) - rank(b[0].Value) })
	m.Content = m.Content[:0]
	for _, p := range pairs {
		m.Content = append(m.Content, p[0], p[1])
	}
	m.Style = 0 // of the rule itself: what is within stays as it was written
	var b strings.Builder
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := enc.Encode(n); err != nil {
		return "", err
	}
	if err := enc.Close(); err != nil {
		return "", err
	}
	return unescape(tidy(b.String())), nil
}

var escaped = regexp.MustCompile(`(\\+)U([0-9A-F]{8})`)

// unescape shows the characters that the YAML library escapes although it need not.
func unescape(text string) string {
	return escaped.ReplaceAllStringFunc(text, func(m string) string {
		at := strings.IndexByte(m, 'U')
		n, err := strconv.ParseUint(m[at+1:], 16, 32)
		if at%2 == 0 || err != nil || !unicode.IsPrint(rune(n)) {
			return m
		}
		return m[:at-1] + string(rune(n))
	})
}

// sameNodes reports whether two rules say the same, whatever the order of their keys.
func sameNodes(a, b *yaml.Node) bool {
	if a.Kind != b.Kind || a.Tag != b.Tag || a.Value != b.Value || len(a.Content) != len(b.Content) {
		return false
	}
	for i := range a.Content {
		if !sameNodes(a.Content[i], b.Content[i]) {
			return false
		}
	}
	return true
}

func rank(key string) int {
	if i := slices.Index(keyOrder, key); i >= 0 {
		return i
	}
	return len(keyOrder)
}
