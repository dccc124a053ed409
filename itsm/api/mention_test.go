package api

import (
	"encoding/json"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"signalbox/itsm"
)

// TestMayMention: the quick test never says no where the words of a problem contain
// the text.
func TestMayMention(t *testing.T) {
	t.Parallel()
	letters := rapid.StringOf(rapid.SampledFrom([]rune("abKk İ\u212a\u2028<&\"\\\té/-3")))
	rapid.Check(t, func(t *rapid.T) {
		p := itsm.Problem{Title: letters.Draw(t, "title"), Signature: letters.Draw(t, "signature"), RootCause: letters.Draw(t, "root cause")}
		body, err := json.Marshal(&p)
		if err != nil {
			t.Fatal(err)
		}
		all := strings.ToLower(p.Title + " " + p.Signature + " " + p.RootCause + " " + p.Workaround)
		text := letters.Draw(t, "text")
		if n := len(all); n > 0 && rapid.Bool().Draw(t, "is in it") {
			from := rapid.IntRange(0, n-1).Draw(t, "from")
			text = all[from:rapid.IntRange(from, n).Draw(t, "to")]
		}
		text = strings.ToLower(text)
		if strings.Contains(all, text) && !mayMention(body, text) {
			t.Fatalf("%q is in %q, the quick test of %s says it is not", text, all, body)
		}
	})
	if mayMention([]byte(`{"title":"Disk full"}`), "nowhere") || !mayMention([]byte(`{"title":"Disk full"}`), "disk") {
		t.Error("the quick test tells nothing apart")
	}
}
