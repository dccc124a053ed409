package console

import (
	"encoding/json"
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

// peopleRoutes are one's own account, and what an administrator does about others.
func (c *Console) peopleRoutes() []route {
	return []route{
		{http.MethodGet, "/sign-in/oidc", access.Nobody, c.signInElsewhere},
		{http.MethodGet, access.CallbackPath, access.Nobody, c.signedInElsewhere},

		{http.MethodGet, "/account", access.Viewer, c.account},
		{http.MethodPost, "/account/password", access.Viewer, c.accountPassword},
		{http.MethodPost, "/account/tokens", access.Viewer, c.createToken},
		{http.MethodPost, "/account/tokens/:id/revoke", access.Viewer, c.revokeToken},
		{http.MethodPost, "/account/sessions/end", access.Viewer, c.endSessions},

		{http.MethodGet, "/admin/users", access.Admin, c.users},
		{http.MethodPost, "/admin/users", access.Admin, c.addUser},
		{http.MethodGet, "/admin/users/:name", access.Admin, c.user},
		{http.MethodPost, "/admin/users/:name", access.Admin, c.changeUser},
		{http.MethodPost, "/admin/users/:name/password", access.Admin, c.resetPassword},
		{http.MethodGet, "/admin/tokens", access.Admin, c.tokens},
		{http.MethodPost, "/admin/tokens", access.Admin, c.createToken},
		{http.MethodPost, "/admin/tokens/:id/revoke", access.Admin, c.revokeToken},
		{http.MethodGet, "/admin/teams", access.Admin, c.teams},
		{http.MethodPost, "/admin/teams", access.Admin, c.addTeam},
		{http.MethodGet, "/admin/teams/:name", access.Admin, c.team},
		{http.MethodPost, "/admin/teams/:name", access.Admin, c.putTeam},
		{http.MethodPost, "/admin/teams/:name/remove", access.Admin, c.removeTeam},
		{http.MethodGet, "/admin/audit", access.Admin, c.audit},
		{http.MethodGet, "/admin/audit.csv", access.Admin, c.auditCSV},
	}
}

// adminParts lead between one's account and the administrator's pages.
func adminParts(who access.Identity, current string) []chip {
	all := []struct{ label, href string }{{"Account", "/account"}, {"Users", "/admin/users"}, {"Tokens", "/admin/tokens"}, {"Teams", "/admin/teams"}, {"Audit", "/admin/audit"}}
	if !who.Role.Allows(access.Admin) {
		all = all[:1]
	}
	var parts []chip
	for _, p := range all {
		parts = append(parts, chip{badge: badge{Label: p.label}, Href: p.href, Current: p.href == current})
	}
	return parts
}

// roleOptions are the roles up to one's own.
func roleOptions(selected, most itsm.Role) []option {
	var out []option
	for r := access.Viewer; r <= most; r++ {
		out = append(out, option{Value: r.Word(), Label: r.String(), Selected: r == selected})
	}
	return out
}

// nounOf reads one object of the desk.
func nounOf[T any](c *Console, kind, id string) (v T, err error) {
	o, err := c.o.Records.Object(kind, id)
	if err == nil && json.Unmarshal(o.Body, &v) != nil {
		err = itsm.Errorf(itsm.Internal, "%s %s cannot be read", kind, id)
	}
	return v, err
}

// nouns reads a page of objects: when members are named, no others of each.
func nouns[T any](c *Console, q desk.ObjectQuery, members ...string) (out []T, next string, err error) {
	page, err := c.o.Records.Objects(q)
	if err != nil {
		return nil, "", err
	}
	out = make([]T, len(page.Items))
	var picked []byte
	for i := range page.Items {
		body := []byte(page.Items[i].Body)
		if len(members) > 0 {
			picked = itsm.Members(picked[:0], body, members...)
			body = picked
		}
		if err := json.Unmarshal(body, &out[i]); err != nil {
			return nil, "", itsm.Wrap(itsm.Internal, err, "%s %s cannot be read", page.Items[i].Kind, page.Items[i].ID)
		}
	}
	return out, page.Next, nil
}

// doObject journals an act on what is no incident.
func (c *Console) doObject(ctx *fiber.Ctx, kind itsm.ActKind, object string, body any) error {
	who, _ := person(ctx)
	b, err := json.Marshal(body)
	if err != nil {
		return err
	}
	o, err := c.o.Engine.Do(ctx.UserContext(), itsm.Act{Kind: kind, Object: object, Body: b, Actor: who.Actor(), RemoteIP: strings.Clone(ctx.IP())})
	if err == nil {
		err = o.Err()
	}
	return err
}

// back leads to a page with a message.
func (c *Console) back(ctx *fiber.Ctx, code, to string) error {
	c.setFlash(ctx, code, 0)
	return ctx.Redirect(to, http.StatusSeeOther)
}

func param(ctx *fiber.Ctx, name string) string {
	s, err := url.PathUnescape(ctx.Params(name))
	if err != nil {
		return ""
	}
	return strings.Clone(s)
}

// secretView is what is shown once.
type secretView struct {
	What  string // "The token laptop"
	Value string
}

// tokenRow is a token in a list.
type tokenRow struct {
	ID, Name, Owner string
	Role, Sees      string
	State           badge
	Expires, Used   when
	Revoke          string // address of the form; "" when it is over
}

func viewToken(t itsm.APIToken, prefix string, now time.Time) tokenRow {
	r := tokenRow{ID: t.ID, Name: line(t.Name, nameRunesMax), Owner: line(t.Owner, nameRunesMax), Role: t.Role.String(), Sees: "everything",
		State: badge{Class: "al-resolved", Label: "valid"}, Expires: at(t.ExpiresAt, now), Used: at(t.UsedAt, now), Revoke: prefix + t.ID + "/revoke"}
	if t.IsScoped() {
		r.Sees = line(strings.Join(append(slices.Clone(t.Teams), t.Services...), ", "), lineRunesMax)
	}
	switch {
	case t.RevokedAt != 0:
		r.State, r.Revoke = badge{Class: "p5", Label: "revoked"}, ""
	case t.IsOver(itsm.TimeOf(now)):
		r.State, r.Revoke = badge{Class: "p5", Label: "expired"}, ""
	}
	return r
}

// namesOf reads a field of names, separated by commas, blanks or lines.
func namesOf(f url.Values, field string) []string {
	return strings.FieldsFunc(f.Get(field), func(r rune) bool { return strings.ContainsRune(", \t\r\n", r) })
}
