package api

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"signalbox/itsm"
)

// FuzzDecodeObject reads any body into inputs of several shapes: it is refused
// with words for the sender, or it is JSON that reads the same when written again.
func FuzzDecodeObject(f *testing.F) {
	for _, b := range []string{`{"from": "a", "type": "depends_on", "to": "b", "affected": "a"}`, `{"name": "x", "class": "Server", "tier": 2, "aliases": ["y"], "attributes": {"a": 12345678901234567890}}`,
		`{"from": "a", "from": "b"}`, `{"From": "a"}`, `{"tier": 1e9}`, `{} {}`, `[]`, `{"attributes": {"a": {"b": [null]}}}`} {
		f.Add([]byte(b))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		checkObject(t, b, &relationInput{}, &relationInput{})
		checkObject(t, b, &ciInput{}, &ciInput{})
	})
}

func checkObject(t *testing.T, b []byte, v, again any) {
	if err := decodeObject(b, v); err != nil {
		if c := itsm.CodeOf(err); c != itsm.Invalid && c != itsm.TooLarge || itsm.MessageOf(err) == "" {
			t.Fatalf("%q: %v has code %s", b, err, c)
		}
		return
	}
	if !json.Valid(b) {
		t.Fatalf("%q is taken and is not JSON", b)
	}
	out, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	if err := decodeObject(out, again); err != nil {
		t.Fatalf("%q, from %q: %v", out, b, err)
	}
	twice, err := json.Marshal(again)
	if d := cmp.Diff(string(out), string(twice)); err != nil || d != "" {
		t.Fatalf("%q (-once +twice): %v\n%s", b, err, d)
	}
}
