package connectors

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/net/idna"
)

// Reach is where a connector may call. The zero value is that of one of the
// configuration file: everywhere but where nobody may (NewDialer).
type Reach struct {
	whose  string // name of a connector that is confined; "": it is not
	places []Place
}

// Confined is the reach of a connector that is configured in the console: public
// addresses, and the places that the configuration file names. Whoever may change
// connectors there has less than the host, and a server stands where much is trusted
// that has no password.
func Confined(connector string, places []Place) Reach { return Reach{connector, places} }

// Dialer returns a dialer for one host, the one that a URL or an option names. As
// NewDialer's it looks at the address that is dialled.
func (r Reach) Dialer(host string) *net.Dialer {
	d := NewDialer()
	if r.whose == "" {
		return d
	}
	d.Control = func(network, address string, c syscall.RawConn) error {
		if err := control(network, address, c); err != nil {
			return err
		}
		a, err := netip.ParseAddrPort(address)
		if err != nil {
			return err
		}
		return r.refusal(host, a.Addr())
	}
	return d
}

// CheckURL is the package's CheckURL, and says why a connector of this reach may not
// call a URL. Nil when only the name service knows where that leads.
func (r Reach) CheckURL(raw string) error {
	if err := CheckURL(raw); err != nil {
		return err
	}
	if u, err := url.Parse(raw); err == nil {
		return r.checkHost(u.Hostname())
	}
	return nil
}

func (r Reach) checkHost(host string) error {
	if r.whose == "" {
		return nil
	}
	// A proxy reads the host its own way: full-width digits reach it as plain ones with
	// CONNECT, and a dot at the end or a number is an address to many.
	if plain, err := idna.Lookup.ToASCII(host); err == nil {
		host = plain
	}
	host = plainHost(host)
	ip, err := netip.ParseAddr(host)
	switch {
	case err == nil && refusal(ip) != nil:
		return refusal(ip)
	case err == nil:
		return r.refusal(host, ip)
	case isLocalhost(host):
		return r.refusal(host, netip.AddrFrom4([4]byte{127, 0, 0, 1}))
	case endsInNumber(host):
		return &unnamedError{fmt.Sprintf("%s is no name, and the connector %s is configured in the console; give the host by its name, or an address such as 8.8.8.8", host, r.whose)}
	}
	return nil
}

// isLocalhost reports whether a name is this machine's by RFC 6761.
func isLocalhost(host string) bool {
	host = plainHost(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}

// refusal says why an address that a host led to may not be called.
func (r Reach) refusal(host string, ip netip.Addr) error {
	plain := ip.Unmap().WithZone("")
	if isPublic(plain) || slices.ContainsFunc(r.places, func(p Place) bool { return p.has(host, plain) }) {
		return nil
	}
	name, led := plain.String(), ""
	if _, err := netip.ParseAddr(host); err != nil {
		name, led = plainHost(host), fmt.Sprintf(" (%s leads there)", host)
	}
	return &unnamedError{fmt.Sprintf("%s%s is not a public address, and the connector %s is configured in the console; if it may call there, name %s or its network under %s in the configuration file",
		ip, led, r.whose, name, PlacesKey)}
}

// PlacesKey is the key of the configuration file that lists the places.
const PlacesKey = "console.may_call"

// unnamedError is an address that one connector may not call.
type unnamedError struct{ text string }

// Error implements error.
func (e *unnamedError) Error() string { return e.text }

// NewClientTo is NewClient for a connector that may not call everything.
func NewClientTo(log *slog.Logger, r Reach) *http.Client {
	c := newRetrying(log, r.dial)
	c.HTTPClient.Transport = r.beforeProxy(transport(r.dial))
	return asClient(c)
}

// viaProxy marks the context of a request that a proxy of the environment carries.
type viaProxy struct{}

// dial connects to a host and port: the partner's, or a proxy's that the operator
// chose and that may be anywhere.
func (r Reach) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if ctx.Value(viaProxy{}) != nil {
		return NewDialer().DialContext(ctx, network, address)
	}
	return r.Dialer(host).DialContext(ctx, network, address)
}

// beforeProxy looks at the host of a request that a proxy will dial in our stead.
// Names are the proxy's to resolve and to refuse.
func (r Reach) beforeProxy(next *http.Transport) http.RoundTripper {
	return tripFunc(func(q *http.Request) (*http.Response, error) {
		proxy, err := next.Proxy(q)
		if err == nil && proxy != nil {
			err = r.CheckURL(q.URL.String())
			q = q.WithContext(context.WithValue(q.Context(), viaProxy{}, true))
		}
		if err != nil {
			if q.Body != nil {
				q.Body.Close()
			}
			return nil, err
		}
		return next.RoundTrip(q)
	})
}

type tripFunc func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (f tripFunc) RoundTrip(q *http.Request) (*http.Response, error) { return f(q) }
