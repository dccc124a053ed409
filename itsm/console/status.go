package console

import (
	"net/http"
	"slices"
	"time"

	"github.com/gofiber/fiber/v2"

	"signalbox/itsm"
	"signalbox/itsm/desk"
)

// Health is what the status page tells beside the records; the wiring fills it
// from the engine, the door, the journal and the disk.
type Health struct {
	NotReady  []string      // why the server is not ready, empty when it is
	Head      itsm.Offset   // last durable entry
	HeadAt    itsm.Time     // its time
	Lag       time.Duration // age of the oldest entry not folded, 0 when caught up
	StartedAt itsm.Time

	Sources    []SourceHealth
	Connectors []ConnectorHealth
	Storage    []StorageHealth

	BindPermille int          // alerts that bind to a CI, in thousandths; -1: not known yet
	Unbound      []UnboundKey // most frequent, best first
}

// SourceHealth is one configured sender.
type SourceHealth struct {
	Name       string
	Kind       string
	LastAt     itsm.Time // of the last accepted delivery; 0: never
	Deliveries uint64
	Events     uint64
	Rejected   uint64
	Open       bool // accepts deliveries without credentials
}

// ConnectorHealth is one partner and what waits for it.
type ConnectorHealth struct {
	Name  string
	State string // "ok", or what is wrong in a few words
	Held  int    // incidents whose first page waits for the end of a storm or for the budget
}

// StorageHealth is one figure about the disk.
type StorageHealth struct {
	Name  string // "journal", "records", "free space"
	Bytes int64
	Note  string
}

// statusPage says whether Signalbox itself is well.
type statusPage struct {
	Parts      []chip // none without a ledger
	Ready      bool
	NotReady   []string
	Known      bool // the wiring supplied Health
	Version    string
	Started    when
	Pipeline   []fact
	Counts     []fact
	Sources    []sourceRow
	Connectors []connectorRow
	Storage    []fact
	Bind       string
	Unbound    []unboundRow
	External   string
	Waiting    int  // in quarantine
	Fresh      bool // there has never been an alert

	liveState string
}

type sourceRow struct {
	Name, Kind, Deliveries, Events, Rejected string
	Last                                     when
	Open                                     bool
}

type connectorRow struct {
	Name, State, Pending, Dead string
	Held                       string // "": none
	Oldest                     when
}

func (statusPage) about() (string, string, string) { return "status", "Status", "status" }

func (p statusPage) live() string { return p.liveState }

// unboundMax bounds the unbound keys shown.
const unboundMax = 10

func viewStatus(h *Health, n desk.Counts, cursor itsm.Offset, cursorAt itsm.Time, now time.Time) statusPage {
	p := statusPage{Ready: true, Counts: viewCounts(n), Waiting: n.QuarantineWaiting, Fresh: n.Alerts == 0}
	p.Pipeline = []fact{{Name: "Folded up to entry", Text: thousands(uint64(cursor)), When: at(cursorAt, now)}}
	var partners []ConnectorHealth
	if h != nil {
		p.Known, p.Ready, p.Started = true, len(h.NotReady) == 0, at(h.StartedAt, now)
		for _, w := range h.NotReady {
			p.NotReady = append(p.NotReady, line(w, lineRunesMax))
		}
		lag := "none"
		if h.Lag > 0 {
			lag = span(h.Lag)
		}
		p.Pipeline = append(p.Pipeline, fact{Name: "Journal's last entry", Text: thousands(uint64(h.Head)), When: at(h.HeadAt, now)},
			fact{Name: "Waiting to be folded", Text: thousands(uint64(h.Head - min(h.Head, cursor)))}, fact{Name: "Lag", Text: lag})
		viewSources(&p, h, now)
		partners = h.Connectors
	}
	viewConnectors(&p, n.Outbox, partners, now)
	return p
}

func viewSources(p *statusPage, h *Health, now time.Time) {
	for _, s := range h.Sources {
		p.Sources = append(p.Sources, sourceRow{Name: line(s.Name, 60), Kind: line(s.Kind, 40), Deliveries: plural(int(s.Deliveries), "delivery", "deliveries"),
			Events: plural(int(s.Events), "event", "events"), Rejected: thousands(s.Rejected), Last: at(s.LastAt, now), Open: s.Open})
	}
	for _, s := range h.Storage {
		text := byteSize(s.Bytes)
		if s.Note != "" {
			text += ", " + line(s.Note, lineRunesMax)
		}
		p.Storage = append(p.Storage, fact{Name: line(s.Name, 60), Text: text})
	}
	if h.BindPermille >= 0 {
		p.Bind = decimalPercent(h.BindPermille)
	}
	for _, u := range h.Unbound[:min(len(h.Unbound), unboundMax)] {
		p.Unbound = append(p.Unbound, viewUnboundRow(u))
	}
}

// decimalPercent writes thousandths as 93.4 %.
func decimalPercent(permille int) string {
	whole, tenth := thousands(permille/10), permille%10
	if tenth == 0 {
		return whole + " %"
	}
	return whole + "." + thousands(tenth) + " %"
}

func viewConnectors(p *statusPage, outbox []desk.OutboxCounts, partners []ConnectorHealth, now time.Time) {
	health := map[string]ConnectorHealth{}
	for _, c := range partners {
		health[c.Name] = c
		if !slices.ContainsFunc(outbox, func(o desk.OutboxCounts) bool { return o.Connector == c.Name }) {
			outbox = append(outbox[:len(outbox):len(outbox)], desk.OutboxCounts{Connector: c.Name}) // nothing was ever told it; pages may be held
		}
	}
	for _, o := range outbox {
		c := health[o.Connector]
		if c.State == "" {
			c.State = "ok"
		}
		row := connectorRow{Name: line(o.Connector, 60), State: line(c.State, lineRunesMax), Pending: thousands(o.Pending), Dead: thousands(o.Dead), Oldest: at(o.OldestAt, now)}
		if c.Held > 0 {
			row.Held = thousands(c.Held)
		}
		p.Connectors = append(p.Connectors, row)
	}
}

func viewCounts(n desk.Counts) []fact {
	return []fact{
		{Name: "Open incidents", Text: thousands(n.Open), Link: "/"},
		{Name: "Incidents ever", Text: thousands(uint64(n.Incidents)), Link: "/?state=all"},
		{Name: "Firing alerts", Text: thousands(n.Firing), Link: "/alerts"},
		{Name: "Alerts ever", Text: thousands(uint64(n.Alerts)), Link: "/alerts?status=all"},
		{Name: "In quarantine", Text: thousands(n.QuarantineWaiting), Link: "/quarantine"},
	}
}

func (c *Console) status(ctx *fiber.Ctx) error {
	p := c.statusPage()
	p.liveState = "/live?list=status&seen=" + statusMark(p)
	return c.show(ctx, http.StatusOK, p)
}

func (c *Console) statusPage() statusPage {
	var h *Health
	if c.o.Health != nil {
		now := c.o.Health()
		h = &now
	}
	cursor, cursorAt := c.o.Records.Cursor()
	if h != nil {
		h.Unbound = stillUnbound(h.Unbound, c.o.Graph())
	}
	p := viewStatus(h, c.o.Records.Counts(), cursor, cursorAt, c.o.Clock())
	if c.o.Ledger != nil {
		p.Parts = ledgerParts("/status")
	}
	p.Version, p.External = line(c.o.Version, 60), c.external.String()
	return p
}
