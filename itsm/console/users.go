package console

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"signalbox/itsm"
	"signalbox/itsm/access"
	"signalbox/itsm/desk"
)

// usersPage lists who may sign in.
type usersPage struct {
	Parts []chip
	Roles []option
	Rows  []userRow
	Next  string
}

type userRow struct {
	Name, Href, Title string
	Role              string
	State             badge
	How               string // how they sign in
	Last              when
}

func (usersPage) about() (string, string, string) { return "users", "Users", "users" }

func viewUserRow(u itsm.User, now time.Time) userRow {
	r := userRow{Name: line(u.Name, nameRunesMax), Href: "/admin/users/" + url.PathEscape(u.Name), Title: line(u.Title, nameRunesMax), Role: u.Role.String(),
		State: badge{Class: "al-resolved", Label: "may sign in"}, How: "with a password", Last: at(u.SignedInAt, now)}
	switch {
	case u.Issuer != "":
		r.How = "at " + line(u.Issuer, lineRunesMax)
	case u.Password == "":
		r.How, r.State = "no password yet", badge{Class: "p5", Label: "cannot sign in yet"}
	}
	if u.Disabled {
		r.State = badge{Class: "al-firing", Label: "disabled"}
	}
	return r
}

func (c *Console) users(ctx *fiber.Ctx) error {
	who, _ := person(ctx)
	users, next, err := nouns[itsm.User](c, desk.ObjectQuery{Kind: itsm.ObjectUser, Cursor: query(ctx).Get("cursor"), Limit: listPageSize})
	if err != nil {
		return err
	}
	p := usersPage{Parts: adminParts(who, "/admin/users"), Roles: roleOptions(access.Responder, access.Admin)}
	for _, u := range users {
		p.Rows = append(p.Rows, viewUserRow(u, c.o.Clock()))
	}
	if next != "" {
		p.Next = "/admin/users?" + url.Values{"cursor": {next}}.Encode()
	}
	return c.show(ctx, http.StatusOK, p)
}

// generatedPassword is one that is hard to guess and shown once.
func generatedPassword() string {
	return strings.TrimPrefix(access.NewToken(), access.TokenPrefix)[:24]
}

func (c *Console) addUser(ctx *fiber.Ctx) error {
	f, err := form(ctx)
	if err != nil {
		return err
	}
	name, title, email := strings.ToLower(line(f.Get("name"), nameRunesMax)), line(f.Get("title"), nameRunesMax), line(f.Get("email"), nameRunesMax)
	if why := itsm.PersonNameFault(name); why != "" {
		return itsm.Errorf(itsm.Invalid, "name %q: expected %s", name, why)
	}
	role, err := itsm.ParseRole(f.Get("role"))
	if err != nil {
		return err
	}
	password := generatedPassword()
	hash, err := c.o.Gate.HashPassword(ctx.UserContext(), name, password)
	if err != nil {
		return err
	}
	if err := c.doObject(ctx, itsm.ActUserPut, itsm.ObjectUser+"/"+name, itsm.UserChange{New: true, Title: &title, Email: &email, Role: &role, Password: &hash}); err != nil {
		return err
	}
	return c.showUser(ctx, name, &secretView{What: "The password of " + name, Value: password})
}

// userPage is one user.
type userPage struct {
	Parts    []chip
	User     userRow
	Title    string
	Email    string
	Disabled bool
	Roles    []option
	Facts    []fact
	Secret   *secretView
	Audit    string
}

func (p userPage) about() (string, string, string) { return "user", p.User.Name, "users" }

func (c *Console) user(ctx *fiber.Ctx) error { return c.showUser(ctx, param(ctx, "name"), nil) }

func (c *Console) showUser(ctx *fiber.Ctx, name string, secret *secretView) error {
	who, _ := person(ctx)
	u, err := nounOf[itsm.User](c, itsm.ObjectUser, name)
	if err != nil {
		return err
	}
	teams, err := c.teamsOf(u.Name)
	if err != nil {
		return err
	}
	now := c.o.Clock()
	p := userPage{Parts: adminParts(who, "/admin/users"), User: viewUserRow(u, now), Title: line(u.Title, nameRunesMax), Email: line(u.Email, nameRunesMax), Disabled: u.Disabled,
		Roles: roleOptions(u.Role, access.Admin), Secret: secret, Audit: "/admin/audit?" + url.Values{"object": {itsm.ObjectUser + "/" + u.Name}}.Encode()}
	p.Facts = []fact{{Name: "Signs in", Text: p.User.How}, {Name: "Teams", Text: teamNames(teams)}, {Name: "Last sign-in", Text: never(u.SignedInAt), When: at(u.SignedInAt, now)},
		{Name: "Password set", Text: never(u.PasswordAt), When: at(u.PasswordAt, now)}, {Name: "Added by", Text: line(u.CreatedBy, nameRunesMax), When: at(u.CreatedAt, now)}}
	return c.show(ctx, http.StatusOK, p)
}

func never(t itsm.Time) string {
	if t == 0 {
		return "never"
	}
	return ""
}

func (c *Console) changeUser(ctx *fiber.Ctx) error {
	f, err := form(ctx)
	if err != nil {
		return err
	}
	name := param(ctx, "name")
	var change itsm.UserChange
	if f.Has("role") {
		role, err := itsm.ParseRole(f.Get("role"))
		if err != nil {
			return err
		}
		title, email := line(f.Get("title"), nameRunesMax), line(f.Get("email"), nameRunesMax)
		change.Role, change.Title, change.Email = &role, &title, &email
	}
	if f.Has("disabled") {
		disabled := f.Get("disabled") == "yes"
		change.Disabled = &disabled
	}
	if err := c.doObject(ctx, itsm.ActUserPut, itsm.ObjectUser+"/"+name, change); err != nil {
		return err
	}
	return c.back(ctx, "user-changed", "/admin/users/"+url.PathEscape(name))
}

// resetPassword gives a user a password that is shown once, and ends their sessions.
func (c *Console) resetPassword(ctx *fiber.Ctx) error {
	if _, err := form(ctx); err != nil {
		return err
	}
	name := param(ctx, "name")
	if _, err := nounOf[itsm.User](c, itsm.ObjectUser, name); err != nil {
		return err
	}
	password := generatedPassword()
	if err := c.setPassword(ctx, name, password); err != nil {
		return err
	}
	c.o.Gate.EndSessionsOf(name)
	return c.showUser(ctx, name, &secretView{What: "The new password of " + name, Value: password})
}
