package rules

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"signalbox/itsm"
)

// document is one document of a YAML file: the text between two --- lines.
type document struct {
	line int // of its first line, counted from 0
	text string
}

// documents cuts a file at its --- lines. Each document is read on its own: what
// is wrong in one hides nothing in the next, and no file needs more memory than
// its longest rule.
func documents(body string) []document {
	body = strings.TrimPrefix(body, "\ufeff")
	var out []document
	var text strings.Builder
	first, n := 0, 0
	end := func(next int) {
		if strings.TrimSpace(text.String()) != "" {
			out = append(out, document{first, text.String()})
		}
		text.Reset()
		first = next
	}
	for line := range strings.Lines(body) {
		switch rest, marker := documentMarker(line); {
		case !marker:
			text.WriteString(line)
		case strings.TrimSpace(rest) == "":
			end(n + 1)
		case strings.HasPrefix(strings.TrimSpace(rest), "#"): // --- # the next one
			end(n)
			text.WriteString(strings.TrimLeft(rest, " \t"))
		default: // --- {id: a}
			end(n)
			text.WriteString("   " + rest)
		}
		n++
	}
	end(n)
	return out
}

// documentMarker reports whether a line begins or ends a document.
func documentMarker(line string) (rest string, ok bool) {
	for _, m := range [...]string{"---", "..."} {
		if rest, ok = strings.CutPrefix(line, m); ok {
			return rest, strings.TrimLeft(rest, " \t\r\n") != rest || rest == ""
		}
	}
	return "", false
}

// decode reads the document; a nil node is one that says nothing.
func (d document) decode() (*yaml.Node, error) {
	if len(d.text) > RuleBytesMax {
		return nil, fmt.Errorf("a rule of %d bytes: expected at most %d; put long lists into a table", len(d.text), RuleBytesMax)
	}
	var n yaml.Node
	if err := decodeNode(d.text, &n); err != nil {
		return nil, err
	}
	if len(n.Content) == 0 || n.Content[0].Tag == "!!null" && n.Content[0].Value == "" {
		return nil, nil
	}
	shift(&n, d.line)
	return &n, nil
}

// decodeNode turns a panic of the parser into an error: rules come from people.
func decodeNode(text string, n *yaml.Node) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = itsm.Errorf(itsm.Invalid, "the parser gave up: %v", p)
		}
	}()
	return yaml.Unmarshal([]byte(text), n)
}

func shift(n *yaml.Node, lines int) {
	n.Line += lines
	for _, c := range n.Content {
		shift(c, lines)
	}
}

// explainYAML says what is wrong with a document that is not YAML, and in which
// line of the file.
func (d document) explainYAML(err error) (line int, msg string) {
	msg = strings.TrimPrefix(err.Error(), "yaml: ")
	at := lineOf(err)
	if at > 0 {
		if _, rest, ok := strings.Cut(msg, ": "); ok {
			msg = rest
		}
	}
	found := ""
	for n, l := 1, d.text; ; n++ {
		var more bool
		if found, l, more = strings.Cut(l, "\n"); n >= at || !more {
			break
		}
	}
	indent := found[:len(found)-len(strings.TrimLeft(found, " \t"))]
	switch {
	case strings.Contains(indent, "\t"):
		msg += "; indent with spaces, YAML takes no tabs"
	case strings.Contains(msg, "mapping values are not allowed"), strings.Contains(msg, "did not find expected"), strings.Contains(msg, "cannot start any token"):
		msg += "; a text with quotes, colons or braces goes into single quotes: when: '…', or under when: |"
	}
	return d.line + max(at, 1), "not YAML: " + msg
}

// invalidText returns the line of the first byte that is not UTF-8; 0: there is none.
func invalidText(s string) int {
	line := 1
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			return line
		case r == '\n':
			line++
		}
		i += n
	}
	return 0
}
