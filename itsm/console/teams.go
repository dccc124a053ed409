package console

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/gofiber/fiber/v2"

	"signalbox/itsm"
	"signalbox/itsm/desk"
)

// teamsPage lists the teams.
type teamsPage struct {
	Parts []chip
	Rows  []teamRow
	Next  string
}

type teamRow struct {
	Name, Href, Title string
	Members, Services string
	Incidents         string // address of its open incidents
}

func (teamsPage) about() (string, string, string) { return "teams", "Teams", "teams" }

func viewTeamRow(t itsm.Team) teamRow {
	return teamRow{Name: line(t.Name, nameRunesMax), Href: "/admin/teams/" + url.PathEscape(t.Name), Title: line(t.Title, nameRunesMax),
		Members: plural(len(t.Members), "member", "members"), Services: plural(len(t.Services), "service", "services"), Incidents: "/?" + url.Values{"team": {t.Name}}.Encode()}
}

func (c *Console) teams(ctx *fiber.Ctx) error {
	who, _ := person(ctx)
	teams, next, err := nouns[itsm.Team](c, desk.ObjectQuery{Kind: itsm.ObjectTeam, Cursor: query(ctx).Get("cursor"), Limit: listPageSize})
	if err != nil {
		return err
	}
	p := teamsPage{Parts: adminParts(who, "/admin/teams")}
	for _, t := range teams {
		p.Rows = append(p.Rows, viewTeamRow(t))
	}
	if next != "" {
		p.Next = "/admin/teams?" + url.Values{"cursor": {next}}.Encode()
	}
	return c.show(ctx, http.StatusOK, p)
}

// teamPage is one team.
type teamPage struct {
	Parts             []chip
	Team              teamRow
	Title             string
	Members, Services string
	Linked            []ciLink
	Audit             string
}

func (p teamPage) about() (string, string, string) { return "team", p.Team.Name, "teams" }

func (c *Console) team(ctx *fiber.Ctx) error {
	who, _ := person(ctx)
	t, err := nounOf[itsm.Team](c, itsm.ObjectTeam, param(ctx, "name"))
	if err != nil {
		return err
	}
	p := teamPage{Parts: adminParts(who, "/admin/teams"), Team: viewTeamRow(t), Title: line(t.Title, nameRunesMax), Members: block(strings.Join(t.Members, "\n"), blockRunesMax),
		Services: block(strings.Join(t.Services, "\n"), blockRunesMax), Audit: "/admin/audit?" + url.Values{"object": {itsm.ObjectTeam + "/" + t.Name}}.Encode()}
	p.Linked = c.inventory().links(t.Services, itsm.TeamCIsMax)
	return c.show(ctx, http.StatusOK, p)
}

func (c *Console) addTeam(ctx *fiber.Ctx) error {
	f, err := form(ctx)
	if err != nil {
		return err
	}
	name := strings.ToLower(line(f.Get("name"), nameRunesMax))
	if _, err := c.o.Records.Object(itsm.ObjectTeam, name); err == nil {
		return itsm.Errorf(itsm.Conflict, "team %s exists already", name)
	}
	if err := c.doObject(ctx, itsm.ActTeamPut, itsm.ObjectTeam+"/"+name, itsm.Team{Title: line(f.Get("title"), nameRunesMax)}); err != nil {
		return err
	}
	return c.back(ctx, "team-changed", "/admin/teams/"+url.PathEscape(name))
}

func (c *Console) putTeam(ctx *fiber.Ctx) error {
	f, err := form(ctx)
	if err != nil {
		return err
	}
	name := param(ctx, "name")
	if _, err := c.o.Records.Object(itsm.ObjectTeam, name); err != nil {
		return err
	}
	if err := c.doObject(ctx, itsm.ActTeamPut, itsm.ObjectTeam+"/"+name, itsm.Team{Title: line(f.Get("title"), nameRunesMax), Members: namesOf(f, "members"), Services: namesOf(f, "services")}); err != nil {
		return err
	}
	return c.back(ctx, "team-changed", "/admin/teams/"+url.PathEscape(name))
}

func (c *Console) removeTeam(ctx *fiber.Ctx) error {
	if err := c.doObject(ctx, itsm.ActTeamRemove, itsm.ObjectTeam+"/"+param(ctx, "name"), nil); err != nil {
		return err
	}
	return c.back(ctx, "team-removed", "/admin/teams")
}
