package access

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"signalbox/itsm"
)

// clock is a hand-moved clock.
type clock struct{ now time.Time }

func (c *clock) Now() time.Time { return c.now }

func newGate(t *testing.T, o Options) (*Gate, *clock) {
	t.Helper()
	k := &clock{now: time.Date(2026, 11, 3, 9, 0, 0, 0, time.UTC)}
	o.Clock = k.Now
	if o.Tokens == nil {
		o.Tokens = []Token{{Secret: "sbx_admin", Name: "admin", Role: Admin}, {Secret: "sbx_viewer", Name: "wall", Role: Viewer}}
	}
	g, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return g, k
}

func TestBearer(t *testing.T) {
	g, _ := newGate(t, Options{})
	for _, tc := range []struct {
		header string
		actor  string
		role   Role
	}{
		{"Bearer sbx_admin", "api:admin", Admin},
		{"bearer  sbx_admin ", "api:admin", Admin},
		{"Bearer sbx_viewer", "api:wall", Viewer},
		{"Bearer sbx_admi", "", Nobody},
		{"Bearer sbx_adminn", "", Nobody},
		{"Bearer SBX_ADMIN", "", Nobody},
		{"Bearer ", "", Nobody},
		{"Bearer", "", Nobody},
		{"Basic sbx_admin", "", Nobody},
		{"sbx_admin", "", Nobody},
	} {
		who, err := g.Bearer(tc.header)
		if tc.actor == "" {
			if itsm.CodeOf(err) != itsm.Unauthorized {
				t.Errorf("Bearer(%q) = %v, %v, want unauthorized", tc.header, who, err)
			}
			continue
		}
		if err != nil || who.Actor() != tc.actor || who.Role != tc.role {
			t.Errorf("Bearer(%q) = %v %v, %v, want %s %v", tc.header, who.Actor(), who.Role, err, tc.actor, tc.role)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	for _, o := range []Options{
		{},
		{Tokens: []Token{{Name: "admin", Role: Admin}}},
		{Tokens: []Token{{Secret: "x", Role: Admin}}},
		{Tokens: []Token{{Secret: "x", Name: "admin"}}},
		{Tokens: []Token{{Secret: "x", Name: "admin", Role: Admin}}, ExternalURL: "signalbox.example.org"},
	} {
		if _, err := New(o); itsm.CodeOf(err) != itsm.Invalid {
			t.Errorf("New(%+v) = %v, want invalid", o, err)
		}
	}
}

func TestRoleAllows(t *testing.T) {
	roles := []Role{Nobody, Viewer, Responder, ProblemManager, Admin}
	for i, have := range roles {
		for j, need := range roles {
			if got := have.Allows(need); got != (i >= j) {
				t.Errorf("%s allows %s = %v", have, need, got)
			}
		}
	}
}

func TestTable(t *testing.T) {
	table := Table{{"GET", "/incidents", Viewer}, {"POST", "/incidents", Responder}}
	if r, ok := table.Role("POST", "/incidents"); r != Responder || !ok {
		t.Errorf("Role(POST) = %v, %v", r, ok)
	}
	if _, ok := table.Role("PUT", "/incidents"); ok {
		t.Error("Role(PUT) has a row")
	}
}

func TestTokenFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "admin.token")
	first, created, err := LoadOrCreateToken(path)
	if err != nil || !created {
		t.Fatalf("first = %v, %v", created, err)
	}
	if !strings.HasPrefix(first, TokenPrefix) || len(first) != len(TokenPrefix)+43 || IsWeak(first) {
		t.Errorf("token %q: want %s and 43 characters", first, TokenPrefix)
	}
	if info, _ := os.Stat(path); info.Mode().Perm() != 0o600 {
		t.Errorf("mode = %v, want 0600", info.Mode().Perm())
	}
	second, created, err := LoadOrCreateToken(path)
	if err != nil || created || second != first {
		t.Errorf("second = %q, %v, %v, want the first token", second, created, err)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".admin-token-*")); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestTokenFileOddities(t *testing.T) {
	path := filepath.Join(t.TempDir(), "admin.token")
	if err := os.WriteFile(path, []byte("  sbx_mine\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got, created, err := LoadOrCreateToken(path); got != "sbx_mine" || created || err != nil {
		t.Errorf("own token = %q, %v, %v", got, created, err)
	}
	if info, _ := os.Stat(path); info.Mode().Perm() != 0o600 {
		t.Errorf("mode = %v, want it tightened to 0600", info.Mode().Perm())
	}
	os.WriteFile(path, nil, 0o600)
	if got, created, err := LoadOrCreateToken(path); !strings.HasPrefix(got, TokenPrefix) || !created || err != nil {
		t.Errorf("empty file = %q, %v, %v, want a new token", got, created, err)
	}
	os.WriteFile(path, make([]byte, tokenFileMax+1), 0o600)
	if _, _, err := LoadOrCreateToken(path); itsm.CodeOf(err) != itsm.Invalid {
		t.Errorf("huge file: %v, want invalid", err)
	}
	if _, _, err := LoadOrCreateToken(filepath.Join(path, "below", "a", "file")); err == nil {
		t.Error("a path below a file: no error")
	}
}

func TestNewTokensDiffer(t *testing.T) {
	if a, b := NewToken(), NewToken(); a == b {
		t.Errorf("two tokens are both %q", a)
	}
	if !IsWeak("secret") {
		t.Error("IsWeak(secret) = false")
	}
}

func TestSessionLife(t *testing.T) {
	g, k := newGate(t, Options{})
	id, who, err := g.StartSession("sbx_admin", "10.0.0.1")
	if err != nil || who.Actor() != "console:admin" || who.Role != Admin {
		t.Fatalf("StartSession = %v, %v", who, err)
	}
	other, _, _ := g.StartSession("sbx_viewer", "10.0.0.1")
	for range 3 { // used often enough to stay within the idle bound, up to the lifetime
		k.now = k.now.Add(SessionIdle - time.Minute)
		if got, err := g.Session(id); err != nil || got != who {
			t.Fatalf("Session at %v = %v, %v", k.now, got, err)
		}
	}
	if _, err := g.Session(other); itsm.CodeOf(err) != itsm.Unauthorized {
		t.Errorf("unused session: %v, want it over after %v", err, SessionIdle)
	}
	k.now = k.now.Add(time.Minute * 4)
	if _, err := g.Session(id); itsm.CodeOf(err) != itsm.Unauthorized {
		t.Errorf("old session: %v, want it over after %v", err, SessionLifetime)
	}
}

// Who only a provider vouches for may do no more than it gives anybody now.
func TestWhatAProviderNoLongerGives(t *testing.T) {
	provider := func(issuer string, roles map[string]Role) *Provider {
		p, err := NewProvider(ProviderOptions{Issuer: issuer, ClientID: "x", RedirectURL: "https://here/", HTTP: http.DefaultClient, Roles: roles})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	there := itsm.User{Name: "ada", Role: Admin, Issuer: "https://id", Subject: "1"}
	both := there
	both.Password = "hash"
	for _, c := range []struct {
		name string
		user itsm.User
		oidc *Provider
		want Role
	}{
		{"as mapped", there, provider("https://id", map[string]Role{"leads": Admin, "sre": Responder}), Admin},
		{"no longer mapped", there, provider("https://id", map[string]Role{"sre": Responder}), Responder},
		{"another provider", there, provider("https://other", map[string]Role{"leads": Admin}), Nobody},
		{"none any more", there, nil, Nobody},
		{"with a password here", both, nil, Admin},
		{"known here alone", itsm.User{Name: "ada", Role: Admin}, provider("https://id", map[string]Role{"sre": Responder}), Admin},
	} {
		g := &Gate{o: Options{OIDC: c.oidc}}
		got, err := g.roleOf(&c.user)
		if got != c.want || (err == nil) != (c.want != Nobody) {
			t.Errorf("%s: %v, %v; want %v", c.name, got, err, c.want)
		}
	}
	for _, d := range []time.Duration{time.Minute, 25 * time.Hour} {
		if _, err := NewProvider(ProviderOptions{Issuer: "https://id", ClientID: "x", RedirectURL: "https://here/", HTTP: http.DefaultClient, DefaultRole: Viewer, Session: d}); itsm.CodeOf(err) != itsm.Invalid {
			t.Errorf("sessions of %v: %v, want Invalid", d, err)
		}
	}
}

func TestSessionEnds(t *testing.T) {
	g, _ := newGate(t, Options{})
	id, _, _ := g.StartSession("sbx_admin", "10.0.0.1")
	g.EndSession(id)
	for _, s := range []string{id, "", strings.Repeat("x", 1000)} {
		if _, err := g.Session(s); itsm.CodeOf(err) != itsm.Unauthorized {
			t.Errorf("Session(%.10q): %v, want unauthorized", s, err)
		}
	}
}

func TestSessionsAreBounded(t *testing.T) {
	g, k := newGate(t, Options{})
	first, _, _ := g.StartSession("sbx_admin", "10.0.0.1")
	k.now = k.now.Add(time.Second)
	second, _, _ := g.StartSession("sbx_admin", "10.0.0.1")
	k.now = k.now.Add(time.Second)
	for range sessionsMax - 1 {
		g.StartSession("sbx_admin", "10.0.0.1")
	}
	if n := len(g.sessions.m); n != sessionsMax {
		t.Errorf("%d sessions, want %d", n, sessionsMax)
	}
	if _, err := g.Session(first); err == nil {
		t.Error("the session unused longest is still there")
	}
	if _, err := g.Session(second); err != nil {
		t.Errorf("a newer session gave way: %v", err)
	}
}

func TestSignInAttempts(t *testing.T) {
	g, k := newGate(t, Options{})
	for i := range attemptsMax {
		if _, _, err := g.StartSession("wrong", "10.0.0.1"); itsm.CodeOf(err) != itsm.Unauthorized {
			t.Fatalf("attempt %d: %v, want unauthorized", i, err)
		}
	}
	if _, _, err := g.StartSession("sbx_admin", "10.0.0.1"); itsm.CodeOf(err) != itsm.Throttled {
		t.Errorf("after %d failures: %v, want throttled even with the right token", attemptsMax, err)
	}
	if _, _, err := g.StartSession("sbx_admin", "10.0.0.2"); err != nil {
		t.Errorf("another address: %v", err)
	}
	k.now = k.now.Add(AttemptWindow)
	if _, _, err := g.StartSession("sbx_admin", "10.0.0.1"); err != nil {
		t.Errorf("after the window: %v", err)
	}
	if n := len(g.attempts.m); n != 0 {
		t.Errorf("%d addresses remembered after a success, want 0", n)
	}
}

func TestAttemptsByNetwork(t *testing.T) {
	for _, tc := range []struct {
		a, b string
		same bool
	}{
		{"2001:db8::1", "2001:db8::ffff:2", true},
		{"2001:db8::1", "2001:db8:0:1::1", false},
		{"::ffff:10.0.0.1", "10.0.0.1", true},
		{"10.0.0.1", "10.0.0.2", false},
		{"not an address", "not an address", true},
	} {
		if got := place(tc.a) == place(tc.b); got != tc.same {
			t.Errorf("place(%s) = place(%s): %v, want %v", tc.a, tc.b, got, tc.same)
		}
	}
}

func TestAttemptsAreBounded(t *testing.T) {
	var a attempts
	now := time.Unix(1000, 0)
	for i := range addressesMax + 10 {
		a.failed(fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255), now.Add(time.Duration(i)*time.Microsecond))
	}
	if len(a.m) != addressesMax {
		t.Errorf("%d addresses, want %d", len(a.m), addressesMax)
	}
	if _, kept := a.m["10.0.0.0"]; kept {
		t.Error("the oldest address was kept")
	}
}

func TestCheckSite(t *testing.T) {
	plain, _ := newGate(t, Options{})
	proxied, _ := newGate(t, Options{ExternalURL: "https://Signalbox.example.org"})
	for _, tc := range []struct {
		name                            string
		g                               *Gate
		method, fetchSite, origin, host string
		ok                              bool
	}{
		{"reading is free", plain, "GET", "cross-site", "https://evil.example", "sb:8080", true},
		{"own page", plain, "POST", "same-origin", "http://sb:8080", "sb:8080", true},
		{"typed by the user", plain, "POST", "none", "", "sb:8080", true},
		{"other site", plain, "POST", "cross-site", "https://evil.example", "sb:8080", false},
		{"neighbour", plain, "POST", "same-site", "https://wiki.example.org", "sb.example.org", false},
		{"other site, header forged upper case", plain, "POST", "Same-Origin", "https://evil.example", "sb:8080", false},
		{"old browser, own page", plain, "POST", "", "http://sb:8080", "sb:8080", true},
		{"old browser, other site", plain, "DELETE", "", "http://evil.example", "sb:8080", false},
		{"old browser, other port", plain, "POST", "", "http://sb:9090", "sb:8080", false},
		{"opaque origin", plain, "POST", "", "null", "sb:8080", false},
		{"no browser", plain, "POST", "", "", "sb:8080", true},
		{"proxy rewrote Host", proxied, "POST", "", "https://signalbox.example.org", "10.0.0.5:8080", true},
		{"proxy, other site", proxied, "POST", "cross-site", "https://evil.example", "10.0.0.5:8080", false},
	} {
		err := tc.g.CheckSite(tc.method, tc.fetchSite, tc.origin, tc.host)
		if (err == nil) != tc.ok {
			t.Errorf("%s: %v, want ok %v", tc.name, err, tc.ok)
		}
		if err != nil && itsm.CodeOf(err) != itsm.Forbidden {
			t.Errorf("%s: code %s, want forbidden", tc.name, itsm.CodeOf(err))
		}
	}
}

func TestErrorsHideSecrets(t *testing.T) {
	g, _ := newGate(t, Options{})
	_, err := g.Bearer("Bearer sbx_nearly")
	_, _, err2 := g.StartSession("sbx_nearly", "10.0.0.1")
	if strings.Contains(errors.Join(err, err2).Error(), "nearly") {
		t.Errorf("the secret is in the message: %v %v", err, err2)
	}
}
