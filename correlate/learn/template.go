package learn

import (
	"strings"

	"signalbox/itsm"
	"signalbox/itsm/cmdb"
)

// class is a kind of alert of one source, on whatever CI.
type class struct {
	source string
	name   string // of the alert's rule, else its title with ids masked
	titled bool   // name is a masked title

	worst    itsm.Severity // most severe seen; 0: none
	series   int           // alerts
	episodes []int32       // in Miner.episodes, by time
}

// template is a class on a CI: what goes off again and again.
type template struct {
	class *class
	ci    string // id of the CI, or the masked key of a provisional one
	bound bool

	labels itsm.Labels // that all its alerts have with one value

	began   itsm.Time // of the last occurrence
	weight  float64   // occurrences, decayed
	count   int
	alert   itsm.AlertNumber // of the last occurrence
	episode int32            // of the last occurrence
}

func (t *template) key() string {
	return strings.Join([]string{t.class.source, t.class.name, t.ci}, "\x00")
}

// String names the template for people.
func (t *template) String() string { return clip(t.class.name) + " on " + clip(t.ci) }

// classOf returns the name of an alert's kind. The rule's name is best; a title
// often carries numbers and ids.
func classOf(e *itsm.Event) (name string, titled bool) {
	if n := e.Labels.Get("alertname"); n != "" {
		return n, false
	}
	return mask(e.Title), true
}

// idRunMin is how long a run of hexadecimal digits is at least to be an id.
const idRunMin = 5

// mask writes # for numbers and ids: "pod web-7d9f8b-x2 restarted 5 times" and its
// like are then one text.
func mask(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		n, digits := hexRun(s[i:])
		switch {
		case n == 0:
			b.WriteByte(s[i])
			i++
		case digits == n || digits > 0 && n >= idRunMin:
			b.WriteByte('#')
			i += n
		default:
			maskDigits(&b, s[i:i+n])
			i += n
		}
	}
	return b.String()
}

func maskDigits(b *strings.Builder, s string) {
	in := false
	for _, c := range []byte(s) {
		digit := c >= '0' && c <= '9'
		if !digit {
			b.WriteByte(c)
		} else if !in {
			b.WriteByte('#')
		}
		in = digit
	}
}

// hexRun is the length of the run of hexadecimal digits at the start of s, and how
// many of them are decimal.
func hexRun(s string) (n, digits int) {
	for n < len(s) {
		c := s[n]
		switch {
		case c >= '0' && c <= '9':
			digits++
		case c < 'a' || c > 'f':
			return n, digits
		}
		n++
	}
	return n, digits
}

// keepShared leaves the labels that both have with one value.
func keepShared(ls, other itsm.Labels) itsm.Labels {
	out := ls[:0]
	for _, l := range ls {
		if other.Get(l.Name) == l.Value {
			out = append(out, l)
		}
	}
	return out
}

// related reports whether the CMDB leads from one CI to the other already.
func related(g *cmdb.Graph, a, b string) bool {
	if g == nil {
		return false
	}
	x, okX := g.Lookup(a)
	y, okY := g.Lookup(b)
	return okX && okY && (g.Path(x, y, relatedHops) != nil || g.Path(y, x, relatedHops) != nil)
}

// relatedHops is how far the default grouping looks for a shared explanation.
const relatedHops = 3

func clip(s string) string {
	if len(s) <= nameMax {
		return s
	}
	return strings.ToValidUTF8(s[:nameMax], "") + "…"
}
