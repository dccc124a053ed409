package backtest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"signalbox/itsm"
	"signalbox/itsm/entry"
	"signalbox/rules"
)

// RuleSet is one of the two that are compared.
type RuleSet struct {
	Name  string // what people call it: "revision 3", "no rules", a directory
	Files []rules.File
}

// Options says what to compare over which history.
type Options struct {
	Before, After RuleSet
	History       History
	From, To      itsm.Time       // deliveries and acts from and before then; 0: from the first, up to the last
	WarmUp        time.Duration   // before From that is folded and not counted, at most WarmUpMax; 0: none
	Examples      int             // of each kind of difference, at most ExamplesMax; 0: 10
	Episodes      int             // alert episodes a side may have, which bounds memory; 0: EpisodesMax
	Progress      func(milli int) // thousandths done, never falling; may be nil
	Pause         func()          // called every few entries, to let others run; may be nil
}

// Defaults and bounds.
const (
	examplesDefault = 10
	ExamplesMax     = 1000
	pauseEntries    = 64

	// WarmUpDefault is as long as a lease at most lasts, and as senders that never clear
	// are believed: whatever fires at From and is believed then was heard of since.
	WarmUpDefault = 24 * time.Hour
	WarmUpMax     = 31 * 24 * time.Hour
)

// survey is what a look ahead found.
type survey struct {
	first, last itsm.Offset
	acts        bool // somebody did something to an incident
	activated   bool // history had rules
}

// run is one backtest under way.
type run struct {
	o             Options
	ctx           context.Context
	sets          [2]*rules.Set
	seen          survey
	before, after *side
	recorded      *side // the fold that history had; nil: not known, or before
	known         *side // the one whose incident numbers acts use; nil: none
	links         []link
	heard         []bool // by link: in the range
	linkOf        map[link]int32
	lastLink      []int32         // by episode before: link of its last event, index + 1; 0: none
	where         map[int32]int32 // episode of known → newest link
	labels        Labels
	done          int
	entries       int
	started       bool
	counting      bool // the range has begun
	last          itsm.Offset
	lastAt        itsm.Time
	span          Span
}

// Span is what was folded.
type Span struct {
	From       itsm.Time `json:"from"` // first delivery
	To         itsm.Time `json:"to"`   // last delivery
	Deliveries int       `json:"deliveries"`
	Events     int       `json:"events"`
	Whole      bool      `json:"whole"` // the history begins with the first entry ever made, so what people did can be told

	WarmFrom       itsm.Time `json:"warm_from"`       // first delivery before the range that both sides began with; null: they began with the range
	WarmDeliveries int       `json:"warm_deliveries"` // that were folded before the range and are not counted
}

// errEnough ends a walk at the end of the range.
var errEnough = errors.New("enough")

// Run folds the history with both rule sets and reports the difference.
func Run(ctx context.Context, o Options) (*Report, error) {
	r := &run{o: o, ctx: ctx, linkOf: map[link]int32{}, where: map[int32]int32{}}
	for i, s := range []RuleSet{o.Before, o.After} {
		set, ps := rules.Compile(s.Files)
		if rules.Blocking(ps) {
			return nil, itsm.Errorf(itsm.Invalid, "the rules of %s cannot be used: %s", s.Name, ps[0])
		}
		r.sets[i] = set
	}
	if o.WarmUp < 0 || o.WarmUp > WarmUpMax {
		return nil, itsm.Errorf(itsm.Invalid, "warm-up %v: expected 0s to %v", o.WarmUp, WarmUpMax)
	}
	if o.From != 0 && o.To != 0 && o.From >= o.To {
		return nil, itsm.Errorf(itsm.Invalid, "the range from %s to %s is empty: expected from before to", o.From, o.To)
	}
	if err := r.look(); err != nil {
		return nil, err
	}
	r.begin()
	if err := o.History.Each(r.entry); err != nil && !errors.Is(err, errEnough) {
		return nil, err
	}
	if r.span.Deliveries == 0 {
		return nil, itsm.Errorf(itsm.NotFound, "there is no delivery in the range: choose an earlier from or a later to")
	}
	for _, s := range r.sides() {
		if err := s.drain(r.last); err != nil {
			return nil, err
		}
	}
	r.progress(1000)
	return r.report(), nil
}

// look goes through the history once without folding, for what decides how it is folded.
func (r *run) look() error {
	if r.o.History.Once() {
		r.span.Whole = true
		return nil
	}
	n := 0
	err := r.o.History.Each(func(e Entry) error {
		if n++; n%pauseEntries == 0 {
			if err := r.breathe(); err != nil {
				return err
			}
		}
		if r.isBeyond(&e) {
			return errEnough
		}
		if r.seen.first == 0 {
			r.seen.first = e.Offset
		}
		r.seen.last = e.Offset
		switch e.kind() {
		case entry.KindRulesActivate:
			r.seen.activated = true
		case entry.KindAct:
			v, err := e.decode()
			if err != nil {
				return err
			}
			r.seen.acts = r.seen.acts || isDeed(v.(*itsm.Act))
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return err
	}
	r.span.Whole = r.seen.first == 1
	return nil
}

func (r *run) isBeyond(e *Entry) bool { return r.o.To != 0 && e.At >= r.o.To }

// breathe lets others run, and tells when nobody waits for the answer any more.
func (r *run) breathe() error {
	if r.o.Pause != nil {
		r.o.Pause()
	}
	if err := r.ctx.Err(); err != nil {
		return fmt.Errorf("backtest: %w", err)
	}
	return nil
}

// begin makes the folds that are needed.
func (r *run) begin() {
	limit := r.o.Episodes
	if limit <= 0 || limit > EpisodesMax {
		limit = EpisodesMax
	}
	r.before, r.after = newSide(true, limit), newSide(true, limit)
	if !r.seen.acts || !r.span.Whole {
		return
	}
	if r.o.From == 0 && !r.seen.activated && len(r.sets[0].Rules()) == 0 {
		r.known = r.before
		return
	}
	r.recorded = newSide(false, limit)
	r.known = r.recorded
}

func (r *run) sides() []*side {
	out := []*side{r.before, r.after}
	if r.recorded != nil {
		out = append(out, r.recorded)
	}
	return out
}

// entry folds one entry where it belongs.
func (r *run) entry(e Entry) error {
	if r.entries++; r.entries%pauseEntries == 0 {
		if err := r.breathe(); err != nil {
			return err
		}
		r.progress(r.share(&e))
	}
	if r.isBeyond(&e) {
		return errEnough
	}
	r.last, r.lastAt = e.Offset, e.At
	k := e.kind()
	folds := e.At >= r.o.From.Add(-r.o.WarmUp)
	switch k {
	case entry.KindTick:
		return nil
	case entry.KindRulesChunk, entry.KindRulesSave, entry.KindRulesActivate:
		if r.recorded == nil {
			return nil
		}
		v, err := e.decode()
		if err != nil {
			return err
		}
		return r.recorded.take(e.Offset, e.At, v)
	case entry.KindDelivery, entry.KindAct:
		if !folds && r.recorded == nil {
			return nil
		}
	}
	v, err := e.decode()
	if err != nil {
		return fmt.Errorf("entry %d: %w", e.Offset, err)
	}
	switch v := v.(type) {
	case *entry.Delivery:
		return r.delivery(&e, v, folds)
	case *itsm.Act:
		return r.act(&e, v, folds)
	}
	for _, s := range r.sides() {
		if err := s.take(e.Offset, e.At, v); err != nil {
			return err
		}
	}
	return nil
}

// share is how much is done, in thousandths.
func (r *run) share(e *Entry) int {
	if r.o.History.Once() {
		return e.Done
	}
	return int(1000 * uint64(e.Offset-r.seen.first) / uint64(r.seen.last-r.seen.first+1))
}

func (r *run) progress(milli int) {
	if milli = min(milli, 1000); r.o.Progress != nil && milli > r.done {
		r.done = milli
		r.o.Progress(milli)
	}
}

// start gives both sides their rules, before the first delivery that they fold.
func (r *run) start(at itsm.Time) {
	r.started = true
	for i, s := range []*side{r.before, r.after} {
		s.use(at, r.sets[i])
	}
}

// count begins to count: what the sides did until now only brought them to here.
func (r *run) count() {
	r.counting = true
	for _, s := range []*side{r.before, r.after} {
		s.begin(r.o.From)
	}
}

func (r *run) delivery(e *Entry, d *entry.Delivery, folds bool) error {
	if r.recorded != nil {
		if err := r.recorded.take(e.Offset, e.At, d); err != nil {
			return err
		}
	}
	if !folds {
		return nil
	}
	if !r.started {
		r.start(e.At)
	}
	if !r.counting && e.At >= r.o.From {
		r.count()
		r.span.From = e.At
	}
	for _, s := range []*side{r.before, r.after} {
		if err := s.take(e.Offset, e.At, d); err != nil {
			return err
		}
	}
	if r.counting {
		r.span.Deliveries++
		r.span.Events += len(d.Events)
		r.span.To = e.At
	} else {
		if r.span.WarmDeliveries++; r.span.WarmFrom == 0 {
			r.span.WarmFrom = e.At
		}
	}
	for n := range d.Events {
		r.link(n, d.Events[n].Status)
	}
	return nil
}
