package api

import (
	"signalbox/itsm"
	"signalbox/itsm/partners"
)

// syncView is how one incident stands at every partner, and who decides.
type syncView struct {
	Kept        bool            `json:"kept"`
	Items       []syncRow       `json:"items"`
	Authorities []authorityView `json:"authorities"`
}

type syncRow struct {
	standingView
	Told     bool        `json:"told"`
	Why      *string     `json:"why"`
	Wants    recordView  `json:"wants"`
	Has      *recordView `json:"has"`
	Stranger *string     `json:"unknown_assignee"`
}

// standingView is what is said of the record of an incident, a change or a problem alike.
type standingView struct {
	Connector string           `json:"connector"`
	Kind      string           `json:"kind"`
	SeenAt    itsm.Time        `json:"seen_at"`
	Link      *linkView        `json:"link"` // null: the record there is not known
	At        itsm.Time        `json:"exchanged_at"`
	ToldAt    itsm.Time        `json:"told_at"`
	Waiting   int              `json:"waiting"`
	Failed    bool             `json:"failed"`
	Drift     []differenceView `json:"drift"`
	Repairs   int              `json:"repairs"`
	RepairAt  itsm.Time        `json:"repair_at"`
}

func viewStanding(r *partners.Row) standingView {
	v := standingView{Connector: r.Connector, Kind: r.Kind, SeenAt: r.SeenAt, At: r.At, ToldAt: r.ToldAt, Waiting: r.Waiting, Failed: r.Failed,
		Drift: each(r.Differs, viewDifference), Repairs: r.Repairs, RepairAt: r.RepairAt}
	if r.Link.ID != "" {
		link := viewLink(&r.Link)
		v.Link = &link
	}
	return v
}

// recordView is a partner's record; what the partner does not know is null.
type recordView struct {
	Status   string  `json:"status"`
	Assignee *string `json:"assignee"`
	Group    *string `json:"group"`
	Priority *string `json:"priority"`
	Title    *string `json:"title"`
	By       *string `json:"by"`
	Version  int64   `json:"version"`
}

type differenceView struct {
	Field string `json:"field"`
	Has   string `json:"has"`
	Wants string `json:"wants"`
	Owner string `json:"owner"`
	Rule  string `json:"rule"`
}

type authorityView struct {
	Field    string `json:"field"`
	Owner    string `json:"owner"`
	Conflict string `json:"conflict"`
	Effect   string `json:"effect"`
}

func viewRecord(r *itsm.PartnerRecord, knows itsm.SyncFields) recordView {
	v := recordView{Status: r.Status.String(), By: text(r.By), Version: r.Version}
	for _, f := range []struct {
		field itsm.SyncFields
		to    **string
		value string
	}{{itsm.SyncAssignee, &v.Assignee, r.Assignee}, {itsm.SyncGroup, &v.Group, r.Group}, {itsm.SyncPriority, &v.Priority, r.Priority.String()}, {itsm.SyncTitle, &v.Title, r.Title}} {
		if knows.Has(f.field) {
			*f.to = &f.value
		}
	}
	return v
}

func viewSync(rows []partners.Row, kept bool) syncView {
	return syncView{Kept: kept, Items: each(rows, viewSyncRow), Authorities: authorities()}
}

func viewSyncRow(r *partners.Row) syncRow {
	v := syncRow{standingView: viewStanding(r), Told: r.Told, Why: text(r.Why), Wants: viewRecord(&r.Want, itsm.SyncAssignee|itsm.SyncGroup|itsm.SyncPriority|itsm.SyncTitle), Stranger: text(r.Stranger)}
	if r.Has != nil {
		has := viewRecord(r.Has, r.Has.Knows)
		v.Has = &has
	}
	return v
}

func authorities() []authorityView {
	return each(itsm.Authorities(), func(a *itsm.Authority) authorityView { return authorityView(*a) })
}

func viewDifference(d *itsm.Difference) differenceView {
	a := itsm.AuthorityOf(d.Field)
	return differenceView{d.Field, d.Has, d.Want, a.Owner, a.Conflict}
}

// objectSyncView is how one change or problem stands at the partners that have a record.
type objectSyncView struct {
	Items       []objectSyncRow `json:"items"`
	Authorities []authorityView `json:"authorities"`
}

type objectSyncRow struct {
	standingView
	Theirs bool    `json:"made_there"`
	Status *string `json:"status"`
	By     *string `json:"by"`
}

func viewObjectSync(r *partners.Row) objectSyncRow {
	v := objectSyncRow{standingView: viewStanding(r), Theirs: r.Theirs}
	if r.Has != nil {
		v.Status, v.By = text(r.Has.Status.String()), text(r.Has.By)
	}
	return v
}

// showObjectSync answers about a change or a problem that the asker may see.
func (a *API) showObjectSync(r *request, id string) error {
	var rows []partners.Row
	if a.o.Connectors != nil {
		rows = a.o.Connectors.SyncObject(id)
	}
	return r.json(objectSyncView{each(rows, viewObjectSync), authorities()})
}

func (a *API) problemSync(r *request) error {
	n, err := r.problemNumber()
	if err != nil {
		return err
	}
	if _, err := a.seenProblem(r, n.String()); err != nil {
		return err
	}
	return a.showObjectSync(r, n.String())
}

func (a *API) changeSync(r *request) error {
	id, err := r.param("id")
	if err != nil {
		return err
	}
	if _, err := a.o.Records.Object("change", id); err != nil {
		return err
	}
	return a.showObjectSync(r, id)
}

func (a *API) incidentSync(r *request) error {
	n, err := r.incidentNumber()
	if err != nil {
		return err
	}
	if _, err := a.o.Records.Incident(n); err != nil {
		return err
	}
	if a.o.Connectors == nil {
		return r.json(viewSync(nil, true))
	}
	rows, kept := a.o.Connectors.Sync(n)
	return r.json(viewSync(rows, kept))
}
