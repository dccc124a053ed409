package connectors

import "unicode/utf8"

// Cut shortens s to at most n bytes for a partner that has a limit: at a rune's
// border, with an ellipsis where something is missing.
func Cut(s string, n int) string {
	const ellipsis = "…"
	if len(s) <= n {
		return s
	}
	return Head(s, max(0, n-len(ellipsis))) + ellipsis
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
