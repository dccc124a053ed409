package journal_test

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"signalbox/ingest/journal"
	"signalbox/itsm"
)

// copyPinned writes what a pin lists to a directory and returns its last entry.
func copyPinned(t *testing.T, p *journal.Pin, dir string) (last itsm.Offset) {
	t.Helper()
	for _, s := range p.Segments() {
		r, err := p.Open(s)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err != nil || int64(len(b)) != s.Size {
			t.Fatalf("%s: %d of %d bytes, %v", s.Name, len(b), s.Size, err)
		}
		r.Close()
		if err := os.WriteFile(filepath.Join(dir, s.Name), b, 0o600); err != nil {
			t.Fatal(err)
		}
		last = s.Last
	}
	return last
}

// TestCopyUnderLoad: what a pin lists is, at any moment, a journal that opens, holds
// everything durable when it was listed, and is not touched by retention.
func TestCopyUnderLoad(t *testing.T) {
	l := open(t, journal.Options{Dir: t.TempDir(), SegmentBytes: 16 << 10})
	stop := make(chan struct{})
	var busy sync.WaitGroup
	for w := range 3 {
		busy.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
					l.Append(t.Context(), fmt.Appendf(nil, "%d-%d-%0200d", w, i, i))
				}
			}
		})
	}
	busy.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				l.Retain(journal.RetainPolicy{MaxBytes: 1, Keep: 1 << 62})
			}
		}
	})
	for range 30 {
		p := l.Pin()
		durable, _ := l.Head()
		dir := t.TempDir()
		last := copyPinned(t, p, dir)
		p.Release()
		rep, err := journal.Verify(journal.Options{Dir: dir, SegmentBytes: 16 << 10})
		if err != nil || len(rep.Damage) > 0 || rep.Head != last || last < durable {
			t.Fatalf("copy: %v %v, head %d, listed %d, durable before %d", err, rep.Damage, rep.Head, last, durable)
		}
	}
	close(stop)
	busy.Wait()
}

func TestPinHoldsRetentionBack(t *testing.T) {
	l := open(t, journal.Options{Dir: t.TempDir(), SegmentBytes: 16 << 10})
	for i := range 400 {
		appendOK(t, l, fmt.Sprintf("%0300d", i))
	}
	all := journal.RetainPolicy{MaxBytes: 1, Keep: 1 << 62}
	p, q := l.Pin(), l.Pin()
	p.Release()
	if n, err := l.Retain(all); n != 0 || err != nil {
		t.Errorf("%d segments removed under a pin, %v", n, err)
	}
	if last := copyPinned(t, q, t.TempDir()); last != 400 {
		t.Errorf("copied up to %d, want 400", last)
	}
	q.Release()
	q.Release()
	if n, err := l.Retain(all); n == 0 || err != nil {
		t.Errorf("%d segments removed once the pin was gone, %v", n, err)
	}
}
