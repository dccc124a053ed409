package correlate

import (
	"encoding/json"
	"slices"
	"strings"

	"signalbox/itsm"
)

// people are those who may sign in, the tokens and the teams.
type people struct {
	users  map[string]*itsm.User
	tokens map[string]*itsm.APIToken
	issued []string // ids of tokens in the order they came
	teams  map[string]*itsm.Team
}

func newPeople() people {
	return people{users: map[string]*itsm.User{}, tokens: map[string]*itsm.APIToken{}, teams: map[string]*itsm.Team{}}
}

func init() {
	objectActors[itsm.ActUserPut] = (*State).actUserPut
	objectActors[itsm.ActSignIn] = (*State).actSignIn
	objectActors[itsm.ActTokenCreate] = (*State).actTokenCreate
	objectActors[itsm.ActTokenRevoke] = (*State).actTokenRevoke
	objectActors[itsm.ActTokenUse] = (*State).actTokenUse
	objectActors[itsm.ActTeamPut] = (*State).actTeamPut
	objectActors[itsm.ActTeamRemove] = (*State).actTeamRemove
}

// named reads the name of an act's object, such as ada of user/ada.
func named(a *itsm.Act, kind string) string {
	name, ok := strings.CutPrefix(a.Object, kind+"/")
	if !ok {
		return ""
	}
	return name
}

// carried reads the body of an act.
func carried[T any](a *itsm.Act) (v T, refused *itsm.Outcome) {
	if err := json.Unmarshal(a.Body, &v); err != nil {
		o := refuse(a, itsm.Invalid, "%s: its body cannot be read", a.Kind)
		return v, &o
	}
	return v, nil
}

func tooLong(a *itsm.Act, what string, of string, bytesMax int) *itsm.Outcome {
	if len(of) <= bytesMax {
		return nil
	}
	o := refuse(a, itsm.TooLarge, "%s: %d bytes; expected at most %d", what, len(of), bytesMax)
	return &o
}

// actUserPut makes or changes a user.
func (s *State) actUserPut(a *itsm.Act) itsm.Outcome {
	c, bad := carried[itsm.UserChange](a)
	if bad != nil {
		return *bad
	}
	name := named(a, itsm.ObjectUser)
	u, known := s.people.users[name]
	switch {
	case c.New && known:
		return refuse(a, itsm.Conflict, "user %q exists already", name)
	case !c.New && !known:
		return refuse(a, itsm.NotFound, "there is no user %q", name)
	case known && a.IfVersion != 0 && a.IfVersion != u.Version:
		return refuse(a, itsm.Stale, "user %s is at version %d, not %d: somebody changed it; look at it again", name, u.Version, a.IfVersion)
	}
	next := itsm.User{Name: name, Role: itsm.RoleViewer, CreatedAt: s.now, CreatedBy: a.Actor}
	if known {
		next = *u
	} else if bad := s.newUserFault(a, name); bad != nil {
		return *bad
	}
	if bad := s.changeUser(a, &next, &c); bad != nil {
		return *bad
	}
	if known && next == *u {
		return itsm.Outcome{NoOp: true}
	}
	if known && u.IsKeeper() && !next.IsKeeper() && s.keepers() == 1 {
		return refuse(a, itsm.Conflict, "%s is the last administrator with a password; make another one first", name)
	}
	s.putUser(&next)
	return itsm.Outcome{}
}

func (s *State) newUserFault(a *itsm.Act, name string) *itsm.Outcome {
	var o itsm.Outcome
	switch why := itsm.PersonNameFault(name); {
	case why != "":
		o = refuse(a, itsm.Invalid, "user %q: expected %s", name, why)
	case name == itsm.AdminName:
		o = refuse(a, itsm.Invalid, "user %q: this is the name of the administrator's token; expected another one", name)
	case len(s.people.users) >= itsm.UsersMax:
		o = refuse(a, itsm.TooLarge, "there are %d users, which is the limit", itsm.UsersMax)
	default:
		return nil
	}
	return &o
}

func (s *State) changeUser(a *itsm.Act, u *itsm.User, c *itsm.UserChange) *itsm.Outcome {
	for _, f := range []struct {
		what string
		to   *string
		from *string
		max  int
	}{{"title", &u.Title, c.Title, itsm.PersonBytesMax}, {"email", &u.Email, c.Email, itsm.PersonBytesMax}, {"password", &u.Password, c.Password, itsm.HashBytesMax}} {
		if f.from == nil {
			continue
		}
		if bad := tooLong(a, f.what, *f.from, f.max); bad != nil {
			return bad
		}
		*f.to = *f.from
	}
	if c.Password != nil {
		u.PasswordAt = s.now
	}
	if c.Role != nil {
		if *c.Role < itsm.RoleViewer || *c.Role > itsm.RoleAdmin {
			o := refuse(a, itsm.Invalid, "role: expected viewer, responder, problem_manager or admin")
			return &o
		}
		u.Role = *c.Role
	}
	if c.Disabled != nil {
		u.Disabled = *c.Disabled
	}
	return nil
}

// keepers counts the administrators who can let others in again.
func (s *State) keepers() int {
	n := 0
	for _, u := range s.people.users {
		if u.IsKeeper() {
			n++
		}
	}
	return n
}

func (s *State) putUser(u *itsm.User) {
	u.Version++
	s.people.users[u.Name] = u
	s.putObject(itsm.ObjectUser, u.Name, u.Version, nil, u)
}

// actSignIn notes who came in, and makes or changes whom another place vouches for.
func (s *State) actSignIn(a *itsm.Act) itsm.Outcome {
	in, bad := carried[itsm.SignIn](a)
	if bad != nil {
		return *bad
	}
	if id := named(a, itsm.ObjectToken); id != "" {
		return s.tokenUsed(a, id)
	}
	name := named(a, itsm.ObjectUser)
	u, known := s.people.users[name]
	next := itsm.User{Name: name, CreatedAt: s.now, CreatedBy: a.Actor, Issuer: in.Issuer, Subject: in.Subject}
	vouched := in.Issuer != "" && in.Subject != ""
	switch {
	case known && u.Disabled:
		return refuse(a, itsm.Forbidden, "user %s is disabled", name)
	case known && vouched && (u.Issuer != in.Issuer || u.Subject != in.Subject):
		return refuse(a, itsm.Forbidden, "user %s exists here and is somebody else: an administrator has to give one of the two another name", name)
	case known:
		next = *u
	case !vouched:
		return refuse(a, itsm.NotFound, "there is no user %q", name)
	default:
		if bad := s.newUserFault(a, name); bad != nil {
			return *bad
		}
	}
	if vouched {
		for _, v := range []string{in.Issuer, in.Subject, in.Title, in.Email} {
			if bad := tooLong(a, "identity", v, itsm.ObjectNameMax*4); bad != nil {
				return *bad
			}
		}
		if bad := s.changeUser(a, &next, &itsm.UserChange{Title: &in.Title, Email: &in.Email, Role: &in.Role}); bad != nil {
			return *bad
		}
	}
	next.SignedInAt = s.now
	s.putUser(&next)
	return itsm.Outcome{}
}

// actTokenCreate keeps a new token's sum.
func (s *State) actTokenCreate(a *itsm.Act) itsm.Outcome {
	t, bad := carried[itsm.APIToken](a)
	if bad != nil {
		return *bad
	}
	t.ID, t.Services, t.Teams = named(a, itsm.ObjectToken), itsm.NameList(t.Services), itsm.NameList(t.Teams)
	t.CreatedAt, t.CreatedBy, t.RevokedAt, t.UsedAt, t.Version = s.now, a.Actor, 0, 0, 0
	if bad := s.newTokenFault(a, &t); bad != nil {
		return *bad
	}
	s.people.issued = append(s.people.issued, t.ID)
	s.putToken(&t)
	return itsm.Outcome{}
}

func (s *State) newTokenFault(a *itsm.Act, t *itsm.APIToken) *itsm.Outcome {
	owner := s.people.users[t.Owner]
	var o itsm.Outcome
	switch {
	case len(t.ID) != 2*itsm.TokenIDBytes || !strings.HasPrefix(t.Sum, t.ID):
		o = refuse(a, itsm.Invalid, "token: its id is not that of its sum")
	case s.people.tokens[t.ID] != nil:
		o = refuse(a, itsm.Conflict, "token %s exists already", t.ID)
	case strings.TrimSpace(t.Name) == "" || len(t.Name) > itsm.PersonBytesMax:
		o = refuse(a, itsm.Invalid, "name: expected 1 to %d bytes that say what the token is for", itsm.PersonBytesMax)
	case t.Owner != itsm.AdminName && (owner == nil || owner.Disabled):
		o = refuse(a, itsm.Invalid, "owner %q: expected a user who is not disabled", t.Owner)
	case t.Role < itsm.RoleViewer || t.Role > itsm.RoleAdmin:
		o = refuse(a, itsm.Invalid, "role: expected viewer, responder, problem_manager or admin")
	case owner != nil && !owner.Role.Allows(t.Role):
		o = refuse(a, itsm.Forbidden, "role %s: %s has the role %s, and a token has no more than its owner", t.Role, t.Owner, owner.Role)
	case t.ExpiresAt != 0 && t.ExpiresAt <= s.now:
		o = refuse(a, itsm.Invalid, "expires_at %s: it is over already", t.ExpiresAt)
	case len(t.Services) > itsm.TeamCIsMax || len(t.Teams) > itsm.TeamCIsMax || slices.ContainsFunc(t.Services, func(c string) bool { return len(c) > itsm.ObjectNameMax }):
		o = refuse(a, itsm.TooLarge, "token: expected at most %d services and teams, each an id of at most %d bytes", itsm.TeamCIsMax, itsm.ObjectNameMax)
	default:
		return s.tokenPlaceFault(a, t)
	}
	return &o
}

// tokenPlaceFault looks at the teams of a token and makes room for it.
func (s *State) tokenPlaceFault(a *itsm.Act, t *itsm.APIToken) *itsm.Outcome {
	for _, name := range t.Teams {
		if s.people.teams[name] == nil {
			o := refuse(a, itsm.Invalid, "team %q: there is none", name)
			return &o
		}
	}
	if len(s.people.tokens) < itsm.TokensMax {
		return nil
	}
	i := slices.IndexFunc(s.people.issued, func(id string) bool { return s.people.tokens[id].IsOver(s.now) })
	if i < 0 {
		o := refuse(a, itsm.TooLarge, "there are %d tokens, which is the limit; revoke one", itsm.TokensMax)
		return &o
	}
	id := s.people.issued[i]
	s.people.issued = slices.Delete(s.people.issued, i, i+1)
	delete(s.people.tokens, id)
	s.putObject(itsm.ObjectToken, id, 0, nil, nil)
	return nil
}

func (s *State) putToken(t *itsm.APIToken) {
	t.Version++
	s.people.tokens[t.ID] = t
	s.putObject(itsm.ObjectToken, t.ID, t.Version, []string{itsm.OwnerRef(t.Owner)}, t)
}

func (s *State) actTokenRevoke(a *itsm.Act) itsm.Outcome {
	id := named(a, itsm.ObjectToken)
	t := s.people.tokens[id]
	switch {
	case t == nil:
		return refuse(a, itsm.NotFound, "there is no token %q", id)
	case t.RevokedAt != 0:
		return itsm.Outcome{NoOp: true}
	}
	next := *t
	next.RevokedAt = s.now
	s.putToken(&next)
	return itsm.Outcome{}
}

func (s *State) actTokenUse(a *itsm.Act) itsm.Outcome {
	return s.tokenUsed(a, named(a, itsm.ObjectToken))
}

// tokenUsed notes that a token was used. The administrator's own is not kept here.
func (s *State) tokenUsed(a *itsm.Act, id string) itsm.Outcome {
	if id == itsm.AdminName {
		return itsm.Outcome{}
	}
	t := s.people.tokens[id]
	if t == nil {
		return refuse(a, itsm.NotFound, "there is no token %q", id)
	}
	next := *t
	next.UsedAt = s.now
	s.putToken(&next)
	return itsm.Outcome{}
}

// actTeamPut makes or changes a team.
func (s *State) actTeamPut(a *itsm.Act) itsm.Outcome {
	t, bad := carried[itsm.Team](a)
	if bad != nil {
		return *bad
	}
	t.Name = named(a, itsm.ObjectTeam)
	t.Members, t.Services = itsm.NameList(t.Members), itsm.NameList(t.Services)
	old := s.people.teams[t.Name]
	if bad := s.teamFault(a, &t, old); bad != nil {
		return *bad
	}
	if old != nil {
		t.Version = old.Version
		if old.Title == t.Title && slices.Equal(old.Members, t.Members) && slices.Equal(old.Services, t.Services) {
			return itsm.Outcome{NoOp: true}
		}
	} else {
		t.Version = 0
	}
	t.Version++
	s.people.teams[t.Name] = &t
	s.putObject(itsm.ObjectTeam, t.Name, t.Version, t.Refs(), &t)
	return itsm.Outcome{}
}

func (s *State) teamFault(a *itsm.Act, t, old *itsm.Team) *itsm.Outcome {
	var o itsm.Outcome
	unknown := slices.IndexFunc(t.Members, func(m string) bool { return s.people.users[m] == nil })
	switch why := itsm.PersonNameFault(t.Name); {
	case why != "":
		o = refuse(a, itsm.Invalid, "team %q: expected %s", t.Name, why)
	case old != nil && a.IfVersion != 0 && a.IfVersion != old.Version:
		o = refuse(a, itsm.Stale, "team %s is at version %d, not %d: somebody changed it; look at it again", t.Name, old.Version, a.IfVersion)
	case old == nil && len(s.people.teams) >= itsm.TeamsMax:
		o = refuse(a, itsm.TooLarge, "there are %d teams, which is the limit", itsm.TeamsMax)
	case len(t.Title) > itsm.PersonBytesMax:
		o = refuse(a, itsm.TooLarge, "title: %d bytes; expected at most %d", len(t.Title), itsm.PersonBytesMax)
	case len(t.Members) > itsm.TeamMembersMax:
		o = refuse(a, itsm.TooLarge, "members: %d; expected at most %d", len(t.Members), itsm.TeamMembersMax)
	case len(t.Services) > itsm.TeamCIsMax || slices.ContainsFunc(t.Services, func(c string) bool { return len(c) > itsm.ObjectNameMax }):
		o = refuse(a, itsm.TooLarge, "services: expected at most %d ids of at most %d bytes", itsm.TeamCIsMax, itsm.ObjectNameMax)
	case unknown >= 0:
		o = refuse(a, itsm.Invalid, "member %q: there is no such user", t.Members[unknown])
	default:
		return nil
	}
	return &o
}

func (s *State) actTeamRemove(a *itsm.Act) itsm.Outcome {
	name := named(a, itsm.ObjectTeam)
	if s.people.teams[name] == nil {
		return refuse(a, itsm.NotFound, "there is no team %q", name)
	}
	for _, id := range s.people.issued {
		if t := s.people.tokens[id]; !t.IsOver(s.now) && slices.Contains(t.Teams, name) {
			return refuse(a, itsm.Conflict, "token %s of %s sees the incidents of team %s; revoke it first", t.Name, t.Owner, name)
		}
	}
	s.unshare(name)
	delete(s.people.teams, name)
	s.putObject(itsm.ObjectTeam, name, 0, nil, nil)
	return itsm.Outcome{}
}

// archivePeople archives them as the JSON of their nouns, which has every field.
func (s *State) archivePeople(a *archive) {
	archiveNouns(a, &s.people.users)
	archiveNouns(a, &s.people.tokens)
	archiveNouns(a, &s.people.teams)
	texts(a, &s.people.issued)
	for _, id := range s.people.issued {
		a.bad = a.bad || s.people.tokens[id] == nil
	}
}

func archiveNouns[T any](a *archive, m *map[string]*T) {
	dict(a, m, func(a *archive, v **T) {
		var b []byte
		if !a.reading {
			b, _ = json.Marshal(*v) // plain data: putObject would have failed before
		}
		t := string(b)
		text(a, &t)
		if a.reading {
			*v = new(T)
			a.bad = a.bad || json.Unmarshal([]byte(t), *v) != nil
		}
	})
}
