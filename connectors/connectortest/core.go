package connectortest

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"signalbox/connectors"
	"signalbox/correlate"
	"signalbox/correlate/engine"
	"signalbox/ingest/journal"
	"signalbox/itsm"
	"signalbox/itsm/desk"
	"signalbox/itsm/entry"
	"signalbox/itsm/kv"
)

// Core is Signalbox without its surroundings: the fold and the desk are the real
// ones, the journal is memory. It is the outbox and the actor of a sender.
type Core struct {
	t testing.TB

	mu     sync.Mutex
	off    itsm.Offset
	at     itsm.Time
	folder *engine.Folder
	desk   *desk.Desk
	last   itsm.Outcome
	made   map[itsm.IncidentNumber][]itsm.Intent // 0: those about changes and problems
	wakes  map[string]chan struct{}
	tick   chan struct{}
	conf   correlate.Config
	lean   bool // of what was made nobody asks what it says
	disk   *disk
	log    []journal.Record // every entry; kept only where the process may die
}

// NewCore makes one that tells the connectors of these names. It ticks until ctx
// ends.
func NewCore(ctx context.Context, t testing.TB, names ...string) *Core {
	t.Helper()
	c := newCore(t, false, names...)
	go c.ticks(ctx)
	return c
}

// newCore makes one. With byHand nothing but people ends an incident, and however
// many there are, none is grouped or held back. Somebody has to let it tick.
func newCore(t testing.TB, byHand bool, names ...string) *Core {
	t.Helper()
	on := &disk{DB: kv.Mem(), mortal: byHand}
	d, err := desk.Open(on)
	if err != nil {
		t.Fatal(err)
	}
	c := &Core{t: t, lean: byHand, disk: on, folder: engine.NewFolder(), desk: d, made: map[itsm.IncidentNumber][]itsm.Intent{}, wakes: map[string]chan struct{}{}, tick: make(chan struct{}, 1)}
	conf := correlate.DefaultConfig()
	conf.SLA.Off = true // its notices come with time, not with what people and partners do
	if byHand {
		conf.ResolveAfter, conf.StormMin, conf.JoinMilli, conf.MaybeMilli = correlate.Duration(days*24*time.Hour), 1<<20, 999, 999
		conf.CloseAfter, conf.EvictAfter = correlate.Duration(days*24*time.Hour), correlate.Duration(days*24*time.Hour)
	}
	for _, name := range names {
		conf.Connectors = append(conf.Connectors, correlate.Connector{Name: name, Kind: name, PageBudget: budget})
		c.wakes[name] = make(chan struct{}, 1)
	}
	c.configure(conf)
	return c
}

func (c *Core) configure(conf correlate.Config) {
	c.t.Helper()
	body, err := conf.Canonical()
	if err != nil {
		c.t.Fatal(err)
	}
	c.conf = conf
	c.journal(entry.EncodeConfig(&entry.Config{Body: body}))
}

// keepsObjects has every partner keep records of changes and problems.
func (c *Core) keepsObjects() {
	conf := c.conf
	conf.Connectors = slices.Clone(conf.Connectors)
	for n := range conf.Connectors {
		conf.Connectors[n].ChangeRecords, conf.Connectors[n].Problems = itsm.ChangeTypes, true
	}
	c.configure(conf)
}

// days is longer than any story.
const days = 30

// budget of pages a minute that never holds one back.
const budget = 1_000_000

// ticks journals the passing of time when the state asks for it.
func (c *Core) ticks(ctx context.Context) {
	for ctx.Err() == nil {
		c.mu.Lock()
		next := c.folder.State.NextWake()
		c.mu.Unlock()
		wait := time.Hour
		if next != 0 {
			wait = max(time.Until(next.Std()), time.Millisecond)
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-c.tick: // the next one may be earlier now
		case <-timer.C:
			c.journal(entry.EncodeTick())
		}
		timer.Stop()
	}
}

// journal takes an entry and folds it.
func (c *Core) journal(body []byte) itsm.Outcome {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.off++
	c.at = max(c.at, itsm.TimeOf(time.Now()))
	r := journal.Record{Offset: c.off, At: c.at, Body: body}
	if c.disk.mortal {
		c.log = append(c.log, r)
	}
	b, err := c.folder.Fold([]journal.Record{r})
	if err == nil {
		err = c.desk.Apply(*b)
	}
	if errors.Is(err, errDied) {
		err = c.restart()
	}
	if err != nil {
		c.t.Errorf("the core does not take entry %d: %v", c.off, err)
		return itsm.Outcome{}
	}
	c.last = itsm.Outcome{}
	for i := range b.Decisions {
		switch d := &b.Decisions[i]; d.Kind {
		case itsm.SettleOutcome:
			c.last = *d.Outcome
		case itsm.PutIntent:
			in := *d.Intent
			if c.lean {
				in.Text, in.Snapshot = "", itsm.IncidentSnapshot{}
			}
			c.made[in.Incident] = append(c.made[in.Incident], in)
			hint(c.wakes[d.Intent.Connector])
		case itsm.ReviveIntent:
			hint(c.wakes[d.Settled.Connector])
		}
	}
	hint(c.tick)
	return c.last
}

func hint(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// Do implements connectors.Actor.
func (c *Core) Do(_ context.Context, a itsm.Act) (itsm.Outcome, error) {
	o := c.journal(entry.EncodeAct(&a))
	return o, o.Err()
}

// Intents implements connectors.Outbox.
func (c *Core) Intents(connector string, limit int) ([]itsm.Intent, error) {
	return c.desk.Intents(connector, limit)
}

// Wake hints that the outbox of a connector may have grown.
func (c *Core) Wake(connector string) <-chan struct{} { return c.wakes[connector] }

// Fire lets a condition of a CI of its own begin, and returns its incident.
func (c *Core) Fire(name, title string) itsm.IncidentNumber {
	c.t.Helper()
	c.event(name, title, itsm.Firing)
	page, err := c.desk.Incidents(desk.IncidentQuery{Limit: 1})
	if err != nil || len(page.Items) != 1 {
		c.t.Fatalf("no incident was opened: %v", err)
	}
	return page.Items[0].Number
}

// Clear lets it end.
func (c *Core) Clear(name, title string) { c.event(name, title, itsm.Resolved) }

func (c *Core) event(name, title string, s itsm.Status) {
	now := itsm.TimeOf(time.Now())
	e := itsm.Event{Source: "test", Identity: name, Status: s, Severity: itsm.Critical, Title: title, CIName: name, EventAt: now}
	if s == itsm.Firing {
		e.StartsAt = now
	} else {
		e.EndsAt = now
	}
	c.journal(entry.EncodeDelivery(nil, &entry.Delivery{Source: "test", Events: []itsm.Event{e}}))
}

// Act lets somebody at our console do something.
func (c *Core) Act(a itsm.Act) {
	c.t.Helper()
	a.Actor = "console:ann"
	if _, err := c.Do(context.Background(), a); err != nil {
		c.t.Errorf("%s of %s: %v", a.Kind, a.Incident, err)
	}
}

// Incident returns the record of one.
func (c *Core) Incident(n itsm.IncidentNumber) itsm.Incident {
	c.t.Helper()
	in, err := c.desk.Incident(n)
	if err != nil {
		c.t.Fatal(err)
	}
	return in
}

// Made returns every intent of an incident so far, settled ones too.
func (c *Core) Made(n itsm.IncidentNumber) []itsm.Intent {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.made[n])
}

// madeFor counts the intents of an incident to a connector that somebody caused.
func (c *Core) madeFor(n itsm.IncidentNumber, connector, actor string) (count int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for k := range c.made[n] {
		if in := &c.made[n][k]; in.Connector == connector && in.Actor == actor {
			count++
		}
	}
	return count
}

// nextWake is when the state asks for a tick; zero: it does not.
func (c *Core) nextWake() (at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if next := c.folder.State.NextWake(); next != 0 {
		at = next.Std()
	}
	return at
}

// Dead returns the dead letters of a connector.
func (c *Core) Dead(connector string) []desk.StoredIntent {
	c.t.Helper()
	page, err := c.desk.DeadLetters(connector, "", 500)
	if err != nil {
		c.t.Fatal(err)
	}
	return page.Items
}

// Timeline returns the lines of an incident's history of one kind.
func (c *Core) Timeline(n itsm.IncidentNumber, kind string) (out []itsm.TimelineEntry) {
	c.t.Helper()
	page, err := c.desk.Timeline(n, "", 1000)
	if err != nil {
		c.t.Fatal(err)
	}
	for _, e := range page.Items {
		if e.Kind == kind {
			out = append(out, e)
		}
	}
	return out
}

var (
	_ connectors.Actor  = (*Core)(nil)
	_ connectors.Outbox = (*Core)(nil)
)

// syncWith says how an incident stands with a partner.
func (c *Core) syncWith(n itsm.IncidentNumber, connector string) (correlate.PartnerSync, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.folder.State.SyncWith(n, connector)
}

// objectsOf and objectSync are as the engine's.
func (c *Core) objectsOf(connector string) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.folder.State.ObjectsOf(connector, c.at-itsm.Time(24*time.Hour/time.Millisecond))
}

func (c *Core) objectSync(object, connector string) (correlate.ObjectSync, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.folder.State.ObjectSyncWith(object, connector)
}

// Object reads the record of a change or a problem.
func (c *Core) Object(kind, id string, into any) {
	c.t.Helper()
	o, err := c.desk.Object(kind, id)
	if err == nil {
		err = json.Unmarshal(o.Body, into)
	}
	if err != nil {
		c.t.Errorf("%s %s: %v", kind, id, err)
	}
}

// drifts is what sweeps found.
func (c *Core) drifts() []correlate.Drift {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.folder.State.Drifts()
}

// offset is the last entry.
func (c *Core) offset() itsm.Offset {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.off
}
