// Package access decides who may call what over HTTP: API tokens, the admin
// token file, console sessions, the check that a browser's request comes from
// our own pages, and the roles that routes require. It also reads request bodies
// within a bound, because a body is read only after its sender is known.
//
// A Gate answers "who is this" for a request; a Route says which role a method
// and path require. The API and the console each keep their routes in one Table
// that tests compare with the router, so that no route exists without a row.
//
// Only SHA-256 sums of tokens and of session ids are kept in memory, and they
// are compared in constant time.
//
// # Decisions
//
// 2026-11 Sessions live in the server's memory under a random id. A restart signs
// people out; in exchange signing out really ends a session. Rejected: signed
// cookies, which stay valid after signing out.
//
// 2026-11 Sign-in attempts are limited by address, bearer tokens are not. A token
// has 256 random bits, so guessing is hopeless, and a limit would let a stranger
// behind the same proxy lock a working client out.
//
// 2026-11 A browser's request is judged by Sec-Fetch-Site and Origin instead of a
// token in every form: it needs no state and cannot be forgotten in a template.
package access

// Role is what an identity may do; each includes those before it.
type Role uint8

// Roles, from least to most. Nobody is a route that is open to everyone.
const (
	Nobody Role = iota
	Viewer
	Responder
	ProblemManager
	Admin
)

var roleNames = [...]string{"nobody", "viewer", "responder", "problem manager", "admin"}

// String names the role for people.
func (r Role) String() string {
	if int(r) < len(roleNames) {
		return roleNames[r]
	}
	return ""
}

// Allows reports whether r includes what need asks for.
func (r Role) Allows(need Role) bool { return r >= need }

// Identity is who made a request, and through which door.
type Identity struct {
	Name string // "admin"
	Role Role
	Door string // DoorAPI or DoorConsole; "" is nobody
}

// Doors an identity may come through.
const (
	DoorAPI     = "api"
	DoorConsole = "console"
)

// Actor is the name that acts and timelines carry: "api:admin".
func (i Identity) Actor() string { return i.Door + ":" + i.Name }

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
