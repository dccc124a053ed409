package correlate

import (
	"fmt"
	"slices"
	"time"

	"signalbox/itsm"
	"signalbox/itsm/cmdb"
	"signalbox/rules"
)

// hiding is the index of the alerts that fire and hide others, by rule, values of
// the labels that must be equal, and CI when the rule asks for the way to it.
type hiding map[string][]itsm.AlertNumber

// hideGrace is how long after a parent cleared its children stay hidden: when
// both clear together nothing opens.
const hideGrace = 10 * time.Second

// hideKey is the key of an alert in the index, as a parent or as a child; ok is
// false when it lacks one of the labels.
func hideKey(r *rules.Rule, ls itsm.Labels) (key string, ok bool) {
	key = r.ID
	for _, name := range r.Suppress.InhibitedBy.Equal {
		v := ls.Get(name)
		if v == "" {
			return "", false
		}
		key += "\x1f" + v
	}
	return key, true
}

func ciHideKey(key string, ci string) string { return key + "\x1e" + ci }

// rehide brings the index up to date with what a is a parent of.
func (s *State) rehide(a *alert) {
	var keys []string
	if s.ruled.hides && a.status == itsm.Firing {
		k := s.ask(a)
		for _, r := range k.run.Inhibits() {
			key, ok := hideKey(r, k.facts.Event.Labels)
			if !ok || r.Suppress.InhibitedBy.Upstream > 0 && a.ci.ref == cmdb.NoRef {
				continue
			}
			if r.Suppress.InhibitedBy.Upstream > 0 {
				key = ciHideKey(key, a.ci.id)
			}
			keys = append(keys, key)
		}
		s.tallyFailed(k)
	}
	if slices.Equal(keys, a.side().hides) {
		return
	}
	s.index(a, false)
	a.aside().hides = keys
	s.index(a, true)
	s.showChildren(a)
}

// index puts a into the index of parents, or takes it out.
func (s *State) index(a *alert, in bool) {
	for _, key := range a.side().hides {
		list := s.hiding[key]
		at, found := slices.BinarySearch(list, a.number)
		switch {
		case in && !found:
			s.hiding[key] = slices.Insert(list, at, a.number)
		case !in && found && len(list) == 1:
			delete(s.hiding, key)
		case !in && found:
			s.hiding[key] = slices.Delete(list, at, at+1)
		}
	}
}

// rehideAll makes the index anew, for another rule set or CMDB.
func (s *State) rehideAll() {
	for _, n := range s.alertNumbers() {
		s.rehide(s.alerts.Get(n))
	}
}

// hiddenBy returns a firing alert that hides a by the rule, 0 when there is none.
// What hides others by a rule is never hidden by it, and two alerts never hide
// each other, or neither would be seen.
func (s *State) hiddenBy(a *alert, r *rules.Rule) itsm.AlertNumber {
	key, ok := hideKey(r, s.ruled.alert.facts.Event.Labels)
	if !ok || slices.ContainsFunc(a.side().hides, func(k string) bool { return ruleOfHideKey(k) == r.ID }) {
		return 0
	}
	up := r.Suppress.InhibitedBy.Upstream
	if up == 0 {
		return s.firstParent(key, a)
	}
	if a.ci.ref == cmdb.NoRef {
		return 0
	}
	s.reach = s.graph.Explains(a.ci.ref, up, s.reach[:0])
	for _, y := range s.reach {
		if n := s.firstParent(ciHideKey(key, s.graph.ID(y.Ref)), a); n != 0 {
			return n
		}
	}
	return 0
}

func ruleOfHideKey(key string) string {
	if n := slices.IndexFunc([]byte(key), func(c byte) bool { return c < ' ' }); n >= 0 {
		return key[:n]
	}
	return key
}

func (s *State) firstParent(key string, a *alert) itsm.AlertNumber {
	for _, n := range s.hiding[key] {
		if n != a.number && !s.leadsTo(n, a.number) {
			return n
		}
	}
	return 0
}

// hideDepthMax bounds how far a chain of alerts that hide each other is followed.
const hideDepthMax = 16

// leadsTo reports whether n is itself hidden because of child. A chain too long
// to follow counts as one: an alert too many is better than one too few.
func (s *State) leadsTo(n, child itsm.AlertNumber) bool {
	for range hideDepthMax {
		p := s.alerts.Get(n)
		if p == nil || p.hiddenBy == 0 {
			return false
		}
		if n = p.hiddenBy; n == child {
			return true
		}
	}
	return true
}

// hide notes which alert hides a.
func (s *State) hide(a *alert, parent itsm.AlertNumber) {
	a.hiddenBy = parent
	s.children[parent] = append(s.children[parent], a.number)
	a.held = fmt.Sprintf("rule %s: inhibited by %s", a.rule, s.alerts.Get(parent).describe())
}

func (s *State) unhide(a *alert) {
	list := s.children[a.hiddenBy]
	if at := slices.Index(list, a.number); at >= 0 {
		list = slices.Delete(list, at, at+1)
	}
	if s.children[a.hiddenBy] = list; len(list) == 0 {
		delete(s.children, a.hiddenBy)
	}
	a.hiddenBy = 0
}

// showChildren places again, after the grace, what a hid.
func (s *State) showChildren(a *alert) {
	for _, n := range s.children[a.number] {
		if c := s.alerts.Get(n); c.status == itsm.Firing && c.ruleDue == 0 {
			c.ruleDue = s.now.Add(hideGrace)
			s.scheduleAlert(c)
		}
	}
}
