package access

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"

	"signalbox/itsm"
	"signalbox/itsm/httperr"
)

// serve runs an app on loopback and returns its address.
func serve(t *testing.T, routes func(app *fiber.App)) string {
	t.Helper()
	app := fiber.New(fiber.Config{
		DisableStartupMessage: true, StreamRequestBody: true, DisablePreParseMultipartForm: true, ReadTimeout: 10 * time.Minute,
		ErrorHandler: func(c *fiber.Ctx, err error) error {
			return c.Status(httperr.Status(err)).SendString(itsm.MessageOf(err))
		},
	})
	routes(app)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- app.Listener(l) }()
	t.Cleanup(func() {
		l.Close() // Shutdown looks whether it is done only every 100 ms
		<-done
	})
	return l.Addr().String()
}

func signInApp(g *Gate) func(app *fiber.App) {
	return func(app *fiber.App) {
		app.Post("/in", func(c *fiber.Ctx) error {
			_, err := g.SignIn(c, c.Query("token"))
			return err
		})
		app.Post("/out", g.SignOut)
		me := func(c *fiber.Ctx) error {
			who, err := g.Require(c, Viewer)
			if err != nil {
				return err
			}
			return c.SendString(who.Actor())
		}
		app.Get("/me", me)
		app.Post("/me", me)
		app.Get("/admin", func(c *fiber.Ctx) error {
			_, err := g.Require(c, Admin)
			return err
		})
		app.Get("/open", func(c *fiber.Ctx) error {
			_, err := g.Require(c, Nobody)
			return err
		})
	}
}

func do(t *testing.T, method, url string, header map[string]string, body io.Reader) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range header {
		req.Header.Set(k, v)
	}
	transport := &http.Transport{DisableKeepAlives: true}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(b)
}

func TestSignInCookie(t *testing.T) {
	g, _ := newGate(t, Options{})
	base := "http://" + serve(t, signInApp(g))
	resp, _ := do(t, "POST", base+"/in?token=sbx_viewer", nil, nil)
	if len(resp.Cookies()) != 1 {
		t.Fatalf("cookies = %v, want one", resp.Cookies())
	}
	k := resp.Cookies()[0]
	if k.Name != "signalbox" || !k.HttpOnly || k.SameSite != http.SameSiteLaxMode || k.Path != "/" || k.Domain != "" || k.Secure || k.MaxAge != int(SessionLifetime.Seconds()) {
		t.Errorf("cookie = %v", k)
	}
	cookie := map[string]string{"Cookie": k.Name + "=" + k.Value}
	if _, body := do(t, "GET", base+"/me", cookie, nil); body != "console:wall" {
		t.Errorf("GET /me = %q, want console:wall", body)
	}
	if resp, _ := do(t, "GET", base+"/admin", cookie, nil); resp.StatusCode != http.StatusForbidden {
		t.Errorf("GET /admin = %d, want 403", resp.StatusCode)
	}
	cookie["Sec-Fetch-Site"] = "cross-site"
	if resp, _ := do(t, "POST", base+"/me", cookie, nil); resp.StatusCode != http.StatusForbidden {
		t.Errorf("cross-site POST = %d, want 403", resp.StatusCode)
	}
	if resp, _ := do(t, "POST", base+"/out", cookie, nil); resp.StatusCode != http.StatusForbidden {
		t.Errorf("cross-site sign-out = %d, want 403", resp.StatusCode)
	}
	cookie["Sec-Fetch-Site"] = "same-origin"
	again, _ := do(t, "POST", base+"/in?token=sbx_admin", cookie, nil)
	if again.Cookies()[0].Value == k.Value {
		t.Error("signing in again kept the session id")
	}
	if resp, _ := do(t, "GET", base+"/me", cookie, nil); resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("the replaced session = %d, want 401", resp.StatusCode)
	}
	cookie["Cookie"] = "signalbox=" + again.Cookies()[0].Value
	out, _ := do(t, "POST", base+"/out", cookie, nil)
	if out.Cookies()[0].Value != "" || !out.Cookies()[0].Expires.Before(time.Now()) {
		t.Errorf("sign-out cookie = %v, want it expired", out.Cookies()[0])
	}
	if resp, _ := do(t, "GET", base+"/me", cookie, nil); resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("after sign-out = %d, want 401", resp.StatusCode)
	}
}

func TestSecureCookie(t *testing.T) {
	g, _ := newGate(t, Options{Secure: true, ExternalURL: "https://sb.example.org"})
	base := "http://" + serve(t, signInApp(g))
	resp, _ := do(t, "POST", base+"/in?token=sbx_admin", nil, nil)
	if k := resp.Cookies()[0]; k.Name != "__Host-signalbox" || !k.Secure || k.Path != "/" || k.Domain != "" {
		t.Errorf("cookie = %v", k)
	}
}

func TestRequire(t *testing.T) {
	g, _ := newGate(t, Options{})
	base := "http://" + serve(t, signInApp(g))
	for _, tc := range []struct {
		path, auth string
		want       int
	}{
		{"/open", "", 200},
		{"/me", "", 401},
		{"/me", "Bearer nope", 401},
		{"/me", "Bearer sbx_viewer", 200},
		{"/admin", "Bearer sbx_viewer", 403},
		{"/admin", "Bearer sbx_admin", 200},
	} {
		h := map[string]string{}
		if tc.auth != "" {
			h["Authorization"] = tc.auth
		}
		if resp, _ := do(t, "GET", base+tc.path, h, nil); resp.StatusCode != tc.want {
			t.Errorf("GET %s with %q = %d, want %d", tc.path, tc.auth, resp.StatusCode, tc.want)
		}
	}
	if resp, _ := do(t, "POST", base+"/in?token=sbx_admin", map[string]string{"Sec-Fetch-Site": "cross-site"}, nil); resp.StatusCode != http.StatusForbidden {
		t.Errorf("cross-site sign-in = %d, want 403", resp.StatusCode)
	}
}

func bodyApp(app *fiber.App) {
	app.Post("/body", func(c *fiber.Ctx) error {
		b, err := Body(c, 10_000)
		if err != nil {
			return err
		}
		return c.SendString(fmt.Sprint(len(b)))
	})
	app.Post("/stream", func(c *fiber.Ctx) error {
		n, err := io.Copy(io.Discard, Stream(c, 10_000, time.Second))
		if err != nil {
			return err
		}
		return c.SendString(fmt.Sprint(n))
	})
}

// chunked hides the length of a reader from net/http.
type chunked struct{ io.Reader }

func TestBodyBounds(t *testing.T) {
	base := "http://" + serve(t, bodyApp)
	for _, path := range []string{"/body", "/stream"} {
		for _, tc := range []struct{ size, want int }{{0, 200}, {1, 200}, {10_000, 200}, {10_001, 413}} {
			for _, known := range []bool{true, false} {
				var r io.Reader = bytes.NewReader(make([]byte, tc.size))
				if !known {
					r = chunked{r}
				}
				resp, body := do(t, "POST", base+path, nil, r)
				if resp.StatusCode != tc.want || (tc.want == 200 && body != fmt.Sprint(tc.size)) {
					t.Errorf("POST %s of %d bytes (length known %v) = %d %q, want %d", path, tc.size, known, resp.StatusCode, body, tc.want)
				}
			}
		}
	}
}

func TestBrokenBody(t *testing.T) {
	addr := serve(t, bodyApp)
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(time.Minute)) // long before the server's own read time-out
	fmt.Fprint(conn, "POST /stream HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusBadRequest {
		t.Errorf("a body that stops = %d, want 400", resp.StatusCode)
	}
}
