package correlate

import "signalbox/itsm"

// Sketch is the little of an incident that tells it from others in a report.
type Sketch struct {
	Number     itsm.IncidentNumber
	Title      string
	Group      string
	Priority   itsm.Priority
	OpenedAt   itsm.Time
	MergedInto itsm.IncidentNumber
}

// FlushSketches is Flush for whoever wants no records, which cost as much as a fifth
// of a fold: it hands over a sketch of each incident that changed since the last flush
// of either kind, in no particular order. It is used again for the next.
func (s *State) FlushSketches(each func(*Sketch)) {
	for _, a := range s.dirtyAlerts {
		a.dirty = false
	}
	var v Sketch
	for _, i := range s.dirtyIncidents {
		i.dirty = false
		v = Sketch{i.number, i.title(), i.team, i.priority(), i.openedAt, i.mergedInto}
		each(&v)
	}
	s.cleaned()
}

// Brief has the fold leave out what only people and partners read: all timelines, and
// of an intent about an incident all but who is told what of which, when, and how
// important it then is to which group. It is for whoever compares decisions and keeps
// no records. What is decided and remembered is the same. Intents are used again by
// the next Step.
func (s *State) Brief() { s.brief = true }

// intendBriefly is the rest of intendOf for Brief.
func (s *State) intendBriefly(i *incident, t *told, record uint32, tr itsm.Transition) {
	s.briefRoom = append(s.briefRoom, itsm.Intent{Connector: t.connector, Incident: i.number, Epoch: record, Transition: tr, At: s.now, Offset: s.off, Serial: t.serial,
		Snapshot: itsm.IncidentSnapshot{Priority: i.priority(), Severity: i.severity(), State: i.state, Group: i.team}})
	s.put(itsm.Decision{Kind: itsm.PutIntent, Intent: &s.briefRoom[len(s.briefRoom)-1]})
}

// cleaned forgets what was flushed.
func (s *State) cleaned() {
	clear(s.dirtyAlerts)
	clear(s.dirtyIncidents)
	s.dirtyAlerts, s.dirtyIncidents = s.dirtyAlerts[:0], s.dirtyIncidents[:0]
}
