package console

import (
	"net/http"
	"net/url"

	"github.com/gofiber/fiber/v2"

	"signalbox/itsm"
	"signalbox/itsm/access"
	"signalbox/itsm/desk"
)

// tokensPage lists everybody's tokens.
type tokensPage struct {
	Parts  []chip
	Secret *secretView
	Form   tokenForm
	Rows   []tokenRow
	Next   string
}

func (tokensPage) about() (string, string, string) { return "tokens", "Tokens", "tokens" }

func (c *Console) tokens(ctx *fiber.Ctx) error { return c.showTokens(ctx, nil) }

func (c *Console) showTokens(ctx *fiber.Ctx, secret *secretView) error {
	who, _ := person(ctx)
	tokens, next, err := nouns[itsm.APIToken](c, desk.ObjectQuery{Kind: itsm.ObjectToken, Cursor: query(ctx).Get("cursor"), Limit: listPageSize})
	if err != nil {
		return err
	}
	p := tokensPage{Parts: adminParts(who, "/admin/tokens"), Secret: secret, Form: tokenForm{Action: "/admin/tokens", Roles: roleOptions(access.Viewer, access.Admin), Owner: true, Services: true}}
	for _, t := range tokens {
		p.Rows = append(p.Rows, viewToken(t, "/admin/tokens/", c.o.Clock()))
	}
	if next != "" {
		p.Next = "/admin/tokens?" + url.Values{"cursor": {next}}.Encode()
	}
	return c.show(ctx, http.StatusOK, p)
}
