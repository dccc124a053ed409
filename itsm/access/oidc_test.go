package access

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/gofiber/fiber/v2"
	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"

	"signalbox/correlate"
	"signalbox/itsm"
	"signalbox/itsm/cmdb"
)

// folded is a desk of objects and the fold that decides about them.
type folded struct {
	mu      sync.Mutex
	s       *correlate.State
	off     itsm.Offset
	objects map[string]itsm.Object
}

func newFolded() *folded {
	return &folded{s: correlate.New(correlate.DefaultConfig(), cmdb.Empty(cmdb.DefaultRelationTypes())), objects: map[string]itsm.Object{}}
}

func (f *folded) Object(kind, id string) (itsm.Object, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	o, ok := f.objects[kind+"/"+id]
	if !ok {
		return o, itsm.Errorf(itsm.NotFound, "there is no %s %q", kind, id)
	}
	return o, nil
}

func (f *folded) Do(_ context.Context, a itsm.Act) (o itsm.Outcome, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.off++
	for _, d := range f.s.Step(correlate.Input{Offset: f.off, At: itsm.TimeOf(time.Now()), Act: &a}) {
		switch d.Kind {
		case itsm.PutObject:
			f.objects[d.Object.Kind+"/"+d.Object.ID] = *d.Object
		case itsm.SettleOutcome:
			o = *d.Outcome
		}
	}
	return o, o.Err()
}

// put folds an act about a user.
func (f *folded) put(t *testing.T, name string, c itsm.UserChange) {
	t.Helper()
	b, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Do(t.Context(), itsm.Act{Kind: itsm.ActUserPut, Object: "user/" + name, Body: b, Actor: "api:admin"}); err != nil {
		t.Fatal(err)
	}
}

// house is a gate with a provider, and a server that people sign in at.
type house struct {
	t    *testing.T
	gate *Gate
	desk *folded
	base string
}

// newHouse serves a gate; provider gets the address to send people back to and makes
// the options.
func newHouse(t *testing.T, provider func(back string) ProviderOptions) *house {
	t.Helper()
	h := &house{t: t, desk: newFolded()}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h.base = "http://" + strings.Replace(l.Addr().String(), "127.0.0.1", "localhost", 1)
	o := provider(h.base + CallbackPath)
	o.RedirectURL, o.Label, o.HTTP = h.base+CallbackPath, "the provider", &http.Client{Timeout: time.Minute}
	p, err := NewProvider(o)
	if err != nil {
		t.Fatal(err)
	}
	if h.gate, err = New(Options{Tokens: []Token{{Secret: "sbx_admin", Name: "admin", Role: Admin}}, Records: h.desk, Do: h.desk.Do, OIDC: p}); err != nil {
		t.Fatal(err)
	}
	app := fiber.New(fiber.Config{DisableStartupMessage: true, ErrorHandler: func(c *fiber.Ctx, err error) error {
		return c.Status(map[itsm.Code]int{itsm.Unauthorized: 401, itsm.Forbidden: 403, itsm.Throttled: 429, itsm.Unavailable: 503, itsm.Invalid: 400, itsm.Internal: 500}[itsm.CodeOf(err)]).SendString(err.Error())
	}})
	app.Get("/sign-in/oidc", func(c *fiber.Ctx) error {
		to, err := h.gate.BeginLogin(c, c.Query("next"))
		if err != nil {
			return err
		}
		return c.Redirect(to, 303)
	})
	app.Get(CallbackPath, func(c *fiber.Ctx) error {
		next, err := h.gate.FinishLogin(c)
		if err != nil {
			return err
		}
		return c.SendString("back to " + next)
	})
	app.Get("/me", func(c *fiber.Ctx) error {
		who, err := h.gate.Require(c, Viewer)
		if err != nil {
			return err
		}
		return c.SendString(who.Actor() + " " + who.Role.Word())
	})
	done := make(chan error, 1)
	go func() { done <- app.Listener(l) }()
	t.Cleanup(func() {
		l.Close()
		<-done
	})
	return h
}

// browser keeps cookies and follows redirects, and remembers where it was.
type browser struct {
	*http.Client
	t     *testing.T
	trail []string
}

func newBrowser(t *testing.T) *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	b := &browser{t: t}
	b.Client = &http.Client{Jar: jar, Timeout: time.Minute, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		b.trail = append(b.trail, r.URL.String())
		return nil
	}}
	return b
}

func (b *browser) get(address string) (int, string) {
	b.t.Helper()
	resp, err := b.Get(address)
	return b.read(resp, err)
}

func (b *browser) read(resp *http.Response, err error) (int, string) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	b.trail = append(b.trail, resp.Request.URL.String())
	return resp.StatusCode, string(body)
}

// last is the last address visited that holds a word.
func (b *browser) last(word string) string {
	for i := len(b.trail) - 1; i >= 0; i-- {
		if strings.Contains(b.trail[i], word) {
			return b.trail[i]
		}
	}
	return ""
}

// signIn goes to the provider, signs in there and comes back.
func (b *browser) signIn(h *house, name string) (int, string) {
	b.t.Helper()
	if status, body := b.get(h.base + "/sign-in/oidc?next=/status"); status != http.StatusOK {
		b.t.Fatalf("the way to the provider ends with %d %s at %v", status, body, b.trail)
	}
	at, err := url.Parse(b.last("/login/username"))
	if err != nil {
		b.t.Fatal(err)
	}
	id := at.Query().Get("authRequestID")
	return b.read(b.PostForm(at.Scheme+"://"+at.Host+"/login/username", url.Values{"username": {name}, "password": {"verysecure"}, "id": {id}}))
}

// realProvider runs the OpenID provider of zitadel/oidc, which is certified, with its
// two example users.
func realProvider(t *testing.T, roles map[string]Role) func(back string) ProviderOptions {
	t.Helper()
	slog.SetDefault(slog.New(slog.DiscardHandler)) // it logs every request there
	return func(back string) ProviderOptions {
		var handler http.Handler
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler.ServeHTTP(w, r) }))
		t.Cleanup(s.Close)
		issuer := strings.Replace(s.URL, "127.0.0.1", "localhost", 1)
		client := storage.WebClient("signalbox", "secret", back)
		handler = exampleop.SetupServer(issuer, storage.NewStorageWithClients(storage.NewUserStore(issuer), map[string]*storage.Client{"signalbox": client}), nil, false)
		return ProviderOptions{Issuer: issuer, ClientID: "signalbox", ClientSecret: "secret", Scopes: []string{"profile", "email"}, GroupsClaim: "email", Roles: roles}
	}
}

func TestSignInAtARealProvider(t *testing.T) {
	h := newHouse(t, realProvider(t, map[string]Role{"test-user@zitadel.ch": ProblemManager}))
	b := newBrowser(t)
	if status, body := b.signIn(h, "test-user@localhost"); status != http.StatusOK || body != "back to /status" {
		t.Fatalf("signed in: %d %s", status, body)
	}
	if status, body := b.get(h.base + "/me"); status != http.StatusOK || body != "console:test-user@localhost problem_manager" {
		t.Errorf("me: %d %s", status, body)
	}
	asked, err := url.Parse(b.last("code_challenge="))
	if err != nil || asked.Query().Get("code_challenge_method") != "S256" || asked.Query().Get("nonce") == "" || len(asked.Query().Get("state")) < 43 {
		t.Errorf("what the provider was asked lacks PKCE, a nonce or a state: %v %v", asked, err)
	}
	// The address that finished it finishes nothing a second time, here or elsewhere.
	back := b.last(CallbackPath)
	for name, again := range map[string]*browser{"the same browser": b, "another browser": newBrowser(t)} {
		if status, _ := again.get(back); status != http.StatusUnauthorized {
			t.Errorf("%s repeats the callback: %d, want 401", name, status)
		}
	}
	// A session from there is shorter, and the role is what it is said to be at each sign-in.
	clock := h.gate.clock
	h.gate.clock = func() time.Time { return clock().Add(ProviderSession - time.Minute) }
	if status, _ := b.get(h.base + "/me"); status != http.StatusOK {
		t.Errorf("me, shortly before the session is over: %d", status)
	}
	h.gate.clock = func() time.Time { return clock().Add(ProviderSession) }
	if status, _ := b.get(h.base + "/me"); status != http.StatusUnauthorized {
		t.Errorf("me, after %v: %d, want 401", ProviderSession, status)
	}
	h.gate.clock = clock
	h.gate.o.OIDC.o.Roles = map[string]Role{"test-user@zitadel.ch": Viewer}
	if status, _ := b.signIn(h, "test-user@localhost"); status != http.StatusOK {
		t.Fatalf("signed in again: %d", status)
	}
	if _, body := b.get(h.base + "/me"); body != "console:test-user@localhost viewer" {
		t.Errorf("me, with another role there: %s", body)
	}
	// What the provider said is on record; disabling the user ends the session at once.
	u, err := find[itsm.User](h.desk, itsm.ObjectUser, "test-user@localhost")
	if err != nil || u == nil || u.Subject != "id1" || u.Title != "Test User" || u.Email != "test-user@zitadel.ch" {
		t.Fatalf("the user: %+v, %v", u, err)
	}
	yes := true
	h.desk.put(t, "test-user@localhost", itsm.UserChange{Disabled: &yes})
	if status, _ := b.get(h.base + "/me"); status != http.StatusUnauthorized {
		t.Errorf("me, disabled: %d, want 401", status)
	}
	if status, _ := newBrowser(t).signIn(h, "test-user@localhost"); status != http.StatusForbidden {
		t.Errorf("sign in, disabled: %d, want 403", status)
	}
}

func TestProviderRefuses(t *testing.T) {
	h := newHouse(t, realProvider(t, map[string]Role{"test-user@zitadel.ch": Viewer}))
	if status, body := newBrowser(t).signIn(h, "test-user2"); status != http.StatusForbidden || !strings.Contains(body, "role_map") {
		t.Errorf("somebody without a group: %d %s", status, body)
	}
	// A name that somebody here has is not theirs because a provider says so.
	admin, hash := Admin, "$argon2id$"
	h.desk.put(t, "test-user@localhost", itsm.UserChange{New: true, Role: &admin, Password: &hash})
	b := newBrowser(t)
	if status, body := b.signIn(h, "test-user@localhost"); status != http.StatusForbidden {
		t.Errorf("the name of another: %d %s", status, body)
	}
	if status, _ := b.get(h.base + "/me"); status != http.StatusUnauthorized {
		t.Errorf("me after that: %d, want 401", status)
	}
	if status, _ := newBrowser(t).get(h.base + CallbackPath + "?error=access_denied"); status != http.StatusUnauthorized {
		t.Errorf("the provider's refusal: %d, want 401", status)
	}
}

// TestLoginCannotBePlanted: a callback that an attacker's own sign-in led to does
// not sign somebody else in as the attacker.
func TestLoginCannotBePlanted(t *testing.T) {
	h := newHouse(t, realProvider(t, map[string]Role{"test-user@zitadel.ch": Viewer}))
	attacker := newBrowser(t)
	attacker.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		attacker.trail = append(attacker.trail, r.URL.String())
		if strings.Contains(r.URL.Path, CallbackPath) {
			return http.ErrUseLastResponse // kept for the victim
		}
		return nil
	}
	attacker.signIn(h, "test-user@localhost")
	victim := newBrowser(t)
	if status, _ := victim.get(attacker.last(CallbackPath)); status != http.StatusUnauthorized {
		t.Errorf("the victim is signed in: %d, want 401", status)
	}
}

// forger is a provider whose ID tokens a test makes.
type forger struct {
	key    *rsa.PrivateKey
	issuer string
	nonce  string
	token  func(f *forger) string
}

func (f *forger) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer := map[string]any{}
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		answer = map[string]any{"issuer": f.issuer, "authorization_endpoint": f.issuer + "/auth", "token_endpoint": f.issuer + "/token", "jwks_uri": f.issuer + "/keys",
			"id_token_signing_alg_values_supported": []string{"RS256", "HS256", "none"}}
	case "/keys":
		answer = map[string]any{"keys": []jose.JSONWebKey{{Key: &f.key.PublicKey, KeyID: "k", Algorithm: "RS256", Use: "sig"}}}
	case "/token":
		answer = map[string]any{"access_token": "a", "token_type": "Bearer", "id_token": f.token(f)}
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(answer)
}

// sign makes a token of the claims, changed by edit.
func (f *forger) sign(alg jose.SignatureAlgorithm, key any, edit func(map[string]any)) string {
	c := map[string]any{"iss": f.issuer, "aud": "signalbox", "sub": "1", "preferred_username": "ada", "groups": []string{"ops"}, "nonce": f.nonce,
		"iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix()}
	if edit != nil {
		edit(c)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, (&jose.SignerOptions{}).WithHeader("kid", "k"))
	if err != nil {
		panic(err)
	}
	s, err := jwt.Signed(signer).Claims(c).Serialize()
	if err != nil {
		panic(err)
	}
	return s
}

func TestForgedTokens(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	f := &forger{key: key}
	s := httptest.NewServer(f)
	defer s.Close()
	f.issuer = s.URL
	h := newHouse(t, func(string) ProviderOptions {
		return ProviderOptions{Issuer: f.issuer, ClientID: "signalbox", ClientSecret: strings.Repeat("s", 32), Roles: map[string]Role{"ops": Responder}}
	})
	rs := func(edit func(map[string]any)) func(*forger) string {
		return func(f *forger) string { return f.sign(jose.RS256, f.key, edit) }
	}
	set := func(name string, v any) func(*forger) string { return rs(func(c map[string]any) { c[name] = v }) }
	unsigned := func(f *forger) string {
		parts := strings.Split(f.sign(jose.RS256, f.key, nil), ".")
		return "eyJhbGciOiJub25lIn0." + parts[1] + "."
	}
	for _, tc := range []struct {
		name  string
		token func(*forger) string
		ok    bool
	}{
		{"good", rs(nil), true},
		{"good, for two parties", rs(func(c map[string]any) { c["aud"], c["azp"] = []string{"signalbox", "x"}, "signalbox" }), true},
		{"another issuer", set("iss", "https://evil.example"), false},
		{"another audience", set("aud", "another"), false},
		{"for two parties, whose is not said", set("aud", []string{"signalbox", "x"}), false},
		{"made for another party", set("azp", "another"), false},
		{"expired", set("exp", time.Now().Add(-time.Minute).Unix()), false},
		{"not valid yet", set("nbf", time.Now().Add(time.Hour).Unix()), false},
		{"of another sign-in", set("nonce", "another"), false},
		{"without a nonce", rs(func(c map[string]any) { delete(c, "nonce") }), false},
		{"signed with another key", func(f *forger) string { return f.sign(jose.RS256, other, nil) }, false},
		{"signed with the client's secret", func(f *forger) string { return f.sign(jose.HS256, []byte(strings.Repeat("s", 32)), nil) }, false},
		{"unsigned", unsigned, false},
		{"none at all", func(*forger) string { return "" }, false},
		{"a group without a role", set("groups", "sales"), false},
		{"groups of another kind", set("groups", map[string]any{"ops": true}), false},
		{"a name that is none", set("preferred_username", "../admin"), false},
		{"the administrator's name", set("preferred_username", "admin"), false},
		{"another subject of the same name", set("sub", "2"), false},
	} {
		h.gate.attempts.forget("127.0.0.1")
		f.token = tc.token
		b := newBrowser(t)
		b.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		resp, err := b.Get(h.base + "/sign-in/oidc")
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		to, err := url.Parse(resp.Header.Get("Location"))
		if err != nil {
			t.Fatal(err)
		}
		f.nonce = to.Query().Get("nonce")
		status, body := b.get(h.base + CallbackPath + "?code=c&state=" + to.Query().Get("state"))
		if (status == http.StatusOK) != tc.ok {
			t.Errorf("%s: %d %s, want let in %v", tc.name, status, body, tc.ok)
		}
		if status, _ := b.get(h.base + "/me"); (status == http.StatusOK) != tc.ok {
			t.Errorf("%s: me is %d", tc.name, status)
		}
	}
}

func TestProviderThatIsDown(t *testing.T) {
	h := newHouse(t, func(string) ProviderOptions {
		return ProviderOptions{Issuer: "http://127.0.0.1:1", ClientID: "signalbox", DefaultRole: Viewer}
	})
	if status, body := newBrowser(t).get(h.base + "/sign-in/oidc"); status != http.StatusServiceUnavailable || !strings.Contains(body, "password or a token") {
		t.Errorf("%d %s, want 503 that says what else there is", status, body)
	}
}

func TestLoginsAreBounded(t *testing.T) {
	var l logins
	now := time.Unix(1000, 0)
	for i := range loginsMax + 10 {
		l.put(randomID(), login{at: now.Add(time.Duration(i))})
	}
	if len(l.m) != loginsMax {
		t.Errorf("%d logins, want %d", len(l.m), loginsMax)
	}
	l.put("s", login{at: now})
	if _, ok := l.take("s", now.Add(loginWithin)); ok {
		t.Error("a login that took too long is taken")
	}
}
