package desk

import (
	"signalbox/itsm"
	"signalbox/itsm/kv"
)

// IncidentQuery chooses incidents: each condition that is set must hold, and a
// list holds when one of its values does. The zero query is every incident.
type IncidentQuery struct {
	States     []itsm.State
	Priorities []itsm.Priority
	Service    []string // id of an affected service
	CI         []string // id of a bound CI, or the key of a provisional one
	Assignee   []string
	Group      []string
	Majors     []itsm.MajorState
	Keep       func(*itsm.Incident) bool // nil: all of these; asked last
	Q          string                    // text in number, title, CIs, services or labels, without regard to case
	Cursor     string
	Limit      int // 0: PageDefault; at most PageMax
}

// Incident returns one incident, or NotFound.
func (d *Desk) Incident(n itsm.IncidentNumber) (in itsm.Incident, err error) {
	err = d.db.View(func(tx kv.Tx) (err error) {
		in, err = getIncident(tx, n)
		return err
	})
	if err != nil {
		return in, notFound(err, "no incident has the number %s", n)
	}
	one := []itsm.Incident{in}
	d.overlayIncidents(one)
	return one[0], nil
}

func getIncident(tx kv.Tx, n itsm.IncidentNumber) (itsm.Incident, error) {
	v, err := tx.Get(new(buffer).incidentKey(n))
	if err != nil {
		return itsm.Incident{}, err
	}
	return readIncident(tx, n, v)
}

// Incidents lists incidents, the newest number first. When only open states are
// asked for, it walks the index of open incidents and not the past; when CIs or
// services are, only what was about them.
func (d *Desk) Incidents(q IncidentQuery) (page Page[itsm.Incident], err error) {
	if subjects := q.subjects(); len(subjects) > 0 && !q.onlyOpen() {
		page, err = d.aboutSubjects(&q, subjects)
		d.overlayIncidents(page.Items)
		return page, err
	}
	p := pager{kind: kindIncident, prefix: prefix(kindIncident), limit: q.Limit, scanMax: ListScanMax}
	if q.onlyOpen() {
		p.kind, p.prefix = kindOpen, prefix(kindOpen)
	}
	m := matcherOf(&q)
	page, err = list(d, p, q.Cursor, func(tx kv.Tx, key, value []byte, in *itsm.Incident) (bool, error) {
		n, err := numberOf(key)
		if err != nil {
			return false, err
		}
		if p.kind == kindOpen {
			if s, err := decodeOpen(value); err != nil || !m.wantsOpen(s) {
				return false, err
			}
			if value, err = tx.Get(new(buffer).incidentKey(itsm.IncidentNumber(n))); err != nil {
				return false, err
			}
		}
		return m.match(tx, itsm.IncidentNumber(n), value, in)
	})
	d.overlayIncidents(page.Items)
	return page, err
}

// onlyOpen reports whether the index of open incidents answers the query.
func (q *IncidentQuery) onlyOpen() bool {
	for _, s := range q.States {
		if !s.IsOpen() {
			return false
		}
	}
	return len(q.States) > 0
}

// incidentMatcher is a query prepared for many records.
type incidentMatcher struct {
	q           *IncidentQuery
	text        needle
	words       [][]exact // one of each must be in a record: assignees, groups, states of major incidents
	service, ci []exact   // one of each must be in what the record is about
}

func matcherOf(q *IncidentQuery) incidentMatcher {
	return incidentMatcher{q: q, text: needleOf(q.Q), words: [][]exact{exactly(q.Assignee), exactly(q.Group), exactly(q.Majors)}, service: exactly(q.Service), ci: exactly(q.CI)}
}

// wantsOpen decides by the index alone, before a record is read.
func (m *incidentMatcher) wantsOpen(s openState) bool {
	return anyOf(m.q.States, s.state) && anyOf(m.q.Priorities, s.priority)
}

// match decodes a record only if its bytes say that it may match, and reads its
// parts only if they decide or the rest matches.
func (m *incidentMatcher) match(tx kv.Tx, n itsm.IncidentNumber, value []byte, in *itsm.Incident) (ok bool, err error) {
	if ok, err = m.mayMatch(tx, n, value); !ok {
		return false, err
	}
	if *in, err = decodeIncident(n, value); err != nil || !m.stands(in) {
		return false, err
	}
	if isParted(value) {
		if err := readParts(tx, in); err != nil {
			return false, err
		}
	}
	return m.isAbout(in), nil
}

// mayMatch looks at the bytes of a record.
func (m *incidentMatcher) mayMatch(tx kv.Tx, n itsm.IncidentNumber, value []byte) (ok bool, err error) {
	if state, priority, known := standing(value); known && !(anyOf(m.q.States, state) && anyOf(m.q.Priorities, priority)) {
		return false, nil
	}
	for _, w := range m.words {
		if !anyIn(w, value) {
			return false, nil
		}
	}
	about := value
	text := m.text.empty() || m.text.mayBeIn(value) || m.text.digits && m.text.in(n.String())
	if isParted(value) && (len(m.service)+len(m.ci) > 0 || !text) {
		if about, err = getPart(tx, n, partAbout); err != nil {
			return false, err
		}
		text = text || m.text.mayBeIn(about)
	}
	return text && anyIn(m.service, about) && anyIn(m.ci, about), nil
}

// stands asks for what no part holds.
func (m *incidentMatcher) stands(in *itsm.Incident) bool {
	q := m.q
	return anyOf(q.States, in.State) && anyOf(q.Priorities, in.Priority) && anyOf(q.Assignee, in.Assignee) && anyOf(q.Group, in.Group) && anyOf(q.Majors, in.Major.State)
}

func (m *incidentMatcher) isAbout(in *itsm.Incident) bool {
	q := m.q
	return anyOf(q.Service, in.Services...) && (anyOf(q.CI, in.CIs...) || anyOf(q.CI, in.Unbound...)) &&
		(m.text.empty() || m.text.inIncident(in)) && (q.Keep == nil || q.Keep(in))
}

// Timeline lists the audit trail of an incident, newest first.
func (d *Desk) Timeline(n itsm.IncidentNumber, cursor string, limit int) (Page[itsm.TimelineEntry], error) {
	p := pager{kind: kindTimeline, prefix: kv.Key(kindTimeline, uint64(n)), limit: limit, scanMax: ListScanMax}
	return list(d, p, cursor, func(_ kv.Tx, key, value []byte, t *itsm.TimelineEntry) (_ bool, err error) {
		*t, err = decodeTimeline(key, value)
		return true, err
	})
}
