package correlate

import (
	"slices"

	"signalbox/itsm"
)

// isUnrelated reports whether a person said that i and n are different troubles.
func (i *incident) isUnrelated(n itsm.IncidentNumber) bool {
	return i.did != nil && slices.Contains(i.did.unrelated, n)
}

// actUnrelated notes that a person sees two troubles: neither is proposed to the
// other again, and no cause that turns hot makes them one. Merging them takes it
// back. It is a label, too: a backtest counts which rules keep them apart.
func (s *State) actUnrelated(i *incident, a *itsm.Act) itsm.Outcome {
	o := s.incidents[a.Into]
	switch {
	case a.Into == 0 || a.Into > s.lastIncident:
		return refuse(a, itsm.Invalid, "to: there is no incident %q", a.Into)
	case a.Into == i.number:
		return refuse(a, itsm.Invalid, "to: %s is itself", i.number)
	case o == nil:
		return refuse(a, itsm.Conflict, "to: %s was closed long ago and takes no more changes", a.Into)
	case o.mergedInto == i.number:
		return refuse(a, itsm.Conflict, "to: %s was merged into %s; split its alerts out instead", o.number, i.number)
	case i.isUnrelated(o.number):
		return noOp(a)
	case len(i.handled().unrelated) >= itsm.UnrelatedMax:
		return refuse(a, itsm.TooLarge, "to: %d incidents are said to be unrelated to %s, which is the limit", itsm.UnrelatedMax, i.number)
	}
	by := doerOf(a).actor
	for _, p := range [][2]*incident{{i, o}, {o, i}} {
		this, other := p[0], p[1].number
		if h := this.handling(); len(h.unrelated) < itsm.UnrelatedMax {
			h.unrelated = append(h.unrelated, other)
		}
		if v := this.beside; v != nil {
			if v.maybe = slices.DeleteFunc(slices.Clone(v.maybe), func(c itsm.Candidate) bool { return c.Incident == other }); len(v.maybe) == 0 {
				v.maybe = nil // as a state that was read has it
			}
		}
		s.timeline(this, "not related", by, "to "+other.String())
		s.touchIncident(this)
	}
	return done(a)
}

// forgetUnrelated takes it back.
func (i *incident) forgetUnrelated(n itsm.IncidentNumber) {
	if i.did != nil {
		if i.did.unrelated = slices.DeleteFunc(i.did.unrelated, func(o itsm.IncidentNumber) bool { return o == n }); len(i.did.unrelated) == 0 {
			i.did.unrelated = nil
		}
	}
}
