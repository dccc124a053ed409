// Package servicenow keeps ServiceNow's incidents, and problems and change requests
// where they are asked for, with ours over its Table API, or sends incidents as events
// of Event Management, hears of changes by polling, and reads the CMDB.
//
// The record of an epoch carries its key (see ingest/source/servicenow) in
// correlation_id. It is looked up before it is made, and every row that a search
// returns is held against the key before anything is written: ServiceNow ignores a
// term it does not know, and then returns every row there is. In
// correlation_display each write leaves the key of its intent, by which it is known
// when it comes back.
//
// Documentation: https://www.servicenow.com/docs (REST API reference, Table API).
//
// # Decisions
//
// 2026-11 Names of groups and CIs are looked up and written as sys_id. Writing
// display values (sysparm_input_display_value) changes how every other field of the
// body is read, dates among them.
package servicenow

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"signalbox/connectors"
	source "signalbox/ingest/source/servicenow"
	"signalbox/itsm"
)

// PerMinute is the rate kept. ServiceNow publishes none; administrators set rules by
// the hour.
const PerMinute = 120

// Targets of a connector.
const (
	TargetIncident = "incident"
	TargetEvent    = "em_event"
)

// Options configures the connector.
type Options struct {
	Name            string
	URL             string // of the instance, such as https://acme.service-now.com
	User, Password  string // basic authentication, unless OAuth is set
	OAuth           *connectors.OAuth
	Target          string            // TargetIncident or TargetEvent; "": TargetIncident
	AssignmentGroup string            // name or sys_id of the group when the incident names none that exists
	Caller          string            // user name or sys_id of the caller; "": none
	CIField         string            // field of cmdb_ci that holds the ids of our CIs; "": name
	Fields          source.Config     // states, close codes, and our accounts' user names
	Extra           map[string]string // fields that a new record of an incident gets besides, by name
	Users           map[string]string // user names or sys_ids there, by assignee here; the rest by e-mail
	Problems        bool              // problems of ours are polled, too
	ProblemQuery    string            // encoded query of the problems made there that are taken in; "": none
	PollEvery       time.Duration     // 0: changes are not asked for, they come by webhook
	CITables        []string          // tables the inventory reads; nil: cmdb_ci
	IndexLag        time.Duration     // 0: connectors.IndexLag
	ExternalURL     string            // where people reach this console
	HTTP            *http.Client
	Log             *slog.Logger // nil: nothing is logged
}

// Connector is one ServiceNow instance.
type Connector struct {
	o     Options
	rest  connectors.REST
	made  *connectors.Creations
	refs  refs
	users connectors.Users
	seen  map[string]polledRowsSeen // by table; of the one goroutine that polls
}

// New makes a connector.
func New(o Options) *Connector {
	o.URL = strings.TrimSuffix(o.URL, "/")
	if o.CIField == "" {
		o.CIField = "name"
	}
	if o.User != "" {
		o.Fields.Own = append([]string{o.User}, o.Fields.Own...)
	}
	o.Fields.TheirProblems = o.Problems && o.ProblemQuery != ""
	c := &Connector{o: o, made: connectors.NewCreations(o.IndexLag), seen: map[string]polledRowsSeen{}}
	c.users.Find = c.findUser
	c.rest = connectors.REST{Partner: "ServiceNow", HTTP: o.HTTP, Authorize: c.authorize}
	if o.OAuth != nil {
		c.rest.Refused = o.OAuth.Forget
	}
	return c
}

func (c *Connector) authorize(ctx context.Context, r *http.Request) error {
	if c.o.OAuth != nil {
		return c.o.OAuth.Authorize(ctx, r)
	}
	r.SetBasicAuth(c.o.User, c.o.Password)
	return nil
}

// Name implements connectors.Connector.
func (c *Connector) Name() string { return c.o.Name }

// Push implements connectors.Connector.
func (c *Connector) Push(ctx context.Context, in itsm.Intent) (connectors.Receipt, error) {
	if c.o.Target == TargetEvent {
		return connectors.Receipt{}, c.event(ctx, &in)
	}
	if in.Object != "" {
		return c.pushObject(ctx, &in)
	}
	key := source.RecordKey(in.Incident, in.Epoch)
	if in.Transition == itsm.Trigger && c.made.ID(key) == "" {
		// Names first: they are remembered, whatever becomes of the rest.
		if _, err := c.names(ctx, &in); err != nil {
			return connectors.Receipt{}, err
		}
	}
	rows, err := c.find(ctx, key, in.Transition == itsm.Note)
	if err != nil {
		return connectors.Receipt{}, err
	}
	switch {
	case len(rows) == 0 && in.Transition == itsm.Trigger:
		return c.create(ctx, &in, key)
	case len(rows) == 0:
		// Made a moment ago and not to be found yet, or deleted by somebody.
		return connectors.Receipt{}, c.made.Missed(&in, key)
	case in.Transition == itsm.Resolve: // of all of them, should there ever be two
		for _, r := range rows[1:] {
			if _, err := c.write(ctx, &in, r); err != nil {
				return connectors.Receipt{}, err
			}
		}
	}
	return c.write(ctx, &in, rows[0])
}

// IsUnknown implements connectors.Acquaintance.
func (c *Connector) IsUnknown(name string) bool { return c.users.IsUnknown(name) }

// findUser looks for one of us in sys_user.
func (c *Connector) findUser(ctx context.Context, name, email string) (string, error) {
	if there := c.o.Users[name]; there != "" {
		return c.lookUp(ctx, "sys_user", "user_name", there)
	}
	return c.lookUp(ctx, "sys_user", "email", email)
}

// create makes the record of an epoch.
func (c *Connector) create(ctx context.Context, in *itsm.Intent, key string) (connectors.Receipt, error) {
	if err := c.made.Missed(in, key); err != nil {
		return connectors.Receipt{}, err
	}
	body, err := c.newRecord(ctx, in, key)
	if err != nil {
		return connectors.Receipt{}, err
	}
	r, err := c.insert(ctx, TargetIncident, key, returned(), body)
	if err != nil {
		return connectors.Receipt{}, err
	}
	return c.receipt(r), nil
}

// insert makes the record of a key; q says what is read of it.
func (c *Connector) insert(ctx context.Context, table, key string, q url.Values, body map[string]string) (row, error) {
	c.made.Trying(key)
	var got struct{ Result row }
	err := c.rest.Do(ctx, http.MethodPost, c.table(table, q), body, &got)
	if err == nil && (got.Result.id() == "" || got.Result.value("correlation_id") != key) {
		err = connectors.Retry(0, "ServiceNow answered that it made the record %q, whose correlation_id is %q and not %q", got.Result.value("number"), got.Result.value("correlation_id"), key)
	}
	c.made.Settled(key, err)
	if err != nil {
		return nil, err
	}
	c.made.Made(key, got.Result.id())
	return got.Result, nil
}

// write brings one record, whose key is verified, to what an intent asks for. A
// record that is over is left as it is, and nothing is taken back.
func (c *Connector) write(ctx context.Context, in *itsm.Intent, r row) (connectors.Receipt, error) {
	who := ""
	if in.Transition == itsm.Trigger || in.Transition == itsm.Update {
		var err error
		if who, err = c.users.ID(ctx, in.Snapshot.Assignee, in.Snapshot.AssigneeEmail); err != nil {
			return connectors.Receipt{}, err
		}
	}
	body := c.changes(in, r, who)
	if body == nil {
		return c.receipt(r), nil
	}
	body["correlation_display"] = in.Key
	var got struct{ Result row }
	if err := c.rest.Do(ctx, http.MethodPatch, c.table("incident/"+url.PathEscape(r.id()), returned()), body, &got); err != nil {
		return connectors.Receipt{}, err
	}
	return c.receipt(got.Result), nil
}

func (c *Connector) receipt(r row) connectors.Receipt {
	if r.id() == "" {
		return connectors.Receipt{}
	}
	return connectors.Receipt{Link: c.linkTo(r), Version: r.version()}
}

func (c *Connector) linkTo(r row) *itsm.ExternalRef {
	return &itsm.ExternalRef{Connector: c.o.Name, ID: r.id(), URL: c.page(TargetIncident, r.id())}
}

// page is where people see a record.
func (c *Connector) page(table, id string) string {
	return c.o.URL + "/nav_to.do?uri=" + url.QueryEscape(table+".do?sys_id="+id)
}

// Look implements connectors.Looker.
func (c *Connector) Look(ctx context.Context, n itsm.IncidentNumber, epoch uint32) (connectors.Record, error) {
	if c.o.Target == TargetEvent {
		return connectors.Record{}, itsm.Errorf(itsm.Invalid, "connector %s sends events, which cannot be asked for", c.o.Name)
	}
	rows, err := c.find(ctx, source.RecordKey(n, epoch), false)
	if err != nil || len(rows) == 0 {
		return connectors.Record{}, err
	}
	return c.record(rows[0])
}

func (c *Connector) record(r row) (connectors.Record, error) {
	rec := connectors.Record{Link: *c.linkTo(r), Version: r.version(), By: r.value("sys_updated_by"), Ours: c.isOwn(r.value("sys_updated_by"))}
	if name := c.users.Name(r.value("assigned_to")); name != "" {
		rec.Knows, rec.Assignee = itsm.SyncAssignee, name
	}
	switch c.o.Fields.StateOf(r.value("state")) {
	case itsm.New:
		rec.Status = connectors.RecordOpen
	case itsm.InProgress, itsm.OnHold:
		rec.Status = connectors.RecordAcknowledged
	case itsm.IncidentResolved, itsm.Closed, itsm.Cancelled:
		rec.Status = connectors.RecordResolved
	default:
		return connectors.Record{}, itsm.Errorf(itsm.Invalid, "%s is in state %q at ServiceNow, which connectors.%s.states does not name", r.value("number"), r.value("state"), c.o.Name)
	}
	return rec, nil
}

// IncidentOf implements connectors.Finder: id is a sys_id.
func (c *Connector) IncidentOf(ctx context.Context, id string) (itsm.IncidentNumber, uint32, error) {
	var got struct{ Result row }
	err := c.rest.Do(ctx, http.MethodGet, c.table("incident/"+url.PathEscape(id), reading("correlation_id")), nil, &got)
	switch {
	case connectors.StatusOf(err) == http.StatusNotFound:
		return 0, 0, itsm.Wrap(itsm.NotFound, err, "ServiceNow has no incident %s", id)
	case err != nil:
		return 0, 0, itsm.Wrap(itsm.Unavailable, err, "ServiceNow cannot be asked now about incident %s", id)
	}
	if n, epoch, ours := source.ParseRecordKey(got.Result.value("correlation_id")); ours && got.Result.id() == id {
		return n, epoch, nil
	}
	return 0, 0, itsm.Errorf(itsm.NotFound, "ServiceNow's incident %s is not ours", id)
}

// Check implements connectors.Tester: it reads one row of the table that is written.
func (c *Connector) Check(ctx context.Context) (string, error) {
	table := TargetIncident
	if c.o.Target != "" {
		table = c.o.Target
	}
	q := reading("sys_updated_on")
	q.Set("sysparm_limit", "1")
	var got struct{ Result []row }
	if err := c.rest.Do(ctx, http.MethodGet, c.table(table, q), nil, &got); err != nil {
		return "", err
	}
	who := c.o.User
	if c.o.OAuth != nil {
		who = "OAuth client " + c.o.OAuth.ClientID
	}
	return fmt.Sprintf("signed in at %s as %s; the table %s can be read", c.o.URL, who, table), nil
}
