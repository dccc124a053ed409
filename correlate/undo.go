package correlate

import (
	"fmt"
	"slices"

	"signalbox/itsm"
)

// undo is what it takes to undo the merge by which an incident became part of another,
// or the split by which it came to be: which episodes went, and what else went with them.
// It stays with the incident that was merged or split off, until it is used or forgotten.
type undo struct {
	split   bool
	with    itsm.IncidentNumber // the incident merged into, or split from
	moved   []movedEpisode      // of a split all; of a merge those that an earlier merge had brought
	n       int32               // episodes that went
	at      itsm.Time
	by      string
	acked   bool   // of a merge: it was acknowledged then
	events  uint64 // of a merge: its count then, and the part of the episodes that went on
	current uint64
	stays   []itsm.AlertNumber // of a merge: alerts with a later episode elsewhere then
	took    inherited          // of a merge: what the other took over from it
}

type episodeKey struct {
	alert   itsm.AlertNumber
	episode uint32
}

// movedEpisode is an episode that went, with the merge that had brought it before.
type movedEpisode struct {
	episodeKey
	from itsm.IncidentNumber
}

// inherited is what an incident took over from one that was merged into it.
type inherited struct {
	ackAt    itsm.Time // 0: nobody's acknowledgement, for there was none, or an earlier one of its own
	ack      ownAck    // what that replaced
	assignee string
	override itsm.Priority
	major    bool
	was      *major // what had been decided of the other as a major one; nil: nothing
}

// mergeNoted notes of from, which is about to be merged, what undoing it takes.
func (s *State) mergeNoted(into, from *incident, by doer) *undo {
	u := &undo{with: into.number, n: int32(len(from.members)), at: s.now, by: by.actor, acked: from.acked, events: from.events}
	for _, m := range from.members {
		if m.from != 0 {
			u.moved = append(u.moved, movedEpisode{episodeKey{m.alert, m.episode}, m.from})
		}
		switch a := s.alerts.Get(m.alert); {
		case a == nil || a.inc != from:
			u.stays = append(u.stays, m.alert)
		case a.episode == m.episode:
			u.current += a.count - a.base
		}
	}
	if into.takesAck(from) {
		u.took.ackAt, u.took.ack = from.ackAt, into.ownAck()
	}
	if into.handled().assignee == "" {
		u.took.assignee = from.handled().assignee
	}
	if into.override == 0 {
		u.took.override = from.override
	}
	if u.took.major = from.runsAsMajor() && !into.runsAsMajor(); u.took.major {
		u.took.was = into.around().major
	}
	return u
}

// splitNoted notes of what is about to be split off what undoing it takes.
func splitNoted(from *incident, out []member, at itsm.Time, by doer) *undo {
	u := &undo{split: true, with: from.number, n: int32(len(out)), at: at, by: by.actor}
	for _, m := range out {
		u.moved = append(u.moved, movedEpisode{episodeKey{m.alert, m.episode}, m.from})
	}
	return u
}

// forgetUndo is for what became of i otherwise.
func (i *incident) forgetUndo() {
	if i.around().undo == nil {
		return
	}
	i.beside.undo = nil
	if !i.beside.any() {
		i.beside = nil
	}
}

// actUndo takes back the merge or the split that made i what it is, as long as that
// leads back to what was.
func (s *State) actUndo(i *incident, a *itsm.Act) itsm.Outcome {
	u := i.around().undo
	if u == nil {
		return refuse(a, itsm.Conflict, "%s was neither merged nor split off lately, or that was undone: there is nothing to undo", i.number)
	}
	other := s.incidents[u.with]
	switch {
	case other == nil:
		return refuse(a, itsm.Conflict, "%s was closed long ago and takes no more changes", u.with)
	case other.mergedInto != 0:
		return refuse(a, itsm.Conflict, "%s was merged into %s since: undo that first", other.number, other.mergedInto)
	case !other.state.IsOpen():
		return refuse(a, itsm.Conflict, "%s is %s: reopen it first", other.number, other.state)
	case u.split:
		return s.undoSplit(i, other, u, a)
	}
	return s.undoMerge(i, other, u, a)
}

// undoMerge brings back what came into other with i: the same episodes, and what the
// same alerts have raised since.
func (s *State) undoMerge(i, other *incident, u *undo, a *itsm.Act) itsm.Outcome {
	if i.mergedInto != other.number {
		return refuse(a, itsm.Conflict, "%s is no part of %s any more", i.number, other.number)
	}
	out, stay, anew := divideBack(i, other, u)
	switch came := len(out) - anew; {
	case came < int(u.n):
		return refuse(a, itsm.Conflict, "%s has %d of the %d alert episodes that came with %s, the others were split off since: it cannot be exactly as it was; split off what should go", other.number, came, u.n, i.number)
	case len(stay) == 0:
		return refuse(a, itsm.Conflict, "nothing would stay in %s, for its own alerts were split off since; split off what should go", other.number)
	}
	by := doerOf(a)
	s.revive(other, i)
	s.split(other, i, out, stay, by, true)
	before := u.before()
	for n := range i.members {
		m := &i.members[n]
		m.from = before[episodeKey{m.alert, m.episode}]
	}
	s.eventsBack(i, other, u)
	s.giveBack(i, other, u, by)
	i.forgetUndo()
	if anew > 0 {
		s.timeline(i, "merge taken back", by.actor, fmt.Sprintf("%d of the alert episodes began after the merge; they went along with their alerts", anew))
	}
	s.touchIncident(i)
	s.touchIncident(other)
	return done(a)
}

// divideBack says which episodes of other go back to i, and how many of them are
// new ones of the same alerts.
func divideBack(i, other *incident, u *undo) (out, stay []member, anew int) {
	newest := map[itsm.AlertNumber]uint32{}
	for _, m := range other.members {
		if m.from == i.number {
			newest[m.alert] = max(newest[m.alert], m.episode)
		}
	}
	for _, m := range other.members {
		was, came := newest[m.alert]
		later := came && m.from == 0 && m.episode > was && !slices.Contains(u.stays, m.alert)
		switch {
		case m.from == i.number:
			out = append(out, m)
		case later:
			out, anew = append(out, m), anew+1
		default:
			stay = append(stay, m)
		}
	}
	return out, stay, anew
}

// before is which merge had brought each episode before it moved.
func (u *undo) before() map[episodeKey]itsm.IncidentNumber {
	froms := make(map[episodeKey]itsm.IncidentNumber, len(u.moved))
	for _, e := range u.moved {
		froms[e.episodeKey] = e.from
	}
	return froms
}

// eventsBack counts for i what it had counted, and what its alerts reported since.
func (s *State) eventsBack(i, other *incident, u *undo) {
	since := i.events - min(i.events, u.current)
	if want := u.events + since; want > i.events {
		more := min(other.events, want-i.events)
		i.events, other.events = i.events+more, other.events-more
	}
}

// giveBack takes from other what it took over with the merge, unless somebody decided
// anew since: nobody took it up, or said how important it is.
func (s *State) giveBack(i, other *incident, u *undo, by doer) {
	i.acked = u.acked
	if u.took.ackAt != 0 {
		s.giveAckBack(i, other, u, by)
	}
	if t := u.took.assignee; t != "" && other.handled().assignee == t {
		other.handling().assignee = ""
	}
	if p := u.took.override; p != 0 && other.override == p {
		other.override, other.handling().overrideBy = 0, ""
	}
	if m := other.around().major; u.took.major && m != nil && m.Runs() && m.review == nil && m.At <= u.at {
		other.beside.major = u.took.was
	}
	s.settle(other, by, "the merge of "+i.number.String()+" was taken back")
	s.settle(i, by, "its merge was taken back")
}

// undoSplit brings i back into the incident it was split from.
func (s *State) undoSplit(i, other *incident, u *undo, a *itsm.Act) itsm.Outcome {
	if !i.state.IsOpen() {
		return refuse(a, itsm.Conflict, "%s is %s: reopen it first", i.number, i.state)
	}
	have, before := 0, u.before()
	for n := range i.members {
		m := &i.members[n]
		if m.from != 0 {
			return refuse(a, itsm.Conflict, "%s was merged into %s since: undo that first", m.from, i.number)
		}
		if _, is := before[episodeKey{m.alert, m.episode}]; is {
			have++
		}
	}
	if have < int(u.n) {
		return refuse(a, itsm.Conflict, "%s has %d of the %d alert episodes that were split off, the others went elsewhere since: it cannot be exactly as it was; merge it into %s instead", i.number, have, u.n, other.number)
	}
	by := doerOf(a)
	first := len(other.members)
	s.merge(other, i, by, "person", "its split was taken back by "+by.actor)
	for n := first; n < len(other.members); n++ {
		m := &other.members[n]
		m.from = before[episodeKey{m.alert, m.episode}]
	}
	i.forgetUndo()
	return itsm.Outcome{Incident: other.number}
}

// describeUndo says in a record what can be undone.
func (i *incident) describeUndo(r *itsm.Incident) {
	if u := i.around().undo; u != nil {
		r.Undo = itsm.Undoable{Of: itsm.ActMerge, With: u.with, By: u.by, At: u.at}
		if u.split {
			r.Undo.Of = itsm.ActSplit
		}
	}
}

// archiveUndos archives them apart from the incidents, at the end, where earlier
// versions have nothing.
func (s *State) archiveUndos(a *archive) {
	var numbers []itsm.IncidentNumber
	if !a.reading {
		for _, n := range sortedKeys(s.incidents) {
			if s.incidents[n].around().undo != nil {
				numbers = append(numbers, n)
			}
		}
	}
	list(a, &numbers, num[itsm.IncidentNumber])
	for _, n := range numbers {
		i := s.incidents[n]
		if i == nil {
			a.bad = true
			return
		}
		if a.reading {
			i.surround().undo = &undo{}
		}
		archiveUndo(a, i.beside.undo)
		if a.bad {
			return
		}
	}
}

func archiveUndo(a *archive, u *undo) {
	a.flag(&u.split)
	num(a, &u.with)
	list(a, &u.moved, func(a *archive, e *movedEpisode) { num(a, &e.alert); num(a, &e.episode); num(a, &e.from) })
	num(a, &u.n)
	num(a, &u.at)
	text(a, &u.by)
	a.flag(&u.acked)
	num(a, &u.events)
	num(a, &u.current)
	list(a, &u.stays, num[itsm.AlertNumber])
	num(a, &u.took.ackAt)
	text(a, &u.took.assignee)
	num(a, &u.took.override)
	a.flag(&u.took.major)
	if a.version >= 9 {
		archiveMajor(a, &u.took.was)
	}
	if a.version >= 11 {
		a.flag(&u.took.ack.acked)
		num(a, &u.took.ack.at)
		text(a, &u.took.ack.by)
	}
}
