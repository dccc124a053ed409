// Package datadog speaks to Datadog's API: it tells the event stream of a monitor
// that somebody works on its alert and that it is over, keeps an incident or a case
// for each incident where the account has them, mutes monitors while somebody works
// on them, says how monitors stand, and reads the software catalog.
//
// Datadog has no acknowledgement of a monitor's alert. A muted monitor notifies of
// no recovery either, so how monitors stand is asked for.
//
// Documentation: https://docs.datadoghq.com/api/latest/ and the OpenAPI documents
// .generator/schemas/{v1,v2}/openapi.yaml in the module of Datadog's client, which
// the tests check every body against.
//
// # Decisions
//
// 2026-11 Of Datadog's client only the core (api/datadog) is used, with small types
// of our own for the endpoints that are needed: its package of the v2 API takes
// minutes and gigabytes to compile. Its retries stay off, for the sender has them.
//
// 2026-11 What is ours is found by a key at the end of its title, message or tags.
// Datadog's search is by words and late, so whatever it finds is checked for the key
// before it is changed.
package datadog

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"time"

	dd "github.com/DataDog/datadog-api-client-go/v2/api/datadog"

	"signalbox/connectors"
	"signalbox/itsm"
)

// PerMinute is the rate kept, below the 300 calls an hour and organisation of the
// endpoints that are limited most, with a burst for what is not.
const PerMinute = 60

// DefaultDowntimeFor is how long a downtime lasts that nobody prolongs.
const DefaultDowntimeFor = 2 * time.Hour

// DefaultSite is the site of accounts that name none.
const DefaultSite = "datadoghq.com"

// Sites are Datadog's regions.
var Sites = []string{"datadoghq.com", "us3.datadoghq.com", "us5.datadoghq.com", "ap1.datadoghq.com", "ap2.datadoghq.com", "uk1.datadoghq.com",
	"datadoghq.eu", "ddog-gov.com", "us2.ddog-gov.com"}

// Keep is what is kept at Datadog for each incident.
type Keep string

// What can be kept.
const (
	KeepNothing   Keep = ""
	KeepIncidents Keep = "incidents"
	KeepCases     Keep = "cases"
)

// Options configures the connector.
type Options struct {
	Name                  string
	Site                  string   // one of Sites; "": DefaultSite
	URL                   string   // of the API instead of the site's, such as a proxy's
	APIKey, AppKey        string   //
	Sources               []string // the sources here whose alerts are of its monitors
	Events                bool     // tell the event stream of acknowledged and resolved
	Keep                  Keep
	Project, CaseType     string // with KeepCases: UUIDs of the project and the type of case
	DowntimeOnAcknowledge bool
	DowntimeFor           time.Duration // 0: DefaultDowntimeFor
	ExternalURL           string        // where people reach this console
	HTTP                  *http.Client
	Log                   *slog.Logger     // nil: discard
	Clock                 func() time.Time // nil: time.Now
}

// Connector is one Datadog organisation.
type Connector struct {
	o       Options
	api     *dd.APIClient
	log     *slog.Logger
	made    *connectors.Creations
	records connectors.Records
}

// New makes a connector.
func New(o Options) *Connector {
	if o.Site == "" {
		o.Site = DefaultSite
	}
	if o.URL == "" {
		o.URL = "https://api." + o.Site
	}
	if o.DowntimeFor == 0 {
		o.DowntimeFor = DefaultDowntimeFor
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	return &Connector{o: o, api: newAPI(o.HTTP), log: o.Log.With("connector", o.Name), made: connectors.NewCreations(0)}
}

// Name implements connectors.Connector.
func (c *Connector) Name() string { return c.o.Name }

// Watched implements connectors.Monitor.
func (c *Connector) Watched() []string { return slices.Clone(c.o.Sources) }

// Read implements connectors.Reader.
func (c *Connector) Read(r connectors.Records) { c.records = r }

// Push implements connectors.Connector. The record comes first, so that what a
// person finds at the monitor leads to it.
func (c *Connector) Push(ctx context.Context, in itsm.Intent) (connectors.Receipt, error) {
	var r connectors.Receipt
	var err error
	if c.o.Keep != KeepNothing {
		if r, err = c.keep(ctx, &in); err != nil {
			return r, err
		}
	}
	switch in.Transition {
	case itsm.Acknowledge:
		if c.o.DowntimeOnAcknowledge {
			err = c.mute(ctx, &in)
		}
	case itsm.Resolve:
		err = c.unmute(ctx, in.Incident)
	default:
		return r, nil
	}
	if err == nil && c.o.Events {
		err = c.tell(ctx, &in)
	}
	return r, err
}

// ref names what is kept of one epoch of an incident, here and by no other
// Signalbox that uses the same account: [INC0000007.2-3fa9c1].
func (c *Connector) ref(n itsm.IncidentNumber, epoch uint32) string {
	return fmt.Sprintf("[%s.%d-%s]", n, epoch, c.installation())
}

// installation tells this Signalbox and connector from others.
func (c *Connector) installation() string {
	sum := sha256.Sum256([]byte(c.o.ExternalURL + "\n" + c.o.Name))
	return hex.EncodeToString(sum[:3])
}

// link is where people see an incident here.
func (c *Connector) link(n itsm.IncidentNumber) string {
	return cmp.Or(n.PageAt(c.o.ExternalURL), n.String())
}

// app is where people see something at Datadog.
func (c *Connector) app(path string) string { return "https://app." + c.o.Site + path }

// members lists the alerts of an incident that come from Datadog, firing or not.
func (c *Connector) members(n itsm.IncidentNumber) ([]itsm.Alert, error) {
	if c.records == nil || len(c.o.Sources) == 0 {
		return nil, nil
	}
	list, err := c.records.Alerts(n, membersMax)
	if err != nil {
		return nil, connectors.Retry(0, "the alerts of %s cannot be read: %w", n, err)
	}
	return slices.DeleteFunc(list, func(a itsm.Alert) bool { return !slices.Contains(c.o.Sources, a.Source) }), nil
}

// membersMax bounds the alerts of an incident that are looked at.
const membersMax = 1000
