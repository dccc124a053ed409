package journal

import (
	"fmt"
	"io"

	"signalbox/itsm"
)

// scanned is what reading a whole segment file found.
type scanned struct {
	*segment
	firstAt itsm.Time
	lastPos int64 // where the last frame begins; 0 when there is none
	note    byte  // kindMark or kindEnd when one stands at the end, else 0
	tail    int64 // bytes after the end that are neither a frame nor zero
	resumed bool  // reading went on behind a damage
	damage  []Damage
	checked int64 // bytes of frames verified
}

// visitor sees every good frame before the first damage; raw is valid only during the call.
type visitor func(h frameHead, raw []byte) error

// scan verifies a segment file from its first frame to the end. Damage is noted, and
// reading goes on behind it; only I/O errors and the visitor's are returned.
func scan(r io.ReaderAt, s *segment, visit visitor) (*scanned, error) {
	sc := &scanned{segment: s}
	w := &window{r: r, size: s.head.size, reuse: true, chunk: windowBytes}
	for {
		h, raw, ok, err := w.frame(s.end, s.head.seed())
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", s.name, err)
		}
		why := ""
		if ok {
			why = s.mismatch(h)
		}
		switch {
		case ok && why == "" && h.kind == kindEntries:
			sc.accept(h, raw)
			if visit != nil && !sc.resumed {
				if err := visit(h, raw); err != nil {
					return nil, err
				}
			}
			continue
		case ok && why == "":
			sc.note, why = h.kind, "a frame follows the mark of the journal's end"
		case why == "":
			why = "the checksum does not match and readable entries follow"
		}
		more, err := sc.skip(w, why, ok && sc.note == 0)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", s.name, err)
		}
		if !more {
			return sc, nil
		}
	}
}

// mismatch tells what keeps a frame from continuing the segment, or "".
func (s *segment) mismatch(h frameHead) string {
	switch {
	case h.first != s.next:
		return fmt.Sprintf("the frame begins with offset %d, expected %d", h.first, s.next)
	case h.prev != s.chain:
		return "the frame does not carry the hash of its predecessor"
	case h.at < s.at:
		return fmt.Sprintf("the frame's time %s is before its predecessor's %s", h.at, s.at)
	}
	return ""
}

func (sc *scanned) accept(h frameHead, raw []byte) {
	if sc.empty() {
		sc.firstAt = h.at
	}
	sc.lastPos = sc.end
	sc.checked += int64(len(raw))
	sc.grow(h, int64(len(raw)), place{next: h.first + itsm.Offset(h.count), at: h.at, chain: hashOf(raw)})
}

// skip looks for frames behind the place where reading stopped. Finding one makes the bytes between
// a damage, and reading can go on there. Without one, the end is the segment's end unless
// wrong says that a whole frame stands there which does not belong.
func (sc *scanned) skip(w *window, why string, wrong bool) (more bool, err error) {
	at, h, found, err := w.next(sc.end, sc.head.seed(), uint64(sc.next))
	if err != nil {
		return false, err
	}
	if found {
		sc.damage = append(sc.damage, Damage{File: sc.name, From: sc.end, To: at, First: sc.next, Last: h.first - 1, Why: why})
		sc.end, sc.place = at, place{next: h.first, at: h.at, chain: h.prev}
		sc.note, sc.resumed = 0, true
		return true, nil
	}
	if wrong {
		sc.damage = append(sc.damage, Damage{File: sc.name, From: sc.end, To: sc.head.size, First: sc.next, Why: why})
		return false, nil
	}
	if sc.note == 0 {
		sc.tail, err = w.junk(sc.end)
	}
	return false, err
}

// junk counts the bytes from pos up to the last one that is not zero.
func (w *window) junk(pos int64) (int64, error) {
	last := pos
	for at := pos; at < w.size; {
		n := int(min(windowBytes, w.size-at))
		b, err := w.bytes(at, n)
		if err != nil {
			return 0, err
		}
		for i, c := range b {
			if c != 0 {
				last = at + int64(i) + 1
			}
		}
		at += int64(n)
	}
	return last - pos, nil
}

// openSegment reads a segment's header and size. A newer format is an error, anything
// else wrong with the file a damage.
func openSegment(f File, name string) (segmentHead, *Damage, error) {
	first, _ := offsetOf(name, segExt)
	size, err := f.Size()
	if err != nil {
		return segmentHead{}, nil, fmt.Errorf("size of %s: %w", name, err)
	}
	bad := &Damage{File: name, To: max(size, 1), First: first}
	b := make([]byte, segmentHeadSize)
	if n, err := f.ReadAt(b, 0); n < len(b) {
		if size >= segmentHeadSize {
			return segmentHead{}, nil, fmt.Errorf("read %s: %w", name, err)
		}
		bad.Why = "the file is shorter than its header"
		return segmentHead{}, bad, nil
	}
	h, version, ok := decodeSegmentHead(b)
	switch {
	case version > FormatVersion:
		return h, nil, newerFormat(name, version)
	case !ok:
		bad.To, bad.Why = segmentHeadSize, "the segment's header is not as it was written"
	case h.next != first:
		bad.To, bad.Why = segmentHeadSize, fmt.Sprintf("the file's name does not fit its header, which says offset %d", h.next)
	case size < h.size:
		bad.From, bad.To, bad.Why = size, h.size, fmt.Sprintf("the file has been truncated: it has %d of %d bytes", size, h.size)
	default:
		return h, nil, nil
	}
	return h, bad, nil
}

// newerFormat is the refusal to touch what a later version wrote.
func newerFormat(name string, version uint32) error {
	return itsm.Errorf(itsm.Conflict,
		"journal file %s has format %d, this program reads up to %d; nothing was changed; start the newer version that wrote it",
		name, version, FormatVersion)
}

// scanFile opens a segment by name and verifies it.
func scanFile(fsys FS, path, name string, visit visitor) (*scanned, error) {
	f, err := fsys.OpenRead(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	h, bad, err := openSegment(f, name)
	if err != nil {
		return nil, err
	}
	if bad != nil {
		first, _ := offsetOf(name, segExt)
		s := newSegment(name, segmentHead{place: place{next: first}})
		return &scanned{segment: s, damage: []Damage{*bad}}, nil
	}
	return scan(f, newSegment(name, h), visit)
}
