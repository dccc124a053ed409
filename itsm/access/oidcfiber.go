package access

import (
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"signalbox/itsm"
)

// ProviderLabel names the provider people may sign in at; "" when there is none.
func (g *Gate) ProviderLabel() string {
	if g.o.OIDC == nil {
		return ""
	}
	return g.o.OIDC.Label()
}

// HasUsers reports whether people can have a name and a password here.
func (g *Gate) HasUsers() bool { return g.o.Records != nil }

func (g *Gate) loginCookie(state string, life time.Duration) *fiber.Cookie {
	c := g.cookie(state, life)
	c.Name += "-login"
	return c
}

// BeginLogin answers the address of the provider to send the browser to.
func (g *Gate) BeginLogin(c *fiber.Ctx, next string) (string, error) {
	address, state, err := g.beginLogin(c.UserContext(), next)
	if err != nil {
		return "", err
	}
	c.Cookie(g.loginCookie(state, loginWithin))
	return address, nil
}

// FinishLogin signs in whom the provider sent back, and returns where they wanted to
// go. This is the one request that another site's page may make: the state proves
// that this browser began it.
func (g *Gate) FinishLogin(c *fiber.Ctx) (next string, err error) {
	browserState := strings.Clone(c.Cookies(g.CookieName() + "-login"))
	expired := g.loginCookie("", 0)
	expired.Expires = time.Unix(1, 0)
	c.Cookie(expired)
	if word := c.Query("error"); word != "" {
		return "", itsm.Errorf(itsm.Unauthorized, "%s did not sign you in (%s)", g.ProviderLabel(), errorWord(word))
	}
	id, _, next, err := g.finishLogin(c.UserContext(), strings.Clone(c.Query("state")), browserState, strings.Clone(c.Query("code")), strings.Clone(c.IP()), agentOf(c))
	return next, g.begin(c, id, err)
}

// errorWord is an error code of RFC 6749, which is a word; anything else is not shown.
func errorWord(s string) string {
	if len(s) > 60 || strings.Trim(s, "abcdefghijklmnopqrstuvwxyz_") != "" {
		return "no reason that can be shown"
	}
	return strings.Clone(s)
}
