package journal

import (
	"sort"

	"signalbox/itsm"
)

// tail keeps the newest groups in memory, so that readers that keep up touch no file.
// Log.mu guards it.
type tail struct {
	max     int
	bytes   int
	groups  []*group
	crowded bool // the newest group served more than one caller
}

// push adds a group and lets go of the oldest ones beyond the bound, never of the newest.
func (t *tail) push(g *group) {
	t.groups = append(t.groups, g)
	t.bytes += len(g.frame)
	t.crowded = g.appends > 1
	for t.bytes > t.max && len(t.groups) > 1 {
		t.bytes -= len(t.groups[0].frame)
		t.groups[0] = nil
		t.groups = t.groups[1:]
	}
}

// newest returns the size of the newest group.
func (t *tail) newest() int {
	if len(t.groups) == 0 {
		return 0
	}
	return len(t.groups[len(t.groups)-1].frame)
}

// holds reports whether an offset that exists is in memory.
func (t *tail) holds(off itsm.Offset) bool {
	return len(t.groups) > 0 && t.groups[0].first <= off
}

// read adds entries from an offset that is in memory until the batch is full.
func (t *tail) read(from itsm.Offset, b *batch) {
	i := sort.Search(len(t.groups), func(i int) bool { return t.groups[i].first > from }) - 1
	for ; i < len(t.groups); i++ {
		g := t.groups[i]
		for n := int(from - g.first); n < len(g.ends); n++ {
			if !b.add(Record{Offset: from, At: g.at, Body: g.body(n)}) {
				return
			}
			from++
		}
	}
}

// body returns the nth record of a group.
func (g *group) body(n int) []byte {
	start := frameHeadSize
	if n > 0 {
		start = g.ends[n-1]
	}
	end := g.ends[n]
	return g.frame[start+recordHeadSize : end : end]
}

// batch collects the result of a Read.
type batch struct {
	records  []Record
	room     int // records
	roomSize int // bytes
}

// add takes a record if there is room; the first one always.
func (b *batch) add(r Record) bool {
	if len(b.records) > 0 && (b.room <= 0 || b.roomSize < len(r.Body)) {
		return false
	}
	b.records = append(b.records, r)
	b.room--
	b.roomSize -= len(r.Body)
	return true
}
