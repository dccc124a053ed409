package connectortest

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"signalbox/connectors"
	"signalbox/itsm"
)

// Run holds a connector to what every one of them promises, whatever its partner
// does: what was wanted is delivered once or is in the dead letters, and nothing of
// anybody else is ever touched.
func Run(t *testing.T, s Subject) {
	for _, m := range misbehaviours {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			if why := m.misses(&s); why != "" {
				t.Skip(why)
			}
			report(t, func(t *testing.T) []string { return outward(t, &s, m) })
		})
	}
	if s.Objects {
		runObjects(t, &s)
	}
	if s.Report == nil {
		return
	}
	for _, m := range reporting {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			report(t, func(t *testing.T) []string { return inward(t, &s, m) })
		})
	}
}

// report runs one case in virtual time and tells what it broke.
func report(t *testing.T, run func(*testing.T) []string) {
	for _, p := range virtually(t, run) {
		t.Error(p)
	}
}

func virtually(t *testing.T, run func(*testing.T) []string) (problems []string) {
	synctest.Test(t, func(t *testing.T) { problems = run(t) })
	return problems
}

// bench is one connector at work between a core and a partner.
type bench struct {
	t         *testing.T
	s         *Subject
	partner   *Partner
	wire      *wire
	core      *Core
	sweeps    *connectors.Sweeps // of its sender; nil: none
	connector connectors.Connector
	ctx       context.Context
	end       func() // of the sender that runs
	ended     chan struct{}

	mu       sync.Mutex
	problems []string
}

func (b *bench) errorf(format string, args ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.problems = append(b.problems, fmt.Sprintf(format, args...))
}

// broken is what was found.
func (b *bench) broken() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.problems
}

func newBench(t *testing.T, s *Subject) (b *bench, stop func()) {
	return newBenchOf(t, s, nil)
}

// newBenchOf is newBench with something to be done before the process begins.
func newBenchOf(t *testing.T, s *Subject, before func(*bench)) (b *bench, stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	b = &bench{t: t, s: s, partner: NewPartner(), ctx: ctx}
	b.partner.create(Object{Title: "printer on floor 3 jams", Key: "printer", Foreign: true}, "bob")
	b.partner.create(Object{Title: "payroll is late", Key: "payroll", Status: Acknowledged, Foreign: true}, "bob")
	b.wire = newWire(s.Front(b.partner))
	b.core = NewCore(ctx, t, Name)
	if before != nil {
		before(b)
	}
	b.start()
	return b, func() {
		b.kill()
		cancel()
		b.wire.stop()
		synctest.Wait()
	}
}

// start begins a process: a new connector and a new sender.
func (b *bench) start() {
	ctx, cancel := context.WithCancel(b.ctx)
	client := connectors.NewClientOver(slog.New(slog.DiscardHandler), b.wire.Dial)
	b.connector = b.s.Connector(b.t, URL, client)
	sender := connectors.NewSender(connectors.Options{Connector: b.connector, Outbox: b.core, Actor: b.core, Wake: b.core.Wake(Name), PerMinute: perMinute, Sweeps: b.sweeps})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		sender.Run(ctx)
	}()
	b.end, b.ended = cancel, ended
	synctest.Wait() // it has looked at what an earlier one left, before anything new comes
}

// perMinute is the rate of the suite's senders.
const perMinute = 100

// kill ends the process, in the middle of whatever it does.
func (b *bench) kill() {
	b.end()
	<-b.ended
}

func (b *bench) restart() {
	b.kill()
	b.start()
}

// case is one incident of the story, and how it has to end.
type story struct {
	number itsm.IncidentNumber
	name   string
	title  string
	epochs int
	wants  Status
	notes  []string
	absent bool // it may be that the partner never heard of it
}

func (b *bench) open(name string) *story {
	s := &story{name: name, title: name + " is failing", epochs: 1, wants: Open}
	s.number = b.core.Fire(name, s.title)
	return s
}

func (b *bench) acknowledge(s *story) {
	b.core.Act(itsm.Act{Kind: itsm.ActAcknowledge, Incident: s.number})
	s.wants = Acknowledged
}

func (b *bench) note(s *story, text string) {
	b.core.Act(itsm.Act{Kind: itsm.ActNote, Incident: s.number, Text: text})
	s.notes = append(s.notes, text)
}

func (b *bench) resolve(s *story) {
	b.core.Clear(s.name, s.title)
	b.core.Act(itsm.Act{Kind: itsm.ActResolve, Incident: s.number, Text: "done with " + s.name})
	s.wants = Resolved
}

func (b *bench) reopen(s *story) {
	b.sleep(time.Second)
	b.core.Fire(s.name, s.title)
	if in := b.core.Incident(s.number); in.Epoch != 2 {
		b.t.Fatalf("%s did not reopen: epoch %d", s.number, in.Epoch)
	}
	s.wants, s.epochs = Open, 2
}

// lasts is how long a story is watched: longer than anything is tried again.
const lasts = 26 * time.Hour

// outward tells five incidents to a partner that misbehaves.
func outward(t *testing.T, s *Subject, m misbehaviour) []string {
	b, stop := newBench(t, s)
	defer stop()
	b.wire.during(m.fate)
	b.partner.Lag, b.partner.Unfiltered = m.lag, m.unfiltered
	began := time.Now()
	at := func(d time.Duration) { b.sleep(time.Until(began.Add(d))) }

	whole, held, brief, again := b.open("orders-api"), b.open("billing-db"), b.open("search-web"), b.open("mail-relay")
	b.sleep(time.Second)
	b.resolve(brief)
	brief.absent = true
	at(2 * time.Minute)
	b.acknowledge(whole)
	b.acknowledge(held)
	at(3 * time.Minute)
	b.note(whole, "the disks of orders-api are full")
	if m.restarts {
		b.restart()
	}
	at(4 * time.Minute)
	b.core.Act(itsm.Act{Kind: itsm.ActPriority, Incident: whole.number, Priority: itsm.P4})
	at(5 * time.Minute)
	if m.deletes && !s.lacks(Deletion) {
		for _, o := range b.partner.about(whole) {
			b.partner.Delete(o.ID)
		}
		whole.absent = true
	}
	b.note(whole, "orders-api gets more room")
	at(6 * time.Minute)
	b.resolve(again)
	b.reopen(again)
	at(8 * time.Minute)
	if m.restarts {
		b.restart()
	}
	b.resolve(whole)
	at(9 * time.Minute)
	soon := b.open("backup-job")
	b.sleep(10 * time.Second)
	b.acknowledge(soon)
	at(lasts)
	synctest.Wait()
	b.judge([]*story{whole, held, brief, again, soon}, m.mayEnd(s))
	return b.broken()
}

// judge compares what the partner has with what was wanted.
func (b *bench) judge(stories []*story, mayDie bool) {
	if left, err := b.core.Intents(Name, 100); err != nil || len(left) > 0 {
		b.errorf("after %v %d intents still wait, such as %+v (%v)", lasts, len(left), first(left), err)
	}
	dead := map[itsm.IncidentNumber]string{}
	for _, d := range b.core.Dead(Name) {
		dead[d.Intent.Incident] = d.Failure
		if !mayDie {
			b.errorf("%s of %s is in the dead letters: %s", d.Intent.Transition, d.Intent.Incident, d.Failure)
		}
	}
	for _, s := range stories {
		b.judgeStory(s, dead[s.number])
	}
	b.judgeLooks(stories)
	b.judgeCalls()
}

// judgeCalls holds that nobody else's record was touched, and how often was called.
func (b *bench) judgeCalls() {
	for _, what := range b.partner.Touched() {
		b.errorf("somebody else's record was touched: %s", what)
	}
	if total, writes := b.wire.calls(); total > callsMax {
		b.errorf("%d calls, %d of them writes, expected at most %d", total, writes, callsMax)
	}
}

// judgeLooks asks about many records what it asks about each: an answer has to be the
// same, or none, so that each is looked at.
func (b *bench) judgeLooks(stories []*story) {
	m, ok := b.connector.(connectors.ManyLooker)
	if !ok {
		return
	}
	var refs []connectors.Ref
	for _, s := range stories {
		for epoch := range s.epochs {
			refs = append(refs, connectors.Ref{Incident: s.number, Epoch: uint32(epoch + 1)})
		}
	}
	many, err := m.LookMany(b.ctx, refs)
	if err != nil {
		return
	}
	if len(many) != len(refs) {
		b.errorf("asked about %d records it told of %d", len(refs), len(many))
		return
	}
	for n, r := range refs {
		if one, err := m.Look(b.ctx, r.Incident, r.Epoch); err == nil && one != many[n] {
			b.errorf("epoch %d of %s is %+v among many, and %+v alone", r.Epoch, r.Incident, many[n], one)
		}
	}
}

// callsMax bounds the calls of one story, whatever goes wrong: about 25 intents,
// each tried three times for each of up to three calls it takes, and look-ups.
const callsMax = 500

func (b *bench) judgeStory(s *story, died string) {
	records := b.partner.about(s)
	opened := s.number == 0 || b.s.Opens == "" || b.s.Opens == itsm.Trigger
	switch {
	case len(records) > s.epochs:
		b.errorf("%s (%s) has %d records of %d epochs: it was made again\n%s", s.number, s.name, len(records), s.epochs, listed(records))
	case len(records) == 0 && !s.absent && died == "" && opened:
		b.errorf("%s (%s) was never made, and is not in the dead letters", s.number, s.name)
	case len(records) == 0 || died != "":
	case records[len(records)-1].Status != b.s.shows(s.wants) && !s.absent:
		b.errorf("%s (%s) is %s at the partner, expected %s\n%s", s.number, s.name, records[len(records)-1].Status, b.s.shows(s.wants), listed(records))
	case s.absent && s.wants == Resolved && records[len(records)-1].Status != b.s.shows(Resolved):
		b.errorf("%s (%s) was left %s at the partner, expected nothing or resolved", s.number, s.name, records[len(records)-1].Status)
	}
	if !b.s.lacks(Comments) && opened {
		b.judgeNotes(s, records, died != "" || s.absent)
	}
}

func (b *bench) judgeNotes(s *story, records []Object, mayMiss bool) {
	for _, text := range s.notes {
		if n := told(records, text); n > 1 || n == 0 && !mayMiss {
			b.errorf("the note %q of %s is there %d times, expected once\n%s", text, s.number, n, listed(records))
		}
	}
}

func first(ins []itsm.Intent) string {
	if len(ins) == 0 {
		return ""
	}
	return fmt.Sprintf("%s of %s", ins[0].Transition, ins[0].Incident)
}
