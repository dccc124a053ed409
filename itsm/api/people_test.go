package api

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"signalbox/itsm"
)

const bearer = "Authorization: Bearer "

// made makes a token by the API and returns its secret and its id.
func (w *world) made(body string, header ...string) (secret, id string) {
	w.t.Helper()
	var v struct{ Secret, ID string }
	a := w.want(w.call("POST", "/api/v1/tokens", body, header...), http.StatusOK)
	if err := json.Unmarshal([]byte(a.body), &v); err != nil || !strings.HasPrefix(v.Secret, "sbx_") {
		w.t.Fatalf("token %q: %v", a.body, err)
	}
	return v.Secret, v.ID
}

func (w *world) user(name, role string) {
	w.t.Helper()
	w.want(w.call("POST", "/api/v1/users", `{"name":"`+name+`","role":"`+role+`"}`), http.StatusOK, `"name":"`+name+`"`, `"has_password":false`)
}

func TestUsers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.want(w.call("POST", "/api/v1/users", `{"name":"ada","role":"admin","password":"correct horse battery"}`), http.StatusOK, `"has_password":true`, `"role":"admin"`)
	w.want(w.call("POST", "/api/v1/users", `{"name":"ada","role":"viewer"}`), http.StatusConflict, "exists already")
	w.want(w.call("POST", "/api/v1/users", `{"name":"Ada","role":"viewer"}`), http.StatusBadRequest, "name")
	w.want(w.call("POST", "/api/v1/users", `{"name":"bob","role":"root"}`), http.StatusBadRequest, "problem_manager")
	w.want(w.call("POST", "/api/v1/users", `{"name":"bob","role":"viewer","password":"short"}`), http.StatusBadRequest, "password")
	w.want(w.call("PATCH", "/api/v1/users/ada", `{"disabled":true}`), http.StatusConflict, "last administrator")
	w.want(w.call("PATCH", "/api/v1/users/ada", `{"role":"viewer"}`), http.StatusConflict, "last administrator")
	w.want(w.call("PATCH", "/api/v1/users/ada", `{"title":"Ada L."}`, "If-Match: \"7\""), http.StatusPreconditionFailed)
	w.want(w.call("PATCH", "/api/v1/users/ada", `{"title":"Ada L."}`, "If-Match: \"1\""), http.StatusOK, `"title":"Ada L."`)
	w.want(w.call("GET", "/api/v1/users", ""), http.StatusOK, `"ada"`)
	if a := w.call("GET", "/api/v1/users/ada", ""); strings.Contains(a.body, "argon2id") {
		t.Error("the answer holds the hash")
	}
	w.want(w.call("POST", "/api/v1/users/nobody/password", `{"password":"correct horse battery"}`), http.StatusNotFound)
	w.want(w.call("GET", "/api/v1/users/nobody", ""), http.StatusNotFound)
}

func TestOwnPassword(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.want(w.call("POST", "/api/v1/users", `{"name":"ada","role":"viewer","password":"correct horse battery"}`), http.StatusOK)
	secret, _ := w.made(`{"name":"laptop","owner":"ada","role":"viewer"}`)
	id, who, err := w.gate.StartUserSession(t.Context(), "ada", "correct horse battery", "10.0.0.1", "")
	if err != nil || who.Name != "ada" {
		t.Fatalf("sign in = %v, %v", who, err)
	}
	w.want(w.call("POST", "/api/v1/me/password", `{"current":"wrong","password":"battery staple horse"}`, bearer+secret), http.StatusBadRequest, "present password")
	w.want(w.call("POST", "/api/v1/me/password", `{"current":"correct horse battery","password":"battery staple horse"}`, bearer+secret), http.StatusOK)
	if _, err := w.gate.Session(id); itsm.CodeOf(err) != itsm.Unauthorized {
		t.Errorf("the session after the password changed: %v, want it over", err)
	}
	if _, _, err := w.gate.StartUserSession(t.Context(), "ada", "battery staple horse", "10.0.0.1", ""); err != nil {
		t.Errorf("the new password: %v", err)
	}
	w.want(w.call("POST", "/api/v1/me/password", `{"current":"x","password":"battery staple horse"}`), http.StatusConflict, "no password")
}

func TestTokens(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user("bob", "responder")
	secret, id := w.made(`{"name":"laptop","owner":"bob","role":"responder"}`)
	w.want(w.call("GET", "/api/v1/me", "", bearer+secret), http.StatusOK, `"name":"bob/laptop"`, `"user":"bob"`, `"role":"responder"`)
	w.want(w.call("GET", "/api/v1/users", "", bearer+secret), http.StatusForbidden)
	w.want(w.call("POST", "/api/v1/tokens", `{"name":"more","role":"admin"}`, bearer+secret), http.StatusForbidden)
	w.want(w.call("POST", "/api/v1/tokens", `{"name":"more","owner":"admin"}`, bearer+secret), http.StatusForbidden)
	w.want(w.call("POST", "/api/v1/tokens", `{"name":"more","days":0}`, bearer+secret), http.StatusBadRequest, "days")
	w.want(w.call("POST", "/api/v1/tokens", `{"name":"more"}`, bearer+viewerToken), http.StatusForbidden)
	second, _ := w.made(`{"name":"second","role":"viewer","days":1}`, bearer+secret)
	a := w.want(w.call("GET", "/api/v1/tokens", "", bearer+secret), http.StatusOK, `"laptop"`, `"second"`)
	if strings.Contains(a.body, `"sum"`) || strings.Contains(a.body, secret) {
		t.Error("the list holds what lets somebody in")
	}
	// Less than its owner may do, when the owner is demoted; nothing, when disabled.
	w.want(w.call("PATCH", "/api/v1/users/bob", `{"role":"viewer"}`), http.StatusOK)
	w.want(w.call("GET", "/api/v1/me", "", bearer+secret), http.StatusOK, `"role":"viewer"`)
	w.want(w.call("PATCH", "/api/v1/users/bob", `{"disabled":true}`), http.StatusOK)
	w.want(w.call("GET", "/api/v1/me", "", bearer+secret), http.StatusUnauthorized)
	w.want(w.call("PATCH", "/api/v1/users/bob", `{"disabled":false}`), http.StatusOK)
	w.want(w.call("GET", "/api/v1/me", "", bearer+second), http.StatusOK)
	w.user("eve", "responder")
	eves, _ := w.made(`{"name":"eve","owner":"eve","role":"viewer"}`)
	w.want(w.call("POST", "/api/v1/tokens/"+id+"/revoke", "", bearer+eves), http.StatusNotFound)
	w.want(w.call("GET", "/api/v1/tokens?owner=bob", "", bearer+eves), http.StatusForbidden)
	w.want(w.call("POST", "/api/v1/tokens/"+id+"/revoke", ""), http.StatusOK, `"revoked_at":"20`)
	w.want(w.call("GET", "/api/v1/me", "", bearer+secret), http.StatusUnauthorized)
}

// TestScopedTokens: a token of one service sees nothing of another at any address.
func TestScopedTokens(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *Options) { o.Open = false; o.Subscribe = nil })
	ours := w.open(itsm.Incident{Services: []string{"svc-pay"}})
	theirs := w.open(itsm.Incident{Services: []string{"svc-cart"}})
	assigned := w.open(itsm.Incident{Group: "payments"})
	w.user("bob", "responder")
	w.want(w.call("PUT", "/api/v1/teams/payments", `{"members":["bob"],"services":["svc-pay"]}`), http.StatusOK, `"members":["bob"]`)
	secret, _ := w.made(`{"name":"pager","role":"admin","teams":["payments"]}`)
	a := w.want(w.call("GET", "/api/v1/incidents", "", bearer+secret), http.StatusOK, ours.String(), assigned.String())
	if strings.Contains(a.body, theirs.String()) {
		t.Error("the list holds an incident of another service")
	}
	w.want(w.call("GET", "/api/v1/me", "", bearer+secret), http.StatusOK, `"scoped":true`, `"services":["svc-pay"]`)
	w.want(w.call("POST", "/api/v1/incidents/"+ours.String()+"/acknowledge", "", bearer+secret), http.StatusOK)
	w.want(w.call("POST", "/api/v1/incidents/"+ours.String()+"/merge", `{"into":"`+theirs.String()+`"}`, bearer+secret), http.StatusNotFound)
	before := len(w.acts)
	merged := w.open(itsm.Incident{Services: []string{"svc-pay"}, Undo: itsm.Undoable{Of: itsm.ActMerge, With: theirs, By: "console:ada", At: start}})
	w.want(w.call("POST", "/api/v1/incidents/"+merged.String()+"/undo", "", bearer+secret), http.StatusNotFound, theirs.String())
	w.want(w.call("POST", "/api/v1/incidents/bulk", `{"action":"resolve","incidents":["`+theirs.String()+`"]}`, bearer+secret), http.StatusOK, `"refused":1`, `"not_found"`)
	w.want(w.call("POST", "/api/v1/incidents/bulk", `{"action":"merge","incidents":["`+ours.String()+`"],"body":{"into":"`+theirs.String()+`"}}`, bearer+secret), http.StatusOK, `"refused":1`, `"not_found"`)
	if len(w.acts) != before {
		t.Error("an act on an incident of another service was journaled")
	}
	for _, row := range w.api.Table() {
		path := strings.ReplaceAll(row.Path, ":number", theirs.String())
		a := w.call(row.Method, concrete(path), "", bearer+secret)
		open := row.Role == 0 || row.Path == Prefix+"/me" || row.Path == Prefix+"/incidents" && row.Method == "GET" || row.Path == Prefix+"/incidents/bulk" // it asks of each
		if refused := a.status == http.StatusForbidden || a.status == http.StatusNotFound; refused == open {
			t.Errorf("%s %s with a token of another service = %d", row.Method, row.Path, a.status)
		}
	}
}

func TestTeams(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ours := w.open(itsm.Incident{Services: []string{"svc-pay"}})
	theirs := w.open(itsm.Incident{Services: []string{"svc-cart"}})
	w.user("bob", "responder")
	secret, _ := w.made(`{"name":"laptop","owner":"bob","role":"viewer"}`)
	w.want(w.call("PUT", "/api/v1/teams/payments", `{"members":["eve"]}`), http.StatusBadRequest, "no such user")
	w.want(w.call("PUT", "/api/v1/teams/Payments", `{}`), http.StatusBadRequest)
	w.want(w.call("PUT", "/api/v1/teams/payments", `{"title":"Payments","members":["bob"],"services":["svc-pay"]}`), http.StatusOK, `"title":"Payments"`)
	for _, team := range []string{"payments", "mine"} {
		a := w.want(w.call("GET", "/api/v1/incidents?team="+team, "", bearer+secret), http.StatusOK, ours.String())
		if strings.Contains(a.body, theirs.String()) {
			t.Errorf("team=%s holds an incident of another service", team)
		}
	}
	w.want(w.call("GET", "/api/v1/incidents?team=none", ""), http.StatusBadRequest, "no such team")
	w.want(w.call("GET", "/api/v1/incidents?team=mine", ""), http.StatusBadRequest, "no user")
	w.want(w.call("GET", "/api/v1/teams?member=bob", "", bearer+secret), http.StatusOK, `"payments"`)
	w.want(w.call("GET", "/api/v1/teams/payments", "", bearer+secret), http.StatusOK, `"svc-pay"`)
	w.want(w.call("DELETE", "/api/v1/teams/payments", "", bearer+secret), http.StatusForbidden)
	w.want(w.call("DELETE", "/api/v1/teams/payments", ""), http.StatusOK)
	w.want(w.call("GET", "/api/v1/teams/payments", ""), http.StatusNotFound)
}

func TestAuditList(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user("bob", "responder")
	w.want(w.call("PATCH", "/api/v1/users/bob", `{"role":"viewer"}`), http.StatusOK)
	w.want(w.call("GET", "/api/v1/audit?object=user/bob", ""), http.StatusOK, `"field":"role"`, `"before":"responder"`, `"after":"viewer"`, `"actor":"api:admin"`, `"remote_ip":"127.0.0.1"`)
	w.want(w.call("GET", "/api/v1/audit?actor=api:admin&limit=1", ""), http.StatusOK, `"user_put"`, `"next_cursor":"`)
	for _, none := range []string{"object=user/eve", "actor=api:eve", "from=2030-01-01T00:00:00Z", "to=2020-01-01T00:00:00Z"} {
		w.want(w.call("GET", "/api/v1/audit?"+none, ""), http.StatusOK, `"items":[]`)
	}
	w.want(w.call("GET", "/api/v1/audit?from=yesterday", ""), http.StatusBadRequest, "from")
	w.want(w.call("GET", "/api/v1/audit", "", bearer+responderToken), http.StatusForbidden)
}
