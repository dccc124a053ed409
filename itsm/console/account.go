package console

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"signalbox/itsm"
	"signalbox/itsm/access"
	"signalbox/itsm/desk"
)

const (
	ownTokensMax = 200 // of one owner on a page
	tokenDaysMax = 3650
)

// accountPage is who one is here: password, tokens, sessions.
type accountPage struct {
	Parts    []chip
	Name     string
	Role     string
	Title    string
	Facts    []fact
	Password bool // there is one to change
	Refused  string
	Secret   *secretView
	Tokens   []tokenRow
	Form     *tokenForm // nil: makes none
	Sessions []sessionRow
}

// tokenForm is what is asked of a new token.
type tokenForm struct {
	Action   string
	Roles    []option
	Owner    bool // an administrator may name another
	Services bool
}

type sessionRow struct {
	Agent, Address string
	Started, Used  when
	Current        bool
}

func (accountPage) about() (string, string, string) { return "account", "Account", "account" }

func (c *Console) account(ctx *fiber.Ctx) error {
	p, err := c.accountPage(ctx)
	if err != nil {
		return err
	}
	return c.show(ctx, http.StatusOK, p)
}

func (c *Console) accountPage(ctx *fiber.Ctx) (accountPage, error) {
	who, _ := person(ctx)
	now := c.o.Clock()
	p := accountPage{Parts: adminParts(who, "/account"), Name: line(who.Name, nameRunesMax), Role: who.Role.String()}
	if who.User != "" {
		u, err := nounOf[itsm.User](c, itsm.ObjectUser, who.User)
		if err != nil {
			return p, err
		}
		teams, err := c.teamsOf(who.User)
		if err != nil {
			return p, err
		}
		p.Password, p.Title = u.Password != "", line(u.Title, nameRunesMax)
		p.Facts = append(p.Facts, fact{Name: "Role", Text: who.Role.String()}, fact{Name: "Teams", Text: teamNames(teams)})
		if u.Issuer != "" {
			p.Facts = append(p.Facts, fact{Name: "Signs in at", Text: line(u.Issuer, lineRunesMax)})
		}
		if u.PasswordAt != 0 {
			p.Facts = append(p.Facts, fact{Name: "Password set", When: at(u.PasswordAt, now)})
		}
	} else {
		p.Facts = append(p.Facts, fact{Name: "Role", Text: who.Role.String()}, fact{Name: "Signed in with", Text: "a token"})
	}
	owner := who.User
	if owner == "" && who.Role.Allows(access.Admin) {
		owner = itsm.AdminName
	}
	if owner != "" {
		tokens, _, err := nouns[itsm.APIToken](c, desk.ObjectQuery{Kind: itsm.ObjectToken, Ref: itsm.OwnerRef(owner), Limit: ownTokensMax})
		if err != nil {
			return p, err
		}
		slices.SortFunc(tokens, func(a, b itsm.APIToken) int { return int(b.CreatedAt - a.CreatedAt) })
		for _, t := range tokens {
			p.Tokens = append(p.Tokens, viewToken(t, "/account/tokens/", now))
		}
		p.Form = &tokenForm{Action: "/account/tokens", Roles: roleOptions(access.Viewer, who.Role)}
	}
	for _, s := range c.o.Gate.Sessions(ctx) {
		p.Sessions = append(p.Sessions, sessionRow{Agent: browserName(s.Agent), Address: line(s.Address, 60), Started: at(itsm.TimeOf(s.StartedAt), now), Used: at(itsm.TimeOf(s.UsedAt), now), Current: s.Current})
	}
	return p, nil
}

// browserName is what a person recognises in what a browser calls itself.
func browserName(agent string) string {
	for _, b := range []struct{ word, name string }{{"Edg/", "Edge"}, {"Firefox/", "Firefox"}, {"Chrome/", "Chrome"}, {"Safari/", "Safari"}, {"curl/", "curl"}} {
		if !strings.Contains(agent, b.word) {
			continue
		}
		for _, s := range []struct{ word, name string }{{"Android", "Android"}, {"iPhone", "iPhone"}, {"Windows", "Windows"}, {"Mac OS", "macOS"}, {"Linux", "Linux"}} {
			if strings.Contains(agent, s.word) {
				return b.name + " on " + s.name
			}
		}
		return b.name
	}
	return "An unknown browser"
}

func (c *Console) teamsOf(user string) ([]itsm.Team, error) {
	teams, _, err := nouns[itsm.Team](c, desk.ObjectQuery{Kind: itsm.ObjectTeam, Ref: itsm.MemberRef(user), Limit: desk.PageMax})
	return teams, err
}

func teamNames(teams []itsm.Team) string {
	names := make([]string, len(teams))
	for i, t := range teams {
		names[i] = t.Name
	}
	slices.Sort(names)
	if len(names) == 0 {
		return "none"
	}
	return line(strings.Join(names, ", "), lineRunesMax)
}

func (c *Console) accountPassword(ctx *fiber.Ctx) error {
	who, _ := person(ctx)
	f, err := form(ctx)
	if err != nil {
		return err
	}
	if who.User == "" {
		return itsm.Errorf(itsm.Conflict, "%s is a token and has no password", who.Name)
	}
	err = c.o.Gate.CheckUserPassword(ctx.UserContext(), who.User, f.Get("current"))
	if err == nil {
		err = c.setPassword(ctx, who.User, f.Get("password"))
	}
	if err != nil {
		if code := itsm.CodeOf(err); code != itsm.Invalid && code != itsm.Throttled {
			return err
		}
		p, perr := c.accountPage(ctx)
		if perr != nil {
			return perr
		}
		p.Refused = line(itsm.MessageOf(err), lineRunesMax)
		return c.show(ctx, http.StatusBadRequest, p)
	}
	c.o.Gate.EndOtherSessions(ctx)
	return c.back(ctx, "password", "/account")
}

func (c *Console) setPassword(ctx *fiber.Ctx, name, password string) error {
	hash, err := c.o.Gate.HashPassword(ctx.UserContext(), name, password)
	if err != nil {
		return err
	}
	return c.doObject(ctx, itsm.ActUserPut, itsm.ObjectUser+"/"+name, itsm.UserChange{Password: &hash})
}

func (c *Console) endSessions(ctx *fiber.Ctx) error {
	c.o.Gate.EndOtherSessions(ctx)
	return c.back(ctx, "sessions", "/account")
}

// createToken makes a token for oneself, or at the administrator's address for
// anybody, and shows its secret on the page that answers, once.
func (c *Console) createToken(ctx *fiber.Ctx) error {
	who, _ := person(ctx)
	f, err := form(ctx)
	if err != nil {
		return err
	}
	admin := strings.HasPrefix(ctx.Path(), "/admin/")
	t := itsm.APIToken{Name: line(f.Get("name"), nameRunesMax), Owner: who.User, Services: namesOf(f, "services"), Teams: namesOf(f, "teams")}
	if admin && f.Get("owner") != "" {
		t.Owner = line(f.Get("owner"), nameRunesMax)
	}
	if t.Owner == "" && who.Role.Allows(access.Admin) {
		t.Owner = itsm.AdminName
	}
	days, err := strconv.Atoi(f.Get("days"))
	if err != nil || days < 1 || days > tokenDaysMax {
		return itsm.Errorf(itsm.Invalid, "days %s: expected 1 to %d", line(f.Get("days"), 20), tokenDaysMax)
	}
	if t.Role, err = itsm.ParseRole(f.Get("role")); err != nil {
		return err
	}
	if t.Owner == "" || !who.Role.Allows(t.Role) {
		return itsm.Errorf(itsm.Forbidden, "a token may do no more than you")
	}
	t.ExpiresAt = itsm.TimeOf(c.o.Clock().Add(time.Duration(days) * 24 * time.Hour))
	secret := access.NewToken()
	t.Sum = access.TokenSum(secret)
	t.ID = t.Sum[:2*itsm.TokenIDBytes]
	if err := c.doObject(ctx, itsm.ActTokenCreate, itsm.ObjectToken+"/"+t.ID, t); err != nil {
		return err
	}
	shown := &secretView{What: "The token " + t.Name, Value: secret}
	if admin {
		return c.showTokens(ctx, shown)
	}
	p, err := c.accountPage(ctx)
	if err != nil {
		return err
	}
	p.Secret = shown
	return c.show(ctx, http.StatusOK, p)
}

func (c *Console) revokeToken(ctx *fiber.Ctx) error {
	who, _ := person(ctx)
	id := param(ctx, "id")
	t, err := nounOf[itsm.APIToken](c, itsm.ObjectToken, id)
	if err != nil {
		return err
	}
	if !who.Role.Allows(access.Admin) && t.Owner != who.User {
		return itsm.Errorf(itsm.NotFound, "there is no token %q of yours", line(id, 40))
	}
	if err := c.doObject(ctx, itsm.ActTokenRevoke, itsm.ObjectToken+"/"+id, nil); err != nil {
		return err
	}
	to := "/account"
	if strings.HasPrefix(ctx.Path(), "/admin/") {
		to = "/admin/tokens"
	}
	return c.back(ctx, "token-revoked", to)
}
