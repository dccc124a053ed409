package conf

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"signalbox/itsm"
)

var (
	sourceKinds    = []string{"alertmanager", "argocd", "datadog", "generic", "github", "gitlab", "pagerduty", "pagerduty-change", "prometheus"}
	connectorKinds = []string{"alertmanager", "datadog", "email", "jira", "jsm_ops", "opsgenie", "pagerduty", "servicenow", "slack", "teams", "webhook"}
	logLevels      = []string{"debug", "info", "warn", "error"}
	logFormats     = []string{"text", "json"}
	priorities     = []string{"", "P1", "P2", "P3", "P4", "P5"}
	methods        = []string{"GET", "POST"}
	encodings      = []string{"", "hex", "base64"}
)

// check reports every value that has the right kind and cannot work.
func (r *reader) check(f *File) {
	if why := AddressFault(f.Listen); why != "" {
		r.bad("listen", strconv.Quote(f.Listen), why)
	}
	r.address("external_url", f.ExternalURL)
	switch {
	case f.TLS.CertFile != "" && f.TLS.KeyFile == "":
		r.bad("tls.key_file", "missing", "both cert_file and key_file, or neither")
	case f.TLS.CertFile == "" && f.TLS.KeyFile != "":
		r.bad("tls.cert_file", "missing", "both cert_file and key_file, or neither")
	}
	if o := f.Auth.OIDC; o.IsSet() {
		r.oidc(o)
	}
	if f.Audit.HeadEvery < Duration(time.Second) {
		r.bad("audit.head_every", time.Duration(f.Audit.HeadEvery).String(), "1s or more")
	}
	r.oneOf("log.level", f.Log.Level, logLevels)
	r.oneOf("log.format", f.Log.Format, logFormats)
	for _, n := range SortedKeys(f.Sources) {
		r.source("sources."+n, n, f.Sources[n])
	}
	for _, n := range SortedKeys(f.Connectors) {
		r.connector(f, n)
	}
	r.oneOf("heartbeat.method", f.Heartbeat.Method, methods)
	r.watching(f)
	if f.Journal.Retention < 0 {
		r.bad("journal.retention", time.Duration(f.Journal.Retention).String(), "0, which is for ever, or more")
	}
	for _, fault := range f.Core().Faults() {
		r.bad(pathOf(fault.Field), fault.Value, fault.Expected)
	}
}

// connector reports what is wrong with one connector of f.
func (r *reader) connector(f *File, n string) {
	path, c := "connectors."+n, f.Connectors[n]
	r.name(path, n)
	r.oneOf(path+".kind", c.Kind, connectorKinds)
	r.oneOf(path+".min_priority", c.MinPriority, priorities)
	if c.PageBudget < 0 {
		r.bad(path+".page_budget", strconv.Itoa(c.PageBudget), "0, which is the default, or more")
	}
	if c.PerMinute < 0 || c.PerMinute > perMinuteMax {
		r.bad(path+".per_minute", strconv.Itoa(c.PerMinute), fmt.Sprintf("0, which is the default of its kind, to %d", perMinuteMax))
	}
	if e := c.SweepEvery; e != nil && *e != 0 && time.Duration(*e) < sweepEveryMin {
		r.bad(path+".sweep_every", time.Duration(*e).String(), "at least "+sweepEveryMin.String()+", or 0, which is never")
	}
	r.ofKind(path, c)
	r.partner(path, c)
	r.address(path+".events_url", c.EventsURL)
	r.address(path+".api_url", c.APIURL)
	r.monitor(path, f, n)
}

// oidc checks a provider. Its address is https, because whoever can change its
// answers can be anybody; on this machine alone that does not matter.
func (r *reader) oidc(o OIDC) {
	u, err := url.Parse(o.Issuer)
	switch {
	case o.Issuer == "":
		r.bad("auth.oidc.issuer", "missing", "the provider's address such as https://id.example.org/realms/ops")
	case err != nil || u.Host == "" || u.Scheme != "https" && (u.Scheme != "http" || !isLoopback(u.Hostname())):
		r.bad("auth.oidc.issuer", strconv.Quote(cut(o.Issuer)), "an https address such as https://id.example.org/realms/ops")
	}
	if o.ClientID == "" {
		r.bad("auth.oidc.client_id", "missing", "the name under which the provider knows this server")
	}
	if d := time.Duration(o.SessionLifetime); d != 0 && (d < oidcSessionMin || d > oidcSessionMax) {
		r.bad("auth.oidc.session_lifetime", d.String(), fmt.Sprintf("%v to %v", oidcSessionMin, oidcSessionMax))
	}
	if len(o.RoleMap) == 0 && o.DefaultRole == itsm.RoleNobody {
		r.bad("auth.oidc.role_map", "missing", "a role for at least one group, or a default_role: nobody could sign in")
	}
}

// Bounds of a session of somebody who signed in at a provider.
const (
	oidcSessionMin = 5 * time.Minute
	oidcSessionMax = 24 * time.Hour
)

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Bounds of what a connector may be told to do.
const (
	perMinuteMax  = 10_000
	sweepEveryMin = time.Second
)

// pathOf is where a field of the core's configuration stands in the file.
func pathOf(field string) string {
	for _, section := range []string{"sources", "connectors", "cmdb", "sla"} {
		if rest, ok := strings.CutPrefix(field, section); ok && (rest == "" || rest[0] == '.' || rest[0] == '[') {
			return field
		}
	}
	return "correlation." + field
}

func (r *reader) source(path, name string, s Source) {
	r.name(path, name)
	r.oneOf(path+".kind", s.Kind, sourceKinds)
	if len(s.IgnoreLabels) > 0 && s.Kind != prometheusKind {
		r.bad(path+".ignore_labels", strconv.Quote(cut(strings.Join(s.IgnoreLabels, ", "))), "it at sources of kind "+prometheusKind+" only; the senders of other kinds name their alerts themselves")
	}
	h := s.Auth.HMAC
	r.oneOf(path+".auth.hmac.encoding", h.Encoding, encodings)
	if h.IDHeader != "" && h.TimestampHeader == "" {
		r.bad(path+".auth.hmac.id_header", strconv.Quote(h.IDHeader), "timestamp_header beside it: the id is signed together with the time")
	}
	if h.isSet() && len(h.Secrets) == 0 {
		r.bad(path+".auth.hmac.secrets", "missing", expectation(secretsType))
	}
	for _, n := range []struct {
		key string
		v   int
	}{{"alerts_per_request", s.Limits.AlertsPerRequest}, {"new_keys_per_minute", s.Limits.NewKeysPerMinute}} {
		if n.v < 0 {
			r.bad(path+".limits."+n.key, strconv.Itoa(n.v), "0, which takes the default, or more")
		}
	}
}

func (r *reader) oneOf(path, v string, of []string) {
	if slices.Contains(of, v) {
		return
	}
	words := slices.DeleteFunc(slices.Clone(of), func(s string) bool { return s == "" })
	if v = strconv.Quote(cut(v)); v == `""` {
		v = "missing"
	}
	r.bad(path, v, "one of "+strings.Join(words, ", "))
}

func (r *reader) address(path, v string) {
	if v != "" && !isURL(v) {
		r.bad(path, strconv.Quote(cut(v)), "a URL such as https://signalbox.example.com")
	}
}

func isURL(v string) bool {
	u, err := url.Parse(v)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}

// AddressFault says what a listening address should be, or "" when it is one.
func AddressFault(listen string) string {
	_, port, err := net.SplitHostPort(listen)
	if err != nil {
		return "host:port such as " + DefaultListen
	}
	if _, err := net.LookupPort("tcp", port); err != nil {
		return "a port from 0 to 65535, such as in " + DefaultListen
	}
	return ""
}

// prometheusKind is the kind of source whose alerts are identified by their labels.
const prometheusKind = "prometheus"

// ownSource is the source of the server's own alerts.
const ownSource = "signalbox"

// nameBytesMax bounds a source's or connector's name; it is part of every alert key.
const nameBytesMax = 64

func (r *reader) name(path, n string) {
	switch {
	case n == ownSource:
		r.bad(path, strconv.Quote(n), "another name: the server speaks of itself under that one")
	case !isName(n):
		r.bad(path, strconv.Quote(cut(n)), fmt.Sprintf("a name of 1 to %d of a-z, 0-9, - and _", nameBytesMax))
	}
}

// isName reports whether n is fit to name a source, a connector or a stored secret.
func isName(n string) bool {
	ok := n != "" && len(n) <= nameBytesMax
	for _, c := range []byte(n) {
		ok = ok && (c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '_')
	}
	return ok
}
