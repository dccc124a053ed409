package correlate

import (
	"strings"

	"signalbox/itsm"
)

// part is one of the sender's own alerts that a rule's key makes one alert here.
// It ends when all its parts cleared, and it says what its first part says: with
// the words of whichever spoke last it would change with every repeat.
type part struct {
	alert itsm.AlertNumber
	gen   uint32 // of the alert, when it was counted: a part of an earlier time is none
}

// partsMax bounds the parts of a source. Beyond it an alert ends with the first
// clear.
const partsMax = 100_000

// reasonPart is why the clear of a part changes nothing.
const reasonPart = "other alerts of its key fire"

// partOf returns the firing alert that a sender's alert is counted under.
func (s *State) partOf(src *source, own string) *alert {
	p, ok := src.parts[own]
	if !ok {
		return nil
	}
	if a := s.alerts.Get(p.alert); a != nil && a.gen == p.gen && a.status == itsm.Firing {
		return a
	}
	return nil
}

// moved ends what a sender's alert was counted under before another rule set made
// another identity of it: under the old one nobody would ever clear it. It is
// called when the alert is heard of again, whether it fires or clears. It reports
// true when the event was about nothing else.
func (s *State) moved(src *source, own string, a *alert, e *itsm.Event, et itsm.Time) (old *alert, done bool) {
	old = s.partOf(src, own)
	if old == nil && own != e.Identity {
		old = src.alerts[own]
	}
	if old == nil || old == a || old.status != itsm.Firing {
		return nil, false
	}
	if _, ok := src.parts[own]; ok {
		delete(src.parts, own)
		p := old.aside()
		if p.parts--; p.parts > 0 {
			old = nil
		}
	}
	if old == nil || e.Status == itsm.Firing || a != nil {
		return old, false
	}
	old.count++
	old.lastSeen = s.now
	s.endEpisode(old, endedSender, s.endOf(e, et))
	src.fold()
	return old, true
}

// supersede ends an alert that another identity took over from, as if its lease
// had run out; nil is none.
func (s *State) supersede(old *alert) {
	if old != nil && old.status == itsm.Firing {
		s.endEpisode(old, endedLease, s.now)
	}
}

// clearsPart takes a part out that cleared, and reports whether others still fire.
func (s *State) clearsPart(src *source, own string, a *alert) bool {
	if a == nil || a.side().parts == 0 {
		return false
	}
	if s.partOf(src, own) == a {
		delete(src.parts, own)
		a.aside().parts--
	}
	if a.side().parts == 0 {
		return false
	}
	a.count++
	a.lastSeen = s.now
	if a.inc != nil {
		a.inc.events++
	}
	src.suppress(reasonPart)
	return true
}

// addPart counts a sender's alert under a.
func (s *State) addPart(src *source, own string, a *alert) {
	if a.status != itsm.Firing || s.partOf(src, own) == a {
		return
	}
	if len(src.parts) >= partsMax {
		for k := range src.parts { // any order: each is judged alone
			if s.partOf(src, k) == nil {
				delete(src.parts, k)
			}
		}
		if len(src.parts) >= partsMax {
			return
		}
	}
	if src.parts == nil {
		src.parts = map[string]part{}
	}
	own = strings.Clone(own)
	src.parts[own] = part{a.number, a.gen}
	p := a.aside()
	if p.parts++; p.parts == 1 {
		p.lead = own
	}
}

// asLead returns the event with the words that a has already, unless its first
// part speaks or is gone; a worse severity counts from any part.
func (s *State) asLead(src *source, own string, a *alert, e *itsm.Event) *itsm.Event {
	p := a.side()
	if a.status != itsm.Firing || p.parts == 0 || own == p.lead || s.partOf(src, p.lead) != a {
		return e
	}
	w := *a.event()
	w.Status, w.Severity = e.Status, worse(a.severity, severityOf(e))
	w.StartsAt, w.EndsAt, w.EventAt, w.LeaseUntil, w.PartialGroup = e.StartsAt, e.EndsAt, e.EventAt, e.LeaseUntil, e.PartialGroup
	return &w
}

// archiveParts archives the parts of a source.
func archiveParts(a *archive, src *source) {
	dict(a, &src.parts, func(a *archive, p *part) { num(a, &p.alert); num(a, &p.gen) })
}

// countParts counts the parts of every alert of a state that was read.
func (s *State) countParts() {
	for _, src := range s.sourceList {
		for own := range src.parts { // any order: it is a count
			if a := s.partOf(src, own); a != nil {
				a.aside().parts++
			}
		}
	}
}
