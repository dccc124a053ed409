package console

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"

	"signalbox/itsm"
	"signalbox/itsm/access"
)

// address fills the parameters of a route with something that exists.
func address(path string) string {
	return strings.NewReplacer(":number", "INC0000004", "/alerts/:id", "/alerts/ALR0000003", "/quarantine/:id", "/quarantine/5f0c77a1be22d940", ":offset", "301", ":connector", "pagerduty", ":letter", "0f3a9c", "/rules/rule/:id", "/rules/rule/shop-namespace", ":revision", "4",
		":name", "none.css", "*", "orders-db-1").Replace(path)
}

// Every route of the router has a row, and every row is in the router.
func TestRoutesAreTheTable(t *testing.T) {
	s := serve(t, fixedClock)
	rows := map[string]access.Role{}
	for _, r := range s.console.routes() {
		rows[r.method+" "+r.path] = r.role
	}
	for _, r := range s.app.GetRoutes(true) {
		key := r.Method + " " + r.Path
		if r.Method == http.MethodHead {
			key = "GET " + r.Path
		}
		if _, ok := rows[key]; !ok && r.Path != "/*" {
			t.Errorf("route %s %s has no row", r.Method, r.Path)
		}
	}
	open := map[string]bool{"GET /static/:name": true, "GET /sign-in": true, "POST /sign-in": true, "POST /sign-out": true, "POST /theme": true, "GET /sign-in/oidc": true, "GET " + access.CallbackPath: true}
	own := func(key string) bool { return strings.HasPrefix(key, "POST /account/") } // what is one's own
	for key, role := range rows {
		if role == access.Nobody && !open[key] {
			t.Errorf("%s needs no role", key)
		}
		if strings.HasPrefix(key, "POST ") && !open[key] && !own(key) && role < access.Responder {
			t.Errorf("%s changes something and needs only %s", key, role)
		}
	}
}

// Nobody sees or does anything without a session, and comes back to where they wanted to go.
func TestStrangersAreSentToSignIn(t *testing.T) {
	s := serve(t, fixedClock)
	for _, r := range s.console.routes() {
		if r.role == access.Nobody || r.path == "/live" {
			continue
		}
		to := address(r.path)
		var resp *http.Response
		want := "/sign-in?next=" + url.QueryEscape(to)
		if r.method == http.MethodPost {
			resp, _ = s.post(to, nil)
			want = "/sign-in?next=" + url.QueryEscape("/") // a POST is not repeated by signing in
		} else {
			resp, _ = s.get(to)
		}
		if resp.StatusCode != http.StatusSeeOther || resp.Header.Get("Location") != want {
			t.Errorf("%s %s: status %d to %q, want 303 to %q", r.method, to, resp.StatusCode, resp.Header.Get("Location"), want)
		}
	}
	if resp, body := s.get("/live?after=1"); resp.StatusCode != http.StatusUnauthorized || strings.Contains(body, "INC") {
		t.Errorf("live without a session: status %d, want 401", resp.StatusCode)
	}
	if i, err := s.book.Incident(4); err != nil || i.AcknowledgedAt != 0 || i.Version != 41 {
		t.Errorf("a stranger changed INC0000004: %+v %v", i, err)
	}
}

var wantHeaders = map[string]string{
	"X-Content-Type-Options":     "nosniff",
	"X-Frame-Options":            "DENY",
	"Referrer-Policy":            "same-origin",
	"Cross-Origin-Opener-Policy": "same-origin",
}

func TestHeadersOnEveryRoute(t *testing.T) {
	for _, signed := range []bool{false, true} {
		s := serve(t, fixedClock)
		if signed {
			s = signedIn(t, fixedClock)
		}
		paths := append([]string{"/sign-in", s.console.assets.address["app.css"], "/static/none.css", "/live?after=x", "/incidents/INC9999999", "/incidents/x"}, pages...)
		for _, p := range paths {
			resp, _ := s.get(p)
			checkHeaders(t, p, resp)
		}
		for _, r := range s.console.routes() {
			if r.method == http.MethodPost && r.path != "/sign-out" {
				resp, _ := s.post(address(r.path), nil)
				checkHeaders(t, r.path, resp)
			}
		}
	}
}

func checkHeaders(t *testing.T, path string, resp *http.Response) {
	t.Helper()
	csp := resp.Header.Get("Content-Security-Policy")
	for _, part := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"} {
		if !strings.Contains(csp, part) {
			t.Errorf("%s: Content-Security-Policy %q lacks %s", path, csp, part)
		}
	}
	if strings.Contains(csp, "unsafe") || strings.Contains(csp, "*") || strings.Contains(csp, "data:") {
		t.Errorf("%s: Content-Security-Policy %q is not strict", path, csp)
	}
	for name, want := range wantHeaders {
		if got := resp.Header.Get(name); got != want {
			t.Errorf("%s: %s is %q, want %q", path, name, got, want)
		}
	}
	want := "no-store"
	if strings.HasPrefix(path, "/static/app") {
		want = "public, max-age=31536000, immutable"
	}
	if got := resp.Header.Get("Cache-Control"); got != want {
		t.Errorf("%s: Cache-Control %q, want %q", path, got, want)
	}
}

func TestSignIn(t *testing.T) {
	s := serve(t, fixedClock)
	resp, body := s.post("/sign-in", url.Values{"token": {"wrong"}, "next": {"/status"}})
	if resp.StatusCode != http.StatusUnauthorized || !strings.Contains(body, "not valid here") || !strings.Contains(body, `value="/status"`) {
		t.Errorf("wrong token: status %d, want 401, the reason and the way back kept", resp.StatusCode)
	}
	for next, want := range map[string]string{"/status": "/status", "//evil.example/": "/", "https://evil.example": "/", "/\\evil.example": "/", "": "/"} {
		resp, _ := s.post("/sign-in", url.Values{"token": {StorybookToken}, "next": {next}})
		if got := resp.Header.Get("Location"); resp.StatusCode != http.StatusSeeOther || got != want {
			t.Errorf("next=%q: status %d to %q, want 303 to %q", next, resp.StatusCode, got, want)
		}
	}
	cookie := resp.Header.Get("Set-Cookie")
	resp, _ = s.post("/sign-in", url.Values{"token": {StorybookToken}})
	for _, c := range resp.Cookies() {
		if !c.HttpOnly || c.SameSite != http.SameSiteLaxMode {
			t.Errorf("cookie %s: HttpOnly %t SameSite %v, want true and Lax", c.Name, c.HttpOnly, c.SameSite)
		}
	}
	if cookie != "" {
		t.Errorf("a wrong token got a cookie: %s", cookie)
	}
	if resp, _ := s.get("/status"); resp.StatusCode != http.StatusOK {
		t.Fatalf("signed in: status %d, want 200", resp.StatusCode)
	}
	if resp, _ := s.post("/sign-out", nil); resp.StatusCode != http.StatusSeeOther {
		t.Errorf("sign out: status %d, want 303", resp.StatusCode)
	}
	if resp, _ := s.get("/status"); resp.StatusCode != http.StatusSeeOther {
		t.Errorf("after signing out: status %d, want 303 to sign in", resp.StatusCode)
	}
}

// A form that another site's page posts does nothing.
func TestOtherSitesCannotAct(t *testing.T) {
	s := signedIn(t, fixedClock)
	for _, r := range s.console.routes() {
		if r.method != http.MethodPost {
			continue
		}
		for name, head := range map[string]http.Header{
			"cross-site":       {"Sec-Fetch-Site": {"cross-site"}},
			"same-site":        {"Sec-Fetch-Site": {"same-site"}, "Origin": {"http://neighbour.example"}},
			"old browser":      {"Origin": {"https://evil.example"}},
			"opaque origin":    {"Origin": {"null"}},
			"lying sub-domain": {"Origin": {s.base + ".evil.example"}},
		} {
			req, err := http.NewRequest(http.MethodPost, s.base+address(r.path), strings.NewReader("text=x&theme=dark&token="+StorybookToken))
			if err != nil {
				t.Fatal(err)
			}
			req.Header = head.Clone()
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			if resp, _ := s.do(req); resp.StatusCode != http.StatusForbidden {
				t.Errorf("%s from %s: status %d, want 403", r.path, name, resp.StatusCode)
			}
		}
	}
	if resp, _ := s.get("/status"); resp.StatusCode != http.StatusOK {
		t.Error("another site's page signed the person out")
	}
	if i, err := s.book.Incident(4); err != nil || i.Version != 41 {
		t.Errorf("another site's page changed INC0000004 to version %d, err %v", i.Version, err)
	}
}

func TestViewersOnlyLook(t *testing.T) {
	s := serve(t, fixedClock)
	s.post("/sign-in", url.Values{"token": {"viewer"}})
	for _, p := range []string{"/", "/incidents/INC0000004", "/quarantine/5f0c77a1be22d940"} {
		_, body := s.get(p)
		for _, word := range []string{"Acknowledge<", `action="/incidents`, `action="/quarantine`} {
			if strings.Contains(body, word) {
				t.Errorf("%s offers a viewer %s", p, word)
			}
		}
	}
	resp, body := s.post("/incidents/INC0000004/acknowledge", nil)
	if resp.StatusCode != http.StatusForbidden || !strings.Contains(body, "viewer") {
		t.Errorf("a viewer acknowledges: status %d, want 403 and why", resp.StatusCode)
	}
}

func TestFormsAreBounded(t *testing.T) {
	s := signedIn(t, fixedClock)
	for name, c := range map[string]struct {
		form url.Values
		want int
	}{
		"a long body":   {url.Values{"text": {strings.Repeat("x", formBytesMax)}}, http.StatusRequestEntityTooLarge},
		"a long note":   {url.Values{"text": {strings.Repeat("x", 17<<10)}}, http.StatusRequestEntityTooLarge},
		"many fields":   {url.Values{"x": make([]string, formFieldsMax+1)}, http.StatusRequestEntityTooLarge},
		"an empty note": {url.Values{"text": {" \n "}}, http.StatusBadRequest},
		"a note":        {url.Values{"text": {"seen"}}, http.StatusSeeOther},
	} {
		if resp, _ := s.post("/incidents/INC0000004/notes", c.form); resp.StatusCode != c.want {
			t.Errorf("%s: status %d, want %d", name, resp.StatusCode, c.want)
		}
	}
	req, err := http.NewRequest(http.MethodPost, s.base+"/incidents/INC0000004/notes", strings.NewReader(`{"text":"x"}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set(fiber.HeaderContentType, "application/json")
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	if resp, _ := s.do(req); resp.StatusCode != http.StatusBadRequest {
		t.Errorf("JSON: status %d, want 400", resp.StatusCode)
	}
}

func TestTheme(t *testing.T) {
	s := signedIn(t, fixedClock)
	for choice, want := range map[string]string{"dark": `data-theme="dark"`, "light": `data-theme="light"`, "system": "<html lang=\"en\">", "\"><script>": "<html lang=\"en\">"} {
		resp, _ := s.post("/theme", url.Values{"theme": {choice}, "back": {"/status"}})
		if got := resp.Header.Get("Location"); got != "/status" {
			t.Errorf("theme %q leads to %q, want back to /status", choice, got)
		}
		if _, body := s.get("/status"); !strings.Contains(body, want) {
			t.Errorf("theme %q: page lacks %s", choice, want)
		}
	}
}

func TestStaticFiles(t *testing.T) {
	s := serve(t, fixedClock)
	for name, address := range s.console.assets.address {
		resp, body := s.get(address)
		if resp.StatusCode != http.StatusOK || len(body) == 0 || body != string(s.console.assets.byName[strings.TrimPrefix(address, "/static/")].plain) {
			t.Errorf("%s: status %d, %d bytes", name, resp.StatusCode, len(body))
		}
	}
	for _, p := range []string{"/static/app.css", "/static/..%2fconsole.go", "/static/"} {
		if resp, body := s.get(p); resp.StatusCode != http.StatusNotFound || strings.Contains(body, "package console") {
			t.Errorf("%s: status %d, want 404", p, resp.StatusCode)
		}
	}
}

// Machines' addresses stay theirs: the console does not answer for the API.
func TestNotFoundLeavesMachinesAlone(t *testing.T) {
	s := serve(t, fixedClock)
	for _, p := range []string{"/api/v1/none", "/webhooks/none", "/prometheus/x"} {
		if _, body := s.get(p); strings.Contains(body, "<html") {
			t.Errorf("%s is answered with a page", p)
		}
	}
	if resp, body := s.get("/none"); resp.StatusCode != http.StatusNotFound || !strings.Contains(body, "no page at this address") || strings.Contains(body, "Quarantine") {
		t.Errorf("/none: status %d, want 404, and nothing about the records for a stranger", resp.StatusCode)
	}
}

// broken is a desk whose disk fails.
type broken struct{ Records }

func (broken) Incident(itsm.IncidentNumber) (itsm.Incident, error) {
	return itsm.Incident{}, errors.New("read /var/secret/000012.sst: input/output error")
}

// An internal error is a page that says nothing of its cause, and a log line that does.
func TestInternalError(t *testing.T) {
	s := signedIn(t, fixedClock)
	s.console.o.Records = broken{s.console.o.Records}
	resp, body := s.get("/incidents/INC0000004")
	checkHeaders(t, "/incidents/INC0000004", resp)
	checkPage(t, s.base, body)
	if resp.StatusCode != http.StatusInternalServerError || strings.Contains(body, "secret") || !strings.Contains(body, "Our fault") {
		t.Errorf("status %d, want 500 without the cause", resp.StatusCode)
	}
	if !strings.Contains(s.log.String(), "000012.sst") {
		t.Errorf("the log lacks the cause: %s", s.log)
	}
}

// busy is an engine that cannot take acts now.
type busy struct{ Engine }

func (busy) Do(context.Context, itsm.Act) (itsm.Outcome, error) {
	return itsm.Outcome{}, itsm.Errorf(itsm.Unavailable, "the disk is almost full; free some space")
}

// What a person typed survives a refusal.
func TestUnavailableKeepsTheNote(t *testing.T) {
	s := signedIn(t, fixedClock)
	s.console.o.Engine = busy{s.console.o.Engine}
	resp, body := s.post("/incidents/INC0000004/notes", url.Values{"text": {"failover to orders-db-2 started"}})
	if resp.StatusCode != http.StatusServiceUnavailable || !strings.Contains(body, "the disk is almost full") || !strings.Contains(body, "failover to orders-db-2 started</textarea>") {
		t.Errorf("status %d, want 503, why, and the note still in its field", resp.StatusCode)
	}
}
