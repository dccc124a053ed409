package access

import (
	"net/url"
	"strings"

	"signalbox/itsm"
)

// IsSafe reports whether a method changes nothing.
func IsSafe(method string) bool {
	return method == "GET" || method == "HEAD" || method == "OPTIONS"
}

// CheckSite refuses a request that changes something and that a browser made
// for another site's page. fetchSite, origin and host are the headers
// Sec-Fetch-Site, Origin and Host. A client that sends neither of the first two
// is no browser of this decade, and SameSite=Lax keeps the cookie from older ones.
func (g *Gate) CheckSite(method, fetchSite, origin, host string) error {
	if IsSafe(method) {
		return nil
	}
	switch fetchSite {
	case "same-origin", "none":
		return nil
	case "":
		if origin == "" || g.isOurs(origin, host) {
			return nil
		}
	default:
		// Behind a proxy that rewrites addresses only external_url is true.
		if g.origin != "" && g.isOurs(origin, g.origin) {
			return nil
		}
	}
	return itsm.Errorf(itsm.Forbidden, "this request was made by a page of another site (%s); open Signalbox itself and try again", describe(origin, fetchSite))
}

func (g *Gate) isOurs(origin, host string) bool {
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" {
		return false // also the opaque origin "null"
	}
	got := strings.ToLower(u.Host)
	return got == strings.ToLower(host) || (g.origin != "" && got == g.origin)
}

func describe(origin, fetchSite string) string {
	if origin != "" {
		return origin
	}
	return "Sec-Fetch-Site: " + fetchSite
}
