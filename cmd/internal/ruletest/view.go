package ruletest

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"signalbox/correlate/engine"
	"signalbox/itsm"
)

// view is what the fold has recorded so far.
type view struct {
	play     *engine.Playback
	alerts   map[itsm.AlertNumber]*itsm.Alert
	evidence map[engine.Episode]*itsm.Evidence
	told     []*itsm.Intent // in order
	asked    map[string]int // intents before this one were asked for, by connector
	dropped  map[string]int // events that rules dropped, by reason
	notices  map[itsm.IncidentNumber][]string
}

func newView() view {
	return view{alerts: map[itsm.AlertNumber]*itsm.Alert{}, evidence: map[engine.Episode]*itsm.Evidence{}, asked: map[string]int{}, dropped: map[string]int{},
		notices: map[itsm.IncidentNumber][]string{}}
}

func (v *view) take(d *itsm.Decision) {
	switch d.Kind {
	case itsm.PutAlert:
		v.alerts[d.Alert.Number] = d.Alert
	case itsm.PutEvidence:
		v.evidence[engine.Episode{Alert: d.Evidence.Alert, Number: d.Evidence.Episode}] = d.Evidence
	case itsm.PutIntent:
		if d.Intent.Object == "" {
			v.told = append(v.told, d.Intent)
		}
	case itsm.AddTimeline:
		if n := noticeOf(d.Timeline); n != "" {
			v.notices[d.Timeline.Incident] = append(v.notices[d.Timeline.Incident], n)
		}
	case itsm.PutFates:
		for _, f := range d.Fates.Events {
			if f.Fate == itsm.FateSuppressed && strings.HasSuffix(f.Reason, ": dropped") {
				v.dropped[f.Reason]++
			}
		}
	}
}

// seenIncident is an incident with its members.
type seenIncident struct {
	itsm.Incident
	members []member
	notices []string // of its service level, in order
}

// member is an episode of an alert, and why it is where it is.
type member struct {
	alert    *itsm.Alert
	evidence *itsm.Evidence
}

// incidents are those not merged into others, as they opened.
func (v *view) incidents() []seenIncident {
	by := map[itsm.IncidentNumber][]member{}
	episodes := slices.SortedFunc(maps.Keys(v.evidence), func(a, b engine.Episode) int {
		return cmp.Or(cmp.Compare(a.Alert, b.Alert), cmp.Compare(a.Number, b.Number))
	})
	for _, e := range episodes {
		if n := v.play.Incident(e); v.alerts[e.Alert] != nil {
			by[n] = append(by[n], member{v.alerts[e.Alert], v.evidence[e]})
		}
	}
	var out []seenIncident
	for _, in := range v.play.Incidents() {
		if in.MergedInto == 0 {
			out = append(out, seenIncident{in, by[in.Number], v.notices[in.Number]})
		}
	}
	return out
}

// suppressed are the alerts that are held back, as they were raised.
func (v *view) suppressed() []*itsm.Alert {
	var out []*itsm.Alert
	for _, n := range slices.Sorted(maps.Keys(v.alerts)) {
		if v.alerts[n].SuppressedBy != "" {
			out = append(out, v.alerts[n])
		}
	}
	return out
}

// named finds the incident with a number or a title, of several the newest; 0
// when there is none.
func (v *view) named(s string) itsm.IncidentNumber {
	n, err := itsm.ParseIncidentNumber(s)
	if err == nil && v.play.Record(n) != nil {
		return n
	}
	found := itsm.IncidentNumber(0)
	for _, in := range v.play.Incidents() {
		if in.MergedInto == 0 && like(in.Title, s) {
			found = in.Number
		}
	}
	return found
}

// titles lists the incidents, for people.
func (v *view) titles() []string {
	var out []string
	all := v.play.Incidents()
	for _, in := range all[:min(len(all), whyMax)] {
		out = append(out, fmt.Sprintf("%s: %s", in.Number, in.Title))
	}
	if len(all) == 0 {
		out = []string{"there are no incidents"}
	}
	return out
}

func (in *seenIncident) cause() string {
	if len(in.Causes) == 0 {
		return ""
	}
	return in.Causes[0].CI
}

// rules are the ids of what spoke of the incident or of its members.
func (in *seenIncident) rules() []string {
	var out []string
	for _, m := range in.members {
		out = append(out, m.evidence.Rule)
		for _, l := range m.alert.Rules {
			if _, id, ok := strings.Cut(l, ":"); ok && !strings.HasSuffix(l, " (shadow)") {
				out = append(out, id)
			}
		}
	}
	slices.Sort(out)
	return slices.DeleteFunc(slices.Compact(out), func(s string) bool { return s == "" })
}

// whereabouts says where an alert is and why.
func (v *view) whereabouts(a *itsm.Alert) string {
	s := labelFlow(a.Labels)
	e := v.evidence[engine.Episode{Alert: a.Number, Number: a.Episode}]
	switch {
	case a.SuppressedBy != "":
		s += " is held back: " + a.SuppressedBy
	case e != nil:
		s += fmt.Sprintf(" is in %s: %s", v.play.Incident(engine.Episode{Alert: a.Number, Number: a.Episode}), because(e))
	default:
		s += fmt.Sprintf(" is %s and in no incident", a.Status)
	}
	if len(a.Rules) > 0 {
		s += "; rules that spoke: " + strings.Join(a.Rules, ", ")
	}
	return s
}

func because(e *itsm.Evidence) string {
	if e.Rule == "" || e.Rule == "default" || strings.Contains(e.Because, e.Rule) {
		return e.Because
	}
	return e.Because + " (rule " + e.Rule + ")"
}
