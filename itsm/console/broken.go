package console

import (
	"cmp"
	"slices"
	"time"

	"signalbox/itsm"
)

// brokenView answers what is broken: services, and firing alerts by CI.
type brokenView struct {
	Services     []ciLink
	MoreServices int
	Groups       []brokenGroup
	Rest         []brokenGroup
	RestCIs      int    // CIs behind the fold, also those it has no room for
	Beyond       int    // CIs not listed at all
	None         string // what is said instead of groups
	Firing       string
	All          string // address of all alerts
	Deliveries   string // address of what brought them, "" without a ledger
	Partial      string // says so when not all could be read here
}

type brokenGroup struct {
	CI       ciLink
	Unbound  bool
	Severity badge
	Count    string
	Alerts   []alertRef
	More     int
}

// firingCI is what fires on a CI.
type firingCI struct {
	id      string
	unbound bool
	worst   itsm.Severity
	first   []*itsm.Alert // those that are shown
	n       int
}

func (g *firingCI) add(a *itsm.Alert) {
	g.n++
	if a.Severity != 0 {
		g.worst = min(g.worst, a.Severity)
	}
	if len(g.first) < brokenAlertsMax {
		g.first = append(g.first, a)
	}
}

func (g *firingCI) view(inv inventory, now time.Time) brokenGroup {
	v := brokenGroup{CI: inv.link(g.id), Unbound: g.unbound, Severity: severityBadge(g.worst), Count: plural(g.n, "alert", "alerts"), More: g.n - len(g.first)}
	for _, a := range g.first {
		v.Alerts = append(v.Alerts, viewAlertRef(*a, now))
	}
	return v
}

type alertRef struct {
	Href     string
	Title    string
	Severity badge
	Since    when
	Flapping bool
}

// viewBroken groups the firing alerts by CI, the worst first.
func viewBroken(f incidentFacts, inv inventory, now time.Time) brokenView {
	i := f.Incident
	b := brokenView{Services: inv.links(inv.byTier(i.Services), servicesMax), MoreServices: max(0, len(i.Services)-servicesMax),
		Firing: firingOf(i.FiringCount, i.AlertCount), All: "/alerts?incident=" + i.Number.String()}
	if f.MoreAl {
		b.Partial = "Of " + thousands(i.AlertCount) + " alerts the newest " + thousands(countedMax) + " are counted here."
	}
	groups := map[string]*firingCI{}
	var order []*firingCI
	for _, a := range worstFirst(f.firing()) {
		id, unbound := ciOf(*a)
		g := groups[id]
		if g == nil {
			g = &firingCI{id: id, unbound: unbound, worst: itsm.Info}
			groups[id], order = g, append(order, g)
		}
		g.add(a)
	}
	slices.SortFunc(order, func(x, y *firingCI) int {
		return cmp.Or(cmp.Compare(x.worst, y.worst), cmp.Compare(y.n, x.n), cmp.Compare(x.id, y.id))
	})
	for k, g := range order[:min(len(order), brokenGroupsMax+brokenFoldMax)] {
		if k < brokenGroupsMax {
			b.Groups = append(b.Groups, g.view(inv, now))
		} else {
			b.Rest = append(b.Rest, g.view(inv, now))
		}
	}
	b.RestCIs = max(0, len(order)-brokenGroupsMax)
	b.Beyond = b.RestCIs - len(b.Rest)
	b.None = "Nothing is firing any more."
	if i.FiringCount > 0 {
		b.None = plural(i.FiringCount, "alert is firing", "alerts are firing") + ", none of them among those read here."
	}
	return b
}

// worstFirst sorts by severity, then by age: the oldest of the worst tells most.
func worstFirst(alerts []*itsm.Alert) []*itsm.Alert {
	out := slices.Clone(alerts)
	slices.SortStableFunc(out, func(a, b *itsm.Alert) int {
		return cmp.Or(cmp.Compare(a.Severity, b.Severity), cmp.Compare(a.StartsAt, b.StartsAt))
	})
	return out
}

// ciOf is the CI of an alert, or the key of its provisional one.
func ciOf(a itsm.Alert) (id string, unbound bool) {
	if a.CI != "" {
		return a.CI, false
	}
	return a.Provisional, true
}

func viewAlertRef(a itsm.Alert, now time.Time) alertRef {
	return alertRef{Href: "/alerts/" + a.Number.String(), Title: alertTitle(a), Severity: severityBadge(a.Severity),
		Since: at(a.StartsAt, now), Flapping: a.Flapping}
}

func alertTitle(a itsm.Alert) string {
	if t := line(a.Title, titleRunesMax); t != "" {
		return t
	}
	return line(string(a.Key), titleRunesMax)
}
