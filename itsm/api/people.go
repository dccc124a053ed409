package api

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"signalbox/itsm"
	"signalbox/itsm/access"
	"signalbox/itsm/desk"
)

// Bounds of a new token's life.
const (
	tokenDaysDefault = 90
	tokenDaysMax     = 3650
)

// peopleRoutes are about who may do what. A person reads and changes what is their
// own; the rest is the administrator's.
func (a *API) peopleRoutes() []route {
	return []route{
		{http.MethodGet, Prefix + "/me", access.Viewer, nil, a.me},
		{http.MethodPost, Prefix + "/me/password", access.Viewer, nil, a.myPassword},
		{http.MethodGet, Prefix + "/users", access.Admin, paging, a.users},
		{http.MethodPost, Prefix + "/users", access.Admin, nil, a.addUser},
		{http.MethodGet, Prefix + "/users/:name", access.Admin, nil, a.user},
		{http.MethodPatch, Prefix + "/users/:name", access.Admin, nil, a.changeUser},
		{http.MethodPost, Prefix + "/users/:name/password", access.Admin, nil, a.setPassword},
		{http.MethodGet, Prefix + "/tokens", access.Viewer, append([]string{"owner"}, paging...), a.tokens},
		{http.MethodPost, Prefix + "/tokens", access.Viewer, nil, a.createToken},
		{http.MethodPost, Prefix + "/tokens/:id/revoke", access.Viewer, nil, a.revokeToken},
		{http.MethodGet, Prefix + "/teams", access.Viewer, append([]string{"member"}, paging...), a.teams},
		{http.MethodGet, Prefix + "/teams/:name", access.Viewer, nil, a.team},
		{http.MethodPut, Prefix + "/teams/:name", access.Admin, nil, a.putTeam},
		{http.MethodDelete, Prefix + "/teams/:name", access.Admin, nil, a.removeTeam},
		{http.MethodGet, Prefix + "/audit", access.Admin, append([]string{"actor", "object", "from", "to"}, paging...), a.audit},
	}
}

type meView struct {
	Name     string    `json:"name"`
	User     *string   `json:"user"`
	Role     itsm.Role `json:"role"`
	Teams    []string  `json:"teams"`
	Services []string  `json:"services"` // of a token that sees some only
	Scoped   bool      `json:"scoped"`
}

type userView struct {
	Name        string    `json:"name"`
	Title       string    `json:"title"`
	Email       string    `json:"email"`
	Role        itsm.Role `json:"role"`
	Disabled    bool      `json:"disabled"`
	HasPassword bool      `json:"has_password"`
	Issuer      *string   `json:"issuer"`
	CreatedAt   itsm.Time `json:"created_at"`
	CreatedBy   string    `json:"created_by"`
	PasswordAt  itsm.Time `json:"password_at"`
	SignedInAt  itsm.Time `json:"signed_in_at"`
	Version     uint64    `json:"version"`
}

func viewUser(u *itsm.User) userView {
	return userView{Name: u.Name, Title: u.Title, Email: u.Email, Role: u.Role, Disabled: u.Disabled, HasPassword: u.Password != "", Issuer: text(u.Issuer),
		CreatedAt: u.CreatedAt, CreatedBy: u.CreatedBy, PasswordAt: u.PasswordAt, SignedInAt: u.SignedInAt, Version: u.Version}
}

type tokenView struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Owner     string    `json:"owner"`
	Role      itsm.Role `json:"role"`
	Services  []string  `json:"services"`
	Teams     []string  `json:"teams"`
	CreatedAt itsm.Time `json:"created_at"`
	CreatedBy string    `json:"created_by"`
	ExpiresAt itsm.Time `json:"expires_at"`
	RevokedAt itsm.Time `json:"revoked_at"`
	UsedAt    itsm.Time `json:"used_at"`
}

type newTokenView struct {
	tokenView
	Secret string `json:"secret"`
}

func viewToken(t *itsm.APIToken) tokenView {
	return tokenView{ID: t.ID, Name: t.Name, Owner: t.Owner, Role: t.Role, Services: list(t.Services), Teams: list(t.Teams),
		CreatedAt: t.CreatedAt, CreatedBy: t.CreatedBy, ExpiresAt: t.ExpiresAt, RevokedAt: t.RevokedAt, UsedAt: t.UsedAt}
}

type teamView struct {
	Name     string   `json:"name"`
	Title    string   `json:"title"`
	Members  []string `json:"members"`
	Services []string `json:"services"`
	Version  uint64   `json:"version"`
}

func viewTeam(t *itsm.Team) teamView {
	return teamView{t.Name, t.Title, list(t.Members), list(t.Services), t.Version}
}

// noun reads an object of the desk.
func noun[T any](o *itsm.Object) (T, error) {
	var v T
	if err := json.Unmarshal(o.Body, &v); err != nil {
		return v, itsm.Wrap(itsm.Internal, err, "%s %s cannot be read", o.Kind, o.ID)
	}
	return v, nil
}

// objectPage answers a page of objects.
func objectPage[T, W any](a *API, r *request, q desk.ObjectQuery, view func(*T) W) error {
	var err error
	if q.Cursor, q.Limit, err = r.page(); err != nil {
		return err
	}
	found, err := a.o.Records.Objects(q)
	if err != nil {
		return err
	}
	out := page[W]{Items: make([]W, len(found.Items)), NextCursor: found.Next}
	for i := range found.Items {
		v, err := noun[T](&found.Items[i])
		if err != nil {
			return err
		}
		out.Items[i] = view(&v)
	}
	return r.json(out)
}

// objectOf reads one object of a kind.
func objectOf[T any](a *API, kind, id string) (T, error) {
	o, err := a.o.Records.Object(kind, id)
	if err != nil {
		var none T
		return none, err
	}
	return noun[T](&o)
}

// doObject journals an act on an object and waits for what comes of it.
func (a *API) doObject(r *request, kind itsm.ActKind, object string, body any) (itsm.Outcome, error) {
	act := itsm.Act{Kind: kind, Object: object, Actor: r.who.Actor(), RemoteIP: strings.Clone(r.IP())}
	var err error
	if act.IfVersion, err = r.ifMatch(); err != nil {
		return itsm.Outcome{}, err
	}
	if act.IdempotencyKey, err = r.header("Idempotency-Key", idempotencyBytesMax); err != nil {
		return itsm.Outcome{}, err
	}
	if act.Body, err = json.Marshal(body); err != nil {
		return itsm.Outcome{}, err
	}
	ctx, cancel := context.WithTimeout(a.ctx, actWaitMax)
	defer cancel()
	return a.o.Engine.Do(ctx, act)
}

// teamsOf lists the teams a user is in.
func (a *API) teamsOf(user string) ([]itsm.Team, error) {
	if user == "" {
		return nil, nil
	}
	found, err := a.o.Records.Objects(desk.ObjectQuery{Kind: itsm.ObjectTeam, Ref: itsm.MemberRef(user), Limit: limitMax})
	if err != nil {
		return nil, err
	}
	out := make([]itsm.Team, len(found.Items))
	for i := range found.Items {
		if out[i], err = noun[itsm.Team](&found.Items[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (a *API) me(r *request) error {
	teams, err := a.teamsOf(r.who.User)
	if err != nil {
		return err
	}
	v := meView{Name: r.who.Name, User: text(r.who.User), Role: r.who.Role, Teams: []string{}, Services: []string{}}
	for _, t := range teams {
		v.Teams = append(v.Teams, t.Name)
	}
	slices.Sort(v.Teams)
	if s := r.who.Scope; s != nil {
		v.Scoped, v.Services = true, list(s.Services)
	}
	return r.json(v)
}

func (a *API) myPassword(r *request) error {
	var b struct {
		Current  string `json:"current"`
		Password string `json:"password"`
	}
	if err := r.decode(&b); err != nil {
		return err
	}
	if r.who.User == "" {
		return itsm.Errorf(itsm.Conflict, "%s is a token and has no password", r.who.Name)
	}
	if err := a.o.Gate.CheckUserPassword(a.ctx, r.who.User, b.Current); err != nil {
		return err
	}
	return a.newPassword(r, r.who.User, b.Password)
}

func (a *API) newPassword(r *request, name, password string) error {
	hash, err := a.o.Gate.HashPassword(a.ctx, name, password)
	if err != nil {
		return err
	}
	if _, err := a.doObject(r, itsm.ActUserPut, itsm.ObjectUser+"/"+name, itsm.UserChange{Password: &hash}); err != nil {
		return err
	}
	a.o.Gate.EndSessionsOf(name)
	return a.showUser(r, name)
}

func (a *API) users(r *request) error {
	return objectPage(a, r, desk.ObjectQuery{Kind: itsm.ObjectUser}, viewUser)
}

func (a *API) user(r *request) error {
	name, err := r.param("name")
	if err != nil {
		return err
	}
	return a.showUser(r, name)
}

func (a *API) showUser(r *request, name string) error {
	u, err := objectOf[itsm.User](a, itsm.ObjectUser, name)
	if err != nil {
		return err
	}
	r.tag(u.Version)
	return r.json(viewUser(&u))
}

func (a *API) addUser(r *request) error {
	var b struct {
		Name     string  `json:"name"`
		Title    *string `json:"title"`
		Email    *string `json:"email"`
		Role     string  `json:"role"`
		Password *string `json:"password"`
	}
	if err := r.decode(&b); err != nil {
		return err
	}
	if why := itsm.PersonNameFault(b.Name); why != "" {
		return itsm.Errorf(itsm.Invalid, "name %q: expected %s", httpWord(b.Name), why)
	}
	role, err := itsm.ParseRole(b.Role)
	if err != nil {
		return err
	}
	c := itsm.UserChange{New: true, Title: b.Title, Email: b.Email, Role: &role}
	if b.Password != nil {
		hash, err := a.o.Gate.HashPassword(a.ctx, b.Name, *b.Password)
		if err != nil {
			return err
		}
		c.Password = &hash
	}
	if _, err := a.doObject(r, itsm.ActUserPut, itsm.ObjectUser+"/"+b.Name, c); err != nil {
		return err
	}
	return a.showUser(r, b.Name)
}

func (a *API) changeUser(r *request) error {
	var b struct {
		Title    *string `json:"title"`
		Email    *string `json:"email"`
		Role     *string `json:"role"`
		Disabled *bool   `json:"disabled"`
	}
	name, err := r.param("name")
	if err != nil {
		return err
	}
	if err := r.decode(&b); err != nil {
		return err
	}
	c := itsm.UserChange{Title: b.Title, Email: b.Email, Disabled: b.Disabled}
	if b.Role != nil {
		role, err := itsm.ParseRole(*b.Role)
		if err != nil {
			return err
		}
		c.Role = &role
	}
	if _, err := a.doObject(r, itsm.ActUserPut, itsm.ObjectUser+"/"+name, c); err != nil {
		return err
	}
	return a.showUser(r, name)
}

func (a *API) setPassword(r *request) error {
	var b struct {
		Password string `json:"password"`
	}
	name, err := r.param("name")
	if err != nil {
		return err
	}
	if err := r.decode(&b); err != nil {
		return err
	}
	if _, err := objectOf[itsm.User](a, itsm.ObjectUser, name); err != nil {
		return err
	}
	return a.newPassword(r, name, b.Password)
}

// ownerOf is who owns the tokens that somebody makes.
func ownerOf(who access.Identity) string {
	if who.User != "" {
		return who.User
	}
	return itsm.AdminName
}

func (a *API) tokens(r *request) error {
	q, owner := desk.ObjectQuery{Kind: itsm.ObjectToken}, r.q["owner"]
	if !r.who.Role.Allows(access.Admin) {
		if owner != "" && owner != r.who.User {
			return itsm.Errorf(itsm.Forbidden, "the tokens of others are the administrator's to see")
		}
		if owner = r.who.User; owner == "" {
			return r.json(page[tokenView]{Items: []tokenView{}})
		}
	}
	if owner != "" {
		q.Ref = itsm.OwnerRef(owner)
	}
	if len(q.Ref) > itsm.ObjectNameMax {
		return itsm.Errorf(itsm.Invalid, "owner: expected the name of a user")
	}
	return objectPage(a, r, q, viewToken)
}

func (a *API) createToken(r *request) error {
	var b struct {
		Name     string   `json:"name"`
		Owner    string   `json:"owner"`
		Role     string   `json:"role"`
		Services []string `json:"services"`
		Teams    []string `json:"teams"`
		Days     *int     `json:"days"`
	}
	if err := r.decode(&b); err != nil {
		return err
	}
	t := itsm.APIToken{Name: strings.TrimSpace(b.Name), Owner: b.Owner, Role: r.who.Role, Services: b.Services, Teams: b.Teams}
	if t.Owner == "" {
		t.Owner = ownerOf(r.who)
	}
	if b.Role != "" {
		role, err := itsm.ParseRole(b.Role)
		if err != nil {
			return err
		}
		t.Role = role
	}
	days := tokenDaysDefault
	if b.Days != nil {
		days = *b.Days
	}
	switch {
	case t.Name == "":
		return itsm.Errorf(itsm.Invalid, "name: expected what the token is for")
	case days < 1 || days > tokenDaysMax:
		return itsm.Errorf(itsm.Invalid, "days %d: expected 1 to %d; a token that never expires is never looked at again", days, tokenDaysMax)
	case !r.who.Role.Allows(access.Admin) && (r.who.User == "" || t.Owner != r.who.User):
		return itsm.Errorf(itsm.Forbidden, "tokens of others are the administrator's to make")
	case !r.who.Role.Allows(t.Role):
		return itsm.Errorf(itsm.Forbidden, "role %s: you have the role %s yourself", t.Role, r.who.Role)
	}
	t.ExpiresAt = itsm.TimeOf(time.Now().Add(time.Duration(days) * 24 * time.Hour))
	secret := access.NewToken()
	t.Sum = access.TokenSum(secret)
	t.ID = t.Sum[:2*itsm.TokenIDBytes]
	if _, err := a.doObject(r, itsm.ActTokenCreate, itsm.ObjectToken+"/"+t.ID, t); err != nil {
		return err
	}
	made, err := objectOf[itsm.APIToken](a, itsm.ObjectToken, t.ID)
	if err != nil {
		return err
	}
	return r.json(newTokenView{viewToken(&made), secret})
}

func (a *API) revokeToken(r *request) error {
	id, err := r.param("id")
	if err != nil {
		return err
	}
	if err := r.decode(&struct{}{}); err != nil {
		return err
	}
	t, err := objectOf[itsm.APIToken](a, itsm.ObjectToken, id)
	if err != nil {
		return err
	}
	if !r.who.Role.Allows(access.Admin) && t.Owner != r.who.User {
		return itsm.Errorf(itsm.NotFound, "there is no token %q of yours", id)
	}
	if _, err := a.doObject(r, itsm.ActTokenRevoke, itsm.ObjectToken+"/"+id, nil); err != nil {
		return err
	}
	if t, err = objectOf[itsm.APIToken](a, itsm.ObjectToken, id); err != nil {
		return err
	}
	return r.json(viewToken(&t))
}

func (a *API) teams(r *request) error {
	q := desk.ObjectQuery{Kind: itsm.ObjectTeam}
	if m := r.q["member"]; m != "" {
		if why := itsm.PersonNameFault(m); why != "" {
			return itsm.Errorf(itsm.Invalid, "member %q: expected %s", httpWord(m), why)
		}
		q.Ref = itsm.MemberRef(m)
	}
	return objectPage(a, r, q, viewTeam)
}

func (a *API) team(r *request) error {
	name, err := r.param("name")
	if err != nil {
		return err
	}
	return a.showTeam(r, name)
}

func (a *API) showTeam(r *request, name string) error {
	t, err := objectOf[itsm.Team](a, itsm.ObjectTeam, name)
	if err != nil {
		return err
	}
	r.tag(t.Version)
	return r.json(viewTeam(&t))
}

func (a *API) putTeam(r *request) error {
	var b struct {
		Title    string   `json:"title"`
		Members  []string `json:"members"`
		Services []string `json:"services"`
	}
	name, err := r.param("name")
	if err != nil {
		return err
	}
	if err := r.decode(&b); err != nil {
		return err
	}
	if _, err := a.doObject(r, itsm.ActTeamPut, itsm.ObjectTeam+"/"+name, itsm.Team{Title: b.Title, Members: b.Members, Services: b.Services}); err != nil {
		return err
	}
	return a.showTeam(r, name)
}

// removeTeam answers with the team as it was.
func (a *API) removeTeam(r *request) error {
	name, err := r.param("name")
	if err != nil {
		return err
	}
	t, err := objectOf[itsm.Team](a, itsm.ObjectTeam, name)
	if err != nil {
		return err
	}
	if _, err := a.doObject(r, itsm.ActTeamRemove, itsm.ObjectTeam+"/"+name, nil); err != nil {
		return err
	}
	return r.json(viewTeam(&t))
}
