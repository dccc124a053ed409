package correlate

import (
	"signalbox/itsm"
)

func (s *State) archiveAlerts(a *archive, cis *ciTable) {
	var numbers []itsm.AlertNumber
	if !a.reading {
		numbers = s.alertNumbers()
	}
	list(a, &numbers, num[itsm.AlertNumber])
	for _, n := range numbers {
		al := s.alerts.Get(n)
		if a.reading {
			al = &alert{number: n}
		}
		s.archiveAlert(a, cis, al)
		if a.bad {
			return
		}
		if a.reading {
			s.alerts.Put(n, al)
			al.src.alerts[al.identity] = al
		}
	}
}

func (s *State) archiveAlert(a *archive, cis *ciTable, al *alert) {
	src := -1
	if al.src != nil {
		src = al.src.index
	}
	if src = index(a, src, len(s.sourceList)); src < 0 {
		a.bad = true
		return
	}
	al.src = s.sourceList[src]
	for _, v := range []*string{&al.identity, &al.text, &al.boundBy, &al.trail, &al.sender, &al.held} {
		text(a, v)
	}
	cis.ref(a, &al.ci)
	a.bad = a.bad || al.ci == nil
	if a.reading && al.ci != nil {
		al.trail, al.boundBy = s.trailOn(al.ci, al.trail), s.share(al.boundBy)
	}
	for _, v := range []*itsm.Time{&al.startsAt, &al.lastStart, &al.endsAt, &al.lastEvent, &al.raisedAt, &al.firedAt, &al.endedAt,
		&al.deadAt, &al.lastSeen, &al.lease, &al.holdUntil, &al.wake, &al.recSeen} {
		num(a, v)
	}
	num(a, &al.count)
	num(a, &al.base)
	num(a, &al.changedAt)
	num(a, &al.recCount)
	num(a, &al.at)
	num(a, &al.episode)
	num(a, &al.reopened)
	num(a, &al.status)
	num(a, &al.severity)
	num(a, &al.endedBy)
	num(a, &al.incident)
	for _, v := range []*bool{&al.assumed, &al.member, &al.flapping} {
		a.flag(v)
	}
	s.archiveIncidentRef(a, &al.inc)
	s.archiveIncidentRef(a, &al.flapsIn)
	archiveSeries(a, &al.series)
	if a.version >= 4 {
		s.archiveRestraint(a, al)
	}
}

// archiveIncidentRef archives a reference to an incident, which is read before
// the alerts are.
func (s *State) archiveIncidentRef(a *archive, p **incident) {
	var n itsm.IncidentNumber
	if *p != nil {
		n = (*p).number
	}
	num(a, &n)
	if a.reading && n != 0 {
		*p = s.incidents[n]
		a.bad = a.bad || *p == nil
	}
}

func archiveSeries(a *archive, p **series) {
	has := *p != nil
	a.flag(&has)
	if !has {
		return
	}
	if a.reading {
		*p = &series{}
	}
	list(a, &(*p).clears, num[uint16])
	list(a, &(*p).transitions, num[itsm.Time])
}

func (s *State) archiveIncidents(a *archive, cis *ciTable) {
	var numbers []itsm.IncidentNumber
	if !a.reading {
		numbers = sortedKeys(s.incidents)
	}
	list(a, &numbers, num[itsm.IncidentNumber])
	for _, n := range numbers {
		i := s.incidents[n]
		if a.reading {
			i = &incident{number: n}
			s.incidents[n] = i
		}
		archiveIncident(a, i)
		archiveMembers(a, cis, i)
		if a.bad {
			return
		}
		if a.reading {
			i.cis.reindex()
		}
	}
}

func archiveIncident(a *archive, i *incident) {
	num(a, &i.state)
	num(a, &i.before)
	num(a, &i.epoch)
	for _, v := range []*bool{&i.acked, &i.stillFires, &i.storm, &i.pinned, &i.grown, &i.pageHeld, &i.unknown} {
		a.flag(v)
	}
	around := *i.around()
	for _, v := range []*itsm.Time{&i.openedAt, &i.ackAt, &i.resolvedAt, &i.closedAt, &around.causesDue, &i.clearedAt, &i.lastActivity, &i.wake, &i.recActivity} {
		num(a, v)
	}
	h := *i.handled()
	for _, v := range []*string{&h.ackBy, &i.resolvedBy, &h.closeCode, &h.holdReason, &h.assignee, &i.team, &h.overrideBy, &i.leadTitle, &i.leadCI, &i.why} {
		text(a, v)
	}
	for n := range i.stormIn {
		num(a, &i.stormIn[n])
	}
	num(a, &i.override)
	num(a, &i.computed)
	num(a, &i.impact)
	num(a, &i.urgency)
	archiveBecause(a, &i.impactWhy)
	archiveBecause(a, &i.urgencyWhy)
	num(a, &i.follows)
	num(a, &i.mergedInto)
	num(a, &i.worst)
	num(a, &i.bestTier)
	num(a, &i.lead)
	num(a, &i.leadSev)
	num(a, &i.causesAt)
	num(a, &i.version)
	num(a, &i.changedAt)
	num(a, &i.recEvents)
	shared := i.sharedLabels()
	labels(a, &shared)
	if a.reading {
		i.setLabels(shared)
	}
	list(a, &i.causes, cause)
	list(a, &around.maybe, candidate)
	list(a, &h.links, externalRef)
	list(a, &i.told, archiveTold)
	list(a, &h.heard, archiveHeard)
	if a.version >= 4 {
		a.flag(&h.group)
	}
	if a.version >= 5 {
		text(a, &h.closeNote)
		text(a, &h.assigned.by)
		num(a, &h.assigned.at)
		a.flag(&h.assigned.person)
		list(a, &h.unrelated, num[itsm.IncidentNumber])
	}
	if a.reading && h.any() {
		i.did = &h
	}
	if a.version >= 4 {
		archiveRuledIncident(a, &i.ruled)
	}
	if a.version < 5 { // what it did not know yet is as it should be
		for n := range i.told {
			t := &i.told[n]
			t.assignee, t.team, t.links, t.shown.runbook = i.handled().assignee, i.team, i.linksOfOthers(t.connector), i.shown().runbook
		}
	}
	if a.version >= 5 {
		list(a, &around.changes, incidentChange)
		archiveLevel(a, &around.level)
		archiveKin(a, &around.kin)
		archiveMajor(a, &around.major)
		archiveFollow(a, &around.follow)
	}
	if a.reading && around.any() {
		i.beside = &around
	}
}

func archiveBecause(a *archive, b *because) {
	num(a, &b.kind)
	text(a, &b.name)
	num(a, &b.n)
	num(a, &b.m)
}

func archiveMembers(a *archive, cis *ciTable, i *incident) {
	list(a, &i.members, func(a *archive, m *member) {
		num(a, &m.alert)
		num(a, &m.episode)
		cis.ref(a, &m.ci)
		if a.reading && m.ci != nil {
			m.ci.refs-- // the incident holds each CI once, below
		}
		num(a, &m.from)
	})
	list(a, &i.cis.list, func(a *archive, c *ciCount) { cis.ref(a, &c.ci); num(a, &c.n); num(a, &c.at) })
	num(a, &i.firing)
	num(a, &i.flapping)
	num(a, &i.events)
	for n := range i.bySeverity {
		num(a, &i.bySeverity[n])
	}
	texts(a, &i.bound.list)
	texts(a, &i.unbound.list)
	list(a, &i.services, func(a *archive, v *affected) {
		text(a, &v.id)
		num(a, &v.tier)
		num(a, &v.cis)
		num(a, &v.hit)
	})
}

func archiveHeard(a *archive, h *heard) {
	text(a, &h.connector)
	num(a, &h.version)
	num(a, &h.rank)
	if a.version >= 4 {
		a.flag(&h.crossed)
	}
}
