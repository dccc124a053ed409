package journal

import (
	"fmt"
	"sort"
	"strconv"
	"strings"

	"signalbox/itsm"
)

// Endings of file names.
const (
	segExt  = ".seg"
	newExt  = ".seg.new"
	freeExt = ".free"
)

// nameDigits is the width of an offset in a file name, so that names sort like offsets.
const nameDigits = 20

// indexEvery is the distance of two places a reader can jump to inside a segment.
const indexEvery = 256 << 10

// segment is what the open journal knows of a segment file.
type segment struct {
	name string
	head segmentHead
	// The rest grows in the last segment, guarded by Log.mu.
	end   int64 // where the last frame ends
	place       // where it stands at end
	index []jump
}

// jump is a frame's first offset and its position.
type jump struct {
	first itsm.Offset
	pos   int64
}

func segmentName(first itsm.Offset) string {
	return fmt.Sprintf("%0*d%s", nameDigits, uint64(first), segExt)
}

// offsetOf reads the offset from a file name with the given ending.
func offsetOf(name, ext string) (itsm.Offset, bool) {
	digits, ok := strings.CutSuffix(name, ext)
	if !ok || len(digits) != nameDigits {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 10, 64)
	return itsm.Offset(n), err == nil && n > 0
}

func newSegment(name string, h segmentHead) *segment {
	return &segment{name: name, head: h, end: dataStart, place: h.place}
}

// empty reports whether the segment holds no entry.
func (s *segment) empty() bool { return s.next == s.head.next }

// grow notes a frame that now ends the segment.
func (s *segment) grow(h frameHead, size int64, after place) {
	if n := len(s.index); n == 0 || s.end-s.index[n-1].pos >= indexEvery {
		s.index = append(s.index, jump{h.first, s.end})
	}
	s.end += size
	s.place = after
}

// seek returns the last known position at or before the frame that holds off.
func (s *segment) seek(off itsm.Offset) int64 {
	i := sort.Search(len(s.index), func(i int) bool { return s.index[i].first > off })
	if i == 0 {
		return dataStart
	}
	return s.index[i-1].pos
}
