package api

import (
	"signalbox/itsm"
	"signalbox/itsm/desk"
)

func (a *API) alerts(r *request) error {
	q, err := alertQuery(r.q)
	if err != nil {
		return err
	}
	found, err := a.o.Records.Alerts(q)
	if err != nil {
		return err
	}
	return r.json(pageOf(found.Items, found.Next, viewAlert))
}

func alertQuery(q query) (out desk.AlertQuery, err error) {
	if out.Statuses, err = parsed(q, "status", parseStatus); err != nil {
		return out, err
	}
	if out.CI, err = q.list("ci"); err != nil {
		return out, err
	}
	if out.Incident, err = parsed(q, "incident", itsm.ParseIncidentNumber); err != nil {
		return out, err
	}
	if out.Source, err = q.list("source"); err != nil {
		return out, err
	}
	out.Q, out.Cursor = q["q"], q["cursor"]
	out.Limit, err = q.limit()
	return out, err
}

func parseStatus(word string) (s itsm.Status, err error) {
	err = s.UnmarshalText([]byte(word))
	return s, err
}

func (a *API) alert(r *request) error {
	id, err := r.param("id")
	if err != nil {
		return err
	}
	n, err := itsm.ParseAlertNumber(id)
	if err != nil {
		return err
	}
	found, err := a.o.Records.Alert(n)
	if err != nil {
		return err
	}
	return r.json(viewAlert(&found))
}
