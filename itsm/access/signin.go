package access

import (
	"context"
	"encoding/json"
	"strings"

	"signalbox/itsm"
)

// StartSession exchanges a token for a session id, for a client at address. A
// wrong token counts against the address; too many are refused unseen.
func (g *Gate) StartSession(token, address string) (id string, who Identity, err error) {
	return g.startSession(context.Background(), token, address, "")
}

func (g *Gate) startSession(ctx context.Context, token, address, agent string) (id string, who Identity, err error) {
	if err := g.mayTry(address); err != nil {
		return "", Identity{}, err
	}
	h, ok, err := g.tokenHolder(token)
	if err == nil && !ok {
		err = itsm.Errorf(itsm.Unauthorized, "this token is not valid here")
	}
	if err != nil {
		g.failed(address, err)
		return "", Identity{}, err
	}
	return g.open(ctx, h, address, agent, itsm.SignIn{By: "token"})
}

// StartUserSession is StartSession with a name and a password. Whether the name or
// the password is wrong is not said, and takes the same time.
func (g *Gate) StartUserSession(ctx context.Context, name, password, address, agent string) (id string, who Identity, err error) {
	name = strings.ToLower(strings.TrimSpace(name))
	if err := g.mayTry(address); err != nil {
		return "", Identity{}, err
	}
	if itsm.PersonNameFault(name) == "" && !g.accounts.allow(name, g.clock()) {
		return "", Identity{}, itsm.Errorf(itsm.Throttled, "too many wrong passwords for %s; try again in %s", name, AttemptWindow)
	}
	if err := g.password(ctx, name, password); err != nil {
		g.failed(address, err)
		if itsm.CodeOf(err) == itsm.Unauthorized && itsm.PersonNameFault(name) == "" {
			g.accounts.failed(name, g.clock())
		}
		return "", Identity{}, err
	}
	g.accounts.forget(name)
	return g.open(ctx, holder{user: name}, address, agent, itsm.SignIn{By: "password"})
}

// CheckUserPassword reports whether it is the password of the user, who is signed in
// and changes it. Wrong ones are counted like those of signing in.
func (g *Gate) CheckUserPassword(ctx context.Context, name, password string) error {
	if !g.accounts.allow(name, g.clock()) {
		return itsm.Errorf(itsm.Throttled, "too many wrong passwords for %s; try again in %s", name, AttemptWindow)
	}
	err := g.password(ctx, name, password)
	if itsm.CodeOf(err) == itsm.Unauthorized {
		g.accounts.failed(name, g.clock())
		return itsm.Errorf(itsm.Invalid, "the present password is not right")
	}
	return err
}

// password checks one; any reason it does not let somebody in is Unauthorized.
func (g *Gate) password(ctx context.Context, name, password string) error {
	u, err := find[itsm.User](g.o.Records, itsm.ObjectUser, name)
	if err != nil && itsm.CodeOf(err) != itsm.Invalid {
		return err
	}
	hash := noHash
	if u != nil && u.Password != "" {
		hash = u.Password
	}
	ok, err := g.hasher.verify(ctx, hash, password)
	if err != nil {
		return err
	}
	if !ok || u == nil || u.Password == "" || u.Disabled {
		return itsm.Errorf(itsm.Unauthorized, "the name or the password is not right")
	}
	return nil
}

func (g *Gate) mayTry(address string) error {
	if !g.attempts.allow(address, g.clock()) {
		return itsm.Errorf(itsm.Throttled, "too many failed sign-ins from %s; try again in %s", address, AttemptWindow)
	}
	return nil
}

// failed counts what was wrong with the credentials, not what was wrong with us.
func (g *Gate) failed(address string, err error) {
	if itsm.CodeOf(err) == itsm.Unauthorized {
		g.attempts.failed(address, g.clock())
	}
}

// open starts the session of somebody whose credentials are right, and has it
// journaled before it is any good.
func (g *Gate) open(ctx context.Context, h holder, address, agent string, in itsm.SignIn) (id string, who Identity, err error) {
	if in.Issuer == "" { // who is vouched for may be new
		if _, err := g.identify(h, DoorConsole); err != nil {
			g.failed(address, err)
			return "", Identity{}, err
		}
	}
	if err := g.tell(ctx, h, address, in); err != nil {
		return "", Identity{}, err
	}
	if who, err = g.identify(h, DoorConsole); err != nil {
		g.failed(address, err)
		return "", Identity{}, err
	}
	g.attempts.forget(address)
	lasts := SessionLifetime
	if in.Issuer != "" {
		lasts = g.o.OIDC.o.Session
	}
	return g.sessions.start(h, lasts, address, agent, g.clock()), who, nil
}

// tell journals a sign-in. When that cannot be done nobody who is known elsewhere
// comes in, for they have no record yet; who is known here must not be kept out by a
// full disk, which they may be coming to clear.
func (g *Gate) tell(ctx context.Context, h holder, address string, in itsm.SignIn) error {
	if g.o.Do == nil {
		return nil
	}
	a := itsm.Act{Kind: itsm.ActSignIn, RemoteIP: address}
	switch {
	case h.user != "":
		a.Object, a.Actor = itsm.ObjectUser+"/"+h.user, DoorConsole+":"+h.user
	case h.token != "":
		a.Object, a.Actor = itsm.ObjectToken+"/"+h.token, DoorConsole+":"+h.token
	default:
		a.Object, a.Actor = itsm.ObjectToken+"/"+itsm.AdminName, DoorConsole+":"+h.name
	}
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	a.Body = body
	o, err := g.o.Do(ctx, a)
	if err == nil {
		err = o.Err()
	}
	if itsm.CodeOf(err) == itsm.Unavailable && in.Issuer == "" {
		return nil
	}
	return err
}

// Session answers who a session id belongs to.
func (g *Gate) Session(id string) (Identity, error) {
	h, ok := g.sessions.get(id, g.clock())
	if !ok {
		return Identity{}, itsm.Errorf(itsm.Unauthorized, "the session has ended; sign in again")
	}
	who, err := g.identify(h, DoorConsole)
	if itsm.CodeOf(err) == itsm.Unauthorized {
		g.sessions.end(id)
	}
	return who, err
}

// EndSession forgets a session id.
func (g *Gate) EndSession(id string) { g.sessions.end(id) }

// EndSessionsOf ends every session of a user.
func (g *Gate) EndSessionsOf(user string) { g.sessions.endOf(holder{user: user}, "") }
