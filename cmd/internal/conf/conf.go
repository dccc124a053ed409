// Package conf reads the one optional configuration file. Only cmd sees it: what
// a component needs is flattened into that component's own options.
//
// The file is YAML and strict: an unknown key is an error that names it, its line
// and what is allowed there. Durations are written 5m, sizes 64MiB, secrets as
// env:NAME or file:PATH and never in the file itself. Every flag and every
// top-level scalar is also an environment variable with the prefix SIGNALBOX_.
package conf

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"signalbox/correlate"
)

// File is signalbox.yml. Every field is optional.
type File struct {
	Listen      string               `yaml:"listen"`       // address of the server; 127.0.0.1:8080
	ExternalURL string               `yaml:"external_url"` // how people and partners reach it; http://<listen>
	DataDir     string               `yaml:"data_dir"`     // ./data
	TLS         TLS                  `yaml:"tls"`
	Auth        Auth                 `yaml:"auth"`
	Sources     map[string]Source    `yaml:"sources"`
	Connectors  map[string]Connector `yaml:"connectors"`
	Correlation yaml.Node            `yaml:"correlation"`
	CMDB        CMDB                 `yaml:"cmdb"`
	Journal     Journal              `yaml:"journal"`
	Heartbeat   Heartbeat            `yaml:"heartbeat"`
	Watchdogs   []Watchdog           `yaml:"watchdogs"`
	SelfAlerts  *bool                `yaml:"self_alerts"` // incidents about the server itself; true
	Log         Log                  `yaml:"log"`

	correlation correlate.Config
}

// TLS serves HTTPS when both files are given.
type TLS struct {
	CertFile string `yaml:"cert_file"`
	KeyFile  string `yaml:"key_file"`
}

// Auth holds the credentials of people.
type Auth struct {
	AdminToken Secret `yaml:"admin_token"`
}

// Source is one configured sender.
type Source struct {
	Kind         string     `yaml:"kind"` // alertmanager, prometheus, datadog, generic, pagerduty
	Auth         SourceAuth `yaml:"auth"`
	StaleAfter   *Duration  `yaml:"stale_after"`   // an alert not heard of for so long is over; 0: never
	EpisodeGap   *Duration  `yaml:"episode_gap"`   // silence after which a newer startsAt is a new episode
	IgnoreLabels []string   `yaml:"ignore_labels"` // left out of the identity, such as an HA pair's replica label
	Limits       Limits     `yaml:"limits"`
}

// SourceAuth lists the live credentials of a source; two of a kind allow rotation.
type SourceAuth struct {
	Bearer     []Secret `yaml:"bearer"`
	Basic      []Secret `yaml:"basic"` // user:password
	HMAC       HMAC     `yaml:"hmac"`
	QueryToken []Secret `yaml:"query_token"`
}

// HMAC says how a source signs its bodies.
type HMAC struct {
	Secrets         []Secret `yaml:"secrets"`
	Header          string   `yaml:"header"`           // X-Signature
	Prefix          string   `yaml:"prefix"`           // such as sha256=
	Encoding        string   `yaml:"encoding"`         // hex or base64
	TimestampHeader string   `yaml:"timestamp_header"` // when set, <timestamp><separator><body> is signed
	IDHeader        string   `yaml:"id_header"`        // when set, <id><separator><timestamp><separator><body> is signed
	Separator       string   `yaml:"separator"`        // .
}

// Limits bounds one source; zero takes the default.
type Limits struct {
	BodyBytes         Size `yaml:"body_bytes"`
	DecompressedBytes Size `yaml:"decompressed_bytes"`
	AlertsPerRequest  int  `yaml:"alerts_per_request"`
	NewKeysPerMinute  int  `yaml:"new_keys_per_minute"` // alerts never seen before
	Depth             int  `yaml:"depth"`               // levels a body is nested
	Labels            int  `yaml:"labels"`              // an alert
	Annotations       int  `yaml:"annotations"`         // an alert
	NameBytes         Size `yaml:"name_bytes"`          // a label's name, an identity, an id
	LabelBytes        Size `yaml:"label_bytes"`         // a label's value
	AnnotationBytes   Size `yaml:"annotation_bytes"`    // an annotation's value
}

// Connector is one partner.
type Connector struct {
	Kind           string   `yaml:"kind"` // pagerduty
	RoutingKey     Secret   `yaml:"routing_key"`
	APIToken       Secret   `yaml:"api_token"`
	From           string   `yaml:"from"`
	EventsURL      string   `yaml:"events_url"`
	APIURL         string   `yaml:"api_url"`
	WebhookSecrets []Secret `yaml:"webhook_secrets"`
	MinPriority    string   `yaml:"min_priority"` // least important priority told to it; P5
}

// CMDB says what people's own relation types and labels mean.
type CMDB struct {
	RelationTypes map[string]Direction `yaml:"relation_types"` // over the built-in ones
	Mappings      []Mapping            `yaml:"mappings"`       // the first that fits an alert counts
}

// Mapping says that a label's value names a CI.
type Mapping struct {
	Source string `yaml:"source"` // whose alerts; all when missing
	Label  string `yaml:"label"`
	Names  string `yaml:"names"` // ci, host, ip, pod, workload, service or namespace
}

// Journal says how long history is kept.
type Journal struct {
	Retention Duration `yaml:"retention"` // 0: for ever
	MaxBytes  Size     `yaml:"max_bytes"` // 0: no bound but the disk
	KeepRaw   *bool    `yaml:"keep_raw"`  // keep bodies as received; true
}

// Heartbeat tells a dead-man service outside that the server is ready.
type Heartbeat struct {
	URL    URL      `yaml:"url"`    // as it is, or env:NAME or file:PATH where it is a secret
	Every  Duration `yaml:"every"`  // 1m
	Method string   `yaml:"method"` // GET or POST; GET
}

// Watchdog is an alert that always fires; not hearing it opens an incident.
type Watchdog struct {
	Source       string            `yaml:"source"`
	Labels       map[string]string `yaml:"labels"`        // all of which the alert has
	MissingAfter Duration          `yaml:"missing_after"` // longer than the sender's repeat interval; 5m
}

// Log configures the program's own log on standard error.
type Log struct {
	Level  string `yaml:"level"`  // debug, info, warn, error
	Format string `yaml:"format"` // text, json
}

// Defaults of the file.
const (
	DefaultListen  = "127.0.0.1:8080"
	DefaultDataDir = "./data"
	DefaultFile    = "signalbox.yml"
	fileBytesMax   = 4 << 20

	defaultMissingAfter = 5 * time.Minute
)

// Load reads path. A missing file is an error only when explicit; otherwise it
// is the empty configuration.
func Load(path string, explicit bool) (*File, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) && !explicit {
		return Parse(path, nil)
	}
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	return Parse(path, b)
}

// Parse reads a configuration and reports everything wrong with it at once.
func Parse(name string, b []byte) (*File, error) {
	if len(b) > fileBytesMax {
		return nil, fmt.Errorf("%s: %d bytes; a configuration has at most %d", name, len(b), fileBytesMax)
	}
	f := &File{}
	var doc yaml.Node
	if err := yaml.Unmarshal(b, &doc); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if len(doc.Content) > 0 && doc.Content[0].Kind != 0 && doc.Content[0].Tag != "!!null" {
		if errs := checkKeys(name, doc.Content[0], f); len(errs) > 0 {
			return nil, errors.Join(errs...)
		}
		if err := doc.Content[0].Decode(f); err != nil {
			return nil, decodeError(name, err)
		}
	}
	f.correlation = correlate.DefaultConfig()
	f.correlation.CMDB = f.CMDB.core()
	if f.Correlation.Kind != 0 {
		if err := decodeCorrelation(name, &f.Correlation, &f.correlation); err != nil {
			return nil, err
		}
	}
	f.defaults()
	return f, f.validate(name)
}

func (f *File) defaults() {
	if f.Listen == "" {
		f.Listen = DefaultListen
	}
	if f.DataDir == "" {
		f.DataDir = DefaultDataDir
	}
	if f.Log.Level == "" {
		f.Log.Level = "info"
	}
	if f.Log.Format == "" {
		f.Log.Format = "text"
	}
	if f.Heartbeat.Every == 0 {
		f.Heartbeat.Every = Duration(time.Minute)
	}
	if f.Heartbeat.Method == "" {
		f.Heartbeat.Method = "GET"
	}
	for i := range f.Watchdogs {
		if f.Watchdogs[i].MissingAfter == 0 {
			f.Watchdogs[i].MissingAfter = Duration(defaultMissingAfter)
		}
	}
}

var (
	sourceKinds    = []string{"alertmanager", "prometheus", "datadog", "generic", "pagerduty"}
	connectorKinds = []string{"pagerduty"}
	logLevels      = []string{"debug", "info", "warn", "error"}
	logFormats     = []string{"text", "json"}
	priorities     = []string{"", "P1", "P2", "P3", "P4", "P5"}
	methods        = []string{"GET", "POST"}
	encodings      = []string{"", "hex", "base64"}
)

func (f *File) validate(name string) error {
	var errs []error
	oneOf := func(field, v string, of []string) {
		if !slices.Contains(of, v) {
			errs = append(errs, fmt.Errorf("%s: %s: %q is not one of %s", name, field, v, strings.Join(slices.DeleteFunc(slices.Clone(of), func(s string) bool { return s == "" }), ", ")))
		}
	}
	if _, _, err := net.SplitHostPort(f.Listen); err != nil {
		errs = append(errs, fmt.Errorf("%s: listen: %q: expected host:port such as %s", name, f.Listen, DefaultListen))
	}
	for _, u := range []struct{ field, v string }{{"external_url", f.ExternalURL}} {
		errs = append(errs, checkURL(name, u.field, u.v))
	}
	if (f.TLS.CertFile == "") != (f.TLS.KeyFile == "") {
		errs = append(errs, fmt.Errorf("%s: tls: give both cert_file and key_file, or neither", name))
	}
	oneOf("log.level", f.Log.Level, logLevels)
	oneOf("log.format", f.Log.Format, logFormats)
	for _, n := range SortedKeys(f.Sources) {
		s := f.Sources[n]
		errs = append(errs, checkName(name, "sources", n))
		oneOf("sources."+n+".kind", s.Kind, sourceKinds)
		oneOf("sources."+n+".auth.hmac.encoding", s.Auth.HMAC.Encoding, encodings)
	}
	for _, n := range SortedKeys(f.Connectors) {
		c := f.Connectors[n]
		errs = append(errs, checkName(name, "connectors", n))
		oneOf("connectors."+n+".kind", c.Kind, connectorKinds)
		oneOf("connectors."+n+".min_priority", c.MinPriority, priorities)
		errs = append(errs, checkURL(name, "connectors."+n+".events_url", c.EventsURL), checkURL(name, "connectors."+n+".api_url", c.APIURL))
	}
	for _, fault := range f.CMDB.core().Validate() {
		errs = append(errs, fmt.Errorf("%s: cmdb.%w", name, fault))
	}
	oneOf("heartbeat.method", f.Heartbeat.Method, methods)
	errs = append(errs, f.checkWatching(name)...)
	if f.Journal.Retention < 0 {
		errs = append(errs, fmt.Errorf("%s: journal.retention: %v is negative", name, time.Duration(f.Journal.Retention)))
	}
	return errors.Join(errs...)
}

func checkURL(file, field, v string) error {
	if v == "" {
		return nil
	}
	u, err := url.Parse(v)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return fmt.Errorf("%s: %s: %q: expected a URL such as https://signalbox.example.com", file, field, v)
	}
	return nil
}

// ownSource is the source of the server's own alerts.
const ownSource = "signalbox"

// nameBytesMax bounds a source's or connector's name; it is part of every alert key.
const nameBytesMax = 64

func checkName(file, section, n string) error {
	ok := n != "" && len(n) <= nameBytesMax
	for _, c := range []byte(n) {
		ok = ok && (c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '_')
	}
	if n == ownSource {
		return fmt.Errorf("%s: %s.%s: the server speaks of itself under that name; choose another", file, section, n)
	}
	if !ok {
		return fmt.Errorf("%s: %s.%s: a name has 1 to %d of a-z, 0-9, - and _", file, section, n, nameBytesMax)
	}
	return nil
}
