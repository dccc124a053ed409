// Package pagerduty tells PagerDuty about incidents: Events API v2 for trigger,
// acknowledge and resolve, and with a token the REST API for notes, title, priority,
// assignment and status updates, to look at what PagerDuty has, and to list its
// services for the CMDB.
//
// An incident's epoch is one dedup key (see ingest/source/pagerduty), so repeating
// a call is harmless: PagerDuty folds equal keys into one incident. The integration
// key is chosen once an epoch (itsm.Intent.Route), for under another one PagerDuty
// drops an acknowledge or a resolve, and a trigger pages anew.
//
// Documentation: https://developer.pagerduty.com/docs/events-api-v2-overview and
// https://developer.pagerduty.com/docs/rest-api-overview (limits: summary 1,024
// characters, event 512 KB, about 120 events a minute and integration key; REST 960
// calls a minute).
//
// # Decisions
//
// 2026-11 go-pagerduty's Client is used with our own transport under it, because
// the package-level functions have a fixed host and no time-out, and because the
// library loses the Events API's error text and the rate-limit headers; the
// transport keeps both.
//
// 2026-11 What follows a trigger, such as its priority, does not make the trigger
// fail: somebody is paged already, and trying again could page again. The sweep
// sees what is missing, and the update that repairs it may fail loudly.
package pagerduty

import (
	"context"
	"net/http"
	"sync"
	"time"

	pd "github.com/PagerDuty/go-pagerduty"

	"signalbox/connectors"
	source "signalbox/ingest/source/pagerduty"
	"signalbox/itsm"
)

// EventsPerMinute is the rate kept, below the published limit per integration key.
const EventsPerMinute = 100

// Options configures the connector. Empty URLs are PagerDuty's own.
type Options struct {
	Name        string
	RoutingKey  string            // integration key of an Events API v2 integration
	RoutingKeys map[string]string // integration keys of services, by the id of ours: its incidents go to that service
	APIToken    string            // REST API token; "" leaves out everything but events, and hears nothing of incidents made from alerts
	From        string            // e-mail of a PagerDuty user, which REST writes need
	EventsURL   string
	APIURL      string
	ExternalURL string // where people reach this console

	// With APIToken and From: whom an incident goes to, by team and by assignee here.
	EscalationPolicies map[string]string // team → id of an escalation policy
	Users              map[string]string // assignee → id of a user
	StatusUpdates      bool              // tell stakeholders of material changes

	HTTP *http.Client
}

// Connector is one PagerDuty account.
type Connector struct {
	o Options

	mu           sync.Mutex
	priorities   map[itsm.Priority]string // ids by our priority
	prioritiesAt time.Time                // when they were read
	announced    map[string]bool          // intents whose status update may be out, or whose change event is

	sights     sights
	looking    sync.Mutex // one LookMany at a time
	listedLast *listing   // what PagerDuty had a moment ago
}

// New makes a connector.
func New(o Options) *Connector { return &Connector{o: o} }

// Name implements connectors.Connector.
func (c *Connector) Name() string { return c.o.Name }

// reads and writes report whether the REST API can be asked, and told.
func (c *Connector) reads() bool  { return c.o.APIToken != "" }
func (c *Connector) writes() bool { return c.o.APIToken != "" && c.o.From != "" }

// Push implements connectors.Connector.
func (c *Connector) Push(ctx context.Context, in itsm.Intent) (connectors.Receipt, error) {
	if in.Object != "" {
		return connectors.Receipt{}, c.tellChange(ctx, &in)
	}
	key := source.DedupKey(in.Incident, in.Epoch)
	c.sights.told(key) // what is listed while it is told may be of before or of after
	defer c.sights.told(key)
	switch in.Transition {
	case itsm.Note:
		return connectors.Receipt{}, c.note(ctx, in)
	case itsm.Update:
		return c.update(ctx, in)
	}
	if in.Transition == itsm.Trigger {
		if r, over, err := c.isOver(ctx, in); over || err != nil {
			return r, err
		}
	}
	err := c.send(ctx, in)
	if err != nil || in.Transition != itsm.Trigger || !c.reads() {
		return connectors.Receipt{}, err
	}
	rec := c.record(ctx, source.DedupKey(in.Incident, in.Epoch))
	if rec == nil {
		return connectors.Receipt{}, nil
	}
	if c.writes() && rec.Status != "resolved" {
		_ = c.edit(ctx, rec, in) // see Decisions
	}
	return c.receipt(rec), nil
}

// isOver reports whether an earlier try of a trigger, whose answer was lost, came
// through and somebody resolved there what it opened: sent again it would page anew.
func (c *Connector) isOver(ctx context.Context, in itsm.Intent) (connectors.Receipt, bool, error) {
	if _, last := connectors.TriedAt(ctx); last.IsZero() || !c.reads() {
		return connectors.Receipt{}, false, nil
	}
	found, err := c.find(ctx, source.DedupKey(in.Incident, in.Epoch))
	switch {
	case connectors.IsPassing(err):
		return connectors.Receipt{}, false, err
	case err != nil || len(found) == 0 || found[0].Status != "resolved": // asking is refused: as without a token
		return connectors.Receipt{}, false, nil
	}
	return c.receipt(&found[0]), true, nil
}

func (c *Connector) receipt(rec *pd.Incident) connectors.Receipt {
	ref := c.ref(rec)
	return connectors.Receipt{Link: &ref, Version: version(rec)}
}

// send makes one event.
func (c *Connector) send(ctx context.Context, in itsm.Intent) error {
	e := c.event(in)
	call, client := c.client()
	_, err := client.ManageEventWithContext(ctx, &e)
	return call.outcome(err)
}

// update tells a material change. An event under the key of an incident that
// somebody resolved there would open, and page, anew; so PagerDuty is asked first
// where it can be.
func (c *Connector) update(ctx context.Context, in itsm.Intent) (connectors.Receipt, error) {
	if !c.reads() {
		return connectors.Receipt{}, c.send(ctx, in)
	}
	found, err := c.find(ctx, source.DedupKey(in.Incident, in.Epoch))
	if err != nil {
		return connectors.Receipt{}, err
	}
	if len(found) > 0 && found[0].Status == "resolved" {
		return c.receipt(&found[0]), nil
	}
	if err := c.send(ctx, in); err != nil || len(found) == 0 {
		return connectors.Receipt{}, err
	}
	if c.writes() {
		if err := c.edit(ctx, &found[0], in); err != nil {
			return connectors.Receipt{}, err
		}
		if err := c.announce(ctx, found[0].ID, in); err != nil {
			return connectors.Receipt{}, err
		}
	}
	return c.receipt(&found[0]), nil
}

// record finds the PagerDuty incident that a trigger became. Its webhooks name it
// by PagerDuty's own id, for incident_key is null on incidents made from alerts.
// The incident appears a moment after the event is accepted; when it does not
// within linkWaits, the link stays unknown until a webhook or a sweep brings it.
func (c *Connector) record(ctx context.Context, key string) *pd.Incident {
	for _, wait := range linkWaits {
		if connectors.Wait(ctx, wait) != nil {
			return nil
		}
		found, err := c.find(ctx, key)
		if err == nil && len(found) > 0 {
			return &found[0]
		}
	}
	return nil
}

const (
	appearsWithin  = 10 * time.Minute // from an accepted event to its incident, at worst
	clockTolerance = 5 * time.Minute  // between PagerDuty's clock and ours
)

// linkWaits is how long to wait before each look for a new incident.
var linkWaits = []time.Duration{200 * time.Millisecond, 500 * time.Millisecond, time.Second, 2 * time.Second}
