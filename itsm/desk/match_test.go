package desk

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"signalbox/itsm"
)

// TestMayBeIn holds the quick test of a record to what a search answers: it never
// says no where the text is.
func TestMayBeIn(t *testing.T) {
	t.Parallel()
	letters := rapid.StringOf(rapid.SampledFrom([]rune("abwWzZ0 19-/éK\x00")))
	rapid.Check(t, func(t *rapid.T) {
		before, text, after := letters.Draw(t, "before"), letters.Draw(t, "text"), letters.Draw(t, "after")
		n := needleOf(text)
		for _, s := range []string{before + text + after, before + strings.ToUpper(text), before, after, ""} {
			if n.in(s) && !n.mayBeIn([]byte(s)) {
				t.Fatalf("%q is in %q, the quick test says it is not", n.text, s)
			}
			if got := (exact{text, rarest(text)}).in([]byte(s)); got != strings.Contains(s, text) {
				t.Fatalf("exactly %q in %q: %v", text, s, got)
			}
			if n.ascii && n.mayBeIn([]byte(s)) != n.in(s) {
				t.Fatalf("%q in %q: quick test %v", n.text, s, n.mayBeIn([]byte(s)))
			}
		}
	})
}

// TestNeedleInNumber: only a text that no number can hold is not looked for in one.
func TestNeedleInNumber(t *testing.T) {
	t.Parallel()
	for _, q := range []string{"inc0000012", "12", "C00", "NC", "i", "lr00", "ALR", "9"} {
		if !needleOf(q).digits {
			t.Errorf("%q is not looked for in numbers", q)
		}
	}
	for _, q := range []string{"nowhere", "-1", "é", "inc 12"} {
		if needleOf(q).digits {
			t.Errorf("%q is looked for in numbers", q)
		}
	}
	in := &itsm.Incident{Number: 12}
	if !needleOf("nC00").inIncident(in) || needleOf("c13").inIncident(in) {
		t.Error("an incident is not found by its number")
	}
}
