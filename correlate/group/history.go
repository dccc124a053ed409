package group

import (
	"math/bits"
	"slices"

	"signalbox/itsm"
	"signalbox/itsm/cmdb"
)

// slotMillis is the width of one slot of a series' activity, and a uint64 holds
// 64 of them: a little over five hours.
const slotMillis = 5 * 60_000

// chronicWindow is how many slots count when it is asked whether a series is
// chronic: two hours.
const chronicWindow = 24

// activity is in which of the last 64 slots something happened: bit i stands for
// the slot i before slot.
type activity struct {
	slots uint64
	slot  int64
	known uint8 // slots since the first, at most 64
}

// shift moves on to the slot of at.
func (a *activity) shift(at itsm.Time) {
	now := int64(at) / slotMillis
	if now <= a.slot {
		return
	}
	by := now - a.slot
	a.slots <<= uint(min(by, 64)) // a shift by 64 leaves nothing
	a.slot = now
	a.known = uint8(min(int64(a.known)+by, 63))
}

// mark records that something happened at at.
func (a *activity) mark(at itsm.Time) {
	a.shift(at)
	a.slots |= 1
}

// active counts the slots of the last window in which something happened.
func (a *activity) active(at itsm.Time, window uint) int {
	by := uint(min(max(int64(at)/slotMillis-a.slot, 0), 64))
	return bits.OnesCount64(a.slots << by & (1<<window - 1))
}

// series is the history of one alert.
type series struct {
	activity
	incident itsm.IncidentNumber // latest
	began    itsm.Time           // of the latest onset
	changed  itsm.Time           // latest onset or resolve
	spellAt  itsm.Time           // of the first onset of the latest spell
	halved   itsm.Time           // when spells was last halved
	spells   uint32
	firing   bool
	rule     int32
}

// end records that the alert resolved: it fired in every slot since its onset.
func (s *series) end(at itsm.Time) {
	s.mark(at)
	if n := uint(min(s.slot-int64(s.began)/slotMillis, 63)); n > 0 {
		s.slots |= 1<<(n+1) - 1
	}
	s.firing = false
	s.changed = max(s.changed, at)
}

// isChronic reports whether the series fires nearly always.
func (g *Grouper) isChronic(s *series, at itsm.Time) bool {
	return s.active(at, chronicWindow) >= g.c.ChronicSlots
}

// spellGap ends a spell of activity, and spellHalf is the time in which half of
// what a series did is forgotten.
const (
	spellGap  itsm.Time = 15 * 60_000
	spellHalf itsm.Time = 7 * 24 * 3600_000
)

// spell counts spells of activity: how often the series fired, not how long.
func (s *series) spell(at itsm.Time) {
	if s.spells == 0 || at-s.changed > spellGap {
		s.spells++
		s.spellAt = at
	}
	if s.halved == 0 {
		s.halved = at
	}
	for ; at-s.halved >= spellHalf; s.halved += spellHalf {
		s.spells = (s.spells + 1) / 2
	}
}

// usual is how many spells the series had before since.
func (s *series) usual(since itsm.Time) int {
	n := int(s.spells)
	if s.spellAt >= since && n > 0 {
		n--
	}
	return n
}

// ruleKey names a sender's rule: the alert name within the source.
type ruleKey struct{ source, name string }

// rulesMax bounds the rules whose rhythm is kept; others have the default's.
const rulesMax = 20_000

// paceRing is how many of the latest intervals of a rule are kept.
const paceRing = 16

// rule is what is known of the rhythm of one of a sender's rules, or of all of a
// source's. A sender reports when it evaluates, so the distances between the
// times at which anything changed approach its reporting interval.
type rule struct {
	intervals [paceRing]uint16 // latest distances between different times, in seconds
	n         uint32           // distances seen
	onsets    uint32
	resolves  uint32
	source    int32 // index of the entry that stands for all rules of the source; 0 in that entry
	last      itsm.Time
	busy      activity // when anything changed
	placed    uint32   // onsets since the counts below began
	unbound   uint32   // of them without a CI
	missing   uint32   // of them that showed a relation the CMDB lacks
}

// intervalMax is the longest distance that says anything about a rhythm.
const intervalMax itsm.Time = 15 * 60_000

// observe records that something changed at at.
func (r *rule) observe(at itsm.Time) {
	d := at - r.last
	if r.last == 0 {
		r.busy = activity{slot: int64(at) / slotMillis}
	}
	r.busy.mark(at)
	if d <= 0 {
		return
	}
	if r.last != 0 && d <= intervalMax {
		r.intervals[r.n%paceRing] = uint16(max(d/1000, 1))
		r.n++
	}
	r.last = at
}

// interval is the lower quartile of the latest distances, in milliseconds, or 0
// while fewer than samples are known.
func (r *rule) interval(samples int) itsm.Time {
	if r.n < uint32(samples) {
		return 0
	}
	ring := r.intervals
	known := ring[:min(r.n, paceRing)]
	slices.Sort(known)
	return itsm.Time(known[len(known)/4]) * 1000
}

// slackMilli is how much longer than the reporting interval a quiet gap is at
// least: an evaluation may come late.
const slackMilli = 1200

// paceOf is the quiet gap of a rule, in milliseconds.
func (g *Grouper) paceOf(r int32) itsm.Time {
	gap := itsm.Time(g.c.QuietGap.Milliseconds())
	every := g.rules[r].interval(g.c.PaceSamples)
	if every == 0 { // a rule that is new or rarely fires: as its sender's others
		every = g.rules[g.rules[r].source].interval(g.c.PaceSamples)
	}
	if every == 0 || !g.isBusy(r) {
		return max(gap, min(every*slackMilli/1000, g.paceMax()))
	}
	p := min(max(every*itsm.Time(g.c.PaceMilli)/1000, itsm.Time(g.c.QuietGapMin.Milliseconds())), gap)
	return max(p, min(every*slackMilli/1000, g.paceMax()))
}

// isBusy reports whether the rule's source changes something in so many of the
// slots that five minutes of silence are long. In a quiet estate they are short.
func (g *Grouper) isBusy(r int32) bool {
	a := &g.rules[g.rules[r].source].busy
	n := bits.OnesCount64(a.slots)
	return n >= g.c.BusySlots && n*1000 >= (int(a.known)+1)*g.c.BusyMilli
}

// paceMax is the longest quiet gap any rule can have.
func (g *Grouper) paceMax() itsm.Time {
	return itsm.Time(g.c.QuietGap.Milliseconds()) * slackMilli / 1000
}

// isMute reports whether the rule's alerts are taken never to resolve, so that
// "still firing" says nothing.
func (g *Grouper) isMute(r int32) bool {
	x := &g.rules[r]
	if x.onsets < uint32(g.c.MuteOnsets) {
		x = &g.rules[x.source]
	}
	return x.onsets >= uint32(g.c.MuteOnsets) && x.resolves*muteShare < x.onsets
}

// muteShare: one resolve in so many onsets makes a rule one that resolves.
const muteShare = 20

// seriesOf returns the history of the probe's alert, making it when it is new.
func (g *Grouper) seriesOf(p *Probe) *series {
	if g.latest.series != nil && g.latest.alert == p.Alert {
		return g.latest.series
	}
	s := g.series.Get(p.Alert)
	fresh := s == nil
	if fresh {
		s = &series{activity: activity{slot: int64(p.At) / slotMillis}, rule: g.ruleIndex(ruleKey{p.Source, p.AlertName})}
		g.series.Put(p.Alert, s)
	}
	g.latest = latest{p.Alert, s, fresh}
	return s
}

// latest remembers the series asked for last: an onset that is placed joins next.
type latest struct {
	alert  itsm.AlertNumber
	series *series
	fresh  bool // it was made then, and joined nothing since
}

// ruleIndex returns the index of a rule, 0 when there are too many.
func (g *Grouper) ruleIndex(k ruleKey) int32 {
	if i, ok := g.ruleOf[k]; ok {
		return i
	}
	if len(g.rules) > rulesMax {
		return 0
	}
	var source int32
	if k.name != "" {
		source = g.ruleIndex(ruleKey{source: k.source})
	}
	i := int32(len(g.rules))
	g.rules = append(g.rules, rule{source: source})
	g.ruleOf[k] = i
	return i
}

// record takes the onset into the history of its series, rule and CI.
func (g *Grouper) record(p Probe) *series {
	s := g.seriesOf(&p)
	s.mark(p.At)
	s.spell(p.At)
	s.began, s.firing, s.changed = p.At, true, max(s.changed, p.At)
	for _, r := range g.rhythms(s) {
		r.onsets++
		r.observe(p.At)
	}
	return s
}

// rhythms returns the entries of the series' rule and of its source.
func (g *Grouper) rhythms(s *series) [2]*rule {
	r := &g.rules[s.rule]
	return [2]*rule{r, &g.rules[r.source]}
}

// hotness is which direct dependants of a CI of high fan-in alerted lately.
type hotness struct{ seen []sign }

// sign is one alerting dependant.
type sign struct {
	ci cmdb.Ref
	at itsm.Time
}

// hotMax bounds the dependants remembered for one CI.
const hotMax = 256

// note records that a dependant alerted and forgets those before since.
func (h *hotness) note(ci cmdb.Ref, at, since itsm.Time) {
	h.seen = slices.DeleteFunc(h.seen, func(s sign) bool { return s.at < since || s.ci == ci })
	if len(h.seen) < hotMax {
		h.seen = append(h.seen, sign{ci, at})
	}
}

// count returns how many dependants alerted since.
func (h *hotness) count(since itsm.Time) int {
	n := 0
	for _, s := range h.seen {
		if s.at >= since {
			n++
		}
	}
	return n
}

// heat records the onset at the CIs of high fan-in its CI directly depends on.
func (g *Grouper) heat(p Probe) {
	if p.CI == cmdb.NoRef {
		return
	}
	g.ends = g.cmdb.AppendDependencies(g.ends[:0], p.CI)
	for _, y := range g.ends {
		if g.cmdb.FanIn(y) < g.c.HotFanIn {
			continue
		}
		at := g.locals.at(y)
		if at.hot == nil {
			at.hot = &hotness{}
		}
		at.hot.note(p.CI, p.At, p.At.Add(-g.c.HotWindow))
	}
}

// isHot reports whether enough direct dependants of y alerted within the window.
func (g *Grouper) isHot(y cmdb.Ref, at itsm.Time) bool {
	l := g.locals.of(y)
	if l == nil || l.hot == nil {
		return false
	}
	n, fan := l.hot.count(at.Add(-g.c.HotWindow)), g.cmdb.FanIn(y)
	return fan >= g.c.HotFanIn && n >= g.c.HotMin && n*1000 >= fan*g.c.HotShareMilli
}
