package itsm

import (
	"slices"
	"strings"
)

// Kinds of object that say who may do what. An act names one as "user/ada".
const (
	ObjectUser  = "user"
	ObjectToken = "token"
	ObjectTeam  = "team"
)

// AdminName is the administrator's own token: it is no user and cannot become one.
const AdminName = "admin"

// Acts on people, tokens and teams.
const (
	ActUserPut     ActKind = "user_put"     // Body: UserChange
	ActSignIn      ActKind = "sign_in"      // Body: SignIn
	ActTokenCreate ActKind = "token_create" // Body: APIToken
	ActTokenRevoke ActKind = "token_revoke"
	ActTokenUse    ActKind = "token_use" // the API was called with it; at most once an hour
	ActTeamPut     ActKind = "team_put"  // Body: Team
	ActTeamRemove  ActKind = "team_remove"
)

// Named bounds of people, tokens and teams.
const (
	UsersMax       = 10_000
	TokensMax      = 10_000 // alive or not; the oldest that is over gives way
	TeamsMax       = 1_000
	TeamMembersMax = 500
	TeamCIsMax     = 500 // services of a team or a token
	PersonBytesMax = 200 // a title, an e-mail address, a token's name
	PersonNameMax  = 64  // bytes of a user's or a team's name
	HashBytesMax   = 500 // of a password
)

// User is a person who may sign in. Password is an argon2id hash or "" for one who
// signs in elsewhere; Issuer and Subject are then who that is.
type User struct {
	Name       string `json:"name"`
	Title      string `json:"title"` // how people call them
	Email      string `json:"email"`
	Role       Role   `json:"role"`
	Disabled   bool   `json:"disabled"`
	Password   string `json:"password,omitempty"`
	PasswordAt Time   `json:"password_at"`
	Issuer     string `json:"issuer,omitempty"`
	Subject    string `json:"subject,omitempty"`
	CreatedAt  Time   `json:"created_at"`
	CreatedBy  string `json:"created_by"`
	SignedInAt Time   `json:"signed_in_at"`
	Version    uint64 `json:"version"`
}

// IsKeeper reports whether the user can let others in again: an administrator
// whose password is kept here.
func (u *User) IsKeeper() bool { return u.Role == RoleAdmin && !u.Disabled && u.Password != "" }

// UserChange is what an act changes of a user; what is nil stays.
type UserChange struct {
	New      bool    `json:"new,omitempty"` // there must be none of that name yet; otherwise there must be one
	Title    *string `json:"title,omitempty"`
	Email    *string `json:"email,omitempty"`
	Role     *Role   `json:"role,omitempty"`
	Disabled *bool   `json:"disabled,omitempty"`
	Password *string `json:"password,omitempty"` // its hash
}

// SignIn is a person or a token coming in by the console. One who signs in
// elsewhere is made a user, or changed, by what is known of them there.
type SignIn struct {
	By      string `json:"by"` // "password", "token" or "oidc"
	Issuer  string `json:"issuer,omitempty"`
	Subject string `json:"subject,omitempty"`
	Title   string `json:"title,omitempty"`
	Email   string `json:"email,omitempty"`
	Role    Role   `json:"role,omitempty"`
}

// APIToken is a credential of the API. Of its secret only the SHA-256 sum is kept;
// the first TokenIDBytes of that sum are its id. A token may do what its role says
// and, when its owner is a user, never more than the owner's.
type APIToken struct {
	ID        string   `json:"id"`
	Name      string   `json:"name"`
	Owner     string   `json:"owner"` // a user, or AdminName
	Sum       string   `json:"sum"`   // hex
	Role      Role     `json:"role"`
	Services  []string `json:"services"` // CI ids; with Teams, the only incidents it sees; none: every one
	Teams     []string `json:"teams"`
	CreatedAt Time     `json:"created_at"`
	CreatedBy string   `json:"created_by"`
	ExpiresAt Time     `json:"expires_at"` // 0: never
	RevokedAt Time     `json:"revoked_at"`
	UsedAt    Time     `json:"used_at"`
	Version   uint64   `json:"version"`
}

// TokenIDBytes is how much of a token's sum is its id.
const TokenIDBytes = 8

// IsScoped reports whether the token sees some incidents only.
func (t *APIToken) IsScoped() bool { return len(t.Services)+len(t.Teams) > 0 }

// IsOver reports whether the token lets nobody in any more.
func (t *APIToken) IsOver(now Time) bool {
	return t.RevokedAt != 0 || t.ExpiresAt != 0 && now >= t.ExpiresAt
}

// Team owns services. Its name is also the assignment group of their incidents.
type Team struct {
	Name     string   `json:"name"`
	Title    string   `json:"title"`
	Members  []string `json:"members"`  // names of users, sorted
	Services []string `json:"services"` // CI ids, sorted
	Version  uint64   `json:"version"`
}

// PersonNameFault says what the name of a user or a team should be, or "".
func PersonNameFault(name string) string {
	ok := name != "" && len(name) <= PersonNameMax && strings.Trim(name[:1], ".@_-+") != ""
	for _, c := range []byte(name) {
		ok = ok && (c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || strings.IndexByte("._-@+", c) >= 0)
	}
	if !ok {
		return "a name of 1 to 64 of a-z, 0-9 and . _ - @ +, beginning with a letter or a digit"
	}
	return ""
}

// MemberRef is what the teams of a user are found by.
func MemberRef(user string) string { return "member/" + user }

// OwnerRef is what the tokens of a user are found by.
func OwnerRef(user string) string { return "owner/" + user }

// Refs is what the team is found by.
func (t *Team) Refs() []string {
	refs := make([]string, len(t.Members))
	for i, m := range t.Members {
		refs[i] = MemberRef(m)
	}
	return refs
}

// NameList sorts names and leaves out repeats and empty ones.
func NameList(names []string) []string {
	out := []string{}
	for _, n := range names {
		if n = strings.TrimSpace(n); n != "" {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
