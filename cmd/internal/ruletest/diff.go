package ruletest

import (
	"fmt"
	"maps"
	"slices"
)

// incidentDiff renders wanted and found incidents as one YAML list: - for what is
// wanted and not so, + for what is so and not wanted.
type incidentDiff struct {
	world *world
	bad   bool
	lines []string
	why   []string
	first bool // the next line begins an incident
}

func (d *incidentDiff) line(mark, text string) {
	lead := "  "
	if d.first {
		lead = "- "
	}
	d.lines = append(d.lines, mark+" "+lead+text)
}

// both renders an incident that is wanted and there: field by field.
func (d *incidentDiff) both(want *wantIncident, got *seenIncident) {
	d.first = true
	wrong, priority := false, false
	if len(want.fields) == 0 {
		d.line(" ", "{}")
	}
	for i := range want.fields {
		f := &want.fields[i]
		switch {
		case f.name == membersField:
			wrong = d.members(f, got) || wrong
		case f.holds(got):
			d.line(" ", f.expected()[0])
		default:
			wrong = true
			priority = priority || slices.Contains([]string{"priority", "impact", "urgency"}, f.name)
			d.line("-", f.expected()[0])
			d.line("+", f.got(got))
		}
		d.first = false
	}
	if wrong {
		d.bad = true
		if priority {
			d.add(fmt.Sprintf("%s is %s: impact %s, %s; urgency %s, %s", got.Number, got.Priority, got.Impact, got.ImpactBecause, got.Urgency, got.UrgencyBecause))
		}
		d.explain(got)
	}
}

// members renders the members and reports whether they are not as wanted.
func (d *incidentDiff) members(f *wantField, got *seenIncident) (wrong bool) {
	d.line(" ", f.name+":")
	d.first = false
	pairs := f.pair(got)
	for i, j := range pairs {
		mark := " "
		if j < 0 {
			mark, wrong = "-", true
			d.strayed(&f.members[i])
		}
		d.line(mark, "- "+labelFlow(f.members[i].labels))
	}
	for j, m := range got.members {
		if !f.more && !slices.Contains(pairs, j) {
			wrong = true
			d.line("+", "- "+labelFlow(m.alert.Labels))
		}
	}
	return wrong
}

// missing renders an incident that is wanted and not there.
func (d *incidentDiff) missing(want *wantIncident) {
	d.bad, d.first = true, true
	if len(want.fields) == 0 {
		d.line("-", "{}")
	}
	for i := range want.fields {
		for _, l := range want.fields[i].expected() {
			d.line("-", l)
			d.first = false
		}
		for j := range want.fields[i].members {
			d.strayed(&want.fields[i].members[j])
		}
	}
	if len(d.why) == 0 {
		for _, a := range d.world.seen.suppressed() {
			d.why = append(d.why, d.world.seen.whereabouts(a))
		}
	}
}

// strayed says where the alerts are that should have been a member.
func (d *incidentDiff) strayed(p *pattern) {
	found := len(d.why) > whyMax
	for _, n := range slices.Sorted(maps.Keys(d.world.seen.alerts)) {
		if a := d.world.seen.alerts[n]; p.matches(a.Labels) && len(d.why) <= whyMax {
			found = true
			d.add(d.world.seen.whereabouts(a))
		}
	}
	if !found {
		d.add("no alert has the labels " + labelFlow(p.labels))
	}
}

// extra renders an incident that nobody wanted.
func (d *incidentDiff) extra(got *seenIncident) {
	d.bad, d.first = true, true
	d.line("+", "number: "+got.Number.String())
	d.first = false
	d.line("+", "title: "+scalar(got.Title))
	d.line("+", "state: "+got.State.String())
	d.line("+", "priority: "+got.Priority.String())
	d.line("+", membersField+":")
	for _, m := range got.members[:min(len(got.members), membersMax)] {
		d.line("+", "- "+labelFlow(m.alert.Labels))
	}
	if n := len(got.members) - membersMax; n > 0 {
		d.line("+", fmt.Sprintf("# and %d more", n))
	}
	d.explain(got)
}

// explain says why each member is in an incident.
func (d *incidentDiff) explain(got *seenIncident) {
	for _, m := range got.members[:min(len(got.members), whyMax+1)] {
		d.add(d.world.seen.whereabouts(m.alert))
	}
}

// add keeps a reason once.
func (d *incidentDiff) add(s string) {
	if !slices.Contains(d.why, s) {
		d.why = append(d.why, s)
	}
}
