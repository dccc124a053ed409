package correlate

import (
	"fmt"

	"signalbox/itsm"
)

// resolve ends the work on i. A condition that still fires is flagged.
func (s *State) resolve(i *incident, by doer, code, note, text string) {
	i.state, i.resolvedAt, i.resolvedBy = itsm.IncidentResolved, s.now, by.actor
	i.setCloseCode(code, note)
	i.unhold()
	i.stillFires = i.firing > 0
	i.lastActivity = s.now
	s.openIncidents--
	s.group.resolve(i)
	if i.around().causesDue != 0 {
		s.refreshCauses(i)
	}
	s.timeline(i, "resolved", by.actor, text)
	if i.stillFires {
		s.timeline(i, "still firing", actSystem.actor, fmt.Sprintf("%d of its alerts still fire; it reopens in %s unless they clear", i.firing, short(s.cfg.FiringGrace)))
	}
	s.touchIncident(i)
	s.tell(i, by, text)
	s.scheduleIncident(i)
	if by.actor == actSystem.actor || code != itsm.CloseCodes[0] && code != "workaround" {
		note = "" // only of these does a note say what fixed it
	}
	s.countResolved(i, note)
	s.resolveChildren(i, by)
}

// canReopen reports whether a new episode of a member reopens i.
func (s *State) canReopen(i *incident) bool {
	return i.state == itsm.IncidentResolved && s.now.Sub(i.resolvedAt) <= s.reopenWithin(i)
}

// reopen starts the next epoch of a resolved incident.
func (s *State) reopen(i *incident, by doer, why string) {
	i.state, i.epoch = itsm.New, i.epoch+1
	i.acked, i.stillFires, i.grown = false, false, false
	i.resolvedAt, i.resolvedBy = 0, ""
	i.setCloseCode("", "")
	s.goesOnAsMajor(i)
	if i.ruled != nil {
		i.ruled.since = s.now
	}
	i.clearedAt = 0 // without a firing alert it waits for the person who reopened it
	i.worst = i.severity()
	i.lastActivity = s.now
	s.openIncidents++
	s.group.reopen(i)
	s.timeline(i, "reopened", by.actor, why)
	s.settle(i, by, why)
}

// close ends the life of i; its number stays.
func (s *State) close(i *incident) {
	i.state, i.closedAt = itsm.Closed, s.now
	s.retire(i)
	s.timeline(i, "closed", actSystem.actor, fmt.Sprintf("resolved %s ago", short(s.cfg.CloseAfter)))
	s.touchIncident(i)
}

// retire takes an incident that ended out of grouping and queues it for forgetting.
func (s *State) retire(i *incident) {
	s.group.close(i)
	s.forgetGatherings(i)
	i.clearedAt = s.now
	s.ended.push(uint64(i.number), s.now)
}

// endedMax bounds the closed and cancelled incidents whose state is kept.
const endedMax = 100_000

// forgetEnded drops the state of incidents closed long ago. Their records stay;
// an act on one of them is answered from its number.
func (s *State) forgetEnded() {
	for s.ended.len() > 0 {
		id, at := s.ended.front()
		if s.now < at.Add(s.cfg.EvictAfter.Std()) && s.ended.len() <= endedMax {
			return
		}
		s.ended.pop()
		i := s.incidents[itsm.IncidentNumber(id)]
		if i == nil || i.state != itsm.Closed && i.state != itsm.Cancelled || i.clearedAt != at {
			continue // taken back by a split
		}
		s.forgetIncident(i)
	}
}

func (s *State) forgetIncident(i *incident) {
	for _, m := range i.members {
		if a := s.alerts.Get(m.alert); a != nil && a.inc == i {
			a.inc = nil // it was a member: the episode can start nowhere else
			if a.flapsIn == i {
				a.flapsIn = nil
			}
		}
	}
	for _, c := range i.cis.list {
		s.releaseCI(c.ci)
	}
	delete(s.incidents, i.number)
	delete(s.silences.hushed, i.number)
	delete(s.problems.of, i.number)
	s.forgetGatherings(i)
}
