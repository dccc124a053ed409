package journal

import (
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"signalbox/itsm"
)

// Defaults and bounds. An Append over MaxAppendBytes is too large for good; what waits
// over MaxQueuedBytes or MaxQueuedRecords is an overload that passes.
const (
	DefaultSegmentBytes = 64 << 20
	MinSegmentBytes     = 2 * dataStart
	DefaultTailBytes    = 16 << 20
	MaxAppendBytes      = 32 << 20
	MaxGroupBytes       = 4 << 20 // a commit group takes no further Append beyond it
	MaxQueuedBytes      = 64 << 20
	MaxQueuedRecords    = 1 << 18
)

const lockName = "LOCK"

// Record is one entry read back. Body is shared with other readers: do not change it.
type Record struct {
	Offset itsm.Offset
	At     itsm.Time
	Body   []byte
}

// Options say where a journal is and how it behaves. Only Dir is required.
type Options struct {
	Dir          string
	FS           FS               // nil: the machine's file system
	SegmentBytes int64            // size of a segment file; 0: DefaultSegmentBytes
	Clock        func() time.Time // nil: time.Now
	// Elapsed is the time since any one moment by a clock that nobody sets; nil: that of the
	// machine, or with a Clock of the caller's none, so that At stands while that is behind.
	Elapsed      func() time.Duration
	Log          *slog.Logger // nil: silent
	Metrics      *Metrics     // nil: not counted
	TailBytes    int          // newest entries kept in memory for readers; 0: DefaultTailBytes
	FreeBytesMin int64        // below this much free space appends are refused; 0: not checked
	// NoSync leaves out every sync. It exists to show that tests notice, and loses
	// acknowledged entries in a power cut.
	NoSync bool
}

func (o Options) withDefaults() (Options, error) {
	if o.Dir == "" {
		return o, itsm.Errorf(itsm.Invalid, "journal directory: empty, expected a path")
	}
	if o.FS == nil {
		o.FS = OS()
	}
	if o.SegmentBytes == 0 {
		o.SegmentBytes = DefaultSegmentBytes
	}
	if o.SegmentBytes < MinSegmentBytes {
		return o, itsm.Errorf(itsm.Invalid, "journal segment size %d: expected at least %d bytes", o.SegmentBytes, MinSegmentBytes)
	}
	if o.Clock == nil {
		o.Clock = time.Now
		if start := time.Now(); o.Elapsed == nil {
			o.Elapsed = func() time.Duration { return time.Since(start) }
		}
	}
	if o.Elapsed == nil {
		o.Elapsed = func() time.Duration { return 0 }
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.TailBytes == 0 {
		o.TailBytes = DefaultTailBytes
	}
	return o, nil
}

// Log is an open journal. All methods may be called at the same time.
type Log struct {
	opts    Options
	fs      FS
	lock    io.Closer
	metrics *Metrics

	w    writer // owned by whoever has set leading
	pace pace   // likewise

	upkeep sync.Mutex // one Retain at a time; guards meta
	meta   meta

	mu       sync.Mutex
	idle     sync.Cond // signalled when leading becomes false
	leading  bool
	closed   bool
	err      error // set once by a failed write or sync
	full     bool  // the last write found no space
	queue    []*group
	queued   int // bytes in the queue
	records  int // records in the queue
	last     place
	sealed   place // the last one whose hash is known
	segments []*segment
	pins     map[*Pin]bool // while there is one, retention removes nothing
	spare    string        // retired segment file waiting for reuse
	tail     tail
	wake     chan struct{} // closed when head moves; nil when nobody waits
	space    freeSpace
	hint     hint
}

// Open opens the journal in a directory, or makes one. It verifies everything, drops a torn
// tail, and refuses a damaged, locked or newer directory without changing it.
func Open(o Options) (*Log, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	if err := o.FS.MkdirAll(o.Dir); err != nil {
		return nil, itsm.Wrap(itsm.Unavailable, err, "journal directory %s cannot be made", o.Dir)
	}
	lock, err := takeLock(o, true)
	if err != nil {
		return nil, err
	}
	l := &Log{opts: o, fs: o.FS, lock: lock, metrics: o.Metrics}
	l.idle.L = &l.mu
	l.tail.max = o.TailBytes
	l.space.every = freeSpaceEvery
	if err := l.recover(); err != nil {
		return nil, errors.Join(err, l.w.close(), lock.Close())
	}
	return l, nil
}

// takeLock refuses by name when another process has the journal open.
func takeLock(o Options, exclusive bool) (io.Closer, error) {
	name := filepath.Join(o.Dir, lockName)
	lock, err := o.FS.Lock(name, exclusive)
	if errors.Is(err, ErrLocked) {
		return nil, itsm.Errorf(itsm.Conflict, "journal %s is in use: another process holds %s; stop it first", o.Dir, name)
	}
	if err != nil {
		return nil, itsm.Wrap(itsm.Unavailable, err, "journal %s cannot be locked", o.Dir)
	}
	return lock, nil
}

// recover brings the log to where the files say it is.
func (l *Log) recover() error {
	start := time.Now()
	v, err := look(l.fs, l.opts.Dir)
	if err != nil {
		return err
	}
	if len(v.damage) > 0 {
		return refusal(v.damage)
	}
	l.meta = v.meta
	if len(v.segs) == 0 {
		err = l.begin()
	} else {
		err = l.resume(v)
	}
	if err != nil {
		return itsm.Wrap(itsm.Unavailable, err, "journal %s cannot be opened for writing", l.opts.Dir)
	}
	l.sealed = l.last
	l.measure()
	l.pace = pace{last: l.last.at, since: l.opts.Elapsed()}
	l.opts.Log.Info("journal opened", "dir", l.opts.Dir, "oldest", l.segments[0].head.next, "offset", l.last.next-1,
		"segments", len(l.segments), "verified_bytes", v.scanned, "took", time.Since(start).Round(time.Millisecond))
	return nil
}

// tidy removes what earlier runs left unfinished, once journal.meta vouches for it. A file that stays does no harm.
func (l *Log) tidy(v *survey) {
	doomed := append(v.stale, v.litter...)
	for i, name := range v.free {
		if i == 0 {
			l.spare = name
		} else {
			doomed = append(doomed, name)
		}
	}
	for _, name := range doomed {
		if err := l.fs.Remove(l.path(name)); err != nil {
			l.opts.Log.Warn("journal leftover not removed", "file", name, "err", err)
		}
	}
}

// begin makes the first segment of a new journal. The hash it continues is random: it
// is the journal's identity and what its checksums start from.
func (l *Log) begin() error {
	p := place{next: 1}
	if _, err := rand.Read(p.chain[:]); err != nil {
		return err
	}
	s, f, err := l.newSegment(p, dataStart)
	if err != nil {
		return err
	}
	l.segments, l.last = []*segment{s}, p
	l.w = writer{file: f, seg: s, place: p, pos: dataStart}
	return l.writeMeta(p.next)
}

// resume continues the last segment. What it holds is made durable before anyone can see it.
func (l *Log) resume(v *survey) error {
	for _, s := range v.segs {
		l.segments = append(l.segments, s.segment)
	}
	if l.meta.generation == 0 || l.meta.torn {
		l.opts.Log.Warn("journal.meta is missing or incomplete and is written again", "oldest", l.segments[0].head.next)
		if err := l.writeMeta(l.segments[0].head.next); err != nil {
			return err
		}
	}
	l.tidy(v)
	n := len(v.segs)
	s := v.segs[n-1]
	f, err := l.fs.Open(l.path(s.name))
	if err != nil {
		return err
	}
	l.last = s.place
	l.w = writer{file: f, seg: s.segment, place: s.place, pos: s.end, lastPos: s.lastPos}
	if s.note == 0 {
		if err := l.harden(s); err != nil {
			return err
		}
	}
	// Only now the last segment's name is surely durable, and may be referred to.
	if n > 1 && v.segs[n-2].note != kindEnd {
		return l.endSegment(v.segs[n-2].segment)
	}
	return nil
}

// harden writes the last frame again and syncs it, then marks it: a mark that reached the disk before
// the frame would turn a torn tail into damage. See the package's decisions.
func (l *Log) harden(s *scanned) error {
	if s.tail > 0 {
		l.opts.Log.Warn("journal tail dropped: it was being written when the last run ended",
			"file", s.name, "from", s.end, "bytes", s.tail, "offset", s.next)
	}
	if s.lastPos > 0 {
		b := make([]byte, s.end-s.lastPos)
		if _, err := l.w.file.ReadAt(b, s.lastPos); err != nil {
			return err
		}
		if _, err := l.w.file.WriteAt(b, s.lastPos); err != nil {
			return err
		}
	}
	if err := l.sync(l.w.file.Sync); err != nil {
		return err
	}
	if err := l.syncDir(); err != nil {
		return err
	}
	if err := l.w.mark(kindMark); err != nil && !scarce(err) {
		return err
	}
	return nil
}

// Head returns the offset and At of the last durable entry; zeros when there is none.
func (l *Log) Head() (itsm.Offset, itsm.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last.next - 1, l.last.at
}

// Oldest returns the offset of the oldest entry kept, or the one the next entry will
// get when there is none.
func (l *Log) Oldest() itsm.Offset {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.segments[0].head.next
}

// Err returns what made the journal refuse appends for good, or nil.
func (l *Log) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// Close writes what is queued, marks the end and gives the directory free. Later calls
// do nothing.
func (l *Log) Close() error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return nil
	}
	l.closed = true
	for l.leading {
		l.idle.Wait()
	}
	l.broadcast()
	failed := l.err
	l.mu.Unlock()
	var err error
	// After a failure the file must not be synced again: it could vouch for lost bytes.
	if failed == nil {
		err = l.note(&l.w, kindMark)
	}
	return errors.Join(err, l.w.close(), l.lock.Close())
}

func (l *Log) path(name string) string { return filepath.Join(l.opts.Dir, name) }

// sync runs a sync unless the control for tests is on.
func (l *Log) sync(how func() error) error {
	if l.opts.NoSync {
		return nil
	}
	return how()
}

func (l *Log) syncDir() error {
	return l.sync(func() error { return l.fs.SyncDir(l.opts.Dir) })
}
