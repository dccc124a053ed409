package console

import (
	"cmp"
	"slices"
	"time"

	"signalbox/itsm"
	"signalbox/itsm/desk"
)

// pastMax bounds the similar incidents of the past that an incident page lists.
const pastMax = 5

// knownView is the known problem that an incident belongs to.
type knownView struct {
	Number, Href, Title string
	State               badge
	Known               bool
	Workaround          []string
}

func viewKnown(p *itsm.Problem) *knownView {
	if p == nil {
		return nil
	}
	return &knownView{Number: p.Number.String(), Href: "/problems/" + p.Number.String(), Title: line(p.Title, lineRunesMax), State: problemBadge(p.State),
		Known: p.KnownError, Workaround: paragraphs(p.Workaround)}
}

// pastView is an incident of the past and what fixed it.
type pastView struct {
	Number, Href, Title string
	Fixed               string
	Resolved            when
}

func viewPast(list []pastIncident, now time.Time) []pastView {
	var out []pastView
	for _, i := range list {
		v := pastView{Number: i.Number.String(), Href: "/incidents/" + i.Number.String(), Title: titleOf(i.Incident), Resolved: at(i.ResolvedAt, now), Fixed: "it cleared by itself"}
		if i.Fixed.Text != "" && i.Fixed.Actor != "signalbox" {
			v.Fixed = actorName(i.Fixed.Actor) + ", " + line(i.Fixed.Text, lineRunesMax)
		}
		out = append(out, v)
	}
	return out
}

// pastIncident is a resolved incident with the line of its timeline that says how.
type pastIncident struct {
	itsm.Incident
	Fixed itsm.TimelineEntry
}

// similar lists resolved incidents that were about the probable cause of this one,
// or about its first CI; those that a person closed come first.
func (c *Console) similar(in *itsm.Incident) ([]pastIncident, error) {
	var ci string
	switch {
	case len(in.Causes) > 0:
		ci = in.Causes[0].CI
	case len(in.CIs) > 0:
		ci = in.CIs[0]
	default:
		return nil, nil
	}
	page, err := c.o.Records.Incidents(desk.IncidentQuery{CI: []string{ci}, States: []itsm.State{itsm.IncidentResolved, itsm.Closed}, Limit: 4 * pastMax})
	if err != nil {
		return nil, err
	}
	list := slices.DeleteFunc(page.Items, func(i itsm.Incident) bool { return i.Number == in.Number || i.ResolvedAt == 0 })
	slices.SortStableFunc(list, func(a, b itsm.Incident) int { return cmp.Compare(min(len(b.CloseCode), 1), min(len(a.CloseCode), 1)) })
	var out []pastIncident
	for _, i := range list[:min(len(list), pastMax)] {
		lines, err := c.o.Records.Timeline(i.Number, "", timelineMax)
		if err != nil {
			return nil, err
		}
		p := pastIncident{Incident: i}
		if n := slices.IndexFunc(lines.Items, func(e itsm.TimelineEntry) bool { return e.Kind == "resolved" }); n >= 0 {
			p.Fixed = lines.Items[n]
		}
		out = append(out, p)
	}
	return out, nil
}
