package journal

import (
	"errors"
	"fmt"
	"io/fs"

	"signalbox/itsm"
)

// writer is the end of the journal where the leader writes.
type writer struct {
	place
	file    File
	seg     *segment
	pos     int64 // where the next frame goes
	lastPos int64 // where the last frame of the segment begins; 0 when there is none
}

func (w *writer) close() error {
	if w.file == nil {
		return nil
	}
	return w.file.Close()
}

// mark writes a frame without entries at the end, which the next frame overwrites.
func (w *writer) mark(kind byte) error {
	_, err := w.file.WriteAt(noteFrame(kind, w.place, w.seg.head.seed()), w.pos)
	return err
}

// fits reports whether a frame has room before the space kept for the end.
func (w *writer) fits(frame int) bool {
	return w.pos+int64(frame)+frameHeadSize <= w.seg.head.size
}

// roll goes on in a new segment with room for a frame. Errors before the new file has its name leave the
// writer as it was.
func (l *Log) roll(frame int) error {
	w := &l.w
	s, f, err := l.newSegment(w.place, dataStart+int64(frame)+frameHeadSize)
	if err != nil {
		return err
	}
	old := *w
	*w = writer{place: old.place, file: f, seg: s, pos: dataStart}
	l.mu.Lock()
	if old.seg.empty() { // too small for this frame: the new file has taken its name
		l.segments = l.segments[:len(l.segments)-1]
	}
	l.segments = append(l.segments, s)
	l.mu.Unlock()
	if !old.seg.empty() {
		err = l.note(&old, kindEnd)
	}
	return final(errors.Join(err, old.file.Close()))
}

// note writes a mark or an end and syncs it. It may be missing for lack of space: the
// next open writes it.
func (l *Log) note(w *writer, kind byte) error {
	err := w.mark(kind)
	if scarce(err) {
		l.opts.Log.Warn("journal end not marked", "file", w.seg.name, "err", err)
		return nil
	}
	if err != nil {
		return err
	}
	return l.sync(w.file.SyncData)
}

// newSegment makes a segment of at least the given size that continues a place. It has
// its name only when it is durable.
func (l *Log) newSegment(p place, atLeast int64) (*segment, File, error) {
	size := l.opts.SegmentBytes
	if atLeast > size {
		size = (atLeast + dataStart - 1) / dataStart * dataStart
	}
	s := newSegment(segmentName(p.next), segmentHead{place: p, size: size})
	f, temp, err := l.blank(s)
	if err != nil {
		return nil, nil, fmt.Errorf("make segment %s: %w", s.name, err)
	}
	if _, err = f.WriteAt(s.head.encode(), 0); err == nil {
		err = final(l.sync(f.Sync))
	}
	if err == nil {
		err = l.fs.Rename(l.path(temp), l.path(s.name))
	}
	if err == nil {
		err = final(l.syncDir())
	}
	if err != nil {
		f.Close()
		// A full disk is no help to anyone: what cannot become a segment goes.
		return nil, nil, fmt.Errorf("make segment %s: %w", s.name, errors.Join(err, ignoreMissing(l.fs.Remove(l.path(temp)))))
	}
	return s, f, nil
}

// blank returns a file of the segment's size: the spare one if it fits, else a new one.
func (l *Log) blank(s *segment) (f File, name string, err error) {
	if f, name := l.takeSpare(s.head.size); f != nil {
		return f, name, nil
	}
	name = s.name[:nameDigits] + newExt
	if f, err = l.fs.Create(l.path(name)); err != nil {
		return nil, "", err
	}
	if err = f.Preallocate(s.head.size); err != nil {
		f.Close()
		// Give back what was reserved: the disk is probably full.
		return nil, "", errors.Join(err, ignoreMissing(l.fs.Remove(l.path(name))))
	}
	return f, name, nil
}

// takeSpare opens the retired segment kept for reuse. Written blocks are faster to sync than
// reserved ones, and they need no space.
func (l *Log) takeSpare(size int64) (File, string) {
	l.mu.Lock()
	name := l.spare
	l.spare = ""
	l.mu.Unlock()
	if name == "" {
		return nil, ""
	}
	f, err := l.fs.Open(l.path(name))
	if err == nil {
		if n, err := f.Size(); err == nil && n == size {
			return f, name
		}
		f.Close()
	}
	if err := ignoreMissing(l.fs.Remove(l.path(name))); err != nil {
		l.opts.Log.Warn("journal leftover not removed", "file", name, "err", err)
	}
	return nil, ""
}

// endSegment writes the end of a segment that a crash left without.
func (l *Log) endSegment(s *segment) error {
	f, err := l.fs.Open(l.path(s.name))
	if err != nil {
		return err
	}
	w := writer{place: s.place, file: f, seg: s, pos: s.end}
	return errors.Join(l.note(&w, kindEnd), f.Close())
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// finalError is a failure after which what the disk holds is not known.
type finalError struct{ error }

func (e finalError) Unwrap() error { return e.error }

// final marks an error as not to be outlived, even if it says that the disk is full.
func final(err error) error {
	if err == nil {
		return nil
	}
	return finalError{err}
}

// passing reports whether an error of the writer ends when space is freed.
func passing(err error) bool {
	var f finalError
	return scarce(err) && !errors.As(err, &f)
}

// rewind makes sure after a failed write that the journal still ends where it did: the last
// frame is read back, and a mark takes the place of what was half written.
func (w *writer) rewind() error {
	if w.lastPos > 0 {
		b := make([]byte, w.pos-w.lastPos)
		if _, err := w.file.ReadAt(b, w.lastPos); err != nil {
			return fmt.Errorf("read back %s at %d: %w", w.seg.name, w.lastPos, err)
		}
		if hashOf(b) != w.chain {
			return itsm.Errorf(itsm.Internal, "%s at %d: the last entries do not read back as written", w.seg.name, w.lastPos)
		}
	}
	// On a full disk this may fail as well; then the next frame overwrites it.
	if err := w.mark(kindMark); err != nil && !scarce(err) {
		return err
	}
	return nil
}
