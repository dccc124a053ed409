package correlate

import (
	"strings"

	"signalbox/itsm"
)

// tombstone remembers the clear of an unknown alert, so that a late fire with an
// older start opens nothing.
type tombstone struct {
	event itsm.Time // EventTime of the clear
	at    itsm.Time
}

type tombKey struct {
	identity string
	at       itsm.Time
}

// tombstonesMax bounds the tombstones of a source; beyond it the oldest goes.
const tombstonesMax = 100_000

// bury leaves a tombstone: a clear never opens anything, but a late fire that is
// older must not either.
func (s *State) bury(src *source, e *itsm.Event, et itsm.Time) {
	src.suppress(reasonUnknownClear)
	if faultNoTombstone {
		return
	}
	old, known := src.tombs[e.Identity]
	id := e.Identity
	if !known {
		id = strings.Clone(id)
	}
	src.tombs[id] = tombstone{max(old.event, et), s.now}
	if known && old.at == s.now {
		return
	}
	src.tombFIF = append(src.tombFIF, tombKey{id, s.now})
	for len(src.tombFIF) > tombstonesMax {
		src.dropTombstone()
	}
}

// buried reports whether a fire comes after the clear that ended it.
func (s *State) buried(src *source, e *itsm.Event) bool {
	if s.isBuried(src, e) {
		return true
	}
	delete(src.tombs, e.Identity)
	return false
}

// isBuried is buried, and leaves an old tombstone where it is.
func (s *State) isBuried(src *source, e *itsm.Event) bool {
	t, ok := src.tombs[e.Identity]
	start := e.StartsAt
	if start == 0 {
		start, _ = s.eventTime(e)
	}
	return ok && s.now <= t.at.Add(s.cfg.TombstoneKept.Std()) && start <= t.event
}

func (src *source) dropTombstone() {
	k := src.tombFIF[0]
	src.tombFIF = src.tombFIF[1:]
	if t, ok := src.tombs[k.identity]; ok && t.at == k.at {
		delete(src.tombs, k.identity)
	}
}

// forgetTombstones is housekeeping.
func (s *State) forgetTombstones(src *source) {
	for len(src.tombFIF) > 0 && s.now > src.tombFIF[0].at.Add(s.cfg.TombstoneKept.Std()) {
		src.dropTombstone()
	}
	if len(src.tombFIF) == 0 {
		src.tombFIF = nil
	}
}
