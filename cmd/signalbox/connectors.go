package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"signalbox/cmd/internal/conf"
	"signalbox/connectors"
	"signalbox/ingest"
	"signalbox/itsm"
)

// connectorKind is what the program has to know of a kind of connector: how one is
// made of its configuration and how its partner's webhooks arrive. Each kind is one
// file of this package, connector_KIND.go.
type connectorKind struct {
	perMinute int  // calls a minute, below the partner's published limit
	pages     bool // what is opened there wakes somebody
	make      func(name string, c conf.Connector, env connectorEnv) (connectors.Connector, error)

	// inbound is the source where the partner's webhooks arrive, with its
	// credentials. Nil, or a nil source: nothing arrives.
	inbound func(name string, c conf.Connector) (*ingest.Source, error)
	// inventory says that its connectors are connectors.Inventory.
	inventory bool
	// hosts are the addresses it calls, for the doctor. Nil: none that are known.
	hosts func(c conf.Connector) []string
	// warnings are what is allowed in its configuration and hardly meant. Nil: none.
	warnings func(name string, c conf.Connector) []string
}

// connectorKinds are all of them, by name.
var connectorKinds = map[string]connectorKind{
	"alertmanager": alertmanagerKind,
	"datadog":      datadogKind,
	"jira":         jiraKind,
	"jsm_ops":      jsmOpsKind,
	"opsgenie":     opsgenieKind,
	"pagerduty":    pagerDutyKind,
	"slack":        slackKind,
	"servicenow":   serviceNowKind,
	"webhook":      webhookKind,
	"email":        emailKind,
	"teams":        teamsKind,
}

// connectorEnv is what every connector is made with.
type connectorEnv struct {
	external string // how people reach this console
	http     *http.Client
	reach    connectors.Reach // of http; for who dials himself
	log      *slog.Logger

	sourceKinds map[string]string // kind of each source by name, built-in ones included
}

// partner is one configured connector.
type partner struct {
	connectors.Connector
	kind       string
	perMinute  int
	pages      bool
	sweepEvery time.Duration // 0: never
	limits     *connectors.Limits
}

// partnerSet are the configured connectors by name.
type partnerSet map[string]partner

func partnersOf(f *conf.File, base string, log *slog.Logger) (partnerSet, error) {
	out := partnerSet{}
	for _, name := range conf.SortedKeys(f.Connectors) {
		c := f.Connectors[name]
		k, ok := connectorKinds[c.Kind]
		if !ok {
			return nil, itsm.Errorf(itsm.Internal, "connectors.%s: kind %q is configurable and not built in", name, c.Kind)
		}
		reach := f.ReachOf(name)
		client := connectors.NewClientTo(log, reach)
		made, err := k.make(name, c, connectorEnv{external: base, http: client, reach: reach, log: log, sourceKinds: sourceKinds(f)})
		if err != nil {
			return nil, fmt.Errorf("connectors.%s.%w", name, err)
		}
		out[name] = partner{Connector: made, kind: c.Kind, perMinute: cmp.Or(c.PerMinute, k.perMinute), pages: k.pages, sweepEvery: sweepEvery(c), limits: connectors.LimitsOf(client)}
	}
	return out, nil
}

// sweepEvery is how often a connector's partner is compared.
func sweepEvery(c conf.Connector) time.Duration {
	if c.SweepEvery == nil {
		return connectors.SweepEveryDefault
	}
	return time.Duration(*c.SweepEvery)
}

func (p partnerSet) inOrder() []partner {
	out := make([]partner, 0, len(p))
	for _, name := range conf.SortedKeys(p) {
		out = append(out, p[name])
	}
	return out
}

// IncidentOf implements ingest.Partners.
func (p partnerSet) IncidentOf(ctx context.Context, ref itsm.ExternalRef) (itsm.IncidentNumber, uint32, error) {
	f, ok := p[ref.Connector].Connector.(connectors.Finder)
	if !ok {
		return 0, 0, itsm.Errorf(itsm.NotFound, "no connector %q that finds incidents", ref.Connector)
	}
	return f.IncidentOf(ctx, ref.ID)
}

// addPartners adds the sources where partners' webhooks arrive: each under its
// connector's name, and the only one of a kind also under the kind's name.
func addPartners(byName map[string]ingest.Source, f *conf.File) error {
	ofKind := map[string][]string{}
	for _, name := range conf.SortedKeys(f.Connectors) {
		c := f.Connectors[name]
		k := connectorKinds[c.Kind]
		if k.inbound == nil {
			continue
		}
		s, err := k.inbound(name, c)
		if err != nil {
			return fmt.Errorf("connectors.%s.%w", name, err)
		}
		if s == nil {
			continue
		}
		if _, taken := byName[name]; taken {
			return fmt.Errorf("connectors.%s: its webhooks arrive at /webhooks/%s, but sources.%s has that name; rename one", name, name, name)
		}
		s.Name, s.Connector = name, name
		byName[name] = *s
		ofKind[c.Kind] = append(ofKind[c.Kind], name)
	}
	for kind, names := range ofKind {
		if _, taken := byName[kind]; len(names) == 1 && !taken {
			s := byName[names[0]]
			s.Name = kind
			byName[kind] = s
		}
	}
	return nil
}

// unreachable are the connectors with an address that they may not call. A server
// starts with them: what they are to tell waits.
func unreachable(f *conf.File) error {
	var out []error
	for _, name := range conf.SortedKeys(f.Connectors) {
		c := f.Connectors[name]
		if connectorKinds[c.Kind].hosts == nil {
			continue
		}
		for _, u := range connectorKinds[c.Kind].hosts(c) {
			if err := f.ReachOf(name).CheckURL(u); err != nil {
				out = append(out, fmt.Errorf("connectors.%s: %w", name, err))
			}
		}
	}
	return errors.Join(out...)
}

// warnings are what is allowed in the configuration and hardly meant.
func (s *settings) warnings() []string {
	return append(mistakes(unreachable(s.file)), s.doubts()...)
}

// doubts are warnings of the kinds.
func (s *settings) doubts() []string {
	var out []string
	for _, name := range conf.SortedKeys(s.file.Connectors) {
		c := s.file.Connectors[name]
		if w := connectorKinds[c.Kind].warnings; w != nil {
			out = append(out, w(name, c)...)
		}
	}
	return out
}

// readOptional reads a secret that may be missing.
func readOptional(key string, s conf.Secret) (string, error) {
	if !s.IsSet() {
		return "", nil
	}
	v, err := s.Read()
	if err != nil {
		return "", fmt.Errorf("%s: %w", key, err)
	}
	return v, nil
}

// readBasic reads a secret of the form user:password.
func readBasic(key string, s conf.Secret) (user, password string, err error) {
	v, err := readOptional(key, s)
	if err != nil || v == "" {
		return "", "", err
	}
	user, password, ok := strings.Cut(v, ":")
	if !ok || user == "" || password == "" {
		return "", "", fmt.Errorf("%s: the secret %s holds no user:password", key, s)
	}
	return user, password, nil
}
