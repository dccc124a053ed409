package journal

import (
	"io"

	"signalbox/itsm"
)

// Pin keeps every segment from being removed or reused while somebody copies the
// journal. Appending goes on. Whoever has one must Release it.
type Pin struct{ l *Log }

// SegmentCopy is a segment file as it was at one moment: what was durable then, and
// zeros for the rest. It opens like a file that a crash left behind.
type SegmentCopy struct {
	Name   string
	First  itsm.Offset
	Last   itsm.Offset // First-1 when it holds no entry
	LastAt itsm.Time
	Used   int64 // bytes that were durable
	Size   int64 // of the file
}

// Pin holds all segments of now and later until it is released.
func (l *Log) Pin() *Pin {
	l.upkeep.Lock() // a Retain that has chosen its segments ends first
	defer l.upkeep.Unlock()
	p := &Pin{l: l}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.pins == nil {
		l.pins = map[*Pin]bool{}
	}
	l.pins[p] = true
	return p
}

// Release lets retention go on. Later calls do nothing.
func (p *Pin) Release() {
	p.l.mu.Lock()
	defer p.l.mu.Unlock()
	delete(p.l.pins, p)
}

// Segments lists what a copy of this moment consists of. The last entry in it is
// that of the last segment listed.
func (p *Pin) Segments() []SegmentCopy {
	p.l.mu.Lock()
	defer p.l.mu.Unlock()
	var out []SegmentCopy
	for i, s := range p.l.segments {
		if i > 0 && s.empty() {
			break // just begun: a larger first frame may still replace the file
		}
		out = append(out, SegmentCopy{Name: s.name, First: s.head.next, Last: s.next - 1, LastAt: s.at, Used: s.end, Size: s.head.size})
	}
	return out
}

// Open reads a listed segment: exactly Size bytes.
func (p *Pin) Open(s SegmentCopy) (io.ReadCloser, error) {
	f, err := p.l.fs.OpenRead(p.l.path(s.Name))
	if err != nil {
		return nil, itsm.Wrap(itsm.Internal, err, "journal file %s cannot be read", s.Name)
	}
	used := io.NewSectionReader(f, 0, s.Used)
	return segmentReader{io.MultiReader(used, io.LimitReader(zeros{}, s.Size-s.Used)), f}, nil
}

type segmentReader struct {
	io.Reader
	io.Closer
}

// zeros reads zero bytes for ever.
type zeros struct{}

// Read implements io.Reader.
func (zeros) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}
