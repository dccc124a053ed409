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

const polledFields = incidentFields + ",priority,assigned_to,assignment_group,close_code,close_notes,hold_reason,reopened_time"

// PullEvery implements connectors.Puller.
func (c *Connector) PullEvery() time.Duration {
	if c.o.Target == TargetEvent {
		return 0
	}
	return c.o.PollEvery
}

// Pull implements connectors.Puller. The cursor is the sys_updated_on and the sys_id
// of the last row, in whose order rows are read. Each poll begins a little before
// the cursor: a second is not over for the rows that are written in it.
func (c *Connector) Pull(ctx context.Context, cursor string) ([]itsm.Act, string, error) {
	from, err := sn.ParseTime(strings.SplitN(cursor, pollSeparator, 2)[0])
	if err != nil {
		from = itsm.TimeOf(time.Now().Add(-pollLookBack))
	}
	at, id := sn.FormatTime(from-itsm.Time(pollOverlap.Milliseconds())), ""
	var acts []itsm.Act
	var faults []error
	for range polledPages {
		rows, err := c.after(ctx, at, id)
		if err != nil {
			return acts, cursor, err
		}
		for _, r := range rows {
			at, id = r.value("sys_updated_on"), r.id()
			cursor = max(cursor, at+pollSeparator+id)
			got, err := c.acts(r)
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
	return acts, cursor, nil
}

// after reads the rows of ours that follow one: first what is left of its second,
// then what was changed later.
func (c *Connector) after(ctx context.Context, at, id string) ([]row, error) {
	var rows []row
	if id != "" {
		same, err := c.polled(ctx, term("sys_updated_on", "=", at)+"^"+term("sys_id", ">", id))
		if err != nil || len(same) == polledRows {
			return same, err
		}
		rows = same
	}
	operator := ">="
	if id != "" {
		operator = ">"
	}
	later, err := c.polled(ctx, term("sys_updated_on", operator, at))
	return append(rows, later[:min(len(later), polledRows-len(rows))]...), err
}

func (c *Connector) polled(ctx context.Context, query string) ([]row, error) {
	q := reading(polledFields)
	q.Set("sysparm_display_value", "all")
	q.Set("sysparm_limit", strconv.Itoa(polledRows))
	q.Set("sysparm_query", term("correlation_id", "STARTSWITH", polledPrefix)+"^"+query+"^ORDERBYsys_updated_on^ORDERBYsys_id")
	var got struct{ Result []row }
	if err := c.rest.Do(ctx, http.MethodGet, c.table("incident", q), nil, &got); err != nil {
		return nil, err
	}
	for _, r := range got.Result {
		if !strings.HasPrefix(r.value("correlation_id"), polledPrefix) {
			return nil, connectors.Retry(0, "ServiceNow ignored the search for our records and returned %s", r.value("number"))
		}
	}
	return got.Result, nil
}

// acts reads a row as a webhook's body of the same content would be read.
func (c *Connector) acts(r row) ([]itsm.Act, error) {
	record := map[string]string{}
	for field, v := range r {
		record[field] = v.value
	}
	record["assigned_to"], record["assignment_group"] = r["assigned_to"].shown, r["assignment_group"].shown
	body, err := json.Marshal(map[string]any{"table": TargetIncident, "operation": sn.Polled, "url": c.page(r.id()), "record": record})
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
