package journal

import (
	"fmt"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/sync/errgroup"

	"signalbox/itsm"
)

// survey is what a journal directory holds, without having changed it.
type survey struct {
	meta    meta
	segs    []*scanned // in order of offset
	names   []string
	stale   []string // segments below the oldest kept: retention did not finish
	litter  []string // unfinished segments
	free    []string // retired segments kept for reuse
	damage  []Damage
	scanned int64 // bytes verified
}

// look lists, reads and verifies a journal directory. Its error is a failing disk or
// a newer format; damage is in the survey.
func look(fsys FS, dir string) (*survey, error) {
	v := &survey{}
	if err := v.list(fsys, dir); err != nil {
		return nil, fmt.Errorf("open journal %s: %w", dir, err)
	}
	// Two passes: a newer format must be found before anything is judged damaged.
	if err := v.checkFormats(fsys, dir); err != nil {
		return nil, err
	}
	if err := v.scanAll(fsys, dir); err != nil {
		return nil, fmt.Errorf("open journal %s: %w", dir, err)
	}
	v.stitch()
	return v, nil
}

func (v *survey) list(fsys FS, dir string) (err error) {
	if v.meta, err = readMeta(fsys, dir); err != nil {
		return err
	}
	names, err := fsys.List(dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		off, isSegment := offsetOf(name, segExt)
		_, isFree := offsetOf(name, freeExt)
		switch {
		case isSegment && off < v.meta.oldest:
			v.stale = append(v.stale, name)
		case isSegment:
			v.names = append(v.names, name)
		case isFree:
			v.free = append(v.free, name)
		case strings.HasSuffix(name, newExt):
			v.litter = append(v.litter, name)
		}
	}
	return nil
}

func (v *survey) checkFormats(fsys FS, dir string) error {
	for _, name := range v.names {
		f, err := fsys.OpenRead(filepath.Join(dir, name))
		if err != nil {
			return fmt.Errorf("open journal %s: %w", dir, err)
		}
		_, _, err = openSegment(f, name)
		f.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

// scanAll verifies the segments side by side; each header says where to start from.
func (v *survey) scanAll(fsys FS, dir string) error {
	v.segs = make([]*scanned, len(v.names))
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i, name := range v.names {
		g.Go(func() (err error) {
			v.segs[i], err = scanFile(fsys, filepath.Join(dir, name), name, nil)
			return err
		})
	}
	return g.Wait()
}

// stitch checks that the segments follow each other without a gap from the oldest kept.
func (v *survey) stitch() {
	if len(v.segs) == 0 {
		if v.meta.generation > 0 {
			v.missing(v.meta.oldest, 0, "no segment file is left")
		}
		return
	}
	if first, oldest := v.segs[0].head.next, v.meta.oldest; oldest > 0 && first > oldest {
		v.missing(oldest, first-1, "the oldest segment file is missing")
	}
	for i, s := range v.segs {
		v.scanned += s.checked
		if i+1 < len(v.segs) {
			v.follow(s, v.segs[i+1])
			continue
		}
		v.damage = append(v.damage, s.damage...)
		if s.note == kindEnd {
			v.missing(s.next, 0, "the newest segment file is missing: "+s.name+" ends with a reference to it")
		}
	}
}

// follow takes over a segment's damage and compares its end with the next one's start.
func (v *survey) follow(s, next *scanned) {
	first := next.head.next
	for _, d := range s.damage {
		if d.Last == 0 {
			d.Last = first - 1
		}
		v.damage = append(v.damage, d)
	}
	unknown := s.head.size == 0 || next.head.size == 0
	switch {
	case unknown && len(s.damage)+len(next.damage) > 0:
		// One of the headers is damaged and named already.
	case s.next < first && s.note == kindEnd:
		v.missing(s.next, first-1, "a segment file is missing")
	case s.next < first:
		v.damage = append(v.damage, Damage{File: s.name, From: s.end, To: s.head.size, First: s.next, Last: first - 1,
			Why: "the entries at the segment's end are unreadable"})
	case s.place != next.head.place && len(s.damage) == 0:
		v.damage = append(v.damage, Damage{File: next.name, To: segmentHeadSize, First: first,
			Why: fmt.Sprintf("the segment does not continue %s, which ends at offset %d", s.name, s.next-1)})
	}
}

func (v *survey) missing(first, last itsm.Offset, why string) {
	v.damage = append(v.damage, Damage{File: segmentName(first), First: first, Last: last, Why: why})
}
