package main

import (
	"fmt"

	"signalbox/cmd/internal/conf"
	"signalbox/connectors"
	"signalbox/connectors/slack"
	"signalbox/ingest"
	"signalbox/ingest/source/kind"
	"signalbox/itsm"
)

var slackKind = connectorKind{
	perMinute: slack.CallsPerMinute,
	make:      newSlack,
	inbound: func(_ string, c conf.Connector) (*ingest.Source, error) {
		if len(c.WebhookSecrets) == 0 {
			return nil, nil
		}
		secrets, err := conf.ReadAll(c.WebhookSecrets)
		if err != nil {
			return nil, fmt.Errorf("webhook_secrets: %w", err)
		}
		return &ingest.Source{Kind: kind.Slack, Auth: ingest.Auth{HMAC: ingest.Slack(secrets...)}}, nil
	},
	hosts: func(c conf.Connector) []string { return []string{orElse(c.APIURL, "https://slack.com")} },
	warnings: func(name string, c conf.Connector) []string {
		if len(c.WebhookSecrets) > 0 {
			return nil
		}
		return []string{fmt.Sprintf("connectors.%s.webhook_secrets is not set, so its messages have no buttons that act; give the app's signing secret, and https://YOUR-HOST/webhooks/%s as its interactivity request URL", name, name)}
	},
}

func newSlack(name string, c conf.Connector, env connectorEnv) (connectors.Connector, error) {
	o := slack.Options{Name: name, Channel: c.Channel, Interactive: len(c.WebhookSecrets) > 0, APIURL: c.APIURL, ExternalURL: env.external, HTTP: env.http}
	if o.Channel == "" {
		return nil, itsm.Errorf(itsm.Invalid, "channel: missing: expected the channel's id such as C0123456789, which Slack shows at the end of the channel's details")
	}
	if err := connectors.CheckURL(c.APIURL); err != nil {
		return nil, fmt.Errorf("api_url: %w", err)
	}
	var err error
	if o.Token, err = c.APIToken.Read(); err != nil {
		return nil, fmt.Errorf("api_token: %w", err)
	}
	return slack.New(o), nil
}
