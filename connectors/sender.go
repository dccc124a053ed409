package connectors

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"signalbox/itsm"
)

// Bounds and defaults of a sender.
const (
	pendingMax       = 500     // unsent intents looked at in one round
	doubtsMax        = 1 << 20 // unsent intents looked at when a sender begins
	parallelMax      = 4       // calls in flight to one partner
	pushTimeout      = 30 * time.Second
	backoffMin       = time.Second
	backoffMax       = 2 * time.Minute
	retryAfterMax    = 15 * time.Minute // longest a partner's Retry-After is honoured
	breakerFailures  = 5                // failures in a row that open the circuit
	poisonTriesMax   = 5                // tries of an intent that makes the connector panic
	abandonAfter     = 24 * time.Hour   // how long a failure that may pass is tried again
	roundIdle        = 30 * time.Second // how often a quiet outbox is looked at without a hint
	noticeStale      = 12 * time.Hour   // how old a notice of the program itself may be when it is sent
	defaultPerMinute = 100
)

// ownActor is who the program itself is in acts and intents.
const ownActor = "signalbox"

// Outbox is where intents wait. The desk is one.
type Outbox interface {
	Intents(connector string, limit int) ([]itsm.Intent, error)
}

// Actor journals receipts. The engine is one.
type Actor interface {
	Do(ctx context.Context, a itsm.Act) (itsm.Outcome, error)
}

// Options configures a sender.
type Options struct {
	Connector Connector
	Outbox    Outbox
	Actor     Actor
	Wake      <-chan struct{} // a hint that the outbox may have grown; nil: poll
	PerMinute int             // calls a minute, below the partner's published limit; 0: 100
	Parallel  int             // calls in flight at once; 0: 4
	Pages     bool            // what is opened there wakes somebody
	Restored  *Restored       // set while the data came from a backup; see judge
	Sweeps    *Sweeps         // what the partner is compared with; nil: it is not
	Paused    func() bool     // whether people paused it; nil: never
	Limits    *Limits         // what the partner said of its rate, of the client the connector calls with; nil: it is not known
	Log       *slog.Logger    // nil: discard
}

// Sender delivers one connector's intents.
type Sender struct {
	o      Options
	log    *slog.Logger
	bucket bucket

	doubts map[string]bool // triggers that waited when the sender began: an earlier process may have sent them; nil before the first round

	mu       sync.Mutex
	began    time.Time
	tries    map[string]*try      // by intent key; only of what is unsettled
	gaveUp   map[string]time.Time // by intent key: when a dead letter was tried last
	approved map[string]bool      // by intent key: a person sends it again after a restore
	breaker  breaker
	last     Status
	looked   map[itsm.IncidentNumber]Looked
	swept    SweepStatus
	earlier  map[Ref]int64                // version of an earlier record that was found open; only the sweep's
	unseen   map[itsm.IncidentNumber]bool // that the last sweep could not look at; only the sweep's

	lookedObjects map[string]LookedObject
	unseenObjects map[string]bool // as unseen

	nudge chan struct{}
}

// try is what a sender remembers of an unsettled intent.
type try struct {
	count int
	next  time.Time
	first time.Time // when this process tried it first, and last; zero: it did not
	last  time.Time
}

// breaker stops calls to a partner that keeps failing; when it half-opens, one
// call probes.
type breaker struct {
	failures int
	until    time.Time
}

// NewSender makes a sender; Run delivers.
func NewSender(o Options) *Sender {
	if o.PerMinute <= 0 {
		o.PerMinute = defaultPerMinute
	}
	if o.Parallel <= 0 {
		o.Parallel = parallelMax
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Sweeps != nil && o.Sweeps.Every <= 0 {
		with := *o.Sweeps
		with.Every, o.Sweeps = SweepEveryDefault, &with
	}
	return &Sender{o: o, nudge: make(chan struct{}, 1), log: o.Log.With("connector", o.Connector.Name()), began: time.Now(), tries: map[string]*try{},
		bucket: bucket{per: time.Minute / time.Duration(o.PerMinute), burst: min(o.PerMinute, 20)}}
}

// Run delivers until ctx ends. It returns only then: no failure of a partner ends it.
func (s *Sender) Run(ctx context.Context) error {
	var sweeping sync.WaitGroup
	defer sweeping.Wait()
	if s.o.Restored != nil {
		sweeping.Go(func() { s.reconcile(ctx) })
	}
	if s.canSweep() {
		sweeping.Go(func() { s.sweeps(ctx) })
	}
	for ctx.Err() == nil {
		wait := s.Round(ctx)
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-s.o.Wake:
		case <-s.nudge:
		case <-timer.C:
		}
		timer.Stop()
	}
	return nil
}

// Round tries everything that is due and returns how long nothing more will be,
// unless the outbox grows. Run repeats it; a simulation may do so in an order of its
// own. One round has to end before the next begins.
func (s *Sender) Round(ctx context.Context) time.Duration {
	if s.isPaused() {
		return roundIdle
	}
	if wait := s.closedIn(); wait > 0 && s.doubts != nil {
		return wait // however much comes meanwhile, it need not be read for that
	}
	pending, err := s.o.Outbox.Intents(s.o.Connector.Name(), pendingMax)
	if err != nil {
		s.log.Error("read the outbox", "err", err)
		return backoffMin
	}
	s.forget(pending)
	if err := s.doubt(); err != nil {
		s.log.Error("read the outbox", "err", err)
		return backoffMin
	}
	if wait := s.closedIn(); wait > 0 {
		return wait
	}
	subjects := bySubject(pending)
	sem := make(chan struct{}, s.parallel())
	var wg sync.WaitGroup
	next := roundIdle
	var nextMu sync.Mutex
	for _, ins := range subjects {
		sem <- struct{}{}
		wg.Go(func() {
			defer func() { <-sem }()
			wait := s.incident(ctx, ins)
			nextMu.Lock()
			next = min(next, wait)
			nextMu.Unlock()
		})
		if ctx.Err() != nil {
			break
		}
	}
	wg.Wait()
	if len(pending) == pendingMax {
		return min(next, 10*time.Millisecond)
	}
	return next
}

// doubt notes, once, which triggers waited when the sender began.
func (s *Sender) doubt() error {
	if s.doubts != nil {
		return nil
	}
	all, err := s.o.Outbox.Intents(s.o.Connector.Name(), doubtsMax)
	if err != nil {
		return err
	}
	s.doubts = map[string]bool{}
	for i := range all {
		if all[i].Transition == itsm.Trigger {
			s.doubts[all[i].Key] = true
		}
	}
	return nil
}

// parallel is one while the partner is suspect, so that a single call probes it.
func (s *Sender) parallel() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.breaker.failures > 0 {
		return 1
	}
	return s.o.Parallel
}

// closedIn is how long the circuit stays open.
func (s *Sender) closedIn() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Until(s.breaker.until)
}

// bySubject splits intents into those of one incident, change or problem each, in
// order.
func bySubject(ins []itsm.Intent) [][]itsm.Intent {
	type subject struct {
		incident itsm.IncidentNumber
		object   string
	}
	at := map[subject]int{}
	var out [][]itsm.Intent
	for _, in := range ins {
		of := subject{in.Incident, in.Object}
		i, ok := at[of]
		if !ok {
			i = len(out)
			at[of] = i
			out = append(out, nil)
		}
		out[i] = append(out[i], in)
	}
	return out
}

// incident delivers one incident's intents in order until one has to wait.
func (s *Sender) incident(ctx context.Context, ins []itsm.Intent) time.Duration {
	known := s.o.Restored.concerns(&ins[0])
	// Of what is from before a restore nothing is certain: when it is over, its resolve goes out alone.
	p := coalesce(ins, func(key string) bool { return !known && s.tried(key) }, func(key string) bool { return known || s.doubts[key] })
	if s.o.Pages {
		if wait := s.spare(ctx, &p); wait > 0 {
			return wait
		}
	}
	for _, in := range p.superseded {
		s.settle(ctx, in, Receipt{}, "")
	}
	for _, in := range p.send {
		if isStaleNotice(&in) {
			s.settle(ctx, in, Receipt{}, "")
			continue
		}
		if wait := s.due(in.Key); wait > 0 {
			return wait
		}
		if s.closedIn() > 0 || s.take(ctx) != nil {
			return s.closedIn()
		}
		if s.isPaused() {
			return roundIdle
		}
		if known {
			v, why := s.judge(ctx, &in)
			if v == verdictWait {
				return s.postpone(in.Key)
			}
			if v != verdictSend {
				s.settle(ctx, in, Receipt{}, why)
				continue
			}
		}
		if wait, sent := s.push(ctx, in); !sent && !faultNoOrder {
			return wait
		}
	}
	return roundIdle
}

// isStaleNotice reports whether an intent is a notice of the program itself, such as
// of a service level, that tells nobody anything any more: the partner was away for
// long, or a newer program, which gives more of them, made the view again from an
// old journal. What people wrote is never too old.
func isStaleNotice(in *itsm.Intent) bool {
	return in.Transition == itsm.Note && in.Actor == ownActor && time.Since(in.At.Std()) > noticeStale
}

func (s *Sender) tried(key string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tries[key] != nil
}

// due is how long an intent still has to wait after a failure.
func (s *Sender) due(key string) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.tries[key]; t != nil {
		return time.Until(t.next)
	}
	return 0
}

// push makes one call. sent is false when the intent has to wait.
func (s *Sender) push(ctx context.Context, in itsm.Intent) (wait time.Duration, sent bool) {
	s.mu.Lock()
	t := s.tries[in.Key]
	if t == nil {
		t = &try{}
		s.tries[in.Key] = t
	}
	t.count++
	count := t.count
	s.mu.Unlock()

	r, err := s.guarded(s.trying(ctx, &in), in)
	if ctx.Err() != nil {
		return 0, false // stopping: the next start tries again under the same key
	}
	s.note(err)
	asked, passing := retryAfter(err)
	switch {
	case err == nil:
		s.succeeded()
		s.settle(ctx, in, r, "")
		return 0, true
	case passing && time.Since(s.o.Restored.since(&in)) < abandonAfter:
		wait := s.failed(in.Key, count, asked)
		s.log.Warn("partner did not take it; will try again", "incident", in.About(), "transition", in.Transition, "try", count, "wait", wait, "err", err)
		return wait, false
	case isPanic(err) && count < poisonTriesMax:
		return s.failedAlone(in.Key, count), false
	}
	s.log.Error("abandoned into the dead letters", "incident", in.About(), "transition", in.Transition, "try", count, "err", err)
	s.giveUp(in.Key)
	s.settle(ctx, in, Receipt{}, err.Error())
	return 0, true
}

type panicError struct{ error }

func isPanic(err error) bool {
	var p panicError
	return errors.As(err, &p)
}

// guarded turns a connector's panic into an error: it must not stop the others.
func (s *Sender) guarded(ctx context.Context, in itsm.Intent) (r Receipt, err error) {
	defer s.recovers(&err)
	ctx, cancel := context.WithTimeout(ctx, pushTimeout)
	defer cancel()
	return s.o.Connector.Push(ctx, in)
}

// recovers is deferred around a call of the connector.
func (s *Sender) recovers(err *error) {
	if p := recover(); p != nil {
		s.log.Error("connector panicked", "err", p, "stack", string(debug.Stack()))
		*err = panicError{fmt.Errorf("the connector failed on it: %v", p)}
	}
}

func (s *Sender) succeeded() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.breaker = breaker{}
}

// failed notes a failure of the partner and returns when to try again.
func (s *Sender) failed(key string, count int, asked time.Duration) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	wait := max(backoff(count), min(asked, retryAfterMax))
	s.tries[key].next = time.Now().Add(wait)
	s.breaker.failures++
	if s.breaker.failures >= breakerFailures || asked > 0 {
		s.breaker.until = time.Now().Add(wait)
	}
	return wait
}

// failedAlone notes a failure that is the intent's own, not the partner's.
func (s *Sender) failedAlone(key string, count int) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	wait := backoff(count)
	s.tries[key].next = time.Now().Add(wait)
	return wait
}

// backoff doubles from a second to its cap. There is no jitter: one queue a
// partner means there is no herd.
func backoff(tries int) time.Duration {
	return min(backoffMin<<min(max(tries, 1)-1, 10), backoffMax)
}

// settle journals the receipt, again and again until it is stored: an effect
// without a receipt would be repeated after a restart.
func (s *Sender) settle(ctx context.Context, in itsm.Intent, r Receipt, failure string) {
	a := itsm.Act{Kind: itsm.ActReceipt, Incident: in.Incident, Object: in.Object, Actor: ownActor, Origin: s.o.Connector.Name(), IntentKey: in.Key, Failure: bounded(failure), Link: r.Link, PartnerVersion: r.Version}
	for {
		_, err := s.o.Actor.Do(ctx, a)
		if err == nil || itsm.CodeOf(err) != itsm.Unavailable {
			if err != nil {
				s.log.Error("receipt refused", "incident", in.About(), "err", err)
			}
			s.approve(in.Key, false)
			return
		}
		if Wait(ctx, backoffMin) != nil {
			return
		}
	}
}

// failureBytesMax bounds what is kept of a partner's answer.
const failureBytesMax = 2048

func bounded(s string) string {
	if len(s) > failureBytesMax {
		return s[:failureBytesMax]
	}
	return s
}

// forget drops what is known of intents that are settled.
func (s *Sender) forget(pending []itsm.Intent) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.tries) == 0 {
		return
	}
	live := make(map[string]bool, len(pending))
	for _, in := range pending {
		live[in.Key] = true
	}
	for k := range s.tries {
		if !live[k] {
			delete(s.tries, k)
		}
	}
}
