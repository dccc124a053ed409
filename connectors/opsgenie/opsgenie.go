// Package opsgenie keeps the alerts of Opsgenie, or of Jira Service Management's
// operations by its integration events, with our incidents: one adapter, since their
// APIs differ in their address only.
//
// The alert of an epoch has its key as alias (see ingest/source/opsgenie). While it
// is open, creating it again only counts; once it is closed that would page anew, so
// it is looked up before a create is repeated. Requests are taken with 202 and worked
// through later; what became of one is asked for a moment long. Sweeps list many alerts
// at once (see LookMany).
//
// Documentation: https://docs.opsgenie.com/docs/alert-api and
// https://developer.atlassian.com/cloud/jira/service-desk-ops/ (integration events).
// Opsgenie ends on 2027-04-05.
package opsgenie

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"signalbox/connectors"
	"signalbox/ingest/source"
	so "signalbox/ingest/source/opsgenie"
	"signalbox/itsm"
)

// PerMinute is the rate kept; published limits depend on the plan and the users, and
// begin at about 180 a minute.
const PerMinute = 100

// Addresses of the APIs. Opsgenie's in the EU is https://api.eu.opsgenie.com/v2.
const (
	OpsgenieURL = "https://api.opsgenie.com/v2"
	JSMURL      = "https://api.atlassian.com/jsm/ops/integration/v2"
)

// EndOfOpsgenie is the day on which it is switched off.
const EndOfOpsgenie = "2027-04-05"

// Lengths in characters.
const (
	messageMax     = 130
	descriptionMax = 15000
	noteMax        = 25000
	entityMax      = 512
	noteKeyBytes   = 12 // of an intent's key end a note, so that it is not written twice
)

// Options configures the connector.
type Options struct {
	Name        string
	URL         string // OpsgenieURL or JSMURL, or a region's
	APIKey      string // of an API integration
	Responders  []Responder
	Tags        []string
	ExternalURL string // where people reach this console
	HTTP        *http.Client
	Clock       func() time.Time // nil: time.Now
}

// Responder is a team, user, escalation or schedule that is told.
type Responder struct {
	Type string `json:"type"`
	Name string `json:"name,omitempty"`
}

// Connector is one integration.
type Connector struct {
	o    Options
	rest connectors.REST

	listless atomic.Int64 // until when, in ms, alerts are taken not to be listed
}

// New makes a connector.
func New(o Options) *Connector {
	o.URL = strings.TrimSuffix(o.URL, "/")
	if o.Clock == nil {
		o.Clock = time.Now
	}
	c := &Connector{o: o}
	c.rest = connectors.REST{Partner: "Opsgenie", HTTP: o.HTTP, Authorize: func(_ context.Context, r *http.Request) error {
		r.Header.Set("Authorization", "GenieKey "+o.APIKey)
		return nil
	}}
	return c
}

// Name implements connectors.Connector.
func (c *Connector) Name() string { return c.o.Name }

type object = map[string]any

// Push implements connectors.Connector.
func (c *Connector) Push(ctx context.Context, in itsm.Intent) (connectors.Receipt, error) {
	key := so.RecordKey(in.Incident, in.Epoch)
	switch in.Transition {
	case itsm.Trigger:
		return c.create(ctx, &in, key)
	case itsm.Update:
		if err := c.do(ctx, http.MethodPut, key, "message", object{"message": message(&in.Snapshot)}); err != nil {
			return connectors.Receipt{}, err
		}
		return connectors.Receipt{}, c.do(ctx, http.MethodPut, key, "priority", object{"priority": priority(&in.Snapshot)})
	case itsm.Acknowledge:
		return connectors.Receipt{}, c.do(ctx, http.MethodPost, key, "acknowledge", act(in.Text))
	case itsm.Resolve:
		return connectors.Receipt{}, c.do(ctx, http.MethodPost, key, "close", act(source.NoteMark+connectors.ResolvedBy(&in)))
	}
	return connectors.Receipt{}, c.note(ctx, &in, key)
}

// create makes the alert of an epoch, unless a try before may have made it and it
// was closed since.
func (c *Connector) create(ctx context.Context, in *itsm.Intent, key string) (connectors.Receipt, error) {
	if first, _ := connectors.TriedAt(ctx); !first.IsZero() {
		if a, err := c.get(ctx, key); err == nil && a != nil {
			return connectors.Receipt{Link: c.linkTo(a.ID), Version: a.version()}, nil
		} else if connectors.IsPassing(err) {
			return connectors.Receipt{}, err
		}
	}
	body := object{"message": message(&in.Snapshot), "alias": key, "description": c.description(in), "priority": priority(&in.Snapshot),
		"entity": connectors.CutRunes(in.Snapshot.Cause, entityMax), "source": so.User, "user": so.User, "details": c.details(in)}
	if len(c.o.Responders) > 0 {
		body["responders"] = c.o.Responders
	}
	if len(c.o.Tags) > 0 {
		body["tags"] = c.o.Tags
	}
	done, err := c.send(ctx, http.MethodPost, c.o.URL+"/alerts", body)
	if err != nil || done.AlertID == "" {
		return connectors.Receipt{}, err
	}
	return connectors.Receipt{Link: c.linkTo(done.AlertID)}, nil
}

// do asks for one action on the alert with a key. That it refuses what is closed or
// deleted is no failure: there is nothing left to do.
func (c *Connector) do(ctx context.Context, method, key, action string, body object) error {
	_, err := c.send(ctx, method, c.at(key, action, nil), body)
	if connectors.StatusOf(err) == http.StatusNotFound {
		return nil
	}
	return err
}

// at is a URL of the alert with a key.
func (c *Connector) at(key, action string, q url.Values) string {
	if q == nil {
		q = url.Values{}
	}
	q.Set("identifierType", "alias")
	path := c.o.URL + "/alerts/" + url.PathEscape(key)
	if action != "" {
		path += "/" + action
	}
	return path + "?" + q.Encode()
}

// processed is what became of a request.
type processed struct {
	IsSuccess bool
	Status    string
	AlertID   string
}

// askWaits is how long to wait before each question about a request.
var askWaits = []time.Duration{200 * time.Millisecond, 500 * time.Millisecond, time.Second}

// send makes a request and asks, a moment long, what became of it. Without an answer
// it counts as taken, which is what 202 says.
func (c *Connector) send(ctx context.Context, method, at string, body object) (processed, error) {
	var taken struct{ RequestID string }
	if err := c.rest.Do(ctx, method, at, body, &taken); err != nil || taken.RequestID == "" {
		return processed{}, err
	}
	for _, wait := range askWaits {
		if connectors.Wait(ctx, wait) != nil {
			return processed{}, nil
		}
		var got struct{ Data processed }
		err := c.rest.Do(ctx, http.MethodGet, c.o.URL+"/alerts/requests/"+url.PathEscape(taken.RequestID), nil, &got)
		if err == nil {
			return got.Data, nil
		}
		if s := connectors.StatusOf(err); s != 0 && s != http.StatusNotFound {
			break // this API does not say
		}
	}
	return processed{}, nil
}

// note adds a note, once.
func (c *Connector) note(ctx context.Context, in *itsm.Intent, key string) error {
	mark := "(" + in.Key[:min(len(in.Key), noteKeyBytes)] + ")"
	if first, _ := connectors.TriedAt(ctx); !first.IsZero() {
		var got struct{ Data []struct{ Note string } }
		err := c.rest.Do(ctx, http.MethodGet, c.at(key, "notes", url.Values{"limit": {"100"}, "order": {"desc"}}), nil, &got)
		if connectors.IsPassing(err) {
			return err
		}
		for _, have := range got.Data {
			if strings.HasSuffix(have.Note, mark) {
				return nil // an earlier try wrote it
			}
		}
	}
	text := connectors.CutRunes(source.NoteMark+in.Actor+": "+in.Text, noteMax-len(mark)-1) + " " + mark
	return c.do(ctx, http.MethodPost, key, "notes", act(text))
}

// act is the body of an action, named as ours.
func act(note string) object {
	return object{"user": so.User, "source": so.User, "note": connectors.CutRunes(note, noteMax)}
}

// alert is one as the API shows it.
type alert struct {
	ID           string
	Alias        string
	Status       string // open or closed
	Acknowledged bool
	UpdatedAt    string
}

func (a *alert) version() int64 {
	at, err := itsm.ParseTime(a.UpdatedAt)
	if err != nil {
		return 0
	}
	return int64(at)
}

// get returns the newest alert with a key, nil when there is none.
func (c *Connector) get(ctx context.Context, key string) (*alert, error) {
	var got struct{ Data alert }
	err := c.rest.Do(ctx, http.MethodGet, c.at(key, "", nil), nil, &got)
	switch {
	case connectors.StatusOf(err) == http.StatusNotFound:
		return nil, nil
	case err != nil:
		return nil, err
	case got.Data.Alias != key:
		return nil, itsm.Errorf(itsm.Invalid, "asked for the alert %s, Opsgenie showed %q", key, got.Data.Alias)
	}
	return &got.Data, nil
}

// Look implements connectors.Looker. The key of an integration has to allow reading.
func (c *Connector) Look(ctx context.Context, n itsm.IncidentNumber, epoch uint32) (connectors.Record, error) {
	a, err := c.get(ctx, so.RecordKey(n, epoch))
	if err != nil || a == nil {
		return connectors.Record{}, err
	}
	return c.record(a), nil
}

// record is how an alert stands.
func (c *Connector) record(a *alert) connectors.Record {
	rec := connectors.Record{Status: connectors.RecordOpen, Link: *c.linkTo(a.ID), Version: a.version()}
	switch {
	case a.Status == "closed":
		rec.Status = connectors.RecordResolved
	case a.Acknowledged:
		rec.Status = connectors.RecordAcknowledged
	}
	return rec
}

// Check implements connectors.Tester: it asks for an alert that does not exist.
func (c *Connector) Check(ctx context.Context) (string, error) {
	if _, err := c.get(ctx, "signalbox-check"); err != nil {
		var t *connectors.TerminalError
		if errors.As(err, &t) && t.Status == http.StatusForbidden {
			return fmt.Sprintf("%s takes the key; it may not read alerts, so there are no sweeps", c.o.URL), nil
		}
		return "", err
	}
	return fmt.Sprintf("%s takes the key, which may read alerts", c.o.URL), nil
}

func (c *Connector) linkTo(id string) *itsm.ExternalRef {
	ref := &itsm.ExternalRef{Connector: c.o.Name, ID: id}
	if strings.Contains(c.o.URL, "opsgenie.com") {
		ref.URL = "https://app.opsgenie.com/alert/detail/" + url.PathEscape(id) + "/details"
	}
	return ref
}
