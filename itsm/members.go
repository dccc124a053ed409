package itsm

import (
	"bytes"
	"slices"
)

// Members appends to dst a JSON object of those members of object that are named, as
// they stand in it. A list needs a dozen of the members of a record, and most of a
// record's bytes lie in one: decoding it all costs a list five times as much. What is
// no object comes back whole, for whoever decodes it to say so.
func Members(dst, object []byte, names ...string) []byte {
	from := len(dst)
	whole := func() []byte { return append(dst[:from], object...) }
	dst = append(dst, '{')
	rest, ok := opened(object)
	for first := true; ok && rest[0] != '}'; first = false {
		if !first {
			if rest, ok = after(rest, ','); !ok {
				break
			}
		}
		n := stringEnd(rest)
		if n < 0 {
			return whole()
		}
		name := rest[:n]
		value, found := after(rest[n:], ':')
		if !found {
			return whole()
		}
		if n = valueEnd(value); n < 0 {
			return whole()
		}
		if slices.ContainsFunc(names, func(n string) bool { return n == string(name[1:len(name)-1]) }) {
			if dst[len(dst)-1] != '{' {
				dst = append(dst, ',')
			}
			dst = append(append(append(dst, name...), ':'), value[:n]...)
		}
		rest, ok = begin(value[n:])
	}
	if !ok {
		return whole()
	}
	return append(dst, '}')
}

// begin skips white space; ok says that something follows.
func begin(b []byte) (rest []byte, ok bool) {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t' || b[0] == '\n' || b[0] == '\r') {
		b = b[1:]
	}
	return b, len(b) > 0
}

// after skips a letter and the white space around it.
func after(b []byte, c byte) (rest []byte, ok bool) {
	if b, ok = begin(b); !ok || b[0] != c {
		return nil, false
	}
	return begin(b[1:])
}

// opened goes into an object.
func opened(b []byte) (rest []byte, ok bool) { return after(b, '{') }

// stringEnd is where the string at the beginning of b ends, or -1.
func stringEnd(b []byte) int {
	if len(b) == 0 || b[0] != '"' {
		return -1
	}
	for at := 1; ; {
		n := bytes.IndexByte(b[at:], '"')
		if n < 0 {
			return -1
		}
		slashes := 0
		for slashes < n && b[at+n-1-slashes] == '\\' {
			slashes++
		}
		if at += n + 1; slashes%2 == 0 {
			return at
		}
	}
}

// valueEnd is where the value at the beginning of b ends, or -1.
func valueEnd(b []byte) int {
	depth := 0
	for at := 0; at < len(b); at++ {
		switch b[at] {
		case '"':
			n := stringEnd(b[at:])
			if n < 0 {
				return -1
			}
			if at += n - 1; depth == 0 {
				return at + 1
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth < 0 {
				return at
			}
			if depth == 0 {
				return at + 1
			}
		case ',':
			if depth == 0 {
				return at
			}
		}
	}
	return -1
}
