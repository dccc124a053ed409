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

// cleaned forgets what was flushed.
func (s *State) cleaned() {
	clear(s.dirtyAlerts)
	clear(s.dirtyIncidents)
	s.dirtyAlerts, s.dirtyIncidents = s.dirtyAlerts[:0], s.dirtyIncidents[:0]
}
