package servicenow

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"signalbox/connectors"
	sn "signalbox/ingest/source/servicenow"
	"signalbox/itsm"
)

const (
	polledRows    = 200            // of one request
	polledPages   = 20             // of one poll; the rest is left for the next
	pollLookBack  = 24 * time.Hour // where a first poll begins
	pollOverlap   = 5 * time.Second
	polledPrefix  = "signalbox/" // begins every key of ours
	pollSeparator = "|"
)

const polledFields = incidentFields + ",priority,assigned_to.email,assigned_to.user_name,assignment_group,close_code,close_notes,hold_reason,reopened_time"

// PullEvery implements connectors.Puller.
func (c *Connector) PullEvery() time.Duration {
	if c.o.Target == TargetEvent {
		return 0
	}
	return c.o.PollEvery
}

// polledTable is what of a table is polled.
type polledTable struct {
	name, fields string
	filter       string         // terms, or ""
	is           func(row) bool // whether a row is one that the filter asks for
	theirs       bool           // problems that were made there: the first poll has no beginning
}

var isOurs = func(r row) bool { return strings.HasPrefix(r.value("correlation_id"), polledPrefix) }

const (
	polledChange  = "number,correlation_id,state,type,short_description,description,start_date,end_date,work_start,work_end,cmdb_ci,assigned_to,requested_by,risk,close_code,sys_updated_on,sys_updated_by,sys_mod_count"
	polledProblem = objectFields + ",cause_notes,workaround,known_error,assigned_to,assigned_to.email,assigned_to.user_name,assignment_group,cmdb_ci"
)

// polledFieldsOf are what is polled of a table.
var polledFieldsOf = map[string]string{TargetIncident: polledFields, changeTable: polledChange, problemTable: polledProblem}

// polledTables are what is polled, each with a line in the cursor.
func (c *Connector) polledTables() []polledTable {
	anyone := func(row) bool { return true }
	ours := term("correlation_id", "STARTSWITH", polledPrefix)
	out := []polledTable{{name: TargetIncident, filter: ours, is: isOurs}, {name: changeTable, is: anyone}}
	if c.o.Problems {
		out = append(out, polledTable{name: problemTable, filter: ours, is: isOurs})
	}
	if c.o.Problems && c.o.ProblemQuery != "" {
		out = append(out, polledTable{name: problemTable, filter: c.o.ProblemQuery, is: anyone, theirs: true})
	}
	for n := range out {
		out[n].fields = polledFieldsOf[out[n].name]
	}
	return out
}

// Pull implements connectors.Puller. The cursor has a line for each table.
func (c *Connector) Pull(ctx context.Context, cursor string) ([]itsm.Act, string, error) {
	tables := c.polledTables()
	lines := append(strings.Split(cursor, "\n"), make([]string, len(tables))...)
	var acts []itsm.Act
	for n := range tables {
		got, next, err := c.pull(ctx, &tables[n], lines[n])
		if n > 0 && connectors.StatusOf(err) != 0 {
			c.logFaults([]error{err})
			continue // this table may not be read
		}
		if err != nil {
			return acts, strings.Join(lines[:len(tables)], "\n"), err
		}
		acts, lines[n] = append(acts, got...), next
	}
	return acts, strings.Join(lines[:len(tables)], "\n"), nil
}

// pull reads one table. The cursor is the sys_updated_on and the sys_id of the last
// row, in whose order rows are read. Each poll begins a little before the cursor: a
// second is not over for the rows that are written in it. Rows that have not changed
// since the poll before are left out.
func (c *Connector) pull(ctx context.Context, t *polledTable, cursor string) ([]itsm.Act, string, error) {
	from, err := sn.ParseTime(strings.SplitN(cursor, pollSeparator, 2)[0])
	if err != nil && !t.theirs {
		from = itsm.TimeOf(time.Now().Add(-pollLookBack))
	}
	at, id := sn.FormatTime(from-itsm.Time(pollOverlap.Milliseconds())), ""
	var acts []itsm.Act
	var faults []error
	before, seen := c.seen[t.name+t.filter], map[string]int64{}
	if before.cursor != cursor {
		before.rows = nil // what was read then was not journaled
	}
	for range polledPages {
		rows, err := c.after(ctx, t, at, id)
		if err == nil && t.theirs {
			err = c.addIncidents(ctx, rows)
		}
		if err != nil {
			return acts, cursor, err
		}
		for _, r := range rows {
			at, id = r.value("sys_updated_on"), r.id()
			cursor = max(cursor, at+pollSeparator+id)
			seen[id] = r.version()
			if v, ok := before.rows[id]; ok && v == seen[id] {
				continue
			}
			got, err := c.acts(t.name, r)
			if err != nil {
				faults = append(faults, err)
			}
			acts = append(acts, got...)
		}
		if len(rows) < polledRows {
			break
		}
	}
	// A row that cannot be read must not stop those after it: the cursor is past it.
	c.logFaults(faults)
	c.seen[t.name+t.filter] = polledRowsSeen{cursor, seen}
	return acts, cursor, nil
}

// polledRowsSeen are the rows that a poll read, with their versions: the next one
// begins with some of them again.
type polledRowsSeen struct {
	cursor string
	rows   map[string]int64
}

// after reads the rows that follow one: first what is left of its second, then what
// was changed later.
func (c *Connector) after(ctx context.Context, t *polledTable, at, id string) ([]row, error) {
	var rows []row
	operator := ">="
	if id != "" {
		same, err := c.polled(ctx, t, term("sys_updated_on", "=", at)+"^"+term("sys_id", ">", id))
		if err != nil || len(same) == polledRows {
			return same, err
		}
		rows, operator = same, ">"
	}
	later, err := c.polled(ctx, t, term("sys_updated_on", operator, at))
	return append(rows, later[:min(len(later), polledRows-len(rows))]...), err
}

func (c *Connector) polled(ctx context.Context, t *polledTable, query string) ([]row, error) {
	q := reading(t.fields)
	q.Set("sysparm_display_value", "all")
	q.Set("sysparm_limit", strconv.Itoa(polledRows))
	if t.filter != "" {
		query = t.filter + "^" + query
	}
	q.Set("sysparm_query", query+"^ORDERBYsys_updated_on^ORDERBYsys_id")
	var got struct{ Result []row }
	if err := c.rest.Do(ctx, http.MethodGet, c.table(t.name, q), nil, &got); err != nil {
		return nil, err
	}
	for _, r := range got.Result {
		if !t.is(r) {
			return nil, connectors.Retry(0, "ServiceNow ignored the search for our records and returned %s", r.value("number"))
		}
	}
	return got.Result, nil
}

// acts reads a row as a webhook's body of the same content would be read.
func (c *Connector) acts(table string, r row) ([]itsm.Act, error) {
	record := map[string]string{}
	for field, v := range r {
		record[field] = v.value
	}
	for _, field := range []string{"assigned_to", "assignment_group", "cmdb_ci", "requested_by", "risk"} {
		record[field] = r[field].shown
	}
	body, err := json.Marshal(map[string]any{"table": table, "operation": sn.Polled, "url": c.page(table, r.id()), "record": record})
	if err != nil {
		return nil, err
	}
	res, err := c.o.Fields.Decode(body, 0)
	return res.Acts, err
}

func (c *Connector) logFaults(faults []error) {
	if len(faults) > 0 && c.o.Log != nil {
		c.o.Log.Warn("changes in ServiceNow that cannot be read", "connector", c.o.Name, "rows", len(faults), "err", errors.Join(faults[:min(len(faults), 3)]...))
	}
}
