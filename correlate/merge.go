package correlate

import (
	"fmt"
	"slices"

	"signalbox/itsm"
)

func (s *State) actMerge(i *incident, a *itsm.Act) itsm.Outcome {
	into := s.incidents[a.Into]
	switch {
	case a.Into == 0 || a.Into > s.lastIncident:
		return refuse(a, itsm.Invalid, "into: there is no incident %q", a.Into)
	case a.Into == i.number:
		return refuse(a, itsm.Invalid, "into: %s cannot be merged into itself", i.number)
	case into == nil || !into.state.IsOpen():
		return refuse(a, itsm.Conflict, "into: %s is not open; merge into an incident that is new, in progress or on hold", a.Into)
	case !i.state.IsOpen():
		return i.illegal(a)
	}
	i.pinned, into.pinned = true, true
	i.forgetUnrelated(into.number)
	into.forgetUnrelated(i.number)
	s.merge(into, i, doerOf(a), "person", "merged by "+doerOf(a).actor)
	return itsm.Outcome{Incident: into.number}
}

// mergeHot carries out a merge that grouping decided, unless a person split or
// merged one of the two: a person's edit sticks.
func (s *State) mergeHot(into, from itsm.IncidentNumber) {
	dst, src := s.incidents[into], s.incidents[from]
	for dst != nil && dst.mergedInto != 0 {
		dst = s.incidents[dst.mergedInto]
	}
	if dst == nil || src == nil || dst == src || !dst.state.IsOpen() || !src.state.IsOpen() || dst.pinned || src.pinned || dst.byRule() || src.byRule() || dst.isUnrelated(from) {
		return
	}
	cause := "one CI they share"
	if len(dst.causes) > 0 {
		cause = dst.causes[0].CI
	}
	s.merge(dst, src, actSystem, "topology", "enough direct dependants alert that "+cause+" explains both incidents")
}

// merge moves every member of from into into. Both numbers stay; splitting the
// same alerts out again takes it back.
func (s *State) merge(into, from *incident, by doer, evidenceBy, because string) {
	s.uncount(from)
	noted := s.mergeNoted(into, from, by)
	from.before, from.state, from.mergedInto = from.state, itsm.Cancelled, into.number
	s.openIncidents--
	first := len(into.members)
	if faultMergeLoses && len(from.members) > 1 {
		from.members = from.members[:len(from.members)-1]
	}
	for _, m := range from.members {
		s.moveMember(into, from, m, evidenceBy, because)
	}
	into.events += from.events
	into.flapping += from.flapping
	into.lastActivity = s.now
	if from.firing > 0 {
		into.clearedAt = 0
	}
	into.inherit(from)
	s.count(into, into.members[first:], first)
	for _, c := range from.cis.list { // only now: nothing is to be forgotten on the way
		s.releaseCI(c.ci)
	}
	moved := len(from.members)
	from.members, from.cis, from.firing, from.flapping, from.events = nil, ciSet{}, 0, 0, 0
	from.bySeverity = [itsm.Info + 1]int32{}
	s.group.g.Merge(into.number, from.number)
	s.handOver(from, into)
	s.handOverKin(from, into)
	into.inheritMajor(from)
	from.surround().undo = noted
	s.causesStale(into)
	s.timeline(from, "merged", by.actor, fmt.Sprintf("into %s with %d alert episodes: %s", into.number, moved, because))
	s.timeline(into, "merged", by.actor, fmt.Sprintf("%s came in with %d alert episodes: %s", from.number, moved, because))
	from.clearedAt = s.now
	s.ended.push(uint64(from.number), s.now)
	s.scheduleIncident(from) // its clock stands from here on, not from when it would have been due
	s.touchIncident(from)
	s.tell(from, by, "merged into "+into.number.String())
	s.settle(into, by, because)
}

// inherit takes over what people decided on an incident that becomes part of i:
// who works on it, since when, and how important they said it is.
func (i *incident) inherit(from *incident) {
	if from.acked {
		if i.takesAck(from) {
			i.ackAt, i.handling().ackBy = from.ackAt, from.handled().ackBy
		}
		i.acked = true
		if i.state == itsm.New {
			i.state = itsm.InProgress
		}
	}
	if theirs := from.handled().assignee; theirs != "" && i.handled().assignee == "" {
		i.handling().assignee = theirs
	}
	if i.override == 0 && from.override != 0 {
		i.override, i.handling().overrideBy = from.override, from.handled().overrideBy
	}
}

// takesAck reports whether from was taken up and i was not, or later.
func (i *incident) takesAck(from *incident) bool {
	return from.acked && (!i.acked || from.ackAt < i.ackAt)
}

func (s *State) moveMember(into, from *incident, m member, by, because string) {
	s.put(itsm.Decision{Kind: itsm.DropEvidence, Evidence: &itsm.Evidence{Incident: from.number, Alert: m.alert, Episode: m.episode}})
	s.put(itsm.Decision{Kind: itsm.PutEvidence, Evidence: &itsm.Evidence{Incident: into.number, Alert: m.alert, Episode: m.episode, At: s.now, Offset: s.off,
		Decision: itsm.DecidedMerged, By: by, Rule: ruleDefault, CMDBRevision: s.graph.Revision(), CI: m.ci.id, Because: because}})
	a := s.alerts.Get(m.alert)
	m.from = from.number
	into.members = append(into.members, m)
	if a == nil || a.inc != from {
		return
	}
	a.inc, a.incident = into, into.number
	if a.flapsIn == from {
		a.flapsIn = into
	}
	if a.episode == m.episode {
		a.at = int32(len(into.members) - 1)
	}
	s.touchAlert(a)
}

// count adds to i what new members imply; at is the place of the first of them.
func (s *State) count(i *incident, ms []member, at int) {
	for n := range ms {
		m := &ms[n]
		s.addCI(i, m.ci)
		a := s.alerts.Get(m.alert)
		if a == nil {
			continue
		}
		i.worst = worse(i.worst, a.severity)
		if a.episode != m.episode || a.inc != i {
			continue
		}
		a.at = int32(at + n)
		if a.status == itsm.Firing {
			i.firing++
			i.bySeverity[a.severity]++
		}
		s.shareLabels(i, a)
		i.leads(a)
	}
}

func (s *State) actSplit(i *incident, a *itsm.Act) itsm.Outcome {
	if !i.state.IsOpen() {
		return i.illegal(a)
	}
	if len(a.Alerts) == 0 {
		return refuse(a, itsm.Invalid, "alerts: expected at least one alert of %s", i.number)
	}
	out, stay := i.divide(a.Alerts)
	switch {
	case len(out) == 0:
		return refuse(a, itsm.Invalid, "alerts: none of them belongs to %s", i.number)
	case len(stay) == 0:
		return refuse(a, itsm.Conflict, "alerts: at least one has to stay in %s", i.number)
	}
	to, back := s.splitTarget(i, out)
	to.surround().undo = splitNoted(i, out, s.now, doerOf(a))
	s.split(i, to, out, stay, doerOf(a), back)
	return itsm.Outcome{Incident: to.number}
}

func (i *incident) divide(alerts []itsm.AlertNumber) (out, stay []member) {
	want := make(map[itsm.AlertNumber]bool, len(alerts))
	for _, n := range alerts {
		want[n] = true
	}
	for _, m := range i.members {
		if want[m.alert] {
			out = append(out, m)
		} else {
			stay = append(stay, m)
		}
	}
	return out, stay
}

// splitTarget is the incident that split members go to: when all of them came
// with one merge, the incident that was merged, else a new one.
func (s *State) splitTarget(i *incident, out []member) (to *incident, back bool) {
	from := out[0].from
	same := !slices.ContainsFunc(out, func(m member) bool { return m.from != from })
	if was := s.incidents[from]; same && was != nil && was.mergedInto == i.number {
		s.revive(i, was)
		return was, true
	}
	to = s.open(0)
	to.worst = 0
	s.group.g.Open(to.number, s.now)
	return to, false
}

// revive opens again what was merged into i, without members yet.
func (s *State) revive(i, was *incident) {
	was.state, was.mergedInto = was.before, 0
	was.epoch++ // a partner was told that it is over
	was.acked = false
	if was.ruled != nil {
		was.ruled.since = s.now
	}
	s.handBack(i, was)
	s.handBackKin(i, was)
	s.openIncidents++
	s.group.g.Open(was.number, s.now)
}

func (s *State) split(i, to *incident, out, stay []member, by doer, back bool) {
	i.pinned, to.pinned = true, true
	because := "split from " + i.number.String() + " by " + by.actor
	i.members = stay
	newest := map[itsm.AlertNumber]uint32{} // of the alerts that stay with an episode
	for _, m := range stay {
		newest[m.alert] = max(newest[m.alert], m.episode)
	}
	for _, m := range out {
		s.splitMember(i, to, m, because, newest[m.alert] > m.episode)
	}
	s.recount(to) // first: nothing is to be forgotten on the way
	s.recount(i)
	to.lastActivity, i.lastActivity = s.now, s.now
	s.causesStale(i)
	s.causesStale(to)
	kind, text := "opened", because
	if back {
		kind, text = "merge taken back", because
	}
	s.timeline(to, kind, by.actor, fmt.Sprintf("%s, with %d alert episodes", text, len(out)))
	s.timeline(i, "split", by.actor, fmt.Sprintf("%d alert episodes went to %s", len(out), to.number))
	s.settle(i, by, because)
	s.settle(to, by, because)
}

// splitMember moves a member. Its alert goes with it, unless a later episode stays.
func (s *State) splitMember(i, to *incident, m member, because string, alertStays bool) {
	s.put(itsm.Decision{Kind: itsm.DropEvidence, Evidence: &itsm.Evidence{Incident: i.number, Alert: m.alert, Episode: m.episode}})
	s.put(itsm.Decision{Kind: itsm.PutEvidence, Evidence: &itsm.Evidence{Incident: to.number, Alert: m.alert, Episode: m.episode, At: s.now, Offset: s.off,
		Decision: itsm.DecidedSplit, By: "person", Rule: ruleDefault, CMDBRevision: s.graph.Revision(), CI: m.ci.id, Because: because}})
	m.from = 0
	to.members = append(to.members, m)
	a := s.alerts.Get(m.alert)
	if a == nil || a.inc != i || alertStays {
		return
	}
	a.inc, a.incident = to, to.number
	if a.flapsIn == i {
		a.flapIn(to)
	}
	if a.episode == m.episode {
		i.events -= min(i.events, a.count-a.base)
		to.events += a.count - a.base
		s.group.g.Leave(i.number, a.number, a.episode)
		s.group.g.Join(to.number, s.probe(a, s.now, labelsOf(a.text)))
		if a.status != itsm.Firing {
			s.group.ended(a, s.now)
		}
	}
	s.touchAlert(a)
}
