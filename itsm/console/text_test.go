package console

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"signalbox/itsm"
)

func TestLine(t *testing.T) {
	for _, c := range []struct {
		name, in string
		limit    int
		want     string
	}{
		{"plain", "disk full", 20, "disk full"},
		{"white space", "  disk \t\n full  ", 20, "disk full"},
		{"nul and escape", "a\x00b\x1b[31mc", 20, "ab[31mc"},
		{"c1", "a\u0085b\u009bc", 20, "a bc"}, // U+0085 is white space
		{"bidi", "a\u202e\u2066b\u200f", 20, "ab"},
		{"tags", "a\U000e0041b", 20, "ab"},
		{"broken utf-8", "a\xffb", 20, "a\ufffdb"},
		{"cut", "abcdefgh", 3, "abc…"},
		{"exactly", "abc", 3, "abc"},
		{"cut counts characters", "äöüß", 3, "äöü…"},
		{"marks", "e" + strings.Repeat("\u0301", 90), 50, "e" + strings.Repeat("\u0301", marksMax)},
		{"emoji stays", "🔥 down 👩‍🚒", 20, "🔥 down 👩‍🚒"},
		{"nothing but controls", strings.Repeat("\x01", 1<<20), 10, "…"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := line(c.in, c.limit); got != c.want {
				t.Errorf("line(%.40q, %d) = %q, want %q", c.in, c.limit, got, c.want)
			}
		})
	}
	if got := block("a\n  b\x00\n", 20); got != "a\n  b\n" {
		t.Errorf("block keeps line breaks and indents: got %q", got)
	}
}

func TestMiddle(t *testing.T) {
	for in, want := range map[string]string{"short": "short", "orders-db-primary-17": "order…ry-17"} {
		if got := middle(in, 11); got != want {
			t.Errorf("middle(%q, 11) = %q, want %q", in, got, want)
		}
	}
}

func TestScrub(t *testing.T) {
	in := "<p title=\"a\u202eb\">x\x00y\x7fz\u2028\xff ü 👍\n</p>"
	if got, want := string(scrub([]byte(in))), "<p title=\"ab\">xyz ü 👍\n</p>"; got != want {
		t.Errorf("scrub = %q, want %q", got, want)
	}
}

func TestWebLink(t *testing.T) {
	for in, want := range map[string]string{
		"https://a.example/x?y=1#z": "https://a.example/x?y=1#z",
		"http://a.example":          "http://a.example",
		"javascript:alert(1)":       "",
		"JAVASCRIPT:alert(1)":       "",
		"\x01javascript:alert(1)":   "",
		"data:text/html,x":          "",
		"//a.example":               "",
		"/local":                    "",
		"https:":                    "",
		"ftp://a.example":           "",
		"https://a.example/" + strings.Repeat("x", linkBytesMax): "",
	} {
		if got := webLink(in); got != want {
			t.Errorf("webLink(%.60q) = %q, want %q", in, got, want)
		}
	}
}

func TestLocalPath(t *testing.T) {
	for in, want := range map[string]string{
		"/":                             "/",
		"/incidents/INC0000001?x=1#why": "/incidents/INC0000001?x=1#why",
		"":                              "/",
		"incidents":                     "/",
		"//evil.example":                "/",
		"/\\evil.example":               "/",
		"https://evil.example/":         "/",
		"/\t/evil.example":              "/",
		"/a\r\nSet-Cookie: x=y":         "/",
		"/a\u202eb":                     "/",
		"/%":                            "/",
		"/" + strings.Repeat("a", 4000): "/",
	} {
		if got := localPath(in); got != want {
			t.Errorf("localPath(%.60q) = %q, want %q", in, got, want)
		}
	}
}

func TestAgo(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "just now", 9 * time.Second: "just now", 10 * time.Second: "10 s ago", 59 * time.Second: "59 s ago",
		time.Minute: "1 min ago", 59*time.Minute + 59*time.Second: "59 min ago", time.Hour: "1 h ago", 90 * time.Minute: "1 h 30 min ago",
		11*time.Hour + 20*time.Minute: "11 h ago", 26 * time.Hour: "1 d 2 h ago", 400 * time.Hour: "16 d ago",
		-9 * time.Second: "just now", -30 * time.Second: "in 30 s", -5 * time.Minute: "in 5 min",
	} {
		if got := ago(d); got != want {
			t.Errorf("ago(%v) = %q, want %q", d, got, want)
		}
	}
	if w := at(0, fixedNow); w != (when{}) {
		t.Errorf("the unknown time is shown as %+v, want nothing", w)
	}
	if got, want := at(itsm.TimeOf(fixedNow), fixedNow).Exact, "Sat 21 Nov 2026, 02:51:00 UTC"; got != want {
		t.Errorf("exact time %q, want %q", got, want)
	}
}

func TestNumbers(t *testing.T) {
	for in, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -12345: "-12,345"} {
		if got := thousands(in); got != want {
			t.Errorf("thousands(%d) = %q, want %q", in, got, want)
		}
	}
	for in, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1024: "1 KiB", 3 << 20: "3.0 MiB", 41 << 30: "41.0 GiB"} {
		if got := byteSize(in); got != want {
			t.Errorf("byteSize(%d) = %q, want %q", in, got, want)
		}
	}
	for in, want := range map[int]string{1000: "100 %", 934: "93.4 %", 0: "0 %"} {
		if got := decimalPercent(in); got != want {
			t.Errorf("decimalPercent(%d) = %q, want %q", in, got, want)
		}
	}
}

func FuzzLine(f *testing.F) {
	f.Add("a\x00\u202eb", 5)
	f.Fuzz(func(t *testing.T, s string, limit int) {
		limit = 1 + (limit&0x7fffffff)%300
		for _, got := range []string{line(s, limit), block(s, limit)} {
			if n := utf8.RuneCountInString(got); n > limit+1 {
				t.Errorf("%d characters of %q, want at most %d", n, s, limit+1)
			}
			if out := string(scrub([]byte(got))); out != got {
				t.Errorf("scrub finds something left in %q: %q", got, out)
			}
		}
	})
}

// TestPlain: what is taken to need nothing comes out the same a letter at a time.
func TestPlain(t *testing.T) {
	t.Parallel()
	letters := rapid.StringOf(rapid.SampledFrom([]rune("ab~  \n\té\x00\x7f")))
	rapid.Check(t, func(t *rapid.T) {
		s, limit, breaks := letters.Draw(t, "text"), rapid.IntRange(0, 12).Draw(t, "limit"), rapid.Bool().Draw(t, "breaks")
		if got, want := bounded(s, limit, breaks), fitted(s, limit, breaks); got != want {
			t.Fatalf("%q up to %d, breaks %v: %q, want %q", s, limit, breaks, got, want)
		}
	})
	if !plain("host-1 is down", 20, false) || plain("two  spaces", 20, false) {
		t.Error("plain tells nothing apart")
	}
}
