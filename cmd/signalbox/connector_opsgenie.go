package main

import (
	"fmt"

	"signalbox/cmd/internal/conf"
	"signalbox/connectors"
	"signalbox/connectors/opsgenie"
	"signalbox/ingest"
	"signalbox/ingest/source/kind"
)

// opsgenieKind is Opsgenie while it lasts, jsmOpsKind what comes after it.
var (
	opsgenieKind = alertsKind(opsgenie.OpsgenieURL, func(name string) string {
		return fmt.Sprintf("connectors.%s: Opsgenie ends on %s; make an API integration in Jira Service Management and change the kind to jsm_ops", name, opsgenie.EndOfOpsgenie)
	})
	jsmOpsKind = alertsKind(opsgenie.JSMURL, nil)
)

func alertsKind(url string, ends func(name string) string) connectorKind {
	return connectorKind{
		perMinute: opsgenie.PerMinute,
		pages:     true,
		make: func(name string, c conf.Connector, env connectorEnv) (connectors.Connector, error) {
			o := opsgenie.Options{Name: name, URL: orElse(c.APIURL, url), Tags: c.Tags, ExternalURL: env.external, HTTP: env.http}
			if err := connectors.CheckURL(o.URL); err != nil {
				return nil, fmt.Errorf("api_url: %w", err)
			}
			for _, team := range c.Teams {
				o.Responders = append(o.Responders, opsgenie.Responder{Type: "team", Name: team})
			}
			var err error
			if o.APIKey, err = c.APIToken.Read(); err != nil {
				return nil, fmt.Errorf("api_token: %w", err)
			}
			return opsgenie.New(o), nil
		},
		inbound: func(_ string, c conf.Connector) (*ingest.Source, error) {
			secrets, err := conf.ReadAll(c.WebhookSecrets)
			if err != nil {
				return nil, fmt.Errorf("webhook_secrets: %w", err)
			}
			if len(secrets) == 0 {
				return nil, nil
			}
			return &ingest.Source{Kind: kind.Opsgenie, Auth: ingest.Auth{Bearer: secrets}}, nil
		},
		hosts: func(c conf.Connector) []string { return []string{orElse(c.APIURL, url)} },
		warnings: func(name string, c conf.Connector) (out []string) {
			if ends != nil {
				out = append(out, ends(name))
			}
			if len(c.WebhookSecrets) == 0 {
				out = append(out, fmt.Sprintf("connectors.%s.webhook_secrets is not set, so that only sweeps hear what people do there; give the outgoing webhook the header Authorization: Bearer SECRET", name))
			}
			return out
		},
	}
}
