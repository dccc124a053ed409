package console

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"signalbox/itsm"
	"signalbox/itsm/access"
	"signalbox/itsm/desk"
)

// Bounds of the home of whoever is on call.
const (
	homeRead    = 4 * desk.PageMax // open incidents looked at, the newest
	homeRows    = 12               // of one heading
	growingIn   = 15 * time.Minute // alerts younger than this are growth
	growingFrom = 3                // so many of them are said
	growingLook = 20               // incidents whose members are counted
	dueSoon     = 30 * time.Minute // a target this near is said
)

const homeCookie = "signalbox_home"

// homes are the three starts, each for one kind of work.
var homes = []struct {
	name, label string
	role        access.Role // that starts there when nothing was chosen, with those above it
}{{"oncall", "On call", access.Viewer}, {"problems", "Problems", access.ProblemManager}, {"operations", "Operations", access.Admin}}

// homePage is the start of whoever is on call.
type homePage struct {
	Parts    []chip
	Groups   []homeGroup
	Scope    string // whose incidents these are
	Everyone bool   // everybody's, because the reader is in no team
	Admin    bool
	Fresh    bool // there has never been an incident
	External string
	More     string
}

type homeGroup struct {
	Title, Text string
	Count       int
	Rows        []homeRow
	More        string // address of the rest
}

// homeRow is an incident and why it is where it is.
type homeRow struct {
	incidentRow
	Worse []string
}

func (homePage) about() (string, string, string) { return "home", "Home", "home" }

// homeParts switch between the homes.
func homeParts(current string) []chip {
	var out []chip
	for _, h := range homes {
		out = append(out, chip{badge: badge{Label: h.label}, Href: "/home?as=" + h.name, Current: h.name == current})
	}
	return out
}

// homeOf is the home that was chosen, now or last time, else that of the role.
func homeOf(chosen, before string, role access.Role) string {
	out := ""
	for _, h := range homes {
		if h.name == chosen {
			return chosen
		}
		if h.name == before {
			out = before
		}
	}
	if out != "" {
		return out
	}
	for _, h := range homes {
		if role.Allows(h.role) {
			out = h.name
		}
	}
	return out
}

// home is where people start: each kind of work has its own, and the choice is kept.
func (c *Console) home(ctx *fiber.Ctx) error {
	who, _ := person(ctx)
	chosen := query(ctx).Get("as")
	as := homeOf(chosen, strings.Clone(ctx.Cookies(homeCookie)), who.Role)
	if chosen == as {
		ctx.Cookie(c.cookie(homeCookie, as, themeFor))
	}
	var p page
	var err error
	switch as {
	case "problems":
		p, err = c.homeProblems(who)
	case "operations":
		p, err = c.homeOperations(who)
	default:
		p, err = c.homeOnCall(who)
	}
	if err != nil {
		return err
	}
	return c.show(ctx, http.StatusOK, p)
}

// isMine reports whether an incident is in a person's hands: assigned to them, or
// acknowledged by them and assigned to nobody.
func isMine(i *itsm.Incident, who access.Identity) bool {
	holder := cmp.Or(i.Assignee, i.AcknowledgedBy)
	name := holder[strings.IndexByte(holder, ':')+1:]
	return name != "" && (name == who.Name || name == who.User)
}

func (c *Console) homeOnCall(who access.Identity) (page, error) {
	var teams []itsm.Team
	var err error
	if who.User != "" {
		if teams, err = c.teamsOf(who.User); err != nil {
			return nil, err
		}
	}
	var own access.Scope
	for _, t := range teams {
		own.Groups, own.Services = append(own.Groups, t.Name), append(own.Services, t.Services...)
	}
	keep := func(i *itsm.Incident) bool {
		return who.Scope.Sees(i.Services, i.Group) && (len(teams) == 0 || isMine(i, who) || own.Sees(i.Services, i.Group))
	}
	list, whole, err := c.openIncidents(keep)
	if err != nil {
		return nil, err
	}
	now := c.o.Clock()
	grown, err := c.growth(list, now)
	if err != nil {
		return nil, err
	}
	p := viewOnCall(list, grown, who, c.inventory(), now)
	p.Fresh, p.External = c.o.Records.Counts().Incidents == 0, c.external.String()
	if p.Scope = "Yours and those of " + teamNames(teams); len(teams) == 0 {
		p.Scope, p.Everyone = "You are in no team, so this is everybody’s work.", true
	}
	if !whole {
		p.More = "Only the newest " + thousands(homeRead) + " open incidents were looked at."
	}
	return p, nil
}

// openIncidents reads what is open, and whether that is all of it.
func (c *Console) openIncidents(keep func(*itsm.Incident) bool) (list []itsm.Incident, whole bool, err error) {
	q := desk.IncidentQuery{States: openStates, Keep: keep, Limit: desk.PageMax}
	for len(list) < homeRead {
		page, err := c.o.Records.Incidents(q)
		if err != nil {
			return nil, false, err
		}
		list = append(list, page.Items...)
		if q.Cursor = page.Next; q.Cursor == "" {
			return list, true, nil
		}
	}
	return list, false, nil
}

// growth counts the alerts of the last growingIn of the incidents that moved since.
func (c *Console) growth(list []itsm.Incident, now time.Time) (map[itsm.IncidentNumber]int, error) {
	out := map[itsm.IncidentNumber]int{}
	from := itsm.TimeOf(now.Add(-growingIn))
	looked := 0
	for k := range list {
		i := &list[k]
		if i.LastActivityAt < from || i.AlertCount < growingFrom || i.OpenedAt >= from {
			continue
		}
		if looked++; looked > growingLook {
			break
		}
		members, err := c.o.Records.IncidentAlerts(i.Number, "", desk.PageMax)
		if err != nil {
			return nil, err
		}
		for a := range members.Items {
			if members.Items[a].RaisedAt >= from {
				out[i.Number]++
			}
		}
	}
	return out, nil
}

// worseOf says why an incident is getting worse, nothing when it is not.
func worseOf(i *itsm.Incident, grown int, now time.Time) (out []string) {
	if grown >= growingFrom {
		out = append(out, plural(grown, "new alert", "new alerts")+" in "+span(growingIn))
	}
	if i.OpenedAt.Std().After(now.Add(-growingIn)) && i.FiringCount > 10*growingFrom {
		out = append(out, plural(i.FiringCount, "alert", "alerts")+" within "+span(now.Sub(i.OpenedAt.Std())))
	}
	for _, k := range []struct {
		what  string
		clock *itsm.LevelClock
	}{{"acknowledge", &i.SLA.Response}, {"resolve", &i.SLA.Resolution}} {
		if k.clock.Target == 0 || k.clock.DoneAt != 0 || k.clock.DueAt == 0 {
			continue
		}
		left := k.clock.DueAt.Std().Sub(now)
		switch {
		case left <= 0:
			out = append(out, "too late to "+k.what+" by "+span(-left))
		case left <= dueSoon || left <= k.clock.Target/4:
			out = append(out, span(left)+" left to "+k.what)
		}
	}
	if i.Epoch > 1 {
		out = append(out, "reopened")
	}
	return out
}

func viewOnCall(list []itsm.Incident, grown map[itsm.IncidentNumber]int, who access.Identity, inv inventory, now time.Time) homePage {
	waiting := homeGroup{Title: "Waiting for somebody", Text: "Nobody has acknowledged these yet. Acknowledging says: I am on it."}
	worse := homeGroup{Title: "Getting worse", Text: "Growing, late or soon too late."}
	mine := homeGroup{Title: "In your hands"}
	rest := homeGroup{Title: "With others"}
	slices.SortStableFunc(list, func(a, b itsm.Incident) int {
		return cmp.Or(cmp.Compare(a.Priority, b.Priority), cmp.Compare(b.OpenedAt, a.OpenedAt))
	})
	for k := range list {
		i := &list[k]
		r := homeRow{incidentRow: viewRow(*i, inv, mayAct(who), now), Worse: worseOf(i, grown[i.Number], now)}
		r.Back = "/home"
		switch {
		case i.State == itsm.New && i.AcknowledgedAt == 0:
			waiting.add(r)
		case i.State != itsm.OnHold && len(r.Worse) > 0:
			worse.add(r)
		case isMine(i, who):
			mine.add(r)
		default:
			rest.add(r)
		}
	}
	p := homePage{Parts: homeParts("oncall"), Admin: who.Role.Allows(access.Admin)}
	for _, g := range []homeGroup{waiting, worse, mine, rest} {
		if g.Count > 0 {
			p.Groups = append(p.Groups, g)
		}
	}
	return p
}

func (g *homeGroup) add(r homeRow) {
	if g.Count++; g.Count > homeRows {
		g.More = "/"
		return
	}
	g.Rows = append(g.Rows, r)
}
