// Package sourcetest runs the checks every vendor decoder must pass: the cases in
// its testdata, and a fuzz target seeded with them.
//
// A case is testdata/NAME.txt with `-- body.json --` (or any body.* name) and
// `-- want --`, the decoded result as text. Run with -update to rewrite want.
package sourcetest

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"signalbox/ingest/source"
	"signalbox/itsm"
)

var update = flag.Bool("update", false, "rewrite the want sections of testdata")

// Now is when every delivery of a test arrives: 2026-11-21T12:00:00Z.
const Now itsm.Time = 1795262400000

// Run checks decode against every case of testdata.
func Run(t *testing.T, decode source.TimedDecoder) {
	t.Helper()
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("testdata/*.txt: %d files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) { runCase(t, file, decode) })
	}
}

func runCase(t *testing.T, file string, decode source.TimedDecoder) {
	ar, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	body, want := sections(t, ar)
	got := Text(decode(body, Now))
	if *update {
		ar.Files = []txtar.File{ar.Files[0], {Name: "want", Data: []byte(got)}}
		if err := os.WriteFile(file, txtar.Format(ar), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

func sections(t testing.TB, ar *txtar.Archive) (body []byte, want string) {
	t.Helper()
	for _, f := range ar.Files {
		switch {
		case strings.HasPrefix(f.Name, "body"):
			body = bytes.TrimSuffix(f.Data, []byte("\n"))
		case f.Name == "want":
			want = string(f.Data)
		default:
			t.Fatalf("unknown section %q; expected body.* and want", f.Name)
		}
	}
	return body, want
}

// Seeds returns the bodies of testdata and, where SIGNALBOX_DATA names a
// directory of captured payloads, those too.
func Seeds(tb testing.TB) [][]byte {
	tb.Helper()
	var out [][]byte
	files, _ := filepath.Glob("testdata/*.txt")
	for _, file := range files {
		ar, err := txtar.ParseFile(file)
		if err != nil {
			tb.Fatal(err)
		}
		body, _ := sections(tb, ar)
		out = append(out, body)
	}
	if dir := os.Getenv("SIGNALBOX_DATA"); dir != "" {
		captured, _ := filepath.Glob(filepath.Join(dir, "payloads", "*", "*.json"))
		more, _ := filepath.Glob(filepath.Join(dir, "payloads", "*", "json", "*.json"))
		for _, file := range append(captured, more...) {
			b, err := os.ReadFile(file)
			if err != nil {
				tb.Fatal(err)
			}
			out = append(out, b)
		}
	}
	return out
}

// Fuzz checks what must hold of a decoder for any body.
func Fuzz(f *testing.F, decode source.TimedDecoder) {
	for _, seed := range Seeds(f) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body []byte) { Check(t, decode, body) })
}

// Check decodes body and reports every broken rule: a result differs between two
// runs or refers to the body's memory, an event is not valid, or the part called
// bad decodes on its own.
func Check(t testing.TB, decode source.TimedDecoder, body []byte) {
	t.Helper()
	got, err := decode(body, Now)
	if err != nil {
		if itsm.CodeOf(err) != itsm.Invalid && itsm.CodeOf(err) != itsm.TooLarge {
			t.Errorf("error %v has code %q, want invalid or too_large", err, itsm.CodeOf(err))
		}
		if n := len(got.Events) + len(got.Acts) + len(got.Bad); n > 0 {
			t.Errorf("%d results beside the error %v", n, err)
		}
	}
	checkCopies(t, decode, body, got, err)
	if len(got.Events) > source.AlertsMax || len(got.Bad) > source.BadMax+1 {
		t.Errorf("%d events and %d bad, more than %d and %d", len(got.Events), len(got.Bad), source.AlertsMax, source.BadMax+1)
	}
	for i := range got.Events {
		if err := valid(&got.Events[i]); err != nil {
			t.Errorf("event %d: %v\n%s", i, err, Text(got, nil))
		}
	}
	for _, b := range got.Bad {
		again, err := decode(b.Body, Now)
		if b.Error == "" || (err == nil && (len(again.Events) > 0 || len(again.Bad) == 0)) {
			t.Errorf("bad part %q (%s) decodes on its own: %s", b.Body, b.Error, Text(again, err))
		}
	}
}

func checkCopies(t testing.TB, decode source.TimedDecoder, body []byte, got source.Result, gotErr error) {
	t.Helper()
	lent := bytes.Clone(body)
	again, err := decode(lent, Now)
	for i := range lent {
		lent[i] = 'X'
	}
	if diff := cmp.Diff(Text(got, gotErr), Text(again, err)); diff != "" {
		t.Errorf("a second run, its body overwritten afterwards, differs (-first +second):\n%s", diff)
	}
}

// valid says why an event cannot have come from a decoder.
func valid(e *itsm.Event) error {
	switch {
	case e.Source != "":
		return fmt.Errorf("source %q is not the decoder's to say", e.Source)
	case e.Status != itsm.Firing && e.Status != itsm.Resolved:
		return fmt.Errorf("status %d", e.Status)
	case e.Severity < itsm.Critical || e.Severity > itsm.Info:
		return fmt.Errorf("severity %d", e.Severity)
	case e.Identity == "" || len(e.Identity) > 2*source.NameBytesMax+1:
		return fmt.Errorf("identity of %d bytes", len(e.Identity))
	case e.Title == "" || len(e.Title) > source.TitleBytesMax:
		return fmt.Errorf("title of %d bytes", len(e.Title))
	case e.Status == itsm.Firing && e.EndsAt != 0:
		return fmt.Errorf("firing, but it ended at %s", e.EndsAt)
	case len(e.Labels) > source.LabelsMax || len(e.Annotations) > source.AnnotationsMax:
		return fmt.Errorf("%d labels, %d annotations", len(e.Labels), len(e.Annotations))
	case len(e.Group) > source.GroupBytesMax+len("sha256:"):
		return fmt.Errorf("group of %d bytes", len(e.Group))
	}
	for _, s := range []string{e.Identity, e.ID, e.Group, e.Title, e.CIName, e.SeverityWord, e.GeneratorURL} {
		if !utf8.ValidString(s) {
			return fmt.Errorf("%q is not UTF-8", s)
		}
	}
	if err := validLabels(e.Labels, source.LabelBytesMax); err != nil {
		return fmt.Errorf("labels: %w", err)
	}
	if err := validLabels(e.Annotations, source.AnnotationBytesMax); err != nil {
		return fmt.Errorf("annotations: %w", err)
	}
	return nil
}

func validLabels(ls itsm.Labels, valueMax int) error {
	for i, l := range ls {
		switch {
		case i > 0 && ls[i-1].Name >= l.Name:
			return fmt.Errorf("%q does not come after %q", l.Name, ls[i-1].Name)
		case l.Name == "" || len(l.Name) > source.NameBytesMax || l.Value == "" || len(l.Value) > valueMax:
			return fmt.Errorf("a name of %d and a value of %d bytes", len(l.Name), len(l.Value))
		case !utf8.ValidString(l.Name) || !utf8.ValidString(l.Value):
			return fmt.Errorf("%q=%q is not UTF-8", l.Name, l.Value)
		}
	}
	return nil
}
