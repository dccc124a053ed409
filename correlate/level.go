package correlate

import (
	"slices"
	"strconv"
	"time"

	"signalbox/itsm"
	"signalbox/itsm/sla"
)

// levelClock is what of an incident's service level does not follow from its
// record. It is made when the first of it comes: most incidents of a storm end
// before that.
type levelClock struct {
	stops    []sla.Span     // in which the clocks stood: resolved, or on hold for a reason that pauses
	since    itsm.Time      // on hold since then; 0: it is not
	held     itsm.Time      // milliseconds that it was on hold until then
	firstAck itsm.Time      // when it was acknowledged first, after that was taken back
	told     [2][]levelTold // by target, at most levelToldMax: a priority that goes and comes back tells nothing twice
}

// levelToldMax bounds the targets whose notices are remembered; then the oldest is forgotten.
const levelToldMax = 8

// levelTold is the last notice of one clock about one target.
type levelTold struct {
	percent uint8
	target  time.Duration
}

// Named parts of the service level.
const (
	response = iota
	resolution
)

// levelPercents are when a notice is due; the last is the breach.
var levelPercents = [...]uint8{50, 75, 100}

// levelStopsMax bounds the times a clock stands; after that it runs through.
const levelStopsMax = 500

// any reports whether there is anything to say.
func (k *levelClock) any() bool {
	return len(k.stops) > 0 || k.since != 0 || k.held != 0 || k.firstAck != 0 || len(k.told[response])+len(k.told[resolution]) > 0
}

// followClock notes that the clock of i begins to stand or to run, and since when
// it is on hold.
func (s *State) followClock(i *incident) {
	on := i.state == itsm.OnHold
	stands := i.state == itsm.IncidentResolved || i.state == itsm.Closed || on && s.level.Pauses(i.handled().holdReason)
	if !stands && !on && i.beside == nil {
		return
	}
	k := &i.surround().level
	switch {
	case on && k.since == 0:
		k.since = s.now
	case !on && k.since != 0:
		k.held, k.since = k.held+s.now-k.since, 0
	}
	n := len(k.stops)
	stood := n > 0 && k.stops[n-1].To == 0
	switch {
	case stands && !stood && n > 0 && k.stops[n-1].To == s.now:
		k.stops[n-1].To = 0 // it did not run in between
	case stands && !stood && n < levelStopsMax:
		k.stops = append(k.stops, sla.Span{From: s.now})
	case !stands && stood && k.stops[n-1].From == s.now:
		k.stops = k.stops[:n-1]
	case !stands && stood:
		k.stops[n-1].To = s.now
	}
}

// respondedAt is when somebody first took up i, or it ended without; 0: not yet.
func (i *incident) respondedAt() itsm.Time {
	switch {
	case i.around().level.firstAck != 0:
		return i.around().level.firstAck
	case i.ackAt != 0:
		return i.ackAt
	}
	return i.resolvedAt
}

// levelReach is when a share of one target is reached, as things stand.
func (i *incident) levelReach(g *sla.Goal, clock int, percent uint8) itsm.Time {
	return g.Reach(i.openedAt, i.around().level.stops, levelTarget(g, clock)*time.Duration(percent)/100)
}

func (i *incident) levelDone(clock int) itsm.Time {
	if clock == response {
		return i.respondedAt()
	}
	return i.resolvedAt
}

func levelTarget(g *sla.Goal, clock int) time.Duration {
	if clock == response {
		return g.Response
	}
	return g.Resolution
}

func (s *State) goal(i *incident) (sla.Goal, bool) {
	return s.level.Goal(i.priority(), i.affectedIDs)
}

// levelNext is when the next notice of i is due; 0: none.
func (s *State) levelNext(i *incident) (next itsm.Time) {
	g, ok := s.goal(i)
	if !ok {
		return 0
	}
	for clock := range 2 {
		if i.levelDone(clock) != 0 {
			continue
		}
		for _, p := range levelPercents {
			if p > i.levelTold(&g, clock) {
				next = earliest(next, s.levelSoon(i, &g, clock, p))
				break
			}
		}
	}
	return next
}

// levelSoon is levelReach for the fold, which asks after each member: counting the
// days of a calendar is done once for an incident, and for those that open with it.
func (s *State) levelSoon(i *incident, g *sla.Goal, clock int, percent uint8) itsm.Time {
	if g.Calendar == "" || len(i.around().level.stops) > 0 {
		return i.levelReach(g, clock, percent)
	}
	asked := levelQuestion{s.level, g.Calendar, i.openedAt, levelTarget(g, clock), percent}
	if m := &s.levelAsked[clock]; m.levelQuestion != asked {
		m.levelQuestion, m.at = asked, i.levelReach(g, clock, percent)
	}
	return s.levelAsked[clock].at
}

// levelAnswer is the last answer of levelSoon. It is no state: the question holds
// all that the answer depends on.
type levelAnswer struct {
	levelQuestion
	at itsm.Time
}

type levelQuestion struct {
	policy   *sla.Policy
	calendar string
	openedAt itsm.Time
	target   time.Duration
	percent  uint8
}

// levelTold is the share that was told of a target.
func (i *incident) levelTold(g *sla.Goal, clock int) uint8 {
	for _, t := range i.around().level.told[clock] {
		if t.target == levelTarget(g, clock) {
			return t.percent
		}
	}
	return 0
}

// noteLevel notes what is told of a target.
func (i *incident) noteLevel(clock int, t levelTold) {
	list := &i.surround().level.told[clock]
	at := slices.IndexFunc(*list, func(o levelTold) bool { return o.target == t.target })
	switch {
	case at >= 0:
		(*list)[at] = t
	case len(*list) < levelToldMax:
		*list = append(*list, t)
	default:
		*list = append(slices.Delete(*list, 0, 1), t)
	}
}

// levelNotices tells of i what is due, the most of each clock: on its timeline
// and, where its priority is told of, to the partners that know it.
func (s *State) levelNotices(i *incident) {
	g, ok := s.goal(i)
	if !ok {
		return
	}
	for clock := range 2 {
		if i.levelDone(clock) != 0 {
			continue
		}
		reached := uint8(0)
		for _, p := range levelPercents {
			if at := i.levelReach(&g, clock, p); p > i.levelTold(&g, clock) && at != 0 && at <= s.now {
				reached = p
			}
		}
		if reached == 0 {
			continue
		}
		i.noteLevel(clock, levelTold{reached, levelTarget(&g, clock)})
		text := ""
		if !s.brief {
			text = levelText(i, &g, clock, reached)
		}
		s.timeline(i, "service level", actSystem.actor, text)
		s.touchIncident(i)
		if !s.level.Tells(i.priority()) {
			continue
		}
		for n := range i.told {
			if t := &i.told[n]; t.epoch == i.epoch && !t.resolved {
				s.intend(i, t, itsm.Note, actSystem, text)
			}
		}
	}
}

// levelText words a notice.
func levelText(i *incident, g *sla.Goal, clock int, percent uint8) string {
	what := " to acknowledge it ("
	if clock == resolution {
		what = " to resolve it ("
	}
	target := short(Duration(levelTarget(g, clock))) + what + i.priority().String() + ")"
	if percent == 100 {
		return "the time is over: " + target + " have passed"
	}
	b := strconv.AppendUint(make([]byte, 0, 128), uint64(percent), 10)
	b = append(append(append(b, " % of "...), target...), " have passed; due "...)
	return string(i.levelReach(g, clock, 100).Std().AppendFormat(b, "2006-01-02 15:04 UTC"))
}

// levelRecord is how i stands, as of its last notice: it does not depend on when
// it is asked.
func (s *State) levelRecord(i *incident) (v itsm.ServiceLevel) {
	v.Held = time.Duration(i.around().level.held) * time.Millisecond
	g, ok := s.goal(i)
	if !ok || i.state == itsm.Cancelled {
		return v
	}
	v.Calendar = g.Calendar
	for clock, c := range []*itsm.LevelClock{&v.Response, &v.Resolution} {
		c.Target, c.DueAt, c.DoneAt = levelTarget(&g, clock), i.levelReach(&g, clock, 100), i.levelDone(clock)
		switch {
		case c.DoneAt != 0:
			c.Breached = c.DueAt != 0 && c.DueAt < c.DoneAt
		default:
			c.Breached = i.levelTold(&g, clock) == 100
		}
	}
	return v
}

// archiveLevel archives what does not follow from the rest.
func archiveLevel(a *archive, k *levelClock) {
	list(a, &k.stops, func(a *archive, v *sla.Span) { num(a, &v.From); num(a, &v.To) })
	for _, v := range []*itsm.Time{&k.since, &k.held, &k.firstAck} {
		num(a, v)
	}
	for n := range k.told {
		list(a, &k.told[n], func(a *archive, t *levelTold) { num(a, &t.percent); num(a, &t.target) })
	}
}

// useLevels makes the targets of the configuration ready; what is wrong with them
// was refused before.
func (s *State) useLevels() {
	s.level, _ = s.cfg.SLA.Compile()
}
