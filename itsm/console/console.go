package console

import (
	"context"
	"errors"
	"html/template"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"time"

	"signalbox/correlate/engine"
	"signalbox/itsm"
	"signalbox/itsm/access"
	"signalbox/itsm/cmdb"
	"signalbox/itsm/desk"
	"signalbox/itsm/ledger"
	"signalbox/itsm/partners"
	"signalbox/itsm/report"
	"signalbox/rules"
)

// Records is what the console reads; *desk.Desk is one.
type Records interface {
	Incident(itsm.IncidentNumber) (itsm.Incident, error)
	Incidents(desk.IncidentQuery) (desk.Page[itsm.Incident], error)
	IncidentAlerts(n itsm.IncidentNumber, cursor string, limit int) (desk.Page[itsm.Alert], error)
	Timeline(n itsm.IncidentNumber, cursor string, limit int) (desk.Page[itsm.TimelineEntry], error)
	Evidence(n itsm.IncidentNumber, cursor string, limit int) (desk.Page[itsm.Evidence], error)
	Why(n itsm.IncidentNumber, a itsm.AlertNumber, episode uint32) (itsm.Evidence, error)
	Alert(itsm.AlertNumber) (itsm.Alert, error)
	Alerts(desk.AlertQuery) (desk.Page[itsm.Alert], error)
	Quarantine(cursor string, limit int, waitingOnly bool) (desk.Page[itsm.Quarantined], error)
	QuarantineItem(id string) (itsm.Quarantined, error)
	Object(kind, id string) (itsm.Object, error)
	Objects(desk.ObjectQuery) (desk.Page[itsm.Object], error)
	Intent(connector, key string) (desk.StoredIntent, error)
	Outbox(connector, cursor string, limit int) (desk.Page[desk.StoredIntent], error)
	DeadLetters(connector, cursor string, limit int) (desk.Page[desk.StoredIntent], error)
	Counts() desk.Counts
	Cursor() (itsm.Offset, itsm.Time)
}

// Engine is where acts go; *engine.Engine is one.
type Engine interface {
	// Do journals the act, waits until it is folded and returns what it came to.
	Do(ctx context.Context, act itsm.Act) (itsm.Outcome, error)
	// WaitFolded returns when the entry at off is folded or ctx ends.
	WaitFolded(ctx context.Context, off itsm.Offset) error
}

// Options is everything a console needs. Records, Engine, Graph and Gate are required.
type Options struct {
	Records Records
	Engine  Engine
	Graph   func() *cmdb.Graph // the active revision
	Gate    *access.Gate

	// ImportCMDB plans a document and, unless dryRun or with problems, activates it. Nil
	// hides the page that makes CIs and aliases.
	ImportCMDB func(ctx context.Context, doc cmdb.Doc, source string, prune, dryRun bool, actor string) (cmdb.Diff, []cmdb.Problem, error)
	// Retry decodes a quarantined delivery again. Nil hides the button.
	Retry func(ctx context.Context, id, actor string) error
	// Ledger tells what became of deliveries. Nil hides its pages.
	Ledger *ledger.Ledger
	// Rules keeps rule sets. Nil hides their pages.
	Rules Rules
	// ActiveRules returns the rule set in force; a nil set is none. Nil: none ever is.
	ActiveRules func() (revision uint64, set *rules.Set)
	// Learner answers what history speaks for. Nil: its page answers that it learns nothing.
	Learner *engine.Learner
	// Explainer says why an alert is where it is. Nil hides the links to its pages.
	Explainer Explainer
	// Known names the sources and connectors there are, for what a check warns of. Nil:
	// it warns of no name.
	Known func() rules.Known
	// RuleCounts says how often the active rules spoke. Nil hides the counts.
	RuleCounts func() []RuleCount
	// Backtests tries rule sets on recorded history. Nil hides their pages' forms and links.
	Backtests Backtests
	// Partners tells of the connectors, and pauses and tests them. Nil: there are none.
	Partners partners.Board
	// Keeper keeps the connectors that are configured in the console. Nil hides its page.
	Keeper partners.Keeper
	// Reports computes the figures by which people judge how it goes. Nil hides its pages.
	Reports *report.Reporter
	// Health fills the status page. Nil shows only what the records know.
	Health func() Health

	ExternalURL string           // how people and senders reach this server, e.g. "https://signalbox.example.org"
	TokenHint   string           // where the admin token is, e.g. "DATA/admin.token"; "" names both places
	Version     string           // shown on the status page
	Clock       func() time.Time // nil: time.Now
	Log         *slog.Logger     // nil: discarded
}

// Console serves the pages. It is safe for concurrent use.
type Console struct {
	o         Options
	external  *url.URL
	templates *template.Template
	assets    assets
	streams   chan struct{} // one slot a live stream
	liveFor   time.Duration // liveFor; longer in tests
	trying    sync.Mutex    // rules are tried one person at a time: it costs
	closeOnce sync.Once
	closed    chan struct{} // ends the live streams
}

// New checks the options, parses every template and hashes the static files.
func New(o Options) (*Console, error) {
	if o.Records == nil || o.Engine == nil || o.Graph == nil || o.Gate == nil {
		return nil, errors.New("console: Records, Engine, Graph and Gate are required")
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	external, err := url.Parse(strings.TrimRight(o.ExternalURL, "/"))
	if err != nil || (external.Scheme != "http" && external.Scheme != "https") || external.Host == "" {
		return nil, itsm.Errorf(itsm.Invalid, "external_url %q: expected an address such as https://signalbox.example.org", o.ExternalURL)
	}
	c := &Console{o: o, external: external, streams: make(chan struct{}, liveStreamsMax), liveFor: liveFor, closed: make(chan struct{})}
	if c.assets, err = loadAssets(); err != nil {
		return nil, err
	}
	if c.templates, err = loadTemplates(c.assets); err != nil {
		return nil, err
	}
	return c, nil
}

// Close ends the live streams, so that a server can drain its connections.
func (c *Console) Close() { c.closeOnce.Do(func() { close(c.closed) }) }
