package main

import (
	"fmt"

	"signalbox/cmd/internal/conf"
	"signalbox/connectors"
	"signalbox/connectors/pagerduty"
	"signalbox/correlate"
	"signalbox/ingest"
	"signalbox/ingest/source/kind"
)

var pagerDutyKind = connectorKind{
	perMinute: pagerduty.EventsPerMinute,
	pages:     true,
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
		if needs := len(c.EscalationPolicies) + len(c.Users); (needs > 0 || c.StatusUpdates) && (!c.APIToken.IsSet() || c.From == "") {
			return []string{fmt.Sprintf("connectors.%s: escalation_policies, users and status_updates need api_token and from; without them they do nothing", name)}
		}
		if c.ChangeEvents == correlate.ChangesMapped && len(c.RoutingKeys) == 0 {
			return []string{fmt.Sprintf("connectors.%s.change_events is mapped, but no service has one of routing_keys, so that no change is told", name)}
		}
		if len(c.WebhookSecrets) == 0 || c.APIToken.IsSet() {
			return nil
		}
		return []string{fmt.Sprintf("connectors.%s.api_token is not set, but needed to hear what people do there: PagerDuty's webhooks mostly do not say whose incident they are about, and until it can be asked they go to quarantine", name)}
	},
}

func newPagerDuty(name string, c conf.Connector, env connectorEnv) (connectors.Connector, error) {
	o := pagerduty.Options{Name: name, From: c.From, EventsURL: c.EventsURL, APIURL: c.APIURL, ExternalURL: env.external, HTTP: env.http,
		EscalationPolicies: c.EscalationPolicies, Users: c.Users, StatusUpdates: c.StatusUpdates, RoutingKeys: map[string]string{}}
	for _, u := range []struct{ key, url string }{{"events_url", c.EventsURL}, {"api_url", c.APIURL}} {
		if err := connectors.CheckURL(u.url); err != nil {
			return nil, fmt.Errorf("%s: %w", u.key, err)
		}
	}
	var err error
	if o.RoutingKey, err = c.RoutingKey.Read(); err != nil {
		return nil, fmt.Errorf("routing_key: %w", err)
	}
	for _, service := range conf.SortedKeys(c.RoutingKeys) {
		if o.RoutingKeys[service], err = c.RoutingKeys[service].Read(); err != nil {
			return nil, fmt.Errorf("routing_keys.%s: %w", service, err)
		}
	}
	if o.APIToken, err = readOptional("api_token", c.APIToken); err != nil {
		return nil, err
	}
	return pagerduty.New(o), nil
}
