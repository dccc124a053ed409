package correlate

import (
	"strings"

	"signalbox/itsm"
)

// alert is the state of one deduplicated condition. Its record is made from it
// when it is flushed. Beyond the packed words it takes 384 bytes,
// a size of the allocator.
type alert struct {
	number   itsm.AlertNumber
	src      *source
	identity string // the sender's own; with src it makes the key
	text     string // packed words, see text.go
	ci       *ci    // bound or provisional; never nil
	boundBy  string
	trail    string              // what was tried for the binding, one step a line
	sender   string              // what the sender named as CI and as group, packed: binding again needs them
	inc      *incident           // latest incident, nil when it never had one or it is forgotten
	incident itsm.IncidentNumber // its number, which outlives it
	flapsIn  *incident           // where it counts as flapping
	series   *series             // history of episodes; nil until there is one
	beside   *sidelined          // nil: there is nothing of it
	held     string              // suppressed_by of the record

	startsAt  itsm.Time // start of the episode, as the sender says
	lastStart itsm.Time // latest start seen in it: a continued episode has several
	endsAt    itsm.Time
	lastEvent itsm.Time // EventTime of the last event applied
	raisedAt  itsm.Time
	firedAt   itsm.Time // At of the episode's start
	endedAt   itsm.Time // At of its end
	deadAt    itsm.Time // its place in the queue of what may be forgotten
	lastSeen  itsm.Time
	lease     itsm.Time // firing holds only until then; 0: no lease
	holdUntil itsm.Time // transient hold; 0: none
	ruleDue   itsm.Time // what a rule holds back is placed again then; 0: not by time
	wake      itsm.Time
	count     uint64
	base      uint64 // count before the episode
	changedAt itsm.Offset
	recSeen   itsm.Time // lastSeen and count as of the last material change:
	recCount  uint64    // the record must not depend on when it is flushed

	at        int32 // its place among the members of inc
	episode   uint32
	reopened  uint32
	gen       uint32 // times it began to fire, for its parts
	status    itsm.Status
	severity  itsm.Severity
	endedBy   endedBy
	assumed   bool // lastEvent is our own clock's, not the sender's
	member    bool // the current episode belongs to inc
	flapping  bool
	dirty     bool
	noData    bool
	waited    bool // it was held as long as a rule says
	answered  bool // what it waited for came
	beats     bool // a rule waits for it to be heard again
	restraint restraint
	rule      string           // the rule that holds it back
	rules     string           // what spoke of its episode, one line each
	gathering uint64           // where it waits; 0: nowhere
	hiddenBy  itsm.AlertNumber // the alert that hides it
}

// sidelined is what most alerts have nothing of: what rules with a key, rules that
// inhibit and maintenance windows make of an alert.
type sidelined struct {
	parts  int32                  // of the sender's alerts that fire under its key
	lead   string                 // the first of them
	hides  []string               // keys under which it hides others
	window itsm.MaintenanceNumber // that holds it back; 0: none
}

// side is for reading, aside for writing.
func (a *alert) side() *sidelined {
	if a.beside == nil {
		return &nothingAside
	}
	return a.beside
}

var nothingAside sidelined // never written to

func (a *alert) aside() *sidelined {
	if a.beside == nil {
		a.beside = &sidelined{}
	}
	return a.beside
}

// endedBy is the reason of the end of an episode, one byte instead of a string.
type endedBy uint8

const (
	endedNot endedBy = iota
	endedSender
	endedLease
	endedStale
	endedEpisode
)

var endedByNames = [...]string{"", "sender", "lease", "stale", "episode"}

// source is one sender: its alerts, tombstones and counters.
type source struct {
	name    string
	index   int
	alerts  map[string]*alert // by the sender's identity
	tombs   map[string]tombstone
	stale   Duration
	gap     Duration
	strict  bool // the gap was set for this source: nothing but it starts a new episode of what fires
	count   eventCounts
	bySupp  map[string]uint64
	fate    itsm.Fate // of the event counted last, and why it was suppressed
	because string
	scope   *scope
	tombFIF []tombKey
	parts   map[string]part // by the sender's own identity, where rules make another
}

func (s *State) sourceOf(name string) *source {
	if src := s.sources[name]; src != nil {
		return src
	}
	name = strings.Clone(name)
	src := &source{name: name, index: len(s.sourceList), alerts: map[string]*alert{}, tombs: map[string]tombstone{}, bySupp: map[string]uint64{}}
	src.configure(&s.cfg)
	s.sources[name] = src
	s.sourceList = append(s.sourceList, src)
	return src
}

func (src *source) configure(c *Config) {
	own := c.Sources[src.name]
	src.stale, src.gap, src.strict = own.StaleAfter, own.EpisodeGap, own.EpisodeGap != 0
	if src.gap == 0 {
		src.gap = c.EpisodeGap
	}
}

// event folds one observation and returns its alert, nil when it has none. Exactly
// one of folded, deduplicated or suppressed is counted for it (conservation).
func (s *State) event(src *source, e *itsm.Event) *alert {
	src.count.accepted++
	own := e.Identity
	e = s.normalise(e)
	et, assumed := s.eventTime(e)
	a := src.alerts[e.Identity]
	s.placing = a
	defer func() { s.placing = nil }()
	keyed := own != e.Identity
	var old *alert // ends because another identity takes over from it
	if keyed || len(src.parts) > 0 {
		var done bool
		if old, done = s.moved(src, own, a, e, et); done {
			return old
		}
		if keyed && e.Status == itsm.Resolved {
			if s.clearsPart(src, own, a) {
				s.supersede(old)
				return a
			}
			if a != nil {
				et = max(et, a.lastEvent) // its parts have clocks of their own
			}
		} else if keyed && a != nil {
			e = s.asLead(src, own, a, e)
		}
	}
	switch {
	case s.dropped(src, a, e):
		a = nil
	case a != nil:
		s.known(a, e, et, assumed)
	case e.Status == itsm.Resolved:
		s.bury(src, e, et)
	case s.buried(src, e):
		src.suppress(reasonTombstone)
	default:
		a = s.raise(src, e, et, assumed)
		s.countPlaced(a)
	}
	if keyed && a != nil {
		s.addPart(src, own, a)
	}
	s.supersede(old)
	return a
}

// eventTime is the sender's time of the event, or ours (assumed) when the sender
// gives none or one that has not come yet: a clock that runs ahead must not make
// every later event look old.
func (s *State) eventTime(e *itsm.Event) (et itsm.Time, assumed bool) {
	et = e.EventTime()
	if et <= 0 || et > s.now.Add(s.cfg.ClockTolerance.Std()) {
		return s.now, true
	}
	return et, false
}

// raise starts the state of an alert with its first episode.
func (s *State) raise(src *source, e *itsm.Event, et itsm.Time, assumed bool) *alert {
	s.lastAlert++
	a := &alert{number: s.lastAlert, src: src, identity: strings.Clone(e.Identity), raisedAt: s.now, count: 1, lastSeen: s.now}
	src.alerts[a.identity] = a
	s.alerts.Put(a.number, a)
	s.placing = a
	s.setText(a, e)
	s.bind(a, e)
	s.startEpisode(a, e, et, assumed)
	return a
}

// known folds an event of an alert that has state.
func (s *State) known(a *alert, e *itsm.Event, et itsm.Time, assumed bool) {
	seen := a.lastSeen
	a.count++
	a.lastSeen = s.now
	if a.inc != nil {
		a.inc.events++
	}
	switch {
	case s.isOld(a, e, et):
		if e.Status == a.status {
			a.src.deduplicate()
		} else {
			a.src.suppress(reasonOutOfOrder)
		}
	case e.Status == itsm.Resolved && a.status == itsm.Resolved:
		s.applied(a, et, assumed) // or the late fire that it ended would fire for ever
		a.src.deduplicate()
	case e.Status == itsm.Resolved:
		s.applied(a, et, assumed)
		s.endEpisode(a, endedSender, s.endOf(e, et))
		a.src.fold()
	case a.status == itsm.Firing:
		s.repeat(a, e, et, assumed, seen)
	default:
		s.refire(a, e, et, assumed)
	}
}

// isOld judges order per alert by the sender's time. At the same moment the more
// advanced state stands: a fire with the start already ended is a late copy. It
// is none when our own clock ended it: the sender was only not heard for a while.
func (s *State) isOld(a *alert, e *itsm.Event, et itsm.Time) bool {
	if faultWallClock {
		return false
	}
	last := a.lastEvent
	if a.assumed {
		last -= itsm.Time(s.cfg.ClockTolerance.Std().Milliseconds())
	}
	if et != last {
		return et < last
	}
	return e.Status == itsm.Firing && a.status == itsm.Resolved && a.endedBy == endedSender && e.StartsAt != 0 && e.StartsAt == a.lastStart
}

func (s *State) applied(a *alert, et itsm.Time, assumed bool) {
	if et >= a.lastEvent {
		a.lastEvent, a.assumed = et, assumed
	}
}

// startOf is when the condition began: what the sender says, never later than
// now, else the time of the observation.
func (s *State) startOf(e *itsm.Event, et itsm.Time) itsm.Time {
	if e.StartsAt != 0 {
		return min(e.StartsAt, max(et, s.now))
	}
	return et
}

func (s *State) endOf(e *itsm.Event, et itsm.Time) itsm.Time {
	if e.EndsAt != 0 && e.EndsAt <= s.now.Add(s.cfg.ClockTolerance.Std()) {
		return e.EndsAt
	}
	return et
}

// repeat folds a fire of a firing alert: the next episode, a change of its words
// or severity, or nothing but a counter.
func (s *State) repeat(a *alert, e *itsm.Event, et itsm.Time, assumed bool, seen itsm.Time) {
	start := s.startOf(e, et)
	if s.isNext(a, start, seen) {
		s.endQuietly(a, endedEpisode, seen) // it was last known to fire then; grouping hears of the onset
		s.change(a, e)
		s.startEpisode(a, e, et, assumed)
		s.countPlaced(a)
		return
	}
	if isOnset(a, e, start) && s.onset(a, e, et, assumed, seen) {
		s.countPlaced(a)
		return
	}
	s.applied(a, et, assumed)
	a.lastStart = max(a.lastStart, start)
	s.lease(a, e)
	if a.beats {
		s.beat(a)
	}
	if !s.change(a, e) {
		a.src.deduplicate()
		return
	}
	s.countPlaced(a)
}

// isNext reports whether a fire of a firing alert, last seen then, begins its next
// episode wherever it belongs.
func (s *State) isNext(a *alert, start, seen itsm.Time) bool {
	return faultRepeat || start > a.lastStart && s.now.Sub(seen) > a.src.gap.Std() || a.beats && a.member
}

// isOnset reports whether a fire of a firing alert says that its condition began again,
// so that grouping is asked where it belongs.
func isOnset(a *alert, e *itsm.Event, start itsm.Time) bool {
	return e.StartsAt != 0 && start > a.lastStart && !a.src.strict && a.member && a.inc != nil && a.inc.state.IsOpen()
}

// countPlaced counts an event that changed an alert: suppressed while the alert
// is held back, folded otherwise.
func (s *State) countPlaced(a *alert) {
	switch {
	case a.restraint == maintained:
		a.src.suppress(reasonMaintenance)
		return
	case a.restraint != free:
		a.src.suppress(a.src.reason("rule " + a.rule + ": " + restraintWords[a.restraint]))
		return
	case a.holdUntil != 0:
		a.src.suppress(reasonHold)
		return
	}
	a.src.fold()
}

// refire folds a fire of a resolved alert.
func (s *State) refire(a *alert, e *itsm.Event, et itsm.Time, assumed bool) {
	s.change(a, e)
	if s.mayGoOn(a) {
		s.continueEpisode(a, e, et, assumed)
	} else {
		s.startEpisode(a, e, et, assumed)
	}
	s.countPlaced(a)
}

// change takes over words and severity and reports whether anything differs.
func (s *State) change(a *alert, e *itsm.Event) bool {
	same, labels := sameText(a.text, e)
	sev := severityOf(e)
	sender := sameSender(a.sender, e)
	if same && sev == a.severity && sender {
		return false
	}
	if !same {
		s.setText(a, e)
	}
	if !labels || !sender {
		s.rebind(a, e)
	}
	if !labels && s.silence(a) && a.member && a.inc != nil && a.inc.state.IsOpen() {
		s.hush(a.inc)
		s.tell(a.inc, actSystem, "")
	}
	if sev != a.severity {
		s.setSeverity(a, sev)
	}
	s.touchAlert(a)
	if s.rules.Set != nil {
		s.rehide(a)
	}
	s.reconsider(a)
	return true
}

func severityOf(e *itsm.Event) itsm.Severity {
	if e.Severity < itsm.Critical || e.Severity > itsm.Info {
		return itsm.Warning
	}
	return e.Severity
}

func (s *State) setText(a *alert, e *itsm.Event) {
	s.buf = packText(s.buf[:0], e)
	a.text, a.noData = string(s.buf), e.NoData
}

func sameSender(packed string, e *itsm.Event) bool {
	if packed == "" {
		return e.CIName == "" && e.Group == "" && e.Origin == ""
	}
	u := unpacker{text: packed}
	return u.str() == e.CIName && u.str() == e.Group && u.str() == e.Origin
}

func (s *State) setSender(a *alert, e *itsm.Event) {
	if sameSender(a.sender, e) {
		return
	}
	s.buf = packString(packString(packString(s.buf[:0], e.CIName), e.Group), e.Origin)
	a.sender = string(s.buf)
}

// named returns what the sender itself says of where the alert belongs.
func (a *alert) named() (ciName, group, origin string) {
	if a.sender == "" {
		return "", "", ""
	}
	u := unpacker{text: a.sender}
	ciName, group = u.str(), u.str()
	return ciName, group, u.str()
}

// touchAlert marks the record of a as changed by the current entry.
func (s *State) touchAlert(a *alert) {
	a.changedAt, a.recSeen, a.recCount = s.off, a.lastSeen, a.count
	if !a.dirty {
		a.dirty = true
		s.dirtyAlerts = append(s.dirtyAlerts, a)
	}
}

// record makes r the record of a, which says w, as of its last material change.
func (a *alert) record(w words, r *itsm.Alert) {
	*r = itsm.Alert{
		Number: a.number, Source: a.src.name, Key: itsm.KeyOf(a.src.name, a.identity), Status: a.status,
		Severity: a.severity, SeverityWord: w.word, Title: w.title, Labels: w.labels, Annotations: w.annotations,
		GeneratorURL: w.url, BoundBy: a.boundBy, StartsAt: a.startsAt, EndsAt: a.endsAt, EndedBy: endedByNames[a.endedBy],
		RaisedAt: a.raisedAt, LastSeenAt: a.recSeen, EventCount: a.recCount, Episode: a.episode, Reopened: a.reopened,
		SuppressedBy: a.held, Flapping: a.flapping, Incident: a.incident, ChangedAt: a.changedAt,
	}
	if a.ci.bound() {
		r.CI = a.ci.id
	} else {
		r.Provisional = a.ci.id
	}
	if a.rules != "" {
		r.Rules = strings.Split(a.rules, "\n")
	}
	if a.trail != "" {
		r.Trail = strings.Split(a.trail, "\n")
	}
}
