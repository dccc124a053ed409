package cmdb

import (
	"net/netip"
	"strings"
)

// folds maps a byte to its folded form: names are compared without regard to
// ASCII case, and a space, "_" and "-" are the same joint between words.
var folds = func() (t [256]byte) {
	for i := range t {
		t[i] = byte(i)
	}
	for c := 'A'; c <= 'Z'; c++ {
		t[c] = byte(c) | 0x20
	}
	t[' '], t['_'] = '-', '-'
	return t
}()

// hashFold hashes s so that names that fold to the same have the same hash.
// Letters outside ASCII are folded by the caller of the index, see foldWide.
func hashFold(s string) uint64 {
	h := uint64(14695981039346656037)
	for i := 0; i < len(s); i++ {
		h = (h ^ uint64(folds[s[i]])) * 1099511628211
	}
	h ^= h >> 32
	h *= 0x9e3779b97f4a7c15
	return h ^ h>>29
}

// foldEqual reports whether two names fold to the same.
func foldEqual(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := 0; i < len(a); i++ {
		if a[i] != b[i] && folds[a[i]] != folds[b[i]] {
			return false
		}
	}
	return true
}

// foldWide lower-cases s when it has letters outside ASCII, where folding byte
// by byte does not reach; for all others it costs one scan and no memory.
func foldWide(s string) string {
	for i := 0; i < len(s); i++ {
		if s[i] >= 0x80 {
			return strings.ToLower(s)
		}
	}
	return s
}

// hostOf strips what surrounds a host in an address: scheme, path, port and
// the brackets of IPv6.
func hostOf(s string) string {
	if i := strings.Index(s, "://"); i >= 0 {
		s = s[i+3:]
		if j := strings.IndexAny(s, "/?#"); j >= 0 {
			s = s[:j]
		}
	}
	if strings.HasPrefix(s, "[") {
		if i := strings.IndexByte(s, ']'); i > 0 {
			return s[1:i]
		}
	}
	if i := strings.LastIndexByte(s, ':'); i > 0 && strings.IndexByte(s, ':') == i && isDigits(s[i+1:]) {
		s = s[:i]
	}
	if len(s) > 1 && s[len(s)-1] == '.' { // a fully qualified name with its root
		s = s[:len(s)-1]
	}
	return s
}

func isDigits(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// isIP reports whether s is an IP address. The first byte decides nearly always.
func isIP(s string) bool {
	if s == "" || len(s) > 45 {
		return false
	}
	c := s[0]
	if c >= '0' && c <= '9' && isDotted(s) {
		return true
	}
	if strings.IndexByte(s, ':') < 0 {
		return false
	}
	_, err := netip.ParseAddr(s)
	return err == nil
}

// isDotted reports whether s looks like an IPv4 address: four numbers.
func isDotted(s string) bool {
	dots, run := 0, 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '.':
			if run == 0 {
				return false
			}
			dots, run = dots+1, 0
		case c >= '0' && c <= '9' && run < 3:
			run++
		default:
			return false
		}
	}
	return dots == 3 && run > 0
}

// shortHost returns the first label of a fully qualified host name, or "".
func shortHost(s string) string {
	if isIP(s) {
		return ""
	}
	first := -1
	for i := 0; i < len(s); i++ {
		c := folds[s[i]]
		switch {
		case c == '.':
			if i == 0 || s[i-1] == '.' {
				return ""
			}
			if first < 0 {
				first = i
			}
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '-' && s[i] != ' ':
		default:
			return ""
		}
	}
	if first < 2 || s[len(s)-1] == '.' {
		return ""
	}
	return s[:first]
}
