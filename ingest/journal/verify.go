package journal

import (
	"errors"
	"math"
	"path/filepath"

	"signalbox/itsm"
)

// Report is what Verify found.
type Report struct {
	Dir      string
	Segments []SegmentReport
	Records  uint64
	Oldest   itsm.Offset // the next offset when there are no entries
	Head     itsm.Offset
	HeadAt   itsm.Time
	HeadHash Hash  // of the last frame: note it elsewhere to prove later that nothing was cut off
	Clean    bool  // the last run ended with everything synced and marked
	Torn     int64 // unreadable bytes after the last entry, which Open would drop
	Damage   []Damage
}

// SegmentReport is one segment file.
type SegmentReport struct {
	File    string
	First   itsm.Offset
	Last    itsm.Offset // First-1 when there are no entries
	FirstAt itsm.Time
	LastAt  itsm.Time
	Bytes   int64 // of the file
	Used    int64 // up to the end of the last frame
}

// Verify reads and checks a whole journal that no server holds, and changes nothing.
// Damage is in the report; an error means that it could not be read at all.
func Verify(o Options) (Report, error) {
	v, err := inspect(o)
	if err != nil {
		return Report{}, err
	}
	r := Report{Dir: o.Dir, Damage: v.damage, Oldest: 1}
	for i, s := range v.segs {
		if i == 0 {
			r.Oldest = s.head.next
		}
		r.Segments = append(r.Segments, SegmentReport{File: s.name, First: s.head.next, Last: s.next - 1,
			FirstAt: s.firstAt, LastAt: s.at, Bytes: s.head.size, Used: s.end})
		r.Records += uint64(s.next - s.head.next)
		r.Head, r.HeadAt, r.HeadHash, r.Clean, r.Torn = s.next-1, s.at, s.chain, s.note == kindMark, s.tail
	}
	return r, nil
}

// inspect looks at a journal under the readers' lock.
func inspect(o Options) (*survey, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	lock, err := takeLock(o, false)
	if err != nil {
		return nil, err
	}
	defer lock.Close()
	return look(o.FS, o.Dir)
}

// Iterate calls fn for each entry from an offset on, for a journal that no server holds, and
// changes nothing. fn's error ends it and is returned; so does the first damage, after the
// entries before it. A Body is valid only during the call.
func Iterate(o Options, from itsm.Offset, fn func(Record) error) error {
	o, err := o.withDefaults()
	if err != nil {
		return err
	}
	lock, err := takeLock(o, false)
	if err != nil {
		return err
	}
	defer lock.Close()
	v, err := look(o.FS, o.Dir)
	if err != nil {
		return err
	}
	if err := v.iterate(o, from, fn); err != nil {
		return err
	}
	if len(v.damage) > 0 {
		return refusal(v.damage)
	}
	return nil
}

// errStop ends a scan early.
var errStop = errors.New("stop")

// iterate calls fn for the entries before the first damage.
func (v *survey) iterate(o Options, from itsm.Offset, fn func(Record) error) error {
	limit := itsm.Offset(math.MaxUint64)
	for _, d := range v.damage {
		limit = min(limit, d.First)
	}
	visit := func(h frameHead, raw []byte) error {
		if h.first >= limit {
			return errStop
		}
		return eachRecord(h, raw, from, fn)
	}
	for _, s := range v.segs {
		if s.next <= from {
			continue
		}
		_, err := scanFile(o.FS, filepath.Join(o.Dir, s.name), s.name, visit)
		if errors.Is(err, errStop) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// eachRecord calls fn for the records of a frame from an offset on.
func eachRecord(h frameHead, raw []byte, from itsm.Offset, fn func(Record) error) error {
	b := &batch{room: int(h.count), roomSize: len(raw)}
	b.frame(h, raw[frameHeadSize:], from)
	for _, r := range b.records {
		if err := fn(r); err != nil {
			return err
		}
	}
	return nil
}
