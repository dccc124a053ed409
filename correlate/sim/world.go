package sim

import (
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"time"

	"signalbox/correlate"
	"signalbox/ingest/journal"
	"signalbox/itsm"
	"signalbox/itsm/entry"
)

// Options say which world to run.
type Options struct {
	Seed  uint64
	Steps int
	Trace bool // keep readable lines of the last steps; slower
}

// Report is what a run did.
type Report struct {
	Steps     int // including those of settling
	Entries   int // journaled
	Alerts    int
	Incidents int
	Intents   int
	Crashes   int
}

// Run runs one world to its end and returns the first law it broke.
func Run(o Options) (rep Report, err error) {
	w := newWorld(o)
	defer func() {
		p := recover()
		rep = w.report()
		if v, ok := p.(*Violation); ok {
			err = v
		} else if p != nil {
			err = &Violation{Options: o, Step: w.steps, Law: "panic", Msg: fmt.Sprintf("%v\n%s", p, debug.Stack()), Trace: w.trace.kept, Log: w.machine.log}
		}
	}()
	w.begin()
	for w.steps < o.Steps {
		w.step()
	}
	w.settle()
	w.final()
	return rep, nil
}

// World is one run.
type World struct {
	o     Options
	rng   *rand.Rand
	now   itsm.Time // true time
	skew  itsm.Time // of our clock
	steps int
	trace trace

	config   correlate.Config
	batchMax int // entries folded at once
	hurry    int // thousandths by which this world's waits are scaled

	agenda  agenda
	machine *machine
	mirror  *mirror

	estate     *estate
	cis        []itsm.CI
	relations  []itsm.Relation
	imports    int
	conditions []*condition
	byKey      map[itsm.AlertKey]*condition
	byCI       map[string][]*condition
	senders    []*sender
	partners   []*partner
	people     people
	parcels    int
	acked      []*parcel
	badBodies  int
	crashes    int
	settling   bool
	folded     foldedEvents
	broken     *Violation // what stopped the run
}

// start is the true time at which every world begins.
const start itsm.Time = 1767225600000

func newWorld(o Options) *World {
	w := &World{o: o, rng: rand.New(rand.NewPCG(o.Seed, 0x5167)), now: start, byKey: map[itsm.AlertKey]*condition{}, byCI: map[string][]*condition{}}
	w.batchMax = []int{1, 4, 16, 64}[w.n(4)]
	w.hurry = []int{300, 1000, 1000, 3000}[w.n(4)]
	w.estate = estateOf(o.Seed)
	w.cis, w.relations = w.estate.cis, w.estate.relations
	w.config = w.newConfig()
	w.mirror = newMirror(len(w.config.Connectors))
	w.machine = newMachine(w)
	w.addPartners()
	w.addSenders()
	return w
}

// newConfig varies what decides how long the core remembers and waits.
func (w *World) newConfig() correlate.Config {
	c := correlate.DefaultConfig()
	const m, h = correlate.Duration(time.Minute), correlate.Duration(time.Hour)
	c.Sources = map[string]correlate.Source{"gen": {StaleAfter: 24 * h}}
	c.Connectors = []correlate.Connector{{Name: "pager", Kind: "pagerduty"}, {Name: "desk", Kind: "servicenow", MinPriority: itsm.P3}}
	switch w.n(4) {
	case 0: // forgets soon
		c.CloseAfter, c.EvictAfter = 30*m, h
	case 1: // holds back what clears by itself, and storms early
		c.HoldEpisodesMin, c.StormMin = 2, 4
		c.Connectors[0].PageBudget = 2
	case 2: // one source of its own rhythm
		c.Sources["am"] = correlate.Source{EpisodeGap: 5 * m}
	}
	return c
}

// begin journals what a new installation does first.
func (w *World) begin() {
	body, err := w.config.Canonical()
	if err != nil {
		panic(err)
	}
	w.machine.put(entry.EncodeConfig(&entry.Config{Body: body}), meta{})
	for _, e := range w.estate.entries {
		w.machine.put(e, meta{})
	}
	if w.o.Seed%4 == 3 {
		for _, e := range rulesEntries() {
			w.machine.put(e, meta{})
		}
	}
	w.machine.commits = itsm.Offset(len(w.machine.waiting))
	w.machine.sync()
	w.later(0, todoOutage, nil)
	w.later(time.Minute, todoNoise, nil)
	w.later(2*time.Minute, todoPerson, nil)
	w.later(10*time.Minute, todoPartnerPerson, nil)
	w.later(20*time.Minute, todoImport, nil)
	w.later(25*time.Minute, todoSweep, nil)
	w.later(30*time.Minute, todoClock, nil)
	w.later(15*time.Minute, todoCrash, nil)
}

// step does the next thing that happens anywhere.
func (w *World) step() {
	if w.tickDue() {
		w.tick()
	} else {
		w.do(w.agenda.pop())
	}
	w.steps++
	m := w.machine
	m.sync()
	if m.backlog() >= w.batchMax || w.chance(200) {
		m.fold(1 + w.n(w.batchMax))
	}
	if w.steps%snapshotEvery == 0 && !w.settling {
		m.snapshot()
	}
	if w.steps%checkEvery == 0 {
		w.checkpoint()
	}
}

// How often what costs more than a step is done, in steps.
const (
	snapshotEvery = 100
	checkEvery    = 250
)

// tickDue reports whether the engine would journal a tick before anything else
// happens: it has folded everything and the state wants waking.
func (w *World) tickDue() bool {
	if w.machine.backlog() > 0 {
		return false
	}
	wake := w.machine.folder.State.NextWake()
	if wake == 0 {
		return false
	}
	at := max(w.now, wake-w.skew)
	if w.agenda.len() > 0 && w.agenda.first().at < at {
		return false
	}
	w.now = at
	return true
}

func (w *World) tick() {
	w.note("tick", 0, 0)
	w.machine.put(entry.EncodeTick(), meta{})
	w.machine.sync()
	w.machine.fold(1)
}

// do carries one thing out.
func (w *World) do(t todo) {
	w.now = max(w.now, t.at)
	switch t.kind {
	case todoArrive:
		w.arrive(t.what.(*parcel))
	case todoChange:
		w.change(t.what.(*condition))
	case todoNotify:
		t.what.(*sender).notify(w)
	case todoOutage:
		w.outage()
	case todoNoise:
		w.noise()
	case todoPerson:
		w.person()
	case todoRepeatAct:
		w.repeatAct(t.what.(*repeatedAct))
	case todoCourier:
		t.what.(*partner).courier(w)
	case todoWebhook:
		w.webhook(t.what.(*itsm.Act))
	case todoPartnerPerson:
		w.partnerPerson()
	case todoSweep:
		w.sweeps()
	case todoImport:
		w.importCMDB()
	case todoClock:
		w.clock()
	case todoCrash:
		w.crashes++
		w.machine.crash()
		w.later(w.span(20*time.Minute, 8*time.Hour), todoCrash, nil)
	}
}

// clock makes our clock jump, as a hypervisor or a bad time server does.
func (w *World) clock() {
	w.skew = []itsm.Time{0, 0, -3_600_000, 86_400_000, 120_000, -45_000}[w.n(6)]
	w.note("our clock is off by", int64(w.skew), 0)
	w.later(w.span(time.Hour, 24*time.Hour), todoClock, nil)
}

// importCMDB journals another revision of the CMDB. Sometimes a crash cuts it off.
func (w *World) importCMDB() {
	m := w.machine
	m.catchUp()
	w.imports++
	cis, rels := mutate(w.rng, w.cis, w.relations, w.imports)
	entries := importEntries(m.folder.Graph, cis, rels, w.imports)
	w.later(w.span(time.Hour, 12*time.Hour), todoImport, nil)
	if len(entries) == 0 {
		return
	}
	w.note("import", int64(w.imports), int64(len(entries)))
	if w.chance(100) {
		m.put(entries[0], meta{})
		m.sync()
		m.fold(1)
		m.crash()
		w.crashes++
		return
	}
	for _, e := range entries {
		m.put(e, meta{})
	}
	m.sync()
	m.commits = m.head()
	w.cis, w.relations = cis, rels
}

// restarted is called after a crash: what only the process knew is gone.
func (w *World) restarted() {
	for _, p := range w.partners {
		p.restarted(w)
	}
}

func (w *World) report() Report {
	return Report{w.steps, len(w.machine.log), len(w.mirror.alerts), len(w.mirror.incidents), len(w.mirror.keys), w.crashes}
}

// later puts something on the agenda.
func (w *World) later(d time.Duration, k todoKind, what any) {
	w.agenda.push(todo{at: w.now.Add(d), kind: k, what: what})
}

func (w *World) n(n int) int { return w.rng.IntN(n) }

// chance is true in so many of a thousand cases; never while settling.
func (w *World) chance(milli int) bool { return !w.settling && w.rng.IntN(1000) < milli }

// span draws a wait, scaled by how hurried this world is.
func (w *World) span(low, high time.Duration) time.Duration {
	return (low + time.Duration(w.rng.Int64N(int64(high-low)+1))) / 1000 * time.Duration(w.hurry)
}

// Violation is a law that was broken, with what is needed to see it again.
type Violation struct {
	Options
	Step  int
	Law   string
	Msg   string
	Trace []string
	Log   []journal.Record // what was journaled until then
}

// Error implements error.
func (v *Violation) Error() string {
	return fmt.Sprintf("seed %d, step %d: %s: %s", v.Seed, v.Step, v.Law, v.Msg)
}

// fail stops the run: the law does not hold.
func (w *World) fail(law, format string, args ...any) {
	w.broken = &Violation{Options: w.o, Step: w.steps, Law: law, Msg: fmt.Sprintf(format, args...), Trace: w.trace.kept}
	if w.machine != nil {
		w.broken.Log = w.machine.log
	}
	panic(w.broken)
}

// again stops the run for a law that was found broken inside the fold, which takes
// a panic for the core's.
func (w *World) again() {
	if w.broken != nil {
		panic(w.broken)
	}
}
