package source_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"signalbox/ingest/source"
	"signalbox/itsm"
)

// tree reads a whole document with the Reader, so that it can be compared with
// what encoding/json makes of it.
func tree(r *source.Reader) any {
	switch r.Peek() {
	case source.Object:
		m := map[string]any{}
		for r.Enter(); ; {
			key, ok := r.Key()
			if !ok {
				return m
			}
			v := tree(r)
			if _, dup := m[key]; !dup {
				m[key] = v
			}
		}
	case source.Array:
		l := []any{}
		for r.Enter(); r.Next(); {
			l = append(l, tree(r))
		}
		return l
	case source.String:
		return r.Str()
	case source.Number:
		return json.Number(r.Literal())
	case source.Bool:
		return r.Literal() == "true"
	case source.Null:
		r.Literal()
	}
	return nil
}

// reference reads a document with encoding/json's tokens, the first of duplicate
// keys winning.
func reference(d *json.Decoder) any {
	tok, err := d.Token()
	if err != nil {
		return nil
	}
	switch tok {
	case json.Delim('{'):
		m := map[string]any{}
		for d.More() {
			key, err := d.Token()
			if err != nil {
				return m
			}
			v := reference(d)
			if _, dup := m[key.(string)]; !dup {
				m[key.(string)] = v
			}
		}
		d.Token()
		return m
	case json.Delim('['):
		l := []any{}
		for d.More() {
			l = append(l, reference(d))
		}
		d.Token()
		return l
	}
	return tok
}

func compare(t *testing.T, body []byte) {
	t.Helper()
	if bytes.HasPrefix(body, []byte("\xef\xbb\xbf")) {
		return // encoding/json has no byte-order mark
	}
	r := source.NewReader(body, source.Bounds{})
	got := tree(r)
	err := r.End()
	if valid := json.Valid(body); valid != (err == nil) {
		if err != nil && strings.Contains(err.Error(), "nested deeper") {
			return
		}
		t.Fatalf("encoding/json says valid=%t, the reader says %v\n%q", valid, err, body)
	}
	skip := source.NewReader(body, source.Bounds{})
	skip.Skip()
	if skipErr := skip.End(); (skipErr == nil) != (err == nil) {
		t.Fatalf("skipping says %v, reading says %v\n%q", skipErr, err, body)
	}
	if err != nil {
		return
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	// Not cmp.Diff: its cost doubles with every level of nesting.
	if want := reference(d); !reflect.DeepEqual(want, got) {
		t.Fatalf("%q: encoding/json reads %#v, the reader %#v", body, want, got)
	}
}

var documents = []string{
	`{}`, `[]`, `""`, `0`, `-0`, `1e999`, `1E+5`, `-1.5e-7`, `true`, `false`, `null`, ` { "a" : [ 1 , 2 ] } `,
	`{"a":1,"a":2}`, `{"a":{"a":[{"a":null}]}}`, `"\u00e9\ud83d\ude80"`, `"\ud83d"`, `"\ud83dx"`, `"\ud83d\u0041"`, `"\ud83d\ud83d\ude80"`, `"\ude80\ud83d"`,
	"\"\xff\xfe\"", "\"a\xc3\"", "\"\xed\xa0\x80\"", `"\u0000"`, "\"\x00\"", "\"\n\"", `"\x"`, `"\u12"`, `"\uzzzz"`, `"abc`, `"abc\`, `"\"`, "\"\x7f\"",
	"\"\xe2\x80\xa8\"", `01`, `1.`, `.1`, `-`, `+1`, `1e`, `1e+`, `0x1`, `NaN`, `tru`, `nul`, `falsey`, `[1,]`, `[,1]`, `[1 2]`, `{"a"}`, `{"a":}`, `{"a":1,}`, `{a:1}`,
	`{'a':1}`, `{"a":1}}`, `[`, `{`, `[]]`, `{]`, `[}`, ``, ` `, `{"":""}`, `"abcdefg\"hijklmnop"`, `"abcdefghijklmnopqrstuvwxyz` + "\xc3\xa9" + `end"`,
	`"0123456\u0041"`, `"01234567` + "\x1f" + `"`, strings.Repeat("[", 64) + strings.Repeat("]", 64), strings.Repeat("[", 65) + strings.Repeat("]", 65),
	strings.Repeat(`{"a":`, 64) + "1" + strings.Repeat("}", 64), `/* c */ 1`, "1 // c", "\u00a01", "[1]\x00",
}

func TestReaderAgreesWithEncodingJSON(t *testing.T) {
	for i, doc := range documents {
		t.Run(strconv.Itoa(i), func(t *testing.T) { compare(t, []byte(doc)) })
	}
}

func FuzzReader(f *testing.F) {
	for _, doc := range documents {
		f.Add([]byte(doc))
	}
	f.Fuzz(compare)
}

func TestDepth(t *testing.T) {
	nested := func(n int) error {
		r := source.NewReader([]byte(strings.Repeat(`{"a":[`, n/2)+strings.Repeat(`]}`, n/2)), source.Bounds{})
		r.Skip()
		return r.End()
	}
	if err := nested(source.DepthMax); err != nil {
		t.Errorf("%d levels: %v", source.DepthMax, err)
	}
	for _, n := range []int{source.DepthMax + 2, 100_000} {
		if err := nested(n); err == nil || !strings.Contains(err.Error(), "deeper than 64") {
			t.Errorf("%d levels: got %v", n, err)
		}
	}
}

func TestFaultNamesThePlace(t *testing.T) {
	for _, c := range []struct{ doc, want string }{
		{"{\n \"a\": 1,\n \"b\" 2}", `not JSON: line 3, column 6: expected ":" after a key, found '2'`},
		{"{\"a\":\"x\n\"}", `line 1, column 8: expected no control character inside a string`},
		{"  ", "the body is empty"},
		{"{} {}", "expected the end of the document, found '{'"},
	} {
		r := source.NewReader([]byte(c.doc), source.Bounds{})
		r.Skip()
		if err := r.End(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: got %v, want %s", c.doc, err, c.want)
		}
	}
}

func TestStringsDoNotShareTheBody(t *testing.T) {
	body := []byte(`{"name":"value","esc":"a\tb"}`)
	r := source.NewReader(body, source.Bounds{})
	got := tree(r)
	for i := range body {
		body[i] = 'X'
	}
	if diff := cmp.Diff(map[string]any{"name": "value", "esc": "a\tb"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// The vectors are fingerprints that a real Alertmanager gave
// to these labels.
func TestFingerprint(t *testing.T) {
	for _, c := range []struct {
		labels map[string]string
		want   string
	}{
		{map[string]string{}, "cbf29ce484222325"},
		{map[string]string{"alertname": "X"}, "d2aeefc389ca7746"},
		{map[string]string{"alertname": "DiskFull", "instance": "db1:9100", "severity": "critical"}, "efb0c6c488e007da"},
		{map[string]string{"severity": "critical", "alertname": "DiskFull", "instance": "db1:9100", "empty": ""}, "efb0c6c488e007da"},
		{map[string]string{"alertname": "Über", "é": "ü"}, "d45c32e3598e10b9"},
	} {
		if got := source.Fingerprint(itsm.LabelsOf(c.labels)); got != c.want {
			t.Errorf("%v: got %s, want %s", c.labels, got, c.want)
		}
	}
}

func TestTitle(t *testing.T) {
	long := strings.Repeat("é", source.TitleBytesMax)
	got := source.Title(long)
	if len(got) > source.TitleBytesMax || !strings.HasSuffix(got, "é…") {
		t.Errorf("long title: %d bytes, ends %q", len(got), got[len(got)-6:])
	}
	if got := source.Title("  one \n two"); got != "one" {
		t.Errorf("got %q, want the first line", got)
	}
}

func TestManyBadShareOneEntry(t *testing.T) {
	var b source.Batch
	for i := range source.BadMax + 7 {
		var f source.Faults
		f.Reset("alerts", i)
		f.Add("status", "wrong")
		b.Add(itsm.Event{}, &f, strconv.Itoa(i))
	}
	got := b.Result("[", "]").Bad
	if len(got) != source.BadMax+1 {
		t.Fatalf("%d entries, want %d", len(got), source.BadMax+1)
	}
	last := got[source.BadMax]
	if string(last.Body) != "[100,101,102,103,104,105,106]" || !strings.Contains(last.Error, "and 6 more") {
		t.Errorf("last: %s: %s", last.Error, last.Body)
	}
}
