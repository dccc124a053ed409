// Package conf reads the one optional configuration file. Only cmd sees it: what
// a component needs is flattened into that component's own options.
//
// The file is YAML and strict: an unknown key is an error that names it, its line
// and what is allowed there. Durations are written 5m, sizes 64MiB, secrets as
// env:NAME or file:PATH and never in the file itself. Every flag and every
// top-level scalar is also an environment variable with the prefix SIGNALBOX_,
// which counts more than the file and less than a flag.
package conf

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"reflect"
	"time"

	"signalbox/connectors"
	"signalbox/correlate"
	"signalbox/itsm"
)

// File is signalbox.yml. Every field is optional.
type File struct {
	Listen      string               `yaml:"listen"`       // address of the server; 127.0.0.1:8080
	ExternalURL string               `yaml:"external_url"` // how people and partners reach it; http://<listen>
	DataDir     string               `yaml:"data_dir"`     // ./data
	TLS         TLS                  `yaml:"tls"`
	Auth        Auth                 `yaml:"auth"`
	Audit       Audit                `yaml:"audit"`
	Sources     map[string]Source    `yaml:"sources"`
	Connectors  map[string]Connector `yaml:"connectors"`
	Console     Console              `yaml:"console"`
	Correlation correlate.Config     `yaml:"correlation"`
	CMDB        CMDB                 `yaml:"cmdb"`
	SLA         SLA                  `yaml:"sla"`
	Journal     Journal              `yaml:"journal"`
	Heartbeat   Heartbeat            `yaml:"heartbeat"`
	Watchdogs   []Watchdog           `yaml:"watchdogs"`
	SelfAlerts  *bool                `yaml:"self_alerts"` // incidents about the server itself; true
	Log         Log                  `yaml:"log"`

	ofConsole map[string]bool // the connectors that AddStored added
}

// TLS serves HTTPS when both files are given.
type TLS struct {
	CertFile string `yaml:"cert_file"`
	KeyFile  string `yaml:"key_file"`
}

// Auth holds the credentials of people.
type Auth struct {
	AdminToken Secret `yaml:"admin_token"`
	OIDC       OIDC   `yaml:"oidc"`
}

// OIDC is an OpenID provider where people may sign in as well.
type OIDC struct {
	Issuer       string               `yaml:"issuer"` // https; without it there is no provider
	ClientID     string               `yaml:"client_id"`
	ClientSecret Secret               `yaml:"client_secret"` // missing for a public client
	Scopes       []string             `yaml:"scopes"`        // beside openid; [profile, email]
	NameClaim    string               `yaml:"name_claim"`    // whose value is the user's name; preferred_username, or else email
	GroupsClaim  string               `yaml:"groups_claim"`  // groups
	RoleMap      map[string]itsm.Role `yaml:"role_map"`      // by group; the greatest counts
	DefaultRole  itsm.Role            `yaml:"default_role"`  // of who is in none of these; missing: they are refused

	SessionLifetime Duration `yaml:"session_lifetime"` // after which they sign in again, and their groups are looked at; 8h
	Label           string   `yaml:"label"`            // on the button; the issuer's host
}

// IsSet reports whether the file says anything of it.
func (o OIDC) IsSet() bool { return !reflect.DeepEqual(o, OIDC{}) }

// Audit says where the head of the journal's chain is noted: whoever has it can
// prove later that nothing before it was changed or cut off.
type Audit struct {
	HeadFile  string   `yaml:"head_file"`  // a line is added each time; missing: the log alone
	HeadEvery Duration `yaml:"head_every"` // 15m; 0 takes it too
}

// Source is one configured sender.
type Source struct {
	Kind         string     `yaml:"kind"` // alertmanager, prometheus, datadog, generic, pagerduty
	Auth         SourceAuth `yaml:"auth"`
	StaleAfter   *Duration  `yaml:"stale_after"`   // an alert not heard of for so long is over; 0: never
	EpisodeGap   *Duration  `yaml:"episode_gap"`   // silence after which a newer startsAt is a new episode
	IgnoreLabels []string   `yaml:"ignore_labels"` // prometheus only: left out of the identity, such as an HA pair's replica label
	Limits       Limits     `yaml:"limits"`
}

// SourceAuth lists the live credentials of a source; two of a kind allow rotation.
type SourceAuth struct {
	Bearer     []Secret `yaml:"bearer"`
	Basic      []Secret `yaml:"basic"` // user:password
	HMAC       HMAC     `yaml:"hmac"`
	QueryToken []Secret `yaml:"query_token"`
	Zendesk    []Secret `yaml:"zendesk"` // signing secrets of Zendesk's webhooks
}

// HMAC says how a source signs its bodies. A bare list is its secrets.
type HMAC struct {
	Secrets         []Secret `yaml:"secrets"`
	Header          string   `yaml:"header"`           // X-Signature
	Prefix          string   `yaml:"prefix"`           // such as sha256=
	Encoding        string   `yaml:"encoding"`         // hex or base64
	TimestampHeader string   `yaml:"timestamp_header"` // when set, <timestamp><separator><body> is signed
	IDHeader        string   `yaml:"id_header"`        // when set, <id><separator><timestamp><separator><body> is signed
	Separator       string   `yaml:"separator"`        // .
}

// defaultSignatureHeader carries the signature where the file names none.
const defaultSignatureHeader = "X-Signature"

// isSet reports whether the file says anything of it.
func (h HMAC) isSet() bool { return !reflect.DeepEqual(h, HMAC{}) }

var secretsType = reflect.TypeFor[[]Secret]()

func (h *HMAC) list() reflect.Value { return reflect.ValueOf(&h.Secrets).Elem() }

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

// Connector is one partner. A field with the tag "for" is of those kinds only.
type Connector struct {
	Kind        string `yaml:"kind"`         // one of connectorKinds
	MinPriority string `yaml:"min_priority"` // least important priority told to it; P5
	PageBudget  int    `yaml:"page_budget"`  // incidents told a minute at most, the others wait; P1 never does; 60
	PerMinute   int    `yaml:"per_minute"`   // calls a minute at most; the default of the kind, below the partner's published limit

	SweepEvery *Duration `yaml:"sweep_every"` // how often it is compared with what is wanted; 0: never; 5m

	RoutingKey     Secret   `yaml:"routing_key" for:"pagerduty"`
	APIToken       Secret   `yaml:"api_token" for:"pagerduty,slack,jsm_ops,opsgenie"`
	From           string   `yaml:"from" for:"pagerduty,email"`
	EventsURL      string   `yaml:"events_url" for:"pagerduty"`
	APIURL         string   `yaml:"api_url" for:"datadog,pagerduty,slack,servicenow,jira,jsm_ops,opsgenie"`
	Channel        string   `yaml:"channel" for:"slack"` // id of the channel
	WebhookSecrets []Secret `yaml:"webhook_secrets" for:"pagerduty,slack,servicenow,webhook,jira,jsm_ops,opsgenie"`

	URLs                 []string `yaml:"urls" for:"alertmanager"`            // every replica of one Alertmanager
	Sources              []string `yaml:"sources" for:"alertmanager,datadog"` // whose alerts all come from there, and from nowhere else
	SilenceOnAcknowledge bool     `yaml:"silence_on_acknowledge" for:"alertmanager"`
	SilenceFor           Duration `yaml:"silence_for" for:"alertmanager"`                         // how long a silence lasts that nobody prolongs; 2h
	IgnoreLabels         []string `yaml:"ignore_labels" for:"alertmanager"`                       // left out of silences, such as an HA pair's replica label
	Basic                Secret   `yaml:"basic" for:"alertmanager,servicenow,webhook,email,jira"` // user:password
	Bearer               Secret   `yaml:"bearer" for:"alertmanager,jira"`

	Site                  string   `yaml:"site" for:"datadog"` // such as datadoghq.eu; datadoghq.com
	APIKey                Secret   `yaml:"api_key" for:"datadog"`
	AppKey                Secret   `yaml:"app_key" for:"datadog"`
	Events                *bool    `yaml:"events" for:"datadog"`       // tell the event streams of monitors; true
	Keep                  string   `yaml:"keep" for:"datadog"`         // incidents or cases, one for each incident here; nothing
	CaseProject           string   `yaml:"case_project" for:"datadog"` // UUID of the project of cases
	CaseType              string   `yaml:"case_type" for:"datadog"`    // UUID of their type
	DowntimeOnAcknowledge bool     `yaml:"downtime_on_acknowledge" for:"datadog"`
	DowntimeFor           Duration `yaml:"downtime_for" for:"datadog"` // how long a downtime lasts that nobody prolongs; 2h

	RoutingKeys        map[string]Secret `yaml:"routing_keys" for:"pagerduty"`          // integration keys by the id of our service
	EscalationPolicies map[string]string `yaml:"escalation_policies" for:"pagerduty"`   // ids by team
	Users              map[string]string `yaml:"users" for:"pagerduty,servicenow,jira"` // by assignee: ids at PagerDuty, user names at ServiceNow, accountIds or user names at Jira
	StatusUpdates      bool              `yaml:"status_updates" for:"pagerduty"`        // stakeholders are told of material changes
	ChangeEvents       string            `yaml:"change_events" for:"pagerduty"`         // all or mapped: changes are told as they happen, mapped those of a service with a routing key; not

	OAuth    OAuth    `yaml:"oauth" for:"servicenow"`
	OwnUsers []string `yaml:"own_users" for:"servicenow,jira"` // accounts whose changes there are ours, besides the one of basic

	Target          string              `yaml:"target" for:"servicenow"`           // incident or em_event; incident
	AssignmentGroup string              `yaml:"assignment_group" for:"servicenow"` // of incidents whose own group is not known there
	Caller          string              `yaml:"caller" for:"servicenow"`           // user name of the caller of new incidents
	CIField         string              `yaml:"ci_field" for:"servicenow"`         // field of cmdb_ci that holds the ids of our CIs; name
	States          map[string][]string `yaml:"states" for:"servicenow"`           // our states and its choices; the first of each is written
	ChangeStates    map[string][]string `yaml:"change_states" for:"servicenow"`    // states of our changes and its choices; the first of each is written
	Changes         []string            `yaml:"changes" for:"servicenow"`          // types of our changes that get a change request there, and of its own whose state and times are written back; none
	Problems        bool                `yaml:"problems" for:"servicenow"`         // accepted problems get a problem there
	ProblemQuery    string              `yaml:"problem_query" for:"servicenow"`    // encoded query of the problems made there that are taken in; none
	ProblemStates   map[string][]string `yaml:"problem_states" for:"servicenow"`   // states of our problems and its choices; the first of each is written
	CloseCodes      map[string]string   `yaml:"close_codes" for:"servicenow"`      // our close codes and its
	Fields          map[string]string   `yaml:"fields" for:"servicenow,jira"`      // of a new record, besides
	PollEvery       Duration            `yaml:"poll_every" for:"servicenow"`       // how often to ask what changed there; 0: its webhooks tell
	CMDBTables      []string            `yaml:"cmdb_tables" for:"servicenow"`      // that 'cmdb pull' reads; cmdb_ci
	SMTP            string              `yaml:"smtp" for:"email"`                  // host:port of the mail server
	SMTPTLS         string              `yaml:"smtp_tls" for:"email"`              // starttls, implicit or none; starttls, or implicit at port 465
	To              []string            `yaml:"to" for:"email"`
	URL             URL                 `yaml:"url" for:"webhook,teams"`       // begins every address that is called; as it is, or env:NAME or file:PATH where it is a secret
	Mapping         string              `yaml:"mapping" for:"webhook"`         // a built-in one by name, or a file; standard
	Vars            map[string]string   `yaml:"vars" for:"webhook"`            // texts for the mapping
	Headers         map[string]Secret   `yaml:"headers" for:"webhook"`         // of every request, such as Authorization
	SigningSecrets  []Secret            `yaml:"signing_secrets" for:"webhook"` // whsec_…: requests are signed as Standard Webhooks
	Auth            SourceAuth          `yaml:"auth" for:"webhook"`            // of what the partner sends, where it does not sign with webhook_secrets

	Project      string            `yaml:"project" for:"jira"`       // its key
	IssueType    string            `yaml:"issue_type" for:"jira"`    // name; Incident
	ServiceDesk  string            `yaml:"service_desk" for:"jira"`  // id of one: requests are made instead of issues
	RequestType  string            `yaml:"request_type" for:"jira"`  // id, of a service desk
	RESTVersion  int               `yaml:"rest_version" for:"jira"`  // 2 or 3; 3 for Cloud, else 2
	Priorities   map[string]string `yaml:"priorities" for:"jira"`    // ours and its, such as P1: Highest
	DoneStatuses []string          `yaml:"done_statuses" for:"jira"` // names of statuses of the category done, besides the usual ones
	Resolution   string            `yaml:"resolution" for:"jira"`    // name of the resolution that a screen asks for; the first it allows
	Labels       []string          `yaml:"labels" for:"jira"`
	Teams        []string          `yaml:"teams" for:"jsm_ops,opsgenie"` // names of the teams that are told; the integration's own
	Tags         []string          `yaml:"tags" for:"jsm_ops,opsgenie"`
}

// OAuth is how a connector gets its tokens: by client credentials, or with a refresh
// token where there is one.
type OAuth struct {
	ClientID     string `yaml:"client_id"`
	ClientSecret Secret `yaml:"client_secret"`
	RefreshToken Secret `yaml:"refresh_token"`
	TokenURL     string `yaml:"token_url"` // the partner's own
}

// IsSet reports whether the file says anything of it.
func (o OAuth) IsSet() bool { return o != OAuth{} }

// Console bounds what administrators may do who have not the host.
type Console struct {
	MayCall []connectors.Place `yaml:"may_call"` // what connectors configured there may call beside public addresses
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

// SLA says how soon incidents have to be taken up and ended. What no target fits
// has the built-in ones: P1 15m and 4h, P2 30m and 8h, P3 4h and 24h, P4 8h and
// 3 days, P5 24h and 5 days.
type SLA struct {
	Calendars  map[string]Calendar `yaml:"calendars"`
	Targets    []Target            `yaml:"targets"`     // the first that fits counts
	PauseOn    []string            `yaml:"pause_on"`    // reasons of hold in which the clocks stand; caller, vendor
	NotifyFrom string              `yaml:"notify_from"` // least important priority whose notices at 50, 75 and 100 % are told to connectors; P3
	Off        bool                `yaml:"off"`         // no targets at all
}

// Calendar says which time counts.
type Calendar struct {
	Zone     string   `yaml:"zone"`     // UTC
	Days     []string `yaml:"days"`     // mon to fri
	From     string   `yaml:"from"`     // 00:00
	To       string   `yaml:"to"`       // 24:00
	Holidays []string `yaml:"holidays"` // days such as 2026-12-25
}

// Target is how soon.
type Target struct {
	Priorities []string `yaml:"priorities"` // all
	Services   []string `yaml:"services"`   // ids of CIs, any of which is affected; all
	Calendar   string   `yaml:"calendar"`   // all time counts
	Response   Duration `yaml:"response"`   // until it is acknowledged
	Resolution Duration `yaml:"resolution"` // until it is resolved
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
	defaultHeadEvery    = 15 * time.Minute
)

// Load reads path, and the environment over it. A missing file is an error only
// when explicit; otherwise it is the empty configuration.
func Load(path string, explicit bool) (*File, error) {
	b, err := os.ReadFile(path)
	if err != nil && (explicit || !errors.Is(err, fs.ErrNotExist)) {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	f, err := Parse(path, b)
	if f == nil {
		return nil, err
	}
	if err := errors.Join(err, f.environ(os.LookupEnv)); err != nil {
		return nil, err
	}
	return f, nil
}

// Parse reads a configuration and reports everything wrong with it at once, each
// as file:line: key: value: what was expected.
func Parse(name string, b []byte) (*File, error) {
	if len(b) > fileBytesMax {
		return nil, fmt.Errorf("%s: %d bytes: expected at most %d", name, len(b), fileBytesMax)
	}
	f := &File{Correlation: correlate.DefaultConfig()}
	r := readDocument(name, b, f)
	if len(r.errs) > 0 {
		return nil, r.err()
	}
	f.defaults()
	r.check(f)
	return f, r.err()
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
	if f.Audit.HeadEvery == 0 {
		f.Audit.HeadEvery = Duration(defaultHeadEvery)
	}
	if f.Heartbeat.Every == 0 {
		f.Heartbeat.Every = Duration(time.Minute)
	}
	if f.Heartbeat.Method == "" {
		f.Heartbeat.Method = "GET"
	}
	for n, src := range f.Sources {
		if h := &src.Auth.HMAC; h.isSet() && h.Header == "" {
			h.Header = defaultSignatureHeader
			f.Sources[n] = src
		}
	}
	for i := range f.Watchdogs {
		if f.Watchdogs[i].MissingAfter == 0 {
			f.Watchdogs[i].MissingAfter = Duration(defaultMissingAfter)
		}
	}
}
