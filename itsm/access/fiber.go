package access

import (
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"signalbox/itsm"
)

// Cookie names. A browser takes a __Host- cookie only over TLS, for this very
// host and for all its paths, so no neighbouring site can plant one.
const (
	cookieSecure = "__Host-signalbox"
	cookiePlain  = "signalbox"
)

// CookieName is the name of the session cookie.
func (g *Gate) CookieName() string {
	if g.secure {
		return cookieSecure
	}
	return cookiePlain
}

// Authenticate answers who made the request: by its bearer token, or by its
// session cookie when it has no Authorization header. A request that a cookie
// lets in and that changes something must come from our own pages.
func (g *Gate) Authenticate(c *fiber.Ctx) (Identity, error) {
	if h := c.Get(fiber.HeaderAuthorization); h != "" {
		return g.bearerFrom(h, strings.Clone(c.IP()))
	}
	id := c.Cookies(g.CookieName())
	if id == "" {
		return Identity{}, itsm.Errorf(itsm.Unauthorized, "no credentials: send \"Authorization: Bearer TOKEN\" or sign in")
	}
	who, err := g.Session(id)
	if err != nil {
		return Identity{}, err
	}
	return who, g.SameSite(c)
}

// SameSite refuses a request of another site's page; see CheckSite.
func (g *Gate) SameSite(c *fiber.Ctx) error {
	return g.CheckSite(c.Method(), c.Get("Sec-Fetch-Site"), c.Get(fiber.HeaderOrigin), string(c.Request().Host()))
}

// Require authenticates and checks that the role suffices.
func (g *Gate) Require(c *fiber.Ctx, need Role) (Identity, error) {
	if need == Nobody {
		return Identity{}, nil
	}
	who, err := g.Authenticate(c)
	if err != nil {
		return Identity{}, err
	}
	if !who.Role.Allows(need) {
		return Identity{}, itsm.Errorf(itsm.Forbidden, "%s has the role %s; this needs %s", who.Name, who.Role, need)
	}
	return who, nil
}

// SignIn exchanges a token for a new session and sets its cookie. A session the
// browser already had ends: an id never survives a change of who holds it.
func (g *Gate) SignIn(c *fiber.Ctx, token string) (Identity, error) {
	if err := g.SameSite(c); err != nil {
		return Identity{}, err
	}
	id, who, err := g.startSession(c.UserContext(), token, strings.Clone(c.IP()), agentOf(c))
	return who, g.begin(c, id, err)
}

// SignInUser is SignIn with a name and a password.
func (g *Gate) SignInUser(c *fiber.Ctx, name, password string) (Identity, error) {
	if err := g.SameSite(c); err != nil {
		return Identity{}, err
	}
	id, who, err := g.StartUserSession(c.UserContext(), name, password, strings.Clone(c.IP()), agentOf(c))
	return who, g.begin(c, id, err)
}

// begin gives the browser a new session in place of the one it had.
func (g *Gate) begin(c *fiber.Ctx, id string, err error) error {
	if err != nil {
		return err
	}
	if old := c.Cookies(g.CookieName()); old != "" {
		g.EndSession(old)
	}
	c.Cookie(g.cookie(id, SessionLifetime))
	return nil
}

func agentOf(c *fiber.Ctx) string { return strings.Clone(c.Get(fiber.HeaderUserAgent)) }

// Sessions lists the sessions of whoever made the request.
func (g *Gate) Sessions(c *fiber.Ctx) []SessionInfo {
	id := strings.Clone(c.Cookies(g.CookieName()))
	h, ok := g.sessions.get(id, g.clock())
	if !ok {
		return nil
	}
	return g.sessions.of(h, id, g.clock())
}

// EndOtherSessions ends the sessions of whoever made the request but this one, which
// gets a new id. It returns how many these were.
func (g *Gate) EndOtherSessions(c *fiber.Ctx) int {
	id := strings.Clone(c.Cookies(g.CookieName()))
	h, ok := g.sessions.get(id, g.clock())
	if !ok {
		return 0
	}
	n := g.sessions.endOf(h, id)
	c.Cookie(g.cookie(g.sessions.rotate(id), SessionLifetime))
	return n
}

// SignOut ends the session and takes the cookie back.
func (g *Gate) SignOut(c *fiber.Ctx) error {
	if err := g.SameSite(c); err != nil {
		return err
	}
	if id := c.Cookies(g.CookieName()); id != "" {
		g.EndSession(id)
	}
	expired := g.cookie("", 0)
	expired.Expires = time.Unix(1, 0) // the past: browsers delete it
	c.Cookie(expired)
	return nil
}

func (g *Gate) cookie(id string, life time.Duration) *fiber.Cookie {
	return &fiber.Cookie{
		Name: g.CookieName(), Value: id, Path: "/", MaxAge: int(life.Seconds()),
		Secure: g.secure, HTTPOnly: true, SameSite: fiber.CookieSameSiteLaxMode,
	}
}
