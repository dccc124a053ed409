package console

import (
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Bounds of what a page shows of one value. The API has the whole value.
const (
	titleRunesMax = 160
	lineRunesMax  = 240
	valueRunesMax = 1500
	blockRunesMax = 32 << 10
	linkBytesMax  = 2048
	marksMax      = 4 // combining marks on one letter; real scripts need three
)

// printable reports whether a character may reach a page. C0 and C1 controls can
// hide text, bidi controls and tag characters can reorder or smuggle it.
func printable(r rune) bool {
	switch {
	case r < 0x20, r >= 0x7f && r <= 0x9f:
		return r == '\n' || r == '\t'
	case r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069, r == 0x061c, r == 0x200e, r == 0x200f:
		return false
	case r == 0x2028, r == 0x2029, r == 0x200b, r == 0xfeff, r >= 0xe0000 && r <= 0xe007f:
		return false
	}
	return true
}

// line makes hostile text fit for one line: nothing unprintable, white space
// collapsed, at most limit characters. It never reads further than it shows.
func line(s string, limit int) string { return bounded(s, limit, false) }

// block is line for text whose line breaks matter.
func block(s string, limit int) string { return bounded(s, limit, true) }

func bounded(s string, limit int, breaks bool) string {
	if plain(s, limit, breaks) {
		return strings.Clone(s)
	}
	return fitted(s, limit, breaks)
}

// fitted is bounded a letter at a time.
func fitted(s string, limit int, breaks bool) string {
	var b strings.Builder
	b.Grow(min(len(s), 4*limit))
	n, marks, space := 0, 0, true // space: leading white space goes too
	for i, r := range s {
		if n >= limit || i > 16*limit { // the second bound: a megabyte of nothing but controls
			return strings.TrimRight(b.String(), " ") + "…"
		}
		if !breaks && (unicode.IsSpace(r) || r == 0x2028 || r == 0x2029) {
			if !space {
				b.WriteByte(' ')
				n++
			}
			space = true
			continue
		}
		if !printable(r) {
			continue
		}
		if unicode.Is(unicode.Mn, r) || unicode.Is(unicode.Me, r) {
			if marks++; marks > marksMax {
				continue
			}
		} else {
			marks = 0
		}
		b.WriteRune(r) // a broken byte arrives as U+FFFD
		n++
		space = false
	}
	return strings.TrimRight(b.String(), " ")
}

// plain reports whether bounded leaves s as it is, which it nearly always does: it is
// short, in ASCII, and without space to take out.
func plain(s string, limit int, breaks bool) bool {
	if len(s) > limit || s != "" && s[len(s)-1] == ' ' {
		return false
	}
	space := !breaks // before it is space that goes
	for i := range len(s) {
		switch c := s[i]; {
		case c > ' ' && c < 0x7f:
			space = false
		case c == ' ' && !space:
			space = !breaks
		case breaks && (c == '\n' || c == '\t'):
		default:
			return false
		}
	}
	return true
}

// middle shortens s to limit characters by taking out the middle: the end of a
// host name often says more than its middle.
func middle(s string, limit int) string {
	rs := []rune(line(s, lineRunesMax))
	if len(rs) <= limit {
		return string(rs)
	}
	head := (limit - 1) / 2
	return string(rs[:head]) + "…" + string(rs[len(rs)-(limit-1-head):])
}

// scrub removes from finished HTML every character that no template of ours
// writes and no text may smuggle in. It works in place.
func scrub(html []byte) []byte {
	out := html[:0]
	for i := 0; i < len(html); {
		if c := html[i]; c >= 0x20 && c < 0x7f || c == '\n' {
			out = append(out, c)
			i++
			continue
		}
		r, size := utf8.DecodeRune(html[i:])
		if printable(r) && !(r == utf8.RuneError && size == 1) {
			out = append(out, html[i:i+size]...)
		}
		i += size
	}
	return out
}

// webLink returns u if it is a plain http or https address, else "".
func webLink(u string) string {
	if len(u) > linkBytesMax {
		return ""
	}
	p, err := url.Parse(strings.TrimSpace(u))
	if err != nil || p.Host == "" || (p.Scheme != "http" && p.Scheme != "https") {
		return ""
	}
	return p.String()
}

// localPath returns p if it is a path on this server, else "/". It is what a
// sign-in or an action may lead back to.
func localPath(p string) string {
	if len(p) > linkBytesMax || !strings.HasPrefix(p, "/") || strings.HasPrefix(p, "//") || strings.ContainsAny(p, "\\\r\n\t\x00") {
		return "/"
	}
	u, err := url.Parse(p)
	if err != nil || u.IsAbs() || u.Host != "" || u.User != nil {
		return "/"
	}
	for _, r := range p {
		if !printable(r) {
			return "/"
		}
	}
	return p
}

// plural writes "1 alert", "3 alerts".
func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return thousands(n) + " " + many
}
