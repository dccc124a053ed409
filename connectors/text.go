package connectors

import (
	"cmp"
	"strings"
	"unicode/utf8"

	"signalbox/itsm"
)

// ellipsis stands where something is missing.
const ellipsis = "…"

// Cut shortens s to at most n bytes for a partner that has a limit: at a rune's
// border, with an ellipsis where something is missing.
func Cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return Head(s, max(0, n-len(ellipsis))) + ellipsis
}

// CutRunes shortens s to at most n characters, for a partner that counts those.
func CutRunes(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	end := 0
	for range n - 1 {
		_, size := utf8.DecodeRuneInString(s[end:])
		end += size
	}
	return s[:end] + ellipsis
}

// Head is the beginning of s, at most n bytes, ending at a rune's border.
func Head(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// OneLine keeps a text from looking like several: control characters and the
// separators of lines and paragraphs become one space.
func OneLine(s string) string {
	return strings.Join(strings.FieldsFunc(strings.ToValidUTF8(s, "?"), endsLine), " ")
}

func endsLine(r rune) bool { return r < ' ' || r == 0x7f || r == '\u2028' || r == '\u2029' }

// ResolvedBy says of an intent to resolve who did it, and how or why.
func ResolvedBy(in *itsm.Intent) string {
	s := &in.Snapshot
	return "resolved by " + cmp.Or(s.ResolvedBy, in.Actor) + ": " + cmp.Or(s.CloseNote, in.Text, "every alert is clear")
}
