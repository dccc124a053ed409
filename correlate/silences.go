package correlate

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"signalbox/itsm"
)

// silencing is a silence that people made at a partner of the monitoring. While it
// is in force, an incident is not paged for of which it, or others, match every
// alert that fires. It opens, hides and resolves nothing: when it ends, what it
// held back is told.
type silencing struct {
	connector string
	sources   []string
	itsm.Silence
	hides func(itsm.Labels) bool
}

// silences are all of them, by connector and id, and what follows from them.
type silences struct {
	list   []*silencing
	alerts map[itsm.AlertNumber]*silencing  // firing alerts that one in force matches, by the one that ends last
	hushed map[itsm.IncidentNumber]struct{} // open incidents of which all that fires is silenced, as their timeline says
	wake   itsm.Time
}

// silencedLook is how many members are looked at for one that is not silenced.
// When these say nothing, nobody is kept from knowing.
const silencedLook = 1000

func init() { objectActors[itsm.ActSilences] = (*State).actSilences }

// actSilences takes over which silences a connector knows of; those it no longer
// lists have ended.
func (s *State) actSilences(a *itsm.Act) itsm.Outcome {
	var b itsm.Silences
	if err := json.Unmarshal(a.Body, &b); err != nil || a.Origin == "" {
		return refuse(a, itsm.Invalid, "silences: expected a connector as origin, and its sources and silences as JSON")
	}
	if len(b.Silences) > itsm.SilencesMax || len(b.Sources) > itsm.SilenceSourcesMax {
		return refuse(a, itsm.TooLarge, "silences: %d of %d sources; at most %d of %d are kept", len(b.Silences), len(b.Sources), itsm.SilencesMax, itsm.SilenceSourcesMax)
	}
	var next []*silencing
	for i := range b.Silences {
		v := &silencing{connector: a.Origin, sources: b.Sources, Silence: b.Silences[i]}
		if v.hides, _ = v.Hides(); v.hides == nil || v.ID == "" || len(v.Matchers) > itsm.SilenceMatchersMax {
			return refuse(a, itsm.Invalid, "silences: %s of %s: expected an id and 1 to %d matchers that can be read", v.ID, a.Origin, itsm.SilenceMatchersMax)
		}
		next = append(next, v)
	}
	slices.SortStableFunc(next, func(x, y *silencing) int { return strings.Compare(x.ID, y.ID) })
	mine := slices.DeleteFunc(slices.Clone(s.silences.list), func(v *silencing) bool { return v.connector != a.Origin })
	if slices.EqualFunc(mine, next, (*silencing).equal) {
		return itsm.Outcome{NoOp: true}
	}
	rest := slices.DeleteFunc(slices.Clone(s.silences.list), func(v *silencing) bool { return v.connector == a.Origin })
	s.silences.list = append(rest, next...)
	slices.SortStableFunc(s.silences.list, func(x, y *silencing) int {
		return cmp.Or(strings.Compare(x.connector, y.connector), strings.Compare(x.ID, y.ID))
	})
	s.silenceAll()
	return itsm.Outcome{}
}

func (v *silencing) equal(o *silencing) bool {
	return v.Silence.Equal(&o.Silence) && slices.Equal(v.sources, o.sources)
}

// dropSilences forgets those of connectors that are no longer configured: nobody
// would ever say that they ended.
func (s *State) dropSilences() {
	n := len(s.silences.list)
	s.silences.list = slices.DeleteFunc(s.silences.list, func(v *silencing) bool { return s.connector(v.connector) == nil })
	if len(s.silences.list) != n {
		s.silenceAll()
	}
}

// silenceAll asks about every alert that fires, because the silences changed or
// one began or ended, and tells what is no longer held back.
func (s *State) silenceAll() {
	s.silences.list = slices.DeleteFunc(s.silences.list, func(v *silencing) bool { return v.EndsAt <= s.now })
	touched := map[itsm.IncidentNumber]bool{}
	for _, n := range s.alertNumbers() {
		a := s.alerts.Get(n)
		if a.status == itsm.Firing && s.silence(a) && a.member && a.inc != nil {
			touched[a.inc.number] = true
		}
	}
	for _, n := range sortedKeys(touched) {
		if i := s.incidents[n]; i != nil && i.state.IsOpen() {
			s.hush(i)
			s.tell(i, actSystem, "")
			s.scheduleIncident(i)
		}
	}
	var next itsm.Time
	for _, v := range s.silences.list {
		if v.StartsAt > s.now {
			next = earliest(next, v.StartsAt)
		}
		next = earliest(next, v.EndsAt)
	}
	s.schedule(&s.silences.wake, wakeSilences, 0, next)
}

// silence finds the silence in force that matches a and ends last, and reports
// whether it is another one than before.
func (s *State) silence(a *alert) bool {
	if len(s.silences.list) == 0 && len(s.silences.alerts) == 0 {
		return false
	}
	var by *silencing
	if a.status == itsm.Firing {
		ls := labelsOf(a.text)
		for _, v := range s.silences.list {
			if v.StartsAt <= s.now && v.EndsAt > s.now && (by == nil || v.EndsAt > by.EndsAt) && slices.Contains(v.sources, a.src.name) && v.hides(ls) {
				by = v
			}
		}
	}
	was := s.silences.alerts[a.number]
	switch {
	case by == was, by != nil && was != nil && by.connector == was.connector && by.equal(was):
		if by != nil {
			s.silences.alerts[a.number] = by
		}
		return false
	case by == nil:
		delete(s.silences.alerts, a.number)
	default:
		if s.silences.alerts == nil {
			s.silences.alerts = map[itsm.AlertNumber]*silencing{}
		}
		s.silences.alerts[a.number] = by
	}
	s.touchAlert(a)
	return true
}

// words say who silenced an alert where, for people; "" for nobody.
func (v *silencing) words() string {
	if v == nil {
		return ""
	}
	return "silenced at " + v.connector + ": " + v.String()
}

// hush reports whether everything that fires of i is silenced, and keeps its
// timeline up to date about that.
func (s *State) hush(i *incident) bool {
	if len(s.silences.alerts) == 0 && len(s.silences.hushed) == 0 {
		return false
	}
	by := s.silencer(i)
	_, was := s.silences.hushed[i.number]
	switch {
	case by != nil && !was:
		if s.silences.hushed == nil {
			s.silences.hushed = map[itsm.IncidentNumber]struct{}{}
		}
		s.silences.hushed[i.number] = struct{}{}
		s.timeline(i, "silenced", by.connector, fmt.Sprintf("every alert of it that fires is silenced, so nobody is paged for it: %s", by.String()))
		s.touchIncident(i)
	case by == nil && was:
		delete(s.silences.hushed, i.number)
		s.timeline(i, "silence ended", actSystem.actor, "an alert of it fires that is not silenced, or none fires")
		s.touchIncident(i)
	}
	return by != nil
}

// silencer is a silence of the alerts that fire in i when all of them have one.
func (s *State) silencer(i *incident) (by *silencing) {
	for n, m := range i.members {
		if n == silencedLook {
			return nil
		}
		a := s.alerts.Get(m.alert)
		if a == nil || a.status != itsm.Firing || a.inc != i || a.episode != m.episode {
			continue
		}
		v := s.silences.alerts[m.alert]
		if v == nil {
			return nil
		}
		if by == nil || v.EndsAt > by.EndsAt {
			by = v
		}
	}
	return by
}

// unsilence forgets an alert that fires no more.
func (s *State) unsilence(a *alert) { delete(s.silences.alerts, a.number) }

// alertRecord is the record of a with who silenced it, where no rule holds it back.
func (s *State) alertRecord(a *alert, w words, r *itsm.Alert) *itsm.Alert {
	a.record(w, r)
	if r.SuppressedBy == "" && len(s.silences.alerts) > 0 {
		r.SuppressedBy = s.silences.alerts[a.number].words()
	}
	return r
}

// archiveSilences archives the silences and what they match.
func (s *State) archiveSilences(a *archive) {
	u := &s.silences
	list(a, &u.list, func(a *archive, p **silencing) {
		if a.reading {
			*p = &silencing{}
		}
		v := *p
		text(a, &v.connector)
		texts(a, &v.sources)
		for _, x := range []*string{&v.ID, &v.By, &v.Comment, &v.URL} {
			text(a, x)
		}
		num(a, &v.StartsAt)
		num(a, &v.EndsAt)
		list(a, &v.Matchers, func(a *archive, m *itsm.SilenceMatcher) {
			text(a, &m.Name)
			text(a, &m.Value)
			a.flag(&m.Regex)
			a.flag(&m.Negated)
		})
		if a.reading {
			v.hides, _ = v.Hides()
			a.bad = a.bad || v.hides == nil
		}
	})
	num(a, &u.wake)
	numbers := sortedKeys(u.alerts)
	list(a, &numbers, num[itsm.AlertNumber])
	for _, n := range numbers {
		at := index(a, slices.Index(u.list, u.alerts[n]), len(u.list))
		if a.reading && at >= 0 && s.alerts.Get(n) != nil {
			if u.alerts == nil {
				u.alerts = map[itsm.AlertNumber]*silencing{}
			}
			u.alerts[n] = u.list[at]
		}
	}
	hushed := sortedKeys(u.hushed)
	list(a, &hushed, num[itsm.IncidentNumber])
	for _, n := range hushed {
		if a.reading {
			if u.hushed == nil {
				u.hushed = map[itsm.IncidentNumber]struct{}{}
			}
			u.hushed[n] = struct{}{}
		}
	}
}
