package servicenow

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"signalbox/connectors"
	source "signalbox/ingest/source/servicenow"
	"signalbox/itsm"
)

// rowsOfMany bounds the rows of one search for many records: some may be there
// twice.
const rowsOfMany = 2 * connectors.LookManyMax

// LookMany implements connectors.ManyLooker: one search with the operator IN.
func (c *Connector) LookMany(ctx context.Context, refs []connectors.Ref) ([]connectors.Record, error) {
	if c.o.Target == TargetEvent {
		return nil, itsm.Errorf(itsm.Invalid, "connector %s sends events, which cannot be asked for", c.o.Name)
	}
	keys := make([]string, len(refs))
	at := make(map[string]int, len(refs))
	for n, r := range refs {
		keys[n] = source.RecordKey(r.Incident, r.Epoch)
		at[keys[n]] = n
	}
	rows, err := c.findMany(ctx, keys, returned())
	if err != nil {
		return nil, err
	}
	out := make([]connectors.Record, len(refs))
	for _, r := range rows { // the oldest is the one that is kept up to date
		n, asked := at[r.value("correlation_id")]
		switch {
		case !asked || r.id() == "":
			return nil, &connectors.TerminalError{Status: http.StatusOK, Detail: "it ignored a search for many values of correlation_id and returned records of others; let our account read the field incident.correlation_id"}
		case out[n].Status != connectors.RecordNone:
		default:
			if out[n], err = c.record(r); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// findMany returns the records with any of the keys, oldest first. When there are
// too many for one answer each key is asked for alone.
func (c *Connector) findMany(ctx context.Context, keys []string, reads url.Values) ([]row, error) {
	q := maps.Clone(reads)
	q.Set("sysparm_query", term("correlation_id", "IN", strings.Join(keys, ","))+"^ORDERBYsys_created_on")
	q.Set("sysparm_limit", strconv.Itoa(rowsOfMany))
	var got struct{ Result []row }
	if err := c.rest.Do(ctx, http.MethodGet, c.table("incident", q), nil, &got); err != nil || len(got.Result) < rowsOfMany {
		return got.Result, err
	}
	var all []row
	for _, key := range keys {
		rows, err := c.findIn(ctx, TargetIncident, key, reads)
		if err != nil {
			return nil, err
		}
		all = append(all, rows...)
	}
	return all, nil
}
