package main

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"signalbox/cmd/internal/conf"
	"signalbox/connectors"
	"signalbox/connectors/webhook"
	"signalbox/ingest"
	"signalbox/ingest/source/kind"
	mapping "signalbox/ingest/source/webhook"
	"signalbox/itsm"
)

var webhookKind = connectorKind{
	perMinute: webhook.CallsPerMinute,
	make:      newWebhook,
	inbound:   webhookSource,
	hosts: func(c conf.Connector) []string {
		if u, err := c.URL.Read(); err == nil {
			return []string{u}
		}
		return nil
	},
}

// mappingOf reads the mapping of a connector: a built-in one or a file.
func mappingOf(c conf.Connector) (*mapping.Mapping, error) {
	name := orElse(c.Mapping, mapping.StandardExample)
	if slices.Contains(mapping.Examples(), name) {
		text, err := mapping.Example(name)
		if err != nil {
			return nil, err
		}
		return parseMapping(name+".yml", []byte(text), c.Vars)
	}
	if !strings.ContainsAny(name, "./") {
		return nil, itsm.Errorf(itsm.Invalid, "mapping: %q: expected a file, or one of %s", name, strings.Join(mapping.Examples(), ", "))
	}
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("mapping: %w", err)
	}
	return parseMapping(name, b, c.Vars)
}

func parseMapping(name string, b []byte, vars map[string]string) (*mapping.Mapping, error) {
	m, err := mapping.Parse(name, b)
	if err != nil {
		return nil, fmt.Errorf("mapping: %w", err)
	}
	return m.With(vars), nil
}

func newWebhook(name string, c conf.Connector, env connectorEnv) (connectors.Connector, error) {
	m, err := mappingOf(c)
	if err != nil {
		return nil, err
	}
	o := webhook.Options{Name: name, Mapping: m, Vars: c.Vars, Headers: map[string]string{}, ExternalURL: env.external, HTTP: env.http}
	if !c.URL.IsSet() {
		return nil, itsm.Errorf(itsm.Invalid, "url: missing: expected the partner's address such as https://desk.example.com, or env:NAME where it is a secret")
	}
	if o.URL, err = c.URL.Read(); err != nil {
		return nil, fmt.Errorf("url: %w", err)
	}
	if err := connectors.CheckURL(o.URL); err != nil {
		return nil, fmt.Errorf("url: %w", err)
	}
	for h, secret := range c.Headers {
		if o.Headers[h], err = secret.Read(); err != nil {
			return nil, fmt.Errorf("headers.%s: %w", h, err)
		}
	}
	if o.SigningSecrets, err = conf.ReadAll(c.SigningSecrets); err != nil {
		return nil, fmt.Errorf("signing_secrets: %w", err)
	}
	basic, err := readOptional("basic", c.Basic)
	if err != nil {
		return nil, err
	}
	if basic != "" {
		ok := false
		if o.User, o.Password, ok = strings.Cut(basic, ":"); !ok {
			return nil, itsm.Errorf(itsm.Invalid, "basic: the secret %s holds no user:password", c.Basic)
		}
	}
	k, err := webhook.New(o)
	if err != nil {
		return nil, err
	}
	return k.Able(), nil
}

// signedBy names the signature that auth asks for.
func signedBy(a *conf.SourceAuth) string {
	if len(a.Zendesk) > 0 {
		return "zendesk"
	}
	return "hmac"
}

// webhookSource is where a partner's webhooks arrive that are signed as Standard
// Webhooks, or carry the credentials of auth. Without either nothing arrives.
func webhookSource(_ string, c conf.Connector) (*ingest.Source, error) {
	secrets, err := conf.ReadAll(c.WebhookSecrets)
	if err != nil {
		return nil, fmt.Errorf("webhook_secrets: %w", err)
	}
	if c.Auth.HMAC.Header == "" {
		c.Auth.HMAC.Header = "X-Signature"
	}
	auth, err := sourceAuth(conf.Source{Kind: kind.Webhook, Auth: c.Auth})
	if err != nil {
		return nil, fmt.Errorf("auth: %w", err)
	}
	if len(secrets) > 0 {
		if auth.HMAC != nil {
			return nil, itsm.Errorf(itsm.Invalid, "webhook_secrets: auth.%s beside them: expected one of the two, which are both signatures", signedBy(&c.Auth))
		}
		if auth.HMAC, err = ingest.StandardWebhooks(secrets...); err != nil {
			return nil, fmt.Errorf("webhook_secrets: %w", err)
		}
	}
	if auth.HMAC == nil && len(auth.Bearer)+len(auth.Basic)+len(auth.QueryToken) == 0 {
		return nil, nil
	}
	m, err := mappingOf(c)
	if err != nil {
		return nil, err
	}
	return &ingest.Source{Kind: kind.Webhook, Auth: auth, Kinds: kind.Options{Mapping: m}}, nil
}
