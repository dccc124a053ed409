package correlate

import (
	"encoding/json"
	"strings"
	"testing"

	"signalbox/itsm"
)

func ptr[T any](v T) *T { return &v }

// tell folds an act on an object and returns what it came to.
func tell(t *testing.T, w *world, kind itsm.ActKind, object string, body any) itsm.Outcome {
	t.Helper()
	b, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	w.at++
	w.do(Input{Act: &itsm.Act{Kind: kind, Object: object, Body: b, Actor: "api:admin", RemoteIP: "10.0.0.1"}})
	return w.outcome
}

func objectOf[T any](t *testing.T, w *world, kind, id string) (v T) {
	t.Helper()
	o, ok := w.objects[kind+" "+id]
	if !ok {
		t.Fatalf("there is no %s %s", kind, id)
	}
	if err := json.Unmarshal(o.Body, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// keeper makes an administrator with a password.
func keeper(t *testing.T, w *world, name string) {
	t.Helper()
	if o := tell(t, w, itsm.ActUserPut, "user/"+name, itsm.UserChange{New: true, Role: ptr(itsm.RoleAdmin), Password: ptr("$argon2id$")}); o.Err() != nil {
		t.Fatal(o.Err())
	}
}

func TestLastKeeper(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]itsm.UserChange{
		"demoted":          {Role: ptr(itsm.RoleViewer)},
		"disabled":         {Disabled: ptr(true)},
		"without password": {Password: ptr("")},
	} {
		w := newWorld(t, DefaultConfig())
		keeper(t, w, "ada")
		if o := tell(t, w, itsm.ActUserPut, "user/ada", change); o.Code != itsm.Conflict {
			t.Errorf("%s, the last: %+v, want a conflict", name, o)
		}
		if u := objectOf[itsm.User](t, w, "user", "ada"); !u.IsKeeper() || u.Version != 1 {
			t.Errorf("%s, refused: %+v, want ada as before", name, u)
		}
		// One who signs in elsewhere is no help when that place is down.
		if o := tell(t, w, itsm.ActSignIn, "user/bob", itsm.SignIn{By: "oidc", Issuer: "https://id", Subject: "1", Role: itsm.RoleAdmin}); o.Err() != nil {
			t.Fatal(o.Err())
		}
		if o := tell(t, w, itsm.ActUserPut, "user/ada", change); o.Code != itsm.Conflict {
			t.Errorf("%s beside one of another place: %+v, want a conflict", name, o)
		}
		keeper(t, w, "eve")
		if o := tell(t, w, itsm.ActUserPut, "user/ada", change); o.Err() != nil {
			t.Errorf("%s beside eve: %+v", name, o)
		}
		if o := tell(t, w, itsm.ActUserPut, "user/eve", change); o.Code != itsm.Conflict {
			t.Errorf("%s, now eve is the last: %+v, want a conflict", name, o)
		}
	}
}

func TestUsersAreChecked(t *testing.T) {
	t.Parallel()
	w := newWorld(t, DefaultConfig())
	keeper(t, w, "ada")
	for _, tc := range []struct {
		object string
		change itsm.UserChange
		code   itsm.Code
	}{
		{"user/ada", itsm.UserChange{New: true}, itsm.Conflict},
		{"user/bob", itsm.UserChange{}, itsm.NotFound},
		{"user/admin", itsm.UserChange{New: true}, itsm.Invalid},
		{"user/Bob", itsm.UserChange{New: true}, itsm.Invalid},
		{"user/", itsm.UserChange{New: true}, itsm.Invalid},
		{"user/a/b", itsm.UserChange{New: true}, itsm.Invalid},
		{"token/bob", itsm.UserChange{New: true}, itsm.Invalid},
		{"user/bob", itsm.UserChange{New: true, Title: ptr(strings.Repeat("x", 201))}, itsm.TooLarge},
		{"user/ada", itsm.UserChange{Password: ptr(strings.Repeat("x", 501))}, itsm.TooLarge},
	} {
		if o := tell(t, w, itsm.ActUserPut, tc.object, tc.change); o.Code != tc.code {
			t.Errorf("%s %+v: %+v, want %s", tc.object, tc.change, o, tc.code)
		}
	}
	if o := tell(t, w, itsm.ActUserPut, "user/ada", itsm.UserChange{Role: ptr(itsm.RoleAdmin)}); !o.NoOp {
		t.Errorf("an admin made one: %+v, want nothing to do", o)
	}
	if len(w.s.people.users) != 1 {
		t.Errorf("%d users, want ada alone", len(w.s.people.users))
	}
}

func TestSignInElsewhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t, DefaultConfig())
	keeper(t, w, "ada")
	from := func(name, subject string, role itsm.Role) itsm.Outcome {
		return tell(t, w, itsm.ActSignIn, "user/"+name, itsm.SignIn{By: "oidc", Issuer: "https://id", Subject: subject, Role: role})
	}
	if o := from("ada", "1", itsm.RoleViewer); o.Code != itsm.Forbidden {
		t.Errorf("the name of somebody with a password: %+v, want forbidden", o)
	}
	if o := from("bob", "2", itsm.RoleResponder); o.Err() != nil {
		t.Fatal(o.Err())
	}
	if o := from("bob", "3", itsm.RoleAdmin); o.Code != itsm.Forbidden {
		t.Errorf("the name of another subject: %+v, want forbidden", o)
	}
	if o := from("bob", "2", itsm.RoleViewer); o.Err() != nil || objectOf[itsm.User](t, w, "user", "bob").Role != itsm.RoleViewer {
		t.Errorf("bob with another role: %+v", o)
	}
	if o := tell(t, w, itsm.ActUserPut, "user/bob", itsm.UserChange{Disabled: ptr(true)}); o.Err() != nil {
		t.Fatal(o.Err())
	}
	if o := from("bob", "2", itsm.RoleViewer); o.Code != itsm.Forbidden {
		t.Errorf("bob, disabled: %+v, want forbidden", o)
	}
	if o := tell(t, w, itsm.ActSignIn, "user/nobody", itsm.SignIn{By: "password"}); o.Code != itsm.NotFound {
		t.Errorf("nobody: %+v, want not found", o)
	}
}

func token(id, owner string, role itsm.Role) itsm.APIToken {
	return itsm.APIToken{Name: "laptop", Owner: owner, Sum: id + strings.Repeat("0", 48), Role: role}
}

func TestTokensAreChecked(t *testing.T) {
	t.Parallel()
	w := newWorld(t, DefaultConfig())
	keeper(t, w, "ada")
	tell(t, w, itsm.ActUserPut, "user/bob", itsm.UserChange{New: true, Role: ptr(itsm.RoleResponder)})
	const id = "0123456789abcdef"
	over := token(id, "ada", itsm.RoleAdmin)
	over.ExpiresAt = w.at
	nameless := token(id, "ada", itsm.RoleAdmin)
	nameless.Name = " "
	stray := token(id, "ada", itsm.RoleAdmin)
	stray.Teams = []string{"none"}
	for _, tc := range []struct {
		object string
		t      itsm.APIToken
		code   itsm.Code
	}{
		{"token/fedcba9876543210", token(id, "ada", itsm.RoleAdmin), itsm.Invalid},
		{"token/" + id, token(id, "eve", itsm.RoleViewer), itsm.Invalid},
		{"token/" + id, token(id, "bob", itsm.RoleAdmin), itsm.Forbidden},
		{"token/" + id, over, itsm.Invalid},
		{"token/" + id, nameless, itsm.Invalid},
		{"token/" + id, stray, itsm.Invalid},
		{"token/" + id, token(id, "bob", itsm.RoleResponder), ""},
		{"token/" + id, token(id, "bob", itsm.RoleResponder), itsm.Conflict},
		{"token/1123456789abcdef", token("1123456789abcdef", "admin", itsm.RoleAdmin), ""},
	} {
		if o := tell(t, w, itsm.ActTokenCreate, tc.object, tc.t); o.Code != tc.code {
			t.Errorf("%s %+v: %+v, want %q", tc.object, tc.t, o, tc.code)
		}
	}
	if o := tell(t, w, itsm.ActTokenRevoke, "token/"+id, nil); o.Err() != nil || objectOf[itsm.APIToken](t, w, "token", id).RevokedAt != w.at {
		t.Errorf("revoked: %+v", o)
	}
	if o := tell(t, w, itsm.ActTokenRevoke, "token/"+id, nil); !o.NoOp {
		t.Errorf("revoked again: %+v, want nothing to do", o)
	}
}

func TestTeamsAreChecked(t *testing.T) {
	t.Parallel()
	w := newWorld(t, DefaultConfig())
	keeper(t, w, "ada")
	if o := tell(t, w, itsm.ActTeamPut, "team/payments", itsm.Team{Members: []string{"eve"}}); o.Code != itsm.Invalid {
		t.Errorf("a member who is nobody: %+v, want invalid", o)
	}
	if o := tell(t, w, itsm.ActTeamPut, "team/payments", itsm.Team{Members: []string{"ada", "ada"}, Services: []string{"svc-b", "svc-a"}}); o.Err() != nil {
		t.Fatal(o.Err())
	}
	if o := w.objects["team payments"]; len(o.Refs) != 1 || o.Refs[0] != itsm.MemberRef("ada") {
		t.Errorf("refs %v, want ada's", o.Refs)
	}
	scoped := token("0123456789abcdef", "ada", itsm.RoleViewer)
	scoped.Teams = []string{"payments"}
	if o := tell(t, w, itsm.ActTokenCreate, "token/0123456789abcdef", scoped); o.Err() != nil {
		t.Fatal(o.Err())
	}
	// With its team gone the token would see nothing, or everything: neither is wanted.
	if o := tell(t, w, itsm.ActTeamRemove, "team/payments", nil); o.Code != itsm.Conflict {
		t.Errorf("a team that a token needs: %+v, want a conflict", o)
	}
	tell(t, w, itsm.ActTokenRevoke, "token/0123456789abcdef", nil)
	if o := tell(t, w, itsm.ActTeamRemove, "team/payments", nil); o.Err() != nil || len(w.s.people.teams) != 0 {
		t.Errorf("removed: %+v", o)
	}
}

func TestPeopleSurviveEncoding(t *testing.T) {
	t.Parallel()
	w := newWorld(t, DefaultConfig())
	keeper(t, w, "ada")
	tell(t, w, itsm.ActTeamPut, "team/payments", itsm.Team{Members: []string{"ada"}, Services: []string{"svc-a"}})
	tell(t, w, itsm.ActTokenCreate, "token/0123456789abcdef", token("0123456789abcdef", "ada", itsm.RoleViewer))
	first := w.encode()
	s, err := Decode(strings.NewReader(string(first)), w.s.Graph())
	if err != nil {
		t.Fatal(err)
	}
	w.s = s
	if string(w.encode()) != string(first) {
		t.Error("encoding what was decoded gives something else")
	}
	if o := tell(t, w, itsm.ActUserPut, "user/ada", itsm.UserChange{Disabled: ptr(true)}); o.Code != itsm.Conflict {
		t.Errorf("the last keeper after decoding: %+v, want a conflict", o)
	}
	if o := tell(t, w, itsm.ActTokenRevoke, "token/0123456789abcdef", nil); o.Err() != nil {
		t.Error(o.Err())
	}
}

func TestAudit(t *testing.T) {
	t.Parallel()
	w := newWorld(t, DefaultConfig())
	keeper(t, w, "ada")
	tell(t, w, itsm.ActUserPut, "user/ada", itsm.UserChange{Title: ptr("Ada"), Password: ptr("$argon2id$new")})
	l := objectOf[itsm.AuditLine](t, w, "audit", itsm.AuditID(w.off))
	want := []itsm.AuditChange{{Field: "password", Before: "(not shown)", After: "(not shown)"}, {Field: "title", After: "Ada"}}
	got := l.Changes
	if len(got) != 2 || got[0] != want[0] || got[1] != want[1] || l.Actor != "api:admin" || l.RemoteIP != "10.0.0.1" || l.Object != "user/ada" || l.Result != itsm.AuditDone {
		t.Errorf("line %+v, want the changes %+v", l, want)
	}
	if o := w.objects["audit "+itsm.AuditID(w.off)]; strings.Contains(string(o.Body), "argon2id") {
		t.Error("a password's hash is in the audit")
	}
	tell(t, w, itsm.ActUserPut, "user/ada", itsm.UserChange{Disabled: ptr(true)})
	if l := objectOf[itsm.AuditLine](t, w, "audit", itsm.AuditID(w.off)); l.Result != itsm.AuditRefused || !strings.Contains(l.Detail, "last administrator") || len(l.Changes) != 0 {
		t.Errorf("a refused act: %+v", l)
	}
	tell(t, w, itsm.ActMaintenancePut, "", map[string]any{"reason": "patches", "ends_at": (w.at + 3_600_000).String(), "scope": map[string]any{"cis": []string{"db-1"}}})
	if l := objectOf[itsm.AuditLine](t, w, "audit", itsm.AuditID(w.off)); l.Object != "maintenance/MNT0000001" || l.Result != itsm.AuditDone {
		t.Errorf("a window that the act made: %+v", l)
	}
	tell(t, w, itsm.ActProblemDismiss, "PRB0000099", map[string]any{"reason": "none"})
	if l := objectOf[itsm.AuditLine](t, w, "audit", itsm.AuditID(w.off)); l.Object != "problem/PRB0000099" || l.Result != itsm.AuditRefused {
		t.Errorf("a problem that is not there: %+v", l)
	}
	before := len(w.objects)
	tell(t, w, itsm.ActTokenUse, "token/admin", nil)
	if len(w.objects) != before {
		t.Error("the use of a token has a line")
	}
}
