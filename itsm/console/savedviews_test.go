package console

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"signalbox/itsm"
)

// A list is saved under a name, stands above the list, can begin it, and goes again.
func TestSavedViews(t *testing.T) {
	s := signedIn(t, fixedClock)
	_, body := s.get("/?state=on_hold&q=edge&group=Network+on+call")
	f := fieldsOf(t, body, "/account/views")
	f.Set("name", "Edge & more")
	f.Set("default", "on")
	resp, _ := s.post("/account/views", f)
	const to = "/?group=Network+on+call&q=edge&state=on_hold"
	if resp.StatusCode != http.StatusSeeOther || resp.Header.Get("Location") != to {
		t.Fatalf("save: status %d to %q, want 303 to %s", resp.StatusCode, resp.Header.Get("Location"), to)
	}
	_, body = s.get(to)
	checkPage(t, s.base, body)
	if link(t, body, "Edge & more") != to || !strings.Contains(body, `href="/?group=Network&#43;on&#43;call&amp;q=edge&amp;state=on_hold" aria-current="page"`) && !strings.Contains(body, `aria-current="page">Edge &amp; more`) {
		t.Error("the view does not stand above the list, or is not marked as the one that is shown")
	}
	if !strings.Contains(body, "INC0000003") || strings.Contains(body, "INC0000002") {
		t.Error("the view lists others, or not its own")
	}
	if resp, _ = s.get("/"); resp.StatusCode != http.StatusSeeOther || resp.Header.Get("Location") != to {
		t.Errorf("the list begins with %d %q, want the view", resp.StatusCode, resp.Header.Get("Location"))
	}
	if all := link(t, body, "All open"); all != "/?state=open" {
		t.Errorf("all open are at %q", all)
	}
	if resp, body := s.get("/?state=open"); resp.StatusCode != http.StatusOK || !strings.Contains(body, "INC0000002") {
		t.Errorf("all open: status %d", resp.StatusCode)
	}
	if resp, _ := s.get("/?q=x"); resp.StatusCode != http.StatusOK {
		t.Errorf("a search leads to the view: %d", resp.StatusCode)
	}
	const one = "/account/views/VIW0000003"
	if resp, _ = s.post(one, url.Values{"name": {"Edge"}}); resp.StatusCode != http.StatusSeeOther {
		t.Errorf("rename: status %d", resp.StatusCode)
	}
	if resp, body = s.get("/"); resp.StatusCode != http.StatusOK || link(t, body, "Edge") != to {
		t.Errorf("after renaming it without the box the list begins with %d %q", resp.StatusCode, link(t, body, "Edge"))
	}
	if resp, _ := s.post("/account/views", url.Values{"name": {"Edge"}, "filter": {"q=x"}}); resp.StatusCode != http.StatusConflict {
		t.Errorf("a second view of the name: status %d, want 409", resp.StatusCode)
	}
	for _, bad := range []string{"/account/views/VIW0000009", "/account/views/VIW0000009/remove"} {
		if resp, _ := s.post(bad, url.Values{"name": {"x"}}); resp.StatusCode != http.StatusNotFound {
			t.Errorf("%s: status %d, want 404", bad, resp.StatusCode)
		}
	}
	s.post(one+"/remove", nil)
	if _, body = s.get("/"); link(t, body, "Edge") != "" {
		t.Error("a removed view is still there")
	}
}

// A view of somebody else is not there, unless it is shared with a team one is in;
// then it can be looked at and begun with, but not changed.
func TestSharedViews(t *testing.T) {
	s := serve(t, fixedClock)
	s.post("/sign-in", url.Values{"name": {"jo"}, "password": {storybookPassword}})
	name, team := "Ours", "payments"
	act := func(object string, c itsm.ViewChange) {
		t.Helper()
		s.act(itsm.Act{Kind: itsm.ActViewPut, Object: object, Actor: "console:ada", Body: mustJSON(t, c)})
	}
	act("view/new", itsm.ViewChange{Owner: "ada", Name: &name, Filter: &itsm.IncidentFilter{Priority: []itsm.Priority{itsm.P2}}})
	if _, body := s.get("/"); strings.Contains(body, "Ours") || strings.Contains(body, "Urgent") {
		t.Error("jo sees a view of somebody else")
	}
	act("view/VIW0000003", itsm.ViewChange{Team: &team})
	_, body := s.get("/?priority=P2&state=all")
	if link(t, body, "Ours") != "/?priority=P2&state=all" || !strings.Contains(body, "of ada") || strings.Contains(body, "Remove this view") {
		t.Error("a shared view is not there, or can be changed by others")
	}
	const one = "/account/views/VIW0000003"
	for path, f := range map[string]url.Values{one: {"name": {"Mine now"}}, one + "/remove": nil} {
		if resp, _ := s.post(path, f); resp.StatusCode != http.StatusForbidden {
			t.Errorf("%s of somebody else: status %d, want 403", path, resp.StatusCode)
		}
	}
	if resp, _ := s.post(one, url.Values{"default": {"on"}}); resp.StatusCode != http.StatusSeeOther {
		t.Errorf("begin with it: status %d", resp.StatusCode)
	}
	if resp, _ := s.get("/"); resp.Header.Get("Location") != "/?priority=P2&state=all" {
		t.Errorf("the list begins with %q", resp.Header.Get("Location"))
	}
	if resp, _ := s.post("/account/views", url.Values{"name": {"x"}, "filter": {"q=x"}, "team": {"storage"}}); resp.StatusCode != http.StatusForbidden {
		t.Errorf("share with a team one is not in: status %d, want 403", resp.StatusCode)
	}
}

func mustJSON(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
