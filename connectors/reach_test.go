package connectors

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/net/http/httpguts"
)

func places(t *testing.T, list ...string) (out []Place) {
	t.Helper()
	for _, s := range list {
		var p Place
		if err := p.UnmarshalText([]byte(s)); err != nil {
			t.Fatal(err)
		}
		out = append(out, p)
	}
	return out
}

// TestConfined goes through what a connector of the console may dial, and the ways
// to write or to reach what it may not.
func TestConfined(t *testing.T) {
	named := Confined("jira", places(t, "10.20.0.0/16", "192.168.7.9", "fd12:3456::/32", "jira.corp.example", ".lab.example", "127.0.0.2"))
	for _, c := range []struct {
		host, address string
		refused       bool
	}{
		{"partner.example", "8.8.8.8:443", false},
		{"partner.example", "[2606:4700::1111]:443", false},
		{"partner.example", "[64:ff9b::808:808]:443", false}, // IPv4 from a network without it
		{"10.20.255.1", "10.20.255.1:443", false},
		{"any.example", "10.20.0.1:443", false}, // the network is named, whoever leads there
		{"any.example", "[::ffff:10.20.0.1]:443", false},
		{"192.168.7.9", "192.168.7.9:25", false},
		{"v6", "[fd12:3456:1::9]:443", false},
		{"jira.corp.example", "10.99.0.1:443", false},
		{"JIRA.corp.example.", "127.0.0.1:443", false},
		{"a.b.lab.example", "172.16.0.1:443", false},

		{"10.21.0.1", "10.21.0.1:443", true},
		{"192.168.7.10", "192.168.7.10:25", true},
		{"partner.example", "127.0.0.1:443", true}, // rebound
		{"partner.example", "[::1]:443", true},
		{"partner.example", "[::ffff:127.0.0.1]:443", true},
		{"partner.example", "172.16.0.1:443", true},
		{"partner.example", "100.64.0.1:443", true}, // carriers' NAT
		{"partner.example", "192.0.0.8:443", true},
		{"partner.example", "198.18.0.1:443", true},
		{"partner.example", "240.0.0.1:443", true},
		{"partner.example", "[fd00::1]:443", true},
		{"partner.example", "[fec0::1]:443", true},                // site-local, as it was
		{"partner.example", "[2002:7f00:1::1]:443", true},         // 6to4 of loopback
		{"partner.example", "[2002:a15:1::1]:443", true},          // and of 10.21.0.1
		{"partner.example", "[64:ff9b::7f00:1]:443", true},        // NAT64 of loopback
		{"partner.example", "[64:ff9b::a15:1]:443", true},         // and of 10.21.0.1
		{"partner.example", "[64:ff9b:1::808:808]:443", true},     // NAT64 of one's own
		{"partner.example", "[::127.0.0.1]:443", true},            // IPv4-compatible
		{"partner.example", "[::ffff:0:127.0.0.1]:443", true},     // IPv4-translated
		{"partner.example", "[2001:0:1:1:0:0:80ff:fffe]:1", true}, // Teredo of loopback
		{"jira.corp.example.evil.example", "10.99.0.1:443", true},
		{"eviljira.corp.example", "10.99.0.1:443", true},
		{"lab.example", "10.99.0.1:443", true}, // itself is not below it
		{"evillab.example", "10.99.0.1:443", true},

		{"jira.corp.example", "169.254.169.254:80", true}, // what nobody may call no name allows
		{"jira.corp.example", "[::ffff:169.254.169.254]:80", true},
		{"jira.corp.example", "0.0.0.0:80", true},
		{"jira.corp.example", "2130706433:80", true},
	} {
		if err := named.Dialer(c.host).Control("tcp", c.address, nil); IsRefused(err) != c.refused {
			t.Errorf("%s at %s: %v; want refused: %v", c.host, c.address, err, c.refused)
		}
	}
	all := Confined("jira", places(t, "0.0.0.0/0", "::/0"))
	for address, refused := range map[string]bool{"127.0.0.1:1": false, "[::1]:1": false, "10.0.0.1:1": false, "169.254.169.254:80": true, "[fe80::1]:1": true} {
		if err := all.Dialer("x").Control("tcp", address, nil); IsRefused(err) != refused {
			t.Errorf("with everything named, %s: %v; want refused: %v", address, err, refused)
		}
	}
	if err := (Reach{}).Dialer("x").Control("tcp", "127.0.0.1:1", nil); err != nil {
		t.Errorf("a connector of the file: %v", err)
	}
}

func TestConfinedCheckURL(t *testing.T) {
	named := Confined("jira", places(t, "10.20.0.0/16"))
	for raw, want := range map[string]string{
		"https://acme.atlassian.net": "", "https://8.8.8.8": "", "http://10.20.0.1:8080/x": "", "smtp://mail.corp.example:25": "", "": "",
		"http://10.21.0.1:8080/s3cret": "10.21.0.1 is not a public address, and the connector jira is configured in the console; if it may call there, name 10.21.0.1 or its network under console.may_call",
		"http://localhost:9200":        "127.0.0.1 (localhost leads there)",
		"http://a.LOCALHOST.":          "name a.localhost or its network",
		"http://[::ffff:127.0.0.1]/":   "name 127.0.0.1 or",
		"http://user:s3cret@[::1]:1":   "::1 is not",
		"http://169.254.169.254":       "never called",
		"http://169.254.169.254./":     "never called",
		"http://2130706433:80":         "2130706433 is no name",
	} {
		err := named.CheckURL(raw)
		if (want == "") != (err == nil) || err != nil && (!strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "s3cret") || strings.Contains(err.Error(), "\n")) {
			t.Errorf("CheckURL(%q) = %v; want %q", raw, err, want)
		}
	}
}

func TestPlaces(t *testing.T) {
	for s, want := range map[string]string{"10.0.0.5": "10.0.0.5", "::ffff:10.0.0.5": "10.0.0.5", "10.20.0.0/16": "10.20.0.0/16", "::/0": "::/0", "Jira.Corp.Example.": "jira.corp.example", ".corp.example": ".corp.example", "am-1": "am-1", "xn--bcher-kva.example": "xn--bcher-kva.example"} {
		if got := places(t, s)[0].String(); got != want {
			t.Errorf("%s is shown as %s; want %s", s, got, want)
		}
	}
	for _, s := range []string{"", ".", "..x", "*.corp.example", "10.0.0.1/8", "::ffff:10.0.0.0/104", "10.0.0.0/33", "10.0.0", "2130706433", "0x7f000001", "a.0X1", "http://jira.corp.example", "jira:443", "fe80::1%eth0", "a b", "-x", "bücher.example", strings.Repeat("a", 64), strings.Repeat("a.", 130) + "b"} {
		var p Place
		if err := p.UnmarshalText([]byte(s)); err == nil {
			t.Errorf("%q is a place: %v", s, p)
		}
	}
}

// TestConfinedRebinding calls a name that leads to this machine, unnamed and named, then
// to where nobody may call; a redirect is the answer and no next call.
func TestConfinedRebinding(t *testing.T) {
	var served atomic.Int32
	inner := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		served.Add(1)
		w.Header().Set("Location", "http://127.0.0.1:1/")
		w.WriteHeader(http.StatusTemporaryRedirect)
	}))
	defer inner.Close()
	_, port, err := net.SplitHostPort(inner.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	var answer atomic.Value
	answer.Store(net.IPv4(127, 0, 0, 1))
	resolver := &net.Resolver{PreferGo: true, Dial: nameServer(t, &answer)}
	call := func(r Reach) (int, error) {
		d := r.Dialer("partner.example.")
		d.Resolver = resolver
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://partner.example.:"+port, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := newClient(slog.New(slog.DiscardHandler), d).Do(req)
		if err != nil {
			return 0, err
		}
		return resp.StatusCode, resp.Body.Close()
	}
	if _, err := call(Confined("ours", places(t, "10.0.0.0/8", "other.example"))); !IsRefused(err) || served.Load() != 0 || !strings.Contains(err.Error(), "127.0.0.1 (partner.example. leads there)") ||
		!strings.Contains(err.Error(), "the connector ours") || !strings.Contains(err.Error(), PlacesKey) {
		t.Errorf("a name that leads inside: %v, served %d times", err, served.Load())
	}
	if status, err := call(Confined("ours", places(t, "partner.example"))); err != nil || status != http.StatusTemporaryRedirect || served.Load() != 1 {
		t.Errorf("the same one, named: %d %v, served %d times; want the redirect itself", status, err, served.Load())
	}
	answer.Store(net.IPv4(169, 254, 169, 254))
	if _, err := call(Confined("ours", places(t, "partner.example"))); !IsRefused(err) {
		t.Errorf("a named one that leads to credentials: %v", err)
	}
	// The client that connectors get has the same dialer, for every call.
	c := NewClientTo(slog.New(slog.DiscardHandler), Confined("ours", nil))
	for range 2 {
		if _, err := c.Get(inner.URL); !IsRefused(err) {
			t.Errorf("an address of this machine: %v", err)
		}
	}
	if served.Load() != 1 {
		t.Errorf("served %d times; want once", served.Load())
	}
}

// TestConfinedBehindAProxy: the proxy is the operator's and may be anywhere; what it
// is asked for is looked at as far as that can be.
func TestConfinedBehindAProxy(t *testing.T) {
	var asked atomic.Value
	asked.Store("")
	proxy := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { asked.Store(r.URL.Host) }))
	defer proxy.Close()
	at, err := url.Parse(proxy.URL)
	if err != nil {
		t.Fatal(err)
	}
	r := Confined("ours", places(t, "10.20.0.0/16"))
	tr := transport(r.dial)
	tr.Proxy = func(q *http.Request) (*url.URL, error) {
		if q.URL.Host == at.Host { // NO_PROXY
			return nil, nil
		}
		return at, nil
	}
	c := &http.Client{Transport: r.beforeProxy(tr)}
	get := func(target string) error {
		resp, err := c.Post(target, "text/plain", strings.NewReader("x"))
		if err != nil {
			return err
		}
		return resp.Body.Close()
	}
	for target, ok := range map[string]bool{"http://partner.example": true, "http://10.20.0.1": true, "http://10.21.0.1": false, "http://localhost:9200": false, "http://[::1]": false, "http://169.254.169.254": false, "http://10.20.0.2:1/s3cret": true, proxy.URL: false,
		"http://127.0.0.1.:9200": false, "http://2130706433": false, "http://127.1": false, "http://0177.0.0.1": false, "http://0x7f000001": false, "http://0X7F.1.": false, "http://１２７.0.0.1": false, "http://ｌocalhost": false,
		"http://10.20.0.1.": true, "http://b\u00fccher.example": true, "http://0x7g.example": true, "http://169.254.169.254.": false} {
		asked.Store("")
		err := get(target)
		u, perr := url.Parse(target)
		if perr != nil {
			t.Fatal(perr)
		}
		want, perr := httpguts.PunycodeHostPort(u.Host)
		if perr != nil {
			t.Fatal(perr)
		}
		if ok && (err != nil || asked.Load() != want) || !ok && (!IsRefused(err) || asked.Load() != "") {
			t.Errorf("%s: %v, the proxy was asked for %q; want called: %v", target, err, asked.Load(), ok)
		}
	}
	if _, err := r.dial(context.Background(), "tcp", at.Host); !IsRefused(err) {
		t.Errorf("the proxy's address without the proxy: %v", err)
	}
}
