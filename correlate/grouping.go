package correlate

import (
	"cmp"
	"slices"

	"signalbox/correlate/group"
	"signalbox/itsm"
)

// grouping is what the core asks package group, and what it tells it.
type grouping struct {
	s    *State
	g    *group.Grouper
	last group.Probe // the onset asked about last, until it joins

	labels itsm.Labels // of last; used again by the next
}

// alertNames are the labels that name the rule of an alert, first hit wins.
var alertNames = []string{"alertname", "alert_name", "monitor", "check", "rule"}

func (s *State) probe(a *alert, t itsm.Time, labels itsm.Labels) group.Probe {
	name, _ := labels.First(alertNames...)
	_, sender, origin := a.named()
	from := a.src.name
	if origin != "" {
		from += "/" + origin // each system has a rhythm of its own
	}
	p := group.Probe{At: t, Alert: a.number, Episode: a.episode, CI: a.ci.ref, Taken: a.boundBy == boundByNeighbours, Source: from, SenderGroup: sender,
		Title: titleOf(a.text), AlertName: name, Severity: a.severity, Labels: labels}
	if p.CI < 0 {
		p.Provisional = a.ci.id
	}
	return p
}

// place asks where an onset belongs; the onset is then joined or opened.
func (g *grouping) place(a *alert, t itsm.Time) group.Placement {
	g.labels = appendLabels(g.labels[:0], a.text)
	g.last = g.s.probe(a, t, g.labels)
	return g.g.Place(g.last)
}

// join tells that the current episode of a is a member of i. When the core
// decided that alone, grouping still has to see the onset.
func (g *grouping) join(i *incident, a *alert) {
	if g.last.Alert != a.number || g.last.Episode != a.episode {
		g.place(a, g.s.now)
	}
	g.g.Join(i.number, g.last)
	g.last = group.Probe{}
}

// rejoin tells that a member is now bound to another CI.
func (g *grouping) rejoin(i *incident, a *alert) {
	g.g.Leave(i.number, a.number, a.episode)
	g.g.Join(i.number, g.s.probe(a, g.s.now, labelsOf(a.text)))
}

func (g *grouping) ended(a *alert, ends itsm.Time) { g.g.Ended(a.number, ends) }
func (g *grouping) lost(a *alert)                  { g.g.Lost(a.number, a.lastSeen) }
func (g *grouping) forget(a *alert)                { g.g.Forget(a.number) }
func (g *grouping) resolve(i *incident)            { g.g.Resolve(i.number, g.s.now) }
func (g *grouping) reopen(i *incident)             { g.g.Reopen(i.number, g.s.now) }
func (g *grouping) close(i *incident)              { g.g.Close(i.number) }

// groupPlace puts an episode where grouping says and carries out the merges that
// came with it.
func (s *State) groupPlace(a *alert, t itsm.Time) { s.accept(a, t, s.group.place(a, t)) }

func (s *State) accept(a *alert, t itsm.Time, pl group.Placement) {
	ev := pl.Evidence
	i := s.incidents[pl.Incident]
	switch {
	case i != nil && i.state.IsOpen():
		s.join(i, a, s.fill(&ev, i, a, itsm.DecidedJoined))
	case i != nil && s.canReopen(i):
		s.join(i, a, s.fill(&ev, i, a, itsm.DecidedReopened))
		s.reopen(i, actSystem, a.describe()+" fired again")
	default:
		follows := pl.Follows
		if i != nil {
			follows = i.number
		}
		i = s.openFor(a, t, follows, &ev)
	}
	s.follow(i, pl)
}

// follow carries out what came with a placement in i.
func (s *State) follow(i *incident, pl group.Placement) {
	s.related(i, pl.Maybe)
	for _, m := range pl.Merge {
		s.mergeHot(m[0], m[1])
	}
}

// openFor opens an incident with a as its first member.
func (s *State) openFor(a *alert, t itsm.Time, follows itsm.IncidentNumber, ev *itsm.Evidence) *incident {
	i := s.open(follows)
	s.enterStorm(i, a)
	s.group.g.Open(i.number, t)
	text := a.describe() + " opened it: " + ev.Because
	if i.storm {
		text += "; opened in a storm"
	}
	s.timeline(i, "opened", actSystem.actor, text)
	if f := s.incidents[follows]; f != nil {
		s.timeline(f, "followed", actSystem.actor, i.number.String()+" follows on from it")
	}
	s.join(i, a, s.fill(ev, i, a, itsm.DecidedOpened))
	return i
}

// fill completes evidence with what only the core knows.
func (s *State) fill(ev *itsm.Evidence, i *incident, a *alert, d itsm.EvidenceDecision) *itsm.Evidence {
	e := *ev
	e.Incident, e.Alert, e.Episode, e.At, e.Offset, e.Decision = i.number, a.number, a.episode, s.now, s.off, d
	if a.boundBy == boundByNeighbours {
		e.Because += "; of the CIs it may mean only this one is in an outage"
	}
	return &e
}

// evidence states a membership that needed no grouping.
func (s *State) evidence(i *incident, a *alert, d itsm.EvidenceDecision, by, because string) *itsm.Evidence {
	return &itsm.Evidence{Incident: i.number, Alert: a.number, Episode: a.episode, At: s.now, Offset: s.off, Decision: d, By: by,
		Rule: ruleDefault, CMDBRevision: s.graph.Revision(), CI: a.ci.id, Shared: a.ci.id, Because: because}
}

// ruleDefault is the rule of what no explicit rule decided.
const ruleDefault = "default"

// related keeps the neighbours that may belong to i, the best first.
func (s *State) related(i *incident, maybe []itsm.Candidate) {
	list, heard, changed := i.around().maybe, false, false
	for _, m := range maybe {
		at := slices.IndexFunc(list, func(c itsm.Candidate) bool { return c.Incident == m.Incident })
		if at >= 0 && list[at].ScoreMilli >= m.ScoreMilli {
			continue
		}
		o := s.incidents[m.Incident]
		if m.Incident == i.number || o == nil || !o.state.IsOpen() || i.isUnrelated(m.Incident) {
			continue
		}
		heard = true
		to, _ := slices.BinarySearchFunc(list, m, func(a, b itsm.Candidate) int {
			return cmp.Or(cmp.Compare(b.ScoreMilli, a.ScoreMilli), cmp.Compare(a.Incident, b.Incident))
		})
		if to >= itsm.MaybeRelatedMax {
			continue
		}
		if !changed {
			list, changed = slices.Clone(list), true // a record has it
		}
		if at >= 0 { // with a lower score, so behind
			list = slices.Delete(list, at, at+1)
		}
		list = slices.Insert(list, to, m)
	}
	if changed {
		i.surround().maybe = list[:min(len(list), itsm.MaybeRelatedMax)]
	}
	if heard {
		s.touchIncident(i)
	}
}

// Causes are ranked anew with every join while an incident is small, then when
// it grew by a quarter, and at the latest causesWait after a join: the cost per
// member stays constant and the last word is always right.
const (
	causesSmall = 8
	causesWait  = 30_000 // milliseconds
)

func (s *State) causesStale(i *incident) {
	n := len(i.members)
	if n <= causesSmall || 4*n >= 5*int(i.causesAt) {
		s.refreshCauses(i)
		return
	}
	if v := i.surround(); v.causesDue == 0 {
		v.causesDue = s.now + causesWait
	}
}

func (s *State) refreshCauses(i *incident) {
	i.causes = s.group.g.Causes(i.number)
	i.causes = i.causes[:min(len(i.causes), itsm.IncidentCausesMax)]
	i.causesAt = int32(len(i.members))
	if i.beside != nil {
		i.beside.causesDue = 0
	}
	if changes := s.whatChanged(i); !slices.Equal(changes, i.around().changes) {
		i.surround().changes = changes
	}
}
