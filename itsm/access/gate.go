package access

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"strings"
	"sync"
	"time"

	"signalbox/itsm"
)

// Records is where users, tokens and teams are looked up; *desk.Desk is one.
type Records interface {
	Object(kind, id string) (itsm.Object, error)
}

// Options of a Gate.
type Options struct {
	Tokens      []Token          // configured ones, at least one
	Secure      bool             // cookies only over TLS: we serve TLS, or external_url is https
	ExternalURL string           // our address as browsers see it, "" when it is the request's Host
	Clock       func() time.Time // nil: time.Now

	// Records holds users, tokens and teams. Nil: there are only the configured tokens.
	Records Records
	// Do journals a sign-in and says what came of it. Nil: nobody is told.
	Do func(context.Context, itsm.Act) (itsm.Outcome, error)
	// OIDC is where people may sign in as well. Nil: nowhere.
	OIDC *Provider
}

// Gate knows the credentials and the sessions of one process. It is safe for
// concurrent use.
type Gate struct {
	o           Options
	credentials []credential // never changes after New
	origin      string       // host of ExternalURL, or ""
	secure      bool
	clock       func() time.Time
	sessions    sessions
	attempts    attempts // of signing in, by address
	accounts    attempts // of passwords, by account
	bearers     attempts // of bearer tokens, by address
	hasher      hasher
	logins      logins

	mu    sync.Mutex
	noted map[string]time.Time // guarded by mu: when a token's use was journaled last
}

const (
	useNotedEvery = time.Hour              // a token's use is journaled so often
	useWithin     = 250 * time.Millisecond // a request waits for that no longer
)

// New makes a Gate.
func New(o Options) (*Gate, error) {
	g := &Gate{o: o, secure: o.Secure, clock: o.Clock, accounts: attempts{max: accountMax}, bearers: attempts{max: bearersMax}, hasher: newHasher(), noted: map[string]time.Time{}}
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
	who, _, err := g.bearer(header)
	return who, err
}

func (g *Gate) bearer(header string) (Identity, holder, error) {
	scheme, secret, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return Identity{}, holder{}, itsm.Errorf(itsm.Unauthorized, "Authorization: expected \"Bearer TOKEN\"")
	}
	h, ok, err := g.tokenHolder(secret)
	if err != nil {
		return Identity{}, h, err
	}
	if !ok {
		return Identity{}, h, itsm.Errorf(itsm.Unauthorized, "Authorization: this token is not valid here")
	}
	who, err := g.identify(h, DoorAPI)
	return who, h, err
}

// bearerFrom is Bearer for a client at address, whose wrong tokens are counted.
func (g *Gate) bearerFrom(header, address string) (Identity, error) {
	who, h, err := g.bearer(header)
	switch {
	case err == nil:
		g.noteUse(h, address)
	case itsm.CodeOf(err) == itsm.Unauthorized:
		now := g.clock()
		if !g.bearers.allow(address, now) {
			return Identity{}, itsm.Errorf(itsm.Throttled, "too many wrong tokens from %s; a valid one is still taken", address)
		}
		g.bearers.failed(address, now)
	}
	return who, err
}

// tokenHolder finds the token that a secret is.
func (g *Gate) tokenHolder(secret string) (h holder, ok bool, err error) {
	secret = strings.TrimSpace(secret)
	if c, ok := lookup(g.credentials, secret); ok {
		return holder{name: c.name}, true, nil
	}
	if g.o.Records == nil || !strings.HasPrefix(secret, TokenPrefix) {
		return holder{}, false, nil
	}
	sum := TokenSum(secret)
	t, err := find[itsm.APIToken](g.o.Records, itsm.ObjectToken, sum[:2*itsm.TokenIDBytes])
	if err != nil || t == nil {
		return holder{}, false, err
	}
	return holder{token: t.ID}, subtle.ConstantTimeCompare([]byte(sum), []byte(t.Sum)) == 1, nil
}

// TokenSum is what is kept of a token: its SHA-256 sum in hex.
func TokenSum(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// find reads one object into its noun; nil when there is none.
func find[T any](r Records, kind, id string) (*T, error) {
	if r == nil {
		return nil, nil
	}
	o, err := r.Object(kind, id)
	switch {
	case itsm.CodeOf(err) == itsm.NotFound:
		return nil, nil
	case err != nil:
		return nil, err
	}
	v := new(T)
	if err := json.Unmarshal(o.Body, v); err != nil {
		return nil, itsm.Wrap(itsm.Internal, err, "%s %s cannot be read", kind, id)
	}
	return v, nil
}

// identify says what a holder may do now. It is Unauthorized when that is nothing.
func (g *Gate) identify(h holder, door string) (Identity, error) {
	switch {
	case h.user != "":
		u, err := g.user(h.user)
		if err != nil {
			return Identity{}, err
		}
		return Identity{Name: u.Name, User: u.Name, Role: u.Role, Door: door}, nil
	case h.token != "":
		return g.identifyToken(h.token, door)
	}
	for _, c := range g.credentials {
		if c.name == h.name {
			return Identity{Name: c.name, Role: c.role, Door: door}, nil
		}
	}
	return Identity{}, itsm.Errorf(itsm.Unauthorized, "this token is not valid here")
}

// user reads a user who may come in, with the role they have now.
func (g *Gate) user(name string) (*itsm.User, error) {
	u, err := find[itsm.User](g.o.Records, itsm.ObjectUser, name)
	if err == nil && (u == nil || u.Disabled) {
		err = itsm.Errorf(itsm.Unauthorized, "user %s is disabled; ask an administrator", name)
	}
	if err == nil {
		u.Role, err = g.roleOf(u)
	}
	return u, err
}

func (g *Gate) identifyToken(id, door string) (Identity, error) {
	t, err := find[itsm.APIToken](g.o.Records, itsm.ObjectToken, id)
	if err != nil {
		return Identity{}, err
	}
	if t == nil || t.IsOver(itsm.TimeOf(g.clock())) {
		return Identity{}, itsm.Errorf(itsm.Unauthorized, "this token has expired or was revoked; make another one")
	}
	who := Identity{Name: t.Owner + "/" + t.Name, Role: t.Role, Door: door}
	if t.Owner != itsm.AdminName {
		u, err := g.user(t.Owner)
		if err != nil {
			return Identity{}, err
		}
		who.User, who.Role = u.Name, min(t.Role, u.Role)
	}
	if t.IsScoped() && door == DoorConsole {
		return Identity{}, itsm.Errorf(itsm.Forbidden, "this token sees the incidents of some services only; the console shows everything, so it is for the API")
	}
	if t.IsScoped() {
		if who.Scope, err = g.scope(t); err != nil {
			return Identity{}, err
		}
	}
	return who, nil
}

// scope resolves the teams of a token. A team that is gone owns nothing.
func (g *Gate) scope(t *itsm.APIToken) (*Scope, error) {
	s := &Scope{Services: t.Services, Groups: t.Teams}
	for _, name := range t.Teams {
		team, err := find[itsm.Team](g.o.Records, itsm.ObjectTeam, name)
		if err != nil {
			return nil, err
		}
		if team != nil {
			s.Services = append(s.Services, team.Services...)
		}
	}
	s.Services = itsm.NameList(s.Services)
	return s, nil
}

// noteUse tells the fold that a token was used, once in a while. What comes of it
// is nothing the request depends on.
func (g *Gate) noteUse(h holder, address string) {
	if h.token == "" || g.o.Do == nil {
		return
	}
	now := g.clock()
	g.mu.Lock()
	last, known := g.noted[h.token]
	if known && now.Sub(last) < useNotedEvery {
		g.mu.Unlock()
		return
	}
	if len(g.noted) >= itsm.TokensMax {
		clear(g.noted)
	}
	g.noted[h.token] = now
	g.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), useWithin)
	defer cancel()
	g.o.Do(ctx, itsm.Act{Kind: itsm.ActTokenUse, Object: itsm.ObjectToken + "/" + h.token, Actor: DoorAPI + ":" + h.token, RemoteIP: address})
}
