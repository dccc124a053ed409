package ingest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"

	"signalbox/ingest/source"
	"signalbox/ingest/source/kind"
	"signalbox/itsm"
	"signalbox/itsm/entry"
)

// Door is where deliveries come in. Make it with New and mount it with Routes.
type Door struct {
	o          Options
	sources    atomic.Pointer[map[string]*entrance] // replaced whole by Reload
	reloading  sync.Mutex
	quarantine quarantine
	memory     *budget // of large bodies, all sources together
	strangers  *budget // of those whose sender is not known yet
	noise      noise
	stray      counters // requests to no known source
	started    time.Time
}

// entrance is one source at work.
type entrance struct {
	Source
	decode  source.TimedDecoder
	keys    *newKeys
	memory  *budgets
	replies *replies
	count   counters
}

// New checks the sources and makes the door. Every problem is reported at once.
func New(o Options) (*Door, error) {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Gate == nil {
		o.Gate = func() error { return nil }
	}
	if o.Metrics == nil {
		o.Metrics = NewMetrics(prometheus.NewRegistry())
	}
	d := &Door{o: o, quarantine: quarantine{index: o.Quarantine}, started: o.Clock(),
		memory: newBudget(InflightBytesMax), strangers: newBudget(InflightStrangerBytesMax), stray: o.Metrics.of("-")}
	if err := d.Reload(o.Sources); err != nil {
		return nil, err
	}
	return d, nil
}

// Reload checks other sources and puts them in the place of the present ones, all
// or none. Requests under way end with what they began with; a source that stays
// keeps what it remembers of signed requests and of keys.
func (d *Door) Reload(sources []Source) error {
	d.reloading.Lock()
	defer d.reloading.Unlock()
	before := map[string]*entrance{}
	if p := d.sources.Load(); p != nil {
		before = *p
	}
	next := map[string]*entrance{}
	var errs []error
	for _, s := range sources {
		if err := s.validate(d.o.Open); err != nil {
			errs = append(errs, err)
			continue
		}
		if _, twice := next[s.Name]; twice {
			errs = append(errs, itsm.Errorf(itsm.Invalid, "sources.%s: named twice", s.Name))
			continue
		}
		s.Limits = s.Limits.withDefaults()
		s.Kinds.Bounds = s.Limits.Bounds()
		decode, err := kind.Decoder(s.Kind, s.Kinds)
		if err != nil {
			errs = append(errs, fmt.Errorf("sources.%s.kind: %w", s.Name, err))
			continue
		}
		if s.Connector == "" {
			s.Connector = s.Name
		}
		e := &entrance{Source: s, decode: decode, keys: &newKeys{}, memory: &budgets{door: d.memory, strangers: d.strangers}, replies: &replies{}, count: d.o.Metrics.of(s.Name)}
		if old := before[s.Name]; old != nil {
			e.keys, e.memory, e.replies = old.keys, old.memory, old.replies
		}
		next[s.Name] = e
	}
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	for _, e := range next {
		e.keys.bound(e.Limits.NewKeysPerMinute)
		e.memory.bound(e.Limits)
	}
	d.sources.Store(&next)
	d.sayOpen(sources)
	return nil
}

// Sources returns the present sources by name.
func (d *Door) Sources() []Source {
	now := *d.sources.Load()
	out := make([]Source, 0, len(now))
	for _, name := range slices.Sorted(maps.Keys(now)) {
		out = append(out, now[name].Source)
	}
	return out
}

// source is the one of that name, or nil.
func (d *Door) source(name string) *entrance { return (*d.sources.Load())[name] }

// sayOpen logs once which sources ask for no credentials.
func (d *Door) sayOpen(sources []Source) {
	var open []string
	for _, s := range sources {
		if s.Auth.empty() {
			open = append(open, s.Name)
		}
	}
	if len(open) > 0 {
		d.o.Log.Warn("these sources accept deliveries without credentials, because Signalbox listens on loopback only; set sources.NAME.auth to change that",
			"sources", strings.Join(open, ", "))
	}
}

// Routes mounts the door on an application made by NewApp.
func (d *Door) Routes(app *fiber.App) {
	app.Post("/webhooks/:source", d.webhook)
	app.All("/webhooks/:source", d.notPosted)
	d.facade(app)
}

// intake is one request on its way through the door.
type intake struct {
	d     *Door
	s     *entrance
	c     *fiber.Ctx
	start time.Time
	lease lease
	raw   *buffer // as received
	plain *buffer // decompressed; nil when nothing was compressed
	proof signed
}

// receipt is what a delivery came to.
type receipt struct {
	Accepted    int         `json:"accepted"`
	Offset      itsm.Offset `json:"offset"`
	Quarantined []string    `json:"quarantined,omitempty"`
	Duplicate   bool        `json:"duplicate,omitempty"` // a repeat of a signed request; Offset is the first one's

	reply       string      // what the sender asked to be answered
	undecodable error       // why nothing was decodable
	bad         []entry.Bad // parts that were not
}

// refusal is a request that stored nothing.
type refusal struct {
	err    error
	reason string
	wait   time.Duration // for 503
}

func refuse(reason string, err error) *refusal { return &refusal{err: err, reason: reason} }

// hold lets a delivery wait while the fold is behind.
func (d *Door) hold(source string) {
	for waited := time.Duration(0); ; {
		w := d.o.Pace.Wait(source, waited)
		if w <= 0 {
			return
		}
		time.Sleep(w)
		waited += w
	}
}

// take brings one request from its credentials to its receipt.
func (d *Door) take(c *fiber.Ctx, s *entrance) (receipt, *refusal) {
	in := intake{d: d, s: s, c: c, start: d.o.Clock(), lease: lease{b: s.memory}, raw: bodyPool.Get().(*buffer)}
	defer in.close()
	s.count.received.Inc()
	known := s.Auth.empty() || s.Auth.byHeader(c)
	in.lease.proven = known
	if !known && !s.Auth.needsBody() {
		return receipt{}, refuse(refusedAuth, unauthorized(s))
	}
	if err := d.o.Gate(); err != nil {
		return receipt{}, &refusal{err: itsm.Wrap(itsm.Unavailable, err, "not accepting deliveries now: %s", itsm.MessageOf(err)), reason: refusedGate, wait: retryAfter}
	}
	if d.o.Pace != nil {
		d.hold(s.Name)
	}
	if r := in.read(); r != nil {
		return receipt{}, r
	}
	if !known {
		if in.proof = s.Auth.bySignature(&c.Request().Header, in.raw.b, in.start); !in.proof.ok {
			return receipt{}, refuse(refusedAuth, unauthorized(s))
		}
		in.lease.prove()
	}
	s.count.bytes.Add(float64(len(in.raw.b)))
	if in.proof.replay == "" {
		return in.store()
	}
	return in.storeOnce()
}

func (in *intake) close() {
	in.s.count.seconds.Observe(in.d.o.Clock().Sub(in.start).Seconds())
	in.raw.put()
	if in.plain != nil {
		in.plain.put()
	}
	in.lease.release()
}

func unauthorized(s *entrance) error {
	return itsm.Errorf(itsm.Unauthorized, "the credentials are missing or not those of source %s", s.Name)
}

// read takes in the raw body.
func (in *intake) read() *refusal {
	var err error
	in.raw.b, err = readBody(in.c, in.raw.b[:0], in.s.Limits.BodyBytes, &in.lease)
	switch {
	case err == nil:
		return nil
	case itsm.CodeOf(err) == itsm.TooLarge:
		return refuse(refusedSize, err)
	case itsm.CodeOf(err) == itsm.Unavailable:
		return &refusal{err: err, reason: refusedMemory, wait: retryAfter}
	}
	return refuse(refusedBody, err)
}

// storeOnce stores a signed request unless it is a repeat.
func (in *intake) storeOnce() (receipt, *refusal) {
	prior, first := in.s.replies.begin(in.proof.replay, in.start)
	if !first {
		if !prior.done {
			err := itsm.Errorf(itsm.Unavailable, "the same request is being stored right now")
			return receipt{}, &refusal{err: err, reason: refusedConcurrency, wait: time.Second}
		}
		in.s.count.replayed.Inc()
		return receipt{Offset: prior.offset, Duplicate: true}, nil
	}
	stored := false
	var rc receipt
	defer func() { in.s.replies.finish(in.proof.replay, rc.Offset, stored) }()
	rc, r := in.store()
	stored = r == nil
	return rc, r
}

// store decodes the body and journals what came of it.
func (in *intake) store() (receipt, *refusal) {
	res, r, decodeErr := in.decodeBody()
	if r != nil {
		return receipt{}, r
	}
	acts := in.acts(&res)
	if r := in.admit(res.Events); r != nil {
		return receipt{}, r
	}
	rc := receipt{Accepted: len(res.Events) + len(acts), bad: res.Bad, undecodable: decodeErr, reply: res.Reply}
	rc.Quarantined = in.d.quarantine.name(in.s.Name, res.Bad)
	entries := acts
	if len(res.Events)+len(res.Bad) > 0 {
		del := entry.Delivery{Source: in.s.Name, Remote: in.c.Context().RemoteAddr().String(), Events: res.Events, Bad: res.Bad}
		if len(res.Events) > 0 && !in.d.o.OmitRaw && len(in.body()) <= RawBytesMax {
			del.Raw = in.body()
		}
		enc := encoderPool.Get().(*entry.Encoder)
		defer putEncoder(enc) // the journal has its own copy by then
		entries = append([][]byte{enc.Delivery(&del)}, acts...)
	}
	if len(entries) == 0 {
		return rc, nil // an event of a partner that concerns nothing of ours
	}
	off, _, err := in.d.o.Journal.Append(in.c.UserContext(), entries...)
	if itsm.CodeOf(err) == itsm.TooLarge && err != nil {
		in.s.count.exceeded(boundEntry, 1)
		return receipt{}, refuse(refusedSize, err) // trying again would not help
	}
	if err != nil {
		return receipt{}, &refusal{err: itsm.Wrap(itsm.Unavailable, err, "the journal does not accept entries now; nothing was stored"), reason: refusedJournal, wait: retryAfter}
	}
	rc.Offset = off + itsm.Offset(len(entries)) - 1 // the last: what waits for it waits for all
	if in.d.o.Pace != nil {
		in.d.o.Pace.Brought(in.s.Name, rc.Accepted+len(res.Bad))
	}
	in.d.quarantine.stored(rc.Quarantined)
	in.s.count.events.Add(float64(len(res.Events)))
	in.s.count.acts.Add(float64(len(acts)))
	in.s.count.quarantined.Add(float64(len(res.Bad)))
	in.s.count.over(source.ExcessesOf(decodeErr))
	in.s.count.over(res.Over)
	return rc, nil
}

// admit holds the delivery against the bound of new alert keys.
func (in *intake) admit(events []itsm.Event) *refusal {
	fresh, wait := in.s.keys.admit(events, in.start)
	limit := in.s.Limits.NewKeysPerMinute
	switch {
	case wait == 0:
		return nil
	case fresh > limit:
		return refuse(refusedKeys, source.Exceeded(boundNewKeys, itsm.TooLarge, "%d new alerts in one request, and source %s may bring %d in a minute (limits.new_keys_per_minute): send them in several, over some minutes", fresh, in.s.Name, limit))
	}
	err := source.Exceeded(boundNewKeys, itsm.Unavailable, "source %s brought more than %d new alerts in a minute (limits.new_keys_per_minute)", in.s.Name, limit)
	return &refusal{err: err, reason: refusedKeys, wait: wait}
}

// body is what the decoder sees.
func (in *intake) body() []byte {
	if in.plain != nil {
		return in.plain.b
	}
	return in.raw.b
}

// decodeBody returns the decoded result. What is not decodable at all becomes one
// bad part that holds the whole body, and the reason.
func (in *intake) decodeBody() (source.Result, *refusal, error) {
	enc, err := encodingOf(in.c)
	if err != nil {
		return source.Result{}, &refusal{err: err, reason: refusedEncoding}, nil
	}
	res, err := in.decoded(enc)
	switch {
	case err == nil && len(res.Events) > in.s.Limits.AlertsPerRequest:
		err = source.Exceeded(source.BoundAlerts, itsm.TooLarge, "%d alerts in one request, at most %d are accepted", len(res.Events), in.s.Limits.AlertsPerRequest)
	case err == nil && len(in.body()) > EventBytesMax/4 && textBytes(&res) > EventBytesMax:
		err = source.Exceeded(boundEntry, itsm.TooLarge, "alerts with more than %d bytes of text in one request: send them in several", EventBytesMax)
	}
	switch itsm.CodeOf(err) {
	case itsm.TooLarge:
		return source.Result{}, refuse(refusedSize, err), nil
	case itsm.Unavailable:
		return source.Result{}, &refusal{err: err, reason: refusedMemory, wait: retryAfter}, nil
	}
	if err != nil {
		bad := entry.Bad{Error: itsm.MessageOf(err), Body: in.body()}
		return source.Result{Bad: []entry.Bad{bad}}, nil, err
	}
	return res, nil, nil
}

// decoded decompresses and decodes. A panic on the way is a fault of ours; the
// delivery is kept in quarantine until it is mended.
func (in *intake) decoded(enc string) (res source.Result, err error) {
	defer func() {
		if p := recover(); p != nil {
			in.s.count.panics.Inc()
			in.d.o.Log.Error("a decoder panicked; the delivery is in quarantine", "source", in.s.Name, "err", fmt.Sprint(p), "stack", string(debug.Stack()))
			res, err = source.Result{}, itsm.Errorf(itsm.Invalid, "the decoder of kind %s failed on this body; its cause is in the server's log", in.s.Kind)
		}
	}()
	if enc != "" {
		in.plain = bodyPool.Get().(*buffer)
		in.plain.b, err = decompress(in.plain.b[:0], in.raw.b, enc, in.s.Limits.DecompressedBytes, &in.lease)
		if errors.Is(err, errUndecodable) {
			in.plain.put()
			in.plain = nil // quarantine keeps what was received
			return res, itsm.Errorf(itsm.Invalid, "the body is not %s, although its Content-Encoding says so", enc)
		}
		if err != nil {
			return res, err
		}
	}
	return in.s.decode(in.body(), itsm.TimeOf(in.start))
}

// textBytes is about the size of a result in the journal.
func textBytes(res *source.Result) int {
	n := 0
	for i := range res.Bad {
		n += len(res.Bad[i].Body) + len(res.Bad[i].Error)
	}
	for i := range res.Events {
		e := &res.Events[i]
		n += len(e.Identity) + len(e.ID) + len(e.Group) + len(e.Title) + len(e.CIName) + len(e.GeneratorURL)
		for _, ls := range [...]itsm.Labels{e.Labels, e.Annotations} {
			for _, l := range ls {
				n += len(l.Name) + len(l.Value)
			}
		}
	}
	return n
}

// acts completes what a partner's people did and encodes it. An act whose
// incident only the partner knows is looked up; if that fails it becomes a bad
// part, so that it can be retried and the partner's queue is not held up.
func (in *intake) acts(res *source.Result) [][]byte {
	var out [][]byte
	for i := range res.Acts {
		a := &res.Acts[i]
		a.Origin = in.s.Connector
		if a.Kind == itsm.ActChangePut { // about no incident, and told by the source itself
			a.Origin = in.s.Name
			out = append(out, entry.EncodeAct(a))
			continue
		}
		if a.Link != nil {
			a.Link.Connector = in.s.Connector
		}
		if a.Incident == 0 && a.Object == "" {
			if err := in.find(a); itsm.CodeOf(err) == itsm.NotFound && err != nil {
				in.s.count.ignored.Inc()
				continue
			} else if err != nil {
				res.Bad = append(res.Bad, entry.Bad{Error: fmt.Sprintf("look up incident %s at %s: %s", a.Link.ID, a.Origin, itsm.MessageOf(err)), Body: in.body()})
				continue
			}
		}
		out = append(out, entry.EncodeAct(a))
	}
	return out
}

// find asks whose incident the act is about; PagerDuty waits 5 s for our answer.
func (in *intake) find(a *itsm.Act) error {
	if in.d.o.Partners == nil || a.Link == nil {
		return itsm.Errorf(itsm.NotFound, "no connector knows the incident")
	}
	const patience = 3 * time.Second
	ctx, cancel := context.WithTimeout(in.c.UserContext(), patience)
	defer cancel()
	n, epoch, err := in.d.o.Partners.IncidentOf(ctx, *a.Link)
	if err != nil {
		return err
	}
	a.Incident, a.Epoch = n, epoch
	return nil
}

// Retry decodes a quarantined body again, with the decoders of today, and
// journals it as a retry. It answers what is still wrong when nothing has changed.
func (d *Door) Retry(ctx context.Context, q itsm.Quarantined) (accepted int, off itsm.Offset, err error) {
	s := d.source(q.Source)
	if s == nil {
		return 0, 0, itsm.Errorf(itsm.NotFound, "source %s is no longer configured", q.Source)
	}
	res, err := s.decode(q.Body, q.LastAt)
	if err != nil {
		return 0, 0, err
	}
	if len(res.Bad) > 0 || len(res.Events)+len(res.Acts) == 0 {
		why := "it decodes to nothing"
		if len(res.Bad) > 0 {
			why = res.Bad[0].Error
		}
		return 0, 0, itsm.Errorf(itsm.Invalid, "still not decodable: %s", why)
	}
	bodies := [][]byte{entry.EncodeDelivery(nil, &entry.Delivery{Source: q.Source, Remote: "retry", RetryOf: q.ID, Events: res.Events})}
	for i := range res.Acts {
		a := &res.Acts[i]
		a.Origin = s.Connector
		if a.Kind == itsm.ActChangePut {
			a.Origin = s.Name
			bodies = append(bodies, entry.EncodeAct(a))
			continue
		}
		if a.Link != nil {
			a.Link.Connector = s.Connector
		}
		if a.Incident == 0 && a.Object == "" {
			if d.o.Partners == nil || a.Link == nil {
				return 0, 0, itsm.Errorf(itsm.Unavailable, "no connector can say which incident this is about")
			}
			if a.Incident, a.Epoch, err = d.o.Partners.IncidentOf(ctx, *a.Link); err != nil {
				return 0, 0, fmt.Errorf("look up incident %s at %s: %w", a.Link.ID, a.Origin, err)
			}
		}
		bodies = append(bodies, entry.EncodeAct(a))
	}
	first, _, err := d.o.Journal.Append(ctx, bodies...)
	if err != nil {
		return 0, 0, err
	}
	return len(res.Events) + len(res.Acts), first + itsm.Offset(len(bodies)) - 1, nil
}

// refused counts a refusal, names the sender in the log, at most a few times a minute for
// each reason, and keeps a source that brings too much waiting for its answer.
func (d *Door) refused(c *fiber.Ctx, s *entrance, r *refusal) {
	name, count := "-", d.stray
	if s != nil {
		name, count = s.Name, s.count
	}
	count.refused(r.reason)
	count.over(source.ExcessesOf(r.err))
	if hushed, ok := d.noise.allow(name+"/"+r.reason, d.o.Clock()); ok {
		d.o.Log.LogAttrs(c.Context(), slog.LevelWarn, "request refused", slog.String("source", name), slog.String("reason", r.reason),
			slog.String("sender", c.Context().RemoteAddr().String()), slog.String("err", r.err.Error()), slog.Int("since_last_line", hushed))
	}
	if r.reason == refusedKeys {
		time.Sleep(greedyPause)
	}
}
