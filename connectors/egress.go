package connectors

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"syscall"
	"time"
)

const (
	dialWithin = 10 * time.Second
	keepAlive  = 30 * time.Second
)

// NewDialer returns the dialer of everything the server calls: partners and the
// heartbeat. It looks at the address that is dialled, after names are resolved, so
// that a name which changes its mind is refused too. Whom to call is the operator's
// word and redirects are not followed; private and loopback addresses are therefore
// allowed, but for connectors that the console configures (Confined). Never allowed is where no partner lives and clouds keep credentials.
// Behind a proxy the address looked at is the proxy's.
func NewDialer() *net.Dialer {
	return &net.Dialer{Timeout: dialWithin, KeepAlive: keepAlive, Control: control}
}

// CheckURL says why a configured URL can never be called; nil when its host is a
// name, which is looked at when it is dialled.
func CheckURL(raw string) error {
	u, err := url.Parse(raw)
	if err != nil {
		return nil // conf's to say
	}
	ip, err := netip.ParseAddr(u.Hostname())
	if err != nil {
		return nil
	}
	return refusal(ip)
}

// control refuses a connection before it is made.
func control(_, address string, _ syscall.RawConn) error {
	a, err := netip.ParseAddrPort(address)
	if err != nil {
		return &refusedError{address, "not an IP address and a port"}
	}
	return refusal(a.Addr())
}

// refusedError is an address that is never dialled.
type refusedError struct{ address, why string }

// Error implements error.
func (e *refusedError) Error() string {
	return fmt.Sprintf("%s is never called, it is %s; give the address of the partner itself", e.address, e.why)
}

// IsRefused reports whether a call was not made because of the address it led to.
func IsRefused(err error) bool {
	var never *refusedError
	var unnamed *unnamedError
	return errors.As(err, &never) || errors.As(err, &unnamed)
}

func refusal(ip netip.Addr) error {
	text := ip.String()
	ip = ip.Unmap().WithZone("")
	switch {
	case ip.IsUnspecified() || thisNetwork.Contains(ip):
		return &refusedError{text, "an unspecified address"}
	case ip.IsMulticast() || ip == broadcast:
		return &refusedError{text, "a multicast address"}
	case isMetadata(ip):
		return &refusedError{text, "a link-local address or a cloud's metadata service"}
	}
	if v4, ok := embedded(ip); ok && isMetadata(v4) {
		return &refusedError{text, "a way to " + v4.String() + ", a link-local address or a cloud's metadata service"}
	}
	return nil
}

var (
	thisNetwork = netip.MustParsePrefix("0.0.0.0/8")
	broadcast   = netip.MustParseAddr("255.255.255.255")

	// metadata services outside the link-local ranges
	metadata = map[netip.Addr]bool{
		netip.MustParseAddr("fd00:ec2::254"):   true, // Amazon
		netip.MustParseAddr("fd20:ce::254"):    true, // Google
		netip.MustParseAddr("100.100.100.200"): true, // Alibaba
		netip.MustParseAddr("168.63.129.16"):   true, // Azure
	}

	sixToFour = netip.MustParsePrefix("2002::/16")
	teredo    = netip.MustParsePrefix("2001::/32")

	// prefixes whose last 32 bits are an IPv4 address
	inLastBytes = []netip.Prefix{
		netip.MustParsePrefix("::/96"),           // IPv4-compatible
		netip.MustParsePrefix("::ffff:0:0:0/96"), // IPv4-translated
		netip.MustParsePrefix("64:ff9b::/96"),    // NAT64
		netip.MustParsePrefix("64:ff9b:1::/48"),  // NAT64 of one's own
	}
)

func isMetadata(ip netip.Addr) bool { return ip.IsLinkLocalUnicast() || metadata[ip] }

// embedded is the IPv4 address that an IPv6 address leads to.
func embedded(ip netip.Addr) (netip.Addr, bool) {
	if !ip.Is6() {
		return ip, false
	}
	b := ip.As16()
	switch {
	case sixToFour.Contains(ip):
		return netip.AddrFrom4([4]byte(b[2:6])), true
	case teredo.Contains(ip):
		return netip.AddrFrom4([4]byte{^b[12], ^b[13], ^b[14], ^b[15]}), true
	}
	for _, p := range inLastBytes {
		if p.Contains(ip) {
			return netip.AddrFrom4([4]byte(b[12:16])), true
		}
	}
	return ip, false
}
