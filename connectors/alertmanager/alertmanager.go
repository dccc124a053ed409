// Package alertmanager speaks to Alertmanager's own API (v2): it silences an
// incident's alerts while somebody works on them, shows the silences that people
// made there, and says which alerts still fire there.
//
// Alertmanager tells nobody about a silence, and a silenced alert that resolves
// sends no webhook (seen on 0.25 and 0.31): both can only be learnt by asking.
// An edited silence gets a new id, so a silence of ours is never found by the id
// that was stored but by who made it and by the key at the end of its comment.
//
// Documentation: https://prometheus.io/docs/alerting/latest/alertmanager/ and the
// OpenAPI document api/v2/openapi.yaml of its repository, which the tests check
// every body against.
//
// # Decisions
//
// 2026-11 Plain HTTP with the few fields that are used. The generated client costs
// two hundred packages, and its types do not survive a field that is missing in an
// older Alertmanager, such as a silence's annotations before 0.32.
//
// 2026-11 Silences are made of the labels that Alertmanager itself has, not of the
// alert as stored here, where rules may have changed labels.
package alertmanager

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"signalbox/connectors"
	"signalbox/itsm"
)

// PerMinute is the rate kept. Alertmanager publishes no limit of its own.
const PerMinute = 300

// DefaultSilenceFor is how long a silence lasts that nobody prolongs.
const DefaultSilenceFor = 2 * time.Hour

// Options configures the connector.
type Options struct {
	Name                 string
	URLs                 []string      // of every replica of one Alertmanager; the first that answers is written to
	Sources              []string      // the sources here whose alerts all come from it
	Beside               []string      // sources that tell us of alerts that it has, too, such as a Prometheus that sends to both
	SilenceOnAcknowledge bool          // false: it is only read
	SilenceFor           time.Duration // 0: DefaultSilenceFor
	IgnoreLabels         []string      // labels left out of silences and identities, such as a replica's
	User, Password       string        // basic authentication; "": none
	Bearer               string        // a token; "": none
	ExternalURL          string        // where people reach this console
	HTTP                 *http.Client
	Log                  *slog.Logger     // nil: discard
	Clock                func() time.Time // nil: time.Now
}

// Connector is one Alertmanager, alone or as a cluster of replicas.
type Connector struct {
	o       Options
	log     *slog.Logger
	made    *connectors.Creations
	records connectors.Records
}

// New makes a connector.
func New(o Options) *Connector {
	if o.SilenceFor == 0 {
		o.SilenceFor = DefaultSilenceFor
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	return &Connector{o: o, log: o.Log.With("connector", o.Name), made: connectors.NewCreations(0)}
}

// Name implements connectors.Connector.
func (c *Connector) Name() string { return c.o.Name }

// Read implements connectors.Reader.
func (c *Connector) Read(r connectors.Records) { c.records = r }

// Watched implements connectors.Monitor.
func (c *Connector) Watched() []string { return slices.Clone(c.o.Sources) }

// allSources are those whose alerts it has.
func (c *Connector) allSources() []string { return append(slices.Clone(c.o.Sources), c.o.Beside...) }

// Push implements connectors.Connector. Alertmanager knows neither incidents nor
// notes: what it can hear is that somebody works on an incident, and that it is over.
func (c *Connector) Push(ctx context.Context, in itsm.Intent) (connectors.Receipt, error) {
	switch {
	case in.Transition == itsm.Acknowledge && c.o.SilenceOnAcknowledge:
		return c.silence(ctx, &in)
	case in.Transition == itsm.Resolve:
		return connectors.Receipt{}, c.unsilence(ctx, in.Incident)
	}
	return connectors.Receipt{}, nil
}
