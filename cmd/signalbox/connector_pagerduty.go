package main

import (
	"fmt"

	"signalbox/cmd/internal/conf"
	"signalbox/connectors"
	"signalbox/connectors/pagerduty"
	"signalbox/ingest"
	"signalbox/ingest/source/kind"
)

var pagerDutyKind = connectorKind{
	perMinute: pagerduty.EventsPerMinute,
	make:      newPagerDuty,
	inbound: func(_ string, c conf.Connector) (*ingest.Source, error) {
		if len(c.WebhookSecrets) == 0 {
			return nil, nil
		}
		secrets, err := conf.ReadAll(c.WebhookSecrets)
		if err != nil {
			return nil, fmt.Errorf("webhook_secrets: %w", err)
		}
		return &ingest.Source{Kind: kind.PagerDuty, Auth: ingest.Auth{PagerDuty: secrets}}, nil
	},
	hosts: func(c conf.Connector) []string {
		return []string{orElse(c.EventsURL, "https://events.pagerduty.com"), orElse(c.APIURL, "https://api.pagerduty.com")}
	},
	warnings: func(name string, c conf.Connector) []string {
		if len(c.WebhookSecrets) == 0 || c.APIToken.IsSet() {
			return nil
		}
		return []string{fmt.Sprintf("connectors.%s.api_token is not set, but needed to hear what people do there: PagerDuty's webhooks mostly do not say whose incident they are about, and until it can be asked they go to quarantine", name)}
	},
}

func newPagerDuty(name string, c conf.Connector, env connectorEnv) (connectors.Connector, error) {
	o := pagerduty.Options{Name: name, From: c.From, EventsURL: c.EventsURL, APIURL: c.APIURL, ExternalURL: env.external, HTTP: env.http}
	for _, u := range []struct{ key, url string }{{"events_url", c.EventsURL}, {"api_url", c.APIURL}} {
		if err := connectors.CheckURL(u.url); err != nil {
			return nil, fmt.Errorf("%s: %w", u.key, err)
		}
	}
	var err error
	if o.RoutingKey, err = c.RoutingKey.Read(); err != nil {
		return nil, fmt.Errorf("routing_key: %w", err)
	}
	if o.APIToken, err = readOptional("api_token", c.APIToken); err != nil {
		return nil, err
	}
	return pagerduty.New(o), nil
}
