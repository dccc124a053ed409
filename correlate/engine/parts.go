package engine

import (
	"sync/atomic"

	"signalbox/itsm"
)

// parts knows whether a CMDB import or a rule set may be journaled in part: its
// chunks are there and the entry that uses them is still to come. A snapshot made
// then would lose the chunks. Chunks whose last entry never came, because of a
// crash or a full disk, are not waited for.
type parts struct {
	writing atomic.Int32  // imports and rule sets being journaled
	last    atomic.Uint64 // the last entry of any of them, or the head at the start
}

// begin is called before the first chunk is journaled; the result when all are.
func (p *parts) begin() (end func()) {
	p.writing.Add(1)
	return func() { p.writing.Add(-1) }
}

func (p *parts) seen(off itsm.Offset) {
	for {
		old := p.last.Load()
		if uint64(off) <= old || p.last.CompareAndSwap(old, uint64(off)) {
			return
		}
	}
}

// halfJournaled reports whether chunks are folded whose last entry may still come.
func (e *Engine) halfJournaled() bool {
	f := e.folder
	if len(f.pending)+len(f.ruleChunks) == 0 {
		return false
	}
	return e.parts.writing.Load() > 0 || uint64(f.cursor) < e.parts.last.Load()
}
