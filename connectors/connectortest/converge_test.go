package connectortest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"signalbox/connectors"
	"signalbox/itsm"
)

// convergence is a world in which people edit the same incidents in many tools at
// once while webhooks are lost, repeated, late and out of order.
type convergence struct {
	seed      uint64
	incidents int
	edits     int
	partners  int
	lasts     time.Duration // of the edits
	deaths    int           // times our process dies meanwhile, about; only when not running
	running   bool          // senders run as they do in the product, so that no two runs are the same
}

// TestConvergence: when the edits are over, every tool agrees after at most two
// sweeps. 'make converge' runs it at full size.
func TestConvergence(t *testing.T) {
	c := convergence{seed: 1, incidents: 100, edits: 2000, partners: 5, lasts: 36 * time.Hour, deaths: 3}
	if os.Getenv("SIGNALBOX_LONG") != "" {
		c.incidents, c.edits, c.deaths = 10_000, 200_000, 0 // folding all of it again takes its time
	}
	began := time.Now()
	var f figures
	for _, p := range virtually(t, func(t *testing.T) []string {
		var problems []string
		f, problems = c.run(t)
		return problems
	}) {
		t.Error(p)
	}
	t.Logf("%s\nin %v", f, time.Since(began).Round(time.Millisecond))
}

// figures are what a run came to.
type figures struct {
	edits, refused    int // of people; refused: not possible in that state
	calls, failed     int // failed: of them, and tried again
	intents, most     int // most: of one incident
	reports           int
	lost, repeats     int
	bySweep           [sweepsMax + 1]int // records that differ before each sweep and after the last
	duplicates        int
	dead              int
	entries           itsm.Offset
	looks             int // of sweeps
	loops             int
	repaired, adopted uint64
}

func (f figures) String() string {
	return fmt.Sprintf("%d edits (%d not possible), %d entries, %d intents (at most %d of one incident), %d calls (%d failed), %d reports (%d lost, %d repeated), %d looks; differing before each sweep and after: %v; %d records made twice, %d dead letters, %d intents after it was over; sweeps adopted %d and repaired %d",
		f.edits, f.refused, f.entries, f.intents, f.most, f.calls, f.failed, f.reports, f.lost, f.repeats, f.looks, f.bySweep, f.duplicates, f.dead, f.loops, f.adopted, f.repaired)
}

// sweepApart is how long after one tool the next is compared.
const sweepApart = 2 * time.Minute

// sweepsMax is after how many sweeps everybody has to agree.
const sweepsMax = 2

// arena is one run of it.
type arena struct {
	c       convergence
	t       *testing.T
	core    *Core
	tools   []*tool
	senders []*connectors.Sender
	ctx     context.Context
	calm    bool // people have stopped, and nothing fails any more
	loop    *loop

	mu  sync.Mutex // of what follows: tools call from goroutines of their own
	rng *rand.Rand
	f   figures
	bad []string

	numbers []itsm.IncidentNumber
	edited  map[itsm.IncidentNumber]int
}

func (a *arena) errorf(format string, args ...any) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.bad) < 20 {
		a.bad = append(a.bad, fmt.Sprintf(format, args...))
	}
}

func (a *arena) n(n int) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.rng.IntN(n)
}

func (c convergence) run(t *testing.T) (figures, []string) {
	ctx, cancel := context.WithCancel(t.Context())
	a := &arena{c: c, t: t, ctx: ctx, rng: rand.New(rand.NewPCG(c.seed, 0x60)), edited: map[itsm.IncidentNumber]int{}}
	names := make([]string, c.partners)
	for n := range names {
		names[n] = fmt.Sprintf("tool%d", n)
	}
	a.core = newCore(t, true, names...)
	if c.deaths == 0 {
		a.core.lasts()
	}
	o := connectors.Options{Outbox: a.core, Actor: a.core, PerMinute: 6000}
	if c.running {
		go a.core.ticks(ctx)
	} else {
		a.loop, o.Parallel = &loop{core: a.core}, 1
	}
	var running sync.WaitGroup
	for n, name := range names {
		tl := newTool(a, name, n)
		a.tools = append(a.tools, tl)
		o.Connector, o.Wake, o.Sweeps = tl, a.core.Wake(name), a.sweeps(name)
		if n%2 == 1 {
			o.Connector = bulk{tl}
		}
		s := connectors.NewSender(o)
		a.senders = append(a.senders, s)
		if c.running {
			running.Go(func() { s.Run(ctx) })
		} else {
			a.loop.senders = append(a.loop.senders, sending{sender: s, wake: o.Wake})
		}
	}
	a.open()
	a.people()
	a.calm = true
	a.sleep(lateMax + time.Hour) // what is on its way comes, and what waits is sent
	for n := range sweepsMax {
		a.f.bySweep[n] = a.differing(false)
		a.sweep()
		a.sleep(time.Hour)
	}
	a.f.bySweep[sweepsMax] = a.differing(true)
	before := a.count()
	a.sleep(24 * time.Hour)
	synctest.Wait()
	a.f.loops = a.count() - before
	a.judge()
	cancel()
	running.Wait()
	return a.f, a.bad
}

// open makes the incidents, all of them in the first hours.
func (a *arena) open() {
	for n := range a.c.incidents {
		name := fmt.Sprintf("ci%016x", uint64(n+1)*0x9e3779b97f4a7c15)
		number := a.core.Fire(name, "trouble")
		a.core.Clear(name, "trouble")
		if len(a.numbers) > 0 && number != a.numbers[len(a.numbers)-1]+1 {
			a.t.Fatalf("incident %d is %s", n+1, number)
		}
		a.numbers = append(a.numbers, number)
		a.sleep(2 * time.Hour / time.Duration(a.c.incidents))
	}
}

// people edit until their time is over.
func (a *arena) people() {
	for range a.c.edits {
		a.sleep(a.c.lasts / time.Duration(a.c.edits))
		n := a.numbers[a.n(len(a.numbers))]
		a.edited[n]++
		a.f.edits++
		if a.c.deaths > 0 && a.n(a.c.edits/a.c.deaths) == 0 {
			a.core.dies()
		}
		if where := a.n(len(a.tools) + 1); where == len(a.tools) {
			a.here(n)
		} else if !a.tools[where].person(n) {
			a.f.refused++
		}
	}
}

var staff = []string{"ada", "bob", "cyn", "dan", "eve"}

// here lets somebody act in our console.
func (a *arena) here(n itsm.IncidentNumber) {
	act := itsm.Act{Incident: n, Actor: "console:" + staff[a.n(len(staff))]}
	switch a.n(10) {
	case 0, 1:
		act.Kind = itsm.ActAcknowledge
	case 2:
		act.Kind = itsm.ActUnacknowledge
	case 3, 4:
		act.Kind = itsm.ActResolve
	case 5:
		act.Kind = itsm.ActReopen
	case 6:
		act.Kind, act.Assignee = itsm.ActAssign, staff[a.n(len(staff))]
	case 7:
		act.Kind, act.Priority = itsm.ActPriority, itsm.Priority(1+a.n(5))
	default:
		act.Kind, act.Text = itsm.ActNote, fmt.Sprintf("note %d of the console", a.f.edits)
	}
	if _, err := a.core.Do(a.ctx, act); err != nil {
		if itsm.CodeOf(err) != itsm.Conflict {
			a.errorf("%s of %s: %v", act.Kind, n, err)
		}
		a.f.refused++
	}
}

// sweep lets every sender compare every record of its tool once. What one found is
// told before the next compares: senders do not wait for sweeps.
func (a *arena) sweep() {
	for _, s := range a.senders {
		s.Sweep(a.ctx)
		a.sleep(sweepApart)
	}
}

// sweeps is what a sender compares its tool with, as cmd/signalbox says it; it does
// so when it is told to.
func (a *arena) sweeps(name string) *connectors.Sweeps {
	return &connectors.Sweeps{Every: days * 24 * time.Hour,
		Incidents: func(context.Context) ([]itsm.IncidentNumber, error) { return a.numbers, nil },
		Wanted: func(n itsm.IncidentNumber) (connectors.Wanted, bool) {
			v, ok := a.core.syncWith(n, name)
			return connectors.Wanted{Ref: connectors.Ref{Incident: n, Epoch: v.Epoch}, Record: v.Want, Kept: v.Kept, Before: v.Before,
				RepairAt: v.RepairAt.Std(), Settled: a.calm && v.Waiting == 0}, ok && v.Epoch != 0
		}}
}

// differing counts the records that are not as they should be.
func (a *arena) differing(tell bool) (n int) {
	for _, number := range a.numbers {
		in := a.core.Incident(number)
		for _, tl := range a.tools {
			if why := tl.differs(&in); why != "" {
				n++
				if tell {
					a.errorf("%s of %s differs: %s", number, tl.name, why)
				}
			}
		}
	}
	return n
}

func (a *arena) looked() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.f.looks++
}

func (a *arena) count() (n int) {
	for _, number := range a.numbers {
		n += len(a.core.Made(number))
	}
	return n
}

// judge holds the run to its bounds.
func (a *arena) judge() {
	for _, number := range a.numbers {
		made, calls := len(a.core.Made(number)), 0
		for _, tl := range a.tools {
			calls += tl.calls[number]
		}
		if a.f.calls += calls; calls > made {
			a.errorf("%s: %d calls of %d intents", number, calls, made)
		}
		a.f.most = max(a.f.most, made)
		a.judgeBound(number)
	}
	a.f.intents = a.count()
	a.judgeNotes()
	for _, tl := range a.tools {
		a.f.duplicates += tl.duplicates()
		a.f.dead += len(a.core.Dead(tl.name))
		a.f.failed += tl.failed
	}
	a.f.calls, a.f.entries = a.f.calls+a.f.failed, a.core.offset()
	for _, d := range a.core.drifts() {
		a.f.adopted += d.Adopted
		a.f.repaired += d.Repaired
	}
	if a.f.duplicates > 0 {
		a.errorf("%d records were made twice", a.f.duplicates)
	}
	if a.f.loops > 0 {
		a.errorf("%d intents were made after everything was over", a.f.loops)
	}
	if a.f.dead > 0 {
		a.errorf("%d dead letters", a.f.dead)
	}
}

// judgeBound holds the intents of an incident to what people did: one of each partner
// opens it, each edit is told to the others, and sweeps may tell a partner again, with
// two transitions at most, each. Besides, the others are told of each record that it
// has, once: our own updates.
func (a *arena) judgeBound(number itsm.IncidentNumber) {
	others, again := a.c.partners-1, sweepsMax*a.c.partners*2
	own, records := 0, 0
	made := a.core.Made(number)
	for n := range made {
		if in := &made[n]; in.Transition == itsm.Update && in.Actor == "signalbox" {
			own++
		}
	}
	for _, tl := range a.tools {
		records += len(tl.of(number))
	}
	if caused, bound := len(made)-own, a.c.partners+a.edited[number]*others+again; caused > bound {
		a.errorf("%s: %d intents of %d edits, at most %d are allowed", number, caused, a.edited[number], bound)
	}
	if bound := records*others + again; own > bound {
		a.errorf("%s: %d updates of our own about %d records, at most %d are allowed", number, own, records, bound)
	}
}

// judgeNotes holds that every note is at home once, and at most once anywhere else.
func (a *arena) judgeNotes() {
	for _, number := range a.numbers {
		here := map[string]int{}
		for _, e := range a.core.Timeline(number, "note") {
			if here[e.Text]++; here[e.Text] > 1 {
				a.errorf("%s: %q is in the timeline %d times", number, e.Text, here[e.Text])
			}
		}
		for _, tl := range a.tools {
			there := map[string]int{}
			for _, o := range tl.of(number) {
				for _, n := range o.Notes {
					if there[n.Text]++; there[n.Text] > 1 {
						a.errorf("%s at %s: %q is there %d times", number, tl.name, n.Text, there[n.Text])
					}
				}
			}
		}
	}
}
