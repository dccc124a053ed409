package cmdb

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"unicode/utf8"
)

// scanner reads JSON that is in memory, strictly, and knows its line. It exists
// because a problem report needs the line of every field, and because a million
// CIs must pass in seconds.
type scanner struct {
	b    []byte
	i    int
	line int
	err  error // first syntax error; everything stops at it
	text []byte
}

func (s *scanner) failf(format string, args ...any) {
	if s.err == nil {
		s.err = fmt.Errorf(format, args...)
	}
}

// peek skips white space and returns the next byte, 0 at the end.
func (s *scanner) peek() byte {
	for s.i < len(s.b) {
		switch c := s.b[s.i]; c {
		case '\n':
			s.line++
			s.i++
		case ' ', '\t', '\r':
			s.i++
		default:
			return c
		}
	}
	return 0
}

// next consumes c, which must come next.
func (s *scanner) next(c byte) bool {
	if s.err != nil {
		return false
	}
	if got := s.peek(); got != c {
		s.failf("expected %q, found %s", c, s.found(got))
		return false
	}
	s.i++
	return true
}

func (s *scanner) found(c byte) string {
	if c == 0 && s.i >= len(s.b) {
		return "the end"
	}
	return strconv.Quote(string(rune(c)))
}

// each calls fn for every element of an array or key of an object until a
// syntax error; fn consumes the value.
func (s *scanner) each(open, end byte, fn func()) {
	if !s.next(open) {
		return
	}
	if s.peek() == end {
		s.i++
		return
	}
	for s.err == nil {
		fn()
		if s.err != nil {
			return
		}
		switch c := s.peek(); c {
		case ',':
			s.i++
		case end:
			s.i++
			return
		default:
			s.failf("expected ',' or %q, found %s", end, s.found(c))
		}
	}
}

// str reads a string. What it returns is valid until the next call.
func (s *scanner) str() []byte {
	if !s.next('"') {
		return nil
	}
	start := s.i
	for s.i < len(s.b) {
		switch c := s.b[s.i]; {
		case c == '"':
			s.i++
			if out := s.b[start : s.i-1]; utf8.Valid(out) {
				return out
			}
			s.failf("the text is not UTF-8")
			return nil
		case c == '\\':
			return s.escaped(start)
		case c < 0x20:
			s.failf("a control character must be written as \\u%04x", c)
			return nil
		}
		s.i++
	}
	s.failf("a string does not end")
	return nil
}

// escaped reads the rest of a string with escapes in it.
func (s *scanner) escaped(start int) []byte {
	s.text = append(s.text[:0], s.b[start:s.i]...)
	for s.i < len(s.b) && s.err == nil {
		switch c := s.b[s.i]; {
		case c == '"':
			s.i++
			if !utf8.Valid(s.text) {
				s.failf("the text is not UTF-8")
			}
			return s.text
		case c == '\\':
			s.escape()
		case c < 0x20:
			s.failf("a control character must be written as \\u%04x", c)
		default:
			s.text = append(s.text, c)
			s.i++
		}
	}
	s.failf("a string does not end")
	return nil
}

func (s *scanner) escape() {
	if s.i+1 >= len(s.b) {
		s.failf("a string does not end")
		return
	}
	c := s.b[s.i+1]
	if c == 'u' {
		s.unicode()
		return
	}
	i := bytes.IndexByte([]byte(`"\/bfnrt`), c)
	if i < 0 {
		s.failf("\\%c is no escape", c)
		return
	}
	s.text = append(s.text, "\"\\/\b\f\n\r\t"[i])
	s.i += 2
}

// unicode reads \uXXXX, with its second half if it is a surrogate.
func (s *scanner) unicode() {
	r := s.hex4(s.i)
	s.i += 6
	if r >= 0xd800 && r < 0xdc00 && s.i+1 < len(s.b) && s.b[s.i] == '\\' && s.b[s.i+1] == 'u' {
		if low := s.hex4(s.i); low >= 0xdc00 && low < 0xe000 {
			r = 0x10000 + (r-0xd800)<<10 + (low - 0xdc00)
			s.i += 6
		}
	}
	s.text = utf8.AppendRune(s.text, r) // half a surrogate becomes U+FFFD
}

func (s *scanner) hex4(at int) rune {
	if at+6 > len(s.b) {
		s.failf("\\u needs four hexadecimal digits")
		return 0
	}
	v, err := strconv.ParseUint(string(s.b[at+2:at+6]), 16, 32)
	if err != nil {
		s.failf("\\u needs four hexadecimal digits")
	}
	return rune(v)
}

// word reads a number, true, false or null as written.
func (s *scanner) word() []byte {
	s.peek()
	start := s.i
	for s.i < len(s.b) {
		c := s.b[s.i]
		if c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '-' || c == '+' || c == '.' {
			s.i++
			continue
		}
		break
	}
	w := s.b[start:s.i]
	switch string(w) {
	case "true", "false", "null":
		return w
	}
	if !isNumber(w) {
		s.i = start
		s.failf("expected a value, found %s", s.found(s.peek()))
		return nil
	}
	return w
}

// isNumber reports whether b is a number by JSON's grammar.
func isNumber(b []byte) bool {
	digits := func() bool {
		n := 0
		for n < len(b) && b[n] >= '0' && b[n] <= '9' {
			n++
		}
		b = b[n:]
		return n > 0
	}
	if len(b) > 0 && b[0] == '-' {
		b = b[1:]
	}
	if len(b) > 1 && b[0] == '0' && b[1] >= '0' && b[1] <= '9' || !digits() {
		return false
	}
	if len(b) > 0 && b[0] == '.' {
		if b = b[1:]; !digits() {
			return false
		}
	}
	if len(b) > 0 && (b[0] == 'e' || b[0] == 'E') {
		if b = b[1:]; len(b) > 0 && (b[0] == '+' || b[0] == '-') {
			b = b[1:]
		}
		if !digits() {
			return false
		}
	}
	return len(b) == 0
}

// canonical appends the next value in canonical form: no white space, keys in
// order, the first of equal keys, numbers as written.
func (s *scanner) canonical(dst []byte, depth int) []byte {
	if depth > AttributeDepthMax {
		s.failf("nested more than %d deep", AttributeDepthMax)
		return dst
	}
	switch s.peek() {
	case '"':
		return appendJSON(dst, s.str())
	case '[':
		dst = append(dst, '[')
		n := len(dst)
		s.each('[', ']', func() {
			if len(dst) > n {
				dst = append(dst, ',')
			}
			dst = s.canonical(dst, depth+1)
		})
		return append(dst, ']')
	case '{':
		return s.canonicalObject(dst, depth)
	}
	return append(dst, s.word()...)
}

// canonicalObject writes the members as they come and then puts them in order.
func (s *scanner) canonicalObject(dst []byte, depth int) []byte {
	type member struct{ key, start, end int } // places in dst
	var members []member
	base := len(dst)
	s.each('{', '}', func() {
		m := member{key: len(dst)}
		dst = appendJSON(dst, s.str())
		s.next(':')
		m.start = len(dst)
		dst = s.canonical(append(dst, ':'), depth+1)
		m.end = len(dst)
		members = append(members, m)
	})
	if s.err != nil {
		return dst
	}
	keyOf := func(m member) []byte { return dst[m.key:m.start] }
	slices.SortStableFunc(members, func(a, b member) int { return bytes.Compare(keyOf(a), keyOf(b)) })
	out := append(make([]byte, 0, len(dst)-base+2), '{')
	for i, m := range members {
		if i > 0 {
			if bytes.Equal(keyOf(members[i-1]), keyOf(m)) {
				continue
			}
			out = append(out, ',')
		}
		out = append(out, dst[m.key:m.end]...)
	}
	return append(append(dst[:base], out...), '}')
}

const hexDigits = "0123456789abcdef"

// appendJSON appends valid UTF-8 as a JSON string with no more escapes than needed.
func appendJSON[T []byte | string](dst []byte, s T) []byte {
	dst = append(dst, '"')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c == '\n':
			dst = append(dst, '\\', 'n')
		case c == '\r':
			dst = append(dst, '\\', 'r')
		case c == '\t':
			dst = append(dst, '\\', 't')
		case c < 0x20:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}

// canonicalJSON rewrites one JSON value in canonical form.
func canonicalJSON(raw []byte) ([]byte, error) {
	s := scanner{b: raw, line: 1}
	out := s.canonical(nil, 0)
	if s.err == nil && s.peek() != 0 {
		s.failf("something follows the value")
	}
	return out, s.err
}
