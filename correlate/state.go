package correlate

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"

	"signalbox/correlate/group"
	"signalbox/itsm"
	"signalbox/itsm/cmdb"
	"signalbox/itsm/entry"
	"signalbox/itsm/sla"
)

// Input is one journal entry as the fold sees it. Exactly one of Delivery, Act,
// Tick, CMDB, Config and Rules is set.
type Input struct {
	Offset   itsm.Offset
	At       itsm.Time // assigned when the entry was appended; never decreases
	Delivery *entry.Delivery
	Act      *itsm.Act
	Tick     bool
	CMDB     *cmdb.Graph
	Config   *Config
	Rules    *Rules
	Audit    *itsm.AuditLine // what to note of an entry that is no act; nil: nothing
}

// State is everything the fold remembers. It is not safe for concurrent use.
type State struct {
	cfg        Config
	level      *sla.Policy    // of cfg
	levelAsked [2]levelAnswer // by clock
	graph      *cmdb.Graph
	rules      Rules
	group      grouping
	now        itsm.Time   // time of what is being applied: an entry's At, or a timer's own
	off        itsm.Offset // entry being applied

	sources    map[string]*source
	sourceList []*source // in the order they came
	alerts     group.Table[itsm.AlertNumber, alert]
	lastAlert  itsm.AlertNumber
	firing     int
	dead       fifo // alerts that ended, oldest first

	incidents     map[itsm.IncidentNumber]*incident
	lastIncident  itsm.IncidentNumber
	openIncidents int
	ended         fifo // incidents that ended, oldest first
	pages         pages

	cis      map[ciKey]*ci
	ciByRef  []*ci                 // those of them that an alert was bound to since the graph was set; nil: ask cis
	services map[cmdb.Ref]*service // of the current graph
	shared   map[string]string
	unbound  map[string]uint64

	ruled         ruling
	placing       *alert // the alert of the event being folded
	assembling    bool   // an incident is being put together: nobody is told yet
	hiding        hiding
	children      map[itsm.AlertNumber][]itsm.AlertNumber // what each alert hides
	gatherings    map[gatherKey]*gathering
	gatheringIDs  map[uint64]*gathering
	gatheringsOf  map[string]int // by rule
	lastGathering uint64

	changes changes
	windows windows

	scopes    map[string]*scope
	scopeList []*scope
	stormsOn  int

	people   people
	views    views
	silences silences

	problems problems
	tellings map[string][]telling // by id of a change or problem: what partners were told of it
	acting   *itsm.Act            // on an object, while it is applied

	timers        timerHeap
	sweepAt       int // length of timers at which they are swept
	idempotent    repeats
	deliveries    repeats
	quarantines   map[string]*quarantined
	quarantineIDs []string              // in the order they came
	totals        Totals                // only the counters that nothing else implies
	drifts        []drift               // by connector, in the order they came
	paused        []itsm.ConnectorState // connectors that people ever paused, in the order they came

	out            []itsm.Decision // of the entry being applied
	dirtyAlerts    []*alert
	dirtyIncidents []*incident
	flushed        []itsm.Decision

	brief     bool          // see Brief; it is no part of what is remembered
	briefRoom []itsm.Intent // scratch: those of the entry being applied
	buf       []byte        // scratch
	reach     []cmdb.Reach  // scratch
}

// New returns the state before the first entry.
func New(c Config, g *cmdb.Graph) *State {
	s := &State{
		cfg: c, graph: g, sources: map[string]*source{}, incidents: map[itsm.IncidentNumber]*incident{},
		cis: map[ciKey]*ci{}, services: map[cmdb.Ref]*service{}, shared: map[string]string{}, unbound: map[string]uint64{},
		hiding: hiding{}, children: map[itsm.AlertNumber][]itsm.AlertNumber{}, gatherings: map[gatherKey]*gathering{},
		gatheringIDs: map[uint64]*gathering{}, gatheringsOf: map[string]int{},
		scopes: map[string]*scope{}, quarantines: map[string]*quarantined{},
		people:  newPeople(),
		views:   views{all: map[string]*itsm.View{}},
		changes: newChanges(), windows: newWindows(), tellings: map[string][]telling{},
	}
	s.problems = newProblems()
	s.group = grouping{s: s, g: group.New(c.grouping(), g)}
	s.useLevels()
	s.group.g.UseChanges(changesOn{s})
	return s
}

// Step folds one entry and returns what it decided. First every timer due by
// then runs and what is old is forgotten, then the entry is applied. The slice is used again by the next Step.
func (s *State) Step(in Input) []itsm.Decision {
	clear(s.out)
	s.out, s.briefRoom = s.out[:0], s.briefRoom[:0]
	s.off = in.Offset
	s.advance(in.At)
	s.housekeep()
	switch {
	case in.Delivery != nil:
		s.deliver(in.Delivery)
	case in.Act != nil:
		s.act(in.Act)
	case in.CMDB != nil:
		s.setGraph(in.CMDB)
	case in.Config != nil:
		s.setConfig(in.Config)
	case in.Rules != nil:
		s.setRules(in.Rules)
	}
	if in.Audit != nil {
		s.putAudit(in.Audit)
	}
	return s.out
}

// Graph returns the CMDB revision the state works with.
func (s *State) Graph() *cmdb.Graph { return s.graph }

func (s *State) deliver(d *entry.Delivery) {
	src := s.sourceOf(d.Source)
	fates := make([]itsm.EventFate, len(d.Events)+len(d.Bad))
	for n := range d.Events {
		src.fateOf(s.event(src, &d.Events[n]), &fates[n])
	}
	for n := range d.Bad {
		s.quarantine(src, &d.Bad[n])
		fates[len(d.Events)+n].Fate = itsm.FateQuarantined
	}
	s.put(itsm.Decision{Kind: itsm.PutFates, Fates: &itsm.Fates{Offset: s.off, At: s.now, Source: src.name, Events: fates}})
	if d.RetryOf != "" {
		s.retried(d)
	}
	s.forgetTombstones(src)
	if faultTruncated {
		s.clearAbsent(src, d)
	}
}

// fateOf writes down the fate of the event that was just folded into a; a is nil
// when it belongs to no alert.
func (src *source) fateOf(a *alert, f *itsm.EventFate) {
	f.Fate, f.Reason = src.fate, src.because
	if a == nil {
		return
	}
	f.Alert, f.Episode = a.number, a.episode
	if a.member {
		f.Incident = a.incident
	}
}

// housekeep forgets what nobody can ask for any more. It changes no record.
func (s *State) housekeep() {
	s.forgetDead()
	s.forgetEnded()
	s.forgetChanges()
	s.idempotent.forget(s.now, idempotencyKept)
	s.deliveries.forget(s.now, deliveryKept)
}

// setConfig activates a configuration for what follows.
func (s *State) setConfig(c *Config) {
	regroup := c.grouping() != s.cfg.grouping()
	rechange := c.ChangeWindow != s.cfg.ChangeWindow || c.ChangeTogether != s.cfg.ChangeTogether
	s.cfg = *c
	s.useLevels()
	if m := s.ruled.meter; m != nil {
		m.SetBudget(c.ruleBudget())
	}
	for _, src := range s.sourceList {
		src.configure(&s.cfg)
	}
	if regroup {
		s.group.configure(c.grouping())
	}
	if rechange {
		s.group.g.ChangesMoved()
	}
	if g := s.graph.Configure(c.CMDB); g != s.graph {
		s.setGraph(g)
	}
	s.dropSilences()
	for _, n := range s.alertNumbers() {
		s.scheduleAlert(s.alerts.Get(n))
	}
	for _, n := range sortedKeys(s.incidents) {
		s.scheduleIncident(s.incidents[n])
	}
}

func (s *State) put(d itsm.Decision) { s.out = append(s.out, d) }

// Flush returns the records of what changed since the last Flush, alerts and
// then incidents, each in the order of their numbers. What a record says does
// not depend on when it is flushed. The slice is used again by the next Flush.
func (s *State) Flush() []itsm.Decision {
	clear(s.flushed)
	s.flushed = s.flushed[:0]
	slices.SortFunc(s.dirtyAlerts, func(a, b *alert) int { return cmp.Compare(a.number, b.number) })
	alerts, room := make([]itsm.Alert, len(s.dirtyAlerts)), itsm.LabelRoom{}
	for n, a := range s.dirtyAlerts {
		a.dirty = false
		w := unpackTexts(a.text, &room, len(alerts)-n)
		s.flushed = append(s.flushed, itsm.Decision{Kind: itsm.PutAlert, Alert: s.alertRecord(a, w, &alerts[n])})
	}
	slices.SortFunc(s.dirtyIncidents, func(a, b *incident) int { return cmp.Compare(a.number, b.number) })
	for _, i := range s.dirtyIncidents {
		i.dirty = false
		r := i.record()
		r.Problem, r.SLA = s.recurs(i).problem.String(), s.levelRecord(i)
		s.flushed = append(s.flushed, itsm.Decision{Kind: itsm.PutIncident, Incident: r})
	}
	s.cleaned()
	return s.flushed
}

// alertNumbers lists the alerts in order.
func (s *State) alertNumbers() []itsm.AlertNumber {
	numbers := s.alerts.Numbers()
	if faultMapOrder {
		unordered := map[itsm.AlertNumber]bool{}
		for _, n := range numbers {
			unordered[n] = true
		}
		return slices.Collect(maps.Keys(unordered))
	}
	return numbers
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K {
	if faultMapOrder {
		return slices.Collect(maps.Keys(m))
	}
	return slices.Sorted(maps.Keys(m))
}

// fifo is a queue of numbers with the time they came, oldest first.
type fifo struct {
	items []fifoItem
	head  int
}

type fifoItem struct {
	id uint64
	at itsm.Time
}

func (f *fifo) len() int { return len(f.items) - f.head }

func (f *fifo) push(id uint64, at itsm.Time) { f.items = append(f.items, fifoItem{id, at}) }

func (f *fifo) front() (uint64, itsm.Time) { return f.items[f.head].id, f.items[f.head].at }

// pop drops the front; the room is given back when half of it is behind the head.
func (f *fifo) pop() {
	f.head++
	if f.head*2 >= len(f.items) {
		f.items = append(f.items[:0], f.items[f.head:]...)
		f.head = 0
	}
}

// configure rebuilds grouping with other constants over what it knows.
func (g *grouping) configure(c group.Config) {
	n, err := group.Decode(bytes.NewReader(g.g.Append(nil)), c, g.s.graph)
	if err != nil {
		panic(fmt.Sprintf("correlate: decode what was just encoded: %v", err))
	}
	n.UseChanges(changesOn{g.s})
	g.g = n
}

// setGraph activates a CMDB revision. What it newly relates is proposed, never imposed.
func (g *grouping) setGraph(c *cmdb.Graph) {
	for _, p := range g.g.SetGraph(c) {
		if i := g.s.incidents[p.Incident]; i != nil && i.state.IsOpen() {
			g.s.related(i, []itsm.Candidate{p.Candidate})
		}
	}
}
