package connectors

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestCuts(t *testing.T) {
	for _, c := range []struct {
		in          string
		n           int
		bytes, runs string // by Cut and by CutRunes
	}{
		{"", 5, "", ""},
		{"plain", 5, "plain", "plain"},
		{"plainer", 5, "pl…", "plai…"},
		{"äöüäö", 5, "ä…", "äöüäö"},
		{"äöüäöü", 5, "ä…", "äöüä…"},
		{"日本語です", 7, "日…", "日本語です"},
		{"日本語です", 4, "…", "日本語…"},
		{"long", 1, "…", "…"},
	} {
		if got := Cut(c.in, c.n); got != c.bytes {
			t.Errorf("Cut(%q, %d) = %q, want %q", c.in, c.n, got, c.bytes)
		}
		if got := CutRunes(c.in, c.n); got != c.runs {
			t.Errorf("CutRunes(%q, %d) = %q, want %q", c.in, c.n, got, c.runs)
		}
	}
}

func FuzzCuts(f *testing.F) {
	f.Add("a title with ä, 日 and \xff", 9)
	f.Fuzz(func(t *testing.T, s string, n int) {
		n = 3 + (n&0xff+0x100)%0x100
		if got := Cut(s, n); len(got) > n || utf8.ValidString(s) && !utf8.ValidString(got) {
			t.Errorf("Cut(%q, %d) = %q", s, n, got)
		}
		if got := CutRunes(s, n); utf8.RuneCountInString(got) > n || !strings.HasPrefix(s, strings.TrimSuffix(got, ellipsis)) {
			t.Errorf("CutRunes(%q, %d) = %q", s, n, got)
		}
	})
}

func TestOneLine(t *testing.T) {
	for in, want := range map[string]string{
		"":                            "",
		" disk  full ":                " disk  full ",
		"a\r\nBcc: b\x00c\x7fd":       "a Bcc: b c d",
		"one\u2028two\u2029three\n\n": "one two three",
		"half \xff rune":              "half ? rune",
	} {
		if got := OneLine(in); got != want {
			t.Errorf("OneLine(%q) = %q, want %q", in, got, want)
		}
	}
}
