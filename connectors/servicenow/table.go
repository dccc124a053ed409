package servicenow

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"signalbox/connectors"
	"signalbox/ingest/source"
	sn "signalbox/ingest/source/servicenow"
)

// rowsLooked bounds the rows that a look-up reads. One is expected; an instance with
// fewer than that has shown all it has, even if it ignored the search.
const rowsLooked = 100

// incidentFields are read of a record before it is changed.
const incidentFields = "number,correlation_id,state,short_description,impact,urgency,assigned_to,sys_updated_on,sys_updated_by,sys_mod_count"

// row is one record by its fields' names.
type row map[string]cell

// cell is a field's stored value and how people see it. It comes as text, or with
// sysparm_display_value=all as an object of both.
type cell struct{ value, shown string }

// UnmarshalJSON implements json.Unmarshaler. A field of any other shape is of no
// interest.
func (c *cell) UnmarshalJSON(b []byte) error {
	var text string
	if json.Unmarshal(b, &text) == nil {
		c.value, c.shown = text, text
		return nil
	}
	var both struct {
		Value   string `json:"value"`
		Display string `json:"display_value"`
	}
	if json.Unmarshal(b, &both) == nil {
		c.value, c.shown = both.Value, both.Display
	}
	return nil
}

func (r row) value(field string) string { return r[field].value }

func (r row) id() string { return r["sys_id"].value }

func (r row) version() int64 {
	at, err := sn.ParseTime(r.value("sys_updated_on"))
	if err != nil {
		return 0
	}
	return sn.Version(at, r.value("sys_mod_count"))
}

// reading asks for fields and the sys_id.
func reading(fields string) url.Values {
	return url.Values{"sysparm_fields": {"sys_id," + fields}, "sysparm_exclude_reference_link": {"true"}}
}

// returned asks a write to answer with what a receipt tells.
func returned() url.Values { return reading(incidentFields) }

// table is the URL of a table or of one of its records.
func (c *Connector) table(path string, q url.Values) string {
	return c.o.URL + "/api/now/table/" + path + "?" + q.Encode()
}

// term makes one term of an encoded query. A caret would begin another; it is
// written twice. Whether that is honoured does not matter for safety: what comes
// back is compared.
func term(field, operator, value string) string {
	return field + operator + strings.ReplaceAll(value, "^", "^^")
}

// find returns the records of incidents with a key, oldest first. Every one of them has
// it.
func (c *Connector) find(ctx context.Context, key string, withNotes bool) ([]row, error) {
	return c.findIn(ctx, TargetIncident, key, fieldsOf(withNotes))
}

// findIn is find in any table; q says what is read of them.
func (c *Connector) findIn(ctx context.Context, table, key string, q url.Values) ([]row, error) {
	if id := c.made.ID(key); id != "" {
		r, err := c.get(ctx, table, id, q)
		if err == nil && r.value("correlation_id") == key && r.id() == id {
			return []row{r}, nil
		}
		if err != nil && connectors.StatusOf(err) != http.StatusNotFound {
			return nil, err
		}
	}
	q = maps.Clone(q)
	q.Set("sysparm_query", term("correlation_id", "=", key)+"^ORDERBYsys_created_on")
	q.Set("sysparm_limit", strconv.Itoa(rowsLooked))
	var got struct{ Result []row }
	if err := c.rest.Do(ctx, http.MethodGet, c.table(table, q), nil, &got); err != nil {
		return nil, err
	}
	var ours []row
	for _, r := range got.Result {
		if r.value("correlation_id") == key && r.id() != "" {
			ours = append(ours, r)
		}
	}
	if len(ours) == 0 && len(got.Result) >= rowsLooked {
		return nil, &connectors.TerminalError{Status: http.StatusOK, Detail: "it ignored the search for correlation_id " + key + " and returned records of others, so nothing was changed; let our account read the field " + table + ".correlation_id, or set glide.invalid_query.returns_no_rows"}
	}
	if len(ours) > 0 {
		c.made.Found(key, ours[0].id())
	}
	return ours, nil
}

// fieldsOf asks for a record; notes are shown text that is not stored in the row.
func fieldsOf(withNotes bool) url.Values {
	if !withNotes {
		return returned()
	}
	q := reading(incidentFields + ",work_notes")
	q.Set("sysparm_display_value", "all")
	return q
}

func (c *Connector) get(ctx context.Context, table, id string, q url.Values) (row, error) {
	var got struct{ Result row }
	err := c.rest.Do(ctx, http.MethodGet, c.table(table+"/"+url.PathEscape(id), q), nil, &got)
	return got.Result, err
}

func (c *Connector) isOwn(user string) bool { return source.SameName(user, c.o.Fields.Own) }
