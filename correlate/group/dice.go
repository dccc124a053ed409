package group

import (
	"slices"
)

// shinglesMax bounds the part of a title that is compared.
const shinglesMax = 128

// dice returns the Sørensen–Dice coefficient of the 3-shingles of two masked
// titles, in thousandths.
func dice(a, b string) int {
	var bufA, bufB [shinglesMax]uint32
	x, y := shingles(bufA[:0], a), shingles(bufB[:0], b)
	if len(x) == 0 || len(y) == 0 {
		return 0
	}
	common, i, j := 0, 0, 0
	for i < len(x) && j < len(y) {
		switch {
		case x[i] == y[j]:
			common, i, j = common+1, i+1, j+1
		case x[i] < y[j]:
			i++
		default:
			j++
		}
	}
	return 2000 * common / (len(x) + len(y))
}

// shingles returns the distinct runs of three letters of s, sorted. Digits are
// masked, for they are mostly ids and values.
func shingles(buf []uint32, s string) []uint32 {
	var w uint32
	for i := 0; i < len(s) && len(buf) < shinglesMax; i++ {
		c := s[i]
		switch {
		case c >= '0' && c <= '9':
			c = '#'
		case c >= 'A' && c <= 'Z':
			c += 'a' - 'A'
		}
		if c == '#' && byte(w) == '#' {
			continue
		}
		if w = w<<8&0xffffff | uint32(c); i >= 2 && w > 0xffff {
			buf = append(buf, w)
		}
	}
	slices.Sort(buf)
	return slices.Compact(buf)
}
