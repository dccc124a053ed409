package correlate

import (
	"signalbox/correlate/group"
	"signalbox/itsm"
)

// startEpisode begins the next episode of a and places it.
func (s *State) startEpisode(a *alert, e *itsm.Event, et itsm.Time, assumed bool) {
	s.beginEpisode(a, e, et, assumed)
	s.place(a, s.groupTime(et))
}

func (s *State) beginEpisode(a *alert, e *itsm.Event, et itsm.Time, assumed bool) {
	s.remember(a)
	if a.episode > 0 {
		s.identifyAnew(a, e)
	}
	a.episode++
	a.base = a.count - 1
	a.reopened, a.member, a.holdUntil, a.held = 0, false, 0, ""
	a.rules = ""
	a.askAnew()
	s.fire(a, e, et, assumed)
	a.startsAt, a.firedAt = s.startOf(e, et), s.now
	a.lastStart = a.startsAt
	s.countBinding(a)
	s.storms(a)
}

// onset folds a later start of an episode that goes on: grouping is asked again.
// While it says the same incident, the episode goes on; when it says another one,
// that is news of other trouble, and the next episode.
func (s *State) onset(a *alert, e *itsm.Event, et itsm.Time, assumed bool, seen itsm.Time) (moved bool) {
	if s.spokenFor(a) || s.covering(a) != nil {
		return false // a rule said where it belongs, or nothing opens now
	}
	t := s.groupTime(et)
	pl := s.group.place(a, t)
	if i := a.inc; pl.Incident == i.number {
		s.group.join(i, a)
		i.lastActivity = s.now
		s.follow(i, pl)
		return false
	}
	s.endQuietly(a, endedEpisode, seen)
	s.change(a, e)
	s.beginEpisode(a, e, et, assumed)
	s.group.last.Episode = a.episode
	s.accept(a, t, pl)
	return true
}

// continueEpisode takes back the end of an episode: it fired again so soon that
// it is the same trouble. Only when grouping sees it as part of another open
// incident is it the next episode after all.
func (s *State) continueEpisode(a *alert, e *itsm.Event, et itsm.Time, assumed bool) {
	t := s.groupTime(et)
	i := a.inc
	if !a.member {
		s.resume(a, e, et, assumed)
		s.place(a, t)
		return
	}
	if !i.state.IsOpen() && s.covering(a) != nil { // coming back is opening, too
		s.beginEpisode(a, e, et, assumed)
		s.place(a, t)
		return
	}
	if s.spokenFor(a) {
		if i.state.IsOpen() {
			s.resume(a, e, et, assumed)
			s.firingAgain(i, a)
			return
		}
		s.beginEpisode(a, e, et, assumed)
		s.place(a, t)
		return
	}
	pl := s.group.place(a, t)
	if o := s.incidents[pl.Incident]; o != i && (!i.state.IsOpen() || i.isLeftBy(pl.Chronic) || o != nil && o.state.IsOpen()) {
		s.beginEpisode(a, e, et, assumed)
		s.group.last.Episode = a.episode
		s.accept(a, t, pl)
		return
	}
	s.resume(a, e, et, assumed)
	if pl.Incident == i.number {
		s.group.join(i, a)
	}
	s.group.last = group.Probe{} // nobody joins with it: a later episode is not placed yet
	s.firingAgain(i, a)
	if !i.state.IsOpen() {
		s.reopen(i, actSystem, a.describe()+" fired again")
	}
	s.follow(i, pl)
}

// isLeftBy reports whether an alert that fires again is no longer of the incident:
// what fires nearly always must not keep open what is over.
func (i *incident) isLeftBy(chronic bool) bool { return chronic && i.firing == 0 }

func (s *State) resume(a *alert, e *itsm.Event, et itsm.Time, assumed bool) {
	a.reopened++
	a.held = ""
	a.askAnew()
	s.fire(a, e, et, assumed)
	a.lastStart = max(a.lastStart, s.startOf(e, et))
}

// mayGoOn reports whether a fire of a resolved alert is one of the episode that ended.
func (s *State) mayGoOn(a *alert) bool {
	return s.now.Sub(a.endedAt) <= s.cfg.RefireWithin.Std() && s.canContinue(a)
}

// canContinue reports whether the last episode may be continued: its incident is
// open, or resolved so recently that this reopens it. An episode that went stale
// ended when the alert was last heard of, which is long ago.
func (s *State) canContinue(a *alert) bool {
	if a.endedBy == endedEpisode || a.endedBy == endedStale || a.beats {
		return false
	}
	return !a.member || a.inc != nil && (a.inc.state.IsOpen() || s.canReopen(a.inc))
}

func (s *State) fire(a *alert, e *itsm.Event, et itsm.Time, assumed bool) {
	back := a.status == itsm.Resolved && a.endedBy != endedEpisode
	a.status, a.severity = itsm.Firing, severityOf(e)
	a.endsAt, a.endedAt, a.endedBy = 0, 0, endedNot
	s.applied(a, et, assumed)
	s.firing++
	a.gen++
	if a.beside != nil {
		a.beside.parts = 0
	}
	a.lease = 0
	s.lease(a, e)
	if back {
		s.transition(a)
	}
	s.touchAlert(a)
	s.silence(a)
	s.scheduleAlert(a)
	if s.ruled.hides {
		s.rehide(a)
	}
}

// endEpisode ends what a is firing about.
func (s *State) endEpisode(a *alert, by endedBy, ends itsm.Time) {
	s.endQuietly(a, by, ends)
	switch by {
	case endedEpisode:
	case endedStale:
		s.group.lost(a) // nothing was heard since
		return
	default:
		ends = s.groupTime(ends)
	}
	s.group.ended(a, ends)
}

// endQuietly is endEpisode without telling grouping.
func (s *State) endQuietly(a *alert, by endedBy, ends itsm.Time) {
	a.status, a.endedBy, a.endsAt, a.endedAt = itsm.Resolved, by, ends, s.now
	a.lease, a.holdUntil, a.ruleDue = 0, 0, 0
	s.unsilence(a)
	switch a.restraint {
	case hidden:
		s.unhide(a)
	case maintained:
		s.leaveWindow(a)
	}
	a.restraint = free
	if g := s.gatheringIDs[a.gathering]; g != nil {
		s.schedule(&g.wake, wakeGathering, g.id, s.now+1) // or it would wait for what is over
	}
	if len(a.side().hides) > 0 {
		s.rehide(a)
	}
	s.firing--
	if by != endedEpisode {
		s.transition(a)
	}
	s.touchAlert(a)
	a.deadAt = s.now
	s.dead.push(uint64(a.number), s.now)
	if a.member && a.inc != nil {
		s.cleared(a.inc, a)
	}
	s.scheduleAlert(a)
}

// groupTime is the time used for grouping: the sender's while it is close to
// ours, else ours.
func (s *State) groupTime(et itsm.Time) itsm.Time {
	tol := itsm.Time(s.cfg.ClockTolerance.Std().Milliseconds())
	if et < s.now-tol || et > s.now+tol {
		return s.now
	}
	return et
}

// lease takes over how long a firing event holds. The sender's clock is trusted
// within bounds only: a lease is never over before it began.
func (s *State) lease(a *alert, e *itsm.Event) {
	if e.LeaseUntil == 0 {
		return
	}
	until := min(max(e.LeaseUntil, s.now.Add(s.cfg.LeaseMin.Std())), s.now.Add(s.cfg.LeaseMax.Std()))
	if until > a.lease {
		a.lease = until
		s.scheduleAlert(a)
	}
}

// scheduleAlert asks to be woken for whatever a waits for.
func (s *State) scheduleAlert(a *alert) {
	s.schedule(&a.wake, wakeAlert, uint64(a.number), s.alertNext(a))
}

// alertNext is when something is due for a; 0: nothing.
func (s *State) alertNext(a *alert) itsm.Time {
	next := itsm.Time(0)
	if a.status == itsm.Firing {
		if !a.beats {
			next = earliest(next, a.lease)
		}
		if a.src.stale > 0 && !a.beats {
			next = earliest(next, a.lastSeen.Add(a.src.stale.Std()))
		}
		next = earliest(next, a.holdUntil)
		next = earliest(next, a.ruleDue)
	}
	if a.flapping {
		next = earliest(next, s.flapEnds(a))
	}
	return next
}

func earliest(a, b itsm.Time) itsm.Time {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

// alertDue does what is due for a, in a fixed order, and schedules the rest.
func (s *State) alertDue(a *alert) {
	if a.flapping && s.flapEnds(a) <= s.now {
		s.stopFlapping(a)
	}
	if a.status == itsm.Firing {
		switch {
		case a.beats: // not hearing of it is what its rule waits for, and no end
		case a.lease != 0 && a.lease <= s.now:
			s.endEpisode(a, endedLease, a.lease)
		case a.src.stale > 0 && a.lastSeen.Add(a.src.stale.Std()) <= s.now:
			s.endEpisode(a, endedStale, s.now)
		case a.holdUntil != 0 && a.holdUntil <= s.now:
			s.release(a)
		case a.ruleDue != 0 && a.ruleDue <= s.now:
			s.restraintDue(a)
		}
	}
	s.scheduleAlert(a)
}

// place decides what a firing episode belongs to: nothing yet (maintenance, hold), what
// grouping says, or, for a flapping alert that grouping would give an incident of
// its own, the incident it flaps in.
func (s *State) place(a *alert, t itsm.Time) {
	if s.maintain(a) || s.rules.Set != nil && s.restrained(a) || s.hold(a) {
		return
	}
	if s.rules.Set != nil && (s.gathered(a, t) || s.comesBack(a)) {
		return
	}
	pl := s.group.place(a, t)
	i := a.inc
	if !a.flapping || i == nil || !i.state.IsOpen() || !i.flaps() || pl.Incident != 0 {
		s.accept(a, t, pl)
		return
	}
	s.group.last = group.Probe{}
	s.enrol(i, a, s.evidence(i, a, itsm.DecidedJoined, "same_ci", "the alert is flapping: its episodes stay in one incident"))
}

// forgetDead drops the state of alerts that ended long ago, oldest first, and
// sooner when there are too many. Whoever fires again after that is a new alert.
func (s *State) forgetDead() {
	for s.dead.len() > 0 {
		id, at := s.dead.front()
		full := s.alerts.Len() > alertsMax
		if s.now < at.Add(s.cfg.EvictAfter.Std()) && !full {
			return
		}
		s.dead.pop()
		a := s.alerts.Get(itsm.AlertNumber(id))
		if a == nil || a.status != itsm.Resolved || a.deadAt != at {
			continue // fired again since, and stands further back
		}
		if a.member && a.inc != nil && a.inc.state.IsOpen() {
			a.deadAt = s.now // still counted there: come back later
			s.dead.push(id, s.now)
			if full {
				return
			}
			continue
		}
		s.forget(a)
	}
}

// alertsMax bounds the alerts whose state is kept beyond those that fire.
const alertsMax = 1_000_000

func (s *State) forget(a *alert) {
	s.alerts.Drop(a.number)
	delete(a.src.alerts, a.identity)
	s.releaseCI(a.ci)
	s.group.forget(a)
}
