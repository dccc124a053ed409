package console

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"signalbox/itsm"
	"signalbox/itsm/cmdb"
	"signalbox/itsm/desk"
)

// Bounds of a CI page.
const (
	neighboursMax  = 30
	ciAlertsMax    = 20
	ciIncidentsMax = 10
	impactHops     = 5
	impactMax      = 50 // services named
	attributesMax  = 60
)

// ciPage is one configuration item: what it is, what it needs, what needs it, and
// how all of that is doing.
type ciPage struct {
	CI         ciLink
	Facts      []fact
	Attributes []itsm.Label
	Needs      []neighbour // a failing one affects this CI
	MoreNeeds  int
	NeededBy   []neighbour // affected when this CI fails
	MoreBy     int
	Services   []ciLink
	MoreServ   int
	Impact     string
	Alerts     []alertRow
	Incidents  []incidentRow
	MoreInc    string // address of all its open incidents, when they are more than listed
	MoreAl     string // address of all its alerts, when they are more than listed
	Wide       *picture
	Narrow     *picture
	Walks      [][]ciLink
}

type neighbour struct {
	ciLink
	Relation string
	Firing   string // "2 firing", "" when quiet
}

func (p ciPage) about() (string, string, string) { return "ci", p.CI.Name, "cis" }

// ciFacts is what a CI page is made of beside the graph.
type ciFacts struct {
	Alerts    []itsm.Alert
	Incidents []itsm.Incident
	MoreAl    bool
	MoreInc   bool
	Firing    map[string]int // firing alerts of this CI and of what the page names or draws around it
	Part      bool           // Firing may miss some: they are more than countedMax
}

func viewCI(g *cmdb.Graph, r cmdb.Ref, f ciFacts, d drawing, now time.Time) ciPage {
	inv := inventory{g}
	ci := g.CI(r)
	p := ciPage{CI: inv.link(ci.ID), Facts: ciFactLines(ci), Attributes: attributes(ci.Attributes)}
	p.Needs, p.MoreNeeds = neighbours(g.Dependencies(r), inv, f)
	p.NeededBy, p.MoreBy = neighbours(g.Dependants(r), inv, f)
	services := g.Services(r, impactHops)
	for _, s := range services[:min(len(services), impactMax)] {
		p.Services = append(p.Services, inv.link(g.ID(s)))
	}
	p.MoreServ = max(0, len(services)-impactMax)
	p.Impact = plural(len(g.Impact(r, impactHops, nil))-1, "other CI is", "other CIs are")
	for _, a := range f.Alerts {
		p.Alerts = append(p.Alerts, viewAlertRow(a, inv, now))
	}
	for _, i := range f.Incidents {
		p.Incidents = append(p.Incidents, viewRow(i, inv, false, now))
	}
	if f.MoreAl {
		p.MoreAl = alertsOfCI(ci.ID)
	}
	if f.MoreInc {
		p.MoreInc = "/?" + url.Values{"ci": {ci.ID}}.Encode()
	}
	d.Firing, d.Part = f.Firing, f.Part
	p.Wide, p.Narrow = d.draw()
	p.Walks = walkLinks(d.Walks, inv)
	return p
}

func ciFactLines(ci itsm.CI) []fact {
	out := []fact{{Name: "Class", Text: line(ci.Class, 60)}}
	add := func(name, text string) {
		if text != "" {
			out = append(out, fact{Name: name, Text: line(text, lineRunesMax)})
		}
	}
	add("Environment", ci.Env)
	tier := "unknown (counts as 2)"
	if ci.Tier > 0 {
		tier = thousands(ci.Tier)
	}
	add("Tier", tier)
	add("Owner", ci.Owner)
	add("Support group", ci.SupportGroup)
	add("Also known as", strings.Join(ci.Aliases, ", "))
	return out
}

func attributes(m map[string]any) []itsm.Label {
	out := make([]itsm.Label, 0, len(m))
	for k, v := range m {
		out = append(out, itsm.Label{Name: line(k, 120), Value: line(fmt.Sprint(v), valueRunesMax)})
	}
	slices.SortFunc(out, func(a, b itsm.Label) int { return strings.Compare(a.Name, b.Name) })
	return out[:min(len(out), attributesMax)]
}

func neighbours(edges []cmdb.Edge, inv inventory, f ciFacts) (out []neighbour, more int) {
	for _, e := range edges[:min(len(edges), neighboursMax)] {
		id := inv.g.ID(e.To)
		n := neighbour{ciLink: inv.link(id), Relation: words(e.Type)}
		if k := f.Firing[id]; k > 0 {
			n.Firing = thousands(k) + " firing"
			if f.Part {
				n.Firing = "at least " + n.Firing
			}
		}
		out = append(out, n)
	}
	slices.SortStableFunc(out, func(a, b neighbour) int { return service(a.Firing == "") - service(b.Firing == "") })
	return out, max(0, len(edges)-neighboursMax)
}

// impactDrawing shows what would fail with r: its direct dependants and the
// services above them.
func impactDrawing(g *cmdb.Graph, r cmdb.Ref) drawing {
	inv, services := inventory{g}, g.Services(r, impactHops)
	d := drawing{Cause: g.ID(r), Word: "This CI", Service: map[string]bool{}, Name: inv.name, Class: inv.class, Href: inv.href, Tier: inv.tier}
	for _, s := range services[:min(len(services), impactMax)] {
		d.Service[g.ID(s)] = true
		if w := inv.path(g.ID(s), d.Cause, impactHops); len(w) > 1 {
			d.Walks = append(d.Walks, w)
		}
	}
	for _, e := range g.Dependants(r)[:min(len(g.Dependants(r)), impactMax)] {
		d.Walks = append(d.Walks, []string{g.ID(e.To), d.Cause})
	}
	return d
}

func (c *Console) ci(ctx *fiber.Ctx) error {
	id, err := url.PathUnescape(strings.Clone(ctx.Params("*")))
	g := c.o.Graph()
	if err != nil || g == nil {
		return itsm.Errorf(itsm.NotFound, "there is no such CI")
	}
	r, ok := g.Lookup(id)
	if !ok {
		return itsm.Errorf(itsm.NotFound, "the CMDB has no CI %q", line(id, titleRunesMax))
	}
	d := impactDrawing(g, r)
	f, err := c.ciFacts(g, r, d)
	if err != nil {
		return err
	}
	return c.show(ctx, http.StatusOK, viewCI(g, r, f, d, c.o.Clock()))
}

func (c *Console) ciFacts(g *cmdb.Graph, r cmdb.Ref, d drawing) (ciFacts, error) {
	id := g.ID(r)
	f := ciFacts{Firing: map[string]int{}}
	alerts, err := c.o.Records.Alerts(desk.AlertQuery{CI: some(id), Limit: ciAlertsMax})
	if err != nil {
		return f, err
	}
	incidents, err := c.o.Records.Incidents(desk.IncidentQuery{States: openStates, CI: some(id), Limit: ciIncidentsMax})
	if err != nil {
		return f, err
	}
	f.Alerts, f.Incidents = alerts.Items, incidents.Items
	f.MoreAl, f.MoreInc = alerts.Next != "", incidents.Next != ""
	near := map[string]bool{id: true}
	for _, list := range [][]cmdb.Edge{g.Dependencies(r), g.Dependants(r)} {
		for _, e := range list[:min(len(list), neighboursMax)] {
			near[g.ID(e.To)] = true
		}
	}
	for _, w := range d.Walks {
		for _, id := range w {
			near[id] = true
		}
	}
	return f, c.countFiring(slices.Sorted(maps.Keys(near)), &f)
}

// countFiring counts the firing alerts of each of ids, in one search.
func (c *Console) countFiring(ids []string, f *ciFacts) error {
	q := desk.AlertQuery{CI: ids, Statuses: []itsm.Status{itsm.Firing}, Limit: desk.PageMax}
	for range countedMax / desk.PageMax {
		page, err := c.o.Records.Alerts(q)
		if err != nil {
			return err
		}
		for _, a := range page.Items {
			id, _ := ciOf(a)
			f.Firing[id]++
		}
		if q.Cursor = page.Next; q.Cursor == "" {
			return nil
		}
	}
	f.Part = true
	return nil
}
