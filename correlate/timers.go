package correlate

import (
	"signalbox/itsm"
)

// wakeClass says what a timer wakes. Numbers order timers due at the same time
// and are part of the determinism of the fold.
type wakeClass uint8

const (
	wakeWindow    wakeClass = 0 // a maintenance window opens or closes: what comes at that moment finds it so
	wakeAlert     wakeClass = 1 // lease, staleness, hold, end of flapping
	wakeIncident  wakeClass = 2 // resolve, reopen after the grace, close, deferred telling
	wakeScope     wakeClass = 3 // the minute of a storm
	wakePages     wakeClass = 4 // pages held back by a budget
	wakeGathering wakeClass = 5 // hold, absence and window of a correlation rule
	wakeSilences  wakeClass = 9 // begin or end of a silence
	wakeProblem   wakeClass = 8 // a fix that proves effective, a dismissal that ran out
)

// timer is one entry of the heap. An entity has at most one valid entry: the one
// whose due equals the entity's own wake field. Others are stale and skipped.
type timer struct {
	due   itsm.Time
	class wakeClass
	id    uint64
}

func (t timer) before(u timer) bool {
	if t.due != u.due {
		return t.due < u.due
	}
	if t.class != u.class {
		return t.class < u.class
	}
	return t.id < u.id
}

// timerHeap is a binary heap with a total order, so that what is due together
// runs in one order whatever the history of the heap.
type timerHeap []timer

func (h *timerHeap) push(t timer) {
	*h = append(*h, t)
	s := *h
	for i := len(s) - 1; i > 0; {
		up := (i - 1) / 2
		if !s[i].before(s[up]) {
			break
		}
		s[i], s[up] = s[up], s[i]
		i = up
	}
}

func (h *timerHeap) pop() timer {
	s := *h
	top, n := s[0], len(s)-1
	s[0] = s[n]
	s = s[:n]
	for i := 0; ; {
		least := i
		for c := 2*i + 1; c <= 2*i+2 && c < n; c++ {
			if s[c].before(s[least]) {
				least = c
			}
		}
		if least == i {
			break
		}
		s[i], s[least] = s[least], s[i]
		i = least
	}
	*h = s
	return top
}

// wakeGranularity rounds every timer up, so that a hundred thousand leases wake
// the engine once a second and not once each.
const wakeGranularity itsm.Time = 1000

// schedule makes sure an entity wakes no later than due. An entry already in the
// heap for an earlier time is left: waking early is harmless, and a lease that is
// extended every minute then costs no heap work.
func (s *State) schedule(wake *itsm.Time, class wakeClass, id uint64, due itsm.Time) {
	if due == 0 {
		return
	}
	due = (due + wakeGranularity - 1) / wakeGranularity * wakeGranularity
	if *wake != 0 && *wake <= due {
		return
	}
	*wake = due
	s.timers.push(timer{due, class, id})
}

// valid reports whether a heap entry is its entity's current one.
func (s *State) valid(t timer) bool {
	switch t.class {
	case wakeAlert:
		a := s.alerts.Get(itsm.AlertNumber(t.id))
		return a != nil && a.wake == t.due
	case wakeIncident:
		i := s.incidents[itsm.IncidentNumber(t.id)]
		return i != nil && i.wake == t.due
	case wakeScope:
		return t.id < uint64(len(s.scopeList)) && s.scopeList[t.id].wake == t.due
	case wakePages:
		return s.pages.wake == t.due
	case wakeGathering:
		g := s.gatheringIDs[t.id]
		return g != nil && g.wake == t.due
	case wakeSilences:
		return s.silences.wake == t.due
	case wakeWindow:
		m := s.windows.all[itsm.MaintenanceNumber(t.id)]
		return m != nil && m.wake == t.due
	case wakeProblem:
		p := s.problems.list[itsm.ProblemNumber(t.id)]
		return p != nil && p.wake == t.due
	}
	return false
}

// sweepTimersMin is how many timers are too few to look through.
const sweepTimersMin = 4096

// sweepTimers removes all entries that no longer mean anything when they may be half of
// them: the lease of an alert that resolved long ago would lie there for a day. It is
// called between inputs, when every entity that has a timer can be found.
func (s *State) sweepTimers() {
	if len(s.timers) < s.sweepAt {
		return
	}
	kept := make(timerHeap, 0, len(s.timers)/2)
	for _, t := range s.timers {
		if s.valid(t) {
			kept.push(t)
		}
	}
	s.timers, s.sweepAt = kept, max(2*len(kept), sweepTimersMin)
}

// dropStale removes entries at the top that no longer mean anything.
func (s *State) dropStale() {
	for len(s.timers) > 0 && !s.valid(s.timers[0]) {
		s.timers.pop()
	}
}

// NextWake says when the state wants a tick; 0: nothing waits. Forgetting dead
// alerts, closed incidents and old keys is housekeeping: it changes no record,
// rides on whatever entry comes next and asks for no tick.
func (s *State) NextWake() itsm.Time {
	s.dropStale()
	if len(s.timers) == 0 {
		return 0
	}
	return s.timers[0].due
}

// advance runs every timer due up to at, each at its own time, in one total
// order. Whether a tick was journaled at that moment or the next delivery came
// first therefore makes no difference to what is decided.
func (s *State) advance(at itsm.Time) {
	s.sweepTimers()
	for {
		s.dropStale()
		if len(s.timers) == 0 || s.timers[0].due > at {
			break
		}
		t := s.timers.pop()
		s.now = max(s.now, t.due)
		s.wake(t)
	}
	s.now = max(s.now, at)
}

func (s *State) wake(t timer) {
	switch t.class {
	case wakeAlert:
		a := s.alerts.Get(itsm.AlertNumber(t.id))
		a.wake = 0
		s.alertDue(a)
	case wakeIncident:
		i := s.incidents[itsm.IncidentNumber(t.id)]
		i.wake = 0
		s.incidentDue(i)
	case wakeScope:
		sc := s.scopeList[t.id]
		sc.wake = 0
		s.scopeDue(sc)
	case wakePages:
		s.pages.wake = 0
		s.releasePages()
	case wakeGathering:
		g := s.gatheringIDs[t.id]
		g.wake = 0
		s.gatheringDue(g)
	case wakeSilences:
		s.silences.wake = 0
		s.silenceAll()
	case wakeWindow:
		m := s.windows.all[itsm.MaintenanceNumber(t.id)]
		m.wake = 0
		s.windowDue(m)
	case wakeProblem:
		p := s.problems.list[itsm.ProblemNumber(t.id)]
		p.wake = 0
		s.problemDue(p)
	}
}
