package backtest

import "signalbox/itsm"

// Acts says what became of what people and partners did.
type Acts struct {
	Applied int `json:"applied"`  // to the incident that holds the same alert
	LeftOut int `json:"left_out"` // no such incident on this side, or it cannot be told which it was
	Moot    int `json:"moot"`     // a merge of what is one already, a split of what is apart
}

// isDeed reports whether an act is somebody's, and not the book-keeping of a connector.
func isDeed(a *itsm.Act) bool {
	return a.Kind != itsm.ActReceipt && a.Kind != itsm.ActRetry && a.Kind != itsm.ActLink
}

// act applies an act of history to both sides.
func (r *run) act(e *Entry, a *itsm.Act, folds bool) error {
	if !folds || r.known == nil || !isDeed(a) {
		if r.recorded != nil {
			return r.recorded.take(e.Offset, e.At, a)
		}
		if folds && r.inRange(e) && isDeed(a) {
			r.before.acts.LeftOut++
			r.after.acts.LeftOut++
		}
		return nil
	}
	said := r.judge(a) // before the act changes who is where
	first := r.known
	if err := first.take(e.Offset, e.At, a); err != nil {
		return err
	}
	if o := first.outcome; o.Code == "" && !o.NoOp && r.inRange(e) {
		r.labels.add(&said)
	}
	for _, s := range []*side{r.before, r.after} {
		if s == first {
			s.acts.Applied++
			continue
		}
		was := s.acts
		if err := r.apply(s, e, a); err != nil {
			return err
		}
		if !r.inRange(e) {
			s.acts = was
		}
	}
	return nil
}

// inRange reports whether an entry counts, and is not one of the warm-up.
func (r *run) inRange(e *Entry) bool { return e.At >= r.o.From }

// apply applies an act to a side whose incidents have other numbers.
func (r *run) apply(s *side, e *Entry, a *itsm.Act) error {
	b := *a
	b.IfVersion, b.Epoch, b.IdempotencyKey = 0, 0, ""
	b.Incident = r.across(s, a.Incident)
	moot := false
	switch a.Kind {
	case itsm.ActMerge, itsm.ActUnrelated:
		b.Into = r.across(s, a.Into)
		moot = b.Into != 0 && b.Into == b.Incident
	case itsm.ActSplit:
		b.Alerts = r.alerts(s, a.Alerts, b.Incident)
		moot = len(b.Alerts) == 0
	}
	switch {
	case b.Incident == 0 || a.Into != 0 && b.Into == 0:
		s.acts.LeftOut++
		return nil
	case moot:
		s.acts.Moot++
		return nil
	}
	s.acts.Applied++
	return s.take(e.Offset, e.At, &b)
}

// episodeOn is where an episode of recorded history is on a side; -1: nowhere.
func (r *run) episodeOn(s *side, known int32) int32 {
	n, ok := r.where[known]
	switch {
	case !ok:
		return -1
	case s == r.before:
		return r.links[n].before
	}
	return r.links[n].after
}

// leadOf is the first episode of an incident of recorded history; -1: none.
func (r *run) leadOf(n itsm.IncidentNumber) int32 {
	if in := r.known.get(n); in != nil {
		return in.lead - 1
	}
	return -1
}

// across is the incident of a side that holds the lead episode of one of history.
func (r *run) across(s *side, n itsm.IncidentNumber) itsm.IncidentNumber {
	lead := r.leadOf(n)
	if lead < 0 {
		return 0
	}
	return s.incidentOf(r.episodeOn(s, lead))
}

// alerts are those of a side's incident that are the same as some of history.
func (r *run) alerts(s *side, known []itsm.AlertNumber, in itsm.IncidentNumber) (out []itsm.AlertNumber) {
	for _, a := range known {
		ep := r.episodeOn(s, r.currentOf(a))
		if ep >= 0 && s.incidentOf(ep) == in {
			out = append(out, s.episodes[ep].key.Alert)
		}
	}
	return out
}

// currentOf is the newest episode of an alert of recorded history; -1: none.
func (r *run) currentOf(a itsm.AlertNumber) int32 {
	if a >= itsm.AlertNumber(len(r.known.newest)) {
		return -1
	}
	return r.known.newest[a] - 1
}
