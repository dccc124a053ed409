package desk

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"signalbox/itsm"
)

// needle is a text to search for without regard to case. Letters outside ASCII
// are compared in lower case; within ASCII no copy is made.
type needle struct {
	text   string // in lower case
	ascii  bool
	rare   int  // place of the letter that texts hold least often
	digits bool // a number such as INC0000001 may hold it: there is no letter but those before the digits
}

// usual are the letters that stored records hold most often, the most frequent
// first; one that is not among them is rarer than all of these.
const usual = "e0ta1ino2srl3c-d.m4p5hu6g7bf8y9 v/w:k_xjqz"

// needleOf prepares a text as a person typed it. The letters of numbers are those
// before the digits of any number.
func needleOf(q string) needle {
	const numbers = "incalr0123456789"
	n := needle{text: strings.ToLower(strings.TrimSpace(q)), ascii: true, digits: true}
	n.rare = rarest(n.text)
	for i := range len(n.text) {
		c := n.text[i]
		n.ascii = n.ascii && c < utf8.RuneSelf
		n.digits = n.digits && strings.IndexByte(numbers, c) >= 0
	}
	return n
}

// rarest is the place of the letter of text that records hold least often.
func rarest(text string) (at int) {
	best := -1
	for i := range len(text) {
		rank := strings.IndexByte(usual, lower(text[i]))
		if rank < 0 {
			rank = len(usual)
		}
		if rank > best {
			best, at = rank, i
		}
	}
	return at
}

func (n needle) empty() bool { return n.text == "" }

// in reports whether s contains the needle.
func (n needle) in(s string) bool {
	if !n.ascii {
		return strings.Contains(strings.ToLower(s), n.text)
	}
	return foldIndex(s, n.text)
}

// mayBeIn is a quick test on a stored record, whose texts lie in it as they are:
// false means that none of them contains the needle. A search passes over thousands
// of records, so it goes from one rare letter to the next, in either case.
func (n needle) mayBeIn(record []byte) bool {
	if !n.ascii || n.text == "" {
		return true
	}
	c := n.text[n.rare]
	same := func(s []byte) bool { return lower(s[0]) == n.text[0] && foldPrefix(s, n.text) }
	return around(record, len(n.text), n.rare, c, same) || 'a' <= c && c <= 'z' && around(record, len(n.text), n.rare, c-'a'+'A', same)
}

// around goes from one c in a record to the next, and reports whether a text of so many
// bytes, of which c is the one at rare, is there: same is asked of what follows its
// beginning.
func around(record []byte, size, rare int, c byte, same func([]byte) bool) bool {
	last := len(record) - size // where the text can begin at the latest
	for at := rare; at-rare <= last; at++ {
		next := bytes.IndexByte(record[at:], c)
		if next < 0 {
			return false
		}
		at += next
		if begin := at - rare; begin <= last && same(record[begin:]) {
			return true
		}
	}
	return false
}

// foldIndex reports whether s contains q, which is ASCII in lower case.
func foldIndex(s, q string) bool {
	if q == "" {
		return true
	}
	first := q[0]
	for i := 0; i+len(q) <= len(s); i++ {
		if lower(s[i]) == first && foldPrefix(s[i:], q) {
			return true
		}
	}
	return false
}

func foldPrefix[S string | []byte](s S, q string) bool {
	for j := 1; j < len(q); j++ {
		if lower(s[j]) != q[j] {
			return false
		}
	}
	return true
}

// lower folds one letter of ASCII.
func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

func (n needle) inAny(list []string) bool {
	for _, s := range list {
		if n.in(s) {
			return true
		}
	}
	return false
}

func (n needle) inLabels(ls itsm.Labels) bool {
	for i := range ls {
		if n.in(ls[i].Name) || n.in(ls[i].Value) {
			return true
		}
	}
	return false
}

// inIncident searches what the list of incidents shows.
func (n needle) inIncident(in *itsm.Incident) bool {
	return n.digits && n.in(in.Number.String()) || n.in(in.Title) || n.inAny(in.CIs) || n.inAny(in.Services) ||
		n.inAny(in.Unbound) || n.inLabels(in.Labels)
}

// inAlert searches what the list of alerts shows, and the key.
func (n needle) inAlert(a *itsm.Alert) bool {
	return n.digits && n.in(a.Number.String()) || n.in(a.Title) || n.in(string(a.Key)) || n.in(a.CI) ||
		n.in(a.Provisional) || n.inLabels(a.Labels)
}

// exact is a value that must match as it is, and the place of its rarest letter.
type exact struct {
	text string
	rare int
}

func exactly[S ~string](values []S) (out []exact) {
	for _, v := range values {
		out = append(out, exact{string(v), rarest(string(v))})
	}
	return out
}

// in reports whether the value is somewhere in a stored record.
func (x exact) in(record []byte) bool {
	if x.text == "" {
		return true
	}
	return around(record, len(x.text), x.rare, x.text[x.rare], func(s []byte) bool { return string(s[:len(x.text)]) == x.text })
}

// anyIn is a quick test on a stored record for values that must match exactly.
func anyIn(values []exact, record []byte) bool {
	for _, v := range values {
		if v.in(record) {
			return true
		}
	}
	return len(values) == 0
}

// anyOf reports whether have is one of want; no want is no condition.
func anyOf[T comparable](want []T, have ...T) bool {
	for _, w := range want {
		for _, h := range have {
			if w == h {
				return true
			}
		}
	}
	return len(want) == 0
}
