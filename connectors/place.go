package connectors

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
)

// Place is what an operator lets connectors of the console call beside public
// addresses: a network or an address, a host by its name, or every host below a
// domain. A name stands for whatever address it has when it is dialled.
type Place struct {
	network netip.Prefix
	host    string // in lower case; .example.com: every host below example.com
}

// PlaceForm says how a place is written.
const PlaceForm = "an address such as 10.0.0.5, a network such as 10.20.0.0/16, a host such as jira.corp.example, or .corp.example for every host below it"

// UnmarshalText implements encoding.TextUnmarshaler.
func (p *Place) UnmarshalText(b []byte) error {
	s := string(b)
	if ip, err := netip.ParseAddr(s); err == nil && ip.Zone() == "" {
		ip = ip.Unmap()
		p.network = netip.PrefixFrom(ip, ip.BitLen())
		return nil
	}
	if n, err := netip.ParsePrefix(s); err == nil && n == n.Masked() && !n.Addr().Is4In6() {
		p.network = n
		return nil
	}
	host := plainHost(s)
	if !isHost(strings.TrimPrefix(host, ".")) {
		return errors.New(s + ": expected " + PlaceForm)
	}
	p.host = host
	return nil
}

// String is how a place is written.
func (p Place) String() string {
	switch {
	case p.host != "":
		return p.host
	case p.network.IsSingleIP():
		return p.network.Addr().String()
	}
	return p.network.String()
}

// has reports whether it is the place of a host that led to an address.
func (p Place) has(host string, ip netip.Addr) bool {
	if p.host == "" {
		return p.network.Contains(ip)
	}
	host = plainHost(host)
	return host == p.host || p.host[0] == '.' && strings.HasSuffix(host, p.host)
}

// plainHost is a host as it is compared.
func plainHost(s string) string { return strings.ToLower(strings.TrimSuffix(s, ".")) }

// isHost reports whether s is a name that can be resolved and no number: those that
// some resolvers take for an address are none here.
func isHost(s string) bool {
	if len(s) > 253 {
		return false
	}
	labels := strings.Split(s, ".")
	for _, l := range labels {
		if l == "" || len(l) > 63 || l[0] == '-' || l[len(l)-1] == '-' || strings.Trim(l, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return false
		}
	}
	return !endsInNumber(s)
}

// endsInNumber reports whether the last label of a host is a number, decimal or not:
// no name ends so, and some read 127.1 or 0x7f000001 as an address.
func endsInNumber(host string) bool {
	last := host[strings.LastIndexByte(host, '.')+1:]
	if hex, found := strings.CutPrefix(last, "0x"); found {
		return strings.Trim(hex, "0123456789abcdef") == ""
	}
	return last != "" && strings.Trim(last, "0123456789") == ""
}

// nat64 leads from a network without IPv4 to all of it (RFC 6052).
var nat64 = netip.MustParsePrefix("64:ff9b::/96")

// Of the networks that IANA lists as special-purpose (RFC 6890), those where no
// stranger's partner can be.
var notPublic4 = prefixes("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24",
	"192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3")

// In 2000::/3, outside of which nothing is public: Teredo and its like, 6to4, examples.
var notPublic6 = prefixes("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")

var globalUnicast = netip.MustParsePrefix("2000::/3")

func prefixes(list ...string) (out []netip.Prefix) {
	for _, s := range list {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}

// isPublic reports whether an address is one that the whole internet can call.
func isPublic(ip netip.Addr) bool {
	within := func(p netip.Prefix) bool { return p.Contains(ip) }
	switch {
	case ip.Is4():
		return !slices.ContainsFunc(notPublic4, within)
	case nat64.Contains(ip):
		v4, _ := embedded(ip)
		return isPublic(v4)
	}
	return globalUnicast.Contains(ip) && !slices.ContainsFunc(notPublic6, within)
}
