package correlate

import (
	"fmt"

	"signalbox/itsm"
	"signalbox/itsm/cmdb"
	"signalbox/rules"
)

// normalise returns the event as the rules put it; the journaled one stays as it is.
func (s *State) normalise(e *itsm.Event) *itsm.Event {
	u := &s.ruled
	if s.rules.Set == nil {
		return e
	}
	u.spoke, u.event.facts.Event = u.spoke[:0], nil
	if !u.has[rules.Normalise] {
		return e
	}
	u.event.begin(rules.Facts{Now: s.now, Event: e})
	u.event.run.Normalise()
	u.spoke = s.tally(&u.event, u.spoke)
	return u.event.facts.Event
}

// identifyEvent finds the CI of an event: first by the names that rules give,
// then in the ordinary order.
func (s *State) identifyEvent(e *itsm.Event) cmdb.Binding {
	u := &s.ruled
	if u.has[rules.Bind] && u.event.facts.Event != e {
		u.event.begin(rules.Facts{Now: s.now, Event: e})
	}
	b := s.bindingOf(e)
	if u.has[rules.Bind] {
		u.spoke = s.tally(&u.event, u.spoke)
	}
	return b
}

// bindingOf is identifyEvent without counting; the rules were begun with e.
func (s *State) bindingOf(e *itsm.Event) cmdb.Binding {
	sight := cmdb.Sighting{Source: e.Source, CIName: e.CIName, AlertName: e.Title, Labels: e.Labels}
	if !s.ruled.has[rules.Bind] {
		return s.graph.Identify(sight)
	}
	names, by := s.ruled.event.run.Bind()
	var tried []string
	for n, name := range names {
		b := s.graph.Identify(cmdb.Sighting{Source: e.Source, CIName: name})
		for _, l := range b.Trail {
			tried = append(tried, "rule "+by[n].ID+": "+l)
		}
		if b.Ref != cmdb.NoRef {
			b.By, b.Trail = "rule:"+by[n].ID, tried
			return b
		}
	}
	b := s.graph.Identify(sight)
	if b.Ref == cmdb.NoRef && sight.CIName == "" && len(names) > 0 {
		// What a rule names is at least as good a key as what the labels suggest.
		sight.CIName = names[0]
		b = s.graph.Identify(sight)
	}
	b.Trail = append(tried, b.Trail...)
	return b
}

// dropped reports whether a rule drops an event that would begin an episode, and
// counts it. Nothing is kept of it, and nothing that fires already is dropped:
// its clear has to be heard.
func (s *State) dropped(src *source, a *alert, e *itsm.Event) bool {
	if !s.mayDrop(a, e) {
		return false
	}
	k := &s.ruled.alert
	k.begin(rules.Facts{Now: s.now, Event: e, CI: s.ciFactsOf(s.identifyEvent(e))})
	r := k.dropsBy()
	if r == nil {
		return false // what else speaks is counted when the alert is placed
	}
	s.tally(k, nil)
	src.suppress(src.reason(fmt.Sprintf("rule %s: dropped", r.ID)))
	return true
}

// mayDrop reports whether a rule may drop an event of a, which is nil for a new alert.
func (s *State) mayDrop(a *alert, e *itsm.Event) bool {
	return s.ruled.drops && e.Status != itsm.Resolved && (a == nil || a.status != itsm.Firing)
}

// dropsBy is the rule that drops what k was begun with, nil for none.
func (k *asker) dropsBy() *rules.Rule {
	if r := k.run.Suppress(func(*rules.Rule) bool { return false }); r != nil && r.Suppress.Drop {
		return r
	}
	return nil
}

// ciFactsOf is ciFacts of a CI that nothing may hold yet.
func (s *State) ciFactsOf(b cmdb.Binding) rules.CI { return s.ciFacts(s.ciBoundBy(b)) }

// ciBoundBy is the CI of a binding, without keeping one that is new.
func (s *State) ciBoundBy(b cmdb.Binding) *ci {
	key := ciKey{b.Provisional, true}
	if b.Ref != cmdb.NoRef {
		key = ciKey{s.graph.ID(b.Ref), false}
	}
	if c := s.cis[key]; c != nil {
		return c
	}
	return &ci{id: key.id, ref: b.Ref, provisional: key.provisional}
}

// reasonsMax bounds the reasons that a source counts by: rules come and go.
const reasonsMax = 1000

// reason is the text that a suppressed event is counted by.
func (src *source) reason(text string) string {
	if _, ok := src.bySupp[text]; ok || len(src.bySupp) < reasonsMax {
		return text
	}
	return reasonByRule
}
