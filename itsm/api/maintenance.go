package api

import (
	"net/http"

	"signalbox/itsm"
	"signalbox/itsm/access"
	"signalbox/itsm/window"
)

func (a *API) maintenanceRoutes() []route {
	one := Prefix + "/maintenance/:id"
	return []route{
		{http.MethodGet, Prefix + "/maintenance", access.Viewer, append([]string{"state", "ci"}, paging...), a.maintenances},
		{http.MethodPost, Prefix + "/maintenance", access.Responder, nil, a.putMaintenance},
		{http.MethodGet, one, access.Viewer, nil, a.maintenance},
		{http.MethodPut, one, access.Responder, nil, a.putMaintenance},
		{http.MethodPost, one + "/end", access.Responder, nil, actOn(a, "maintenance", itsm.ActMaintenanceEnd, viewMaintenance)},
		{http.MethodPost, one + "/cancel", access.Responder, nil, actOn(a, "maintenance", itsm.ActMaintenanceCancel, viewMaintenance)},
	}
}

type maintenanceView struct {
	ID        string                `json:"id"`
	State     itsm.MaintenanceState `json:"state"`
	Reason    string                `json:"reason"`
	Owner     *string               `json:"owner"`
	Change    *string               `json:"change"`
	StartsAt  itsm.Time             `json:"starts_at"`
	EndsAt    itsm.Time             `json:"ends_at"`
	Zone      string                `json:"zone"`
	RRule     *string               `json:"rrule"`
	Scope     itsm.Scope            `json:"scope"`
	Unknown   []string              `json:"unknown"`
	NextStart itsm.Time             `json:"next_start"`
	NextEnd   itsm.Time             `json:"next_end"`
	Upcoming  []occurrenceView      `json:"upcoming"`
	Version   uint64                `json:"version"`
	CreatedAt itsm.Time             `json:"created_at"`
	UpdatedAt itsm.Time             `json:"updated_at"`
	UpdatedBy string                `json:"updated_by"`
}

type occurrenceView struct {
	Start itsm.Time `json:"start"`
	End   itsm.Time `json:"end"`
}

// upcomingShown is how many occurrences an answer lists.
const upcomingShown = 5

func viewMaintenance(m *itsm.Maintenance) maintenanceView {
	v := maintenanceView{ID: m.ID, State: m.State, Reason: m.Reason, Owner: text(m.Owner), Change: text(m.Change), StartsAt: m.StartsAt, EndsAt: m.EndsAt,
		Zone: m.Zone, RRule: text(m.RRule), Scope: m.Scope, Unknown: list(m.Unknown), NextStart: m.NextStart, NextEnd: m.NextEnd, Upcoming: []occurrenceView{},
		Version: m.Version, CreatedAt: m.CreatedAt, UpdatedAt: m.UpdatedAt, UpdatedBy: m.UpdatedBy}
	v.Scope.Tidy()
	if m.NextEnd == 0 {
		return v
	}
	if w, err := window.New(m.StartsAt, m.EndsAt, m.Zone, m.RRule); err == nil {
		for _, c := range w.Occurrences(m.NextEnd-1, upcomingShown) {
			v.Upcoming = append(v.Upcoming, occurrenceView{c.Start, c.End})
		}
	}
	return v
}

func (a *API) maintenances(r *request) error {
	states, err := parsed(r.q, "state", wordOf(itsm.MaintenanceStates))
	if err != nil {
		return err
	}
	return showObjects(a, r, "maintenance", viewMaintenance, func(m *itsm.Maintenance) bool { return has(states, m.State) })
}

func (a *API) maintenance(r *request) error {
	return showObject(a, r, "maintenance", "", viewMaintenance)
}

func (a *API) putMaintenance(r *request) error {
	return putObject[itsm.MaintenanceUpdate](a, r, "maintenance", itsm.ActMaintenancePut, viewMaintenance)
}
