package correlate

import (
	"slices"

	"signalbox/correlate/group"
	"signalbox/itsm"
	"signalbox/itsm/cmdb"
	"signalbox/rules"
)

// Question is what Explain is asked about: an alert that there is, or an event.
type Question struct {
	Alert  itsm.AlertNumber    // 0: Event stands for itself
	Event  *itsm.Event         // as received; nil with Alert: its words as rules normalised them
	At     itsm.Time           // the moment that is meant; 0: when the alert's episode began, or now
	Beside itsm.IncidentNumber // an incident that is to be among the neighbours
	Rules  *Rules              // rules to go by; nil: those that are active
}

// Explanation is what the fold would decide, and what it looks at for that.
type Explanation struct {
	At       itsm.Time
	Rules    Rules
	Graph    *cmdb.Graph
	Event    *itsm.Event // after normalise
	Alert    itsm.AlertNumber
	Episode  uint32
	Firing   bool
	Incident itsm.IncidentNumber // that the alert's episode belongs to, 0 for none
	Held     string              // what holds the alert back, in its record's words
	CI       string              // or the provisional key
	Outcome  Outcome
	// Near is how grouping judges the incidents around it. Of an alert that belongs
	// to one it is about the others.
	Near group.Considered
	// HiddenBy is, for each rule that inhibits, the alert that would hide this one; 0: none.
	HiddenBy map[string]itsm.AlertNumber
	// Lead is the alert that the stages from incident on are asked about, and Facts
	// what is known of its incident; nil when there is none.
	Lead  itsm.AlertNumber
	Facts *rules.IncidentFacts
}

// Explain answers what would be decided about an alert or an event, and why. It
// takes nothing in: the state encodes as before. ok is false when the alert is not
// remembered. It uses the state's scratch, so nothing else may read meanwhile.
func (s *State) Explain(q Question) (x Explanation, ok bool) {
	a := s.alerts.Get(q.Alert)
	if q.Alert != 0 && a == nil || q.Alert == 0 && q.Event == nil {
		return x, false
	}
	defer s.pretend(&q, a)()
	e := s.rehearseEvent(q.Event, a)
	if q.Alert == 0 {
		if src := s.sources[e.Source]; src != nil {
			a = src.alerts[e.Identity]
		}
	}
	t := s.understudy(a, e, a != nil && (q.Alert != 0 || s.mayStay(a, e)))
	x = Explanation{At: s.now, Rules: s.rules, Graph: s.graph, Event: e, CI: t.ci.id}
	if a != nil {
		x.Alert, x.Episode, x.Firing, x.Held = a.number, a.episode, a.status == itsm.Firing, a.held
	}
	if a != nil && a.member {
		x.Incident = a.incident
	}
	if i := s.incidents[x.Incident]; i != nil && s.alerts.Get(i.lead) != nil {
		x.Lead, x.Facts = i.lead, s.incidentFacts(i)
		x.Facts.CIs = i.bound.show() // read while the fold goes on
	}
	x.HiddenBy = s.hidersOf(t, e)
	own, at := x.Incident, s.now
	if q.Alert == 0 { // the event is yet to come: what its alert is in takes part
		own = 0
		et, _ := s.eventTime(e)
		at = s.groupTime(et)
	}
	who := t
	if et, _ := s.eventTime(e); q.Alert == 0 && a != nil && a.status == itsm.Firing && isOnset(a, e, s.startOf(e, et)) && s.mayStay(a, e) {
		who = a // as it is: what the event says of it counts only once it belongs elsewhere
	}
	x.Near = s.group.g.Consider(s.probe(who, at, e.Labels), own, q.Beside)
	x.Outcome = s.outcome(&q, t, a, e, &x.Near)
	return x, true
}

// mayStay reports whether an event of a may be one of the episode that it is in, or was
// in last.
func (s *State) mayStay(a *alert, e *itsm.Event) bool {
	if a.status != itsm.Firing {
		return s.mayGoOn(a)
	}
	et, _ := s.eventTime(e)
	return e.Status != itsm.Firing || !s.isNext(a, s.startOf(e, et), a.lastSeen)
}

// pretend sets the time and the rules that are meant, and returns what sets them
// back. Counters are only reached through tally, which Explain never calls, and the
// meter of the rules gets back what is spent.
func (s *State) pretend(q *Question, a *alert) func() {
	now, active, ruled := s.now, s.rules, s.ruled
	switch {
	case q.At != 0:
		s.now = q.At
	case a != nil && a.member:
		s.now = a.firedAt
	}
	if q.Rules != nil {
		s.rules = *q.Rules
		s.useRules()
	}
	unspend := func() {}
	if m := s.ruled.meter; m != nil {
		unspend = m.Save()
	}
	return func() {
		unspend()
		s.now, s.rules, s.ruled = now, active, ruled
	}
}

// rehearseEvent is the event as the rules put it, without counting. The words of
// an alert are normalised already.
func (s *State) rehearseEvent(e *itsm.Event, a *alert) *itsm.Event {
	if e == nil {
		return a.event()
	}
	if !s.ruled.has[rules.Normalise] {
		return e
	}
	k := &s.ruled.event
	k.begin(rules.Facts{Now: s.now, Event: e})
	k.run.Normalise()
	c := *k.facts.Event // its memory is used again
	c.Labels, c.Annotations = slices.Clone(c.Labels), slices.Clone(c.Annotations)
	return &c
}

// understudy is an alert that says what e says, and stands in no list. goesOn: it is a
// word of the episode that a is in, or was in last.
func (s *State) understudy(a *alert, e *itsm.Event, goesOn bool) *alert {
	t := &alert{number: s.lastAlert + 1, identity: e.Identity, src: s.sources[e.Source], episode: 1}
	if t.src == nil {
		t.src = &source{name: e.Source}
		t.src.configure(&s.cfg)
	}
	if a != nil {
		c := *a
		t = &c
		if a.series != nil {
			h := *a.series
			h.clears = slices.Clone(h.clears)
			t.series = &h
		}
		if a.status == itsm.Resolved { // as beginEpisode does
			s.remember(t)
		}
	}
	s.setText(t, e)
	s.setSender(t, e)
	t.status, t.severity = itsm.Firing, severityOf(e)
	t.ci = s.ciWithout(a, e, goesOn)
	return t
}

// ciWithout is the CI of an event of a, which may be nil, without keeping one that is
// new. Of an episode that goes on it is not asked anew which of several is meant.
func (s *State) ciWithout(a *alert, e *itsm.Event, goesOn bool) *ci {
	if s.ruled.has[rules.Bind] {
		s.ruled.event.begin(rules.Facts{Now: s.now, Event: e})
	}
	b := s.bindingOf(e)
	switch {
	case !goesOn:
		b = s.meant(b)
	case a.staysMeant(&b):
		return a.ci
	}
	return s.ciBoundBy(b)
}

// hidersOf is what each rule that inhibits would hide t by. It begins the rules
// about t.
func (s *State) hidersOf(t *alert, e *itsm.Event) map[string]itsm.AlertNumber {
	if s.rules.Set == nil {
		return nil
	}
	k := &s.ruled.alert
	k.begin(rules.Facts{Now: s.now, Event: e, CI: s.ciFacts(t.ci)})
	t.beside = &sidelined{} // it is not the alert's: t may be a copy
	for _, r := range k.run.Inhibits() {
		t.beside.hides = append(t.beside.hides, r.ID)
	}
	out := map[string]itsm.AlertNumber{}
	for _, r := range s.rules.Set.Rules() {
		if r.Enabled && r.Stage == rules.Suppress && r.Suppress.InhibitedBy != nil {
			out[r.ID] = s.hiddenBy(t, r)
		}
	}
	return out
}
