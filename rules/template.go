package rules

import (
	"errors"
	"fmt"
	"strings"
)

// template is a text with ${expression} in it.
type template struct {
	parts []part
}

// part is a literal, or an expression.
type part struct {
	text string
	expr *condition
}

// template compiles a text; $${ stands for ${ itself.
func (l *language) template(s Stage, text string) (*template, error) {
	if len(text) > ConditionMax {
		return nil, fmt.Errorf("%d bytes: expected at most %d", len(text), ConditionMax)
	}
	t := &template{}
	literal := ""
	for {
		before, rest, found := strings.Cut(text, "${")
		if found && strings.HasSuffix(before, "$") {
			literal += before + "{"
			text = rest
			continue
		}
		if literal += before; literal != "" {
			t.parts = append(t.parts, part{text: literal})
			literal = ""
		}
		if !found {
			return t, nil
		}
		n := closing(rest)
		if n < 0 {
			return nil, errors.New("a ${ has no }: write ${labels.NAME}, or $${ for the characters themselves")
		}
		c, err := l.compile(s, rest[:n], nil)
		if err != nil {
			return nil, fmt.Errorf("${%s}: %v", clipText(rest[:n]), err)
		}
		t.parts = append(t.parts, part{expr: c})
		text = rest[n+1:]
	}
}

// closing finds the } that ends an expression, past those in texts and in
// nested braces; -1: there is none.
func closing(s string) int {
	depth, quoted := 0, byte(0)
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case quoted != 0:
			if c == '\\' {
				i++
			} else if c == quoted {
				quoted = 0
			}
		case c == '"' || c == '\'':
			quoted = c
		case c == '{':
			depth++
		case c == '}' && depth > 0:
			depth--
		case c == '}':
			return i
		}
	}
	return -1
}

// text fills the template; the result is cut at TemplateResult bytes.
func (t *template) text(v *view) (string, error) {
	if len(t.parts) == 1 {
		if e := t.parts[0].expr; e != nil {
			s, err := e.asText(v)
			return cut(s, TemplateResult), err
		}
		return cut(t.parts[0].text, TemplateResult), nil
	}
	var b []byte
	for _, p := range t.parts {
		s := p.text
		if p.expr != nil {
			var err error
			if s, err = p.expr.asText(v); err != nil {
				return "", err
			}
		}
		if b = append(b, s...); len(b) > TemplateResult {
			break
		}
	}
	return cut(string(b), TemplateResult), nil
}

func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && s[n]&0xc0 == 0x80 {
		n--
	}
	return s[:n]
}
