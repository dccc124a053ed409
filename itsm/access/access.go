// Package access decides who may call what over HTTP: API tokens, the admin
// token file, console sessions, the check that a browser's request comes from
// our own pages, and the roles that routes require. It also reads request bodies
// within a bound, because a body is read only after its sender is known.
//
// A Gate answers "who is this" for a request; a Route says which role a method
// and path require. The API and the console each keep their routes in one Table
// that tests compare with the router, so that no route exists without a row.
//
// Who exists is for the fold to say: users, tokens and teams are objects of the desk,
// and a Gate looks them up with every request, so that disabling a person or
// revoking a token works at once, sessions included. The Gate itself only checks
// credentials: passwords by argon2id, a few at a time; tokens by their SHA-256 sums,
// in constant time; and what an OpenID provider signs. It tells the fold of every
// sign-in, so that the audit knows.
//
// # Decisions
//
// 2026-11 Sessions live in the server's memory under a random id. A restart signs
// people out; in exchange signing out really ends a session. Rejected: signed
// cookies, which stay valid after signing out.
//
// 2026-11 Sign-in attempts are limited by address, valid bearer tokens are not: a limit
// would let a stranger behind the same proxy lock a working client out. Wrong ones are
// answered 429 after a while, which costs less than looking them up.
//
// 2026-11 Failed passwords are counted by account as well as by address. Somebody can
// keep a person out for minutes that way, but not for longer, and the administrator's
// token still signs in.
//
// 2026-11 A person whom a provider vouches for becomes a user, bound to the issuer and
// the subject it had the first time. Names are for people to read; trusting one alone
// would give whoever can choose a name at the provider the account of another.
//
// 2026-11 A browser's request is judged by Sec-Fetch-Site and Origin instead of a
// token in every form: it needs no state and cannot be forgotten in a template.
package access

import (
	"cmp"
	"slices"

	"signalbox/itsm"
)

// Role is what an identity may do; each includes those before it.
type Role = itsm.Role

// Roles, from least to most. Nobody is a route that is open to everyone.
const (
	Nobody         = itsm.RoleNobody
	Viewer         = itsm.RoleViewer
	Responder      = itsm.RoleResponder
	ProblemManager = itsm.RoleProblemManager
	Admin          = itsm.RoleAdmin
)

// Identity is who made a request, and through which door.
type Identity struct {
	Name  string // "admin", "ada", or "ada/laptop" for a token of ada's
	Role  Role
	Door  string // DoorAPI or DoorConsole; "" is nobody
	User  string // the user it is or belongs to; "" for a configured token
	Scope *Scope // the only incidents it sees; nil: every one
}

// Scope is which incidents a token sees: those of its services, and those of the
// groups that its teams are.
type Scope struct {
	Services []string
	Groups   []string
}

// Sees reports whether an incident with these services and this group is in scope.
func (s *Scope) Sees(services []string, group string) bool {
	return s == nil || slices.Contains(s.Groups, group) || slices.ContainsFunc(services, func(id string) bool { return slices.Contains(s.Services, id) })
}

// Doors an identity may come through.
const (
	DoorAPI     = "api"
	DoorConsole = "console"
)

// Actor is the name that acts and timelines carry: "api:admin".
func (i Identity) Actor() string { return i.Door + ":" + i.Name }

// Follower is the name by which somebody follows incidents and keeps views of their list.
func (i Identity) Follower() string { return cmp.Or(i.User, i.Name) }

// Route is one row of a routing table: who may call it.
type Route struct {
	Method string
	Path   string // as the router knows it, with :parameters
	Role   Role
}

// Table is every route of one door.
type Table []Route

// Role returns the role that method and path require, and false for a route
// that has no row.
func (t Table) Role(method, path string) (Role, bool) {
	for _, r := range t {
		if r.Method == method && r.Path == path {
			return r.Role, true
		}
	}
	return Nobody, false
}
