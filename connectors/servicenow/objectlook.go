package servicenow

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"signalbox/connectors"
	"signalbox/itsm"
)

// LookObjects implements connectors.ObjectLooker: one search by correlation_id, and one
// by number where any of them was made there.
func (c *Connector) LookObjects(ctx context.Context, wanted []itsm.Intent) ([]connectors.ObjectRecord, error) {
	out := make([]connectors.ObjectRecord, len(wanted))
	recs := make([]*record, len(wanted))
	by := map[string]map[string]int{} // places by field and value
	for n := range wanted {
		rec, err := c.recordOf(&wanted[n])
		if err != nil {
			return nil, err
		}
		recs[n] = rec
		if by[rec.field()] == nil {
			by[rec.field()] = map[string]int{}
		}
		by[rec.field()][rec.name()] = n
		if !rec.over {
			out[n].Differs = []itsm.Difference{{Field: rec.authority("state"), Has: "no record", Want: rec.state}}
		}
	}
	for _, field := range slices.Sorted(maps.Keys(by)) {
		rows, err := c.findObjects(ctx, recs[0].table, field, by[field])
		if err == nil && field != "correlation_id" && recs[0].table == problemTable {
			err = c.addIncidents(ctx, rows)
		}
		if err != nil {
			return nil, err
		}
		for _, r := range rows { // the oldest is the one that is kept up to date
			if n := by[field][r.value(field)]; out[n].Status == connectors.RecordNone && recs[n].isOf(r) {
				if out[n], err = c.objectRecord(recs[n], r); err != nil {
					return nil, err
				}
			}
		}
	}
	return out, nil
}

// findObjects returns the rows of a table of which a field has one of the values.
func (c *Connector) findObjects(ctx context.Context, table, field string, of map[string]int) ([]row, error) {
	q := reading(polledFieldsOf[table])
	q.Set("sysparm_display_value", "all")
	q.Set("sysparm_query", term(field, "IN", strings.Join(slices.Sorted(maps.Keys(of)), ","))+"^ORDERBYsys_created_on")
	q.Set("sysparm_limit", strconv.Itoa(rowsOfMany))
	var got struct{ Result []row }
	if err := c.rest.Do(ctx, http.MethodGet, c.table(table, q), nil, &got); err != nil {
		return nil, err
	}
	for _, r := range got.Result {
		if _, asked := of[r.value(field)]; !asked || r.id() == "" || len(got.Result) >= rowsOfMany {
			return nil, &connectors.TerminalError{Status: http.StatusOK, Detail: "it ignored a search for many values of " + field + " and returned records of others; let our account read the field " + table + "." + field}
		}
	}
	return got.Result, nil
}

// objectRecord is a row as a sweep sees it. A time that is missing there is no
// difference: where nobody wrote it down, it was only concluded here.
func (c *Connector) objectRecord(rec *record, r row) (connectors.ObjectRecord, error) {
	said, err := c.acts(rec.table, r)
	if err != nil {
		return connectors.ObjectRecord{}, err
	}
	got := connectors.ObjectRecord{Record: connectors.Record{Status: connectors.RecordOpen, Link: *c.objectLink(rec, r), Version: r.version(), By: r.value("sys_updated_by"), Ours: c.isOwn(r.value("sys_updated_by"))}}
	got.Version = max(got.Version, rec.linkedAt(r))
	if _, over := rec.stateOf(r); over {
		got.Status = connectors.RecordResolved
	}
	got.Said = said
	body := rec.differing(r)
	for _, field := range slices.Sorted(maps.Keys(body)) {
		if has := r.value(field); has != "" || !changeTimes[field] {
			got.Differs = append(got.Differs, itsm.Difference{Field: rec.authority(field), Has: field + " " + strconv.Quote(has), Want: field + " " + strconv.Quote(body[field])})
		}
	}
	return got, nil
}

// changeTimes are the fields of a change that a partner may have empty.
var changeTimes = map[string]bool{"start_date": true, "end_date": true, "work_start": true, "work_end": true}

// authority is whose word counts about a field of a record.
func (rec *record) authority(field string) string {
	switch {
	case field == "short_description":
		return itsm.AuthorityRecordText
	case rec.table == changeTable:
		return itsm.AuthorityChange
	}
	return itsm.AuthorityProblem
}
