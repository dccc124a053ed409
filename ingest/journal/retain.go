package journal

import (
	"time"

	"signalbox/itsm"
)

// RetainPolicy says which segments may go. A zero MaxAge or MaxBytes is no limit.
type RetainPolicy struct {
	MaxAge   time.Duration // since a segment's last entry
	MaxBytes int64         // of all segment files
	Keep     itsm.Offset   // entries from here on stay, whatever the limits say
}

// Retain removes the oldest segments as far as the policy says, never the last one. A limit that
// is reached only inside a segment leaves all of it. While a Pin is held it removes nothing.
func (l *Log) Retain(p RetainPolicy) (removed int, err error) {
	l.upkeep.Lock()
	defer l.upkeep.Unlock()
	doomed, oldest, err := l.choose(p, itsm.TimeOf(l.opts.Clock()))
	if len(doomed) == 0 || err != nil {
		return 0, err
	}
	// The new oldest offset is durable first: otherwise a crash would leave files missing
	// that nothing explains.
	if err := l.writeMeta(oldest); err != nil {
		return 0, l.retainFailed(err)
	}
	l.mu.Lock()
	l.segments = l.segments[len(doomed):]
	l.mu.Unlock()
	for i, s := range doomed {
		if err := l.retire(s); err != nil {
			return i, itsm.Wrap(itsm.Unavailable, err, "journal retention: %s", s.name)
		}
	}
	if err := final(l.syncDir()); err != nil {
		return len(doomed), l.retainFailed(err)
	}
	l.measure()
	l.opts.Log.Info("journal segments removed", "segments", len(doomed), "oldest", oldest)
	return len(doomed), nil
}

// Due is how many segments the limits would remove if nothing had to be kept.
func (l *Log) Due(p RetainPolicy) (int, error) {
	head, _ := l.Head()
	p.Keep = head + 1
	doomed, _, err := l.choose(p, itsm.TimeOf(l.opts.Clock()))
	return len(doomed), err
}

// retainFailed takes a failure as seriously as one of an Append, unless the disk is just full.
func (l *Log) retainFailed(err error) error {
	if !passing(err) {
		l.mu.Lock()
		l.fail(err)
		l.mu.Unlock()
	}
	return itsm.Wrap(itsm.Unavailable, err, "journal retention")
}

// choose returns the segments to remove and the oldest offset then.
func (l *Log) choose(p RetainPolicy, now itsm.Time) (doomed []*segment, oldest itsm.Offset, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return nil, 0, l.err
	}
	if l.closed {
		return nil, 0, itsm.Errorf(itsm.Unavailable, "the journal is closed: shutting down")
	}
	if len(l.pins) > 0 {
		return nil, 0, nil // the next time will do
	}
	var total int64
	for _, s := range l.segments {
		total += s.head.size
	}
	n := 0
	for ; n < len(l.segments)-1; n++ {
		s := l.segments[n]
		old := p.MaxAge > 0 && now.Sub(s.at) > p.MaxAge
		big := p.MaxBytes > 0 && total > p.MaxBytes
		if s.next > p.Keep || !old && !big {
			break
		}
		total -= s.head.size
	}
	return append(doomed, l.segments[:n]...), l.segments[n].head.next, nil
}

// retire keeps a segment file for reuse if none is waiting, else removes it.
func (l *Log) retire(s *segment) error {
	l.mu.Lock()
	keep := l.spare == "" && s.head.size == l.opts.SegmentBytes
	l.mu.Unlock()
	if !keep {
		return ignoreMissing(l.fs.Remove(l.path(s.name)))
	}
	name := s.name[:nameDigits] + freeExt
	if err := l.fs.Rename(l.path(s.name), l.path(name)); err != nil {
		return err
	}
	l.mu.Lock()
	l.spare = name
	l.mu.Unlock()
	return nil
}

// measure brings the gauges up to date.
func (l *Log) measure() {
	l.mu.Lock()
	defer l.mu.Unlock()
	var total int64
	for _, s := range l.segments {
		total += s.head.size
	}
	l.metrics.disk(len(l.segments), total)
}
