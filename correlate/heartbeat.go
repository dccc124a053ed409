package correlate

// A heartbeat is an alert that is sent again and again while all is well, such as
// one that always fires or a job that reports. Its rule waits for it as for an
// absence: a timer runs from when it was heard last. Neither its lease nor its
// staleness ends it, for then there would be nothing left to be missed.

// beat notes that a heartbeat was heard. The timer stays where it is: when it is
// due it finds how much later it is due now, so that a beat costs nothing else.
func (s *State) beat(a *alert) {
	g := s.gatheringIDs[a.gathering]
	if g == nil {
		return
	}
	for n := range g.waiting {
		if g.waiting[n].alert == a.number {
			g.waiting[n].at = s.now
		}
	}
}
