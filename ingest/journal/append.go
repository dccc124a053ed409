package journal

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"signalbox/itsm"
)

// inlineBytes is the largest frame whose hash the leader computes before it returns to
// its own caller.
const inlineBytes = 64 << 10

// freeSpaceEvery is how long a look at the free space is good for.
const freeSpaceEvery = 250 * time.Millisecond

// group is what one write and one sync make durable: the bodies of one or more Appends,
// in a frame under construction. Once written it serves readers from memory.
type group struct {
	frame   []byte
	ends    []int // where each record ends in frame
	appends int
	done    chan struct{}
	// Valid when done is closed.
	first itsm.Offset
	at    itsm.Time
	err   error
}

// Append stores bodies and returns the offset of the first and their common time once they are
// durable. They get neighbouring offsets and survive together or not at all. The bodies
// belong to the caller again when Append returns. When ctx ends while other callers' entries are being
// written, Append returns, but the bodies may still be stored. All errors are
// itsm.Unavailable, except for no bodies (Invalid) and more than MaxAppendBytes (TooLarge).
func (l *Log) Append(ctx context.Context, bodies ...[]byte) (first itsm.Offset, at itsm.Time, err error) {
	size, err := checkBodies(ctx, bodies)
	if err != nil {
		return 0, 0, l.metrics.refused(err)
	}
	l.mu.Lock()
	if err := l.admit(size, len(bodies)); err != nil {
		l.mu.Unlock()
		return 0, 0, l.metrics.refused(err)
	}
	g, nth := l.enqueue(size, bodies)
	lead := !l.leading
	l.leading = true
	l.mu.Unlock()
	if lead {
		l.lead()
	}
	if !g.wait(ctx) {
		return 0, 0, l.metrics.refused(reason("cancelled",
			itsm.Wrap(itsm.Unavailable, ctx.Err(), "the journal did not answer in time; the entries may still be stored")))
	}
	if g.err != nil {
		return 0, 0, l.metrics.refused(g.err)
	}
	return g.first + itsm.Offset(nth), g.at, nil
}

// wait reports whether the group was written, or has failed, before ctx ended.
func (g *group) wait(ctx context.Context) bool {
	select {
	case <-g.done:
		return true
	default: // a leader has waited for the disk, not for ctx
	}
	select {
	case <-g.done:
		return true
	case <-ctx.Done():
		return false
	}
}

func checkBodies(ctx context.Context, bodies [][]byte) (size int, err error) {
	if len(bodies) == 0 {
		return 0, reason("invalid", itsm.Errorf(itsm.Invalid, "journal append: no bodies, expected at least one"))
	}
	for _, b := range bodies {
		size += recordHeadSize + len(b)
	}
	if size > MaxAppendBytes {
		return 0, reason("too_large", itsm.Errorf(itsm.TooLarge, "journal append: %d bytes, at most %d are possible; send less at a time", size, MaxAppendBytes))
	}
	if err := ctx.Err(); err != nil {
		return 0, reason("cancelled", itsm.Wrap(itsm.Unavailable, err, "the request ended before it was stored"))
	}
	return size, nil
}

// admit decides whether an Append may queue. The caller holds mu.
func (l *Log) admit(size, records int) error {
	switch {
	case l.err != nil:
		return l.err
	case l.closed:
		return reason("closed", itsm.Errorf(itsm.Unavailable, "the journal is closed: shutting down"))
	case l.queued > 0 && (l.queued+size > MaxQueuedBytes || l.records+records > MaxQueuedRecords):
		return reason("overloaded", itsm.Errorf(itsm.Unavailable,
			"the journal is overloaded: %d entries (%d bytes) wait to be written; try again", l.records, l.queued))
	}
	return l.space.check(l.fs, l.opts)
}

// enqueue copies bodies into the group that is filling and returns it with the place of the first
// body in it. The caller holds mu.
func (l *Log) enqueue(size int, bodies [][]byte) (*group, int) {
	g := l.filling(size)
	nth := len(g.ends)
	for _, b := range bodies {
		g.frame = appendRecord(g.frame, b)
		g.ends = append(g.ends, len(g.frame))
	}
	g.appends++
	l.queued += size
	l.records += len(bodies)
	return g, nth
}

func (l *Log) filling(size int) *group {
	if n := len(l.queue); n > 0 && len(l.queue[n-1].frame)+size <= MaxGroupBytes {
		return l.queue[n-1]
	}
	room := frameHeadSize + size + frameAlign
	if l.leading { // company is likely: room for as much as the last group had
		room = max(room, min(l.tail.newest(), MaxGroupBytes))
	}
	g := &group{frame: make([]byte, frameHeadSize, room), done: make(chan struct{})}
	l.queue = append(l.queue, g)
	return g
}

// lead writes the caller's own group. Who has come meanwhile is served by a goroutine,
// so that no caller works for others longer than for itself.
func (l *Log) lead() {
	if l.crowded() {
		// Those woken together with this caller are about to append: let them join.
		runtime.Gosched()
	}
	g := l.take()
	l.commit(g)
	if len(g.frame) > inlineBytes {
		go l.drain(g)
	} else if !l.settle(g) {
		go l.drain(nil)
	}
}

// drain settles the group just written, if that is left to do, and writes what is queued
// until nothing is.
func (l *Log) drain(g *group) {
	for g == nil || !l.settle(g) {
		// Those just woken may append again: let them join the next group.
		runtime.Gosched()
		g = l.take()
		l.commit(g)
	}
}

// crowded reports whether the last group served more than one caller.
func (l *Log) crowded() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.tail.crowded
}

// take removes the oldest group from the queue, which only the leader empties; nobody
// can join it any more.
func (l *Log) take() *group {
	l.mu.Lock()
	defer l.mu.Unlock()
	g := l.queue[0]
	l.queue = l.queue[1:]
	l.queued -= g.size()
	l.records -= len(g.ends)
	return g
}

func (g *group) size() int { return len(g.frame) - frameHeadSize }

// commit writes a group, syncs it and wakes its callers. Only the leader calls it.
func (l *Log) commit(g *group) {
	err := l.Err()
	if err == nil {
		err = l.write(g)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case err == nil:
		l.publish(g)
	case passing(err):
		g.err = reason("disk_full", itsm.Wrap(itsm.Unavailable, err, "the journal's disk is full; free space and it goes on by itself"))
		l.tellFull(true, err)
	default:
		l.fail(err)
		g.err = l.err
	}
	close(g.done)
}

// write seals a group's frame and brings it to the disk.
func (l *Log) write(g *group) error {
	w := &l.w
	g.frame = padded(g.frame)
	if !w.fits(len(g.frame)) {
		if err := l.roll(len(g.frame)); err != nil {
			return err
		}
	}
	g.first, g.at = w.next, l.pace.at(w.at, itsm.TimeOf(l.opts.Clock()), l.opts.Elapsed())
	seal(g.frame, frameHead{first: g.first, at: g.at, count: uint32(len(g.ends)), prev: w.chain}, w.seg.head.seed())
	if _, err := w.file.WriteAt(g.frame, w.pos); err != nil {
		err = fmt.Errorf("write %s at %d: %w", w.seg.name, w.pos, err)
		if passing(err) {
			err = orFinal(err, w.rewind())
		}
		return err
	}
	start := time.Now()
	if err := l.sync(w.file.SyncData); err != nil {
		return final(fmt.Errorf("sync %s: %w", w.seg.name, err))
	}
	l.metrics.synced(time.Since(start))
	return nil
}

// publish makes a durable group visible. The caller holds mu.
func (l *Log) publish(g *group) {
	w := &l.w
	after := place{next: g.first + itsm.Offset(len(g.ends)), at: g.at}
	w.seg.grow(frameHead{first: g.first}, int64(len(g.frame)), after)
	w.place.next, w.place.at = after.next, after.at
	w.lastPos, w.pos = w.pos, w.pos+int64(len(g.frame))
	l.last = after
	l.tail.push(g)
	l.tellFull(false, nil)
	l.broadcast()
	l.metrics.appended(len(g.ends), len(g.frame))
}

// tellFull logs when the disk turns out to be full and when it no longer is, not each refusal. The
// caller holds mu.
func (l *Log) tellFull(full bool, err error) {
	switch {
	case full && !l.full:
		l.opts.Log.Warn("journal refuses appends: the disk is full", "err", err)
	case l.full && !full:
		l.opts.Log.Info("journal accepts appends again")
	}
	l.full = full
}

// settle does what can follow after the callers were woken: the hash for the next frame and,
// when nobody waits, the mark. It reports whether it has given up leading.
func (l *Log) settle(g *group) bool {
	if g.err == nil {
		l.w.chain = hashOf(g.frame)
		if l.queueEmpty() {
			if err := l.w.mark(kindMark); err != nil && !scarce(err) {
				l.mu.Lock()
				l.fail(fmt.Errorf("write mark in %s: %w", l.w.seg.name, err))
				l.mu.Unlock()
			}
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if g.err == nil {
		l.sealed = place{next: g.first + itsm.Offset(len(g.ends)), at: g.at, chain: l.w.chain}
	}
	if len(l.queue) > 0 {
		return false
	}
	l.leading = false
	l.idle.Broadcast()
	return true
}

func (l *Log) queueEmpty() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.queue) == 0
}

// fail makes the journal refuse appends for good; the leader, if there is one, tells those who
// wait. The caller holds mu.
func (l *Log) fail(err error) {
	if l.err != nil {
		return
	}
	l.err = reason("failed", itsm.Wrap(itsm.Unavailable, err,
		"the journal cannot be written and nothing more is accepted; check the disk, then restart"))
	l.opts.Log.Error("journal failed", "offset", l.last.next-1, "err", err)
	l.broadcast()
}

// orFinal returns the passing error, unless cleaning up after it failed as well.
func orFinal(err, cleanup error) error {
	if cleanup != nil {
		return final(cleanup)
	}
	return err
}

// freeSpace is a cached look at the disk, so that a full disk is met before it hurts others on it.
type freeSpace struct {
	every  time.Duration
	looked time.Time
	err    error
}

// check refuses when free space is below the watermark.
func (s *freeSpace) check(fsys FS, o Options) error {
	if o.FreeBytesMin <= 0 || (!s.looked.IsZero() && time.Since(s.looked) < s.every) {
		return s.err
	}
	s.looked, s.err = time.Now(), nil
	free, err := fsys.FreeBytes(o.Dir)
	switch {
	case err != nil:
		s.err = reason("watermark", itsm.Wrap(itsm.Unavailable, err, "the free space of the journal's disk is unknown"))
	case free < o.FreeBytesMin:
		s.err = reason("watermark", itsm.Errorf(itsm.Unavailable,
			"the journal's disk has %d bytes free, %d must stay free; free space and it goes on by itself", free, o.FreeBytesMin))
	}
	return s.err
}
