package console

import (
	"encoding/csv"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"signalbox/itsm"
	"signalbox/itsm/access"
)

// as signs a client of its own in with a name, and returns a site that uses it.
func (s *site) as(name string) *site {
	s.t.Helper()
	id, _, err := s.console.o.Gate.StartUserSession(s.t.Context(), name, storybookPassword, "10.0.0.9", "")
	if err != nil {
		s.t.Fatal(err)
	}
	return s.holding(id)
}

// holding is a site whose client has a session id.
func (s *site) holding(id string) *site {
	s.t.Helper()
	n := *s
	client := *s.client
	client.Jar = nil
	client.Transport = cookied{s.client.Transport, "signalbox=" + id}
	n.client = &client
	return &n
}

// cookied adds a cookie to every request.
type cookied struct {
	http.RoundTripper
	cookie string
}

func (c cookied) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Cookie", c.cookie)
	return c.RoundTripper.RoundTrip(r)
}

// TestMatrix walks every route as every role.
func TestMatrix(t *testing.T) {
	t.Parallel()
	s := serve(t, fixedClock)
	for name, role := range map[string]access.Role{"ada": access.Admin, "mika": access.ProblemManager, "jo": access.Responder} {
		own := s.as(name)
		for _, r := range s.console.routes() {
			if r.role == access.Nobody || r.path == "/live" || r.path == "/account/sessions/end" {
				continue
			}
			var resp *http.Response
			if to := address(r.path); r.method == http.MethodPost {
				resp, _ = own.post(to, url.Values{})
			} else {
				resp, _ = own.get(to)
			}
			if refused := resp.StatusCode == http.StatusForbidden; refused == role.Allows(r.role) {
				t.Errorf("%s %s as %s: %d", r.method, r.path, role, resp.StatusCode)
			}
		}
	}
}

func TestPasswordSignIn(t *testing.T) {
	t.Parallel()
	s := serve(t, fixedClock)
	in := func(name, password string) (int, string) {
		resp, body := s.post("/sign-in", url.Values{"name": {name}, "password": {password}, "next": {"/status"}})
		return resp.StatusCode, body
	}
	for _, wrong := range [][2]string{{"ada", "wrong"}, {"nobody", storybookPassword}, {"former", storybookPassword}, {"noor@example.org", storybookPassword}, {"", ""}, {"../ada", "x"}} {
		if status, body := in(wrong[0], wrong[1]); status != http.StatusUnauthorized || !strings.Contains(body, "name or the password") {
			t.Errorf("%q with %q: %d", wrong[0], wrong[1], status)
		}
	}
	if status, _ := in(" Ada ", storybookPassword); status != http.StatusSeeOther {
		t.Errorf("ada: %d, want 303", status)
	}
	if resp, body := s.get("/account"); resp.StatusCode != http.StatusOK || !strings.Contains(body, "Ada Lind") || !strings.Contains(body, "this one") {
		t.Errorf("the account: %d", resp.StatusCode)
	}
}

// TestFixation: an id that somebody planted before the sign-in is worth nothing after it.
func TestFixation(t *testing.T) {
	t.Parallel()
	s := serve(t, fixedClock)
	planted, _, err := s.console.o.Gate.StartSession("viewer", "10.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	victim := s.holding(planted)
	resp, _ := victim.post("/sign-in", url.Values{"name": {"ada"}, "password": {storybookPassword}})
	var got string
	for _, c := range resp.Cookies() {
		if c.Name == "signalbox" {
			got = c.Value
		}
	}
	if got == "" || got == planted {
		t.Fatalf("the session is %q after signing in with %q", got, planted)
	}
	if resp, _ := s.holding(planted).get("/status"); resp.StatusCode != http.StatusSeeOther {
		t.Errorf("the planted id still opens pages: %d", resp.StatusCode)
	}
	if resp, _ := s.holding(got).get("/admin/users"); resp.StatusCode != http.StatusOK {
		t.Errorf("the new id: %d", resp.StatusCode)
	}
}

func TestAccount(t *testing.T) {
	t.Parallel()
	s := serve(t, fixedClock)
	jo, elsewhere := s.as("jo"), s.as("jo")
	if resp, body := jo.post("/account/password", url.Values{"current": {"wrong"}, "password": {"another long password"}}); resp.StatusCode != http.StatusBadRequest || !strings.Contains(body, "present password") {
		t.Errorf("a wrong present password: %d", resp.StatusCode)
	}
	if resp, _ := jo.post("/account/password", url.Values{"current": {storybookPassword}, "password": {"short"}}); resp.StatusCode != http.StatusBadRequest {
		t.Errorf("a short password: %d", resp.StatusCode)
	}
	resp, body := jo.post("/account/tokens", url.Values{"name": {"laptop"}, "role": {"viewer"}, "days": {"7"}})
	secret := between(body, "<code>", "</code>")
	if resp.StatusCode != http.StatusOK || !strings.HasPrefix(secret, access.TokenPrefix) {
		t.Fatalf("a token: %d %q", resp.StatusCode, secret)
	}
	if who, err := s.console.o.Gate.Bearer("Bearer " + secret); err != nil || who.Name != "jo/laptop" || who.Role != access.Viewer {
		t.Errorf("the token is %v, %v", who, err)
	}
	if _, body := jo.get("/account"); strings.Contains(body, secret) {
		t.Error("the secret is shown twice")
	}
	for _, f := range []url.Values{{"name": {"x"}, "role": {"admin"}, "days": {"7"}}, {"name": {"x"}, "role": {"viewer"}, "days": {"0"}}} {
		if resp, _ := jo.post("/account/tokens", f); resp.StatusCode != http.StatusForbidden && resp.StatusCode != http.StatusBadRequest {
			t.Errorf("a token %v: %d", f, resp.StatusCode)
		}
	}
	if resp, _ := jo.post("/account/tokens/abcdabcdabcdabcd/revoke", nil); resp.StatusCode != http.StatusNotFound {
		t.Errorf("somebody else's token: %d, want 404", resp.StatusCode)
	}
	resp, _ = jo.post("/account/password", url.Values{"current": {storybookPassword}, "password": {"another long password"}})
	if resp.StatusCode != http.StatusSeeOther {
		t.Errorf("another password: %d", resp.StatusCode)
	}
	if resp, _ := elsewhere.get("/account"); resp.StatusCode != http.StatusSeeOther || !strings.HasPrefix(resp.Header.Get("Location"), "/sign-in") {
		t.Errorf("the other session: %d, want it over", resp.StatusCode)
	}
}

func between(s, from, to string) string {
	_, rest, _ := strings.Cut(s, from)
	out, _, _ := strings.Cut(rest, to)
	return out
}

func TestAdministration(t *testing.T) {
	t.Parallel()
	s := serve(t, fixedClock)
	ada := s.as("ada")
	resp, body := ada.post("/admin/users", url.Values{"name": {"Kim"}, "role": {"responder"}, "title": {`=HYPERLINK("http://evil")<script>`}})
	password := between(body, "<code>", "</code>")
	if resp.StatusCode != http.StatusOK || len(password) != 24 || strings.Contains(body, "<script>") {
		t.Fatalf("a new user: %d %q", resp.StatusCode, password)
	}
	if _, _, err := s.console.o.Gate.StartUserSession(t.Context(), "kim", password, "10.0.0.3", ""); err != nil {
		t.Errorf("kim with the password shown: %v", err)
	}
	if resp, body := ada.post("/admin/users/ada", url.Values{"disabled": {"yes"}}); resp.StatusCode != http.StatusConflict || !strings.Contains(body, "last administrator") {
		t.Errorf("the last administrator: %d", resp.StatusCode)
	}
	if resp, _ := ada.post("/admin/users/kim", url.Values{"disabled": {"yes"}}); resp.StatusCode != http.StatusSeeOther {
		t.Errorf("disable kim: %d", resp.StatusCode)
	}
	if resp, _ := ada.post("/admin/teams", url.Values{"name": {"edge"}}); resp.StatusCode != http.StatusSeeOther {
		t.Errorf("a team: %d", resp.StatusCode)
	}
	if resp, _ := ada.post("/admin/teams/edge", url.Values{"members": {"kim\nada"}, "services": {"svc-cart"}}); resp.StatusCode != http.StatusSeeOther {
		t.Errorf("its members: %d", resp.StatusCode)
	}
	if team, err := nounOf[itsm.Team](s.console, itsm.ObjectTeam, "edge"); err != nil || len(team.Members) != 2 || len(team.Services) != 1 {
		t.Errorf("the team: %+v, %v", team, err)
	}
	_, table := ada.get("/admin/audit.csv?object=user/kim")
	rows, err := csv.NewReader(strings.NewReader(table)).ReadAll()
	if err != nil || len(rows) < 3 || rows[0][0] != "offset" {
		t.Fatalf("the audit as a table: %d rows, %v", len(rows), err)
	}
	for _, row := range rows {
		for _, cell := range row {
			if cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
				t.Errorf("a cell begins a formula: %q", cell)
			}
		}
	}
	if resp, body := ada.get("/admin/audit?object=user/kim"); resp.StatusCode != http.StatusOK || !strings.Contains(body, "console:ada") || strings.Contains(body, "<script>") {
		t.Errorf("the audit: %d", resp.StatusCode)
	}
	if resp, _ := ada.post("/admin/teams/edge/remove", nil); resp.StatusCode != http.StatusSeeOther {
		t.Errorf("remove the team: %d", resp.StatusCode)
	}
}

// TestMyTeams: the chip leads to the incidents of the services of one's teams.
func TestMyTeams(t *testing.T) {
	t.Parallel()
	s := serve(t, fixedClock)
	jo := s.as("jo")
	_, body := jo.get("/")
	to := link(t, body, "My teams")
	if to != "/?team=mine" {
		t.Fatalf("My teams leads to %q", to)
	}
	_, mine := jo.get(to)
	_, all := jo.get("/")
	if n, of := strings.Count(mine, `class="row"`), strings.Count(all, `class="row"`); n == 0 || n >= of {
		t.Errorf("%d of %d incidents are of my teams", n, of)
	}
	if _, body := s.as("mika").get("/?team=mine"); strings.Contains(body, "svc-checkout") && strings.Contains(body, `class="row"`) && strings.Count(body, `class="row"`) == strings.Count(all, `class="row"`) {
		t.Error("mika's teams have jo's incidents")
	}
}
