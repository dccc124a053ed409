package backtest

import (
	"slices"
	"strings"

	"signalbox/correlate"
	"signalbox/correlate/engine"
	"signalbox/itsm"
	"signalbox/itsm/entry"
	"signalbox/rules"
)

// EpisodesMax bounds the alert episodes of a side; a report is not worth more memory.
const EpisodesMax = 5_000_000

// flushEntries is how many entries are folded between two looks at the records.
const flushEntries = 1024

// side is one fold and what has to be remembered of it.
type side struct {
	folder    *engine.Folder
	limit     int  // of episodes
	assume    bool // when nobody would be paged, an assumed connector is
	episodes  []episode
	newest    []int32       // by number of the alert: its newest episode, index + 1; 0: none
	incidents []*incident   // by number; nil: none. Both kinds of number are dense
	room      []incident    // for the next of them
	fates     *itsm.Fates   // of the delivery stepped last
	outcome   *itsm.Outcome // of the act stepped last
	folded    int           // entries since the last flush
	names     []string      // rule ids, by number; 0 is none
	numbers   map[string]int32
	acts      Acts

	warm  int             // episodes that began before the range; those heard of in it count
	since itsm.Time       // when the range began; pages before it do not count; 0: all do
	spoke map[string]Hits // what rules had done by then
}

// episode is what became of one episode.
type episode struct {
	key      engine.Episode
	incident itsm.IncidentNumber // it was last put into; before merges
	rule     int32               // that put it there
	held     int32               // that held it back last
	older    int32               // episode of the same alert before it, index + 1; 0: none
	heard    bool                // of in the range
}

// incident is what the report needs of one.
type incident struct {
	number   itsm.IncidentNumber
	title    string
	group    string
	priority itsm.Priority // most important that is known of it
	openedAt itsm.Time
	merged   itsm.IncidentNumber
	lead     int32 // first episode, index + 1
	pages    []page
	rules    []string // that speak of it
}

// page is one trigger.
type page struct {
	connector string
	group     string
	at        itsm.Time
}

func newSide(assume bool, limit int) *side {
	f := engine.NewFolder()
	f.State.Brief() // nobody reads what it says of incidents
	return &side{folder: f, assume: assume, limit: limit, names: []string{""}, numbers: map[string]int32{"": 0}}
}

// begin notes what was there before the range, which begins at a time.
func (s *side) begin(since itsm.Time) {
	s.flush()
	s.warm, s.since, s.spoke = len(s.episodes), since, map[string]Hits{}
	for _, c := range s.folder.State.RuleCounts() {
		s.spoke[c.ID] = Hits{c.Hits, c.ShadowHits, c.Failures}
	}
}

// counts reports whether an episode is one of the range.
func (s *side) counts(ep int) bool { return ep >= s.warm || s.episodes[ep].heard }

// use activates a rule set.
func (s *side) use(at itsm.Time, set *rules.Set) {
	s.decided(s.folder.State.Step(correlate.Input{At: at, Rules: &correlate.Rules{Revision: 1, Set: set}}))
}

// take folds one entry.
func (s *side) take(off itsm.Offset, at itsm.Time, v any) error {
	if c, ok := v.(*entry.Config); ok && s.assume {
		v = assumed(c)
	}
	ds, err := s.folder.Take(off, at, v)
	if err != nil {
		return err
	}
	s.decided(ds)
	if s.folded++; s.folded >= flushEntries {
		s.flush()
	}
	if len(s.episodes) > s.limit {
		return itsm.Errorf(itsm.TooLarge, "the range has more than %d alert episodes: choose a shorter one", s.limit)
	}
	return nil
}

// flush takes over what became of the incidents that changed.
func (s *side) flush() {
	s.folded = 0
	s.folder.State.FlushSketches(s.sketched)
}

// drain lets time pass until nothing waits.
func (s *side) drain(off itsm.Offset) error {
	for {
		s.flush()
		wake := s.folder.State.NextWake()
		if wake == 0 {
			return nil
		}
		_, at := s.folder.Cursor()
		off++
		if err := s.take(off, max(wake, at), &entry.Tick{}); err != nil {
			return err
		}
	}
}

func (s *side) decided(ds []itsm.Decision) {
	for i := range ds {
		switch d := &ds[i]; d.Kind {
		case itsm.PutFates:
			s.fates = d.Fates
		case itsm.PutEvidence:
			s.joined(d.Evidence)
		case itsm.DropEvidence:
			s.left(d.Evidence)
		case itsm.SettleOutcome:
			s.outcome = d.Outcome
		case itsm.PutIntent:
			s.told(d.Intent)
		}
	}
}

// incident is what is known of a number; it is made when there is nothing yet.
func (s *side) incident(n itsm.IncidentNumber) *incident {
	if in := s.get(n); in != nil {
		return in
	}
	s.incidents = reaching(s.incidents, int(n))
	if len(s.room) == 0 {
		s.room = make([]incident, roomIncidents)
	}
	in := &s.room[0]
	s.room = s.room[1:]
	in.number, in.priority = n, itsm.P5
	s.incidents[n] = in
	return in
}

// roomIncidents is how many incidents are made at once.
const roomIncidents = 256

// get is what is known of a number; nil: nothing.
func (s *side) get(n itsm.IncidentNumber) *incident {
	if n >= itsm.IncidentNumber(len(s.incidents)) {
		return nil
	}
	return s.incidents[n]
}

// all goes through the incidents by number.
func (s *side) all(yield func(*incident) bool) {
	for _, in := range s.incidents {
		if in != nil && !yield(in) {
			return
		}
	}
}

// reaching makes a list long enough to have an index.
func reaching[T any](list []T, index int) []T {
	if missing := index + 1 - len(list); missing > 0 {
		return slices.Grow(list, missing)[:index+1]
	}
	return list
}

func (s *side) sketched(r *correlate.Sketch) {
	in := s.incident(r.Number)
	in.title, in.group, in.openedAt, in.merged = r.Title, r.Group, r.OpenedAt, r.MergedInto
	in.raise(r.Priority)
	if says := s.folder.State.IncidentRules(r.Number); says != nil {
		in.rules = slices.DeleteFunc(says, func(l string) bool { return strings.HasSuffix(l, " (shadow)") })
	}
}

func (in *incident) raise(p itsm.Priority) {
	if p != 0 && p < in.priority {
		in.priority = p
	}
}

func (s *side) joined(e *itsm.Evidence) {
	n := s.episode(engine.Episode{Alert: e.Alert, Number: e.Episode})
	ep := &s.episodes[n]
	ep.incident = e.Incident
	if e.By == "rule" {
		ep.rule = s.number(e.Rule)
	}
	if in := s.incident(e.Incident); in.lead == 0 {
		in.lead = n + 1
	}
}

func (s *side) left(e *itsm.Evidence) {
	if ep := &s.episodes[s.episode(engine.Episode{Alert: e.Alert, Number: e.Episode})]; ep.incident == e.Incident {
		ep.incident = 0
	}
}

func (s *side) told(t *itsm.Intent) {
	if t.Object != "" {
		return // of a change or a problem
	}
	in := s.incident(t.Incident)
	in.raise(t.Snapshot.Priority)
	if t.Transition == itsm.Trigger {
		in.pages = append(in.pages, page{t.Connector, t.Snapshot.Group, t.At})
	}
}

// episode numbers an episode, from 0. Nearly always it is the newest of its alert.
func (s *side) episode(e engine.Episode) int32 {
	s.newest = reaching(s.newest, int(e.Alert))
	at := &s.newest[e.Alert]
	for *at != 0 && s.episodes[*at-1].key.Number > e.Number {
		at = &s.episodes[*at-1].older
	}
	if *at != 0 && s.episodes[*at-1].key.Number == e.Number {
		return *at - 1
	}
	n := int32(len(s.episodes))
	older := *at
	*at = n + 1 // before the list may move
	s.episodes = append(s.episodes, episode{key: e, older: older})
	return n
}

func (s *side) number(name string) int32 {
	n, ok := s.numbers[name]
	if !ok {
		n = int32(len(s.names))
		s.numbers[name] = n
		s.names = append(s.names, name)
	}
	return n
}

// place is where an event of the delivery stepped last went: an episode, or none
// and the rule that dropped it. Both 0 and -1: it is nothing to anybody.
func (s *side) place(event int) (ep, rule int32) {
	f := &s.fates.Events[event]
	if f.Fate == itsm.FateSuppressed {
		rule = s.number(ruleOf(f.Reason))
	}
	if f.Alert == 0 {
		return -1, rule
	}
	ep = s.episode(engine.Episode{Alert: f.Alert, Number: f.Episode})
	if rule != 0 {
		s.episodes[ep].held = rule
	}
	return ep, 0
}

// ruleOf is the rule that a reason names: "rule ID: …"; "" for none.
func ruleOf(reason string) string {
	rest, ok := strings.CutPrefix(reason, "rule ")
	if !ok {
		return ""
	}
	id, _, _ := strings.Cut(rest, ":")
	return id
}

// final is the incident that a number stands for after all merges.
func (s *side) final(n itsm.IncidentNumber) itsm.IncidentNumber {
	for range len(s.incidents) {
		in := s.get(n)
		if in == nil || in.merged == 0 {
			return n
		}
		n = in.merged
	}
	return n
}

// incidentOf is the incident of an episode after all merges; 0: none.
func (s *side) incidentOf(ep int32) itsm.IncidentNumber {
	if ep < 0 {
		return 0
	}
	return s.final(s.episodes[ep].incident)
}

// heldBy is the rule because of which an episode is in no incident, "" for none.
func (s *side) heldBy(ep, dropped int32) string {
	if ep >= 0 {
		return s.names[s.episodes[ep].held]
	}
	return s.names[dropped]
}

// AssumedConnector is told of everything when the configuration names no connector,
// so that pages can be counted.
const AssumedConnector = "assumed"

// assumed is a configuration with somebody to page.
func assumed(c *entry.Config) *entry.Config {
	cfg, err := correlate.ParseConfig(c.Body)
	if err != nil || len(cfg.Connectors) > 0 {
		return c // what cannot be read is refused by the fold
	}
	cfg.Connectors = []correlate.Connector{{Name: AssumedConnector}}
	b, err := cfg.Canonical()
	if err != nil {
		return c
	}
	return &entry.Config{Body: b}
}
