// Package api serves Signalbox over HTTP as JSON: the REST interface below
// /api/v1, its OpenAPI document, the health of the process and a stream of what
// changes. It holds no state of the domain: it reads the desk and the CMDB's
// active revision, and turns what people ask for into acts for the engine, which
// answers once they are folded, so that whoever wrote reads what they wrote.
//
// An answer is built in three steps kept apart: a handler reads the question, the
// desk or the engine answers in domain values, and a pure function of view.go
// turns these into the struct that is written. What is promised to callers is
// those structs and openapi.yaml; tests hold the two against each other and both
// against the router.
//
// Every error is a problem document (RFC 9457) with a code of itsm. Unknown
// parameters and unknown fields are refused by name: a misspelt filter that is
// ignored answers the wrong question.
//
// The server it is mounted on must stream request bodies, give Prefix+"/cmdb/import"
// more time than other requests, and never take what a handler left of a body for
// the next request, because an import is read as it arrives.
//
// # Decisions
//
// 2026-11 The OpenAPI document is written by hand and embedded. Generated ones say
// what the types say and nothing of what a value means, its unit or its bound.
//
// 2026-11 A limit above the maximum is refused rather than lowered: a client that
// asks for 1,000 and gets 500 believes it has seen everything.
//
// 2026-11 CMDB writes pass one at a time. They are rare, each needs the revision
// before it, and If-Match of a CI can then be checked without a race.
package api

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"

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

// Records is what the API reads; *desk.Desk is one.
type Records interface {
	Incident(itsm.IncidentNumber) (itsm.Incident, error)
	Incidents(desk.IncidentQuery) (desk.Page[itsm.Incident], error)
	IncidentAlerts(n itsm.IncidentNumber, cursor string, limit int) (desk.Page[itsm.Alert], error)
	Timeline(n itsm.IncidentNumber, cursor string, limit int) (desk.Page[itsm.TimelineEntry], error)
	Evidence(n itsm.IncidentNumber, cursor string, limit int) (desk.Page[itsm.Evidence], error)
	Alert(itsm.AlertNumber) (itsm.Alert, error)
	Alerts(desk.AlertQuery) (desk.Page[itsm.Alert], error)
	Quarantine(cursor string, limit int, waitingOnly bool) (desk.Page[itsm.Quarantined], error)
	QuarantineItem(id string) (itsm.Quarantined, error)
	Intent(connector, key string) (desk.StoredIntent, error)
	Outbox(connector, cursor string, limit int) (desk.Page[desk.StoredIntent], error)
	DeadLetters(connector, cursor string, limit int) (desk.Page[desk.StoredIntent], error)
	Object(kind, id string) (itsm.Object, error)
	Objects(desk.ObjectQuery) (desk.Page[itsm.Object], error)
	Counts() desk.Counts
	Cursor() (itsm.Offset, itsm.Time)
}

// Engine is where acts and imports go; *engine.Engine is one.
type Engine interface {
	// Do journals the act, waits until it is folded and returns what it came to.
	Do(ctx context.Context, act itsm.Act) (itsm.Outcome, error)
	// WaitFolded returns when the entry at off is folded, or Unavailable when ctx ends.
	WaitFolded(ctx context.Context, off itsm.Offset) error
	// ImportCMDB plans a document and, unless dryRun or with problems, activates it.
	ImportCMDB(ctx context.Context, doc cmdb.Doc, source string, prune, dryRun bool, actor string) (cmdb.Diff, []cmdb.Problem, error)
	// Graph is the active revision of the CMDB.
	Graph() *cmdb.Graph
}

// Options is everything the API needs. Records, Engine and Gate are required.
type Options struct {
	Records Records
	Engine  Engine
	Gate    *access.Gate

	// Connectors tells of the partners, and pauses and tests them. Nil: there are none.
	Connectors partners.Board
	// Keeper keeps the connectors that are configured here. Nil: the routes answer 503.
	Keeper partners.Keeper
	// Retry decodes a quarantined delivery again and journals what came of it; the
	// offset is that of its entry. Nil: the route answers 503.
	Retry func(ctx context.Context, id, actor string) (itsm.Offset, error)
	// Rules keeps rule sets. Nil: the routes answer 503.
	Rules Rules
	// Learner answers what history speaks for. Nil: the routes of suggestions answer 503.
	Learner *engine.Learner
	// Backtests tries rule sets on history. Nil: the routes answer 503.
	Backtests Backtests
	// Known names the sources and connectors there are, for what a check warns of.
	// Nil: it warns of no name.
	Known func() rules.Known
	// RuleCounts says how often the rules of the active set spoke. Nil: of none.
	RuleCounts func() []RuleCount
	// Explainer says why alerts are where they are. Nil: the routes answer 503.
	Explainer Explainer
	// Ledger tells what became of deliveries. Nil: the routes answer 503.
	Ledger *ledger.Ledger
	// Reports computes the figures by which people judge how it goes. Nil: the routes answer 503.
	Reports *report.Reporter
	// Subscribe starts following what changes. Nil: GET /events answers 503.
	Subscribe func() (Feed, error)
	// Backup starts a backup of this moment. Nil: the route answers 503.
	Backup func(ctx context.Context) (Backup, error)
	// Status says how the process is doing, for /readyz. Nil: always ready.
	Status func() Status
	// Metrics answers GET /metrics. Nil: there is no such route.
	Metrics fiber.Handler

	// Open lets anyone read /metrics, /openapi.json and the reasons of /readyz: the
	// server listens on loopback only. Otherwise these need a token.
	Open bool
	Log  *slog.Logger // nil: discarded
}

// API answers the requests of one process. It is safe for concurrent use.
type API struct {
	o       Options
	routes  []route
	openAPI []byte // the document as JSON

	foldedWait time.Duration // foldedWaitMax; shorter in tests
	heartbeat  time.Duration // heartbeatEvery; shorter in tests

	ctx       context.Context // ends with Close
	stop      context.CancelFunc
	streams   chan struct{} // one slot an event stream
	imports   chan struct{} // one slot a document being read
	backups   chan struct{} // one slot: one backup at a time
	writing   sync.Mutex    // held from the check of a CMDB write to its end
	streaming sync.WaitGroup
}

// New checks the options and reads the OpenAPI document.
func New(o Options) (*API, error) {
	if o.Records == nil || o.Engine == nil || o.Gate == nil {
		return nil, errors.New("api: Records, Engine and Gate are required")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	a := &API{o: o, streams: make(chan struct{}, streamsMax), imports: make(chan struct{}, importsMax), backups: make(chan struct{}, 1), foldedWait: foldedWaitMax, heartbeat: heartbeatEvery}
	var err error
	if a.openAPI, err = openAPIDocument(); err != nil {
		return nil, err
	}
	a.ctx, a.stop = context.WithCancel(context.Background())
	a.routes = a.table()
	return a, nil
}

// Close ends event streams and waiting reads, so that a server can drain its
// connections. It returns when the streams have ended.
func (a *API) Close() {
	a.stop()
	a.streaming.Wait()
}
