package access

import (
	"crypto/sha256"
	"net/url"
	"strings"
	"time"

	"signalbox/itsm"
)

// Options of a Gate.
type Options struct {
	Tokens      []Token          // at least one
	Secure      bool             // cookies only over TLS: we serve TLS, or external_url is https
	ExternalURL string           // our address as browsers see it, "" when it is the request's Host
	Clock       func() time.Time // nil: time.Now
}

// Gate knows the credentials and the sessions of one process. It is safe for
// concurrent use.
type Gate struct {
	credentials []credential // never changes after New
	origin      string       // host of ExternalURL, or ""
	secure      bool
	clock       func() time.Time
	sessions    sessions
	attempts    attempts
}

// New makes a Gate.
func New(o Options) (*Gate, error) {
	g := &Gate{secure: o.Secure, clock: o.Clock}
	if g.clock == nil {
		g.clock = time.Now
	}
	for _, t := range o.Tokens {
		if t.Secret == "" || t.Name == "" || t.Role == Nobody {
			return nil, itsm.Errorf(itsm.Invalid, "token of %q: expected a secret, a name and a role", t.Name)
		}
		g.credentials = append(g.credentials, credential{sha256.Sum256([]byte(t.Secret)), t.Name, t.Role})
	}
	if len(g.credentials) == 0 {
		return nil, itsm.Errorf(itsm.Invalid, "no API token: set SIGNALBOX_ADMIN_TOKEN or let the data directory hold one")
	}
	if o.ExternalURL != "" {
		u, err := url.Parse(o.ExternalURL)
		if err != nil || u.Host == "" {
			return nil, itsm.Errorf(itsm.Invalid, "external_url %q: expected an address such as https://signalbox.example.org", o.ExternalURL)
		}
		g.origin = strings.ToLower(u.Host)
	}
	return g, nil
}

// Bearer answers who an Authorization header is.
func (g *Gate) Bearer(header string) (Identity, error) {
	scheme, secret, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return Identity{}, itsm.Errorf(itsm.Unauthorized, "Authorization: expected \"Bearer TOKEN\"")
	}
	c, ok := lookup(g.credentials, strings.TrimSpace(secret))
	if !ok {
		return Identity{}, itsm.Errorf(itsm.Unauthorized, "Authorization: this token is not valid here")
	}
	return Identity{Name: c.name, Role: c.role, Door: DoorAPI}, nil
}

// StartSession exchanges a token for a session id, for a client at address. A
// wrong token counts against the address; too many are refused unseen.
func (g *Gate) StartSession(token, address string) (id string, who Identity, err error) {
	now := g.clock()
	if !g.attempts.allow(address, now) {
		return "", Identity{}, itsm.Errorf(itsm.Throttled, "too many failed sign-ins from %s; try again in %s", address, AttemptWindow)
	}
	c, ok := lookup(g.credentials, strings.TrimSpace(token))
	if !ok {
		g.attempts.failed(address, now)
		return "", Identity{}, itsm.Errorf(itsm.Unauthorized, "this token is not valid here")
	}
	g.attempts.forget(address)
	who = Identity{Name: c.name, Role: c.role, Door: DoorConsole}
	return g.sessions.start(who, now), who, nil
}

// Session answers who a session id belongs to.
func (g *Gate) Session(id string) (Identity, error) {
	who, ok := g.sessions.get(id, g.clock())
	if !ok {
		return Identity{}, itsm.Errorf(itsm.Unauthorized, "the session has ended; sign in again")
	}
	return who, nil
}

// EndSession forgets a session id.
func (g *Gate) EndSession(id string) { g.sessions.end(id) }
