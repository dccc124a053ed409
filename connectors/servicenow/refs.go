package servicenow

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"time"

	"signalbox/connectors"
	"signalbox/itsm"
)

const (
	refsMax   = 10_000           // names remembered
	refKept   = time.Hour        // how long the sys_id of a name counts
	noRefKept = 10 * time.Minute // how long it counts that there is none
	cisAsked  = 3                // CIs of one incident that are looked up
)

// refs remembers the sys_ids of names.
type refs struct {
	mu    sync.Mutex
	known map[string]ref
}

type ref struct {
	id    string
	until time.Time
}

func (r *refs) get(key string) (string, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	v, ok := r.known[key]
	return v.id, ok && time.Now().Before(v.until)
}

func (r *refs) put(key, id string) {
	kept := refKept
	if id == "" {
		kept = noRefKept
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.known == nil || len(r.known) >= refsMax {
		r.known = map[string]ref{}
	}
	r.known[key] = ref{id, time.Now().Add(kept)}
}

// names are the fields of a record that name another one, as sys_ids.
func (c *Connector) names(ctx context.Context, in *itsm.Intent) (map[string]string, error) {
	out, is := map[string]string{}, &in.Snapshot
	for _, n := range []struct {
		field string
		find  func() (string, error)
	}{
		{"assignment_group", func() (string, error) { return c.groupOf(ctx, is.Group) }},
		{"cmdb_ci", func() (string, error) { return c.ciOf(ctx, is.Cause, is.CIs) }},
		{"caller_id", func() (string, error) { return c.callerOf(ctx) }},
		{"assigned_to", func() (string, error) { return c.users.ID(ctx, is.Assignee, is.AssigneeEmail) }},
	} {
		id, err := n.find()
		if err != nil {
			return nil, err
		}
		if id != "" {
			out[n.field] = id
		}
	}
	return out, nil
}

// groupOf is the group of a name, else the configured one.
func (c *Connector) groupOf(ctx context.Context, group string) (string, error) {
	for _, name := range []string{group, c.o.AssignmentGroup} {
		if id, err := c.lookUp(ctx, "sys_user_group", "name", name); id != "" || err != nil {
			return id, err
		}
	}
	return "", nil
}

// ciOf is the probable cause, else the first CI that ServiceNow knows. One that
// was imported from there has its sys_id in its id.
func (c *Connector) ciOf(ctx context.Context, cause string, cis []string) (string, error) {
	names := append([]string{cause}, cis...)
	for _, name := range names[:min(len(names), cisAsked+1)] {
		if id, err := c.lookUp(ctx, "cmdb_ci", c.o.CIField, nameOf(name)); id != "" || err != nil {
			return id, err
		}
	}
	return "", nil
}

// nameOf is what ServiceNow may know a CI by: the sys_id of one that came from there,
// and of one that is only named by an alert the name.
func nameOf(id string) string {
	for _, prefix := range []string{ciPrefix, "ci:", "host:", "service:"} {
		if name, ok := strings.CutPrefix(id, prefix); ok {
			return name
		}
	}
	return id
}

func (c *Connector) callerOf(ctx context.Context) (string, error) {
	return c.lookUp(ctx, "sys_user", "user_name", c.o.Caller)
}

// lookUp returns the sys_id of the record whose field is name, "" when there is
// none. What is a sys_id already is taken as it is.
func (c *Connector) lookUp(ctx context.Context, table, field, name string) (string, error) {
	if name == "" || isSysID(name) {
		return name, nil
	}
	key := table + "\n" + field + "\n" + name
	if id, ok := c.refs.get(key); ok {
		return id, nil
	}
	q := reading(field)
	q.Set("sysparm_query", term(field, "=", name)+"^ORDERBYsys_created_on")
	q.Set("sysparm_limit", "2")
	var got struct{ Result []row }
	err := c.rest.Do(ctx, http.MethodGet, c.table(table, q), nil, &got)
	if err != nil && connectors.StatusOf(err) == 0 {
		return "", err
	}
	id := "" // also when the table may not be read: an incident without it is better than none
	for _, r := range got.Result {
		if strings.EqualFold(r.value(field), name) { // an ignored term returns anybody
			id = r.id()
			break
		}
	}
	c.refs.put(key, id)
	return id, nil
}

// isSysID reports whether s has the form of a sys_id: 32 hex digits.
func isSysID(s string) bool {
	return len(s) == 32 && strings.Trim(s, "0123456789abcdef") == ""
}
