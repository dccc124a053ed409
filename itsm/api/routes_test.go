package api

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"

	"signalbox/itsm"
	"signalbox/itsm/access"
)

// concrete fills the parameters of a path.
func concrete(path string) string {
	return strings.NewReplacer(":number", "INC0000001", ":name", "pagerduty", ":id", "x", ":offset", "1").Replace(path)
}

func TestTableIsTheRouter(t *testing.T) {
	w := newWorld(t)
	app := fiber.New()
	w.api.Routes(app)
	var mounted []string
	for _, stack := range app.Stack() {
		for _, r := range stack {
			if r.Method != http.MethodHead && !strings.HasPrefix(r.Path, Prefix+"/") && r.Path == Prefix {
				continue // what answers unknown addresses
			}
			if r.Method != http.MethodHead {
				mounted = append(mounted, r.Method+" "+r.Path)
			}
		}
	}
	var listed []string
	for _, r := range w.api.Table() {
		listed = append(listed, r.Method+" "+r.Path)
	}
	slices.Sort(mounted)
	slices.Sort(listed)
	if !slices.Equal(mounted, listed) {
		t.Errorf("the router has\n%s\nthe table has\n%s", strings.Join(mounted, "\n"), strings.Join(listed, "\n"))
	}
	if len(slices.Compact(listed)) != len(w.api.Table()) {
		t.Error("a route is listed twice")
	}
}

func TestRolesOfTheTable(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Open = false })
	open := []string{"/healthz", "/readyz"}
	for _, r := range w.api.Table() {
		want := access.Responder
		switch {
		case slices.Contains(open, r.Path):
			want = access.Nobody
		case strings.HasSuffix(r.Path, "/backup"), strings.HasSuffix(r.Path, "/audit"), strings.HasPrefix(r.Path, Prefix+"/configuration/"):
			want = access.Admin // it holds everything, or decides it
		case strings.HasPrefix(r.Path, Prefix+"/me/"), strings.Contains(r.Path, "/tokens"), strings.Contains(r.Path, "/views"):
			want = access.Viewer // what is one's own; the handler knows whose
		case strings.Contains(r.Path, "/users"), strings.Contains(r.Path, "/teams") && !access.IsSafe(r.Method):
			want = access.Admin
		case access.IsSafe(r.Method), strings.HasSuffix(r.Path, "/rules/check"), strings.HasSuffix(r.Path, "/rules/explain"): // they keep nothing
			want = access.Viewer
		case strings.Contains(r.Path, "/problems/") && slices.Contains([]string{"accept", "dismiss", "merge", "assign", "state", "root-cause", "known-error"}, r.Path[strings.LastIndexByte(r.Path, '/')+1:]):
			want = access.ProblemManager // workarounds, links and notes are for whoever is on call
		case strings.HasSuffix(r.Path, "/review/done"), strings.Contains(r.Path, "/major/") && !strings.HasSuffix(r.Path, "/propose"):
			want = access.ProblemManager // whoever is on call proposes, a manager decides
		case strings.Contains(r.Path, "/cmdb/"), strings.Contains(r.Path, "/rules"):
			want = access.Admin
		case strings.HasPrefix(r.Path, Prefix+"/connectors/") && !strings.HasSuffix(r.Path, "/retry"):
			want = access.Admin // a test pages people, a pause keeps them from being paged
		}
		if r.Role != want {
			t.Errorf("%s %s needs %s, want %s", r.Method, r.Path, r.Role, want)
		}
	}
}

// TestAuthorization calls every route with every kind of credential.
func TestAuthorization(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Subscribe = nil; o.Open = false })
	w.open(itsm.Incident{})
	have := []struct {
		header string
		role   access.Role
		known  bool
	}{
		{"Authorization: ", access.Nobody, false},
		{"Authorization: Bearer wrong", access.Nobody, false},
		{"Authorization: Basic c2J4X2FkbWluOg==", access.Nobody, false},
		{"Authorization: Bearer " + viewerToken, access.Viewer, true},
		{"Authorization: Bearer " + responderToken, access.Responder, true},
		{"Authorization: Bearer " + adminToken, access.Admin, true},
	}
	type credential = struct {
		header string
		role   access.Role
		known  bool
	}
	for _, r := range []access.Role{access.Viewer, access.Responder, access.ProblemManager, access.Admin} {
		// A token of a user of each role, and that user's session: the other door to the same rows.
		name := "user-" + r.String()[:1]
		w.user(name, r.Word())
		secret, _ := w.made(`{"name":"laptop","owner":"` + name + `","role":"` + r.Word() + `","days":1}`)
		id, _, err := w.gate.StartSession(secret, "10.0.0.1")
		if err != nil {
			t.Fatal(err)
		}
		have = append(have, credential{"Authorization: Bearer " + secret, r, true}, credential{"Cookie: signalbox=" + id, r, true})
	}
	have = append(have, credential{"Cookie: signalbox=" + strings.Repeat("x", 43), access.Nobody, false})
	for _, row := range w.api.Table() {
		for _, h := range have {
			headers := []string{h.header}
			if strings.HasPrefix(h.header, "Cookie: ") {
				headers = append(headers, "Authorization: ", "Sec-Fetch-Site: same-origin")
			}
			a := w.call(row.Method, concrete(row.Path), "", headers...)
			refused := a.status == http.StatusUnauthorized || a.status == http.StatusForbidden
			switch {
			case h.role.Allows(row.Role) && refused:
				t.Errorf("%s %s with %q = %d, want it let in", row.Method, row.Path, h.header, a.status)
			case !h.role.Allows(row.Role) && h.known && a.status != http.StatusForbidden:
				t.Errorf("%s %s with %q = %d, want 403", row.Method, row.Path, h.header, a.status)
			case !h.role.Allows(row.Role) && !h.known && a.status != http.StatusUnauthorized:
				t.Errorf("%s %s with %q = %d, want 401", row.Method, row.Path, h.header, a.status)
			case a.status == http.StatusUnauthorized && a.header.Get("WWW-Authenticate") == "":
				t.Errorf("%s %s: 401 without WWW-Authenticate", row.Method, row.Path)
			}
		}
	}
}

// TestSessionsOfOtherSites: what a session may change, a page of another site may
// not change with it, at any address.
func TestSessionsOfOtherSites(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Subscribe = nil })
	w.open(itsm.Incident{})
	id, _, err := w.gate.StartSession(adminToken, "10.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range w.api.Table() {
		if access.IsSafe(row.Method) {
			continue
		}
		for _, site := range []string{"Sec-Fetch-Site: cross-site", "Sec-Fetch-Site: same-site", "Origin: https://evil.example"} {
			w.want(w.call(row.Method, concrete(row.Path), "", "Authorization: ", "Cookie: signalbox="+id, site), http.StatusForbidden, "another site")
		}
	}
	if len(w.acts) != 1 {
		t.Errorf("%d acts were journaled, want the sign-in alone", len(w.acts))
	}
}

func TestOpenOnLoopback(t *testing.T) {
	w := newWorld(t)
	for _, path := range []string{"/healthz", "/readyz", "/metrics", "/openapi.json"} {
		w.want(w.call("GET", path, "", "Authorization: "), http.StatusOK)
	}
	w.want(w.call("GET", "/api/v1/incidents", "", "Authorization: "), http.StatusUnauthorized, `"code":"unauthorized"`)
}

// TestUnknownParameters: every route refuses a parameter it does not know and
// says which there are.
func TestUnknownParameters(t *testing.T) {
	w := newWorld(t)
	for _, row := range w.api.routes {
		words := append([]string{"statte"}, row.query...)
		w.want(w.call(row.method, concrete(row.path)+"?statte=new", ""), http.StatusBadRequest, words...)
	}
}

func TestUnknownAddresses(t *testing.T) {
	w := newWorld(t)
	w.want(w.call("GET", "/api/v1/nothing", ""), http.StatusNotFound, "openapi.json")
	w.want(w.call("GET", "/api/v1/nothing?x=1", "", "Authorization: "), http.StatusNotFound)
	a := w.want(w.call("DELETE", "/api/v1/incidents/INC0000001", ""), http.StatusMethodNotAllowed, `"status":405`)
	if got := a.header.Get("Allow"); got != "GET" {
		t.Errorf("Allow = %q, want GET", got)
	}
	a = w.want(w.call("DELETE", "/api/v1/cmdb/cis/db-1", ""), http.StatusMethodNotAllowed)
	if got := a.header.Get("Allow"); got != "GET, PUT" {
		t.Errorf("Allow = %q, want GET, PUT", got)
	}
}

func TestAddressesHaveOneCase(t *testing.T) {
	w := newWorld(t)
	w.want(w.call("GET", "/api/v1/Incidents", ""), http.StatusNotFound)
}

func TestHead(t *testing.T) {
	w := newWorld(t)
	w.open(itsm.Incident{})
	a := w.call("HEAD", "/api/v1/incidents/INC0000001", "")
	if a.status != http.StatusOK || a.body != "" || a.header.Get("ETag") != `"1"` {
		t.Errorf("HEAD = %d, ETag %q, body %q", a.status, a.header.Get("ETag"), a.body)
	}
}

func TestPanicIsAnAnswer(t *testing.T) {
	w := newWorld(t)
	w.retry = nil // calling it panics
	w.apply(itsm.Decision{Kind: itsm.PutQuarantine, Quarantine: &itsm.Quarantined{ID: "q1", Source: "generic", Error: "no", Offset: 1, FirstAt: start, LastAt: start}})
	req, _ := http.NewRequest("POST", w.base+"/api/v1/quarantine/q1/retry", nil)
	req.Header.Set("Authorization", "Bearer "+adminToken)
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusInternalServerError {
		t.Errorf("status %d, want 500", resp.StatusCode)
	}
	w.want(w.call("GET", "/healthz", ""), http.StatusOK)
}
