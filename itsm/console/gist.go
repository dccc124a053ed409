package console

import "signalbox/itsm"

// Bounds of the summary at the top of an incident page: it fits a phone.
const (
	gistServices  = 3
	gistNoteRunes = 90
)

// gistView answers the four questions of somebody who was just woken up in a line
// each; the sections below answer them in full.
type gistView struct {
	Services []ciLink
	More     int    // services not named
	Firing   string // CIs with firing alerts, when no service is known
	Counted  string // what Why is about when it is not all members
	Why      said   // the most frequent reason, one that names what is shared before others
	Cause    *causeView
	Path     []ciLink // from the cause to what customers notice
	Done     *timelineLine
}

func viewGist(p *incidentPage, f incidentFacts, inv inventory, d drawing) gistView {
	i := f.Incident
	g := gistView{Services: inv.links(inv.byTier(i.Services), gistServices), More: max(0, len(i.Services)-gistServices)}
	if n := len(p.Broken.Groups) + p.Broken.RestCIs; n > 0 && len(g.Services) == 0 {
		g.Firing = p.Broken.Groups[0].CI.Name
		if n > 1 {
			g.Firing = plural(n, "CI", "CIs") + ", first of all " + g.Firing
		}
	}
	if len(p.Why.Summary) > 0 && !p.Why.Single {
		g.Counted, g.Why = p.Why.Counted, p.Why.Summary[0]
		for _, s := range p.Why.Summary {
			if len(s) > 1 {
				g.Why = s
				break
			}
		}
	}
	if len(p.Causes) > 0 {
		g.Cause = &p.Causes[0]
		g.Path = inv.links(d.tellingWalk(inv), pictureHopsMax+2)
	}
	if f.Before == "" {
		for _, l := range p.Timeline {
			if !l.Ours {
				l.Short = inv.said(line(l.plain, gistNoteRunes))
				g.Done = &l
				break
			}
		}
	}
	return g
}

// tellingWalk is the way from the cause to the most important service, or else to
// the first CI that a walk begins at.
func (d drawing) tellingWalk(inv inventory) []string {
	var best []string
	rank := func(w []string) int {
		if d.Service[w[0]] {
			return inv.tier(w[0])
		}
		return 9
	}
	for _, w := range d.Walks {
		if len(w) > 1 && w[len(w)-1] == d.Cause && (best == nil || rank(w) < rank(best)) {
			best = w
		}
	}
	out := make([]string, 0, len(best))
	for k := len(best) - 1; k >= 0; k-- {
		out = append(out, best[k])
	}
	return out
}

// titled is the title of an incident's page: its number and state come first, as
// there is little room on a tab.
func titled(i itsm.Incident) string {
	return i.Number.String() + " " + stateBadge(i.State).Label + ": " + titleOf(i)
}
