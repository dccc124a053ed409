package journal

import (
	"context"
	"fmt"
	"sort"

	"signalbox/itsm"
)

// What Read takes when its caller names no bound.
const (
	defaultReadRecords = 1024
	defaultReadBytes   = 1 << 20
)

// hint remembers where a reader of files stopped, so that the next call need not search.
type hint struct {
	first itsm.Offset // of the frame at pos
	seg   string
	pos   int64
}

// Read returns durable entries from an offset on, at most the given number and bytes of
// bodies (0: a default), but at least one if there is any. It does not wait: beyond the head it returns none. Entries that
// retention removed are itsm.NotFound.
func (l *Log) Read(from itsm.Offset, maxRecords, maxBytes int) ([]Record, error) {
	b := &batch{room: maxRecords, roomSize: maxBytes}
	if b.room <= 0 {
		b.room = defaultReadRecords
	}
	if b.roomSize <= 0 {
		b.roomSize = defaultReadBytes
	}
	from = max(from, 1)
	v, err := l.viewAt(from, b)
	if err != nil || v == nil {
		return b.records, err
	}
	err = l.readFile(v, from, b)
	if err != nil && from < l.Oldest() {
		return nil, removed(from, l.Oldest())
	}
	return b.records, err
}

// view is where and how far a file may be read.
type view struct {
	name string
	head segmentHead
	pos  int64
	end  int64
}

// viewAt answers from memory, or says which file to read.
func (l *Log) viewAt(from itsm.Offset, b *batch) (*view, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	oldest := l.segments[0].head.next
	switch {
	case from >= l.last.next:
		return nil, nil
	case from < oldest:
		return nil, removed(from, oldest)
	case l.tail.holds(from):
		l.tail.read(from, b)
		return nil, nil
	}
	i := sort.Search(len(l.segments), func(i int) bool { return l.segments[i].head.next > from }) - 1
	s := l.segments[i]
	v := &view{name: s.name, head: s.head, pos: s.seek(from), end: s.end}
	if h := l.hint; h.seg == s.name && h.first <= from && h.pos > v.pos {
		v.pos = h.pos
	}
	return v, nil
}

func removed(from, oldest itsm.Offset) error {
	return itsm.Errorf(itsm.NotFound, "journal offset %d was removed by retention; the oldest kept is %d", from, oldest)
}

// readFile adds entries from one segment until the batch is full or the segment's durable end.
func (l *Log) readFile(v *view, from itsm.Offset, b *batch) error {
	f, err := l.fs.OpenRead(l.path(v.name))
	if err != nil {
		return itsm.Wrap(itsm.Internal, err, "journal file %s cannot be read", v.name)
	}
	defer f.Close()
	w := &window{r: f, size: v.end, chunk: min(b.roomSize, windowBytes)}
	for pos := v.pos; pos < v.end; {
		h, raw, ok, err := w.frame(pos, v.head.seed())
		if err != nil {
			return itsm.Wrap(itsm.Internal, err, "journal file %s cannot be read", v.name)
		}
		if !ok || h.kind != kindEntries || h.first > from+itsm.Offset(len(b.records)) {
			return refusal([]Damage{{File: v.name, From: pos, To: v.end, First: from + itsm.Offset(len(b.records)),
				Why: "a frame that was readable at start-up no longer is"}})
		}
		if !b.frame(h, raw[frameHeadSize:], from) {
			l.remember(hint{first: h.first, seg: v.name, pos: pos})
			return nil
		}
		pos += h.size()
		l.remember(hint{first: h.first + itsm.Offset(h.count), seg: v.name, pos: pos})
	}
	return nil
}

func (l *Log) remember(h hint) {
	l.mu.Lock()
	l.hint = h
	l.mu.Unlock()
}

// frame adds a frame's entries from an offset on and reports whether there was room for all.
func (b *batch) frame(h frameHead, payload []byte, from itsm.Offset) bool {
	for n := range h.count {
		body, rest, _ := cutRecord(payload)
		payload = rest
		if off := h.first + itsm.Offset(n); off >= from && !b.add(Record{Offset: off, At: h.at, Body: body}) {
			return false
		}
	}
	return true
}

// Wait returns when the head is beyond an offset, ctx ends, or the journal is closed or failed.
func (l *Log) Wait(ctx context.Context, after itsm.Offset) error {
	for {
		wake, err := l.waitFor(after)
		if wake == nil || err != nil {
			return err
		}
		select {
		case <-wake:
		case <-ctx.Done():
			return fmt.Errorf("wait for journal offset %d: %w", after+1, ctx.Err())
		}
	}
}

// waitFor returns nil when the head is beyond an offset, else what is closed when it moves.
func (l *Log) waitFor(after itsm.Offset) (<-chan struct{}, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.last.next-1 > after:
		return nil, nil
	case l.err != nil:
		return nil, l.err
	case l.closed:
		return nil, itsm.Errorf(itsm.Unavailable, "the journal is closed: shutting down")
	}
	if l.wake == nil {
		l.wake = make(chan struct{})
	}
	return l.wake, nil
}

// broadcast wakes everyone who waits for the head. The caller holds mu.
func (l *Log) broadcast() {
	if l.wake != nil {
		close(l.wake)
		l.wake = nil
	}
}
