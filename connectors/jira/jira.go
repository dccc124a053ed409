// Package jira keeps issues of Jira, or requests of Jira Service Management, with our
// incidents: Cloud over REST v3, Data Center and Server over REST v2.
//
// The issue of an epoch carries its key (see ingest/source/jira) in a label. It is
// searched for before it is made, and every issue that a search returns is held
// against the key before it is changed. A request cannot be made with a label: the
// key stands in its description as well, by which it is found if nobody came to
// label it.
//
// Workflows differ: a transition is found by the category of the status it leads to,
// and where none leads there at once, one in between is taken.
//
// Documentation: https://developer.atlassian.com/cloud/jira/platform/rest/v3/ and
// https://developer.atlassian.com/cloud/jira/service-desk/rest/.
package jira

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"signalbox/connectors"
	source "signalbox/ingest/source/jira"
	"signalbox/itsm"
)

// PerMinute is the rate kept. Jira counts what calls cost and publishes no number;
// 429 and Retry-After are heeded.
const PerMinute = 120

// Options configures the connector.
type Options struct {
	Name           string
	URL            string // of the site, such as https://acme.atlassian.net
	User, Password string // e-mail and API token, or user and password; unless Bearer is set
	Bearer         string // personal access token of Data Center
	Version        int    // of the REST API, 2 or 3; 0: 3 for Cloud, else 2
	Project        string // key of the project
	IssueType      string // name; "": Incident
	ServiceDesk    string // id of a service desk: requests are made instead of issues
	RequestType    string // id of its request type
	Labels         []string
	Fields         map[string]string // fields of a new issue besides, by id
	Resolution     string            // name of the resolution that a screen asks for; "": the first it allows
	Site           source.Config     // priorities, statuses, our accounts, and whose is which
	IndexLag       time.Duration     // 0: connectors.IndexLag
	ExternalURL    string            // where people reach this console
	HTTP           *http.Client
}

// Connector is one Jira project.
type Connector struct {
	o    Options
	rest connectors.REST
	made *connectors.Creations
	ways ways

	users connectors.Users
}

// New makes a connector.
func New(o Options) *Connector {
	o.URL = strings.TrimSuffix(o.URL, "/")
	if o.Version == 0 {
		o.Version = 2
		if isCloud(o.URL) {
			o.Version = 3
		}
	}
	if o.IssueType == "" {
		o.IssueType = "Incident"
	}
	c := &Connector{o: o, made: connectors.NewCreations(o.IndexLag)}
	c.rest = connectors.REST{Partner: "Jira", HTTP: o.HTTP, Authorize: func(_ context.Context, r *http.Request) error {
		if o.Bearer != "" {
			r.Header.Set("Authorization", "Bearer "+o.Bearer)
		} else {
			r.SetBasicAuth(o.User, o.Password)
		}
		return nil
	}}
	c.users.Find = c.findUser
	return c
}

func isCloud(site string) bool {
	u, err := url.Parse(site)
	return err == nil && (strings.HasSuffix(u.Hostname(), ".atlassian.net") || u.Hostname() == "api.atlassian.com")
}

// Name implements connectors.Connector.
func (c *Connector) Name() string { return c.o.Name }

// Push implements connectors.Connector.
func (c *Connector) Push(ctx context.Context, in itsm.Intent) (connectors.Receipt, error) {
	key := source.RecordKey(in.Incident, in.Epoch)
	found, err := c.find(ctx, key)
	if err != nil {
		return connectors.Receipt{}, err
	}
	if found == nil {
		if err := c.made.Missed(&in, key); err != nil || in.Transition != itsm.Trigger {
			return connectors.Receipt{}, err
		}
		if found, err = c.create(ctx, &in, key); err != nil {
			return connectors.Receipt{}, err
		}
	}
	if !found.has(key) { // a request that was made and not labelled
		if err := c.label(ctx, found.Key, key); err != nil {
			return connectors.Receipt{}, c.made.Unseen(key, err)
		}
	}
	return connectors.Receipt{Link: c.linkTo(found.Key)}, c.made.Unseen(key, c.write(ctx, &in, found))
}

// write brings an issue, whose key is verified, to what an intent asks for. An issue
// that is over is left as it is.
func (c *Connector) write(ctx context.Context, in *itsm.Intent, i *issue) error {
	if in.Transition == itsm.Note {
		return c.comment(ctx, in, i.Key, in.Actor+": "+in.Text)
	}
	if i.category() == done {
		return nil
	}
	switch in.Transition {
	case itsm.Acknowledge:
		if i.category() == indeterminate {
			return nil
		}
		if moved, err := c.move(ctx, in, i, indeterminate); moved || err != nil {
			return err
		}
		return c.comment(ctx, in, i.Key, in.Text) // its workflow knows no such state
	case itsm.Resolve:
		if err := c.comment(ctx, in, i.Key, c.resolution(in)); err != nil {
			return err
		}
		moved, err := c.move(ctx, in, i, done)
		if err == nil && !moved {
			err = &connectors.TerminalError{Status: http.StatusOK, Detail: "no transition of " + i.Key + " from " + i.Fields.Status.Name + " leads to a status of the category done; change its workflow, or let our account use the transition"}
		}
		return err
	}
	return c.refresh(ctx, in, i)
}

func (c *Connector) linkTo(key string) *itsm.ExternalRef {
	return &itsm.ExternalRef{Connector: c.o.Name, ID: key, URL: c.o.URL + "/browse/" + url.PathEscape(key)}
}

// api is a URL of the platform's API.
func (c *Connector) api(path string, q url.Values) string {
	s := fmt.Sprintf("%s/rest/api/%d/%s", c.o.URL, c.o.Version, path)
	if len(q) > 0 {
		s += "?" + q.Encode()
	}
	return s
}

// Look implements connectors.Looker.
func (c *Connector) Look(ctx context.Context, n itsm.IncidentNumber, epoch uint32) (connectors.Record, error) {
	i, err := c.find(ctx, source.RecordKey(n, epoch))
	if err != nil || i == nil {
		return connectors.Record{}, err
	}
	return c.record(i), nil
}

func (c *Connector) record(i *issue) connectors.Record {
	status := connectors.RecordOpen
	switch i.category() {
	case indeterminate:
		status = connectors.RecordAcknowledged
	case done:
		status = connectors.RecordResolved
	}
	r := connectors.Record{Status: status, Link: *c.linkTo(i.Key), Version: i.version()}
	if name := c.users.Name(i.Fields.Assignee.id()); name != "" {
		r.Knows, r.Assignee = itsm.SyncAssignee, name
	}
	return r
}

// IncidentOf implements connectors.Finder: id is an issue's key.
func (c *Connector) IncidentOf(ctx context.Context, id string) (itsm.IncidentNumber, uint32, error) {
	i, err := c.get(ctx, id)
	switch {
	case connectors.StatusOf(err) == http.StatusNotFound:
		return 0, 0, itsm.Wrap(itsm.NotFound, err, "Jira has no issue %s", id)
	case err != nil:
		return 0, 0, itsm.Wrap(itsm.Unavailable, err, "Jira cannot be asked now about issue %s", id)
	}
	for _, label := range i.Fields.Labels {
		if n, epoch, ours := source.ParseRecordKey(label); ours {
			return n, epoch, nil
		}
	}
	return 0, 0, itsm.Errorf(itsm.NotFound, "Jira's issue %s is not ours", id)
}

// Check implements connectors.Tester.
func (c *Connector) Check(ctx context.Context) (string, error) {
	var me struct{ DisplayName, AccountID, Name string }
	if err := c.rest.Do(ctx, http.MethodGet, c.api("myself", nil), nil, &me); err != nil {
		return "", err
	}
	var project struct{ Key, Name string }
	if err := c.rest.Do(ctx, http.MethodGet, c.api("project/"+url.PathEscape(c.o.Project), nil), nil, &project); err != nil {
		return "", fmt.Errorf("project %s: %w", c.o.Project, err)
	}
	return fmt.Sprintf("signed in at %s as %s (own_users: %s%s); project %s is %s", c.o.URL, me.DisplayName, me.AccountID, me.Name, project.Key, project.Name), nil
}
