package api

import (
	"signalbox/itsm"
	"signalbox/itsm/desk"
)

func (a *API) incidents(r *request) error {
	if err := a.viewed(r); err != nil {
		return err
	}
	q, err := incidentQuery(r.q)
	if err != nil {
		return err
	}
	if q.Keep, err = a.keepIncidents(r); err != nil {
		return err
	}
	found, err := a.o.Records.Incidents(q)
	if err != nil {
		return err
	}
	return r.json(pageOf(found.Items, found.Next, viewIncident))
}

func incidentQuery(q query) (out desk.IncidentQuery, err error) {
	if out.States, err = parsed(q, "state", itsm.ParseState); err != nil {
		return out, err
	}
	if out.Priorities, err = parsed(q, "priority", itsm.ParsePriority); err != nil {
		return out, err
	}
	if out.Service, err = q.list("service"); err != nil {
		return out, err
	}
	if out.CI, err = q.list("ci"); err != nil {
		return out, err
	}
	if out.Assignee, err = q.list("assignee"); err != nil {
		return out, err
	}
	if out.Group, err = q.list("group"); err != nil {
		return out, err
	}
	if out.Majors, err = parsed(q, "major", itsm.ParseMajorState); err != nil {
		return out, err
	}
	out.Q, out.Cursor = q["q"], q["cursor"]
	out.Limit, err = q.limit()
	return out, err
}

func (a *API) incident(r *request) error {
	n, err := r.incidentNumber()
	if err != nil {
		return err
	}
	return a.showIncident(r, n)
}

func (a *API) showIncident(r *request, n itsm.IncidentNumber) error {
	in, err := a.o.Records.Incident(n)
	if err != nil {
		return err
	}
	r.tag(in.Version)
	return r.json(viewIncident(&in))
}

// members answers a list that belongs to one incident; an unknown incident is
// 404 and not an empty list.
func members[D, W any](a *API, r *request, read func(itsm.IncidentNumber, string, int) (desk.Page[D], error), view func(*D) W) error {
	n, err := r.incidentNumber()
	if err != nil {
		return err
	}
	cursor, limit, err := r.page()
	if err != nil {
		return err
	}
	if _, err := a.o.Records.Incident(n); err != nil {
		return err
	}
	found, err := read(n, cursor, limit)
	if err != nil {
		return err
	}
	return r.json(pageOf(found.Items, found.Next, view))
}

func (a *API) incidentAlerts(r *request) error {
	n, err := r.incidentNumber()
	if err != nil {
		return err
	}
	return members(a, r, a.o.Records.IncidentAlerts, viewMember(n))
}

func (a *API) timeline(r *request) error {
	return members(a, r, a.o.Records.Timeline, viewTimeline)
}

func (a *API) evidence(r *request) error {
	return members(a, r, a.o.Records.Evidence, viewEvidence)
}
