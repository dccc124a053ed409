package servicenow

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"signalbox/connectors"
	sn "signalbox/ingest/source/servicenow"
	"signalbox/itsm"
)

// clockTolerance is how far the instance's clock may be from ours.
const clockTolerance = 10 * time.Second

// pushObject brings the record of a change or a problem to how that is here.
func (c *Connector) pushObject(ctx context.Context, in *itsm.Intent) (connectors.Receipt, error) {
	rec, err := c.recordOf(in)
	if err != nil {
		return connectors.Receipt{}, err
	}
	q := rec.reading()
	rows, err := c.findRecord(ctx, rec, q)
	if err != nil {
		return connectors.Receipt{}, err
	}
	var r row
	wrote := true
	if len(rows) > 0 {
		r, wrote, err = c.amend(ctx, in, rec, rows[0], q)
	} else {
		r, err = c.createObject(ctx, in, rec, q)
	}
	if err != nil {
		return connectors.Receipt{}, err
	}
	if err := c.linkIncidents(ctx, in, r.id(), rec.incidents); err != nil {
		return connectors.Receipt{}, err
	}
	got := connectors.Receipt{Link: c.objectLink(rec, r)}
	if wrote { // else the version is somebody else's, whose report is still to be heard
		got.Version = r.version()
	}
	return got, nil
}

func (c *Connector) objectLink(rec *record, r row) *itsm.ExternalRef {
	return &itsm.ExternalRef{Connector: c.o.Name, ID: cmp.Or(r.value("number"), r.id()), URL: c.page(rec.table, r.id())}
}

// createObject makes the record of what was made here.
func (c *Connector) createObject(ctx context.Context, in *itsm.Intent, rec *record, q url.Values) (row, error) {
	if rec.theirs != "" {
		return nil, &connectors.TerminalError{Status: http.StatusNotFound, Detail: "it has no " + rec.table + " " + rec.theirs + " any more, so nothing was written"}
	}
	if err := c.made.Missed(in, rec.key); err != nil {
		return nil, err
	}
	if err := c.place(ctx, rec); err != nil {
		return nil, err
	}
	body := map[string]string{"correlation_id": rec.key, "correlation_display": in.Key}
	for _, part := range []map[string]string{rec.first, rec.is, rec.end} {
		maps.Copy(body, part)
	}
	maps.DeleteFunc(body, func(_, v string) bool { return v == "" })
	return c.insert(ctx, rec.table, rec.key, q, body)
}

// findRecord returns the record of a change or a problem: of ours by the key in its
// correlation_id, of theirs by its number. What is not exactly that is not returned.
func (c *Connector) findRecord(ctx context.Context, rec *record, q url.Values) ([]row, error) {
	if rec.theirs == "" {
		return c.findIn(ctx, rec.table, rec.key, q)
	}
	q = maps.Clone(q)
	q.Set("sysparm_query", term(rec.field(), "=", rec.theirs))
	q.Set("sysparm_limit", strconv.Itoa(rowsLooked))
	var got struct{ Result []row }
	if err := c.rest.Do(ctx, http.MethodGet, c.table(rec.table, q), nil, &got); err != nil {
		return nil, err
	}
	rows := slices.DeleteFunc(got.Result, func(r row) bool { return !rec.isOf(r) })
	if len(rows) == 0 && len(got.Result) > 0 || len(rows) > 1 {
		return nil, &connectors.TerminalError{Status: http.StatusOK, Detail: fmt.Sprintf("it returned %d records of the number %s in a search for it, so nothing was changed; let our account read the field %s.number", len(rows), rec.theirs, rec.table)}
	}
	return rows, nil
}

// amend changes of a record, which is verified, what is not as it is here. A person
// who changed it there after the intent was made has decided later: their webhook, or
// the poll, tells. It returns the record, and whether anything of it was written.
func (c *Connector) amend(ctx context.Context, in *itsm.Intent, rec *record, r row, q url.Values) (row, bool, error) {
	at, err := sn.ParseTime(r.value("sys_updated_on"))
	if err == nil && at > in.At.Add(clockTolerance) && len(c.o.Fields.Own) > 0 && !c.isOwn(r.value("sys_updated_by")) {
		return r, false, nil
	}
	body := rec.differing(r)
	if body["state"] != "" {
		maps.Copy(body, rec.end)
	}
	if len(body) == 0 {
		return r, false, nil
	}
	if rec.theirs == "" { // theirs is for whoever made it
		body["correlation_display"] = in.Key
	}
	var got struct{ Result row }
	err = c.rest.Do(ctx, http.MethodPatch, c.table(rec.table+"/"+url.PathEscape(r.id()), q), body, &got)
	return got.Result, true, err
}

// place adds, to a new record, the first CI that ServiceNow knows and the group, or the
// configured one.
func (c *Connector) place(ctx context.Context, rec *record) error {
	ci, err := c.ciOf(ctx, "", rec.cis)
	if err != nil {
		return err
	}
	owner, err := c.groupOf(ctx, rec.group)
	if err != nil {
		return err
	}
	for field, id := range map[string]string{"cmdb_ci": ci, "assignment_group": owner} {
		if id != "" {
			rec.first[field] = id
		}
	}
	return nil
}

// linkIncidents has the records of a problem's incidents name it, those that name no
// other.
func (c *Connector) linkIncidents(ctx context.Context, in *itsm.Intent, id string, incidents []itsm.ProblemIncident) error {
	keys := make([]string, 0, len(incidents)*epochsLinked)
	for _, i := range incidents {
		for epoch := max(1, int64(i.Reopens)+2-epochsLinked); epoch <= int64(i.Reopens)+1; epoch++ {
			keys = append(keys, sn.RecordKey(i.Number, uint32(epoch)))
		}
	}
	if len(keys) == 0 {
		return nil
	}
	rows, err := c.findMany(ctx, keys, reading(incidentFields+",problem_id"))
	if err != nil {
		return err
	}
	for _, r := range rows {
		st := c.o.Fields.StateOf(r.value("state"))
		if !slices.Contains(keys, r.value("correlation_id")) || r.id() == "" || r.value("problem_id") != "" || st == itsm.Closed || st == itsm.Cancelled {
			continue
		}
		if err := c.rest.Do(ctx, http.MethodPatch, c.table(TargetIncident+"/"+url.PathEscape(r.id()), returned()), map[string]string{"problem_id": id, "correlation_display": in.Key}, nil); err != nil {
			return err
		}
	}
	return nil
}

// epochsLinked bounds the records of one incident that are looked for.
const epochsLinked = 2
