package api

import (
	"net/http"
	"testing"

	"signalbox/itsm"
)

// A view is its owner's and its team's, lists what it says, and is changed by its
// owner alone.
func TestViews(t *testing.T) {
	w := newWorld(t)
	w.open(itsm.Incident{Priority: itsm.P1})
	w.open(itsm.Incident{Priority: itsm.P2, Assignee: "bob"})
	w.user("bob", "viewer")
	w.user("eve", "responder")
	w.want(w.call("PUT", "/api/v1/teams/dba", `{"members":["bob","eve"]}`), http.StatusOK)
	token := func(owner string) string {
		secret, _ := w.made(`{"name":"laptop","owner":"` + owner + `","role":"viewer"}`)
		return bearer + secret
	}
	bob, eve := token("bob"), token("eve")
	w.want(w.call("POST", "/api/v1/views", `{"name":"Mine","filter":{"assignee":["bob"],"state":["new"],"priority":["P2"]}}`, bob), http.StatusOK, `"id":"VIW0000001"`, `"owner":"bob"`, `"team":null`, `"state":["new"]`, `"major":[]`, `"default":false`)
	w.want(w.call("GET", "/api/v1/views", "", eve), http.StatusOK, `"items":[]`)
	w.want(w.call("GET", "/api/v1/views/VIW0000001", "", eve), http.StatusNotFound)
	w.want(w.call("GET", "/api/v1/incidents?view=VIW0000001", "", eve), http.StatusNotFound)
	w.want(w.call("PATCH", "/api/v1/views/VIW0000001", `{"team":"dba"}`, bob), http.StatusOK, `"team":"dba"`, `"name":"Mine"`)
	items, _ := w.want(w.call("GET", "/api/v1/incidents?view=VIW0000001", "", eve), http.StatusOK).items(t)
	if got := numbersOf(items, "number"); len(got) != 1 || got[0] != "INC0000002" {
		t.Errorf("the view lists %v", got)
	}
	w.want(w.call("GET", "/api/v1/incidents?view=VIW0000001&priority=P1", "", eve), http.StatusOK, `"items":[]`)
	w.want(w.call("PATCH", "/api/v1/views/VIW0000001", `{"name":"Hers"}`, eve), http.StatusForbidden, "bob")
	w.want(w.call("DELETE", "/api/v1/views/VIW0000001", "", eve), http.StatusForbidden)
	w.want(w.call("POST", "/api/v1/views/VIW0000001/default", "", eve), http.StatusOK, `"default":true`)
	w.want(w.call("GET", "/api/v1/views", "", bob), http.StatusOK, `"default":false`)
	w.want(w.call("POST", "/api/v1/views/VIW0000001/default", `{"default":false}`, eve), http.StatusOK, `"default":false`)
	w.want(w.call("POST", "/api/v1/views", `{"name":"x","team":"none"}`, eve), http.StatusForbidden)
	w.want(w.call("POST", "/api/v1/views", `{"name":"x","filter":{"prio":["P1"]}}`, eve), http.StatusBadRequest, "priority")
	w.want(w.call("POST", "/api/v1/views", `{"name":"x","filter":{"state":["burning"]}}`, eve), http.StatusBadRequest)
	w.want(w.call("POST", "/api/v1/views", `{"name":"Mine"}`, bob), http.StatusConflict, "Mine")
	w.want(w.call("DELETE", "/api/v1/views/VIW0000001", "", bob), http.StatusOK)
	w.want(w.call("GET", "/api/v1/views", "", eve), http.StatusOK, `"items":[]`)
}
