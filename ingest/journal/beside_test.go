package journal_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"signalbox/ingest/journal"
	"signalbox/itsm"
)

// Beside a writer everything durable is read, in order, and nothing is changed or locked.
func TestIterateBesideAWriter(t *testing.T) {
	o := journal.Options{Dir: t.TempDir(), SegmentBytes: 16 << 10}
	l := open(t, o)
	for i := range 200 {
		appendOK(t, l, fmt.Sprintf("%d-%0300d", i+1, i))
	}
	for _, from := range []itsm.Offset{0, 1, 150, 201} {
		next := max(from, 1)
		err := journal.IterateBeside(o, from, func(r journal.Record) error {
			if want := fmt.Sprintf("%d-", next); r.Offset != next || next <= 200 && string(r.Body[:len(want)]) != want {
				t.Fatalf("from %d: entry %d is %.20s, want %d", from, r.Offset, r.Body, next)
			}
			if next++; next == 100 {
				appendOK(t, l, "while it is read") // the writer is not held up
			}
			return nil
		})
		if head, _ := l.Head(); err != nil || next < min(head, 201) {
			t.Errorf("from %d: read up to %d of %d, %v", from, next-1, head, err)
		}
	}
}

// What retention removes while it is read is said, and is not passed over.
func TestIterateBesideRetention(t *testing.T) {
	o := journal.Options{Dir: t.TempDir(), SegmentBytes: 16 << 10}
	l := open(t, o)
	for i := range 200 {
		appendOK(t, l, fmt.Sprintf("%0300d", i))
	}
	err := journal.IterateBeside(o, 0, func(r journal.Record) error {
		if r.Offset == 1 {
			if n, err := l.Retain(journal.RetainPolicy{MaxBytes: 1, Keep: 1 << 62}); n < 2 || err != nil {
				t.Fatal(n, err)
			}
		}
		return nil
	})
	if itsm.CodeOf(err) != itsm.NotFound {
		t.Errorf("segments went away: %v", err)
	}
}

// A damage inside is refused as ever.
func TestIterateBesideDamage(t *testing.T) {
	o := journal.Options{Dir: t.TempDir(), SegmentBytes: 16 << 10}
	l := open(t, o)
	for i := range 200 {
		appendOK(t, l, fmt.Sprintf("%0300d", i))
	}
	names, err := filepath.Glob(filepath.Join(o.Dir, "*.seg"))
	if err != nil || len(names) < 3 {
		t.Fatal(names, err)
	}
	b, err := os.ReadFile(names[1])
	if err != nil {
		t.Fatal(err)
	}
	b[6000] ^= 1
	if err := os.WriteFile(names[1], b, 0o600); err != nil {
		t.Fatal(err)
	}
	n := 0
	if err := journal.IterateBeside(o, 0, func(journal.Record) error { n++; return nil }); err == nil || n == 0 || n == 200 {
		t.Errorf("a damaged frame: %v after %d entries", err, n)
	}
}
