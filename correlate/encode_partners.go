package correlate

import "signalbox/itsm"

func archiveTold(a *archive, t *told) {
	text(a, &t.connector)
	num(a, &t.epoch)
	num(a, &t.record)
	num(a, &t.serial)
	a.flag(&t.acked)
	a.flag(&t.resolved)
	num(a, &t.priority)
	num(a, &t.shown.lead)
	text(a, &t.shown.size)
	text(a, &t.shown.cause)
	if a.version >= 4 {
		text(a, &t.shown.title)
	}
	num(a, &t.at)
	if a.version >= 5 {
		archiveToldMore(a, t)
	}
}

// archiveToldMore is what version 5 added.
func archiveToldMore(a *archive, t *told) {
	text(a, &t.shown.runbook)
	text(a, &t.assignee)
	text(a, &t.team)
	num(a, &t.links)
	a.flag(&t.ackKept)
	num(a, &t.exchange.at)
	num(a, &t.exchange.version)
	num(a, &t.exchange.waiting)
	a.flag(&t.exchange.failed)
	list(a, &t.asked, func(a *archive, q *asked) {
		num(a, &q.serial)
		num(a, &q.epoch)
		a.flag(&q.first)
		num(a, &q.version)
		text(a, &q.assignee)
		text(a, &q.team)
		num(a, &q.priority)
	})
	num(a, &t.repairs.n)
	num(a, &t.repairs.next)
	text(a, &t.route)
	list(a, &t.before, func(a *archive, epoch *uint32) { num(a, epoch) })
}

// archivePartners is what is known of partners besides incidents.
func (s *State) archivePartners(a *archive) {
	list(a, &s.drifts, archiveDrift)
	list(a, &s.paused, func(a *archive, c *itsm.ConnectorState) {
		text(a, &c.Name)
		a.flag(&c.Paused)
		text(a, &c.By)
		num(a, &c.At)
		text(a, &c.Reason)
		num(a, &c.Version)
	})
}

func archiveDrift(a *archive, d *drift) {
	text(a, &d.connector)
	num(a, &d.found)
	num(a, &d.adopted)
	num(a, &d.repaired)
}
