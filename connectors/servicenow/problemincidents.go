package servicenow

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"signalbox/connectors"
	sn "signalbox/ingest/source/servicenow"
	"signalbox/itsm"
)

const (
	linkedRows = 1000                   // incidents of one search for those of some problems
	linkedAt   = "signalbox_linked"     // of a row: the newest version of a record in LinkedIncidents, by number
	linkedPart = ":"                    // between a number and its version
	linksOf    = connectors.LookManyMax // problems of one search
)

// addIncidents adds to rows of problems the incidents of ours whose records name them:
// that changes the record of the incident and not the problem's.
func (c *Connector) addIncidents(ctx context.Context, problems []row) error {
	for batch := range slices.Chunk(problems, linksOf) {
		at := map[string]row{}
		for _, r := range batch {
			at[r.id()] = r
		}
		q := reading("correlation_id,problem_id,sys_updated_on,sys_mod_count")
		q.Set("sysparm_query", term("problem_id", "IN", strings.Join(slices.Sorted(maps.Keys(at)), ","))+"^"+term("correlation_id", "STARTSWITH", polledPrefix)+"^ORDERBYcorrelation_id")
		q.Set("sysparm_limit", strconv.Itoa(linkedRows))
		var got struct{ Result []row }
		if err := c.rest.Do(ctx, http.MethodGet, c.table(TargetIncident, q), nil, &got); err != nil {
			return err
		}
		for _, r := range got.Result {
			p, asked := at[r.value("problem_id")]
			n, _, ours := sn.ParseRecordKey(r.value("correlation_id"))
			if !asked || !ours { // a search that was ignored says nothing of these
				continue
			}
			p.add(sn.LinkedIncidents, n.String())
			p.add(linkedAt, n.String()+linkedPart+strconv.FormatInt(r.version(), 10))
		}
	}
	return nil
}

// add appends to a list in a field, once.
func (r row) add(field, v string) {
	switch list := r.value(field); {
	case list == "":
		r[field] = cell{v, v}
	case !slices.Contains(strings.Split(list, ","), v):
		r[field] = cell{list + "," + v, list + "," + v}
	}
}

// linkedAt is the version of the newest record of an incident that names the problem of
// a row and that is not known to belong to it here; 0: there is none.
func (rec *record) linkedAt(r row) (newest int64) {
	for _, v := range strings.Split(r.value(linkedAt), ",") {
		number, version, ok := strings.Cut(v, linkedPart)
		if !ok || slices.ContainsFunc(rec.incidents, func(i itsm.ProblemIncident) bool { return i.Number.String() == number }) {
			continue
		}
		if n, err := strconv.ParseInt(version, 10, 64); err == nil {
			newest = max(newest, n)
		}
	}
	return newest
}
