package journal

import (
	"fmt"
	"io"
)

// How much is read from a segment at a time, and the least for a small question.
const (
	windowBytes    = 1 << 20
	windowBytesMin = 64 << 10
)

// window reads a file forward through a buffer.
type window struct {
	r     io.ReaderAt
	size  int64 // nothing is read beyond it
	reuse bool  // what bytes returned is valid only until its next call
	chunk int   // bytes read at a time
	buf   []byte
	base  int64
}

// bytes returns n bytes at pos; io.ErrUnexpectedEOF if they reach beyond the size.
func (w *window) bytes(pos int64, n int) ([]byte, error) {
	if pos < 0 || pos+int64(n) > w.size {
		return nil, io.ErrUnexpectedEOF
	}
	if pos < w.base || pos+int64(n) > w.base+int64(len(w.buf)) {
		if err := w.load(pos, n); err != nil {
			return nil, err
		}
	}
	return w.buf[pos-w.base:][:n], nil
}

func (w *window) load(pos int64, n int) error {
	want := int(min(int64(max(n, w.chunk, windowBytesMin)), w.size-pos))
	if !w.reuse || cap(w.buf) < want {
		w.buf = make([]byte, want)
	}
	w.buf, w.base = w.buf[:want], pos
	if got, err := w.r.ReadAt(w.buf, pos); got < want {
		w.buf = w.buf[:0]
		return fmt.Errorf("read %d bytes at %d: %w", want, pos, err)
	}
	return nil
}

// frame returns the frame at pos. Not ok means that there is none, or that its
// payload (then the header is still returned) is not what was written.
func (w *window) frame(pos int64, seed uint32) (h frameHead, raw []byte, ok bool, err error) {
	if pos+frameHeadSize > w.size {
		return h, nil, false, nil
	}
	b, err := w.bytes(pos, frameHeadSize)
	if err != nil {
		return h, nil, false, err
	}
	h, ok = decodeFrameHead(b, seed)
	if !ok || pos+h.size() > w.size {
		return frameHead{}, nil, false, nil
	}
	raw, err = w.bytes(pos, int(h.size()))
	if err != nil {
		return h, nil, false, err
	}
	if h.kind == kindEntries && !payloadOK(h, raw[frameHeadSize:], seed) {
		return h, nil, false, nil
	}
	return h, raw, true, nil
}

// next finds the first frame header after pos that may follow offset first.
func (w *window) next(pos int64, seed uint32, first uint64) (at int64, h frameHead, found bool, err error) {
	for at = pos + frameAlign; at+frameHeadSize <= w.size; at += frameAlign {
		b, err := w.bytes(at, frameHeadSize)
		if err != nil {
			return 0, h, false, err
		}
		if b[0] != frameMagic[0] {
			continue
		}
		if h, ok := decodeFrameHead(b, seed); ok && uint64(h.first) >= first {
			return at, h, true, nil
		}
	}
	return 0, h, false, nil
}
