package itsm

import "strings"

// Role is what a person or a token may do; each includes those before it.
type Role uint8

// Roles, from least to most. RoleNobody is what everyone is without signing in.
const (
	RoleNobody Role = iota
	RoleViewer
	RoleResponder
	RoleProblemManager
	RoleAdmin
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

// Word is the role's word in the API and in the configuration: problem_manager.
func (r Role) Word() string { return strings.ReplaceAll(r.String(), " ", "_") }

// MarshalText implements encoding.TextMarshaler.
func (r Role) MarshalText() ([]byte, error) { return []byte(r.Word()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (r *Role) UnmarshalText(b []byte) error {
	v, err := ParseRole(string(b))
	*r = v
	return err
}

// ParseRole reads the word of a role that somebody can have.
func ParseRole(word string) (Role, error) {
	for r := RoleViewer; r <= RoleAdmin; r++ {
		if word == r.Word() || word == r.String() {
			return r, nil
		}
	}
	return RoleNobody, Errorf(Invalid, "role %q: expected viewer, responder, problem_manager or admin", word)
}
