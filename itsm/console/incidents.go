package console

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"signalbox/itsm"
	"signalbox/itsm/access"
	"signalbox/itsm/desk"
)

// Bounds of the list.
const (
	listPageSize = 50
	urgentMax    = 20 // incidents shown first because nobody has them yet
	rowServices  = 3  // services named in a row
	queryMax     = 200
	listRunesMax = 20 * (queryMax + 1) // of as many values as a saved view may have
)

// incidentFilter is what the address says should be listed.
type incidentFilter struct {
	States     []itsm.State
	Which      string // "open", "resolved", "all" or a list of states
	Priorities []itsm.Priority
	Service    string
	CI         string
	Assignee   string
	Group      string
	Team       string // name of a team, or mine
	Majors     []itsm.MajorState
	Q          string
	Cursor     string
	Begins     bool // the reader's list begins with a view
	Picked     bool // every box is ticked
}

// plain reports whether nothing but the default is asked for.
func (f incidentFilter) plain() bool {
	return f.Which == "open" && len(f.Priorities) == 0 && f.Service == "" && f.CI == "" && f.Assignee == "" && f.Group == "" && f.Team == "" && len(f.Majors) == 0 && f.Q == ""
}

func (f incidentFilter) query() desk.IncidentQuery {
	return desk.IncidentQuery{States: f.States, Priorities: f.Priorities, Service: someOf(f.Service), CI: someOf(f.CI), Assignee: someOf(f.Assignee), Group: someOf(f.Group), Majors: f.Majors, Q: f.Q, Cursor: f.Cursor, Limit: listPageSize}
}

// some is a filter of one value, or no filter.
func some(value string) []string {
	if value == "" {
		return nil
	}
	return []string{value}
}

// someOf is a filter of the values between commas, and of the whole: an id may have one.
func someOf(values string) []string {
	if !strings.Contains(values, ",") {
		return some(values)
	}
	return append(listed(values), values)
}

// address is the page with the same filter, changed by edit.
func (f incidentFilter) address(edit func(url.Values)) string {
	v := url.Values{}
	if f.Which != "open" {
		v.Set("state", f.Which)
	}
	for _, p := range f.Priorities {
		v.Add("priority", p.String())
	}
	for _, m := range f.Majors {
		v.Add("major", string(m))
	}
	for name, value := range map[string]string{"service": f.Service, "ci": f.CI, "assignee": f.Assignee, "group": f.Group, "team": f.Team, "q": f.Q} {
		if value != "" {
			v.Set(name, value)
		}
	}
	edit(v)
	if len(v) == 0 && f.Begins {
		return "/?state=open" // the bare address is a view of the reader's
	}
	if len(v) == 0 {
		return "/"
	}
	return "/?" + v.Encode()
}

var (
	openStates = []itsm.State{itsm.New, itsm.InProgress, itsm.OnHold}
	doneStates = []itsm.State{itsm.IncidentResolved, itsm.Closed, itsm.Cancelled}
)

func parseIncidentFilter(v url.Values) (incidentFilter, error) {
	f := incidentFilter{Which: strings.Join(v["state"], ","), Service: line(v.Get("service"), listRunesMax),
		CI: line(v.Get("ci"), listRunesMax), Assignee: line(v.Get("assignee"), listRunesMax), Group: line(v.Get("group"), listRunesMax), Team: line(v.Get("team"), listRunesMax), Q: line(v.Get("q"), queryMax), Cursor: v.Get("cursor"), Picked: v.Get("picked") == "all"}
	switch f.Which {
	case "", "open":
		f.Which, f.States = "open", openStates
	case "resolved":
		f.States = doneStates
	case "all":
	default:
		for word := range strings.SplitSeq(f.Which, ",") {
			s, err := itsm.ParseState(word)
			if err != nil {
				return f, err
			}
			f.States = append(f.States, s)
		}
		switch { // as a saved view says it
		case slices.Equal(f.States, openStates):
			f.Which = "open"
		case slices.Equal(f.States, doneStates):
			f.Which = "resolved"
		}
	}
	for word := range strings.SplitSeq(strings.Join(v["priority"], ","), ",") {
		p, err := itsm.ParsePriority(word)
		if err != nil {
			return f, err
		}
		if p != 0 && !slices.Contains(f.Priorities, p) {
			f.Priorities = append(f.Priorities, p)
		}
	}
	for word := range strings.SplitSeq(strings.Join(v["major"], ","), ",") {
		if word == "" {
			continue
		}
		m, err := itsm.ParseMajorState(word)
		if err != nil {
			return f, err
		}
		if !slices.Contains(f.Majors, m) {
			f.Majors = append(f.Majors, m)
		}
	}
	return f, nil
}

// incidentsPage is the home page: what is open, the unattended first.
type incidentsPage struct {
	Views      viewsView
	States     []chip
	Teams      []chip
	Priorities []chip
	Filter     incidentFilter
	Filtered   bool
	Groups     []incidentGroup
	Next       string
	Empty      bool
	Bulk       []option // what can be done to the ticked ones; nil: nothing
	Here       string   // this page
	PickAll    string   // this page with every box ticked
	Fresh      bool     // there has never been an incident
	External   string
	liveState  string
}

type incidentGroup struct {
	Head string
	Rows []incidentRow
}

type chip struct {
	badge
	Count   string
	Href    string
	Current bool
}

type incidentRow struct {
	Number   string
	Href     string
	Title    string
	Priority badge
	State    badge
	Opened   when
	Resolved when
	Alerts   string
	Firing   bool
	Services []ciLink
	More     int
	Cause    ciLink // its Name is "" without one
	Owner    string // who has it, or ""
	Group    string // whose it is
	Ack      bool   // offers to acknowledge it
	Back     string // where acknowledging leads back to
	Storm    bool
	Still    bool
	Pick     bool   // it can be ticked
	Picked   bool   // it is ticked when the page comes
	Major    string // "major", "proposed as major" or ""
	Due      when   // the next target that passes, or that has passed
	Late     bool
}

func (incidentsPage) about() (string, string, string) { return "incidents", "Incidents", "incidents" }

func (p incidentsPage) live() string { return p.liveState }

// incidentLists is what the list page is made of.
type incidentLists struct {
	Urgent []itsm.Incident // unacknowledged P1 and P2, only on the plain first page
	Page   desk.Page[itsm.Incident]
	Counts desk.Counts
}

func viewIncidents(f incidentFilter, l incidentLists, inv inventory, canAct bool, external string, now time.Time) incidentsPage {
	p := incidentsPage{Filter: f, Filtered: !f.plain(), External: external, Fresh: l.Counts.Incidents == 0,
		States: stateChips(f, l.Counts), Priorities: priorityChips(f, l.Counts)}
	var urgent, rest []incidentRow
	shown := map[itsm.IncidentNumber]bool{}
	for _, i := range l.Urgent {
		shown[i.Number] = true
		urgent = append(urgent, viewRow(i, inv, canAct, now))
	}
	for _, i := range l.Page.Items {
		if !shown[i.Number] {
			rest = append(rest, viewRow(i, inv, canAct, now))
		}
	}
	if len(urgent) > 0 {
		p.Groups = append(p.Groups, incidentGroup{Head: "Waiting for somebody", Rows: urgent})
	}
	if len(rest) > 0 {
		head := ""
		if len(urgent) > 0 {
			head = "Also open"
		}
		p.Groups = append(p.Groups, incidentGroup{Head: head, Rows: rest})
	}
	here := f.address(func(v url.Values) { setOr(v, "cursor", f.Cursor, "") })
	for _, g := range p.Groups {
		for k := range g.Rows {
			g.Rows[k].Back, g.Rows[k].Pick, g.Rows[k].Picked = here, canAct, canAct && f.Picked
		}
	}
	if canAct && len(p.Groups) > 0 {
		p.Bulk, p.Here = bulkOptions(), here
		p.PickAll = f.address(func(v url.Values) { setOr(v, "cursor", f.Cursor, ""); v.Set("picked", "all") })
	}
	p.Empty = len(p.Groups) == 0
	p.liveState = watchList("incidents", here, l.Page, l.Urgent, uint64(l.Counts.Incidents), incidentNumber, incidentMark)
	if l.Page.Next != "" {
		p.Next = f.address(func(v url.Values) { v.Set("cursor", l.Page.Next) })
	}
	return p
}

func viewRow(i itsm.Incident, inv inventory, canAct bool, now time.Time) incidentRow {
	r := incidentRow{
		Number: i.Number.String(), Href: "/incidents/" + i.Number.String(), Title: titleOf(i),
		Priority: priorityBadge(i.Priority), State: stateBadge(i.State), Opened: at(i.OpenedAt, now), Resolved: at(i.ResolvedAt, now),
		Alerts: firingOf(i.FiringCount, i.AlertCount), Firing: i.FiringCount > 0,
		Services: inv.links(inv.byTier(i.Services), rowServices), More: max(0, len(i.Services)-rowServices),
		Owner: ownerOf(i), Group: line(i.Group, 60), Ack: canAct && i.State.IsOpen() && i.AcknowledgedAt == 0, Storm: i.Storm, Still: i.StillFiring, Major: majorTags[i.Major.State],
	}
	if len(i.Causes) > 0 {
		r.Cause = inv.link(i.Causes[0].CI)
	}
	r.Due, r.Late = levelDue(i, now)
	return r
}

func titleOf(i itsm.Incident) string {
	if t := line(i.Title, titleRunesMax); t != "" {
		return t
	}
	return "Untitled incident"
}

func firingOf(firing, alerts int) string {
	switch {
	case alerts == 0:
		return "no alerts"
	case firing == 0:
		return plural(alerts, "alert, resolved", "alerts, all resolved")
	case firing == alerts:
		return plural(firing, "alert firing", "alerts firing")
	}
	return thousands(firing) + " of " + plural(alerts, "alert", "alerts") + " firing"
}

// ownerOf says who works on it: the assignee, else who acknowledged.
func ownerOf(i itsm.Incident) string {
	switch {
	case i.Assignee != "":
		return actorName(i.Assignee)
	case i.AcknowledgedBy != "":
		return actorName(i.AcknowledgedBy)
	}
	return ""
}

// actorName leaves out the door an actor of ours came through: "console:admin" is
// admin; a partner's actor keeps the partner.
func actorName(actor string) string {
	for _, door := range []string{"console:", "api:"} {
		if name, ok := strings.CutPrefix(actor, door); ok {
			return line(name, 60)
		}
	}
	if partner, name, ok := strings.Cut(actor, ":"); ok && name != "" {
		return line(name+" (via "+partner+")", 80)
	}
	return line(actor, 60)
}

func stateChips(f incidentFilter, n desk.Counts) []chip {
	out := []chip{}
	for _, c := range []struct{ which, label, count string }{{"open", "Open", thousands(n.Open)}, {"resolved", "Resolved", ""}, {"all", "All", ""}} {
		out = append(out, chip{badge: badge{Label: c.label}, Count: c.count, Current: f.Which == c.which,
			Href: f.address(func(v url.Values) { setOr(v, "state", c.which, "open") })})
	}
	return append(out, majorChip(f))
}

// majorChip turns the filter of major incidents on or off.
func majorChip(f incidentFilter) chip {
	on := len(f.Majors) > 0
	return chip{badge: badge{Label: "Major"}, Current: on, Href: f.address(func(v url.Values) {
		if v.Del("major"); !on {
			v.Set("major", string(itsm.MajorProposed)+","+string(itsm.MajorAccepted)+","+string(itsm.MajorReviewed))
		}
	})}
}

func setOr(v url.Values, name, value, leaveOut string) {
	v.Del(name)
	if value != leaveOut {
		v.Set(name, value)
	}
}

// priorityChips switch one priority each on or off.
func priorityChips(f incidentFilter, n desk.Counts) []chip {
	var out []chip
	for p := itsm.P1; p <= itsm.P5; p++ {
		on := slices.Contains(f.Priorities, p)
		c := chip{badge: priorityBadge(p), Count: thousands(n.ByPriority[p]), Current: on}
		if f.Which != "open" {
			c.Count = "" // the counts are those of open incidents
		}
		c.Href = f.address(func(v url.Values) {
			if !on {
				v.Add("priority", p.String())
				return
			}
			v.Del("priority")
			for _, q := range f.Priorities {
				if q != p {
					v.Add("priority", q.String())
				}
			}
		})
		out = append(out, c)
	}
	return out
}

func (c *Console) incidents(ctx *fiber.Ctx) error {
	f, err := parseIncidentFilter(query(ctx))
	if err != nil {
		return err
	}
	var l incidentLists
	q := f.query()
	who, _ := person(ctx)
	views, err := c.viewsOf(who)
	if err != nil {
		return err
	}
	if home := beginsWith(views, who); home != "" {
		if f.Begins = true; len(ctx.Request().URI().QueryString()) == 0 {
			return ctx.Redirect(home, http.StatusSeeOther)
		}
	}
	if q.Keep, err = c.keepTeam(who, f.Team); err != nil {
		return err
	}
	if l.Page, err = c.o.Records.Incidents(q); err != nil {
		return err
	}
	if f.plain() && f.Cursor == "" {
		if l.Urgent, err = c.urgent(); err != nil {
			return err
		}
	}
	l.Counts = c.o.Records.Counts()
	p := viewIncidents(f, l, c.inventory(), mayAct(who), c.external.String(), c.o.Clock())
	if f.Team != "" {
		p.liveState = "" // the stream does not know of teams
	}
	if p.Views, err = c.viewViews(views, who, f); err != nil {
		return err
	}
	if p.Teams, err = c.teamChips(who, f); err != nil {
		return err
	}
	return c.show(ctx, http.StatusOK, p)
}

// keepTeam is which incidents are a team's: those of its services, and those assigned
// to it.
func (c *Console) keepTeam(who access.Identity, name string) (func(*itsm.Incident) bool, error) {
	if name == "" {
		return nil, nil
	}
	var teams []itsm.Team
	for _, one := range listed(name) {
		if one == "mine" {
			mine, err := c.teamsOf(who.User)
			if err != nil {
				return nil, err
			}
			teams = append(teams, mine...)
			continue
		}
		t, err := nounOf[itsm.Team](c, itsm.ObjectTeam, one)
		if err != nil {
			return nil, err
		}
		teams = append(teams, t)
	}
	var own access.Scope
	for _, t := range teams {
		own.Groups, own.Services = append(own.Groups, t.Name), append(own.Services, t.Services...)
	}
	return func(in *itsm.Incident) bool { return own.Sees(in.Services, in.Group) }, nil
}

// teamChips lead to the incidents of a person's teams, and back from those of one.
func (c *Console) teamChips(who access.Identity, f incidentFilter) ([]chip, error) {
	var out []chip
	if who.User != "" {
		mine, err := c.teamsOf(who.User)
		if err != nil {
			return nil, err
		}
		if len(mine) > 0 {
			out = append(out, teamChip(f, "mine", "My teams"))
		}
	}
	if f.Team != "" && f.Team != "mine" {
		out = append(out, teamChip(f, f.Team, f.Team))
	}
	return out, nil
}

// teamChip turns the filter on, or off when it is on.
func teamChip(f incidentFilter, team, label string) chip {
	on := f.Team == team
	return chip{badge: badge{Label: label}, Current: on, Href: f.address(func(v url.Values) {
		if v.Set("team", team); on {
			v.Del("team")
		}
	})}
}

// urgent lists the P1 and P2 that nobody acknowledged, worst first.
func (c *Console) urgent() ([]itsm.Incident, error) {
	q := desk.IncidentQuery{States: []itsm.State{itsm.New}, Priorities: []itsm.Priority{itsm.P1, itsm.P2}, Limit: urgentMax}
	page, err := c.o.Records.Incidents(q)
	if err != nil {
		return nil, err
	}
	out := slices.DeleteFunc(slices.Clone(page.Items), func(i itsm.Incident) bool { return i.AcknowledgedAt != 0 })
	slices.SortStableFunc(out, func(a, b itsm.Incident) int { return int(a.Priority) - int(b.Priority) })
	return out, nil
}

func (c *Console) inventory() inventory { return inventory{c.o.Graph()} }

// query is a copy of the address's query that may outlive the request. What
// cannot be read is left out: a list without a filter beats an error page.
func query(ctx *fiber.Ctx) url.Values {
	v, _ := url.ParseQuery(string(ctx.Request().URI().QueryString()))
	return v
}
