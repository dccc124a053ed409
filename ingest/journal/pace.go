package journal

import (
	"time"

	"signalbox/itsm"
)

// pace gives entries their At: the clock's, or while the clock is behind what was
// given before (somebody set it back), a time that goes on more slowly than real
// time until the clock has caught up.
type pace struct {
	last  itsm.Time     // the clock when it was last right
	since time.Duration // elapsed then
}

// at returns the At of entries written now, never below that of their predecessor.
func (p *pace) at(before, clock itsm.Time, elapsed time.Duration) itsm.Time {
	slow := p.last.Add((elapsed - p.since) * 7 / 8)
	if clock >= max(before, slow) {
		p.last, p.since = clock, elapsed
		return clock
	}
	return max(before, slow)
}
