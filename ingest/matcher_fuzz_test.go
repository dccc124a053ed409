package ingest

import (
	"testing"

	"signalbox/itsm"
)

// FuzzParseMatcher reads any text as a label matcher. It is refused with words for
// the sender, or says of a label's value the opposite of its negation.
func FuzzParseMatcher(f *testing.F) {
	for _, s := range []string{`alertname="DiskFull"`, `alertname=~"Disk.*"`, `a!=b`, `a!~"("`, `"quoted name"="v"`, `=x`, `a`, `a=~(a{999}){999}`, `a="\u00e9"`} {
		f.Add(s, "DiskFull")
	}
	f.Fuzz(func(t *testing.T, s, value string) {
		m, err := parseMatcher(s)
		if err != nil {
			if itsm.CodeOf(err) != itsm.Invalid || itsm.MessageOf(err) == "" {
				t.Fatalf("%q: %v", s, err)
			}
			return
		}
		opposite := m
		opposite.not = !m.not
		for _, v := range []string{value, m.value, ""} {
			ls := itsm.NewLabels([]itsm.Label{{Name: m.name, Value: v}})
			if m.matches(ls) == opposite.matches(ls) {
				t.Fatalf("%q and its negation agree on %q", s, v)
			}
			if m.re == nil && m.matches(ls) != ((v == m.value) != m.not) {
				t.Fatalf("%q on %q: %v", s, v, m.matches(ls))
			}
		}
	})
}
