package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"signalbox/correlate"
	"signalbox/ingest/journal"
	"signalbox/itsm"
	"signalbox/itsm/cmdb"
	"signalbox/itsm/desk"
	"signalbox/itsm/entry"
)

// Bounds of one fold batch: enough to amortise a transaction, small enough that
// readers and acts are not held up. A megabyte of entries is some two thousand
// events, less than a tenth of a second; what is read next is never older than that.
const (
	batchRecordsMax = 4096
	batchBytesMax   = 1 << 20
	outcomesKept    = 4096 // acts whose outcome a late waiter can still collect
	actWaitMax      = 10 * time.Second
	subscribersMax  = 1000
)

// foldEvery is the least time between the starts of two batches. Without it a
// busy fold works in batches of two or three entries, and what a batch costs
// whatever its size (a transaction, an incident's record, an alert stored alone
// instead of in a pack) is most of the work. After a quiet moment nothing waits.
// From busyEvents a foldEvery it is foldEveryBusy: in a storm the same incidents
// change with every batch, and their records are what most of its writing is. It is
// foldEveryStorm after a batch of stormBatch that came at twice that rate.
const (
	foldEvery      = 10 * time.Millisecond
	foldEveryBusy  = 4 * foldEvery
	foldEveryStorm = 10 * foldEvery
	busyEvents     = 50
	stormBatch     = 400
)

// Journal is what the engine needs of the ordered log.
type Journal interface {
	Append(ctx context.Context, bodies ...[]byte) (itsm.Offset, itsm.Time, error)
	Read(from itsm.Offset, maxRecords, maxBytes int) ([]journal.Record, error)
	Wait(ctx context.Context, after itsm.Offset) error
	Head() (itsm.Offset, itsm.Time)
	Oldest() itsm.Offset
}

// Options configures an engine.
type Options struct {
	Journal   Journal
	Desk      *desk.Desk
	Config    correlate.Config // journaled when it differs from what the fold last saw
	Snapshots *Snapshots       // nil: none, every start folds from the beginning
	Room      func() error     // why nothing may be written beside the journal now (a full disk); nil: always room
	Clock     func() time.Time // nil: time.Now
	Log       *slog.Logger     // nil: discard
	Metrics   *Metrics         // nil: none
}

// Engine is the single writer.
type Engine struct {
	o      Options
	log    *slog.Logger
	graph  atomic.Pointer[cmdb.Graph]
	rules  atomic.Pointer[correlate.Rules]
	cursor atomic.Uint64
	ready  atomic.Bool

	still  sync.Mutex   // held, before mu, by whoever uses or needs the state undisturbed: the fold, a snapshot, an explanation
	mu     sync.RWMutex // guards folder.State: the fold writes, overlays read
	folder *Folder

	importing  sync.Mutex    // one CMDB import is journaled at a time
	booking    sync.Mutex    // one rule set is saved or activated at a time
	explaining chan struct{} // one slot: one explanation at a time
	parts      parts

	wait struct {
		sync.Mutex
		moved       chan struct{} // closed and replaced whenever the cursor moves
		outcomes    map[itsm.Offset]itsm.Outcome
		order       []itsm.Offset
		waiting     map[itsm.Offset]chan itsm.Outcome
		err         error // why the fold stopped
		paused      error // why the desk does not take a batch now
		stopped     bool
		subscribers map[chan Changed]bool // true: hears of intents, too
	}
	ahead       chan fetched // what is read while a batch is folded; the fold's own, as what follows
	storing     storing
	writing     *writing    // nil: no snapshot is on its way to the disk
	snapshotAt  itsm.Offset // newest snapshot
	pace        snapshotPace
	snapshotNow chan chan error // asks the fold for a snapshot
	configLate  bool            // Recover could not journal the configuration
	ticksLate   bool            // the last tick could not be journaled; the fold's own
	dumping     sync.Mutex      // one dump of the view at a time
}

// Changed tells a subscriber what a batch touched.
type Changed struct {
	Cursor    itsm.Offset           `json:"cursor"`
	Incidents []itsm.IncidentNumber `json:"-"`
	Opened    int                   `json:"opened"`
	More      bool                  `json:"more"` // there were more incidents than listed
}

// changedIncidentsMax bounds what one Changed lists.
const changedIncidentsMax = 100

// New makes an engine; Recover must succeed before Run.
func New(o Options) *Engine {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Room == nil {
		o.Room = func() error { return nil }
	}
	e := &Engine{o: o, log: o.Log, snapshotNow: make(chan chan error, 1), explaining: make(chan struct{}, 1)}
	e.wait.moved = make(chan struct{})
	e.wait.outcomes = map[itsm.Offset]itsm.Outcome{}
	e.wait.waiting = map[itsm.Offset]chan itsm.Outcome{}
	e.wait.subscribers = map[chan Changed]bool{}
	return e
}

// Recover brings the core's state to the desk's cursor: the newest snapshot at
// or before it, then the journal stepped without applying.
func (e *Engine) Recover() error {
	if err := e.recover(); err != nil {
		return err
	}
	err := e.journalConfig()
	if e.configLate = itsm.CodeOf(err) == itsm.Unavailable && err != nil; e.configLate {
		e.log.Warn("the changed configuration takes effect when the journal accepts entries again", "err", err)
		return nil
	}
	return err
}

// configLater journals the configuration that Recover could not: a full disk must
// not keep a server from starting.
func (e *Engine) configLater(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(applyRetry):
		}
		if err := e.journalConfig(); err == nil {
			e.log.Info("the changed configuration is in effect")
			return
		}
	}
}

func (e *Engine) recover() error {
	cursor, _ := e.o.Desk.Cursor()
	head, _ := e.o.Journal.Head()
	if cursor > head {
		return itsm.Errorf(itsm.Invalid, "the view is at entry %d but the journal ends at %d: the journal lost its tail or is another one; restore it, or run 'signalbox rebuild' to make the view again from this journal", cursor, head)
	}
	f, from, err := e.o.Snapshots.Newest(cursor, e.log)
	if err != nil {
		return err
	}
	if f == nil {
		f = NewFolder()
	}
	if oldest := e.o.Journal.Oldest(); from+1 < oldest {
		return itsm.Errorf(itsm.Invalid, "no usable snapshot at or after entry %d and the journal begins at %d: put the snapshots directory back from a backup, or run 'signalbox rebuild'", oldest-1, oldest)
	}
	e.folder, e.snapshotAt = f, from
	e.parts.seen(head)
	for f.cursor < cursor {
		n := min(batchRecordsMax, int(cursor-f.cursor))
		recs, err := e.o.Journal.Read(f.cursor+1, n, batchBytesMax)
		if err != nil {
			return fmt.Errorf("recover: read entry %d: %w", f.cursor+1, err)
		}
		if len(recs) == 0 {
			return itsm.Errorf(itsm.Internal, "recover: entry %d is missing", f.cursor+1)
		}
		if _, err := f.Fold(recs); err != nil {
			return err
		}
	}
	e.graph.Store(f.Graph)
	e.showRules(e.folder.State.Rules())
	e.cursor.Store(uint64(f.cursor))
	e.o.Desk.SetLive(e)
	return nil
}

// journalConfig appends the configuration when it differs from what the fold last saw.
func (e *Engine) journalConfig() error {
	body, err := e.o.Config.Canonical()
	if err != nil {
		return err
	}
	seen, err := e.o.Desk.Blob(configBlob)
	if err != nil && itsm.CodeOf(err) != itsm.NotFound {
		return err
	}
	if string(seen) == string(body) {
		return nil
	}
	_, _, err = e.o.Journal.Append(context.Background(), entry.EncodeConfig(&entry.Config{Body: body}))
	return err
}

// Run folds until ctx ends, then folds what is already durable and returns nil.
// A fault of the fold is returned and also shown in Status.
func (e *Engine) Run(ctx context.Context) error {
	if e.configLate {
		go e.configLater(ctx)
	}
	if unfolded {
		e.log.Warn("this build only measures: no alert it accepts comes to anything")
	}
	err := e.run(ctx)
	if serr := e.stored(); err == nil && serr != nil && !errors.Is(serr, errStopping) {
		err = serr
	}
	e.complain(e.written())
	e.ready.Store(false)
	e.stopWaiters(err)
	return err
}

func (e *Engine) run(ctx context.Context) error {
	var last time.Time
	for {
		began := time.Now()
		f, err := e.foldNext(func(b *desk.Batch) error { return e.applyPatiently(ctx, b) })
		if errors.Is(err, errStopping) {
			return nil // the state is ahead of the desk: no snapshot; the next start folds the batch again
		}
		if err != nil {
			e.log.Error("the fold stopped", "err", err)
			return err
		}
		if f.entries > 0 {
			if !e.snapshotIfAsked() {
				e.snapshotIfDue()
			}
			rest(ctx, f.rest(began.Sub(last))-time.Since(began))
			last = began
			continue
		}
		if ctx.Err() != nil {
			e.trySnapshot()
			return nil
		}
		e.ready.Store(true)
		if err := e.idle(ctx); err != nil {
			return err
		}
	}
}

// folded is what one batch came to.
type folded struct {
	entries, events int
	more            bool // there was more to fold than a batch may hold
}

// rest is the least time between the start of this batch and the next, when the
// one before began so long before it.
func (f folded) rest(since time.Duration) time.Duration {
	came := time.Duration(f.events) * foldEvery
	switch {
	case f.more:
		return 0
	case f.events >= stormBatch && came >= 2*busyEvents*since:
		return foldEveryStorm
	case came >= busyEvents*since:
		return foldEveryBusy
	}
	return foldEvery
}

// rest waits for d unless ctx ends first.
func rest(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// idle waits for the journal to grow, and journals a tick when the state wants
// waking first. When nothing comes for a moment it writes a snapshot.
func (e *Engine) idle(ctx context.Context) error {
	e.mu.RLock()
	wake := e.folder.State.NextWake()
	e.mu.RUnlock()
	wait, quiet := max(0, wake.Std().Sub(e.now())), e.quiet()
	quietFirst := quiet != 0 && (wake == 0 || quiet < wait)
	if quietFirst {
		wait = quiet
	}
	wctx, cancel := ctx, func() {}
	if wake != 0 || quietFirst {
		wctx, cancel = context.WithTimeout(ctx, wait)
	}
	defer cancel()
	if e.snapshotIfAsked() {
		return nil
	}
	err := e.o.Journal.Wait(wctx, itsm.Offset(e.cursor.Load()))
	if err == nil || ctx.Err() != nil {
		return nil
	}
	if !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	if quietFirst {
		e.trySnapshot()
		return nil
	}
	if _, _, err := e.o.Journal.Append(ctx, entry.EncodeTick()); err != nil && ctx.Err() == nil {
		// A full disk must not stop the fold; try again in a moment.
		if !e.ticksLate {
			e.log.Warn("tick not journaled; timers wait", "err", err)
		}
		e.ticksLate = true
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
		return nil
	}
	e.ticksLate = false
	return nil
}

// now is the clock, but never behind the journal's own time.
func (e *Engine) now() time.Time {
	_, at := e.o.Journal.Head()
	if now := e.o.Clock(); now.After(at.Std()) {
		return now
	}
	return at.Std()
}

// publish wakes waiters and subscribers after a batch is in the desk.
func (e *Engine) publish(b *desk.Batch) {
	ch, intents := Changed{Cursor: b.Cursor}, false
	e.wait.Lock()
	defer e.wait.Unlock()
	for i := range b.Decisions {
		switch d := &b.Decisions[i]; d.Kind {
		case itsm.SettleOutcome:
			e.settle(*d.Outcome)
		case itsm.PutIncident:
			if len(ch.Incidents) < changedIncidentsMax {
				ch.Incidents = append(ch.Incidents, d.Incident.Number)
			} else {
				ch.More = true
			}
			if d.Incident.OpenedAt >= b.At && d.Incident.Version <= 1 {
				ch.Opened++
			}
		case itsm.PutIntent, itsm.ReviveIntent:
			intents = true
		}
	}
	close(e.wait.moved)
	e.wait.moved = make(chan struct{})
	for sub, hearsIntents := range e.wait.subscribers {
		if len(ch.Incidents) == 0 && !(intents && hearsIntents) {
			continue // in a full queue it would stand where a hint belongs
		}
		select {
		case sub <- ch:
		default: // a slow reader misses a hint, not a fact: it reads the desk
		}
	}
}

func (e *Engine) settle(o itsm.Outcome) {
	if w, ok := e.wait.waiting[o.Offset]; ok {
		delete(e.wait.waiting, o.Offset)
		w <- o // buffered
		return
	}
	e.wait.outcomes[o.Offset] = o
	e.wait.order = append(e.wait.order, o.Offset)
	if len(e.wait.order) > outcomesKept {
		delete(e.wait.outcomes, e.wait.order[0])
		e.wait.order = e.wait.order[1:]
	}
}

func (e *Engine) stopWaiters(err error) {
	e.wait.Lock()
	defer e.wait.Unlock()
	e.wait.err, e.wait.stopped = err, true
	close(e.wait.moved)
	e.wait.moved = make(chan struct{})
	for off, w := range e.wait.waiting {
		delete(e.wait.waiting, off)
		close(w)
	}
}

// CatchUp recovers and folds what is in the journal now, without a running
// server: it journals nothing, waits for nothing and ends with a snapshot.
func (e *Engine) CatchUp() error {
	if err := e.recover(); err != nil {
		return err
	}
	for {
		f, err := e.foldNext(e.applyNow)
		if err != nil {
			return err
		}
		if f.entries == 0 {
			return e.Snapshot()
		}
	}
}
